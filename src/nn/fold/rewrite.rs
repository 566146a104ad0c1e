//! The network while it is being rewritten.

use tch::Tensor;

use super::Folded;
use crate::nn::graph::{Graph, Node, NodeId, Stage};
use crate::nn::layer::Layer;
use crate::nn::network::{Network, Parameters};

/// Layers that can be replaced by others; places stay as they are until the end.
pub(super) struct Rewrite {
    pub nodes: Vec<Node>,
    pub parameters: Parameters,
    graph: Graph,
    /// What stands for a layer that was taken out.
    replaced: Vec<Option<NodeId>>,
    /// Layers whose own values are gone: what replaced them computes something else.
    changed: Vec<bool>,
    /// Layers whose values are asked for from outside.
    kept: Vec<bool>,
}

impl Rewrite {
    pub fn new(network: Network, keep: &[NodeId]) -> Self {
        let Network { graph, parameters } = network;
        let count = graph.nodes.len();
        let mut kept = vec![false; count];
        let outputs = graph.stages.iter().map(|stage| stage.output);
        let outputs = outputs.chain([graph.features]).chain(graph.logits);
        for output in outputs.chain(keep.iter().copied()) {
            kept[output.0] = true;
        }
        Rewrite {
            nodes: graph.nodes.clone(),
            parameters,
            graph,
            replaced: vec![None; count],
            changed: vec![false; count],
            kept,
        }
    }

    /// The layers that are still there, in order.
    pub fn places(&self) -> Vec<NodeId> {
        (0..self.nodes.len()).filter(|&i| self.replaced[i].is_none()).map(NodeId).collect()
    }

    /// The layer that stands for `id` now.
    pub fn resolve(&self, mut id: NodeId) -> NodeId {
        while let Some(next) = self.replaced[id.0] {
            id = next;
        }
        id
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The `index`-th input of a layer.
    pub fn input(&self, id: NodeId, index: usize) -> NodeId {
        self.resolve(self.nodes[id.0].inputs[index])
    }

    /// The layers that read a layer's output, each as often as it reads it.
    pub fn readers(&self, id: NodeId) -> Vec<NodeId> {
        let reads = |reader: &NodeId| {
            let times = self.nodes[reader.0].inputs.iter();
            times.filter(|&&input| self.resolve(input) == id).count()
        };
        let places = self.places();
        places.into_iter().flat_map(|r| std::iter::repeat_n(r, reads(&r))).collect()
    }

    /// Whether a layer's values may vanish: nobody outside asks for them.
    pub fn is_free(&self, id: NodeId) -> bool {
        !self.kept[id.0]
            && (0..self.nodes.len()).all(|i| !self.kept[i] || self.resolve(NodeId(i)) != id)
    }

    /// Takes `gone` out: its readers read `by`, which gives the same values from now on.
    pub fn replace(&mut self, gone: NodeId, by: NodeId) {
        self.replaced[gone.0] = Some(by);
    }

    /// Takes `gone` out; its readers were changed so that they read `by`, other values, instead.
    pub fn bypass(&mut self, gone: NodeId, by: NodeId) {
        self.change(gone);
        self.replaced[gone.0] = Some(by);
    }

    /// Marks that a layer, and so all that it stands for, now computes something else.
    pub fn change(&mut self, id: NodeId) {
        for old in 0..self.nodes.len() {
            self.changed[old] |= self.resolve(NodeId(old)) == id;
        }
    }

    /// Puts `layer` in the place of the layer at `id`, reading `inputs`.
    pub fn set(&mut self, id: NodeId, layer: Layer, inputs: Vec<NodeId>) {
        self.nodes[id.0].layer = layer;
        self.nodes[id.0].inputs = inputs;
    }

    /// Stores a new value for layer `id` and returns its name. Layers may share a parameter, so
    /// what one of them is given must have a name of its own.
    pub fn store(&mut self, id: NodeId, what: &str, value: &Tensor) -> String {
        let name = format!("{}.folded.{what}", self.nodes[id.0].name);
        self.parameters.insert(name.clone(), value.to_kind(tch::Kind::Float));
        name
    }

    /// Frees a value that no layer reads any more, so that old and new weights aren't all in memory at
    /// once.
    pub fn forget(&mut self, name: &str) {
        let reads = |node: &Node| node.layer.parameters().iter().any(|p| p.name == name);
        if !self.places().iter().any(|&id| reads(self.node(id))) {
            self.parameters.remove(name);
        }
    }

    /// The graph without the layers taken out, and the values that it still needs.
    pub fn finish(mut self) -> Folded {
        let mut new_places = vec![None; self.nodes.len()];
        for (new, old) in self.places().into_iter().enumerate() {
            new_places[old.0] = Some(NodeId(new));
        }
        let at = |id: NodeId| new_places[self.resolve(id).0];
        let place = |id: NodeId| at(id).unwrap_or(id);
        let nodes = self.places().into_iter().map(|old| {
            let node = self.node(old);
            let inputs = node.inputs.iter().map(|&input| place(input)).collect();
            Node { name: node.name.clone(), layer: node.layer.clone(), inputs }
        });
        let stages = self
            .graph
            .stages
            .iter()
            .map(|stage| Stage { name: stage.name.clone(), output: place(stage.output) });
        let graph = Graph {
            nodes: nodes.collect(),
            features: place(self.graph.features),
            logits: self.graph.logits.map(place),
            stages: stages.collect(),
        };
        let places = (0..self.nodes.len())
            .map(|old| if self.changed[old] { None } else { at(NodeId(old)) })
            .collect();
        let mut parameters = Parameters::new();
        for parameter in graph.parameters() {
            if let Some(value) = self.parameters.remove(&parameter.name) {
                parameters.insert(parameter.name, value);
            }
        }
        Folded { network: Network { graph, parameters }, places }
    }
}
