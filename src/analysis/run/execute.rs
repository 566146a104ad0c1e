//! Doing the tasks of an analysis, and knowing which results are those of this analysis as it is now.

use std::path::PathBuf;

use super::Outcome;
use super::division::Division;
use super::inputs::Inputs;
use super::plan::{State, Task, Work};
use super::sources::{Sources, inspected};
use super::studies::{combination, erf_study, evaluation, save_every};
use crate::analysis::AnalysisError;
use crate::analysis::file::Analysis;
use crate::progress::{Progress, Stop};
use crate::report::cost;
use crate::shapebias::error::ShapeBiasError;
use crate::store::{StoreError, atomic};
use crate::zoo::inspection::{Inspection, inspect};

/// What the tasks work with.
pub(super) struct Executor<'a> {
    pub(super) analysis: &'a Analysis,
    /// Where the shares of networks' work are, if it was divided.
    pub(super) division: Option<&'a Division>,
    pub(super) progress: &'a dyn Progress,
    pub(super) stop: &'a Stop,
}

/// What the tasks done so far have come to.
#[derive(Default)]
pub(super) struct SoFar {
    pub(super) outcome: Outcome,
    /// Folders whose results were reused or computed now. Others may hold results of other settings.
    pub(super) current: Vec<PathBuf>,
    /// What the report has to say of what failed.
    pub(super) notes: Vec<String>,
}

impl SoFar {
    /// Notes that a task failed for a network.
    fn fail(&mut self, task: &Task, label: &str, reason: &str) {
        let name = match task.work {
            Work::Inspect => format!("cost of {label}"),
            _ => task.name.clone(),
        };
        self.notes.push(format!("{name} can't be shown, for it failed: {reason}"));
        let failures = &mut self.outcome.failures;
        // A broken checkpoint fails in every task of its network, and is one failure.
        if !failures.iter().any(|(known, _)| known == label) {
            failures.push((label.to_owned(), reason.to_owned()));
        }
    }
}

impl Executor<'_> {
    /// Does what a task needs. What fails for one network is noted.
    ///
    /// # Errors
    ///
    /// Where the work was asked to stop, or what was computed can't be kept.
    pub(super) fn take(&self, task: &Task, done: &mut SoFar) -> Result<(), AnalysisError> {
        match &task.state {
            State::Reuse => {
                self.progress.say(&format!("{}: reused", task.name));
                done.current.push(task.folder.clone());
                done.outcome.reused += 1;
                if task.redraw { self.redraw(task) } else { Ok(()) }
            }
            State::Impossible(reason) => {
                self.progress.warn(&format!("{} can't be done: {reason}", task.name));
                done.fail(task, &task.label, reason);
                Ok(())
            }
            State::Compute(reason) => {
                self.progress.say(&format!("{}: {reason}", task.name));
                self.compute(task, done)
            }
        }
    }

    fn compute(&self, task: &Task, done: &mut SoFar) -> Result<(), AnalysisError> {
        match self.execute(task, &done.current).map_err(in_own_words) {
            Ok(failures) if failures.is_empty() => {
                let inputs = match &task.work {
                    // Known only now that the networks have decided.
                    Work::Combine => self.shape_bias_inputs(&done.current),
                    _ => task.inputs.clone(),
                };
                inputs.write_for(&task.result, &task.folder)?;
                done.current.push(task.folder.clone());
                done.outcome.computed += 1;
            }
            Ok(failures) => {
                for (label, reason) in &failures {
                    done.fail(task, label, reason);
                }
                // What could be counted was counted now.
                if matches!(task.work, Work::Inspect) && failures.len() < self.inspected() {
                    done.current.push(task.folder.clone());
                }
            }
            Err(error) if error.is_stop() => return Err(error),
            Err(error) => {
                self.progress.warn(&format!("{} failed: {error}", task.name));
                done.fail(task, &task.label, &error.to_string());
            }
        }
        Ok(())
    }

    /// Runs one task, and gives label and reason of what failed.
    fn execute(
        &self,
        task: &Task,
        current: &[PathBuf],
    ) -> Result<Vec<(String, String)>, AnalysisError> {
        let Self { analysis, progress, stop, .. } = *self;
        let force = task.own_folder()?;
        let shares = self.division.map(|division| division.shares_of(task)).unwrap_or_default();
        match &task.work {
            Work::Erf(network) => {
                let mut study = erf_study(analysis, network, &task.folder, force);
                if !shares.is_empty() {
                    study.merge(&shares)?;
                    // What was put together is gone on with or refused, but never dropped.
                    study.force = false;
                }
                Ok(study.run_saving(save_every(analysis), progress, stop)?.failures)
            }
            Work::Evaluate(network) => {
                let mut study = evaluation(analysis, network, &task.folder, force);
                if !shares.is_empty() {
                    study.merge(&shares)?;
                    study.force = false;
                }
                Ok(study.run(progress, stop)?.failures)
            }
            Work::Combine => {
                combination(analysis, &task.folder, current, force).run(progress)?;
                Ok(Vec::new())
            }
            Work::Inspect => self.costs(task),
        }
    }

    /// Draws the figures of a result that is reused.
    fn redraw(&self, task: &Task) -> Result<(), AnalysisError> {
        self.progress.say(&format!("{}: its figures are drawn anew", task.name));
        let (analysis, folder) = (self.analysis, &task.folder);
        match &task.work {
            Work::Erf(network) => erf_study(analysis, network, folder, true).redraw()?,
            Work::Combine => combination(analysis, folder, &[], true).redraw(self.progress)?,
            Work::Evaluate(_) | Work::Inspect => {}
        }
        Ok(task.inputs.write_for(&task.result, folder)?)
    }

    fn shape_bias_inputs(&self, current: &[PathBuf]) -> Inputs {
        let part = self.analysis.shapebias.as_ref();
        let sources = Sources::of(self.analysis);
        let inputs = part.map(|part| sources.of_shape_bias(part, current));
        inputs.and_then(Result::ok).unwrap_or_default()
    }

    fn inspected(&self) -> usize {
        inspected(self.analysis).count()
    }

    /// Writes `inspect.json`: what each network costs at one input size. Without a network that it can
    /// be told of there is no file.
    fn costs(&self, task: &Task) -> Result<Vec<(String, String)>, AnalysisError> {
        let mut failures = Vec::new();
        let mut inspections = Vec::new();
        for spec in inspected(self.analysis) {
            match inspect(spec, self.analysis.cost_size) {
                // The layers would be most of the file, and the report has no use for them.
                Ok(found) => inspections.push(Inspection { layers: Vec::new(), ..found }),
                Err(error) => {
                    let label = &spec.label;
                    self.progress.warn(&format!("cost of {label} failed: {error}"));
                    failures.push((label.clone(), error.to_string()));
                }
            }
        }
        if inspections.is_empty() {
            return Ok(failures);
        }
        atomic::write(&task.folder.join(cost::FILE_NAME), |file| {
            serde_json::to_writer_pretty(&mut *file, &inspections)?;
            std::io::Write::write_all(file, b"\n")
        })?;
        Ok(failures)
    }
}

/// Says of files in the way what to do about them in a study, which has no `--force`.
fn in_own_words(error: AnalysisError) -> AnalysisError {
    let (AnalysisError::Store(store) | AnalysisError::ShapeBias(ShapeBiasError::Store(store))) =
        &error
    else {
        return error;
    };
    let what = match store {
        StoreError::DifferentRun { folder, command, .. } => {
            format!("{} holds the results of a `fieldscope {command}` run", folder.display())
        }
        StoreError::FileInTheWay { path } => format!("{} exists", path.display()),
        StoreError::Manifest { path, problem } => {
            format!("{} can't be read ({problem})", path.display())
        }
        // Of a study's own folder it is refused only where shares have been put together.
        StoreError::State { path, problem } => {
            return AnalysisError::Parts(format!(
                "as put together in {} they don't fit the study ({problem}); run the tasks again \
                 with --force, or the study without --shards",
                path.display()
            ));
        }
        _ => return error,
    };
    AnalysisError::Request(format!(
        "{what}, and no run of this study made it; move it away, or give the study another folder \
         with --out"
    ))
}
