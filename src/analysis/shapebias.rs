//! Cue-conflict decisions of networks and existing observers: files, tables and figures in one
//! folder.

pub mod combine;
mod figures;
mod network;

use std::collections::HashMap;
use std::path::PathBuf;

use tch::Device;

use self::network::Work;
use super::AnalysisError;
use super::request::{check_labels, check_models, record_run};
use super::shards::{Share, check_shares};
use crate::figure::Format;
use crate::progress::{Progress, Stop};
use crate::shapebias::analyse::Study;
use crate::shapebias::bootstrap::Bootstrap;
use crate::shapebias::categories::Categories;
use crate::shapebias::decision_file::DecisionReader;
use crate::shapebias::decision_log::{self, LogHead, part_name, part_path};
use crate::shapebias::error::ShapeBiasError;
use crate::shapebias::observer::Observer;
use crate::shapebias::output;
use crate::shapebias::result::{Issue, ShapeBiasResult};
use crate::shapebias::stimuli::{NamePattern, Stimulus, StimulusSet};
use crate::store::{Provenance, ResultFolder, Shard, StoreError, digest};
use crate::zoo::run::Path;
use crate::zoo::{Init, ModelSpec};

/// What is measured, for the provenance.
const PROTOCOL: &str = "decision = the category with the largest mean softmax probability over its \
                        classes; shape bias = correct shape decisions / (correct shape + correct \
                        texture decisions) over stimuli whose cues disagree (Geirhos et al. 2019)";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ShapeBiasStudy {
    /// Networks to evaluate.
    pub models: Vec<ModelSpec>,
    /// What stands in for a checkpoint where there is none.
    pub init: Option<Init>,
    /// Folder of stimuli, `SHAPE/SHAPEn-TEXTUREm.png`.
    pub stimuli: Option<PathBuf>,
    /// Regular expression for other names, with groups `shape` and `texture`.
    pub pattern: Option<String>,
    /// Existing decisions: CSV files and folders of them.
    pub decisions: Vec<PathBuf>,
    /// Mapping from class index to category; the 16 categories of ImageNet where absent.
    pub categories: Option<PathBuf>,
    /// Whether the built-in human reference is shown where it applies.
    pub humans: bool,
    /// Mean of each colour channel; the architecture's where absent.
    pub mean: Option<[f64; 3]>,
    /// Standard deviation of each colour channel; the architecture's where absent.
    pub std: Option<[f64; 3]>,
    /// Images in a batch.
    pub batch_size: usize,
    /// Resamples behind each interval.
    pub resamples: usize,
    /// How networks are computed.
    pub path: Path,
    /// Where they are computed.
    pub device: Device,
    /// Seed of the bootstrap and of random initialisation.
    pub seed: u64,
    /// Folder for the results.
    pub out: PathBuf,
    /// Whether another run's results may be overwritten.
    pub force: bool,
    /// Whether a confusion matrix is drawn for each observer.
    pub confusion: bool,
    /// File formats of the figures.
    pub formats: Vec<Format>,
}

/// What a study gives.
#[derive(Debug)]
pub struct Outcome {
    /// All figures.
    pub result: ShapeBiasResult,
    /// Label and error of each network that failed.
    pub failures: Vec<(String, String)>,
}

impl ShapeBiasStudy {
    /// Runs the study and writes its folder: `decisions/LABEL.csv` as each network decides, then
    /// `shapebias.csv`, `.json` and figures. A network that fails costs only itself. Where an
    /// earlier run of the same study was interrupted, this one goes on from there.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`] for what concerns the study as a whole: a wrong request, no usable stimulus
    /// or decision, a folder that can't be written or belongs to another run, `stop`.
    pub fn run(&self, progress: &dyn Progress, stop: &Stop) -> Result<Outcome, AnalysisError> {
        self.check()?;
        let categories = self.categories()?;
        let pattern = self.pattern()?;
        let set = self.list(&pattern, &categories)?;
        let paths = self.decision_paths()?;
        let mut issues = set.issues;
        let mut observers =
            self.read_decisions(&pattern, &categories, &set.stimuli, &mut issues)?;
        let further: Vec<&str> = observers.iter().map(|known| known.label.as_str()).collect();
        let folder = self.claim(&further)?;
        let mut failures = Vec::new();
        for issue in &issues {
            progress.warn(&issue.message);
        }
        for (spec, path) in self.models.iter().zip(&paths) {
            let shard = Shard::WHOLE;
            let work = Work { spec, path, stimuli: &set.stimuli, categories: &categories, shard };
            match self.evaluate(&work, progress, stop) {
                Ok((observer, found)) => {
                    found.iter().for_each(|issue| progress.warn(&issue.message));
                    issues.extend(found);
                    observers.push(observer);
                }
                Err(error) if concerns_all(&error) => return Err(error),
                Err(error) => {
                    progress.warn(&format!("{} failed: {error}", spec.label));
                    failures.push((spec.label.clone(), error.to_string()));
                }
            }
        }
        if observers.is_empty() && !failures.is_empty() {
            let failed = failures.iter().map(|(label, reason)| format!("{label}: {reason}"));
            let failed: Vec<String> = failed.collect();
            let reason = format!("no network could be evaluated: {}", failed.join("; "));
            return Err(AnalysisError::Failed(reason));
        }
        let known = issues.len();
        let study = Study {
            observers,
            stimuli: &set.stimuli,
            categories: &categories,
            built_in_humans: self.humans,
            bootstrap: Bootstrap { resamples: self.resamples, seed: self.seed },
            issues,
            provenance: self.provenance(),
        };
        let result = study.analyse()?;
        for issue in result.issues.iter().skip(known) {
            progress.warn(&issue.message);
        }
        folder.check_still_ours()?;
        output::write(folder.path(), &result)?;
        if self.confusion {
            // The label of people pooled, or of one of two observers of one name, is known only now.
            let labels = result.observers.iter().map(|observer| observer.label.as_str());
            folder.claim(figures::names(labels, &self.formats))?;
        }
        figures::draw(&result, self.confusion, &self.formats, folder.path(), progress)?;
        // Until here the logs of finished networks spare an interrupted study to decide them again.
        if failures.is_empty() {
            for path in &paths {
                decision_log::remove(path)?;
            }
        }
        Ok(Outcome { result, failures })
    }

    /// Decides one share of the stimuli with each network, batch by batch, which
    /// [`ShapeBiasStudy::merge`] puts together with the others, and leaves the decisions as
    /// `decisions/LABEL.csv.part`. Label and error of each network that failed are returned.
    ///
    /// # Errors
    ///
    /// As [`ShapeBiasStudy::run`].
    pub fn run_shard(
        &self,
        shard: Shard,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Vec<(String, String)>, AnalysisError> {
        self.check()?;
        let categories = self.categories()?;
        let set = self.list(&self.pattern()?, &categories)?;
        let folder = self.open(shard)?;
        folder.claim(self.decision_names()?.into_iter().map(|name| part_name(&name)))?;
        let mut failures = Vec::new();
        for (spec, path) in self.models.iter().zip(&self.decision_paths()?) {
            let work = Work { spec, path, stimuli: &set.stimuli, categories: &categories, shard };
            match self.decide_share(&work, progress, stop) {
                Ok(()) => {}
                Err(error) if concerns_all(&error) => return Err(error),
                Err(error) => {
                    progress.warn(&format!("{} failed: {error}", spec.label));
                    failures.push((spec.label.clone(), error.to_string()));
                }
            }
        }
        Ok(failures)
    }

    /// Puts the shares in the folders `parts` together in this study's folder, as the log of a run
    /// that has decided all their stimuli: [`ShapeBiasStudy::run`] then writes the results.
    ///
    /// # Errors
    ///
    /// [`AnalysisError::Parts`] for parts that don't make a whole; [`AnalysisError::Store`].
    pub fn merge(&self, parts: &[PathBuf]) -> Result<(), AnalysisError> {
        let categories = self.categories()?;
        let stimuli = self.list(&self.pattern()?, &categories)?.stimuli;
        let places: HashMap<&str, usize> =
            stimuli.iter().enumerate().map(|(place, found)| (found.name.as_str(), place)).collect();
        for (spec, path) in self.models.iter().zip(&self.decision_paths()?) {
            let mut logs = Vec::new();
            for part in parts {
                let name = path.strip_prefix(&self.out).unwrap_or(path);
                let found =
                    decision_log::read(&part_path(&part.join(name)), &stimuli, &categories)?;
                let log = found.ok_or_else(|| {
                    let what = format!("{} holds no part of {}", part.display(), spec.label);
                    AnalysisError::Parts(what)
                })?;
                logs.push((part, log));
            }
            let shares: Vec<Share<'_>> = logs
                .iter()
                .map(|(folder, log)| Share {
                    folder,
                    settings: &log.head.settings,
                    shard: log.head.shard,
                    finished: log.head.finished,
                })
                .collect();
            check_shares(&spec.label, &shares)?;
            let Some(settings) = logs.first().map(|(_, log)| log.head.settings.clone()) else {
                continue;
            };
            let mut decisions: Vec<_> =
                logs.into_iter().flat_map(|(_, log)| log.decisions).collect();
            decisions.sort_by_key(|decision| places.get(decision.stimulus.as_str()));
            self.claim(&[])?;
            let head = LogHead { settings, shard: Shard::WHOLE, finished: false };
            decision_log::write_log(&part_path(path), &spec.label, &head, &decisions)?;
        }
        Ok(())
    }

    /// Whether `other` asks for the same numbers.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        self.identity(Shard::WHOLE) == other.identity(Shard::WHOLE)
    }

    fn categories(&self) -> Result<Categories, AnalysisError> {
        Ok(match &self.categories {
            Some(path) => Categories::load(path)?,
            None => Categories::imagenet_16()?,
        })
    }

    fn pattern(&self) -> Result<NamePattern, AnalysisError> {
        Ok(match &self.pattern {
            Some(pattern) => NamePattern::new(pattern)?,
            None => NamePattern::published()?,
        })
    }

    /// Names of the files of the networks' decisions in the study's folder.
    fn decision_names(&self) -> Result<Vec<String>, AnalysisError> {
        let labels: Vec<&str> = self.models.iter().map(|spec| spec.label.as_str()).collect();
        Ok(output::decision_names(&labels)?)
    }

    fn decision_paths(&self) -> Result<Vec<PathBuf>, AnalysisError> {
        Ok(self.decision_names()?.iter().map(|name| self.out.join(name)).collect())
    }

    /// Takes the folder for the study, before any work. `further` are the labels of observers that
    /// aren't networks of the study.
    pub(super) fn claim(&self, further: &[&str]) -> Result<ResultFolder, AnalysisError> {
        let folder = self.open(Shard::WHOLE)?;
        let mut names = vec![output::JSON_NAME.to_owned(), output::CSV_NAME.to_owned()];
        for name in self.decision_names()? {
            names.extend([part_name(&name), name]);
        }
        let networks = self.models.iter().map(|spec| spec.label.as_str());
        let observers = networks.chain(further.iter().copied()).filter(|_| self.confusion);
        names.extend(figures::names(observers, &self.formats));
        folder.claim(names)?;
        Ok(folder)
    }

    fn open(&self, shard: Shard) -> Result<ResultFolder, AnalysisError> {
        Ok(ResultFolder::open(&self.out, "shapebias", &self.identity(shard), self.force)?)
    }

    /// What can be refused before any work.
    fn check(&self) -> Result<(), AnalysisError> {
        let refuse = |reason: &str| Err(AnalysisError::Request(reason.to_owned()));
        if self.models.is_empty() && self.decisions.is_empty() {
            return refuse("nothing to evaluate: give --model or --decisions");
        }
        if !self.models.is_empty() && self.stimuli.is_none() {
            return refuse("no stimuli: give --stimuli with their folder");
        }
        if self.batch_size == 0 || self.resamples == 0 {
            return refuse("--batch-size and --resamples must be at least 1");
        }
        check_labels(self.models.iter().map(|spec| spec.label.as_str()), |_| false)?;
        check_models(&self.models, self.init, self.device)
    }

    fn list(
        &self,
        pattern: &NamePattern,
        categories: &Categories,
    ) -> Result<StimulusSet, AnalysisError> {
        match &self.stimuli {
            Some(folder) => Ok(StimulusSet::list(folder, pattern, categories)?),
            None => Ok(StimulusSet::default()),
        }
    }

    fn read_decisions(
        &self,
        pattern: &NamePattern,
        categories: &Categories,
        stimuli: &[Stimulus],
        issues: &mut Vec<Issue>,
    ) -> Result<Vec<Observer>, AnalysisError> {
        if self.decisions.is_empty() {
            return Ok(Vec::new());
        }
        let reader = DecisionReader::new(pattern, categories, stimuli)?;
        let read = reader.read_all(&self.decisions)?;
        issues.extend(read.issues);
        Ok(read.observers)
    }

    /// Everything that was asked, as a digest.
    pub(super) fn identity(&self, shard: Shard) -> String {
        let asked = format!(
            "{:?}",
            (
                (&self.models, &self.init, &self.stimuli, &self.pattern, &self.decisions),
                (&self.categories, self.humans, &self.mean, &self.std, self.resamples),
                (&self.path, self.seed, shard.to_string()),
            )
        );
        digest::sha256_bytes(asked.as_bytes())
    }

    fn provenance(&self) -> Provenance {
        let mut provenance = Provenance::of_this_run();
        provenance.protocol = PROTOCOL.into();
        record_run(&mut provenance, self.device, self.path, self.seed);
        provenance
    }
}

/// Whether the study ends with an error of one network: when it was asked to stop, and when work
/// was found that isn't to be lost.
fn concerns_all(error: &AnalysisError) -> bool {
    let store = match error {
        AnalysisError::Stopped(_) => return true,
        AnalysisError::ShapeBias(ShapeBiasError::Store(error)) | AnalysisError::Store(error) => {
            error
        }
        _ => return false,
    };
    matches!(store, StoreError::State { .. })
}
