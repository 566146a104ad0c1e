//! Running an analysis file: what has been computed from the same inputs is reused, the rest is
//! computed, and a report is made of all.

pub mod division;
mod folders;
mod inputs;
mod plan;
pub mod record;
mod sources;

use std::path::PathBuf;

use self::division::Division;
use self::inputs::Inputs;
pub use self::plan::{State, Task, Work, plan};
use self::record::{Record, Stage};
use self::sources::{Sources, inspected};
use super::AnalysisError;
use super::erf::ErfStudy;
use super::file::{Analysis, NetworkPart};
use super::shapebias::ShapeBiasStudy;
use super::shapebias::combine::{Combination, Part};
use crate::erf::gradient::Target;
use crate::image::Order;
use crate::progress::{Progress, Stop};
use crate::report;
use crate::store::{atomic, safe_file_name};
use crate::zoo::inspection::{Inspection, inspect};
use crate::zoo::run::Path;

/// The folder of the report in a study's folder.
const REPORT: &str = "report";

/// What a run gives.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The report's files, those first that a reader opens first.
    pub report: Vec<PathBuf>,
    /// Label and error of each network that failed.
    pub failures: Vec<(String, String)>,
    /// How many results were computed.
    pub computed: usize,
    /// How many results were reused.
    pub reused: usize,
}

/// Does everything that the analysis asks for. A network that fails costs only itself.
///
/// # Errors
///
/// [`AnalysisError`] for what concerns the study as a whole.
pub fn run(
    analysis: &Analysis,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Outcome, AnalysisError> {
    carry_out(analysis, plan(analysis), None, progress, stop)
}

/// Does what is left of an analysis once the shares of its networks' work have been computed: puts
/// them together, and ends as [`run`] does. With `remove_parts` the shares are removed after that,
/// unless a network failed.
///
/// # Errors
///
/// [`AnalysisError::Parts`] where shares are missing; as [`run`].
pub fn finish(
    analysis: &Analysis,
    division: &Division,
    remove_parts: bool,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Outcome, AnalysisError> {
    let plan = plan(analysis);
    division.check_shares_of(&plan)?;
    let folder = division.merge_folder();
    let outcome =
        division.recorded(&folder, || carry_out(analysis, plan, Some(division), progress, stop))?;
    match outcome.failures.first() {
        Some((label, reason)) => {
            Record::new(Stage::Failed, Some(format!("{label}: {reason}"))).write(&folder)?;
        }
        None if remove_parts => division.remove_parts()?,
        None => {}
    }
    Ok(outcome)
}

/// Takes the folder of the study's report, so that a report of other results, or what a user keeps
/// there, isn't overwritten (unless `force`). A study that is changed and run again has its own.
///
/// # Errors
///
/// [`AnalysisError::Store`].
pub fn claim_report(analysis: &Analysis, force: bool) -> Result<(), AnalysisError> {
    let folder = analysis.out.join(REPORT);
    Ok(report::claim(&folder, "the study in the folder above", &analysis.report, force)?)
}

/// Does the tasks, with shares where they are given, and makes the report.
fn carry_out(
    analysis: &Analysis,
    plan: Vec<Task>,
    division: Option<&Division>,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Outcome, AnalysisError> {
    claim_report(analysis, false)?;
    let mut outcome = Outcome::default();
    for task in plan {
        match &task.state {
            State::Reuse => {
                progress.say(&format!("{}: reused", task.name));
                outcome.reused += 1;
            }
            State::Impossible(reason) => {
                progress.warn(&format!("{} can't be done: {reason}", task.name));
                outcome.failures.push((task.label.clone(), reason.clone()));
            }
            State::Compute(reason) => {
                progress.say(&format!("{}: {reason}", task.name));
                match execute(analysis, &task, division, progress, stop, &mut outcome)? {
                    Some(fresh) => fresh.write(&task.folder)?,
                    None => continue,
                }
                outcome.computed += 1;
            }
        }
    }
    let folders = result_folders(analysis);
    let study = report::gather(&folders)?;
    outcome.report = report::write(&study, &analysis.report, &analysis.out.join(REPORT))?;
    Ok(outcome)
}

/// Runs one task; nothing where it failed, which is noted.
fn execute(
    analysis: &Analysis,
    task: &Task,
    division: Option<&Division>,
    progress: &dyn Progress,
    stop: &Stop,
    outcome: &mut Outcome,
) -> Result<Option<Inputs>, AnalysisError> {
    let force = Inputs::exist(&task.folder);
    let shares = division.map(|division| division.shares_of(task)).unwrap_or_default();
    let done = match &task.work {
        Work::Erf(network) => {
            let study = erf_study(analysis, network, &task.folder, force);
            let merged = if shares.is_empty() { Ok(()) } else { study.merge(&shares) };
            merged.and_then(|()| study.run(progress, stop)).map(|done| done.failures)
        }
        Work::Evaluate(network) => {
            let study = evaluation(analysis, network, &task.folder, force);
            let merged = if shares.is_empty() { Ok(()) } else { study.merge(&shares) };
            merged.and_then(|()| study.run(progress, stop)).map(|done| done.failures)
        }
        Work::Combine => {
            let combination = combination(analysis, task, force);
            combination.run(progress).map(|_| Vec::new())
        }
        Work::Inspect => costs(analysis, task),
    };
    match done {
        Ok(failures) if failures.is_empty() => {
            Ok(Some(match &task.work {
                // Known only now that the networks have decided.
                Work::Combine => shape_bias_inputs(analysis),
                _ => task.inputs.clone(),
            }))
        }
        Ok(failures) => {
            outcome.failures.extend(failures);
            Ok(None)
        }
        Err(error) if error.is_stop() => Err(error),
        Err(error) => {
            progress.warn(&format!("{} failed: {error}", task.name));
            outcome.failures.push((task.label.clone(), error.to_string()));
            Ok(None)
        }
    }
}

fn shape_bias_inputs(analysis: &Analysis) -> Inputs {
    let part = analysis.shapebias.as_ref();
    let inputs = part.map(|part| Sources::of(analysis).of_shape_bias(part));
    inputs.and_then(Result::ok).unwrap_or_default()
}

/// Writes `inspect.json`: what each network costs at one input size.
fn costs(analysis: &Analysis, task: &Task) -> Result<Vec<(String, String)>, AnalysisError> {
    let mut failures = Vec::new();
    let mut inspections = Vec::new();
    for spec in inspected(analysis) {
        match inspect(spec, analysis.cost_size) {
            // The layers would be most of the file, and the report has no use for them.
            Ok(found) => inspections.push(Inspection { layers: Vec::new(), ..found }),
            Err(error) => failures.push((spec.label.clone(), error.to_string())),
        }
    }
    atomic::write(&task.folder.join(report::cost::FILE_NAME), |file| {
        serde_json::to_writer_pretty(&mut *file, &inspections)?;
        std::io::Write::write_all(file, b"\n")
    })?;
    Ok(failures)
}

fn path(exact: bool) -> Path {
    if exact { Path::Exact } else { Path::Fast }
}

fn erf_study(
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

fn evaluation(
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

fn combination(analysis: &Analysis, task: &Task, force: bool) -> Combination {
    let part = analysis.shapebias.clone();
    let networks = analysis.networks.iter().filter_map(|network| {
        if let Some(decisions) = &network.decisions {
            let architecture = network.spec.as_ref().map(|spec| spec.architecture.clone());
            let label = network.label.clone();
            return Some(Part::Read { label, architecture, decisions: decisions.clone() });
        }
        let folder = folders::evaluation_folder(analysis, &network.label);
        let decided = Inputs::exist(&folder) && network.spec.is_some();
        decided.then(|| Part::Evaluated { label: network.label.clone(), folder })
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
        out: task.folder.clone(),
        force,
        formats: analysis.figures.clone(),
    }
}

/// Folders with results of this analysis, in the order of its networks.
fn result_folders(analysis: &Analysis) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    let costs = folders::cost_folder(analysis);
    if inspected(analysis).next().is_some() && costs.join(report::cost::FILE_NAME).exists() {
        folders.push(costs);
    }
    if analysis.erf.is_some() {
        let networks = analysis.networks.iter();
        let erf = networks.map(|n| folders::erf_folder(analysis, &n.label)).zip(&analysis.networks);
        folders.extend(
            erf.filter(|(folder, network)| {
                folder.join(format!("{}.json", safe_file_name(&network.label))).exists()
            })
            .map(|(folder, _)| folder),
        );
    }
    let combined = folders::combined_folder(analysis);
    if analysis.shapebias.is_some() && combined.join("shapebias.json").exists() {
        folders.push(combined);
    }
    if folders.is_empty() { vec![analysis.out.clone()] } else { folders }
}
