//! What a network costs: parameters, multiply-accumulate operations, and memory for its ERF map.
//!
//! Counted are the products of convolutions, linear layers and attention, one multiplication with one
//! addition being one MAC (papers say "FLOPs"). Norms, activations, poolings, sums and the softmax are
//! left out: together they are some 1 % of the work. Attention's products of activations with
//! activations are counted apart, since published figures differ in whether they hold them: those of
//! OpenMMLab do for ViT and don't for Swin.

use std::collections::HashSet;

use serde::Serialize;

use super::NnError;
use super::attention::Windows;
use super::autograd::Unit;
use super::graph::{Graph, NodeId};
use super::layer::{Convolution, Layer};
use super::shape::{Shape, shapes};
use super::window::windows;

/// Memory that libtorch and the program take before any network is loaded, in bytes.
const BASE_MEMORY: u64 = 200 << 20;

/// Cost of a layer, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Trained values; running statistics aren't counted.
    pub parameters: u64,
    /// Multiply-accumulate operations for one image with weights as one factor.
    pub weight_macs: u64,
    /// Those between activations: query with key, and attention with value.
    pub attention_macs: u64,
}

impl Cost {
    /// All multiply-accumulate operations for one image.
    pub fn macs(&self) -> u64 {
        self.weight_macs + self.attention_macs
    }
}

impl std::ops::Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost {
            parameters: self.parameters + other.parameters,
            weight_macs: self.weight_macs + other.weight_macs,
            attention_macs: self.attention_macs + other.attention_macs,
        }
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), |sum, cost| sum + cost)
    }
}

/// The cost of each layer for an image of `height` x `width`. A parameter that several layers read is
/// counted at the first.
///
/// # Errors
///
/// [`NnError::Shape`] where the layers can't take such an image.
pub fn costs(graph: &Graph, height: usize, width: usize) -> Result<Vec<Cost>, NnError> {
    let shapes = shapes(graph, height, width)?;
    let mut seen = HashSet::new();
    let mut parameters = |layer: &Layer| -> u64 {
        layer
            .parameters()
            .into_iter()
            .filter(|parameter| !parameter.role.is_buffer() && seen.insert(parameter.name.clone()))
            .map(|parameter| parameter.count() as u64)
            .sum()
    };
    Ok(graph
        .nodes
        .iter()
        .zip(&shapes)
        .map(|(node, &output)| Cost {
            parameters: parameters(&node.layer),
            weight_macs: weight_macs(&node.layer, output.positions()),
            attention_macs: attention_macs(&node.layer, output),
        })
        .collect())
}

/// The cost of the whole network.
///
/// # Errors
///
/// As [`costs`].
pub fn total(graph: &Graph, height: usize, width: usize) -> Result<Cost, NnError> {
    Ok(costs(graph, height, width)?.into_iter().sum())
}

fn weight_macs(layer: &Layer, positions: usize) -> u64 {
    let each = match layer {
        Layer::Convolution(c) => convolution_macs(c),
        Layer::Linear(l) => l.in_features * l.out_features,
        _ => 0,
    };
    (positions * each) as u64
}

/// For one position of the output.
fn convolution_macs(c: &Convolution) -> usize {
    c.out_channels * (c.in_channels / c.groups) * c.kernel[0] * c.kernel[1]
}

/// Two products of length `channels` for each pair of positions that attend to each other.
fn attention_macs(layer: &Layer, output: Shape) -> u64 {
    let (pairs, channels) = match layer {
        Layer::Attention(a) => (output.positions().pow(2), a.channels),
        Layer::WindowAttention(w) => {
            let windows = Windows::new(output.grid().unwrap_or([1, 1]), w.window, w.shifted);
            (windows.count() * windows.area().pow(2), w.channels)
        }
        _ => return 0,
    };
    2 * (pairs * channels) as u64
}

/// What the ERF map of the centre unit takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ErfCost {
    /// MACs of the forward pass up to the features, of the whole map.
    pub whole_macs: u64,
    /// The same where each layer computes only the window that can reach the unit.
    pub window_macs: u64,
    /// Peak memory for one image, in bytes: a rough estimate.
    pub memory: u64,
}

impl ErfCost {
    /// The share of MACs that the windows leave, 0 to 1.
    pub fn share(&self) -> f64 {
        self.window_macs as f64 / self.whole_macs.max(1) as f64
    }
}

/// The cost of the ERF map of the centre unit of the features, for one image of `height` x `width`.
///
/// The memory is what the fast path keeps for the way back (a bit for each value that a ReLU has seen,
/// 2 bytes for each that a GELU has seen, 4 for each of a layer norm, 20 or 28 of an attention), three of the
/// largest map, the parameters with what they are transformed to, and what the program takes anyway.
///
/// # Errors
///
/// As [`costs`].
pub fn erf_cost(graph: &Graph, height: usize, width: usize) -> Result<ErfCost, NnError> {
    let shapes = shapes(graph, height, width)?;
    let unit = centre(&shapes, graph.features);
    let windows = windows(graph, unit, height, width)?;
    let mut cost = ErfCost { whole_macs: 0, window_macs: 0, memory: BASE_MEMORY };
    let mut largest = 0;
    for (index, node) in graph.nodes.iter().enumerate() {
        let Some(window) = windows[index] else { continue };
        let shape = shapes[index];
        let positions = window.count();
        let attention = attention_macs(&node.layer, shape);
        cost.whole_macs += weight_macs(&node.layer, shape.positions()) + attention;
        cost.window_macs += weight_macs(&node.layer, positions) + attention;
        let values = (positions * shape.channels()) as u64;
        let parameters: usize = node.layer.parameters().iter().map(|p| p.count()).sum();
        cost.memory += kept_bytes(&node.layer, values) + 6 * parameters as u64;
        if !is_hidden(&node.layer) {
            largest = largest.max(4 * values);
        }
    }
    cost.memory += 3 * largest;
    Ok(cost)
}

fn centre(shapes: &[Shape], layer: NodeId) -> Unit {
    let [rows, columns] = shapes[layer.0].grid().unwrap_or([1, 1]);
    Unit { layer, row: rows / 2, column: columns / 2 }
}

/// Bytes that a layer with `values` outputs keeps for the way back.
fn kept_bytes(layer: &Layer, values: u64) -> u64 {
    match layer {
        Layer::Relu => values / 8,
        Layer::MaxPool(_) => values,
        Layer::Gelu => 2 * values,
        Layer::LayerNorm(_) => 4 * values,
        // Query, key and value, and what libtorch takes beside them; measured.
        Layer::Attention(_) => 20 * values,
        Layer::WindowAttention(_) => 28 * values,
        _ => 0,
    }
}

/// Whether a layer's output usually lives only chunk by chunk.
fn is_hidden(layer: &Layer) -> bool {
    matches!(layer, Layer::Gelu | Layer::Linear(_) | Layer::Relu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Builder;
    use crate::nn::layer::{Attention, WindowAttention};

    #[test]
    fn a_convolution_by_hand() {
        let (mut b, input) = Builder::new(3);
        let layer = Convolution::new("conv", 3, 8, 3).stride(2).with_bias();
        let conv = b.convolution("conv", input, layer);
        let conv = b.batch_norm("bn", conv, 8);
        let graph = b.finish(conv, None);
        let cost = total(&graph, 10, 6).unwrap();
        // 5 x 3 outputs of 8 channels, each 27 products; 216 weights, 8 biases, 16 of the norm.
        assert_eq!(cost, Cost { parameters: 240, weight_macs: 15 * 8 * 27, attention_macs: 0 });
    }

    #[test]
    fn attention_by_hand() {
        let tokens = Shape::Tokens { prefix: 1, height: 2, width: 3, channels: 8 };
        let attention = Layer::Attention(Attention { channels: 8, heads: 2 });
        assert_eq!(attention_macs(&attention, tokens), 2 * 7 * 7 * 8);
        let windowed = Layer::WindowAttention(WindowAttention {
            channels: 8,
            heads: 2,
            window: 2,
            shifted: true,
            table: "table".into(),
            padding: "bias".into(),
        });
        // 5 x 4 is padded to 6 x 4: 6 windows of 4 positions.
        let map = Shape::ChannelsLast { height: 5, width: 4, channels: 8 };
        assert_eq!(attention_macs(&windowed, map), 2 * 6 * 16 * 8);
    }

    /// Two 3 x 3 convolutions on 9 x 9: the centre unit needs 1 position of the second's output and
    /// 3 x 3 of the first's.
    #[test]
    fn windows_by_hand() {
        let (mut b, input) = Builder::new(4);
        let first = b.convolution("first", input, Convolution::new("first", 4, 4, 3));
        let second = b.convolution("second", first, Convolution::new("second", 4, 4, 3));
        let graph = b.finish(second, None);
        let cost = erf_cost(&graph, 9, 9).unwrap();
        assert_eq!((cost.whole_macs, cost.window_macs), (2 * 81 * 144, 10 * 144));
    }
}
