//! Tests of the library and the program from outside, in one binary.

mod common;
mod engine;
mod golden_networks;
mod published_decisions;
