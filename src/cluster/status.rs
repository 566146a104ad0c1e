//! How a study's tasks are doing: from what they have left on disk, and from Slurm where there is one.

use std::path::PathBuf;

use serde::Serialize;

use super::ClusterError;
use super::accounting;
use super::slurm;
use super::submission::{Answers, Known, Submission};
use crate::analysis::run::division::{Division, ranges};
use crate::analysis::run::record::{Record, Stage};

/// Slurm's words for a job that waits for its turn.
const WAITING: [&str; 5] = ["PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"];

/// How a task is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "detail")]
pub enum Doing {
    /// It is done.
    Done,
    /// It runs; where, and for how long.
    Running(String),
    /// It is in the queue; why it waits.
    Waiting(String),
    /// It ended without being done; how.
    Failed(String),
    /// It was started without Slurm, and runs or was killed; where and when.
    Begun(String),
    /// It was not submitted or started.
    Missing,
}

/// A task, or the job that puts shares together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskStatus {
    /// Its number, from 1; 0 for the job that puts shares together.
    pub task: usize,
    /// For a reader: "ERF of ResNet-101, share 2/8".
    pub name: String,
    /// How it is doing.
    #[serde(flatten)]
    pub doing: Doing,
    /// What it printed, where Slurm keeps that.
    pub log: Option<PathBuf>,
    /// Whether it was submitted to begin a part of other settings anew, and isn't done.
    pub forced: bool,
}

/// The tasks of one network in one analysis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkStatus {
    /// For a reader: "ERF of ResNet-101".
    pub name: String,
    /// Whether its results were there before, so that it has no need of its tasks.
    pub reused: bool,
    /// Its tasks, in order.
    pub tasks: Vec<TaskStatus>,
}

/// How a study is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Each network in each analysis.
    pub works: Vec<WorkStatus>,
    /// Putting the shares together, and the report.
    pub merge: TaskStatus,
}

impl Status {
    /// Looks at the tasks' folders and asks Slurm. Slurm's error is returned beside, where it can't
    /// be asked and jobs were submitted: what is running can't be told then.
    pub fn find(
        division: &Division,
        submission: Option<&Submission>,
    ) -> (Self, Option<ClusterError>) {
        let Some(submission) = submission else {
            let nothing = Submission::default();
            return (Self::judge(division, &nothing, &Answers::default()), None);
        };
        let (queue, error) = match slurm::queue() {
            Ok(queue) => (Some(queue), None),
            Err(error) => (None, Some(error)),
        };
        let history = accounting::history(&submission.jobs()).unwrap_or_default();
        (Self::judge(division, submission, &Answers::new(queue, history)), error)
    }

    fn judge(division: &Division, submission: &Submission, answers: &Answers) -> Self {
        let logs = division.folder.join("logs");
        let log = |name: String| Some(logs.join(name)).filter(|path| path.exists());
        let works = division.works.iter().map(|work| WorkStatus {
            name: work.name.clone(),
            reused: submission.reused.contains(&work.folder) && !division.is_behind(work),
            tasks: (division.tasks_of(work))
                .map(|task| {
                    let shard = task.shard.number();
                    let known = submission.known(&work.folder, shard, answers);
                    let doing = match (known, division.is_removed(&task)) {
                        (Known::Queued(_), _) | (_, false) => {
                            judge(division.record_of(&task), known)
                        }
                        (_, true) => Doing::Done,
                    };
                    TaskStatus {
                        task: task.index,
                        name: format!("{}, share {}", work.name, task.shard),
                        forced: doing != Doing::Done
                            && (submission.is_forced(&work.folder, shard)
                                || division.is_outdated(&task)),
                        doing,
                        log: log(format!("{}-{shard}.log", work.file_name)),
                    }
                })
                .collect(),
        });
        let works: Vec<WorkStatus> = works.collect();
        let known = match &submission.merge {
            Some(job) => answers.of(job, None),
            None => Known::NotSubmitted,
        };
        let record = division.merge_record();
        let merge = TaskStatus {
            task: 0,
            name: "shares put together, report".to_owned(),
            doing: judge_merge(record, known, are_computed(&works)),
            log: log("merge.log".to_owned()),
            forced: false,
        };
        Self { works, merge }
    }

    /// Tasks that have to be run again or at all, without those that are in the queue or may run.
    pub fn to_run(&self) -> Vec<&TaskStatus> {
        let works = self.works.iter().filter(|work| !work.reused);
        let tasks = works.flat_map(|work| &work.tasks);
        tasks.filter(|task| matches!(task.doing, Doing::Failed(_) | Doing::Missing)).collect()
    }

    /// Whether all tasks are done that are needed.
    pub fn is_computed(&self) -> bool {
        are_computed(&self.works)
    }
}

fn are_computed(works: &[WorkStatus]) -> bool {
    let mut works = works.iter().filter(|work| !work.reused);
    works.all(|work| work.tasks.iter().all(|task| task.doing == Doing::Done))
}

impl WorkStatus {
    /// How many tasks are done, run, wait, failed, and are none of these.
    pub fn counts(&self) -> [usize; 5] {
        let mut counts = [0; 5];
        for task in &self.tasks {
            let place = match task.doing {
                Doing::Done => 0,
                Doing::Running(_) => 1,
                Doing::Waiting(_) => 2,
                Doing::Failed(_) => 3,
                Doing::Begun(_) | Doing::Missing => 4,
            };
            counts[place] += 1;
        }
        counts
    }
}

/// How a task is doing, from what it said itself and what Slurm knows.
fn judge(record: Option<Record>, known: Known<'_>) -> Doing {
    if record.as_ref().is_some_and(|record| record.stage == Stage::Done) {
        return Doing::Done;
    }
    let message = record.as_ref().and_then(|record| record.message.clone());
    match (record, known) {
        (_, Known::Queued(queued)) if WAITING.contains(&queued.state.as_str()) => {
            Doing::Waiting(format!("job {}, {}", queued.job, queued.place))
        }
        (_, Known::Queued(queued)) => {
            Doing::Running(format!("on {} for {}", queued.place, queued.elapsed))
        }
        (Some(record), _) if record.stage == Stage::Failed => {
            Doing::Failed(message.unwrap_or_else(|| "it gave no reason".to_owned()))
        }
        (_, Known::Ended(ended)) if ended.state == "COMPLETED" => {
            Doing::Failed(format!("Slurm says {ended}, but it left no results"))
        }
        (_, Known::Ended(ended)) => Doing::Failed(format!("Slurm says {ended}")),
        (Some(record), Known::Gone) => Doing::Failed(format!(
            "killed: it began {} and left the queue without an end",
            place(&record)
        )),
        (None, Known::Gone) => Doing::Failed("it left the queue without having begun".to_owned()),
        (Some(record), Known::NotSubmitted | Known::Silent) => Doing::Begun(place(&record)),
        (None, Known::NotSubmitted | Known::Silent) => Doing::Missing,
    }
}

/// Where and when a task said so.
fn place(record: &Record) -> String {
    let machine = record.machine.as_deref().unwrap_or("some machine");
    format!("on {machine} at {}", record.date)
}

/// How the job that puts shares together is doing. Slurm takes it out of the queue as soon as it can't
/// be that all tasks end well, and calls that cancelled.
fn judge_merge(record: Option<Record>, known: Known<'_>, computed: bool) -> Doing {
    let left = match known {
        Known::Ended(ended) => ended.state == "CANCELLED",
        known => known == Known::Gone,
    };
    if record.is_none() && left && !computed {
        return Doing::Failed("it left the queue, for not all tasks ended well".to_owned());
    }
    judge(record, known)
}

/// Numbers of tasks, as `1,3-5`.
pub fn numbers(tasks: &[&TaskStatus]) -> String {
    ranges(&tasks.iter().map(|task| task.task).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::accounting::Ended;
    use crate::cluster::slurm::Queued;

    fn record(stage: Stage) -> Option<Record> {
        let message = (stage == Stage::Failed).then(|| "no checkpoint".to_owned());
        let (machine, date) = (Some("node7".to_owned()), "2026-01-02T03:04:05Z".to_owned());
        Some(Record { machine, date, ..Record::new(stage, message) })
    }

    fn queued(state: &str) -> Queued {
        let [job, elapsed, place] = ["12", "0:07", "node7"].map(str::to_owned);
        Queued { job, index: Some(3), state: state.to_owned(), elapsed, place }
    }

    #[test]
    fn results_count_before_the_queue_and_the_queue_before_old_records() {
        let (running, waiting) = (queued("RUNNING"), queued("PENDING"));
        let ended = |state: &str| Ended { state: state.to_owned(), ..Ended::default() };
        let (out_of_memory, completed, cancelled) =
            (ended("OUT_OF_MEMORY"), ended("COMPLETED"), ended("CANCELLED"));
        let doing = |record, known| judge(record, known);
        assert_eq!(doing(record(Stage::Done), Known::Queued(&running)), Doing::Done);
        assert_eq!(doing(record(Stage::Done), Known::Gone), Doing::Done);
        let on = Doing::Running("on node7 for 0:07".to_owned());
        assert_eq!(doing(record(Stage::Begun), Known::Queued(&running)), on);
        assert_eq!(doing(record(Stage::Failed), Known::Queued(&running)), on);
        let in_queue = Doing::Waiting("job 12, node7".to_owned());
        assert_eq!(doing(record(Stage::Begun), Known::Queued(&waiting)), in_queue);
        let failed = |what: &str| Doing::Failed(what.to_owned());
        assert_eq!(doing(record(Stage::Failed), Known::Gone), failed("no checkpoint"));
        assert_eq!(
            doing(record(Stage::Begun), Known::Ended(&out_of_memory)),
            failed("Slurm says OUT_OF_MEMORY")
        );
        assert_eq!(
            doing(None, Known::Ended(&completed)),
            failed("Slurm says COMPLETED, but it left no results")
        );
        assert_eq!(
            doing(record(Stage::Begun), Known::Gone),
            failed(
                "killed: it began on node7 at 2026-01-02T03:04:05Z and left the queue without an end"
            )
        );
        let cancelled = Known::Ended(&cancelled);
        assert_eq!(judge_merge(None, cancelled, true), failed("Slurm says CANCELLED"));
        let unwell = failed("it left the queue, for not all tasks ended well");
        assert_eq!(judge_merge(None, cancelled, false), unwell);
        assert_eq!(judge_merge(None, Known::Gone, false), unwell);
        assert_eq!(judge_merge(record(Stage::Failed), cancelled, false), failed("no checkpoint"));
        assert_eq!(judge_merge(None, Known::NotSubmitted, false), Doing::Missing);
        assert!(matches!(doing(None, Known::Gone), Doing::Failed(_)));
        let begun = Doing::Begun("on node7 at 2026-01-02T03:04:05Z".to_owned());
        assert_eq!(doing(record(Stage::Begun), Known::NotSubmitted), begun);
        assert_eq!(doing(record(Stage::Begun), Known::Silent), begun);
        assert_eq!(doing(None, Known::NotSubmitted), Doing::Missing);
    }
}
