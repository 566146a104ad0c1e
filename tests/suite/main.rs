//! Tests of the library and the program from outside, in one binary.

mod common;
mod engine;
mod erf;
mod golden_networks;
mod image;
mod published_decisions;
mod shapebias;
mod weights;
