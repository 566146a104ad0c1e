//! Effective receptive fields: the input gradient of the centre unit, averaged over images, and
//! the figures that describe the map.

pub mod accumulate;
pub mod describe;
mod error;
pub mod gaussian;
pub mod gradient;
pub mod jackknife;
pub mod measure;
pub mod measured;
pub mod moments;
pub mod ratio;
pub mod result;
pub mod saving;
pub mod state;
pub mod table;

pub use error::ErfError;
