//! The keys of an analysis file.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub title: String,
    #[serde(default)]
    pub description: String,
    pub out: Option<Spanned<String>>,
    #[serde(default)]
    pub seed: u64,
    pub device: Option<Spanned<String>>,
    pub init: Option<Spanned<String>>,
    #[serde(default)]
    pub networks: Vec<Spanned<NetworkTable>>,
    pub erf: Option<ErfTable>,
    pub shapebias: Option<ShapeBiasTable>,
    pub inspect: Option<InspectTable>,
    pub cluster: Option<ClusterTable>,
    #[serde(default)]
    pub report: ReportTable,
}

/// `[[networks]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkTable {
    pub label: Option<Spanned<String>>,
    pub arch: Option<Spanned<String>>,
    pub checkpoint: Option<Spanned<String>>,
    pub map: Option<Spanned<String>>,
    pub decisions: Option<Spanned<String>>,
    pub mean: Option<[f64; 3]>,
    pub std: Option<[f64; 3]>,
}

/// `[erf]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErfTable {
    #[serde(default)]
    pub images: Vec<Spanned<String>>,
    pub num_images: Option<usize>,
    pub size: Option<usize>,
    pub shuffle: Option<u64>,
    pub layer: Option<String>,
    pub unit: Option<[usize; 2]>,
    pub save_every: Option<u64>,
    #[serde(default)]
    pub tokens_to_map: bool,
    #[serde(default)]
    pub exact: bool,
}

/// `[shapebias]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeBiasTable {
    pub stimuli: Option<Spanned<String>>,
    #[serde(default)]
    pub decisions: Vec<Spanned<String>>,
    pub categories: Option<Spanned<String>>,
    pub pattern: Option<String>,
    pub humans: Option<bool>,
    pub batch_size: Option<usize>,
    pub resamples: Option<usize>,
    #[serde(default)]
    pub exact: bool,
}

/// `[inspect]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectTable {
    pub size: Option<usize>,
}

/// `[cluster]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterTable {
    pub partition: Option<Spanned<String>>,
    pub time: Option<Spanned<String>>,
    pub memory: Option<Spanned<String>>,
    pub cpus: Option<u16>,
    pub gpus: Option<u16>,
    pub account: Option<Spanned<String>>,
    pub setup: Option<String>,
    #[serde(default)]
    pub options: Vec<Spanned<String>>,
}

/// `[report]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportTable {
    pub formats: Option<Vec<Spanned<String>>>,
    pub figure_formats: Option<Vec<Spanned<String>>>,
    pub colormap: Option<Spanned<String>>,
    #[serde(default)]
    pub captions: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub columns: BTreeMap<String, Spanned<Vec<String>>>,
}
