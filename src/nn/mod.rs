//! The layer graph: what a layer is, and the walks over it.

pub mod attention;
pub mod autograd;
pub mod cost;
pub mod depthwise;
pub mod engine;
mod error;
pub mod fold;
mod forward;
pub mod graph;
pub mod layer;
pub mod network;
pub mod position;
pub mod receptive_field;
pub mod shape;
#[cfg(test)]
pub(crate) mod testing;
mod toeplitz;
pub mod window;

pub use error::NnError;
pub(crate) use error::first_line;
pub use forward::{Mode, forward};
pub use graph::{Builder, Graph, NodeId};
pub use layer::{Layer, Role};
pub use network::{Network, Parameters};
pub use shape::Shape;
