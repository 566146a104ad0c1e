//! Whole analyses: from what a user asks for to files of results.

pub mod demo;
pub mod depth;
pub mod erf;
mod error;
pub mod file;
mod request;
pub mod run;
pub mod shapebias;
mod shards;

pub use error::AnalysisError;
