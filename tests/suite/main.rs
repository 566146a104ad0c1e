//! Tests of the library and the program from outside, in one binary.

mod accounting;
mod cluster;
mod common;
mod demo;
mod divided;
mod engine;
mod erf;
mod fetch;
mod golden_networks;
mod hostile;
mod image;
mod networks_elsewhere;
mod overwriting;
mod published_decisions;
mod report;
mod resume;
mod shapebias;
mod shards;
mod weights;
