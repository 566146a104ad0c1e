//! What result folders hold together, matched by network, with what has to be said about it.

use ndarray::Array2;

use super::cost::NetworkCost;
use crate::erf::result::{AreaRatio, ErfResult};
use crate::shapebias::result::{ObserverKind, ObserverResult, ShapeBiasResult};

/// The share at which area ratios are compared in summaries.
pub const SUMMARY_SHARE: f64 = 0.5;

/// What results call the last feature map.
const FEATURES: &str = "features";

/// One network's effective receptive field.
#[derive(Clone, Debug)]
pub struct ErfEntry {
    /// The figures; the label is unique in the study.
    pub result: ErfResult,
    /// The network's name, which results of several of its layers share.
    pub network: String,
    /// The map, H x W, non-negative; absent where its file is.
    pub map: Option<Array2<f64>>,
    /// Path of the JSON file.
    pub source: String,
}

impl ErfEntry {
    /// Whether it is of the last feature map, and so of what the network decides by. An existing map,
    /// whose layer isn't known, is taken for one.
    pub fn is_of_features(&self) -> bool {
        matches!(self.result.layer.as_str(), FEATURES | "")
    }

    /// "the centre unit" or "unit (0, 3)", row and column of the feature map.
    pub fn unit(&self) -> String {
        match (self.result.around, self.result.unit) {
            (Some(_), Some([row, column])) => format!("unit ({row}, {column})"),
            _ => "the centre unit".to_owned(),
        }
    }

    /// r(50 %).
    pub fn summary_ratio(&self) -> Option<&AreaRatio> {
        let close = |ratio: &&AreaRatio| (ratio.threshold - SUMMARY_SHARE).abs() < 1e-9;
        self.result.area_ratios.iter().find(close)
    }
}

/// One shape-bias run.
#[derive(Clone, Debug)]
pub struct BiasEntry {
    /// Its contents.
    pub result: ShapeBiasResult,
    /// Path of the JSON file.
    pub source: String,
}

/// One observer of a shape-bias run.
#[derive(Clone, Debug)]
pub struct ObserverEntry {
    /// The figures; the label is unique in the study.
    pub result: ObserverResult,
    /// Index of its run in [`Study::biases`].
    pub run: usize,
    /// Index of the observer in that run.
    pub index: usize,
}

/// Which part of a report a warning belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Effective receptive fields.
    Erf,
    /// Shape bias and error consistency.
    ShapeBias,
    /// Everything about the network.
    All,
}

/// Something that the reader of a table or figure has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Label of the network or observer that it concerns; absent where it concerns the comparison.
    pub about: Option<String>,
    /// Where it belongs.
    pub scope: Scope,
    /// A full sentence.
    pub text: String,
}

/// Everything that a report is made of.
#[derive(Clone, Debug, Default)]
pub struct Study {
    /// Effective receptive fields, in the order of the folders and of their tables.
    pub erfs: Vec<ErfEntry>,
    /// Shape-bias runs.
    pub biases: Vec<BiasEntry>,
    /// Their observers: networks, then people, then people pooled.
    pub observers: Vec<ObserverEntry>,
    /// What networks cost.
    pub costs: Vec<NetworkCost>,
    /// What has to be said.
    pub warnings: Vec<Warning>,
    /// True where all area ratios may be compared: one input size and layer, and each network's centre
    /// unit or the same other unit.
    pub comparable: bool,
}

/// A network with everything that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Network<'a> {
    /// Its label.
    pub label: &'a str,
    /// How far it sees.
    pub erf: Option<&'a ErfEntry>,
    /// How it decides.
    pub observer: Option<&'a ObserverEntry>,
    /// What it costs.
    pub cost: Option<&'a NetworkCost>,
}

impl Network<'_> {
    /// Whether no checkpoint stands behind one of its results.
    pub fn untrained(&self) -> bool {
        self.erf.is_some_and(|erf| erf.result.untrained)
            || self.observer.is_some_and(|observer| observer.result.untrained)
    }

    /// Name in the zoo, where it is known.
    pub fn architecture(&self) -> Option<&str> {
        let erf =
            self.erf.map(|erf| erf.result.architecture.as_str()).filter(|name| *name != "map");
        erf.or_else(|| self.observer.and_then(|entry| entry.result.architecture.as_deref()))
            .or_else(|| self.cost.map(|cost| cost.architecture.as_str()))
    }
}

impl Study {
    /// Networks, matched by label: those with an effective receptive field in their order, then the
    /// others. A field of a layer before the last feature map stands alone: shape bias and cost are of
    /// the whole network.
    pub fn networks(&self) -> Vec<Network<'_>> {
        let mut labels: Vec<&str> = Vec::new();
        let erfs = self.erfs.iter().map(|erf| erf.result.label.as_str());
        let observers = self.network_observers().map(|entry| entry.result.label.as_str());
        let costs = self.costs.iter().map(|cost| cost.label.as_str());
        for label in erfs.chain(observers).chain(costs) {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        labels
            .into_iter()
            .map(|label| Network {
                label,
                erf: self.erfs.iter().find(|erf| erf.result.label == label),
                observer: self.network_observers().find(|entry| entry.result.label == label),
                cost: self.costs.iter().find(|cost| cost.label == label),
            })
            .collect()
    }

    /// Observers that are networks.
    pub fn network_observers(&self) -> impl Iterator<Item = &ObserverEntry> {
        self.observers.iter().filter(|entry| entry.result.kind == ObserverKind::Network)
    }

    /// The label under which the study shows an observer of a run.
    pub fn label_of<'a>(&'a self, run: usize, label: &'a str) -> &'a str {
        let own = |entry: &&ObserverEntry| {
            entry.run == run && self.biases[run].result.observers[entry.index].label == label
        };
        self.observers.iter().find(own).map_or(label, |entry| &entry.result.label)
    }

    /// All people pooled.
    pub fn humans(&self) -> Option<&ObserverEntry> {
        self.observers.iter().find(|entry| entry.result.kind == ObserverKind::Humans)
    }

    /// Trained networks with both an area ratio and a shape bias: label, r(50 %), shape bias.
    pub fn pairs(&self) -> Vec<(String, f64, f64)> {
        let pair = |network: Network<'_>| {
            let ratio = network.erf?.summary_ratio()?.ratio;
            let bias = network.observer?.result.overall.shape_bias?;
            (!network.untrained()).then(|| (network.label.to_owned(), ratio, bias))
        };
        self.networks().into_iter().filter_map(pair).collect()
    }

    /// How squares are drawn around units that aren't the centre one, where there are such; else nothing.
    pub fn off_centre(&self) -> &'static str {
        match self.erfs.iter().any(|erf| erf.result.around.is_some()) {
            true => {
                "Squares around a unit that isn't the centre one are drawn at its place and end at \
                 the border."
            }
            false => "",
        }
    }

    /// What the caption of a table or figure must say where area ratios can't be compared; begins with
    /// a space, or is empty.
    pub fn mixture(&self) -> &'static str {
        if self.comparable {
            ""
        } else {
            " The maps differ in input size, layer or unit, so they can't be compared with one another."
        }
    }

    /// Warnings that belong to a part of the report.
    pub fn warnings_of(&self, scope: Scope) -> impl Iterator<Item = &Warning> {
        let belongs = move |warning: &&Warning| {
            scope == Scope::All || warning.scope == Scope::All || warning.scope == scope
        };
        self.warnings.iter().filter(belongs)
    }
}
