//! Cue-conflict evaluation: stimuli, categories, decisions, shape bias and error consistency.

pub mod analyse;
pub mod bias;
pub mod bootstrap;
pub mod categories;
pub mod classifier;
mod compare;
pub mod consistency;
pub mod decision_file;
pub mod decision_log;
pub mod decision_writer;
pub mod decisions;
pub mod distribution;
pub mod error;
pub mod evaluate;
pub mod humans;
pub mod observer;
pub mod output;
pub mod result;
pub mod stimuli;
