//! Cue-conflict evaluation: stimuli, categories, decisions, shape bias and error consistency.

pub mod categories;
pub mod error;
pub mod result;
pub mod stimuli;
