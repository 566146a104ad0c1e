//! Attention, head by head: heads have nothing to do with each other, so each is a layer of its own for
//! a worker, with a slice of the channels and of the parameters.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::buffer::Storage;
use super::map::{Map, whole_of};
use super::torch_block::TorchBlock;
use crate::nn::graph::{Node, NodeId};
use crate::nn::layer::{Attention, Layer, WindowAttention};
use crate::nn::network::Parameters;
use crate::nn::{Graph, NnError, Shape};

/// Query, key and value stand side by side in the input.
const PARTS: usize = 3;

/// An attention layer, global or within windows.
#[derive(Debug)]
pub(super) struct Heads {
    blocks: Vec<TorchBlock>,
    /// Channels of a head's output.
    channels: usize,
    output: Shape,
}

impl Heads {
    /// Whether a layer has heads.
    pub fn are_in(layer: &Layer) -> bool {
        matches!(layer, Layer::Attention(_) | Layer::WindowAttention(_))
    }

    /// The heads of layer `id`, or nothing where that isn't attention.
    ///
    /// # Errors
    ///
    /// [`NnError`] where a parameter has no value.
    pub fn new(
        graph: &Graph,
        parameters: &Parameters,
        shapes: &[Shape],
        id: NodeId,
    ) -> Result<Option<Self>, NnError> {
        let node = graph.node(id);
        let (channels, heads) = match &node.layer {
            Layer::Attention(a) => (a.channels / a.heads, a.heads),
            Layer::WindowAttention(w) => (w.channels / w.heads, w.heads),
            _ => return Ok(None),
        };
        let input = shapes[node.inputs[0].0].with_channels(PARTS * channels);
        let blocks = (0..heads).map(|head| {
            let layer = match &node.layer {
                Layer::WindowAttention(w) => {
                    Layer::WindowAttention(WindowAttention { channels, heads: 1, ..w.clone() })
                }
                _ => Layer::Attention(Attention { channels, heads: 1 }),
            };
            let own = parameters_of(&node.layer, parameters, head, channels)?;
            let node = Node { layer, ..node.clone() };
            let output = shapes[id.0].with_channels(channels);
            Ok(TorchBlock::of(node, own, vec![input], output))
        });
        let blocks = blocks.collect::<Result<_, NnError>>()?;
        Ok(Some(Heads { blocks, channels, output: shapes[id.0] }))
    }

    /// The output for an input map.
    pub fn run(&self, storage: &Arc<Storage>, input: &Map) -> Result<Map, NnError> {
        let channels = self.output.channels();
        let mut output = Map::new(storage, channels, input.images, whole_of(self.output));
        let length = self.channels * input.columns();
        let places = output.values.par_chunks_exact_mut(length).zip(&self.blocks).enumerate();
        places.try_for_each(|(head, (place, block))| {
            let result = block.run(storage, &[&self.input_of(storage, input, head)])?;
            place.copy_from_slice(&result.values);
            Ok(())
        })?;
        Ok(output)
    }

    /// The input's gradient for the output's.
    pub fn run_back(
        &self,
        storage: &Arc<Storage>,
        input: &Map,
        gradient: &Map,
    ) -> Result<Map, NnError> {
        let length = self.channels * input.columns();
        let parts = self.blocks.par_iter().enumerate().map(|(head, block)| {
            let of_output = rows(storage, gradient, self.channels, &[head]);
            block.run_back(storage, &[self.input_of(storage, input, head)], &of_output)
        });
        let parts: Vec<Vec<Map>> = parts.collect::<Result<_, _>>()?;
        let mut result = Map::new(storage, input.channels, input.images, input.window);
        let heads = self.blocks.len();
        result.values.par_chunks_exact_mut(length).enumerate().for_each(|(index, place)| {
            let (part, head) = (index / heads, index % heads);
            place.copy_from_slice(&parts[head][0].values[part * length..(part + 1) * length]);
        });
        Ok(result)
    }

    fn input_of(&self, storage: &Arc<Storage>, input: &Map, head: usize) -> Map {
        let heads = self.blocks.len();
        let places: Vec<usize> = (0..PARTS).map(|part| part * heads + head).collect();
        rows(storage, input, self.channels, &places)
    }
}

/// A copy of some of a map's channels: for each of `places`, the `channels` from `place * channels` on.
fn rows(storage: &Arc<Storage>, map: &Map, channels: usize, places: &[usize]) -> Map {
    let mut part = Map::new(storage, channels * places.len(), map.images, map.window);
    let length = channels * map.columns();
    for (place, to) in places.iter().zip(part.values.chunks_exact_mut(length)) {
        to.copy_from_slice(&map.values[place * length..(place + 1) * length]);
    }
    part
}

/// What one head reads of a layer's parameters: its column of the bias table, and its channels of what
/// padded positions hold.
fn parameters_of(
    layer: &Layer,
    parameters: &Parameters,
    head: usize,
    channels: usize,
) -> Result<Parameters, NnError> {
    let mut own = Parameters::new();
    let Layer::WindowAttention(w) = layer else { return Ok(own) };
    let narrowed = |name: &str, axis: usize, ranges: &[Range<usize>]| {
        let value = parameters.get(name)?;
        let parts = ranges
            .iter()
            .map(|range| value.f_narrow(axis as i64, range.start as i64, range.len() as i64));
        parts
            .collect::<Result<Vec<_>, _>>()
            .and_then(|parts| tch::Tensor::f_cat(&parts, axis as i64))
            .map_err(NnError::torch(format!("preparing {name}")))
    };
    let column = head..head + 1;
    own.insert(w.table.clone(), narrowed(&w.table, 1, &[column])?);
    let ranges = [0, 1, 2].map(|part| {
        let first = (part * w.heads + head) * channels;
        first..first + channels
    });
    own.insert(w.padding.clone(), narrowed(&w.padding, 0, &ranges)?);
    Ok(own)
}
