//! From image files to a network's input: list, decode, resize, normalise, prefetch.
//!
//! Published figures come from pipelines built on Pillow and torchvision, so the yardstick for
//! every step here is what those two return: PNG pixels are the same, JPEG pixels within the
//! freedom that the standard leaves a decoder, and resized pixels are the same.
//!
//! ```no_run
//! use std::path::PathBuf;
//! use fieldscope::image::{self, Interpolation, Order, Prefetch, Preprocessing, Resize};
//!
//! # fn main() -> Result<(), fieldscope::image::ImageError> {
//! let listing = image::list(&[PathBuf::from("imagenet/val")], Order::Sorted)?;
//! let size = Resize::Exact { width: 1024, height: 1024 };
//! let preprocessing = Preprocessing::imagenet(size, Interpolation::Bicubic);
//! let inputs = Prefetch::new(listing.files, 2, 4, move |path| {
//!     preprocessing.apply(&image::decode(path)?)
//! })?;
//! for (_index, path, input) in inputs {
//!     match input {
//!         Ok(input) => println!("{}: {} numbers", path.display(), input.len()),
//!         Err(error) => eprintln!("left out: {error}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

/// Sides that an input may have, in pixels: beyond, the map of a single image takes gigabytes.
pub const SIDES: std::ops::RangeInclusive<usize> = 1..=16_384;

mod decode;
mod error;
mod kernel;
mod list;
mod picture;
mod prefetch;
mod preprocess;
mod resize;

pub use decode::{MAX_PIXELS, decode, decode_bytes, read};
pub use error::{ImageError, Problem};
pub use list::{EXTENSIONS, Listing, Order, list};
pub use picture::{Picture, centre_crop};
pub use prefetch::Prefetch;
pub use preprocess::{IMAGENET_MEAN, IMAGENET_STD, Preprocessing, Resize};
pub use resize::{Interpolation, resize};
