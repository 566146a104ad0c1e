//! Drawings: each kind of figure is drawn once, as an SVG with plotters, and PNG and PDF are made
//! from that drawing.
//!
//! A figure takes plain data (arrays, labels, ratios) and knows nothing of networks or analyses.
//! Each file holds one kind: a `...Spec` that says what to draw, and `draw`.

pub mod bars;
pub mod bias;
pub mod colormap;
pub mod depth;
pub mod heatmap;
pub mod matrix;
pub mod panels;
pub mod profile;
pub mod render;
pub mod scatter;
pub mod style;

mod axes;
mod canvas;
mod colorbar;
mod legend;
mod names;
mod raster;
mod text;

#[cfg(test)]
mod check;
#[cfg(test)]
mod published;

pub use colormap::Colormap;
pub use render::{Figure, FigureError, Format};
pub use style::Width;
