//! (placeholder)
use std::collections::BTreeMap;
/// One tensor of a checkpoint.
pub struct NamedTensor {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}
/// Named tensors.
pub struct Checkpoint {
    pub tensors: BTreeMap<String, NamedTensor>,
    pub sha256: String,
}
/// Errors.
#[derive(Debug, thiserror::Error)]
#[error("weights")]
pub struct WeightsError;
