//! A study divided into tasks for many machines: a network's share of the images or stimuli each.
//!
//! Which tasks there are, and their numbers, depends on the analysis file and the number of shards
//! alone, so that a machine needs nothing but a number.

mod standing;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

pub use super::folders::Kind;
use super::folders::{erf_result, evaluation_result};
use super::plan::{Task, Work};
use super::record::{Record, Stage};
use super::sources::Sources;
use super::studies::{erf_study, evaluation, save_every};
use crate::analysis::AnalysisError;
use crate::analysis::file::{Analysis, NetworkPart};
use crate::progress::{Progress, Stop};
use crate::store::{Settings, Shard, digest, safe_file_name};

/// Digits of a digest in a folder's name.
const DIGITS: usize = 12;

/// The part of the work that one network has in one analysis, which is divided.
#[derive(Clone, Debug)]
pub struct DividedWork {
    /// What is computed.
    pub kind: Kind,
    /// Of which network.
    pub network: NetworkPart,
    /// For a reader: "ERF of ResNet-101".
    pub name: String,
    /// For files: "erf-ResNet-101".
    pub file_name: String,
    /// Folder of its shares; another one for other settings.
    pub folder: PathBuf,
    /// The file that its shares put together end as.
    result: PathBuf,
    /// Digest of what its shares depend on now; nothing where it isn't known.
    inputs: Option<String>,
}

/// A network's share.
#[derive(Clone, Debug)]
pub struct ShareTask<'a> {
    /// Number of the task, from 1.
    pub index: usize,
    /// What it is a share of.
    pub work: &'a DividedWork,
    /// Which share.
    pub shard: Shard,
    /// Folder of what it computes.
    pub folder: PathBuf,
}

/// All tasks of a study.
#[derive(Clone, Debug)]
pub struct Division {
    /// Into how many shares the work on each network is divided.
    pub shards: NonZeroUsize,
    /// What is divided, in the order of the analysis.
    pub works: Vec<DividedWork>,
    /// The study's folder `cluster`.
    pub folder: PathBuf,
}

impl Division {
    /// Divides the work on each network by `shards`.
    pub fn new(analysis: &Analysis, shards: NonZeroUsize) -> Self {
        let folder = analysis.out.join("cluster");
        let mut works = Vec::new();
        let runs = |network: &&NetworkPart| network.spec.is_some();
        if analysis.erf.is_some() {
            let measured = analysis.networks.iter().filter(runs).filter(|n| n.map.is_none());
            works.extend(measured.map(|n| DividedWork::new(analysis, &folder, Kind::Erf, n)));
        }
        if analysis.shapebias.as_ref().is_some_and(|part| part.stimuli.is_some()) {
            let deciding = analysis.networks.iter().filter(runs).filter(|n| n.decisions.is_none());
            works.extend(deciding.map(|n| DividedWork::new(analysis, &folder, Kind::Decisions, n)));
        }
        Self { shards, works, folder }
    }

    /// The same, knowing what shares depend on now, so that those of other inputs aren't taken for
    /// the study's. Lists images and stimuli, and reads the checkpoints of works that have begun.
    #[must_use]
    pub fn with_inputs(mut self, analysis: &Analysis) -> Self {
        let sources = Sources::of(analysis);
        let merged = Record::read(&self.merge_folder()).is_some();
        for work in &mut self.works {
            if merged || work.folder.exists() {
                let inputs = sources.of_shares(work.kind, &work.network);
                work.inputs = inputs.ok().map(|inputs| inputs.digest());
            }
        }
        self
    }

    /// How many tasks there are.
    pub fn count(&self) -> usize {
        self.works.len() * self.shards.get()
    }

    /// The task of this number.
    ///
    /// # Errors
    ///
    /// [`AnalysisError::Request`] where there is none.
    pub fn task(&self, index: usize) -> Result<ShareTask<'_>, AnalysisError> {
        let place = index.wrapping_sub(1);
        let number = place % self.shards + 1;
        let shard = Shard::new(number, self.shards.get()).ok();
        match (self.works.get(place / self.shards), shard) {
            (Some(work), Some(shard)) => {
                let folder = work.folder.join(format!("{number}of{}", self.shards));
                Ok(ShareTask { index, work, shard, folder })
            }
            _ if self.works.is_empty() => Err(AnalysisError::Request(
                "no network of the study has anything to compute that could be divided".to_owned(),
            )),
            _ => Err(AnalysisError::Request(format!(
                "there is no task {index}: with {} shards of each network's work the study has \
                 tasks 1 to {}",
                self.shards,
                self.count()
            ))),
        }
    }

    /// All tasks, in order.
    pub fn tasks(&self) -> impl Iterator<Item = ShareTask<'_>> {
        (1..=self.count()).filter_map(|index| self.task(index).ok())
    }

    /// The tasks of one work, in order.
    pub fn tasks_of<'a>(&'a self, work: &'a DividedWork) -> impl Iterator<Item = ShareTask<'a>> {
        let place = self.works.iter().position(|other| other.folder == work.folder);
        let first = place.map_or(self.count(), |place| place * self.shards.get());
        let last = (first + self.shards.get()).min(self.count());
        (first + 1..=last).filter_map(|index| self.task(index).ok())
    }

    /// Computes one task, on from where it was interrupted. Its folder says how far it has come.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`]: no such task, a network that fails, a part of other settings (unless
    /// `force`), a folder that can't be written, `stop`.
    pub fn run(
        &self,
        analysis: &Analysis,
        index: usize,
        force: bool,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<ShareTask<'_>, AnalysisError> {
        let task = self.task(index)?;
        let ShareTask { work: DividedWork { kind, network, .. }, shard, folder, .. } = &task;
        let inputs = Sources::of(analysis).of_shares(*kind, network).ok();
        let inputs = inputs.map(|inputs| (task.work.file_name.clone(), inputs.digest()));
        self.recorded(folder, inputs.into_iter().collect(), || {
            let failures = match kind {
                Kind::Erf => {
                    let study = erf_study(analysis, network, folder, force);
                    study.run_shard(*shard, save_every(analysis), progress, stop)?
                }
                Kind::Decisions => {
                    let study = evaluation(analysis, network, folder, force);
                    study.run_shard(*shard, progress, stop)?
                }
            };
            match failures.into_iter().next() {
                Some((_, reason)) => Err(AnalysisError::Failed(reason)),
                None => Ok(()),
            }
        })?;
        Ok(task)
    }

    /// Does some work of these inputs, and keeps a record of it in `folder`.
    pub(super) fn recorded<T>(
        &self,
        folder: &Path,
        inputs: BTreeMap<String, String>,
        work: impl FnOnce() -> Result<T, AnalysisError>,
    ) -> Result<T, AnalysisError> {
        // Until it is done, what is in the folder may be of the inputs before.
        let known = Record::read(folder).map_or_else(|| inputs.clone(), |before| before.inputs);
        Record::new(Stage::Begun, None).of(known.clone()).write(folder)?;
        let done = work();
        match &done {
            Ok(_) => Record::new(Stage::Done, None).of(inputs).write(folder)?,
            // It goes on from there when it is started again.
            Err(error) if error.is_stop() => {}
            Err(error) => {
                Record::new(Stage::Failed, Some(error.to_string())).of(known).write(folder)?;
            }
        }
        done
    }

    /// Folder of the record of putting the shares together.
    pub fn merge_folder(&self) -> PathBuf {
        let folders: Vec<String> =
            self.works.iter().map(|work| work.folder.display().to_string()).collect();
        let digest = digest::sha256_bytes(folders.join("\n").as_bytes());
        self.folder.join("parts").join(format!("merge-{}-of{}", &digest[..DIGITS], self.shards))
    }

    /// Folders of the shares of a task of the whole; none where it isn't divided.
    pub(super) fn shares_of(&self, task: &Task) -> Vec<PathBuf> {
        let work = self.work_of(task).into_iter();
        work.flat_map(|work| self.tasks_of(work)).map(|share| share.folder).collect()
    }

    /// What of a plan's task is divided.
    pub fn work_of(&self, task: &Task) -> Option<&DividedWork> {
        let kind = match &task.work {
            Work::Erf(_) => Kind::Erf,
            Work::Evaluate(_) => Kind::Decisions,
            Work::Combine | Work::Inspect => return None,
        };
        self.works.iter().find(|work| work.kind == kind && work.network.label == task.label)
    }
}

impl DividedWork {
    fn new(analysis: &Analysis, folder: &Path, kind: Kind, network: &NetworkPart) -> Self {
        let label = &network.label;
        let (name, prefix, asked) = match kind {
            Kind::Erf => {
                let study = erf_study(analysis, network, folder, false);
                (format!("ERF of {label}"), "erf", study.identity(Shard::WHOLE))
            }
            Kind::Decisions => {
                let study = evaluation(analysis, network, folder, false);
                let asked = format!("{} {}", study.identity(Shard::WHOLE), study.batch_size);
                (format!("decisions of {label}"), "decisions", asked)
            }
        };
        // What is cheap to find out; the parts themselves know the rest, and refuse to go on with it.
        let checkpoint = network.spec.as_ref().and_then(|spec| spec.checkpoint.as_ref());
        let length =
            checkpoint.and_then(|path| std::fs::metadata(path).ok()).map(|file| file.len());
        let settings = Settings::of_this_version();
        let known = format!("{asked} {:?} {length:?} {settings:?}", analysis.device);
        let digest = digest::sha256_bytes(known.as_bytes());
        let file_name = format!("{prefix}-{}", safe_file_name(label));
        let folder = folder.join("parts").join(format!("{file_name}-{}", &digest[..DIGITS]));
        let result = match kind {
            Kind::Erf => erf_result(analysis, label),
            Kind::Decisions => evaluation_result(analysis, label),
        };
        let network = network.clone();
        Self { kind, network, name, file_name, folder, result, inputs: None }
    }
}

/// Numbers in rising order, as `1,3-5`.
pub fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let write = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    runs.iter().map(write).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDY: &str = "title = \"T\"\ninit = \"random\"\n\n[[networks]]\nlabel = \"A\"\n\
                         arch = \"resnet18\"\n\n[[networks]]\nlabel = \"B/2\"\n\
                         arch = \"resnet34\"\nmap = \"b.npy\"\n\n[erf]\nimages = [\"i\"]\n\n\
                         [shapebias]\nstimuli = \"s\"\n";

    fn division(text: &str, shards: usize) -> Division {
        let analysis = Analysis::parse(text, "study.toml", Path::new("folder")).unwrap();
        Division::new(&analysis, NonZeroUsize::new(shards).unwrap())
    }

    #[test]
    fn tasks_are_numbered_network_by_network_and_share_by_share() {
        let division = division(STUDY, 2);
        let tasks: Vec<_> = division
            .tasks()
            .map(|task| (task.index, task.work.name.clone(), task.shard.to_string()))
            .collect();
        let expected = [
            (1, "ERF of A", "1/2"),
            (2, "ERF of A", "2/2"),
            (3, "decisions of A", "1/2"),
            (4, "decisions of A", "2/2"),
            (5, "decisions of B/2", "1/2"),
            (6, "decisions of B/2", "2/2"),
        ];
        assert_eq!(tasks, expected.map(|(i, name, shard)| (i, name.to_owned(), shard.to_owned())));
        for wrong in [0, 7, usize::MAX] {
            let message = division.task(wrong).unwrap_err().to_string();
            assert!(message.contains("tasks 1 to 6"), "{message}");
        }
        let names: Vec<&str> = division.works.iter().map(|w| w.file_name.as_str()).collect();
        assert_eq!(names, ["erf-A", "decisions-A", "decisions-B_2"]);
    }

    #[test]
    fn shares_of_other_settings_have_other_folders() {
        let folder = |text: &str, index: usize| division(text, 2).works[index].folder.clone();
        let other = STUDY.replace("[erf]", "[erf]\nsize = 64");
        assert_ne!(folder(STUDY, 0), folder(&other, 0));
        assert_eq!(folder(STUDY, 1), folder(&other, 1));
        let other = STUDY.replace("[shapebias]", "[shapebias]\nbatch_size = 3");
        assert_eq!(folder(STUDY, 0), folder(&other, 0));
        assert_ne!(folder(STUDY, 1), folder(&other, 1));
        let other = STUDY.replace("init", "description = \"D\"\ninit");
        assert_eq!(folder(STUDY, 0), folder(&other, 0));
    }

    #[test]
    fn numbers_are_written_as_ranges() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[4]), "4");
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3,5,7-8");
    }
}
