//! Shape bias from decisions that networks have made in runs of their own, and from existing ones.

use std::path::{Path, PathBuf};

use super::{PROTOCOL, figures};
use crate::analysis::AnalysisError;
use crate::figure::Format;
use crate::progress::Progress;
use crate::shapebias::analyse::Study;
use crate::shapebias::bootstrap::Bootstrap;
use crate::shapebias::categories::Categories;
use crate::shapebias::decision_file::DecisionReader;
use crate::shapebias::observer::Observer;
use crate::shapebias::output;
use crate::shapebias::result::{Issue, IssueKind, ObserverKind, ShapeBiasResult};
use crate::shapebias::stimuli::{NamePattern, StimulusSet};
use crate::store::{Provenance, ResultFolder, digest};

/// Where a network's decisions are.
#[derive(Clone, Debug)]
pub enum Part {
    /// In the folder of a [`super::ShapeBiasStudy`] of this network alone.
    Evaluated {
        /// Name in tables and figures.
        label: String,
        /// The folder.
        folder: PathBuf,
    },
    /// In a file or folder of existing decisions.
    Read {
        /// Name in tables and figures.
        label: String,
        /// Name in the zoo, if known.
        architecture: Option<String>,
        /// The file or folder.
        decisions: PathBuf,
    },
}

/// What is combined, and how.
#[derive(Clone, Debug)]
pub struct Combination {
    /// Networks, in order.
    pub networks: Vec<Part>,
    /// Folder of stimuli.
    pub stimuli: Option<PathBuf>,
    /// Regular expression for the names of stimuli.
    pub pattern: Option<String>,
    /// Mapping from class to category.
    pub categories: Option<PathBuf>,
    /// Existing decisions of further observers.
    pub decisions: Vec<PathBuf>,
    /// Whether the built-in human reference is shown where it applies.
    pub humans: bool,
    /// Resamples behind each interval.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Folder for the results.
    pub out: PathBuf,
    /// Whether another run's results may be overwritten.
    pub force: bool,
    /// File formats of the figures.
    pub formats: Vec<Format>,
}

impl Combination {
    /// Computes shape bias of all observers and writes `shapebias.json`, `.csv` and figures.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`]: decisions that can't be read, a folder that can't be written.
    pub fn run(&self, progress: &dyn Progress) -> Result<ShapeBiasResult, AnalysisError> {
        let categories = match &self.categories {
            Some(path) => Categories::load(path)?,
            None => Categories::imagenet_16()?,
        };
        let pattern = match &self.pattern {
            Some(pattern) => NamePattern::new(pattern)?,
            None => NamePattern::published()?,
        };
        let set = match &self.stimuli {
            Some(folder) => StimulusSet::list(folder, &pattern, &categories)?,
            None => StimulusSet::default(),
        };
        let identity = digest::sha256_bytes(format!("{self:?}").as_bytes());
        let folder = ResultFolder::open(&self.out, "shapebias", &identity, self.force)?;
        let tables = [output::JSON_NAME, output::CSV_NAME].map(str::to_owned);
        folder.claim(tables.into_iter().chain(figures::names([], &self.formats)))?;
        let reader = DecisionReader::new(&pattern, &categories, &set.stimuli)?;
        let mut issues = set.issues;
        let mut observers = Vec::new();
        for part in &self.networks {
            observers.extend(read(part, &reader, &mut issues)?);
        }
        if !self.decisions.is_empty() {
            let read = reader.read_all(&self.decisions)?;
            issues.extend(read.issues);
            observers.extend(read.observers);
        }
        let study = Study {
            observers,
            stimuli: &set.stimuli,
            categories: &categories,
            built_in_humans: self.humans,
            bootstrap: Bootstrap { resamples: self.resamples, seed: self.seed },
            issues,
            provenance: Provenance {
                protocol: PROTOCOL.to_owned(),
                seed: self.seed,
                ..Provenance::of_this_run()
            },
        };
        let result = study.analyse()?;
        for issue in &result.issues {
            progress.warn(&issue.message);
        }
        output::write(folder.path(), &result)?;
        figures::draw(&result, false, &self.formats, folder.path(), progress)?;
        Ok(result)
    }

    /// Draws the figures of what was computed before anew.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`]: a result that can't be read, a figure that can't be drawn.
    pub fn redraw(&self, progress: &dyn Progress) -> Result<(), AnalysisError> {
        figures::draw(&earlier(&self.out)?, false, &self.formats, &self.out, progress)
    }
}

/// A network's observers: one, or several where the decisions are of several.
fn read(
    part: &Part,
    reader: &DecisionReader<'_>,
    issues: &mut Vec<Issue>,
) -> Result<Vec<Observer>, AnalysisError> {
    match part {
        Part::Read { label, architecture, decisions } => {
            let mut read = reader.read_all(std::slice::from_ref(decisions))?;
            issues.extend(read.issues);
            if let [observer] = read.observers.as_mut_slice() {
                observer.label.clone_from(label);
                observer.kind = ObserverKind::Network;
                observer.architecture.clone_from(architecture);
            }
            Ok(read.observers)
        }
        Part::Evaluated { label, folder } => {
            let earlier = earlier(folder)?;
            let mut read = reader.read_all(&[folder.join("decisions")])?;
            let known = earlier.observers.iter().find(|observer| observer.label == *label);
            for observer in &mut read.observers {
                observer.label.clone_from(label);
                observer.kind = ObserverKind::Network;
                if let Some(known) = known {
                    observer.architecture.clone_from(&known.architecture);
                    observer.untrained = known.untrained;
                    observer.provenance = known.provenance.clone();
                }
            }
            // What listing and reading find is found again; what evaluation found is known there alone.
            let kinds = [IssueKind::UnreadableStimulus, IssueKind::NonFiniteOutput];
            issues.extend(earlier.issues.into_iter().filter(|issue| kinds.contains(&issue.kind)));
            Ok(read.observers)
        }
    }
}

/// The result that a run has left in a folder.
fn earlier(folder: &Path) -> Result<ShapeBiasResult, AnalysisError> {
    let path = folder.join(output::JSON_NAME);
    let problem = |error: String| {
        AnalysisError::Failed(format!("cannot read {}: {error}; delete the folder", path.display()))
    };
    let text = std::fs::read(&path).map_err(|error| problem(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| problem(error.to_string()))
}
