//! Cue-conflict evaluation: stimuli, categories, decisions, shape bias and error consistency.

pub mod result;
