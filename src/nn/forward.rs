//! The plain walk forward: each layer is one libtorch operation, and autograd can follow.

use tch::Tensor;

use super::NnError;
use super::graph::{Graph, Node, NodeId};
use super::layer::Layer;
use super::network::Parameters;
use super::shape::{Shape, shapes};
use super::{attention, position, toeplitz};

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
/// [`NnError::Shape`] where a layer can't take its input, [`NnError::MissingParameter`] for a
/// parameter without value, [`NnError::Torch`] where libtorch refuses (memory).
pub fn forward(
    graph: &Graph,
    parameters: &Parameters,
    input: &Tensor,
    outputs: &[NodeId],
    mode: Mode,
) -> Result<Vec<Tensor>, NnError> {
    let size = input.size();
    let [_, _, height, width] = size[..] else {
        return Err(NnError::Shape {
            layer: "input".into(),
            kind: "input",
            shape: format!("{size:?}"),
            reason: "it needs a batch of images, N x C x H x W".into(),
        });
    };
    let shapes = shapes(graph, height as usize, width as usize)?;
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
            run(node, parameters, &inputs, shapes[index], mode)?
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

/// Runs one layer on its inputs; `output` is the shape that it gives (tokens don't tell how many rows
/// and columns they stand for).
pub(super) fn run(
    node: &Node,
    parameters: &Parameters,
    inputs: &[&Tensor],
    output: Shape,
    mode: Mode,
) -> Result<Tensor, NnError> {
    let x = inputs[0];
    let optional = |name: &Option<String>| name.as_deref().map(|n| parameters.get(n)).transpose();
    let result = match &node.layer {
        Layer::Input { .. } => Ok(x.shallow_clone()),
        Layer::Convolution(c)
            if mode == Mode::Training && c.bias.is_none() && toeplitz::pays(c, output) =>
        {
            toeplitz::depthwise(x, parameters.get(&c.weight)?)
        }
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
        Layer::ChannelScale { weight, .. } => x.f_mul(parameters.get(weight)?),
        Layer::ToChannelsLast => x.f_permute([0, 2, 3, 1]),
        Layer::ToChannelsFirst => x.f_permute([0, 3, 1, 2]),
        Layer::ToTokens => x.f_flatten(2, 3).and_then(|x| x.f_transpose(1, 2)),
        Layer::TokensToMap => tokens_to_map(x, output),
        Layer::PrefixTokens(p) => {
            let tokens: Vec<&Tensor> =
                p.tokens.iter().map(|name| parameters.get(name)).collect::<Result<_, _>>()?;
            prepend(x, &tokens)
        }
        Layer::PositionEmbedding(p) => {
            position::resample(parameters.get(&p.weight)?, p.prefix, p.grid, output)
                .and_then(|embedding| x.f_add(&embedding))
        }
        Layer::Attention(a) => attention::global(x, a.heads),
        Layer::WindowAttention(w) => {
            attention::windowed(x, w, parameters.get(&w.table)?, parameters.get(&w.padding)?)
        }
        Layer::SelectToken { index } => x.f_select(1, *index as i64),
        Layer::MergePatches => merge_patches(x),
        Layer::Average => x.f_add(inputs[1]).and_then(|sum| sum.f_mul_scalar(0.5)),
    };
    result.map_err(NnError::torch(format!("layer {} ({})", node.name, node.layer.kind())))
}

fn tokens_to_map(tokens: &Tensor, output: Shape) -> Result<Tensor, tch::TchError> {
    let Some([height, width]) = output.grid() else { return Ok(tokens.shallow_clone()) };
    let patches = (height * width) as i64;
    let prefix = tokens.size()[1] - patches;
    tokens
        .f_narrow(1, prefix, patches)?
        .f_transpose(1, 2)?
        .f_unflatten(2, [height as i64, width as i64])
}

fn prepend(tokens: &Tensor, prefix: &[&Tensor]) -> Result<Tensor, tch::TchError> {
    let batch = tokens.size()[0];
    let mut parts = prefix
        .iter()
        .map(|token| token.f_expand([batch, -1, -1], false))
        .collect::<Result<Vec<_>, _>>()?;
    parts.push(tokens.shallow_clone());
    Tensor::f_cat(&parts, 1)
}

/// N x H x W x C -> N x ceil(H/2) x ceil(W/2) x 4C.
fn merge_patches(x: &Tensor) -> Result<Tensor, tch::TchError> {
    let (height, width) = (x.size()[1], x.size()[2]);
    x.f_constant_pad_nd([0, 0, 0, width % 2, 0, height % 2])?
        .f_unflatten(2, [-1, 2])?
        .f_unflatten(1, [-1, 2])?
        .f_permute([0, 1, 3, 4, 2, 5])?
        .f_flatten(3, 5)
}
