//! A network's receptive field followed through depth: an ERF study a stage, a table and a figure.

use super::AnalysisError;
use super::erf::{ErfStudy, Outcome};
use crate::erf::gradient::Target;
use crate::erf::result::ErfResult;
use crate::erf::table;
use crate::figure::depth::{DepthLayer, DepthNetwork, DepthSpec};
use crate::figure::{Width, depth};
use crate::nn::NnError;
use crate::nn::receptive_field::receptive_fields;
use crate::progress::{Progress, Stop};
use crate::store::{atomic, safe_file_name};
use crate::zoo::model::TORCHSCRIPT;
use crate::zoo::{Form, ModelSpec, ZooError, find};

/// Runs `study` once for each stage of each of its networks, in `OUT/LABEL/STAGE`, and writes
/// `OUT/erf-depth.csv` and the figure `OUT/erf-depth.*`: side of the r(50 %) square and width of the
/// Gaussian, beside the theoretical receptive field.
///
/// # Errors
///
/// As [`ErfStudy::run`]; [`AnalysisError::Request`] for networks without named stages.
pub fn run(
    study: &ErfStudy,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Outcome, AnalysisError> {
    let mut outcome = Outcome::default();
    let mut networks = Vec::new();
    for spec in &study.models {
        let stages = stages(spec, study.size)?;
        let mut layers = Vec::new();
        for (stage, theoretical) in stages {
            progress.say(&format!("{}, {stage}", spec.label));
            let mut one = ErfStudy {
                models: vec![spec.clone()],
                maps: Vec::new(),
                target: Target { layer: Some(stage.clone()), ..study.target.clone() },
                ..study.clone()
            };
            one.out = study.out.join(safe_file_name(&spec.label)).join(safe_file_name(&stage));
            let done = one.run(progress, stop)?;
            outcome.failures.extend(done.failures);
            layers.extend(done.results.iter().map(|result| layer(&stage, result, theoretical)));
            outcome.results.extend(done.results);
        }
        let untrained = spec.checkpoint.is_none();
        networks.push(DepthNetwork { label: spec.label.clone(), untrained, layers });
    }
    if networks.iter().any(|network| !network.layers.is_empty()) {
        networks.retain(|network| !network.layers.is_empty());
        let table = table::csv(&outcome.results)?;
        atomic::write_bytes(&study.out.join("erf-depth.csv"), &table)?;
        let figure = depth::draw(&DepthSpec { networks, width: Width::Column })?;
        figure.save(&study.out, "erf-depth", &study.formats)?;
    }
    Ok(outcome)
}

/// Names of the network's stages, and the side of the theoretical receptive field of each.
fn stages(
    spec: &ModelSpec,
    [height, width]: [usize; 2],
) -> Result<Vec<(String, Option<f64>)>, AnalysisError> {
    if spec.architecture == TORCHSCRIPT {
        return Err(AnalysisError::Request(format!(
            "{} is TorchScript, which has no named stages: --layer needs an architecture of the zoo",
            spec.label
        )));
    }
    let graph = find(&spec.architecture)?.graph(&Form::fresh());
    let fields = receptive_fields(&graph, height, width)
        .map_err(|error: NnError| AnalysisError::Zoo(ZooError::from(error)))?;
    let side = |output: usize| fields[output].and_then(|field| field.size).map(|[h, _]| h as f64);
    Ok(graph.stages.iter().map(|s| (s.name.clone(), side(s.output.0))).collect())
}

fn layer(stage: &str, result: &ErfResult, theoretical: Option<f64>) -> DepthLayer {
    let half = result.area_ratios.iter().find(|ratio| ratio.threshold == 0.5);
    DepthLayer {
        name: stage.to_owned(),
        half_side: half.map(|ratio| ratio.side.map_or(result.size[0] as f64, |side| side as f64)),
        sigma: result.gaussian.map(|fit| (fit.sigma_x + fit.sigma_y) / 2.0),
        theoretical,
    }
}
