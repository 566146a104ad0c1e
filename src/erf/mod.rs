//! Effective receptive fields: the input gradient of the centre unit, averaged over images, and
//! the figures that describe the map.

pub mod result;
