//! Affine maps of channels (batch norm, layer scale) into the matrix beside them.

use tch::{Kind, Tensor};

use super::rewrite::Rewrite;
use crate::nn::NnError;
use crate::nn::graph::NodeId;
use crate::nn::layer::Layer;

/// y = scale x + shift, channel by channel, in f64.
struct Affine {
    scale: Tensor,
    shift: Option<Tensor>,
}

/// The affine map that a layer computes, if it computes one.
fn affine(rewrite: &Rewrite, id: NodeId) -> Result<Option<Affine>, NnError> {
    let double = |name: &str| Ok(rewrite.parameters.get(name)?.to_kind(Kind::Double));
    match &rewrite.node(id).layer {
        Layer::BatchNorm(b) => {
            let entry = |suffix: &str| double(&format!("{}.{suffix}", b.prefix));
            let scale = entry("weight")? / (entry("running_var")? + b.epsilon).sqrt();
            let shift = entry("bias")? - entry("running_mean")? * &scale;
            Ok(Some(Affine { scale, shift: Some(shift) }))
        }
        Layer::ChannelScale { weight, .. } => {
            Ok(Some(Affine { scale: double(weight)?.reshape([-1]), shift: None }))
        }
        _ => Ok(None),
    }
}

/// Weight and bias of a convolution or linear layer, in f64.
fn weight_and_bias(
    rewrite: &Rewrite,
    id: NodeId,
) -> Result<Option<(Tensor, Option<Tensor>)>, NnError> {
    let (weight, bias) = match &rewrite.node(id).layer {
        Layer::Convolution(c) => (&c.weight, &c.bias),
        Layer::Linear(l) => (&l.weight, &l.bias),
        _ => return Ok(None),
    };
    let double = |name: &String| Ok(rewrite.parameters.get(name)?.to_kind(Kind::Double));
    Ok(Some((double(weight)?, bias.as_ref().map(double).transpose()?)))
}

/// Gives a convolution or linear layer new weights.
pub(super) fn set_weight_and_bias(
    rewrite: &mut Rewrite,
    id: NodeId,
    weight: &Tensor,
    bias: Option<&Tensor>,
) {
    let new_weight = rewrite.store(id, "weight", weight);
    let new_bias = bias.map(|bias| rewrite.store(id, "bias", bias));
    let names = match &mut rewrite.nodes[id.0].layer {
        Layer::Convolution(c) => (&mut c.weight, &mut c.bias),
        Layer::Linear(l) => (&mut l.weight, &mut l.bias),
        _ => return,
    };
    let old_weight = std::mem::replace(names.0, new_weight);
    *names.1 = new_bias;
    rewrite.forget(&old_weight);
}

/// Folds affine layers into the convolution or linear layer that they alone read; false where there
/// are none.
pub(super) fn fold_after(rewrite: &mut Rewrite) -> Result<bool, NnError> {
    let mut any = false;
    for id in rewrite.places() {
        let Some(Affine { scale, shift }) = affine(rewrite, id)? else { continue };
        let source = rewrite.input(id, 0);
        if !rewrite.is_free(source) || rewrite.readers(source).len() != 1 {
            continue;
        }
        let Some((weight, bias)) = weight_and_bias(rewrite, source)? else { continue };
        let mut by_row = vec![1i64; weight.dim()];
        by_row[0] = -1;
        let weight = weight * scale.reshape(by_row);
        let bias = match (bias.map(|bias| bias * &scale), shift) {
            (Some(bias), Some(shift)) => Some(bias + shift),
            (bias, shift) => bias.or(shift),
        };
        set_weight_and_bias(rewrite, source, &weight, bias.as_ref());
        rewrite.change(source);
        rewrite.replace(id, source);
        any = true;
    }
    Ok(any)
}

/// Whether what `id` computes of its input is one matrix product at each position, zero padding
/// left out: there a shift of the input is a shift of the output.
fn is_unpadded_matrix(layer: &Layer) -> bool {
    match layer {
        Layer::Convolution(c) => c.kernel == [1, 1] && c.padding == [0, 0] && c.groups == 1,
        Layer::Linear(_) => true,
        _ => false,
    }
}

/// Folds affine layers into the 1 x 1 convolutions or linear layers that read them, or that read
/// their mean over positions; false where there are none.
pub(super) fn fold_before(rewrite: &mut Rewrite) -> Result<bool, NnError> {
    let mut any = false;
    for id in rewrite.places() {
        if !rewrite.is_free(id) {
            continue;
        }
        let Some(Affine { scale, shift }) = affine(rewrite, id)? else { continue };
        let Some((readers, pools)) = matrices_after(rewrite, id) else { continue };
        for reader in readers {
            let Some((weight, bias)) = weight_and_bias(rewrite, reader)? else { continue };
            let shape = weight.size();
            let matrix = weight.reshape([shape[0], shape[1]]);
            let moved = shift.as_ref().map(|shift| matrix.mv(shift));
            let bias = match (bias, moved) {
                (Some(bias), Some(moved)) => Some(bias + moved),
                (bias, moved) => bias.or(moved),
            };
            let weight = (matrix * scale.reshape([1, -1])).reshape(&shape);
            set_weight_and_bias(rewrite, reader, &weight, bias.as_ref());
        }
        for pool in pools {
            rewrite.change(pool);
        }
        let before = rewrite.input(id, 0);
        rewrite.bypass(id, before);
        any = true;
    }
    Ok(any)
}

/// The matrices that read a layer, directly or through a mean over positions, and those means;
/// nothing where anything else reads it too.
fn matrices_after(rewrite: &Rewrite, id: NodeId) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
    let (mut matrices, mut pools) = (Vec::new(), Vec::new());
    for reader in rewrite.readers(id) {
        let layer = &rewrite.node(reader).layer;
        if is_unpadded_matrix(layer) {
            matrices.push(reader);
        } else if matches!(layer, Layer::GlobalAveragePool) && rewrite.is_free(reader) {
            let after = rewrite.readers(reader);
            if !after.iter().all(|&id| is_unpadded_matrix(&rewrite.node(id).layer)) {
                return None;
            }
            matrices.extend(after);
            pools.push(reader);
        } else {
            return None;
        }
    }
    (!matrices.is_empty()).then_some((matrices, pools))
}
