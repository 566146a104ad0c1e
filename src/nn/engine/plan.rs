//! What is computed in which order, for one image size and one target.
//!
//! Layers that mix positions (convolutions, pooling) are steps of their own. Between them, layers that
//! treat each position alike form groups that run chunk by chunk.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::convolution::Dense;
use super::group::{Compiled, GroupInput, compile, is_position_wise, numbers};
use super::heads::Heads;
use super::map::whole_of;
use super::slide::Slide;
use super::torch_block::TorchBlock;
use crate::nn::NnError;
use crate::nn::depthwise::DepthwiseKernel;
use crate::nn::graph::{Graph, NodeId};
use crate::nn::layer::{Convolution, Layer};
use crate::nn::network::Parameters;
use crate::nn::shape::Shape;
use crate::nn::window::{Window, asked_of_input, windows_where};

/// One step: what it computes, reads and gives.
#[derive(Debug)]
pub(super) struct PlanStep {
    pub work: Work,
    pub inputs: Vec<StepInput>,
    pub outputs: Vec<NodeId>,
    /// Window of each output.
    pub windows: Vec<Window>,
    /// Channels of each output.
    pub channels: Vec<usize>,
}

/// What a step reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepInput {
    pub node: NodeId,
    /// What is computed of it.
    pub window: Window,
    /// The part to cut out first, where the layer's values cover more than the step reads.
    pub crop: Option<Window>,
    /// Whether no later step reads the layer.
    pub dies: bool,
}

/// What a step computes.
#[derive(Debug)]
pub(super) enum Work {
    Group(Compiled),
    Dense(Arc<Dense>, Slide),
    Depthwise(Arc<DepthwiseKernel>, Slide),
    MaxPool(Slide),
    Mean(Window),
    Attention(Heads),
    Torch(TorchBlock),
}

/// The steps towards a target.
#[derive(Debug)]
pub(super) struct Plan {
    pub steps: Vec<PlanStep>,
    pub target: NodeId,
    /// The part of the image that is read.
    pub image: Window,
}

/// Weights prepared once for all plans.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    dense: HashMap<(NodeId, bool), Arc<Dense>>,
    depthwise: HashMap<NodeId, Arc<DepthwiseKernel>>,
}

/// Ways to compute a layer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    PositionWise,
    Dense,
    Depthwise,
    MaxPool,
    Mean,
    Torch,
}

/// How a layer is computed; what has no rule here goes to libtorch.
fn way_of(layer: &Layer) -> Way {
    match layer {
        layer if is_position_wise(layer) => Way::PositionWise,
        Layer::Convolution(c) if c.groups == 1 && padding_fits(c) => Way::Dense,
        Layer::Convolution(c)
            if c.is_depthwise() && padding_fits(c) && c.stride[0] == c.stride[1] =>
        {
            Way::Depthwise
        }
        // The number of a tap is kept in a byte.
        Layer::MaxPool(p) if p.kernel <= 15 && p.padding < p.kernel => Way::MaxPool,
        Layer::GlobalAveragePool => Way::Mean,
        _ => Way::Torch,
    }
}

fn padding_fits(c: &Convolution) -> bool {
    c.padding[0] < c.kernel[0] && c.padding[1] < c.kernel[1]
}

/// Plans for one image size.
pub(super) struct Planner<'a> {
    pub graph: &'a Graph,
    /// Shape of each layer's output.
    pub shapes: &'a [Shape],
    /// Whether the way back is planned too.
    pub backward: bool,
    /// Whether products may be saved where rounding differs.
    pub fewer_products: bool,
}

impl Planner<'_> {
    /// Plans the computation of `wanted`, a part of the output of `target`. Weights that are stored in
    /// another form from then on are taken out of `parameters`.
    ///
    /// # Errors
    ///
    /// [`NnError`] where a parameter has no value.
    pub fn plan(
        &self,
        parameters: &mut Parameters,
        prepared: &mut Prepared,
        target: NodeId,
        wanted: Window,
    ) -> Result<Plan, NnError> {
        let is_sequence = |id: NodeId| matches!(self.shapes[id.0], Shape::Tokens { .. });
        let runs_whole =
            |id: NodeId| way_of(&self.graph.node(id).layer) == Way::Torch || is_sequence(id);
        let windows = windows_where(self.graph, self.shapes, target, wanted, runs_whole);
        let layout = Layout { planner: self, windows };
        let order = layout.order();
        let mut read_later = HashSet::from([target]);
        let mut steps = Vec::new();
        for members in order.iter().rev() {
            steps.push(layout.step(parameters, prepared, members, &mut read_later)?);
        }
        steps.reverse();
        Ok(Plan { steps, target, image: layout.window(NodeId(0)) })
    }

    /// Takes a weight that only one layer reads out of the parameters.
    fn drop_weight(&self, parameters: &mut Parameters, name: &str) {
        let reads = |layer: &Layer| layer.parameters().iter().any(|p| p.name == name);
        if self.graph.nodes.iter().filter(|node| reads(&node.layer)).count() == 1 {
            parameters.remove(name);
        }
    }

    fn dense(
        &self,
        parameters: &mut Parameters,
        prepared: &mut Prepared,
        id: NodeId,
        c: &Convolution,
    ) -> Result<Arc<Dense>, NnError> {
        // Transformed weights serve both directions.
        let fewer = self.fewer_products && Dense::can_save_products(c);
        let key = (id, self.backward || fewer);
        if let Some(known) = prepared.dense.get(&key) {
            return Ok(Arc::clone(known));
        }
        let bias = c.bias.as_ref().map(|name| numbers(parameters.get(name)?)).transpose()?;
        let weight = parameters.get(&c.weight)?;
        let dense = if fewer {
            let dense = Dense::with_fewer_products(weight, bias)?;
            self.drop_weight(parameters, &c.weight);
            dense
        } else {
            Dense::new(weight, bias, c.stride, self.backward)?
        };
        let dense = Arc::new(dense);
        prepared.dense.insert(key, Arc::clone(&dense));
        Ok(dense)
    }

    fn depthwise(
        &self,
        parameters: &mut Parameters,
        prepared: &mut Prepared,
        id: NodeId,
        c: &Convolution,
    ) -> Result<Arc<DepthwiseKernel>, NnError> {
        if let Some(known) = prepared.depthwise.get(&id) {
            return Ok(Arc::clone(known));
        }
        let bias = c.bias.as_ref().map(|name| numbers(parameters.get(name)?)).transpose()?;
        let weights = numbers(parameters.get(&c.weight)?)?;
        let [height, width] = c.kernel;
        let kernel = DepthwiseKernel::new(&weights, bias.as_deref(), c.out_channels, height, width);
        let kernel = Arc::new(kernel);
        self.drop_weight(parameters, &c.weight);
        prepared.depthwise.insert(id, Arc::clone(&kernel));
        Ok(kernel)
    }
}

/// What is computed of each layer.
struct Layout<'a> {
    planner: &'a Planner<'a>,
    windows: Vec<Option<Window>>,
}

impl Layout<'_> {
    /// The layers of each step, in order. A layer's depth is the number of position-mixing layers (and
    /// changes of window) before it; position-wise layers of one depth and window form a group.
    fn order(&self) -> Vec<Vec<NodeId>> {
        let graph = self.planner.graph;
        let mut depth = vec![0usize; graph.nodes.len()];
        let mut groups: Vec<(usize, bool, Window, Vec<NodeId>)> = Vec::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            if self.windows[index].is_none() {
                continue;
            }
            let window = self.window(NodeId(index));
            if matches!(node.layer, Layer::Input { .. }) {
                continue;
            }
            let position_wise = way_of(&node.layer) == Way::PositionWise;
            let beyond = |input: &NodeId| {
                let same = position_wise && self.window(*input) == window;
                depth[input.0] + usize::from(!same)
            };
            let own = node.inputs.iter().map(beyond).max().unwrap_or(0);
            depth[index] = own;
            let key = (own, position_wise, window);
            let known = groups.iter_mut().find(|g| position_wise && (g.0, g.1, g.2) == key);
            match known {
                Some(group) => group.3.push(NodeId(index)),
                None => groups.push((own, position_wise, window, vec![NodeId(index)])),
            }
        }
        groups.sort_by_key(|group| (group.0, group.1));
        groups.into_iter().map(|group| group.3).collect()
    }

    /// What is computed of a layer's output.
    fn window(&self, id: NodeId) -> Window {
        match self.planner.shapes[id.0] {
            shape @ Shape::Tokens { .. } => whole_of(shape),
            _ => self.windows[id.0].unwrap_or(Window::unit(0, 0)),
        }
    }

    /// The step that computes `members`. `read_later` holds the layers that later steps read.
    fn step(
        &self,
        parameters: &mut Parameters,
        prepared: &mut Prepared,
        members: &[NodeId],
        read_later: &mut HashSet<NodeId>,
    ) -> Result<PlanStep, NnError> {
        let graph = self.planner.graph;
        let id = members[0];
        let outputs: Vec<NodeId> =
            members.iter().copied().filter(|id| read_later.contains(id)).collect();
        let mut inputs: Vec<StepInput> = Vec::new();
        for (member, &input) in
            members.iter().flat_map(|m| graph.node(*m).inputs.iter().map(move |input| (m, input)))
        {
            if members.contains(&input) || inputs.iter().any(|known| known.node == input) {
                continue;
            }
            let (reads, window) = (self.reads(*member, input), self.window(input));
            let crop = (reads != window).then_some(reads);
            let dies = !read_later.contains(&input);
            inputs.push(StepInput { node: input, window, crop, dies });
        }
        let work = match way_of(&graph.node(id).layer) {
            Way::PositionWise => {
                let reads = inputs.iter().map(|input| GroupInput {
                    node: input.node,
                    // What was cut out is a copy.
                    dies: input.dies || input.crop.is_some(),
                });
                let channels: Vec<usize> =
                    self.planner.shapes.iter().map(Shape::channels).collect();
                let reads: Vec<GroupInput> = reads.collect();
                Work::Group(compile(graph, parameters, &channels, members, &reads, &outputs)?)
            }
            way => self.single(parameters, prepared, id, way)?,
        };
        read_later.extend(inputs.iter().map(|input| input.node));
        Ok(PlanStep {
            work,
            inputs,
            windows: outputs.iter().map(|&id| self.window(id)).collect(),
            channels: outputs.iter().map(|id| self.planner.shapes[id.0].channels()).collect(),
            outputs,
        })
    }

    /// The part of `input` that a layer reads.
    fn reads(&self, layer: NodeId, input: NodeId) -> Window {
        let kind = &self.planner.graph.node(layer).layer;
        let is_sequence = matches!(self.planner.shapes[input.0], Shape::Tokens { .. });
        if is_sequence || way_of(kind) == Way::Torch {
            return self.window(input);
        }
        asked_of_input(kind, self.window(layer), self.planner.shapes[input.0])
    }

    /// The work of a layer that is a step of its own.
    fn single(
        &self,
        parameters: &mut Parameters,
        prepared: &mut Prepared,
        id: NodeId,
        way: Way,
    ) -> Result<Work, NnError> {
        let graph = self.planner.graph;
        let node = graph.node(id);
        let input = self.reads(id, node.inputs[0]);
        let output = self.window(id);
        Ok(match (&node.layer, way) {
            (Layer::Convolution(c), Way::Dense) => {
                let Convolution { kernel, stride, padding, .. } = *c;
                let dense = self.planner.dense(parameters, prepared, id, c)?;
                Work::Dense(dense, Slide { kernel, stride, padding, input, output })
            }
            (Layer::Convolution(c), Way::Depthwise) => {
                let Convolution { kernel, stride, padding, .. } = *c;
                let depthwise = self.planner.depthwise(parameters, prepared, id, c)?;
                Work::Depthwise(depthwise, Slide { kernel, stride, padding, input, output })
            }
            (Layer::MaxPool(p), Way::MaxPool) => {
                let [kernel, stride, padding] = [p.kernel, p.stride, p.padding].map(|n| [n; 2]);
                Work::MaxPool(Slide { kernel, stride, padding, input, output })
            }
            (_, Way::Mean) => Work::Mean(input),
            _ => match Heads::new(graph, parameters, self.planner.shapes, id)? {
                Some(heads) => Work::Attention(heads),
                None => Work::Torch(TorchBlock::new(graph, parameters, self.planner.shapes, id)?),
            },
        })
    }
}
