//! What a network costs, as `inspect.json` in a result folder tells: a list of what `fieldscope
//! inspect --json` prints.

use serde::Deserialize;

/// Name of the file.
pub const FILE_NAME: &str = "inspect.json";

/// One network's cost at one input size.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NetworkCost {
    /// Name in tables.
    pub label: String,
    /// Name in the zoo.
    pub architecture: String,
    /// Side of the input, in pixels.
    pub size: usize,
    /// In the form that the network was given in.
    pub cost: Count,
    /// Once batch norms are folded and parallel kernels merged.
    pub merged: Count,
    /// What an ERF map of the centre unit takes.
    pub erf: ErfCount,
    /// Path of the file that says so.
    #[serde(skip)]
    pub source: String,
    /// Its place in that file's list.
    #[serde(skip)]
    pub index: usize,
}

/// Parameters and multiply-accumulate operations for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Count {
    /// Trained values.
    pub parameters: u64,
    /// Operations with weights as one factor.
    pub weight_macs: u64,
    /// Operations between activations (attention's products).
    pub attention_macs: u64,
}

impl Count {
    /// All operations.
    pub fn macs(&self) -> u64 {
        self.weight_macs + self.attention_macs
    }
}

/// What of a network an ERF map needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct ErfCount {
    /// Operations of the forward pass up to the features.
    pub whole_macs: u64,
    /// Those that can reach the centre unit.
    pub window_macs: u64,
}
