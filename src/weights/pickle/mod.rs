//! Python pickles, read without running them.
//!
//! A pickle is a program for a stack machine (documented in CPython's `pickletools`). [`load`]
//! carries out the instructions that build plain data, and only writes down the ones that would
//! call Python: what was to be called, and with what. The result is a table of values that refer
//! to one another by number, so neither deep nesting nor cycles nor sharing cost more than the
//! instructions that made them.

mod globals;
mod input;
mod literal;
mod machine;
mod value;

pub(super) use input::Input;
pub(super) use machine::load;
pub(super) use value::{Call, Id, Pickle, Value};
