//! Small studies for tests.

use serde_json::json;

use super::study::{BiasEntry, ErfEntry, ObserverEntry, Study};
use crate::shapebias::result::{BiasFigures, ObserverKind, ObserverResult, ShapeBiasResult};
use crate::store::Provenance;

/// A field of this layer with this r(50 %), without a map.
pub(crate) fn erf(label: &str, layer: &str, ratio: f64) -> ErfEntry {
    let ratios = json!([{ "threshold": 0.5, "side": 3, "ratio": ratio, "interval": null }]);
    let result = json!({
        "label": label,
        "architecture": "demo_vit",
        "untrained": false,
        "size": [64, 64],
        "layer": layer,
        "unit": [4, 4],
        "images_used": 2,
        "images_skipped": [],
        "area_ratios": ratios,
        "mass_ratios": ratios,
        "centre_of_mass": [32.0, 32.0],
        "arg_max": [32, 32],
        "radial_mass": [],
        "gaussian": null,
        "provenance": Provenance::default(),
    });
    ErfEntry {
        result: serde_json::from_value(result).unwrap(),
        network: label.to_owned(),
        map: None,
        source: format!("erf/{label}-{layer}.json"),
    }
}

/// A network that decided so often for the shape and for the texture.
pub(crate) fn network(label: &str, shape: usize, texture: usize) -> ObserverResult {
    let overall = BiasFigures {
        conflict_trials: shape + texture,
        shape_correct: shape,
        texture_correct: texture,
        shape_bias: (shape + texture > 0).then(|| shape as f64 / (shape + texture) as f64),
        ..BiasFigures::default()
    };
    ObserverResult {
        label: label.to_owned(),
        kind: ObserverKind::Network,
        architecture: None,
        untrained: false,
        overall,
        categories: Vec::new(),
        consistency_with_humans: None,
        confusion: None,
        provenance: Provenance::default(),
    }
}

/// People, one or all of them, who decided so.
pub(crate) fn people(
    label: &str,
    kind: ObserverKind,
    shape: usize,
    texture: usize,
) -> ObserverResult {
    ObserverResult { kind, ..network(label, shape, texture) }
}

/// Comparable fields, and one run with these observers.
pub(crate) fn study(erfs: Vec<ErfEntry>, observers: Vec<ObserverResult>) -> Study {
    let entry = |(index, result): (usize, &ObserverResult)| ObserverEntry {
        result: result.clone(),
        run: 0,
        index,
    };
    let entries = observers.iter().enumerate().map(entry).collect();
    let stimuli = observers.iter().map(|one| one.overall.conflict_trials).max().unwrap_or(0);
    let result =
        ShapeBiasResult { observers, conflict_stimuli: stimuli, ..ShapeBiasResult::default() };
    Study {
        erfs,
        biases: vec![BiasEntry { result, source: "sb/shapebias.json".to_owned() }],
        observers: entries,
        comparable: true,
        ..Study::default()
    }
}
