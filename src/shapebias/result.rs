//! What a shape-bias run says: the contents of `shapebias.json` and the rows of `shapebias.csv`.

use serde::{Deserialize, Serialize};

use crate::store::Provenance;

/// Name of the row over all shape categories, in tables and in `shapebias.csv`.
pub const OVERALL: &str = "overall";

/// Label of the observer that pools the answers of all people.
pub const HUMANS: &str = "humans";

/// Everything a run found: the contents of `shapebias.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShapeBiasResult {
    /// Categories in use, in alphabetical order.
    pub categories: Vec<String>,
    /// Stimuli that at least one observer was to answer, those without a conflict included.
    pub stimuli: usize,
    /// Those of them whose shape and texture categories differ.
    pub conflict_stimuli: usize,
    /// Networks in the order given, then people by label, then [`HUMANS`] where there is one.
    pub observers: Vec<ObserverResult>,
    /// Error consistency of each two observers.
    pub consistency: ConsistencyMatrix,
    /// Difference in shape bias of each two observers that answered the same conflict stimuli.
    pub differences: Vec<BiasDifference>,
    /// Bootstrap resamples behind every interval and p-value.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Everything in the input that was left out, doubled or missing.
    pub issues: Vec<Issue>,
    /// Where this comes from.
    pub provenance: Provenance,
}

/// What an observer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObserverKind {
    /// A network.
    Network,
    /// One human observer (`subject-*`).
    Person,
    /// All people, their answers pooled.
    Humans,
}

impl ObserverKind {
    /// The name in `shapebias.csv` and `shapebias.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Person => "person",
            Self::Humans => "humans",
        }
    }
}

/// One observer's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObserverResult {
    /// Name in tables and figures; unique in a result.
    pub label: String,
    /// Network, person, or people pooled.
    pub kind: ObserverKind,
    /// Name in the zoo or `torchscript`; absent for people and for decisions that were read.
    pub architecture: Option<String>,
    /// True for a network at random initialisation: marked in every table and figure.
    pub untrained: bool,
    /// Over all shape categories.
    pub overall: BiasFigures,
    /// One for each of [`ShapeBiasResult::categories`] that is the shape of a stimulus, in their
    /// order.
    pub categories: Vec<CategoryFigures>,
    /// Mean Cohen's kappa with each person (for a person, each other one; for [`HUMANS`], the mean
    /// over people of that); absent where nobody's single answers are known.
    pub consistency_with_humans: Option<f64>,
    /// Answers by shape category (row) and answer (column), over all stimuli; absent where single
    /// answers are not known.
    pub confusion: Option<Confusion>,
    /// Where this observer's answers come from: the network's checkpoint, preprocessing and device,
    /// or the decision files. What is common to the run is in [`ShapeBiasResult::provenance`] alone.
    pub provenance: Provenance,
}

/// Counts and figures over one set of trials (a trial is one answer to one stimulus).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BiasFigures {
    /// Trials on stimuli whose shape and texture categories differ; all counts below are of these.
    pub conflict_trials: usize,
    /// Trials answered with the shape's category.
    pub shape_correct: usize,
    /// Trials answered with the texture's category.
    pub texture_correct: usize,
    /// Trials answered with a third category.
    pub other: usize,
    /// Trials without an answer (`na`).
    pub no_answer: usize,
    /// shape / (shape + texture), 0 to 1 (Geirhos et al. 2019); absent where both are 0.
    pub shape_bias: Option<f64>,
    /// 95 % percentile interval of the shape bias, bootstrapped over stimuli; absent where it can't
    /// be had: where resamples leave it undefined, and where all decided trials agree, since what is
    /// drawn from those is always the same and says nothing about other trials.
    pub interval: Option<[f64; 2]>,
    /// Share of the conflict trials decided for the shape, 0 to 1; 0 where there are no trials.
    pub fraction_shape: f64,
    /// Share of the conflict trials decided for the texture, 0 to 1; 0 where there are no trials.
    pub fraction_texture: f64,
    /// Their sum: the share of conflict trials decided for one of the two cues; absent where there are
    /// no trials.
    pub cue_accuracy: Option<f64>,
    /// Share of all trials, those without a conflict included, answered with the shape's category
    /// (16-way on the published set); absent where those without a conflict aren't known.
    pub shape_accuracy: Option<f64>,
}

impl BiasFigures {
    /// The same with the interval that resamples give, where they can.
    pub(super) fn with_interval(self, resampled: Option<[f64; 2]>) -> Self {
        let both = self.shape_correct > 0 && self.texture_correct > 0;
        BiasFigures { interval: resampled.filter(|_| both), ..self }
    }
}

/// Figures of the trials on one shape category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryFigures {
    /// The shape category.
    pub category: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: BiasFigures,
}

/// How often an observer gave each answer to each shape category.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Shape categories, top to bottom.
    pub rows: Vec<String>,
    /// Answers, left to right: the categories, then `na`.
    pub columns: Vec<String>,
    /// Number of trials, `counts[row][column]`.
    pub counts: Vec<Vec<usize>>,
}

/// Cohen's kappa of each two observers' right and wrong answers (Geirhos et al. 2020).
///
/// Pooled humans are not in it, since kappa is between single observers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsistencyMatrix {
    /// Labels of the rows, and of the columns.
    pub labels: Vec<String>,
    /// `kappa[row][column]`, -1 to 1, symmetric; absent on the diagonal, where no stimulus is
    /// common, and where both observers are always right or always wrong.
    pub kappa: Vec<Vec<Option<f64>>>,
    /// 95 % percentile interval of each kappa, bootstrapped over stimuli; absent where kappa is,
    /// and where the two did not answer the same stimuli.
    pub intervals: Vec<Vec<Option<[f64; 2]>>>,
    /// Number of common stimuli behind each kappa.
    pub stimuli: Vec<Vec<usize>>,
}

impl ConsistencyMatrix {
    /// Kappa of two observers by label.
    pub fn between(&self, first: &str, second: &str) -> Option<f64> {
        let index = |label: &str| self.labels.iter().position(|known| known == label);
        *self.kappa.get(index(first)?)?.get(index(second)?)?
    }
}

/// Paired bootstrap of the difference in overall shape bias of two observers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BiasDifference {
    /// Label of the first observer.
    pub first: String,
    /// Label of the second observer.
    pub second: String,
    /// Shape bias of the first minus that of the second, -1 to 1.
    pub difference: f64,
    /// 95 % percentile interval of the difference, over resampled stimuli.
    pub interval: [f64; 2],
    /// Two-sided p-value of no difference, 0 to 1.
    pub p_value: f64,
}

/// Something in the input that the reader of a figure has to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// What is wrong.
    pub kind: IssueKind,
    /// Label of the observer it concerns, where it concerns one.
    pub observer: Option<String>,
    /// File it was found in.
    pub file: Option<String>,
    /// Line of that file, from 1.
    pub line: Option<u64>,
    /// The stimuli concerned, by file name.
    pub stimuli: Vec<String>,
    /// One sentence for the reader: what is wrong and what was done about it.
    pub message: String,
}

/// Kinds of [`Issue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IssueKind {
    /// A decision file that can't be read at all.
    UnusableFile,
    /// A row of a decision file that can't be read; it was left out.
    MalformedRow,
    /// A stimulus that one observer answered more than once; the first answer counts.
    DuplicateStimulus,
    /// Stimuli that other observers answered and this one didn't.
    MissingStimuli,
    /// A stimulus whose name doesn't tell its categories; it was left out.
    UnparsableName,
    /// A stimulus with a shape or texture category outside the categories in use; it was left out.
    UnknownCategory,
    /// A stimulus that can't be decoded; it was left out.
    UnreadableStimulus,
    /// Names that lead, by links, to a stimulus that another name gives; it was used once.
    RepeatedStimulus,
    /// A stimulus on which a network's output is NaN or infinite; it was left out.
    NonFiniteOutput,
    /// A decision that disagrees with the name of its stimulus; it was left out.
    ContradictoryRow,
    /// Files that name the same observer but can't be one; they were kept apart.
    AmbiguousObserver,
    /// Something about the built-in human reference.
    HumanReference,
}

/// A row of `shapebias.csv`: one observer and category, or [`OVERALL`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShapeBiasRow {
    /// Label of the observer.
    pub observer: String,
    /// Network, person, or people pooled.
    pub kind: ObserverKind,
    /// Name in the zoo or `torchscript`; empty where not known.
    pub architecture: Option<String>,
    /// True for a network at random initialisation.
    pub untrained: bool,
    /// A shape category, or [`OVERALL`].
    pub category: String,
    /// See [`BiasFigures::conflict_trials`].
    pub conflict_trials: usize,
    /// See [`BiasFigures::shape_correct`].
    pub shape_correct: usize,
    /// See [`BiasFigures::texture_correct`].
    pub texture_correct: usize,
    /// See [`BiasFigures::other`].
    pub other: usize,
    /// See [`BiasFigures::no_answer`].
    pub no_answer: usize,
    /// See [`BiasFigures::shape_bias`].
    pub shape_bias: Option<f64>,
    /// Lower end of [`BiasFigures::interval`].
    pub shape_bias_low: Option<f64>,
    /// Upper end of [`BiasFigures::interval`].
    pub shape_bias_high: Option<f64>,
    /// See [`BiasFigures::fraction_shape`].
    pub fraction_shape: f64,
    /// See [`BiasFigures::fraction_texture`].
    pub fraction_texture: f64,
    /// See [`BiasFigures::cue_accuracy`].
    pub cue_accuracy: Option<f64>,
    /// See [`BiasFigures::shape_accuracy`].
    pub shape_accuracy: Option<f64>,
    /// See [`ObserverResult::consistency_with_humans`]; only in the row [`OVERALL`].
    pub consistency_with_humans: Option<f64>,
}

impl ShapeBiasResult {
    /// The rows of `shapebias.csv`: for each observer [`OVERALL`], then its categories.
    pub fn rows(&self) -> Vec<ShapeBiasRow> {
        self.observers.iter().flat_map(ObserverResult::rows).collect()
    }

    /// An observer by label.
    pub fn observer(&self, label: &str) -> Option<&ObserverResult> {
        self.observers.iter().find(|observer| observer.label == label)
    }
}

impl ObserverResult {
    /// This observer's rows of `shapebias.csv`.
    pub fn rows(&self) -> Vec<ShapeBiasRow> {
        let mut overall = self.row(OVERALL, &self.overall);
        overall.consistency_with_humans = self.consistency_with_humans;
        let categories = self.categories.iter();
        std::iter::once(overall)
            .chain(categories.map(|entry| self.row(&entry.category, &entry.figures)))
            .collect()
    }

    fn row(&self, category: &str, figures: &BiasFigures) -> ShapeBiasRow {
        ShapeBiasRow {
            observer: self.label.clone(),
            kind: self.kind,
            architecture: self.architecture.clone(),
            untrained: self.untrained,
            category: category.to_owned(),
            conflict_trials: figures.conflict_trials,
            shape_correct: figures.shape_correct,
            texture_correct: figures.texture_correct,
            other: figures.other,
            no_answer: figures.no_answer,
            shape_bias: figures.shape_bias,
            shape_bias_low: figures.interval.map(|[low, _]| low),
            shape_bias_high: figures.interval.map(|[_, high]| high),
            fraction_shape: figures.fraction_shape,
            fraction_texture: figures.fraction_texture,
            cue_accuracy: figures.cue_accuracy,
            shape_accuracy: figures.shape_accuracy,
            consistency_with_humans: None,
        }
    }
}
