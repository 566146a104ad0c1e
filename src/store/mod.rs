//! Files on disk: atomic writes, .npy arrays, digests, listings, result folders and where results
//! come from.

pub mod atomic;
pub mod digest;
mod error;
pub mod folder;
pub mod npy;
pub mod provenance;
mod settings;
mod shard;
pub mod walk;

pub use error::StoreError;
pub use folder::{ResultFolder, safe_file_name};
pub use provenance::Provenance;
pub use settings::Settings;
pub use shard::{NoShard, Shard};
