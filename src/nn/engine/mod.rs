//! The fast path: a network folded, cut to the windows that reach the unit, and differentiated by a
//! reverse mode of its own.
//!
//! Autograd keeps every activation, for it can't know that no weight gradient will be asked for. For
//! an input gradient a convolution need keep nothing, and a ReLU one bit an element. Layers without a
//! rule here are run by libtorch and differentiated by its autograd one by one, with recomputation,
//! so that every network can take this path.

mod buffer;
mod chunk;
mod columns;
mod convolution;
mod depthwise;
mod elementwise;
mod gemm;
mod group;
mod heads;
mod map;
mod memory;
mod plan;
mod pooling;
mod program;
mod reverse;
mod slide;
#[cfg(test)]
mod tests;
mod torch_block;
mod walk;
mod winograd;
mod workers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tch::Tensor;

use self::buffer::Storage;
use self::heads::Heads;
use self::map::Map;
pub use self::memory::{give_back_large_blocks, keep_large_blocks};
use self::plan::{Plan, Planner, Prepared};
use self::workers::Workers;
use super::NnError;
use super::autograd::Unit;
use super::fold::fold;
use super::graph::{Graph, NodeId};
use super::network::{Network, Parameters};
use super::shape::{Shape, shapes};
use super::window::Window;

/// How an [`Engine`] is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Fold batch norms and parallel kernels, and compute 3 x 3 convolutions with fewer products.
    /// Without, results differ from autograd's by the order of summation alone; with, a ReLU whose
    /// input is near 0 may flip, which moves a map by up to some 2e-3 of its sum.
    pub fold: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { fold: true }
    }
}

/// A network prepared for fast input gradients and logits on the CPU.
#[derive(Debug)]
pub struct Engine {
    graph: Graph,
    places: Vec<Option<NodeId>>,
    options: Options,
    workers: Workers,
    storage: Arc<Storage>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What isn't prepared yet.
    parameters: Parameters,
    prepared: Prepared,
    plans: HashMap<Key, Arc<Plan>>,
}

/// What a plan was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    height: usize,
    width: usize,
    target: NodeId,
    wanted: Window,
    backward: bool,
}

// SAFETY: nothing writes to the network's values after preparation, and libtorch counts references
// atomically.
unsafe impl Sync for Engine {}

impl Engine {
    /// Prepares a network. The values of the features, the logits, the stages and the layers in `keep`
    /// can be asked for; other layers may be folded away.
    ///
    /// # Errors
    ///
    /// [`NnError`] where a parameter has no value or the worker threads can't be started.
    pub fn prepare(network: Network, keep: &[NodeId], options: Options) -> Result<Self, NnError> {
        if network.graph.nodes.iter().any(|node| Heads::are_in(&node.layer)) {
            // Most of the memory is asked for by libtorch, for one head after the other.
            keep_large_blocks();
        } else {
            give_back_large_blocks();
        }
        let workers = Workers::start()?;
        let (network, places) = if options.fold {
            let folded = workers.run(|| fold(network, keep))?;
            (folded.network, folded.places)
        } else {
            let places = (0..network.graph.nodes.len()).map(|id| Some(NodeId(id))).collect();
            (network, places)
        };
        memory::give_back_freed();
        let Network { graph, parameters } = network;
        Ok(Engine {
            graph,
            places,
            options,
            workers,
            storage: Storage::new(),
            state: Mutex::new(State { parameters, ..State::default() }),
        })
    }

    /// The layers that are run, folded or not.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Where a layer of the network that was given is in [`graph`](Self::graph); nothing where it was
    /// folded away.
    pub fn place(&self, layer: NodeId) -> Option<NodeId> {
        self.places.get(layer.0).copied().flatten()
    }

    /// ds/dx, 3 x H x W, for s = sum over channels of relu(F[:, row, column]), as
    /// [`super::autograd::Reference::input_gradient`] gives it. `unit` names a layer of the network that was
    /// given.
    ///
    /// # Errors
    ///
    /// [`NnError::UnknownLayer`] for a layer that was folded away, [`NnError::Shape`] where the layers
    /// can't take the image.
    pub fn input_gradient(&self, input: &Tensor, unit: Unit) -> Result<Tensor, NnError> {
        let layer = self.place(unit.layer).ok_or_else(|| {
            NnError::UnknownLayer(format!("number {} (it was folded away)", unit.layer.0))
        })?;
        let size = input.size();
        let (height, width) = (size[2] as usize, size[3] as usize);
        let shape = shapes(&self.graph, height, width)?[layer.0];
        let wanted = Window::unit(unit.row, unit.column);
        let plan = self.plan(Key { height, width, target: layer, wanted, backward: true })?;
        let layers = self.graph.nodes.len();
        let input = input.shallow_clone();
        let gradient = self.workers.run(move || {
            let image = self.image(&input, &plan)?;
            let (mut map, memories) = walk::forward(&plan, &self.storage, image, layers, true)?;
            seed(&mut map, shape, unit);
            let gradient = walk::backward(&plan, &self.storage, map, memories, layers)?;
            Ok::<_, NnError>(gradient.embed(&self.storage, Window::whole([height, width])))
        })?;
        let channels = gradient.channels as i64;
        Tensor::f_from_slice(&gradient.values)
            .and_then(|values| values.f_reshape([channels, height as i64, width as i64]))
            .map_err(NnError::torch("the input gradient"))
    }

    /// Class scores before the softmax, N x classes, for images N x 3 x H x W.
    ///
    /// # Errors
    ///
    /// [`NnError::NoLogits`] without a classifier, [`NnError::Shape`] where the layers can't take the
    /// images.
    pub fn logits(&self, images: &Tensor) -> Result<Tensor, NnError> {
        let target = self.graph.logits.ok_or(NnError::NoLogits)?;
        self.output(images, target)
    }

    /// The values of a layer of [`graph`](Self::graph) for images N x 3 x H x W.
    ///
    /// # Errors
    ///
    /// [`NnError::Shape`] where the layers can't take the images.
    pub fn output(&self, images: &Tensor, target: NodeId) -> Result<Tensor, NnError> {
        let size = images.size();
        let (height, width) = (size[2] as usize, size[3] as usize);
        let shape = shapes(&self.graph, height, width)?[target.0];
        let wanted = Window::whole(shape.grid().unwrap_or([1, 1]));
        let plan = self.plan(Key { height, width, target, wanted, backward: false })?;
        let images = images.shallow_clone();
        let layers = self.graph.nodes.len();
        let output = self.workers.run(move || {
            let image = self.image(&images, &plan)?;
            walk::forward(&plan, &self.storage, image, layers, false)
        });
        output?.0.to_tensor(shape)
    }

    fn plan(&self, key: Key) -> Result<Arc<Plan>, NnError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = state.plans.get(&key) {
            return Ok(Arc::clone(known));
        }
        let shapes = shapes(&self.graph, key.height, key.width)?;
        let Key { target, wanted, backward, .. } = key;
        let State { parameters, prepared, plans } = &mut *state;
        let planner = Planner {
            graph: &self.graph,
            shapes: &shapes,
            backward,
            fewer_products: self.options.fold,
        };
        let plan = planner.plan(parameters, prepared, target, wanted)?;
        memory::give_back_freed();
        let plan = Arc::new(plan);
        plans.insert(key, Arc::clone(&plan));
        Ok(plan)
    }

    /// The part of the images that the plan reads.
    fn image(&self, images: &Tensor, plan: &Plan) -> Result<Map, NnError> {
        let size: Vec<usize> = images.size().iter().map(|&size| size as usize).collect();
        let shape = Shape::Map { channels: size[1], height: size[2], width: size[3] };
        let map = Map::from_tensor(&self.storage, images, shape)?;
        if map.window == plan.image { Ok(map) } else { Ok(map.crop(&self.storage, plan.image)) }
    }
}

/// Turns the values of a layer into the gradient of the sum of a unit's positive parts.
fn seed(map: &mut Map, shape: Shape, unit: Unit) {
    let position = match shape {
        Shape::Tokens { prefix, width, .. } => prefix + unit.row * width + unit.column,
        _ => {
            let Window { top, left, width, .. } = map.window;
            (unit.row - top) * width + unit.column - left
        }
    };
    let count = map.window.count();
    for values in map.values.chunks_exact_mut(count) {
        for (index, value) in values.iter_mut().enumerate() {
            // As libtorch has it, what is not a number counts as above 0.
            let counts = index == position && (value.is_nan() || *value > 0.0);
            *value = f32::from(u8::from(counts));
        }
    }
}
