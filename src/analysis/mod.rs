//! Whole analyses: from what a user asks for to files of results.

pub mod erf;
mod error;

pub use error::AnalysisError;
