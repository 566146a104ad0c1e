//! The mean map of a network over images.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::ErfError;
use super::accumulate::Accumulator;
use super::gradient::Differentiator;
use super::result::SkippedImage;
use crate::image::{ImageError, Prefetch, Preprocessing, decode_bytes, read};
use crate::progress::{Progress, Stop};
use crate::store::digest;
use crate::store::provenance::ImageList;

/// Images that are decoded while the network computes.
const LOOKAHEAD: usize = 2;

/// What is measured over.
#[derive(Clone, Debug)]
pub struct Images {
    /// Files in the order in which they are used.
    pub files: Vec<PathBuf>,
    /// How many of them are to enter the mean; where one can't be used, the next takes its place.
    pub wanted: usize,
    /// How a picture becomes an input.
    pub preprocessing: Preprocessing,
    /// Height and width of the input, in pixels.
    pub size: [usize; 2],
}

/// What a run over images gives.
#[derive(Debug)]
pub struct Measured {
    /// Sums of maps.
    pub accumulator: Accumulator,
    /// SHA-256 and name of each image used, in order.
    pub used: Vec<(String, String)>,
    /// Images left out, and why.
    pub skipped: Vec<SkippedImage>,
    /// Seconds that the network took for each image, decoding left out.
    pub seconds: Vec<f64>,
}

impl Measured {
    /// Number and digest of the images used.
    pub fn image_list(&self) -> ImageList {
        let pairs = self.used.iter().map(|(sha256, name)| (sha256.as_str(), name.as_str()));
        ImageList { count: self.used.len(), sha256: digest::list_digest(pairs) }
    }
}

/// An image ready for the network.
struct Ready {
    pixels: Vec<f32>,
    sha256: String,
}

/// Adds up the maps of `images.wanted` images. Images that can't be read, and those whose map holds
/// a NaN or infinity, are left out, warned of and named in the result.
///
/// # Errors
///
/// [`ErfError::NoUsableImage`] where none could be used, [`ErfError::Stopped`] after `stop`,
/// [`ErfError::Zoo`] where the network fails.
pub fn measure(
    differentiator: &Differentiator,
    images: &Images,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Measured, ErfError> {
    let preprocessing = images.preprocessing.clone();
    let prefetch = Prefetch::new(images.files.clone(), 1, LOOKAHEAD, move |path: &Path| {
        prepare(path, &preprocessing)
    })?;
    let mut measured = Measured {
        accumulator: Accumulator::new(images.size),
        used: Vec::new(),
        skipped: Vec::new(),
        seconds: Vec::new(),
    };
    for (index, path, ready) in prefetch {
        if measured.used.len() == images.wanted {
            break;
        }
        if stop.is_set() {
            let (done, wanted) = (measured.used.len(), images.wanted);
            return Err(ErfError::Stopped { done, wanted });
        }
        match ready {
            Ok(ready) => add(differentiator, index, &path, ready, &mut measured)?,
            Err(error) => measured.skip(&path, error.to_string()),
        }
        match measured.skipped.last() {
            Some(skipped) if skipped.path == path.display().to_string() => {
                progress.warn(&format!("left out: {}", skipped.reason));
            }
            _ => progress.advance(1),
        }
    }
    if measured.used.is_empty() {
        return Err(ErfError::NoUsableImage(measured.skipped.len()));
    }
    Ok(measured)
}

fn prepare(path: &Path, preprocessing: &Preprocessing) -> Result<Ready, ImageError> {
    let bytes = read(path)?;
    let picture = decode_bytes(&bytes).map_err(|problem| problem.at(path))?;
    Ok(Ready { pixels: preprocessing.apply(&picture)?, sha256: digest::sha256_bytes(&bytes) })
}

fn add(
    differentiator: &Differentiator,
    index: usize,
    path: &Path,
    ready: Ready,
    measured: &mut Measured,
) -> Result<(), ErfError> {
    let start = Instant::now();
    let map = differentiator.map(&ready.pixels)?;
    measured.seconds.push(start.elapsed().as_secs_f64());
    match measured.accumulator.add(index, &map) {
        Ok(()) => {
            let name = path.file_name().unwrap_or(path.as_os_str());
            measured.used.push((ready.sha256, name.to_string_lossy().into_owned()));
        }
        Err(_) => {
            measured.skip(path, format!("{}: its map holds a NaN or infinity", path.display()));
        }
    }
    Ok(())
}

impl Measured {
    fn skip(&mut self, path: &Path, reason: String) {
        self.skipped.push(SkippedImage { path: path.display().to_string(), reason });
    }
}
