//! (room under construction)

pub mod depthwise;
