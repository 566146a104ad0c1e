//! How far an image network sees, and whether it decides by shape or by texture.
//!
//! The modules stand on one another, lowest first: [`store`] and [`progress`]; [`weights`],
//! [`image`] and [`fetch`]; [`nn`]; [`zoo`]; [`erf`], [`shapebias`] and [`demo`]; [`figure`] and
//! [`report`]; [`analysis`]; [`cluster`]. A module uses only what is below it.

pub mod analysis;
pub mod cluster;
pub mod demo;
pub mod erf;
pub mod fetch;
pub mod figure;
pub mod image;
pub mod nn;
pub mod progress;
pub mod report;
pub mod shapebias;
pub mod store;
pub mod weights;
pub mod zoo;
