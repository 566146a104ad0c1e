//! The decisions of one network of a study.

use std::path::{Path, PathBuf};

use super::ShapeBiasStudy;
use crate::analysis::AnalysisError;
use crate::analysis::request::list_of_files;
use crate::image::Prefetch;
use crate::progress::{Progress, Stop};
use crate::shapebias::categories::Categories;
use crate::shapebias::classifier::{Classifier, Preparation};
use crate::shapebias::decision_log::{DecisionLog, LogHead, part_path};
use crate::shapebias::evaluate::Evaluation;
use crate::shapebias::observer::Observer;
use crate::shapebias::result::Issue;
use crate::shapebias::stimuli::Stimulus;
use crate::store::provenance::InputFile;
use crate::store::{Settings, Shard, digest};
use crate::zoo::{Model, ModelSpec};

/// One network's part of the work.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) spec: &'a ModelSpec,
    pub(super) path: &'a Path,
    pub(super) stimuli: &'a [Stimulus],
    pub(super) categories: &'a Categories,
    pub(super) shard: Shard,
}

impl ShapeBiasStudy {
    /// One network's decisions on its share of the stimuli, left in their log.
    pub(super) fn decide_share(
        &self,
        work: &Work<'_>,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<(), AnalysisError> {
        let model = Model::load(work.spec, self.init, self.device)?;
        let preparation = Preparation::new(&model.defaults, self.mean, self.std);
        let (log, issues) = self.decide(model, preparation, work, progress, stop)?;
        issues.iter().for_each(|issue| progress.warn(&issue.message));
        Ok(log.finish_shard(work.stimuli)?)
    }

    /// Everything that the decisions of one network depend on.
    fn settings(&self, model: &Model, preparation: &Preparation, work: &Work<'_>) -> Settings {
        let checkpoint = match (&model.checkpoint, self.init) {
            (Some(file), _) => file.sha256.clone(),
            (None, init) => format!("{init:?}"),
        };
        let files: Vec<PathBuf> = work.stimuli.iter().map(|found| found.path.clone()).collect();
        let preprocessing = preparation.preprocessing();
        Settings::of_this_version()
            .with("architecture", &model.architecture)
            .with("checkpoint", checkpoint)
            .with("stimuli", list_of_files(&files))
            .with("categories", digest::sha256_bytes(format!("{:?}", work.categories).as_bytes()))
            .with("batch size", self.batch_size)
            .with("preprocessing", preprocessing.describe())
            .with_debug("mean and std", &(preprocessing.mean, preprocessing.std))
            .with("path", self.path.name())
            .with_debug("device", &self.device)
    }

    /// One network's decisions on all stimuli, written as they are made.
    pub(super) fn evaluate(
        &self,
        work: &Work<'_>,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<(Observer, Vec<Issue>), AnalysisError> {
        let spec = work.spec;
        let model = Model::load(spec, self.init, self.device)?;
        let mut provenance = self.provenance();
        provenance.inputs = model.checkpoint.iter().cloned().collect::<Vec<InputFile>>();
        let (architecture, untrained) = (model.architecture.clone(), model.untrained);
        let preparation = Preparation::new(&model.defaults, self.mean, self.std);
        provenance.preprocessing = Some(preparation.preprocessing().record());
        let (log, issues) = self.decide(model, preparation, work, progress, stop)?;
        let decisions = log.finish(work.stimuli)?;
        let (observer, found) = Observer::new(&spec.label, decisions, provenance);
        Ok((observer.network(&architecture, untrained), [issues, found].concat()))
    }

    /// Decides what an earlier run of the same settings hasn't, and gives the log of all.
    fn decide<'a>(
        &self,
        model: Model,
        preparation: Preparation,
        work: &Work<'a>,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<(DecisionLog<'a>, Vec<Issue>), AnalysisError> {
        let Work { spec, path, stimuli, categories, shard } = *work;
        preparation.preprocessing().check()?;
        let settings = self.settings(&model, &preparation, work);
        let classifier = Classifier::new(model, preparation.size, self.path, self.device)?;
        let evaluation = Evaluation {
            label: &spec.label,
            stimuli,
            categories,
            outputs: classifier.outputs()?,
            batch_size: self.batch_size,
        };
        categories.check_outputs(evaluation.outputs)?;
        let head = LogHead { settings, shard, finished: false };
        let mut log = DecisionLog::open(path, &spec.label, head, stimuli, categories, self.force)?;
        if !log.is_empty() {
            progress.say(&format!("{}: goes on after {} decisions", spec.label, log.len()));
        }
        let pending = evaluation.pending(shard, |stimulus| log.has(&stimulus.name));
        let files = pending.iter().map(|index| stimuli[*index].path.clone()).collect();
        let read = move |path: &Path| preparation.read(path);
        let prefetch = Prefetch::new(files, 1, 2 * self.batch_size, read)?;
        let inputs = pending
            .iter()
            .zip(prefetch)
            .take_while(|_| !stop.is_set())
            .map(|(index, (_, _, input))| (*index, input.map_err(|error| error.to_string())));
        progress.begin(&spec.label, evaluation.pending(shard, |_| false).len(), "stimuli");
        progress.advance(log.len());
        let evaluated = evaluation.run(
            inputs,
            // When asked to stop, the batch at hand may lack some: it is left for the next run.
            |batch: &[Vec<f32>]| match stop.is_set() {
                true => Err("stopped".to_owned()),
                false => classifier.logits(batch).map_err(|error| error.to_string()),
            },
            |decision| {
                // The rest of its batch is why it is decided again; what is written stays.
                if log.has(&decision.stimulus) {
                    return Ok(());
                }
                progress.advance(1);
                log.write(decision)
            },
        );
        progress.end();
        if stop.is_set() {
            return Err(AnalysisError::Stopped(part_path(path).display().to_string()));
        }
        Ok((log, evaluated?.issues))
    }
}
