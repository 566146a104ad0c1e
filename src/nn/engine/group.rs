//! Position-wise layers as a program: matrix products and passes over rows, run chunk by chunk.
//!
//! Layers that treat each position alike (1 x 1 convolutions, linear layers, norms, activations,
//! sums) need nothing of their neighbours, so a chunk of positions goes through all of them while it
//! is in the cache, and the wide hidden layers never exist as a whole. This file turns such layers
//! into a straight-line [`program`](super::program), [`super::reverse`] makes the one that goes back, and
//! [`super::chunk`] runs them.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::columns::Matrix;
use super::program::{Activation, Program, Slot, Step};
use super::reverse::backward;
use crate::nn::NnError;
use crate::nn::graph::{Graph, NodeId};
use crate::nn::layer::Layer;
use crate::nn::network::Parameters;

/// What a group of layers reads from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupInput {
    pub node: NodeId,
    /// Whether nobody reads it later, so that its memory may be used.
    pub dies: bool,
}

/// The programs of a group of layers.
#[derive(Debug)]
pub(super) struct Compiled {
    pub forward: Program,
    /// Takes the gradients of the outputs, gives those of the inputs.
    pub backward: Program,
    pub matrices: Vec<Matrix>,
    /// Channels of each input.
    pub input_channels: Vec<usize>,
    /// How many signs, slopes or norms a chunk keeps.
    pub kept: usize,
}

/// Whether a layer with these input shapes treats each position alike, so that a program can do it.
pub(super) fn is_position_wise(layer: &Layer) -> bool {
    match layer {
        Layer::Convolution(c) => c.is_pointwise(),
        Layer::BatchNorm(_)
        | Layer::LayerNorm(_)
        | Layer::Relu
        | Layer::Gelu
        | Layer::Add
        | Layer::Linear(_)
        | Layer::ChannelScale { .. }
        | Layer::ToChannelsLast
        | Layer::ToChannelsFirst => true,
        _ => false,
    }
}

/// Compiles the layers `members` (in order), which read `inputs` from outside and whose `outputs` are
/// read there. `channels` are those of every layer's output.
pub(super) fn compile(
    graph: &Graph,
    parameters: &Parameters,
    channels: &[usize],
    members: &[NodeId],
    inputs: &[GroupInput],
    outputs: &[NodeId],
) -> Result<Compiled, NnError> {
    let mut lowering = Lowering::new(graph, parameters, channels, members, inputs, outputs);
    for &member in members {
        lowering.lower(member)?;
    }
    let output_slots: Vec<Slot> = outputs.iter().map(|node| lowering.slot_of[node]).collect();
    let Lowering { steps, slot_channels, input_slots, matrices, kept, .. } = lowering;
    let backward = backward(&steps, &slot_channels, &input_slots, &output_slots);
    let input_channels = inputs.iter().map(|input| channels[input.node.0]).collect();
    let forward = Program::new(steps, slot_channels, &input_slots, &output_slots);
    Ok(Compiled { forward, backward, matrices, input_channels, kept })
}

/// The forward program while it is being made.
struct Lowering<'a> {
    graph: &'a Graph,
    parameters: &'a Parameters,
    members: &'a [NodeId],
    steps: Vec<Step>,
    slot_channels: Vec<usize>,
    /// The slot that holds a layer's values.
    slot_of: HashMap<NodeId, Slot>,
    input_slots: Vec<Slot>,
    /// How often the rest of the group will still read a layer; one more where the outside does.
    reads: HashMap<NodeId, usize>,
    /// Sums that a product has done already.
    done: Vec<NodeId>,
    matrices: Vec<Matrix>,
    kept: usize,
}

impl<'a> Lowering<'a> {
    fn new(
        graph: &'a Graph,
        parameters: &'a Parameters,
        channels: &'a [usize],
        members: &'a [NodeId],
        inputs: &[GroupInput],
        outputs: &[NodeId],
    ) -> Self {
        let mut reads = HashMap::new();
        for member in members {
            for input in &graph.node(*member).inputs {
                *reads.entry(*input).or_insert(0) += 1;
            }
        }
        let outside = inputs.iter().filter(|input| !input.dies).map(|input| input.node);
        for node in outside.chain(outputs.iter().copied()) {
            *reads.entry(node).or_insert(0) += 1;
        }
        let slots = inputs.iter().enumerate().map(|(slot, input)| (input.node, slot)).collect();
        Lowering {
            graph,
            parameters,
            members,
            steps: Vec::new(),
            slot_channels: inputs.iter().map(|input| channels[input.node.0]).collect(),
            slot_of: slots,
            input_slots: (0..inputs.len()).collect(),
            reads,
            done: Vec::new(),
            matrices: Vec::new(),
            kept: 0,
        }
    }

    fn new_slot(&mut self, channels: usize) -> Slot {
        self.slot_channels.push(channels);
        self.slot_channels.len() - 1
    }

    /// Notes that a layer has been read once, and says whether that was the last time.
    fn read(&mut self, node: NodeId) -> bool {
        let reads = self.reads.entry(node).or_insert(1);
        *reads -= 1;
        *reads == 0
    }

    /// A slot with a layer's values that may be overwritten.
    fn take(&mut self, node: NodeId) -> Slot {
        let from = self.slot_of[&node];
        if self.read(node) {
            return from;
        }
        let to = self.new_slot(self.slot_channels[from]);
        self.steps.push(Step::Copy { from, to });
        to
    }

    fn lower(&mut self, id: NodeId) -> Result<(), NnError> {
        if self.done.contains(&id) {
            return Ok(());
        }
        let node = self.graph.node(id);
        match &node.layer {
            Layer::Convolution(c) => self.product(id, &c.weight, c.bias.as_deref())?,
            Layer::Linear(l) => self.product(id, &l.weight, l.bias.as_deref())?,
            Layer::Add => self.sum(id),
            layer => {
                let slot = self.take(node.inputs[0]);
                self.in_place(layer, slot)?;
                self.slot_of.insert(id, slot);
            }
        }
        Ok(())
    }

    /// A layer with one input whose result takes the input's place.
    fn in_place(&mut self, layer: &Layer, slot: Slot) -> Result<(), NnError> {
        match layer {
            Layer::Relu => {
                let kept = self.next_kept();
                self.activate(slot, Activation::Relu { kept });
            }
            Layer::Gelu => {
                let kept = self.next_kept();
                self.activate(slot, Activation::Gelu { kept });
            }
            Layer::BatchNorm(b) => {
                let entry = |suffix: &str| {
                    let value = self.parameters.get(&format!("{}.{suffix}", b.prefix))?;
                    Ok::<_, NnError>(value.to_kind(Kind::Double))
                };
                let scale = entry("weight")? / (entry("running_var")? + b.epsilon).sqrt();
                let shift = entry("bias")? - entry("running_mean")? * &scale;
                let (scale, shift) = (numbers(&scale)?, numbers(&shift)?);
                self.steps.push(Step::Affine { slot, scale, shift });
            }
            Layer::ChannelScale { channels, weight } => {
                let scale = numbers(self.parameters.get(weight)?)?;
                let shift = vec![0.0; *channels];
                self.steps.push(Step::Affine { slot, scale, shift });
            }
            Layer::LayerNorm(l) => {
                let entry =
                    |suffix: &str| numbers(self.parameters.get(&format!("{}.{suffix}", l.prefix))?);
                let (scale, shift) = (entry("weight")?, entry("bias")?);
                let kept = self.next_kept();
                let epsilon = l.epsilon;
                self.steps.push(Step::LayerNorm { slot, scale, shift, epsilon, kept });
            }
            // Channels last are stored as channels first.
            _ => {}
        }
        Ok(())
    }

    fn next_kept(&mut self) -> usize {
        self.kept += 1;
        self.kept - 1
    }

    /// An activation; together with a bias just added where there is one.
    fn activate(&mut self, on: Slot, with: Activation) {
        match self.steps.last_mut() {
            Some(Step::Finish { slot, activation, .. })
                if *slot == on && *activation == Activation::None =>
            {
                *activation = with;
            }
            _ => self.steps.push(Step::Finish { slot: on, bias: None, activation: with }),
        }
    }

    /// A matrix product; added in place to the other part of a sum where one follows.
    fn product(&mut self, id: NodeId, weight: &str, bias: Option<&str>) -> Result<(), NnError> {
        let from_node = self.graph.node(id).inputs[0];
        let from = self.slot_of[&from_node];
        let weight = Matrix::new(self.parameters.get(weight)?)?;
        let channels = weight.rows;
        self.matrices.push(weight);
        let bias = bias.map(|name| numbers(self.parameters.get(name)?)).transpose()?;
        let sum = self.sum_after(id);
        let to = match sum {
            // The copy, if one is needed, is made before the product reads its input.
            Some((_, other)) => self.take(other),
            None => self.new_slot(channels),
        };
        self.read(from_node);
        let add = sum.is_some();
        let matrix = self.matrices.len() - 1;
        self.steps.push(Step::Product { matrix, transposed: false, from, to, add });
        if bias.is_some() {
            self.steps.push(Step::Finish { slot: to, bias, activation: Activation::None });
        }
        let result = sum.map_or(id, |(sum, _)| sum);
        self.done.push(result);
        self.slot_of.insert(result, to);
        Ok(())
    }

    /// The sum that alone reads layer `id`, and its other part, if that is there by now.
    fn sum_after(&self, id: NodeId) -> Option<(NodeId, NodeId)> {
        if self.reads.get(&id) != Some(&1) {
            return None;
        }
        let reads = |member: &&NodeId| self.graph.node(**member).inputs.contains(&id);
        let sum = *self.members.iter().find(reads)?;
        let node = self.graph.node(sum);
        let other = *node.inputs.iter().find(|&&input| input != id)?;
        // A product can't be added to what it reads.
        let distinct = self.graph.node(id).inputs[0] != other;
        let ready = self.slot_of.contains_key(&other);
        (matches!(node.layer, Layer::Add) && distinct && ready).then_some((sum, other))
    }

    fn sum(&mut self, id: NodeId) {
        let (first, second) = (self.graph.node(id).inputs[0], self.graph.node(id).inputs[1]);
        // Onto the one that nobody else needs.
        let free = |node: &NodeId| self.reads.get(node) == Some(&1);
        let (onto, other) =
            if !free(&first) && free(&second) { (second, first) } else { (first, second) };
        let to = self.take(onto);
        let from = self.slot_of[&other];
        self.read(other);
        self.steps.push(Step::Sum { from, to });
        self.slot_of.insert(id, to);
    }
}

/// The values of a parameter.
pub(super) fn numbers(tensor: &Tensor) -> Result<Vec<f32>, NnError> {
    tensor
        .f_to_kind(Kind::Float)
        .and_then(|values| values.f_contiguous())
        .and_then(|values| values.f_reshape([-1]))
        .and_then(|values| Vec::try_from(&values))
        .map_err(NnError::torch("preparing a parameter"))
}
