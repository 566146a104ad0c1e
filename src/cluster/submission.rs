//! What of a study has been submitted: ids of jobs, in a small file beside their scripts.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ClusterError;
use super::accounting::Ended;
use super::slurm::Queued;
use crate::store::{StoreError, atomic};

/// Name of the file in the study's folder `cluster`.
pub const FILE_NAME: &str = "submission.json";

/// What has been submitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Where the command was started.
    pub folder: PathBuf,
    /// The command, one element an argument.
    pub command: Vec<String>,
    /// Into how many shares the work on each network is divided.
    pub shards: usize,
    /// Threads that a task computes with.
    #[serde(default)]
    pub threads: Option<u16>,
    /// Array jobs, in the order in which they were submitted.
    pub arrays: Vec<ArrayJob>,
    /// Id of the job that puts the shares together.
    pub merge: Option<String>,
    /// Folders of works that needed no task, for their results were there.
    pub reused: Vec<PathBuf>,
}

/// An array job that computes shares of one work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayJob {
    /// Its id.
    pub job: String,
    /// Folder of the work's shares.
    pub work: PathBuf,
    /// Its array indices, which are the numbers of shares.
    pub shards: Vec<usize>,
    /// Whether its tasks begin parts of other settings anew.
    #[serde(default)]
    pub forced: bool,
}

/// What Slurm knows of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// It was never submitted.
    NotSubmitted,
    /// It is in the queue, running or waiting.
    Queued(&'a Queued),
    /// It has left the queue, and the accounting says how.
    Ended(&'a Ended),
    /// It has left the queue, and there is no accounting.
    Gone,
    /// Slurm can't be asked.
    Silent,
}

/// Slurm's answers, asked once.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The queue; nothing where Slurm can't be asked.
    queue: Option<ByJob<Queued>>,
    /// What has ended; empty where there is no accounting.
    history: ByJob<Ended>,
}

/// Of each job its tasks by array index, or itself without one: a study can have thousands, and each
/// is looked up.
type ByJob<T> = HashMap<String, HashMap<Option<usize>, T>>;

impl Submission {
    /// Reads what was submitted; nothing where nothing was.
    ///
    /// # Errors
    ///
    /// [`ClusterError::Damaged`], [`ClusterError::Store`].
    pub fn read(folder: &Path) -> Result<Option<Self>, ClusterError> {
        let path = folder.join(FILE_NAME);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| ClusterError::Damaged { path, problem: error.to_string() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("read", &path, error).into()),
        }
    }

    /// Writes it, so that a submission that breaks off knows its jobs.
    ///
    /// # Errors
    ///
    /// [`ClusterError::Store`].
    pub fn write(&self, folder: &Path) -> Result<(), ClusterError> {
        Ok(atomic::write(&folder.join(FILE_NAME), |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            std::io::Write::write_all(file, b"\n")
        })?)
    }

    /// Refuses another current folder than the one that the study was submitted from.
    ///
    /// # Errors
    ///
    /// [`ClusterError::Elsewhere`].
    pub fn check_folder(&self, here: &Path) -> Result<(), ClusterError> {
        if self.folder == here {
            return Ok(());
        }
        Err(ClusterError::Elsewhere { there: self.folder.clone(), here: here.to_owned() })
    }

    /// Ids of all jobs that were submitted.
    pub fn jobs(&self) -> Vec<String> {
        let jobs = self.arrays.iter().map(|array| array.job.clone()).chain(self.merge.clone());
        jobs.collect()
    }

    /// Id of the job that a share was submitted in last.
    pub fn job_of(&self, work: &Path, shard: usize) -> Option<&str> {
        self.last_array(work, shard).map(|array| array.job.as_str())
    }

    /// Whether a share was submitted last to begin a part of other settings anew. Until it is done it
    /// has to be submitted so again, for whether it came to begin can't be told; what it has computed
    /// since is of these settings, and is gone on with.
    pub fn is_forced(&self, work: &Path, shard: usize) -> bool {
        self.last_array(work, shard).is_some_and(|array| array.forced)
    }

    fn last_array(&self, work: &Path, shard: usize) -> Option<&ArrayJob> {
        let mut arrays = self.arrays.iter().rev();
        arrays.find(|array| array.work == work && array.shards.contains(&shard))
    }

    /// What Slurm knows of a share.
    pub fn known<'a>(&self, work: &Path, shard: usize, answers: &'a Answers) -> Known<'a> {
        match self.job_of(work, shard) {
            Some(job) => answers.of(job, Some(shard)),
            None => Known::NotSubmitted,
        }
    }

    /// Jobs in the queue that aren't of these works, or of another number of shards, by id.
    pub fn strangers(&self, works: &[&Path], shards: usize, queue: &[Queued]) -> BTreeSet<String> {
        let in_queue = |job: &str| queue.iter().any(|queued| queued.job == job);
        let strange = |array: &&ArrayJob| {
            self.shards != shards || !works.iter().any(|work| *work == array.work)
        };
        let arrays = self.arrays.iter().filter(strange).map(|array| &array.job);
        let merge = self.merge.iter().filter(|_| self.shards != shards);
        arrays.chain(merge).filter(|job| in_queue(job)).cloned().collect()
    }
}

impl Answers {
    /// What `squeue` says, or nothing where it can't be asked, and what the accounting says. Of
    /// several entries of one task the last counts.
    pub fn new(queue: Option<Vec<Queued>>, history: Vec<Ended>) -> Self {
        let mut answers = Self { queue: queue.as_ref().map(|_| HashMap::new()), ..Self::default() };
        for queued in queue.into_iter().flatten() {
            let jobs = answers.queue.get_or_insert_default();
            jobs.entry(queued.job.clone()).or_default().insert(queued.index, queued);
        }
        for ended in history {
            let tasks = answers.history.entry(ended.job.clone()).or_default();
            tasks.insert(ended.index, ended);
        }
        answers
    }

    /// What is known of a job, or of a task of an array job.
    pub fn of(&self, job: &str, index: Option<usize>) -> Known<'_> {
        let Some(queue) = &self.queue else { return Known::Silent };
        if let Some(queued) = queue.get(job).and_then(|tasks| tasks.get(&index)) {
            return Known::Queued(queued);
        }
        // Tasks that have no entry of their own never began, and share one.
        let ended = self.history.get(job).and_then(|tasks| tasks.get(&index).or(tasks.get(&None)));
        ended.map_or(Known::Gone, Known::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(job: &str, index: Option<usize>) -> Queued {
        let [state, elapsed, place] = ["RUNNING", "0:01", "node"].map(str::to_owned);
        Queued { job: job.to_owned(), index, state, elapsed, place }
    }

    fn array(job: &str, work: &str, shards: &[usize]) -> ArrayJob {
        let (job, shards) = (job.to_owned(), shards.to_vec());
        ArrayJob { job, work: work.into(), shards, forced: false }
    }

    fn submission() -> Submission {
        let arrays = vec![array("5", "a", &[1, 2]), array("6", "b", &[1]), array("8", "a", &[2])];
        let merge = Some("9".to_owned());
        Submission { folder: "/h".into(), shards: 2, arrays, merge, ..Submission::default() }
    }

    #[test]
    fn what_is_written_is_read_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Submission::read(folder.path()).unwrap(), None);
        submission().write(folder.path()).unwrap();
        assert_eq!(Submission::read(folder.path()).unwrap(), Some(submission()));
        std::fs::write(folder.path().join(FILE_NAME), "[]").unwrap();
        let message = Submission::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains(FILE_NAME) && message.contains("squeue"), "{message}");
    }

    #[test]
    fn the_last_job_of_a_share_counts() {
        let submission = submission();
        let ended = |job: &str, index, state: &str| {
            let (job, state) = (job.to_owned(), state.to_owned());
            Ended { job, index, state, ..Ended::default() }
        };
        let queue = vec![queued("5", Some(1)), queued("5", Some(2)), queued("8", Some(2))];
        let history = vec![
            ended("6", Some(1), "NODE_FAIL"),
            ended("6", None, "CANCELLED"),
            ended("6", Some(1), "TIMEOUT"),
            ended("8", None, "CANCELLED"),
        ];
        let answers = Answers::new(Some(queue.clone()), history.clone());
        let known = |work: &str, shard| submission.known(Path::new(work), shard, &answers);
        assert_eq!(known("a", 1), Known::Queued(&queue[0]));
        assert_eq!(known("a", 2), Known::Queued(&queue[2]));
        assert_eq!(known("b", 1), Known::Ended(&history[2]));
        assert_eq!(known("b", 2), Known::NotSubmitted);
        assert_eq!(answers.of("6", Some(2)), Known::Ended(&history[1]));
        assert_eq!(answers.of("8", Some(1)), Known::Ended(&history[3]));
        assert_eq!(answers.of("9", None), Known::Gone);
        assert_eq!(Answers::new(Some(Vec::new()), Vec::new()).of("9", None), Known::Gone);
        assert_eq!(Answers::default().of("9", None), Known::Silent);
    }

    #[test]
    fn a_share_is_forced_where_its_last_job_was() {
        let mut submission = submission();
        submission.arrays[0].forced = true;
        let forced = |work: &str, shard| submission.is_forced(Path::new(work), shard);
        assert_eq!([forced("a", 1), forced("a", 2), forced("b", 1)], [true, false, false]);
        let older = r#"{"job": "5", "work": "a", "shards": [1]}"#;
        assert!(!serde_json::from_str::<ArrayJob>(older).unwrap().forced);
    }

    #[test]
    fn jobs_of_another_division_are_found_while_they_are_in_the_queue() {
        let submission = submission();
        let queue = [queued("5", Some(1)), queued("6", Some(1)), queued("9", None)];
        let strangers = |works: &[&str], shards| {
            let works: Vec<&Path> = works.iter().map(Path::new).collect();
            submission.strangers(&works, shards, &queue).into_iter().collect::<Vec<_>>()
        };
        assert!(strangers(&["a", "b"], 2).is_empty());
        assert_eq!(strangers(&["a"], 2), ["6"]);
        assert_eq!(strangers(&["a", "b"], 4), ["5", "6", "9"]);
    }
}
