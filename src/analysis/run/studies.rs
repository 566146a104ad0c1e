//! What a task of an analysis asks of the studies of one kind.

use std::path::PathBuf;
use std::time::Duration;

use super::folders;
use crate::analysis::erf::ErfStudy;
use crate::analysis::file::{Analysis, NetworkPart};
use crate::analysis::shapebias::ShapeBiasStudy;
use crate::analysis::shapebias::combine::{Combination, Part};
use crate::erf::gradient::Target;
use crate::erf::saving::SAVE_EVERY;
use crate::image::Order;
use crate::zoo::run::Path;

fn path(exact: bool) -> Path {
    if exact { Path::Exact } else { Path::Fast }
}

/// How often the state of an ERF at work is written.
pub(super) fn save_every(analysis: &Analysis) -> Duration {
    analysis.erf.as_ref().map_or(SAVE_EVERY, |part| part.save_every)
}

/// A network's ERF.
pub(super) fn erf_study(
    analysis: &Analysis,
    network: &NetworkPart,
    folder: &std::path::Path,
    force: bool,
) -> ErfStudy {
    let part = analysis.erf.as_ref();
    let map = network.map.as_ref().map(|map| (network.label.clone(), map.clone()));
    let models = if map.is_some() { Vec::new() } else { network.spec.iter().cloned().collect() };
    ErfStudy {
        models,
        init: analysis.init,
        maps: map.into_iter().collect(),
        images: part.map(|part| part.images.clone()).unwrap_or_default(),
        num_images: part.map_or(50, |part| part.num_images),
        order: part.and_then(|part| part.shuffle).map_or(Order::Sorted, Order::Shuffled),
        size: [part.map_or(1024, |part| part.size); 2],
        mean: network.mean,
        std: network.std,
        target: Target {
            layer: part.and_then(|part| part.layer.clone()),
            unit: part.and_then(|part| part.unit),
            tokens_to_map: part.is_some_and(|part| part.tokens_to_map),
        },
        path: path(part.is_some_and(|part| part.exact)),
        device: analysis.device,
        seed: analysis.seed,
        out: folder.to_owned(),
        force,
        colormap: analysis.report.colormap,
        formats: analysis.figures.clone(),
    }
}

/// A network's decisions.
pub(super) fn evaluation(
    analysis: &Analysis,
    network: &NetworkPart,
    folder: &std::path::Path,
    force: bool,
) -> ShapeBiasStudy {
    let part = analysis.shapebias.as_ref();
    ShapeBiasStudy {
        models: network.spec.iter().cloned().collect(),
        init: analysis.init,
        stimuli: part.and_then(|part| part.stimuli.clone()),
        pattern: part.and_then(|part| part.pattern.clone()),
        decisions: Vec::new(),
        categories: part.and_then(|part| part.categories.clone()),
        humans: false,
        mean: network.mean,
        std: network.std,
        batch_size: part.map_or(16, |part| part.batch_size),
        // The combination computes the intervals that are shown.
        resamples: 100,
        path: path(part.is_some_and(|part| part.exact)),
        device: analysis.device,
        seed: analysis.seed,
        out: folder.to_owned(),
        force,
        confusion: false,
        formats: Vec::new(),
    }
}

/// Shape bias of all observers; of networks that decide themselves, those whose folder of decisions is
/// among `current`.
pub(super) fn combination(
    analysis: &Analysis,
    folder: &std::path::Path,
    current: &[PathBuf],
    force: bool,
) -> Combination {
    let part = analysis.shapebias.clone();
    let networks = analysis.networks.iter().filter_map(|network| {
        if let Some(decisions) = &network.decisions {
            let architecture = network.spec.as_ref().map(|spec| spec.architecture.clone());
            let label = network.label.clone();
            return Some(Part::Read { label, architecture, decisions: decisions.clone() });
        }
        let folder = folders::evaluation_folder(analysis, &network.label);
        current.contains(&folder).then(|| Part::Evaluated { label: network.label.clone(), folder })
    });
    Combination {
        networks: networks.collect(),
        stimuli: part.as_ref().and_then(|part| part.stimuli.clone()),
        pattern: part.as_ref().and_then(|part| part.pattern.clone()),
        categories: part.as_ref().and_then(|part| part.categories.clone()),
        decisions: part.as_ref().map(|part| part.decisions.clone()).unwrap_or_default(),
        humans: part.as_ref().is_none_or(|part| part.humans),
        resamples: part.as_ref().map_or(10_000, |part| part.resamples),
        seed: analysis.seed,
        out: folder.to_owned(),
        force,
        formats: analysis.figures.clone(),
    }
}
