//! What can go wrong while effective receptive fields are measured.

use thiserror::Error;

use crate::image::ImageError;
use crate::store::StoreError;
use crate::zoo::ZooError;

/// Errors of the ERF room.
#[derive(Debug, Error)]
pub enum ErfError {
    /// The images can't be listed or read ahead.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The network can't be prepared or run.
    #[error(transparent)]
    Zoo(#[from] ZooError),
    /// A file can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No image gave a map.
    #[error(
        "none of the {0} images could be used: each is broken or gives a map with NaN or infinity \
         (the warnings above name them)"
    )]
    NoUsableImage(usize),
    /// The map is zero everywhere.
    #[error(
        "the map is zero everywhere: no gradient reaches the image. The unit may never be above 0          (a dead network, or a checkpoint of another one); try another --layer or --unit"
    )]
    NoGradient,
    /// Asked to stop before the end.
    #[error("stopped after {done} of {wanted} images; the same command goes on from there")]
    Stopped {
        /// Images done.
        done: usize,
        /// Images asked for.
        wanted: usize,
    },
}
