//! A tensor with its shape and the type that it has in the file.

use super::dtype::Dtype;

/// One tensor of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Sizes, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Element type in the file.
    pub dtype: Dtype,
    /// Elements in row-major order, each as the nearest f32. As many as the product of the sizes.
    pub values: Vec<f32>,
}
