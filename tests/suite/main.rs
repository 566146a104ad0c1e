//! Tests of the library and the program from outside, in one binary.

mod common;
mod golden_networks;
mod networks_elsewhere;
mod published_decisions;
