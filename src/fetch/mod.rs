//! Released checkpoints and stimuli: what there is, getting it, and where it is kept.

mod agent;
mod download;
mod error;
mod place;
mod released;

pub use download::{Fetched, Fetcher};
pub use error::FetchError;
pub use place::{cache_folder, fetched};
pub use released::Released;
