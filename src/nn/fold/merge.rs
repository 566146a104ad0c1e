//! Parallel convolutions that are summed, into one.

use tch::{Kind, Tensor};

use super::affine::set_weight_and_bias;
use super::rewrite::Rewrite;
use crate::nn::NnError;
use crate::nn::graph::NodeId;
use crate::nn::layer::{Convolution, Layer};

/// Merges sums of two convolutions of the same input whose kernels can be laid over each other; false
/// where there are none.
pub(super) fn merge_parallel(rewrite: &mut Rewrite) -> Result<bool, NnError> {
    let mut any = false;
    for id in rewrite.places() {
        if !matches!(rewrite.node(id).layer, Layer::Add) {
            continue;
        }
        let (first, second) = (rewrite.input(id, 0), rewrite.input(id, 1));
        let (Some(one), Some(two)) = (mergeable(rewrite, first), mergeable(rewrite, second)) else {
            continue;
        };
        let same_input = rewrite.input(first, 0) == rewrite.input(second, 0);
        let (large, small) = if one.kernel[0] >= two.kernel[0] { (one, two) } else { (two, one) };
        let Some(margin) = margin(&large, &small).filter(|_| same_input && first != second) else {
            continue;
        };
        let weight = sum_of_kernels(rewrite, &large, &small, margin)?;
        let bias = sum_of_biases(rewrite, &large, &small)?;
        let input = rewrite.input(first, 0);
        // The sum's place comes after both convolutions', so everything it reads stands before it.
        rewrite.set(id, Layer::Convolution(large), vec![input]);
        set_weight_and_bias(rewrite, id, &weight, bias.as_ref());
        for gone in [first, second] {
            rewrite.bypass(gone, id);
        }
        any = true;
    }
    Ok(any)
}

/// A convolution that nobody but one sum reads.
fn mergeable(rewrite: &Rewrite, id: NodeId) -> Option<Convolution> {
    match &rewrite.node(id).layer {
        Layer::Convolution(c) if rewrite.is_free(id) && rewrite.readers(id).len() == 1 => {
            Some(c.clone())
        }
        _ => None,
    }
}

/// Rows and columns by which the large kernel reaches beyond the small one on each side, if both
/// kernels have the same centre and are alike otherwise.
fn margin(large: &Convolution, small: &Convolution) -> Option<[usize; 2]> {
    let alike = large.in_channels == small.in_channels
        && large.out_channels == small.out_channels
        && large.groups == small.groups
        && large.stride == small.stride;
    let along = |axis: usize| {
        let margin = large.padding[axis].checked_sub(small.padding[axis])?;
        (large.kernel[axis] == small.kernel[axis] + 2 * margin).then_some(margin)
    };
    if alike { Some([along(0)?, along(1)?]) } else { None }
}

fn sum_of_kernels(
    rewrite: &Rewrite,
    large: &Convolution,
    small: &Convolution,
    [rows, columns]: [usize; 2],
) -> Result<Tensor, NnError> {
    let weight = |c: &Convolution| Ok(rewrite.parameters.get(&c.weight)?.to_kind(Kind::Double));
    let (rows, columns) = (rows as i64, columns as i64);
    let padded = weight(small)?
        .f_constant_pad_nd([columns, columns, rows, rows])
        .map_err(NnError::torch("merging parallel kernels"))?;
    Ok(weight(large)? + padded)
}

fn sum_of_biases(
    rewrite: &Rewrite,
    large: &Convolution,
    small: &Convolution,
) -> Result<Option<Tensor>, NnError> {
    let bias = |c: &Convolution| {
        let get = |name: &String| Ok(rewrite.parameters.get(name)?.to_kind(Kind::Double));
        c.bias.as_ref().map(get).transpose()
    };
    Ok(match (bias(large)?, bias(small)?) {
        (Some(one), Some(two)) => Some(one + two),
        (one, two) => one.or(two),
    })
}
