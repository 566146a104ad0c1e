//! Running an analysis file: what has been computed from the same inputs is reused, the rest is
//! computed, and a report is made of all.

pub mod division;
mod execute;
mod folders;
mod inputs;
mod plan;
pub mod record;
mod sources;
mod studies;

use std::path::PathBuf;

use self::division::Division;
use self::execute::{Executor, SoFar};
pub use self::plan::{State, Task, Work, plan};
use self::record::{Record, Stage};
use super::AnalysisError;
use super::file::Analysis;
use crate::progress::{Progress, Stop};
use crate::report;
use crate::report::study::{Scope, Warning};

/// The folder of the report in a study's folder.
const REPORT: &str = "report";

/// What a run gives.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The report's files, those first that a reader opens first.
    pub report: Vec<PathBuf>,
    /// Label and error of each network that failed; of one that failed in several tasks, the first.
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
    carry_out(&Executor { analysis, division: None, progress, stop }, &plan(analysis))
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
    let division = &division.clone().with_inputs(analysis);
    division.check_shares_of(&plan)?;
    let folder = division.merge_folder();
    let executor = Executor { analysis, division: Some(division), progress, stop };
    let outcome = division.recorded(&folder, division.inputs(), || carry_out(&executor, &plan))?;
    match outcome.failures.first() {
        Some((label, reason)) => {
            let failed = Record::new(Stage::Failed, Some(format!("{label}: {reason}")));
            failed.of(division.inputs()).write(&folder)?;
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

/// Does the tasks, and makes the report of what was reused or computed now: a folder of a task that
/// failed may hold the results of other settings.
fn carry_out(executor: &Executor<'_>, plan: &[Task]) -> Result<Outcome, AnalysisError> {
    claim_report(executor.analysis, false)?;
    let mut done = SoFar::default();
    for task in plan {
        executor.take(task, &mut done)?;
    }
    let SoFar { mut outcome, current, notes } = done;
    let shown = plan.iter().filter(|task| current.contains(&task.folder) && task.work.is_shown());
    let mut folders: Vec<PathBuf> = shown.clone().map(|task| task.folder.clone()).collect();
    if shown.into_iter().all(|task| matches!(task.work, Work::Inspect)) {
        if let Some((label, reason)) = outcome.failures.first() {
            let earlier = match executor.analysis.out.join(REPORT).exists() {
                true => " (the report that is there is of an earlier run)",
                false => "",
            };
            return Err(AnalysisError::Failed(format!(
                "there is nothing to report on{earlier}, for {label} failed: {reason}"
            )));
        }
        folders = vec![executor.analysis.out.clone()];
    }
    let mut study = report::gather(&folders)?;
    study.warnings.extend(notes.into_iter().map(|text| Warning {
        about: None,
        scope: Scope::All,
        text,
    }));
    let options = &executor.analysis.report;
    outcome.report = report::write(&study, options, &executor.analysis.out.join(REPORT))?;
    Ok(outcome)
}
