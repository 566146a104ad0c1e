//! Effective receptive fields: the input gradient of the centre unit, averaged over images, and
//! the figures that describe the map.

pub mod accumulate;
pub mod describe;
pub mod gaussian;
pub mod jackknife;
pub mod moments;
pub mod ratio;
pub mod result;
