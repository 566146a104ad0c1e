//! The plain walk forward: each layer is one libtorch operation, and autograd can follow.

use tch::Tensor;

use super::NnError;
use super::graph::{Graph, Node, NodeId};
use super::layer::Layer;
use super::network::Parameters;

/// How batch norms behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Running statistics are used.
    Evaluation,
    /// The batch's statistics are used, and the running ones are updated (momentum 0.1).
    Training,
}

/// Runs the layers that `outputs` need on `input` (N x C x H x W), and returns those outputs in
/// order. An activation is dropped once its last reader has run (unless autograd keeps it).
///
/// # Errors
///
/// [`NnError::MissingParameter`] for a parameter without value, [`NnError::Torch`] where libtorch
/// refuses (shapes, memory); check sizes first with [`super::shape::shapes`] for a clearer message.
pub fn forward(
    graph: &Graph,
    parameters: &Parameters,
    input: &Tensor,
    outputs: &[NodeId],
    mode: Mode,
) -> Result<Vec<Tensor>, NnError> {
    let needed = graph.needed_for(outputs);
    let mut readers = graph.readers(&needed);
    for output in outputs {
        readers[output.0] += 1;
    }
    let mut values: Vec<Option<Tensor>> = (0..graph.nodes.len()).map(|_| None).collect();
    for (index, node) in graph.nodes.iter().enumerate().filter(|(index, _)| needed[*index]) {
        let value = if let Layer::Input { .. } = node.layer {
            input.shallow_clone()
        } else {
            let inputs: Vec<&Tensor> =
                node.inputs.iter().filter_map(|input| values[input.0].as_ref()).collect();
            run(node, parameters, &inputs, mode)?
        };
        values[index] = Some(value);
        for read in &node.inputs {
            readers[read.0] -= 1;
            if readers[read.0] == 0 {
                values[read.0] = None;
            }
        }
    }
    Ok(outputs
        .iter()
        .filter_map(|output| values[output.0].as_ref().map(Tensor::shallow_clone))
        .collect())
}

/// Runs one layer on its inputs.
pub(super) fn run(
    node: &Node,
    parameters: &Parameters,
    inputs: &[&Tensor],
    mode: Mode,
) -> Result<Tensor, NnError> {
    let x = inputs[0];
    let optional = |name: &Option<String>| name.as_deref().map(|n| parameters.get(n)).transpose();
    let result = match &node.layer {
        Layer::Input { .. } => Ok(x.shallow_clone()),
        Layer::Convolution(c) => x.f_conv2d(
            parameters.get(&c.weight)?,
            optional(&c.bias)?,
            c.stride.map(|s| s as i64),
            c.padding.map(|p| p as i64),
            [1, 1],
            c.groups as i64,
        ),
        Layer::BatchNorm(b) => {
            let entry = |suffix: &str| parameters.get(&format!("{}.{suffix}", b.prefix));
            x.f_batch_norm(
                Some(entry("weight")?),
                Some(entry("bias")?),
                Some(entry("running_mean")?),
                Some(entry("running_var")?),
                mode == Mode::Training,
                0.1,
                b.epsilon,
                false,
            )
        }
        Layer::LayerNorm(l) => {
            let entry = |suffix: &str| parameters.get(&format!("{}.{suffix}", l.prefix));
            let (weight, bias) = (entry("weight")?, entry("bias")?);
            x.f_layer_norm([l.channels as i64], Some(weight), Some(bias), l.epsilon, false)
        }
        Layer::Relu => x.f_relu(),
        Layer::Gelu => x.f_gelu("none"),
        Layer::MaxPool(p) => {
            let (kernel, stride, padding) = (p.kernel as i64, p.stride as i64, p.padding as i64);
            x.f_max_pool2d([kernel; 2], [stride; 2], [padding; 2], [1, 1], false)
        }
        Layer::GlobalAveragePool => x.f_mean_dim([2i64, 3].as_slice(), false, None),
        Layer::Add => x.f_add(inputs[1]),
        Layer::Linear(l) => x.f_linear(parameters.get(&l.weight)?, optional(&l.bias)?),
        Layer::ChannelScale { channels, weight } => {
            let factor = parameters.get(weight)?;
            if x.dim() == 4 && x.size()[1] == *channels as i64 {
                factor.f_view([1, *channels as i64, 1, 1]).and_then(|factor| x.f_mul(&factor))
            } else {
                x.f_mul(factor)
            }
        }
        Layer::ToChannelsLast => x.f_permute([0, 2, 3, 1]),
        Layer::ToChannelsFirst => x.f_permute([0, 3, 1, 2]),
    };
    result.map_err(NnError::torch(format!("layer {} ({})", node.name, node.layer.kind())))
}
