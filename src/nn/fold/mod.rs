//! Folding: a rewrite of a network into one with fewer layers and the same outputs.
//!
//! In evaluation mode a batch norm is an affine map of each channel, so it can be taken into the
//! weights of a convolution beside it (Jacob et al. 2018, "Quantization and training of neural
//! networks for efficient integer-arithmetic-only inference", section 3.2), and parallel
//! convolutions that are summed are one convolution with the sum of their kernels (Ding et al. 2021,
//! "RepVGG", section 3.3; Ding et al. 2022, section 3). New weights are computed in f64 and stored
//! in f32.

mod affine;
mod merge;
mod rewrite;

use tch::Tensor;

use super::NnError;
use super::forward::{Mode, forward};
use super::graph::NodeId;
use super::network::Network;

/// A folded network.
#[derive(Debug)]
pub struct Folded {
    /// The network with fewer layers.
    pub network: Network,
    /// For each layer of the network before: the layer that now gives the same values, or nothing
    /// where no layer does any more.
    pub places: Vec<Option<NodeId>>,
}

/// Folds every batch norm and layer scale into a neighbouring convolution or linear layer, also one
/// that stands before an unpadded 1 x 1 convolution, and merges parallel convolutions that are
/// summed. The values of the last feature map, the logits, the stages and of the layers in `keep`
/// stay available.
///
/// # Errors
///
/// [`NnError`] where a parameter has no value or libtorch fails.
pub fn fold(network: Network, keep: &[NodeId]) -> Result<Folded, NnError> {
    let mut rewrite = rewrite::Rewrite::new(network, keep);
    // One rule can make room for another: kernels can be merged once their norms are gone.
    while affine::fold_after(&mut rewrite)?
        || merge::merge_parallel(&mut rewrite)?
        || affine::fold_before(&mut rewrite)?
    {}
    Ok(rewrite.finish())
}

/// The largest difference between the logits (or, without a classifier, the last feature maps) of
/// two networks on `images` (N x C x H x W), and the largest value of the first.
///
/// # Errors
///
/// [`NnError`] where the layers can't take the images.
pub fn largest_difference(
    before: &Network,
    after: &Network,
    images: &Tensor,
) -> Result<(f64, f64), NnError> {
    let output = |network: &Network| -> Result<Tensor, NnError> {
        let layer = network.graph.logits.unwrap_or(network.graph.features);
        let run =
            || forward(&network.graph, &network.parameters, images, &[layer], Mode::Evaluation);
        Ok(tch::no_grad(run)?.remove(0))
    };
    let (before, after) = (output(before)?, output(after)?);
    let largest = |values: &Tensor| {
        values
            .f_abs()
            .and_then(|values| values.f_max())
            .and_then(f64::try_from)
            .map_err(NnError::torch("comparing folded outputs"))
    };
    Ok((largest(&(&after - &before))?, largest(&before)?))
}

#[cfg(test)]
mod tests;
