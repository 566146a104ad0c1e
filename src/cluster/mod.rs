//! Studies on a cluster: job scripts for Slurm, submitting them, and how their tasks are doing.
//!
//! A task is a command with a number ([`crate::analysis::run::division`]), so that other schedulers
//! do as well; this module is what is Slurm's.

pub mod accounting;
mod error;
pub mod script;
pub mod slurm;
pub mod status;
pub mod submission;
pub mod submit;

pub use error::ClusterError;
