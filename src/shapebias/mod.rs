//! Cue-conflict evaluation: stimuli, categories, decisions, shape bias and error consistency.

pub mod bias;
pub mod bootstrap;
pub mod categories;
pub mod consistency;
pub mod decision_file;
pub mod decisions;
pub mod error;
pub mod observer;
pub mod result;
pub mod stimuli;
