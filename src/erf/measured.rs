//! What a run over images has come to.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::accumulate::Accumulator;
use super::result::SkippedImage;
use crate::store::digest;
use crate::store::provenance::ImageList;

/// What a run over images has come to.
#[derive(Debug)]
pub struct Measured {
    /// Sums of maps.
    pub accumulator: Accumulator,
    /// The images used, in order.
    pub used: Vec<UsedImage>,
    /// The images left out, in order.
    pub skipped: Vec<SkippedAt>,
    /// Place in the list of the image to look at next.
    pub next: usize,
}

/// An image that entered the sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsedImage {
    /// Its place in the list, from 0.
    pub index: usize,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Name of the file.
    pub name: String,
    /// Seconds that the network took, decoding left out.
    pub seconds: f64,
}

/// An image that was left out, with its place in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedAt {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Which image, and why.
    pub image: SkippedImage,
}

impl Measured {
    /// Nothing yet, for maps of `size` (height, width).
    pub fn new(size: [usize; 2]) -> Self {
        let accumulator = Accumulator::new(size);
        Self { accumulator, used: Vec::new(), skipped: Vec::new(), next: 0 }
    }

    /// Number and digest of the images used.
    pub fn image_list(&self) -> ImageList {
        let pairs = self.used.iter().map(|image| (&image.sha256, &image.name));
        ImageList { count: self.used.len(), sha256: digest::list_digest(pairs) }
    }

    /// Puts the shares of a list of images together as if one run had gone through all of them.
    /// Only one is held at a time. Their order decides no bit of the mean, and the last bits of the
    /// groups' sums. Replacements of images that were left out are still to be taken. Nothing
    /// where there is no share.
    ///
    /// # Errors
    ///
    /// The first error among the shares.
    pub fn of_shares<E>(
        shares: impl IntoIterator<Item = Result<Measured, E>>,
    ) -> Result<Option<Self>, E> {
        let mut whole: Option<Self> = None;
        for share in shares {
            let share = share?;
            let whole = whole.get_or_insert_with(|| Self::new(share.accumulator.size()));
            whole.accumulator.merge(&share.accumulator);
            whole.used.extend(share.used);
            whole.skipped.extend(share.skipped);
            whole.next = whole.next.max(share.next);
        }
        if let Some(whole) = &mut whole {
            whole.used.sort_by_key(|image| image.index);
            whole.skipped.sort_by_key(|image| image.index);
        }
        Ok(whole)
    }

    /// Leaves out an image.
    pub(super) fn skip(&mut self, index: usize, path: &Path, reason: String) {
        let image = SkippedImage { path: path.display().to_string(), reason };
        self.skipped.push(SkippedAt { index, image });
    }
}
