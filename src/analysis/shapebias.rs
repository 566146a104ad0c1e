//! Cue-conflict decisions of networks and existing observers: files, tables and figures in one
//! folder.

mod figures;

use std::path::{Path as FilePath, PathBuf};

use tch::Device;

use super::AnalysisError;
use super::request::{check_labels, check_models, record_run};
use crate::figure::Format;
use crate::image::Prefetch;
use crate::progress::{Progress, Stop};
use crate::shapebias::analyse::Study;
use crate::shapebias::bootstrap::Bootstrap;
use crate::shapebias::categories::Categories;
use crate::shapebias::classifier::{Classifier, Preparation};
use crate::shapebias::decision_file::DecisionReader;
use crate::shapebias::evaluate::Evaluation;
use crate::shapebias::observer::Observer;
use crate::shapebias::output::{self, DecisionLog};
use crate::shapebias::result::{Issue, ShapeBiasResult};
use crate::shapebias::stimuli::{NamePattern, Stimulus, StimulusSet};
use crate::store::provenance::InputFile;
use crate::store::{Provenance, ResultFolder, digest};
use crate::zoo::run::Path;
use crate::zoo::{Init, Model, ModelSpec};

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
    /// `shapebias.csv`, `.json` and figures. A network that fails costs only itself.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`] for what concerns the study as a whole: a wrong request, no usable stimulus
    /// or decision, a folder that can't be written or belongs to another run, `stop`.
    pub fn run(&self, progress: &dyn Progress, stop: &Stop) -> Result<Outcome, AnalysisError> {
        self.check()?;
        let categories = match &self.categories {
            Some(path) => Categories::load(path)?,
            None => Categories::imagenet_16()?,
        };
        let pattern = match &self.pattern {
            Some(pattern) => NamePattern::new(pattern)?,
            None => NamePattern::published()?,
        };
        let set = self.list(&pattern, &categories)?;
        let labels: Vec<&str> = self.models.iter().map(|spec| spec.label.as_str()).collect();
        let paths = output::decision_paths(&self.out, &labels)?;
        let folder = ResultFolder::open(&self.out, "shapebias", &self.identity(), self.force)?;
        folder.check_free([output::JSON_NAME, output::CSV_NAME])?;
        folder.claim()?;
        let mut issues = set.issues;
        let mut observers =
            self.read_decisions(&pattern, &categories, &set.stimuli, &mut issues)?;
        let mut failures = Vec::new();
        for issue in &issues {
            progress.warn(&issue.message);
        }
        for (spec, path) in self.models.iter().zip(&paths) {
            let work = Work { spec, path, stimuli: &set.stimuli, categories: &categories };
            match self.evaluate(&work, progress, stop) {
                Ok((observer, found)) => {
                    found.iter().for_each(|issue| progress.warn(&issue.message));
                    issues.extend(found);
                    observers.push(observer);
                }
                Err(stopped @ AnalysisError::Stopped(_)) => return Err(stopped),
                Err(error) => {
                    progress.warn(&format!("{} failed: {error}", spec.label));
                    failures.push((spec.label.clone(), error.to_string()));
                }
            }
        }
        if observers.is_empty() && !failures.is_empty() {
            let labels: Vec<&str> = failures.iter().map(|(label, _)| label.as_str()).collect();
            let reason = format!("no network could be evaluated: {} failed", labels.join(", "));
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
        output::write(folder.path(), &result)?;
        figures::draw(&result, self.confusion, &self.formats, &folder)?;
        Ok(Outcome { result, failures })
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

    /// Everything that the numbers depend on, as a digest.
    fn identity(&self) -> String {
        let asked = format!(
            "{:?}",
            (
                (&self.models, &self.init, &self.stimuli, &self.pattern, &self.decisions),
                (&self.categories, self.humans, &self.mean, &self.std, self.resamples),
                (&self.path, self.seed),
            )
        );
        digest::sha256_bytes(asked.as_bytes())
    }

    fn provenance(&self) -> Provenance {
        let mut provenance = Provenance::of_this_run();
        provenance.protocol = "decision = the category with the largest mean softmax probability \
                               over its classes; shape bias = correct shape decisions / (correct \
                               shape + correct texture decisions) over stimuli whose cues disagree \
                               (Geirhos et al. 2019)"
            .into();
        record_run(&mut provenance, self.device, self.path, self.seed);
        provenance
    }

    /// One network's decisions on all stimuli, written as they are made.
    fn evaluate(
        &self,
        work: &Work<'_>,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<(Observer, Vec<Issue>), AnalysisError> {
        let Work { spec, path, stimuli, categories } = *work;
        let model = Model::load(spec, self.init, self.device)?;
        let preparation = Preparation::new(&model.defaults, self.mean, self.std);
        preparation.preprocessing().check()?;
        let mut provenance = self.provenance();
        provenance.inputs = model.checkpoint.iter().cloned().collect::<Vec<InputFile>>();
        provenance.preprocessing = Some(preparation.preprocessing().record());
        let (architecture, untrained) = (model.architecture.clone(), model.untrained);
        let classifier = Classifier::new(model, preparation.size, self.path, self.device)?;
        let evaluation = Evaluation {
            label: &spec.label,
            stimuli,
            categories,
            outputs: classifier.outputs()?,
            batch_size: self.batch_size,
        };
        categories.check_outputs(evaluation.outputs)?;
        let files = stimuli.iter().map(|stimulus| stimulus.path.clone()).collect();
        let read = move |path: &FilePath| preparation.read(path);
        let prefetch = Prefetch::new(files, 1, 2 * self.batch_size, read)?;
        let inputs = prefetch
            .take_while(|_| !stop.is_set())
            .map(|(index, _, input)| (index, input.map_err(|error| error.to_string())));
        let mut log = DecisionLog::create(path, &spec.label)?;
        progress.begin(&spec.label, stimuli.len(), "stimuli");
        let evaluated = evaluation.run(
            inputs,
            |batch: &[Vec<f32>]| classifier.logits(batch),
            |decision| {
                progress.advance(1);
                log.write(decision)
            },
        );
        progress.end();
        let evaluated = evaluated?;
        if stop.is_set() {
            return Err(AnalysisError::Stopped(format!("{}.part", path.display())));
        }
        log.finish()?;
        let (observer, mut issues) = Observer::new(&spec.label, evaluated.decisions, provenance);
        issues.extend(evaluated.issues);
        Ok((observer.network(&architecture, untrained), issues))
    }
}

/// One network's part of the work.
#[derive(Clone, Copy)]
struct Work<'a> {
    spec: &'a ModelSpec,
    path: &'a FilePath,
    stimuli: &'a [Stimulus],
    categories: &'a Categories,
}
