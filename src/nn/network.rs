//! A graph together with the numbers of its parameters.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::NnError;
use super::graph::Graph;

/// Values of state-dict entries, f32, by name.
#[derive(Debug, Default)]
pub struct Parameters(HashMap<String, Tensor>);

impl Parameters {
    /// No values yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the entry called `name`.
    pub fn insert(&mut self, name: impl Into<String>, value: Tensor) {
        self.0.insert(name.into(), value);
    }

    /// Takes the entry called `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        self.0.remove(name)
    }

    /// The entry called `name`.
    ///
    /// # Errors
    ///
    /// [`NnError::MissingParameter`] where there is none.
    pub fn get(&self, name: &str) -> Result<&Tensor, NnError> {
        self.0.get(name).ok_or_else(|| NnError::MissingParameter(name.to_owned()))
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Tensor)> {
        self.0.iter()
    }

    /// The same values; tensors are shared, not copied.
    pub fn share(&self) -> Self {
        Parameters(self.0.iter().map(|(name, t)| (name.clone(), t.shallow_clone())).collect())
    }

    /// Moves all values to `device`.
    pub fn to_device(&self, device: Device) -> Self {
        Parameters(self.0.iter().map(|(name, t)| (name.clone(), t.to_device(device))).collect())
    }
}

/// A network that can be run: layers and parameter values.
#[derive(Debug)]
pub struct Network {
    /// The layers.
    pub graph: Graph,
    /// Their values.
    pub parameters: Parameters,
}

impl Network {
    /// The same network with values of another floating-point kind.
    pub fn to_kind(&self, kind: Kind) -> Self {
        let converted = self.parameters.iter().map(|(name, t)| (name.clone(), t.to_kind(kind)));
        Network { graph: self.graph.clone(), parameters: Parameters(converted.collect()) }
    }
}
