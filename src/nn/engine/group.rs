//! Position-wise layers as a program: matrix products and passes over rows, run chunk by chunk.
//!
//! Layers that treat each position alike (1 x 1 convolutions, linear layers, norms, activations,
//! sums) need nothing of their neighbours, so a chunk of positions goes through all of them while it
//! is in the cache, and the wide hidden layers never exist as a whole. This file turns such layers
//! into straight-line programs, forward and backward; [`super::chunk`] runs them.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::columns::Matrix;
use crate::nn::NnError;
use crate::nn::graph::{Graph, NodeId};
use crate::nn::layer::Layer;
use crate::nn::network::Parameters;

/// Where a value lives while a chunk is worked on.
pub(super) type Slot = usize;

/// The memory that a slot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// The i-th map that comes in.
    In(usize),
    /// The i-th map that goes out, where that isn't one that came in.
    Out(usize),
    /// Rows of a thread's scratch matrix, from this one on.
    Scratch(usize),
}

/// A step of a program. Forward steps write in place wherever nobody needs what was there.
#[derive(Debug)]
pub(super) enum Step {
    /// `to` = weight x `from`, or added to `to`; transposed in a backward program.
    Product { matrix: usize, transposed: bool, from: Slot, to: Slot, add: bool },
    /// Adds the bias, then the activation.
    Finish { slot: Slot, bias: Option<Vec<f32>>, activation: Activation },
    /// scale x + shift, channel by channel.
    Affine { slot: Slot, scale: Vec<f32>, shift: Vec<f32> },
    /// Normalises each position over its channels.
    LayerNorm { slot: Slot, scale: Vec<f32>, shift: Vec<f32>, epsilon: f64, kept: usize },
    /// Backward of [`Step::LayerNorm`].
    LayerNormBack { slot: Slot, scale: Vec<f32>, kept: usize },
    /// Backward of a ReLU.
    KeepSigns { slot: Slot, kept: usize },
    /// Backward of a GELU.
    TimesSlopes { slot: Slot, kept: usize },
    /// Multiplies by a factor, channel by channel.
    Scale { slot: Slot, scale: Vec<f32> },
    /// Adds `from` to `to`.
    Sum { from: Slot, to: Slot },
    /// Copies `from` to `to`.
    Copy { from: Slot, to: Slot },
}

/// What follows a bias. The number says which of the things kept belongs to the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    None,
    Relu { kept: usize },
    Gelu { kept: usize },
}

impl Step {
    fn slots(&self) -> [Option<Slot>; 2] {
        match *self {
            Step::Product { from, to, .. } | Step::Sum { from, to } | Step::Copy { from, to } => {
                [Some(from), Some(to)]
            }
            Step::Finish { slot, .. }
            | Step::Affine { slot, .. }
            | Step::LayerNorm { slot, .. }
            | Step::LayerNormBack { slot, .. }
            | Step::KeepSigns { slot, .. }
            | Step::TimesSlopes { slot, .. }
            | Step::Scale { slot, .. } => [Some(slot), None],
        }
    }
}

/// Steps, and where their slots live.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub steps: Vec<Step>,
    /// Channels of each slot.
    pub channels: Vec<usize>,
    pub homes: Vec<Home>,
    /// Where each map that goes out comes from.
    pub outputs: Vec<Home>,
    /// Rows of the scratch matrix.
    pub scratch_rows: usize,
}

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
    let forward = place(steps, slot_channels, &input_slots, &output_slots);
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

fn numbers(tensor: &Tensor) -> Result<Vec<f32>, NnError> {
    tensor
        .f_to_kind(Kind::Float)
        .and_then(|values| values.f_contiguous())
        .and_then(|values| values.f_reshape([-1]))
        .and_then(|values| Vec::try_from(&values))
        .map_err(NnError::torch("preparing a parameter"))
}

/// Gradients while the backward program is being made.
struct Reverse {
    steps: Vec<Step>,
    channels: Vec<usize>,
    /// The gradient of what a forward slot holds at this point.
    gradient_of: Vec<Option<Slot>>,
    forward_channels: Vec<usize>,
}

impl Reverse {
    /// The slot for the gradient of forward slot `slot`, and whether there is something in it.
    fn target(&mut self, slot: Slot) -> (Slot, bool) {
        if let Some(gradient) = self.gradient_of[slot] {
            return (gradient, true);
        }
        self.channels.push(self.forward_channels[slot]);
        let new = self.channels.len() - 1;
        self.gradient_of[slot] = Some(new);
        (new, false)
    }

    /// Goes back over one forward step.
    fn back(&mut self, step: &Step) {
        let Some(written) = step.slots()[1].or(step.slots()[0]) else { return };
        let Some(gradient) = self.gradient_of[written] else { return };
        match step {
            Step::Product { matrix, from, add, .. } => {
                if !add {
                    self.gradient_of[written] = None;
                }
                let (to, filled) = self.target(*from);
                let (matrix, from) = (*matrix, gradient);
                self.steps.push(Step::Product { matrix, transposed: true, from, to, add: filled });
            }
            Step::Finish { activation: Activation::Relu { kept }, .. } => {
                self.steps.push(Step::KeepSigns { slot: gradient, kept: *kept });
            }
            Step::Finish { activation: Activation::Gelu { kept }, .. } => {
                self.steps.push(Step::TimesSlopes { slot: gradient, kept: *kept });
            }
            Step::Affine { scale, .. } => {
                self.steps.push(Step::Scale { slot: gradient, scale: scale.clone() });
            }
            Step::LayerNorm { scale, kept, .. } => {
                let (scale, kept) = (scale.clone(), *kept);
                self.steps.push(Step::LayerNormBack { slot: gradient, scale, kept });
            }
            Step::Sum { from, .. } => match self.target(*from) {
                (to, true) => self.steps.push(Step::Sum { from: gradient, to }),
                (to, false) => self.steps.push(Step::Copy { from: gradient, to }),
            },
            Step::Copy { from, .. } => {
                self.gradient_of[written] = None;
                match self.gradient_of[*from] {
                    Some(to) => self.steps.push(Step::Sum { from: gradient, to }),
                    None => self.gradient_of[*from] = Some(gradient),
                }
            }
            _ => {}
        }
    }
}

/// The program that goes back over `steps`: gradients of the outputs come in, those of the inputs go
/// out.
fn backward(
    steps: &[Step],
    forward_channels: &[usize],
    input_slots: &[Slot],
    output_slots: &[Slot],
) -> Program {
    let mut reverse = Reverse {
        steps: Vec::new(),
        channels: output_slots.iter().map(|&slot| forward_channels[slot]).collect(),
        gradient_of: vec![None; forward_channels.len()],
        forward_channels: forward_channels.to_vec(),
    };
    for (gradient, &slot) in output_slots.iter().enumerate() {
        reverse.gradient_of[slot] = Some(gradient);
    }
    for step in steps.iter().rev() {
        reverse.back(step);
    }
    let results: Vec<Slot> = input_slots.iter().map(|&slot| reverse.target(slot).0).collect();
    let gradients: Vec<Slot> = (0..output_slots.len()).collect();
    place(reverse.steps, reverse.channels, &gradients, &results)
}

/// Gives each slot a home: the map that comes in or goes out, else rows of the scratch matrix, which
/// slots share that aren't needed at the same time.
fn place(steps: Vec<Step>, channels: Vec<usize>, inputs: &[Slot], outputs: &[Slot]) -> Program {
    let mut homes: Vec<Option<Home>> = vec![None; channels.len()];
    for (index, &slot) in inputs.iter().enumerate() {
        homes[slot] = Some(Home::In(index));
    }
    for (index, &slot) in outputs.iter().enumerate() {
        homes[slot] = homes[slot].or(Some(Home::Out(index)));
    }
    let outputs = outputs.iter().map(|&slot| homes[slot].unwrap_or(Home::Scratch(0))).collect();
    // Scratch regions: first row, rows, the step after which each is free.
    let mut regions: Vec<(usize, usize, usize)> = Vec::new();
    let mut scratch_rows = 0;
    for (now, step) in steps.iter().enumerate() {
        for slot in step.slots().into_iter().flatten() {
            if homes[slot].is_some() {
                continue;
            }
            let uses = |step: &Step| step.slots().contains(&Some(slot));
            let last = steps.iter().rposition(uses).unwrap_or(now);
            let rows = channels[slot];
            let free = regions
                .iter_mut()
                .filter(|(_, size, until)| *until < now && *size >= rows)
                .min_by_key(|(_, size, _)| *size);
            homes[slot] = Some(Home::Scratch(match free {
                Some((first, _, until)) => {
                    *until = last;
                    *first
                }
                None => {
                    regions.push((scratch_rows, rows, last));
                    scratch_rows += rows;
                    scratch_rows - rows
                }
            }));
        }
    }
    let homes = homes.into_iter().map(|home| home.unwrap_or(Home::Scratch(0))).collect();
    Program { steps, channels, homes, outputs, scratch_rows }
}
