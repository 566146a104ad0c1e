//! A network's receptive field followed through depth: an ERF study a stage, a table and a figure.

use std::time::Duration;

use super::AnalysisError;
use super::erf::{ErfStudy, Outcome};
use crate::erf::gradient::Target;
use crate::erf::result::ErfResult;
use crate::erf::table;
use crate::figure::depth::{DepthLayer, DepthNetwork, DepthSpec};
use crate::figure::{Figure, Width, depth};
use crate::nn::NnError;
use crate::nn::receptive_field::receptive_fields;
use crate::progress::{Progress, Stop};
use crate::store::{ResultFolder, Shard, atomic, safe_file_name};
use crate::zoo::model::TORCHSCRIPT;
use crate::zoo::{Form, ModelSpec, ZooError, find};

/// Stem of the table and the figure of all networks; no label gives this name.
const STEM: &str = "erf-depth";
/// What the study is called in the record of who made a folder's results.
const COMMAND: &str = "erf --layer stages";

/// One network's stages, each with the study of it and the side of its theoretical receptive field.
struct Walk<'a> {
    spec: &'a ModelSpec,
    stages: Vec<(String, ErfStudy, Option<f64>)>,
}

/// Runs `study` once for each stage of each of its networks, in `OUT/LABEL/STAGE`, and writes
/// `OUT/erf-depth.csv` and the figure `OUT/erf-depth.*`: side of the r(50 %) square and width of the
/// Gaussian, beside the theoretical receptive field. Where an earlier run of the same study was
/// interrupted, this one goes on from there: the state of every stage, written every so often, is
/// kept until all are done.
///
/// # Errors
///
/// As [`ErfStudy::run`]; [`AnalysisError::Request`] for networks without named stages, for a study
/// without networks, and for maps, which have no stages.
pub fn run(
    study: &ErfStudy,
    every: Duration,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Outcome, AnalysisError> {
    check(study)?;
    let walks = study.models.iter().map(|spec| walk(study, spec)).collect::<Result<Vec<_>, _>>()?;
    let folder =
        ResultFolder::open(&study.out, COMMAND, &study.identity(Shard::WHOLE), study.force)?;
    let figures = Figure::file_names(STEM, &study.formats);
    folder.claim(figures.chain([table_name()]))?;
    let studies = || walks.iter().flat_map(|walk| walk.stages.iter().map(|(_, study, _)| study));
    for one in studies() {
        one.claim(Shard::WHOLE)?;
    }
    let mut outcome = Outcome::default();
    let mut networks = Vec::new();
    for Walk { spec, stages } in &walks {
        let mut layers = Vec::new();
        for (stage, one, theoretical) in stages {
            progress.say(&format!("{}, {stage}", spec.label));
            let done = one.run_keeping_states(true, every, progress, stop)?;
            outcome.failures.extend(done.failures);
            layers.extend(done.results.iter().map(|result| layer(stage, result, *theoretical)));
            outcome.results.extend(done.results);
        }
        let untrained = spec.checkpoint.is_none();
        networks.push(DepthNetwork { label: spec.label.clone(), untrained, layers });
    }
    networks.retain(|network| !network.layers.is_empty());
    if !networks.is_empty() {
        atomic::write_bytes(&folder.file(table_name()), &table::csv(&outcome.results)?)?;
        let figure = depth::draw(&DepthSpec { networks, width: Width::Column })?;
        figure.save(&study.out, STEM, &study.formats)?;
    }
    if outcome.failures.is_empty() {
        studies().try_for_each(ErfStudy::remove_states)?;
    }
    Ok(outcome)
}

/// What can be refused before any work.
fn check(study: &ErfStudy) -> Result<(), AnalysisError> {
    let refuse = |reason: &str| Err(AnalysisError::Request(reason.to_owned()));
    if let Some((label, _)) = study.maps.first() {
        return refuse(&format!(
            "--layer stages follows networks through depth, and the map {label} has no stages; \
             describe maps in a run of their own"
        ));
    }
    if study.models.is_empty() {
        return refuse("--layer stages follows networks through depth: give --model");
    }
    study.check()
}

fn table_name() -> String {
    format!("{STEM}.csv")
}

/// The studies of a network's stages.
fn walk<'a>(study: &ErfStudy, spec: &'a ModelSpec) -> Result<Walk<'a>, AnalysisError> {
    let folder = study.out.join(safe_file_name(&spec.label));
    let of_stage = |(stage, theoretical): (String, Option<f64>)| {
        let one = ErfStudy {
            models: vec![spec.clone()],
            target: Target { layer: Some(stage.clone()), ..study.target.clone() },
            out: folder.join(safe_file_name(&stage)),
            ..study.clone()
        };
        (stage, one, theoretical)
    };
    let stages = stages(spec, study.size)?.into_iter().map(of_stage).collect();
    Ok(Walk { spec, stages })
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
