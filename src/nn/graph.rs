//! A network as data: layers in an order in which each stands after its inputs.

use super::layer::{BatchNorm, Convolution, Layer, LayerNorm, Linear, MaxPool, Parameter};

/// Place of a layer in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// A layer, its name and where its inputs come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique name, as `inspect --layers` lists it.
    pub name: String,
    /// What it computes.
    pub layer: Layer,
    /// The layers whose outputs it reads; all stand before it.
    pub inputs: Vec<NodeId>,
}

/// The output of a stage, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// `stem`, `stage1`, ...
    pub name: String,
    /// The layer whose output ends the stage.
    pub output: NodeId,
}

/// A network: layers, the last feature map, the logits, the stages.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Layers; each reads only from those before it. The first is the input.
    pub nodes: Vec<Node>,
    /// The last feature map, N x C x h x w: what an ERF map differentiates.
    pub features: NodeId,
    /// Class scores before the softmax, N x classes; absent for a headless network.
    pub logits: Option<NodeId>,
    /// Stages in order.
    pub stages: Vec<Stage>,
}

impl Graph {
    /// The layer at `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// All state-dict entries, in the order of the layers, each once.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut seen = std::collections::HashSet::new();
        self.nodes
            .iter()
            .flat_map(|node| node.layer.parameters())
            .filter(|parameter| seen.insert(parameter.name.clone()))
            .collect()
    }

    /// The layer or stage called `name`; `features` stands for the last feature map.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        if name == "features" {
            return Some(self.features);
        }
        let stage = self.stages.iter().find(|stage| stage.name == name).map(|stage| stage.output);
        stage.or_else(|| self.nodes.iter().position(|node| node.name == name).map(NodeId))
    }

    /// For each layer, whether any of `outputs` depends on it.
    pub fn needed_for(&self, outputs: &[NodeId]) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        for output in outputs {
            needed[output.0] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if needed[index] {
                for input in &self.nodes[index].inputs {
                    needed[input.0] = true;
                }
            }
        }
        needed
    }

    /// For each layer, how many needed layers read its output.
    pub fn readers(&self, needed: &[bool]) -> Vec<usize> {
        let mut readers = vec![0; self.nodes.len()];
        for (node, _) in self.nodes.iter().zip(needed).filter(|(_, needed)| **needed) {
            for input in &node.inputs {
                readers[input.0] += 1;
            }
        }
        readers
    }
}

/// Builds a [`Graph`], layer by layer. Methods return the new layer's place.
pub struct Builder {
    nodes: Vec<Node>,
    stages: Vec<Stage>,
}

impl Builder {
    /// Starts with an input of `channels` colour channels, at place 0.
    pub fn new(channels: usize) -> (Self, NodeId) {
        let input =
            Node { name: "input".into(), layer: Layer::Input { channels }, inputs: Vec::new() };
        (Builder { nodes: vec![input], stages: Vec::new() }, NodeId(0))
    }

    /// Adds any layer.
    pub fn add(&mut self, name: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        debug_assert!(self.nodes.iter().all(|node| node.name != name), "two layers named {name}");
        self.nodes.push(Node { name: name.into(), layer, inputs: inputs.to_vec() });
        NodeId(self.nodes.len() - 1)
    }

    /// A convolution; its parameters carry their names already.
    pub fn convolution(&mut self, name: &str, input: NodeId, layer: Convolution) -> NodeId {
        self.add(name, Layer::Convolution(layer), &[input])
    }

    /// Batch norm with epsilon 1e-5, parameters named after `name`.
    pub fn batch_norm(&mut self, name: &str, input: NodeId, channels: usize) -> NodeId {
        let layer = BatchNorm { channels, epsilon: 1e-5, prefix: name.into() };
        self.add(name, Layer::BatchNorm(layer), &[input])
    }

    /// Layer norm, parameters named after `name`.
    pub fn layer_norm(
        &mut self,
        name: &str,
        input: NodeId,
        channels: usize,
        epsilon: f64,
    ) -> NodeId {
        let layer = LayerNorm { channels, epsilon, prefix: name.into() };
        self.add(name, Layer::LayerNorm(layer), &[input])
    }

    /// ReLU.
    pub fn relu(&mut self, name: &str, input: NodeId) -> NodeId {
        self.add(name, Layer::Relu, &[input])
    }

    /// GELU.
    pub fn gelu(&mut self, name: &str, input: NodeId) -> NodeId {
        self.add(name, Layer::Gelu, &[input])
    }

    /// Max pooling.
    pub fn max_pool(&mut self, name: &str, input: NodeId, layer: MaxPool) -> NodeId {
        self.add(name, Layer::MaxPool(layer), &[input])
    }

    /// Sum of two layers' outputs.
    pub fn sum(&mut self, name: &str, first: NodeId, second: NodeId) -> NodeId {
        self.add(name, Layer::Add, &[first, second])
    }

    /// Linear layer with bias, parameters named after `name`.
    pub fn linear(&mut self, name: &str, input: NodeId, from: usize, to: usize) -> NodeId {
        self.add(name, Layer::Linear(Linear::new(name, from, to)), &[input])
    }

    /// Global average pooling.
    pub fn global_average_pool(&mut self, name: &str, input: NodeId) -> NodeId {
        self.add(name, Layer::GlobalAveragePool, &[input])
    }

    /// Names the output of a stage.
    pub fn stage(&mut self, name: impl Into<String>, output: NodeId) {
        self.stages.push(Stage { name: name.into(), output });
    }

    /// The finished graph.
    pub fn finish(self, features: NodeId, logits: Option<NodeId>) -> Graph {
        Graph { nodes: self.nodes, features, logits, stages: self.stages }
    }
}
