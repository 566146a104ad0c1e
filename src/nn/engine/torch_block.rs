//! Layers without a rule of their own: run by libtorch, and differentiated by its autograd, which
//! runs them a second time on the way back.

use std::sync::Arc;

use tch::Tensor;

use super::buffer::Storage;
use super::map::Map;
use crate::nn::forward::{Mode, run};
use crate::nn::graph::{Graph, Node, NodeId};
use crate::nn::network::Parameters;
use crate::nn::{NnError, Shape};

/// A layer, with the values of its parameters and the shapes of its inputs and output.
#[derive(Debug)]
pub(super) struct TorchBlock {
    node: Node,
    parameters: Parameters,
    inputs: Vec<Shape>,
    output: Shape,
}

// SAFETY: nothing writes to the parameters, and libtorch counts references atomically.
unsafe impl Sync for TorchBlock {}

impl TorchBlock {
    pub fn new(
        graph: &Graph,
        parameters: &Parameters,
        shapes: &[Shape],
        id: NodeId,
    ) -> Result<Self, NnError> {
        let node = graph.node(id).clone();
        let mut own = Parameters::new();
        let names = node.layer.parameters().into_iter().map(|parameter| parameter.name);
        for name in names {
            let value = parameters.get(&name)?.shallow_clone();
            own.insert(name, value);
        }
        let inputs = node.inputs.iter().map(|input| shapes[input.0]).collect();
        Ok(TorchBlock { node, parameters: own, inputs, output: shapes[id.0] })
    }

    /// A layer with values and shapes of its own.
    pub fn of(node: Node, parameters: Parameters, inputs: Vec<Shape>, output: Shape) -> Self {
        TorchBlock { node, parameters, inputs, output }
    }

    /// The output for input maps.
    pub fn run(&self, storage: &Arc<Storage>, inputs: &[&Map]) -> Result<Map, NnError> {
        let inputs = self.tensors(inputs)?;
        let output = tch::no_grad(|| self.apply(&inputs))?;
        Map::from_tensor(storage, &output, self.output)
    }

    /// The inputs' gradients for the output's.
    pub fn run_back(
        &self,
        storage: &Arc<Storage>,
        inputs: &[Map],
        gradient: &Map,
    ) -> Result<Vec<Map>, NnError> {
        let maps: Vec<&Map> = inputs.iter().collect();
        let inputs = self.tensors(&maps)?;
        let inputs: Vec<Tensor> =
            inputs.into_iter().map(|input| input.set_requires_grad(true)).collect();
        let gradient = gradient.to_tensor(self.output)?;
        let gradients = tch::with_grad(|| {
            let score = (self.apply(&inputs)? * gradient).sum(tch::Kind::Float);
            Tensor::f_run_backward(&[score], &inputs, false, false)
                .map_err(NnError::torch(format!("the gradient of {}", self.node.name)))
        })?;
        let shapes = self.inputs.iter();
        gradients
            .iter()
            .zip(shapes)
            .map(|(gradient, &shape)| Map::from_tensor(storage, gradient, shape))
            .collect()
    }

    fn tensors(&self, inputs: &[&Map]) -> Result<Vec<Tensor>, NnError> {
        inputs.iter().zip(&self.inputs).map(|(map, &shape)| map.to_tensor(shape)).collect()
    }

    fn apply(&self, inputs: &[Tensor]) -> Result<Tensor, NnError> {
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        run(&self.node, &self.parameters, &inputs, self.output, Mode::Evaluation)
    }
}
