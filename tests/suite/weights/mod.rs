//! Checkpoint files of every form, good and bad, through the library's public door.

mod allocations;
mod bad;
mod forms;
mod mutations;
mod shared_files;
pub mod writer;
