//! Which jobs a study needs now, and submitting them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ClusterError;
use super::script::Launch;
use super::slurm::{self, Queued};
use super::submission::{Answers, ArrayJob, Known, Submission};
use crate::analysis::run::division::{DividedWork, Division, ShareTask, ranges};
use crate::analysis::run::record::Record;
use crate::analysis::run::{State, Task};
use crate::store::atomic;

/// A job to be submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Where its script is kept.
    pub path: PathBuf,
    /// The script.
    pub script: String,
    /// Folder of the work whose shares it computes; nothing for the job that puts them together.
    pub work: Option<PathBuf>,
    /// Its array indices.
    pub shards: Vec<usize>,
    /// Whether its tasks begin parts of other settings anew.
    pub forced: bool,
    /// Folders of those of its tasks that said something before, or its own where it did.
    pub said: Vec<PathBuf>,
}

/// What is to be submitted, and what isn't.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    /// Array jobs, a work each.
    pub arrays: Vec<Job>,
    /// The job that puts the shares together.
    pub merge: Option<Job>,
    /// Tasks that are in the queue: job and array index.
    pub queued: Vec<(String, usize)>,
    /// What the job that puts the shares together waits for besides the arrays, as Slurm names it:
    /// these tasks, or their job where it is in the queue as a whole.
    pub after: Vec<String>,
    /// A job that put shares together, and would do so too early now.
    pub superseded: Option<String>,
    /// How many tasks are done.
    pub done: usize,
    /// Folders of works that need no task, for their results are there.
    pub reused: Vec<PathBuf>,
}

/// What there is to be known before a study is submitted.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The tasks.
    pub division: &'a Division,
    /// What of the study has to be computed.
    pub plan: &'a [Task],
    /// What was submitted before.
    pub before: Option<&'a Submission>,
    /// What is in the queue.
    pub queue: &'a [Queued],
    /// Whether tasks that are done are submitted, too.
    pub force: bool,
}

impl Situation<'_> {
    /// Which jobs the study needs now: no task that is done or in the queue, and no job without need.
    ///
    /// # Errors
    ///
    /// [`ClusterError::Busy`]; what [`Launch`] says.
    pub fn jobs(&self, launch: &Launch) -> Result<Jobs, ClusterError> {
        self.check_queue()?;
        let mut jobs = Jobs::default();
        let answers = Answers::new(Some(self.queue.to_vec()), Vec::new());
        for (place, work) in self.division.works.iter().enumerate() {
            match self.state_of(work) {
                Some(State::Compute(_)) => {}
                Some(State::Reuse) => {
                    jobs.reused.push(work.folder.clone());
                    continue;
                }
                Some(State::Impossible(_)) | None => continue,
            }
            let shards = self.wanted(work, &answers, &mut jobs);
            if shards.is_empty() {
                continue;
            }
            let forced = self.is_forced(work, &shards);
            let script = launch.array(work, place * self.division.shards.get(), forced)?;
            jobs.arrays.push(Job {
                path: self.division.folder.join(format!("{}.sbatch", work.file_name)),
                script,
                work: Some(work.folder.clone()),
                said: self.said_of(work, &shards),
                shards,
                forced,
            });
        }
        jobs.after = self.dependencies(&jobs.queued);
        self.add_merge(launch, &mut jobs)?;
        Ok(jobs)
    }

    /// Adds the job that puts the shares together, where it is needed.
    fn add_merge(&self, launch: &Launch, jobs: &mut Jobs) -> Result<(), ClusterError> {
        let merge = self.before.and_then(|before| before.merge.as_ref());
        let merging = merge.filter(|job| self.queue.iter().any(|queued| queued.job == **job));
        let merged = self.division.merge_folder();
        let all_there =
            self.plan.iter().all(|task| task.state == State::Reuse) && self.division.is_merged();
        let needed = !jobs.arrays.is_empty() || (merging.is_none() && !all_there);
        if needed {
            jobs.superseded = merging.cloned();
            jobs.merge = Some(Job {
                path: self.division.folder.join("merge.sbatch"),
                script: launch.merge()?,
                work: None,
                shards: Vec::new(),
                forced: false,
                said: Some(merged).filter(|folder| has_said(folder)).into_iter().collect(),
            });
        }
        Ok(())
    }

    fn state_of(&self, work: &DividedWork) -> Option<&State> {
        let mut plan = self.plan.iter();
        let same = |task: &&Task| {
            self.division.work_of(task).is_some_and(|found| found.folder == work.folder)
        };
        plan.find(same).map(|task| &task.state)
    }

    fn is_forced(&self, work: &DividedWork, shards: &[usize]) -> bool {
        let before = |shard: &usize| {
            self.before.is_some_and(|before| before.is_forced(&work.folder, *shard))
        };
        let outdated = |task: &ShareTask<'_>| {
            shards.contains(&task.shard.number()) && self.division.is_outdated(task)
        };
        self.force
            || shards.iter().any(before)
            || self.division.tasks_of(work).any(|task| outdated(&task))
    }

    fn said_of(&self, work: &DividedWork, shards: &[usize]) -> Vec<PathBuf> {
        let tasks = self.division.tasks_of(work);
        let tasks = tasks.filter(|task| shards.contains(&task.shard.number()));
        tasks.map(|task| task.folder).filter(|folder| has_said(folder)).collect()
    }

    /// Shares of a work that have to be submitted; notes those that needn't.
    fn wanted(&self, work: &DividedWork, answers: &Answers, jobs: &mut Jobs) -> Vec<usize> {
        let mut shards = Vec::new();
        for task in self.division.tasks_of(work) {
            let shard = task.shard.number();
            let known = self.before.map(|before| before.known(&work.folder, shard, answers));
            if let Some(Known::Queued(queued)) = known {
                jobs.queued.push((queued.job.clone(), shard));
            } else if self.division.is_done(&task) && !self.force {
                jobs.done += 1;
            } else {
                shards.push(shard);
            }
        }
        shards
    }

    /// Ten thousand tasks by themselves wouldn't fit into a command line; most arrays have either
    /// not begun or ended.
    fn dependencies(&self, queued: &[(String, usize)]) -> Vec<String> {
        let mut tasks: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (job, shard) in queued {
            tasks.entry(job).or_default().push(*shard);
        }
        let arrays = self.before.map(|before| before.arrays.as_slice()).unwrap_or_default();
        let is_whole = |job: &str, shards: &[usize]| {
            arrays.iter().any(|array| array.job == job && array.shards == shards)
        };
        let name = |(job, shards): (&str, Vec<usize>)| match is_whole(job, &shards) {
            true => vec![job.to_owned()],
            false => shards.iter().map(|shard| format!("{job}_{shard}")).collect(),
        };
        tasks.into_iter().flat_map(name).collect()
    }

    fn check_queue(&self) -> Result<(), ClusterError> {
        let Some(before) = self.before else { return Ok(()) };
        let works: Vec<&Path> =
            self.division.works.iter().map(|work| work.folder.as_path()).collect();
        let strangers = before.strangers(&works, self.division.shards.get(), self.queue);
        if strangers.is_empty() {
            return Ok(());
        }
        Err(ClusterError::Busy { jobs: strangers.into_iter().collect::<Vec<_>>().join(" ") })
    }
}

fn has_said(folder: &Path) -> bool {
    Record::read(folder).is_some()
}

impl Job {
    /// Its array indices as `sbatch` reads them.
    pub fn array(&self) -> String {
        ranges(&self.shards)
    }

    /// Submits it, and gives its id. What an earlier run said, that it is done or why it failed, must
    /// not pass for what is submitted now, and holds where that is rejected.
    fn submit(&self, after: &[String]) -> Result<String, ClusterError> {
        let read = |folder: &PathBuf| Some((folder.clone(), Record::read(folder)?));
        let said: Vec<(PathBuf, Record)> = self.said.iter().filter_map(read).collect();
        self.said.iter().try_for_each(|folder| Record::remove(folder))?;
        let submitted = slurm::submit(&self.path, &self.array(), after);
        if submitted.is_err() {
            said.iter().try_for_each(|(folder, record)| record.write(folder))?;
        }
        submitted
    }
}

impl Jobs {
    /// Writes the scripts and submits them, and keeps the ids in the study's folder, each as soon as
    /// it is known. `submission` is what was submitted before, with the new command.
    ///
    /// # Errors
    ///
    /// [`ClusterError`]; what was submitted until then is in the file.
    pub fn submit(
        &self,
        folder: &Path,
        launch: &Launch,
        mut submission: Submission,
        mut submitted: impl FnMut(&Job, &str),
    ) -> Result<(), ClusterError> {
        for job in self.arrays.iter().chain(&self.merge) {
            atomic::write_bytes(&job.path, job.script.as_bytes())?;
        }
        std::fs::create_dir_all(&launch.logs).map_err(|cause| {
            crate::store::StoreError::io("create the folder", &launch.logs, cause)
        })?;
        submission.reused.clone_from(&self.reused);
        submission.write(folder)?;
        if let Some(job) = &self.superseded {
            slurm::cancel(job)?;
            submission.merge = None;
        }
        let mut after = Vec::new();
        for job in &self.arrays {
            let id = job.submit(&[])?;
            submission.arrays.push(ArrayJob {
                job: id.clone(),
                work: job.work.clone().unwrap_or_default(),
                shards: job.shards.clone(),
                forced: job.forced,
            });
            submission.write(folder)?;
            submitted(job, &id);
            after.push(id);
        }
        if let Some(job) = &self.merge {
            after.extend(self.after.iter().cloned());
            let id = job.submit(&after)?;
            submission.merge = Some(id.clone());
            submission.write(folder)?;
            submitted(job, &id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::file::{Analysis, ClusterPart};
    use crate::analysis::run::plan;
    use crate::analysis::run::record::Stage;
    use std::num::NonZeroUsize;

    /// A study of two networks, in a folder with an image.
    fn study(folder: &Path) -> (Analysis, Division, Launch) {
        std::fs::write(folder.join("i.png"), "never read").unwrap();
        let text = "title = \"T\"\ninit = \"random\"\n[[networks]]\narch = \"resnet18\"\n\
                    [[networks]]\narch = \"resnet34\"\n[erf]\nimages = [\"i.png\"]\n";
        let analysis = Analysis::parse(text, "study.toml", folder).unwrap();
        let shards = NonZeroUsize::new(3).unwrap();
        let division = Division::new(&analysis, shards);
        let launch = Launch {
            program: "fieldscope".into(),
            folder: "/home".into(),
            file: "study.toml".into(),
            out: None,
            shards,
            resources: ClusterPart::default(),
            remove_parts: false,
            logs: "/home/logs".into(),
        };
        (analysis, division, launch)
    }

    fn queued(job: &str, index: Option<usize>) -> Queued {
        let [state, elapsed, place] = ["RUNNING", "0:01", "node"].map(str::to_owned);
        Queued { job: job.to_owned(), index, state, elapsed, place }
    }

    #[test]
    fn only_what_is_neither_done_nor_queued_is_submitted() {
        let folder = tempfile::tempdir().unwrap();
        let (analysis, division, launch) = study(folder.path());
        let plan = plan(&analysis);
        let first =
            Situation { division: &division, plan: &plan, before: None, queue: &[], force: false };
        let jobs = first.jobs(&launch).unwrap();
        let arrays: Vec<String> = jobs.arrays.iter().map(Job::array).collect();
        assert_eq!((arrays.join(" ").as_str(), jobs.merge.is_some()), ("1-3 1-3", true));
        assert!(jobs.arrays[1].script.contains("$((3 + SLURM_ARRAY_TASK_ID))"));

        let works: Vec<PathBuf> = division.works.iter().map(|work| work.folder.clone()).collect();
        let array = |job: &str, work: &Path| ArrayJob {
            job: job.to_owned(),
            work: work.to_owned(),
            shards: vec![1, 2, 3],
            forced: false,
        };
        let before = Submission {
            shards: 3,
            arrays: vec![array("5", &works[0]), array("6", &works[1])],
            merge: Some("7".to_owned()),
            ..Submission::default()
        };
        for task in [1, 2, 4, 5, 6] {
            let folder = division.task(task).unwrap().folder;
            Record::new(if task == 2 { Stage::Failed } else { Stage::Done }, None)
                .write(&folder)
                .unwrap();
        }
        let queue = [queued("5", Some(3)), queued("7", None)];
        let again = Situation { before: Some(&before), queue: &queue, ..first };
        let jobs = again.jobs(&launch).unwrap();
        let arrays: Vec<String> = jobs.arrays.iter().map(Job::array).collect();
        assert_eq!((arrays.join(" ").as_str(), jobs.done), ("2", 4));
        assert_eq!(jobs.arrays[0].said.len(), 1, "why it failed before is not forgotten");
        assert_eq!((jobs.after.join(" ").as_str(), jobs.superseded.as_deref()), ("5_3", Some("7")));
        let queue = [1, 2, 3].map(|shard| queued("6", Some(shard)));
        let jobs = Situation { queue: &queue, ..again }.jobs(&launch).unwrap();
        assert_eq!((jobs.queued.len(), jobs.after.join(" ").as_str()), (3, "6"));

        Record::new(Stage::Done, None).write(&division.task(2).unwrap().folder).unwrap();
        let jobs = again.jobs(&launch).unwrap();
        assert!(jobs.arrays.is_empty() && jobs.merge.is_none() && jobs.superseded.is_none());
        let jobs = Situation { queue: &[], ..again }.jobs(&launch).unwrap();
        assert_eq!((jobs.arrays.len(), jobs.merge.is_some()), (1, true));
        let jobs = Situation { queue: &[], force: true, ..again }.jobs(&launch).unwrap();
        assert_eq!(jobs.arrays.iter().map(Job::array).collect::<Vec<_>>(), ["1-3", "1-3"]);
        let redone: Vec<_> = jobs.arrays.iter().map(|job| (job.forced, job.said.len())).collect();
        assert_eq!(redone, [(true, 2), (true, 3)]);

        let other = Submission { shards: 2, ..before.clone() };
        let message = Situation { before: Some(&other), ..again }.jobs(&launch).unwrap_err();
        assert!(message.to_string().contains("scancel 5 7"), "{message}");
    }
}
