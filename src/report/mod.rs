//! Comparison reports from result folders: HTML, Markdown, LaTeX, and every table as CSV.
//!
//! [`gather()`] reads folders into a [`Study`]; [`tables`], [`figures`], [`findings`] and [`methods`] say
//! once what a report holds; [`html`], [`markdown`] and [`latex`] only write that down in their language.

pub mod bibliography;
pub mod charts;
#[cfg(test)]
mod check;
pub mod cost;
mod error;
pub mod figures;
pub mod findings;
pub mod gather;
pub mod html;
pub mod latex;
pub mod markdown;
pub mod methods;
pub mod options;
pub mod parts;
pub mod prose;
pub mod spearman;
pub mod study;
pub mod tables;
pub mod write;

pub use error::ReportError;
pub use gather::gather;
pub use options::{Options, Output};
pub use study::Study;
pub use write::{claim, write};
