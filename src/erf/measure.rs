//! The mean map of a network over images.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::ErfError;
use super::gradient::Differentiator;
use super::measured::{Measured, UsedImage};
use super::saving::StateFile;
use crate::image::{ImageError, Prefetch, Preprocessing, decode_bytes, read};
use crate::progress::{Progress, Stop};
use crate::store::{Shard, digest};

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
    /// The share of the images that is this run's.
    pub shard: Shard,
}

/// An image ready for the network.
struct Ready {
    pixels: Vec<f32>,
    sha256: String,
}

/// Adds up the maps of `images.wanted` images, on from where `measured` is. Images that can't be
/// read, and those whose map holds a NaN or infinity, are left out, warned of and named in the
/// result; the next in the list takes their place.
///
/// A share of the work (`images.shard`) is over its part of the first `images.wanted` images of the
/// list, and takes no replacements: how many are needed is known when the shares are put together.
/// The only share of one is all of the work, and takes them.
///
/// `state` is written from time to time, and when the work is stopped.
///
/// # Errors
///
/// [`ErfError::NoUsableImage`] where none could be used (a share may have none),
/// [`ErfError::Stopped`] after `stop`, [`ErfError::Zoo`] where the network fails,
/// [`ErfError::Store`] where the state can't be written.
pub fn measure(
    differentiator: &Differentiator,
    images: &Images,
    mut measured: Measured,
    state: &mut StateFile,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Measured, ErfError> {
    let places = images.places(&measured);
    let files = places.iter().map(|place| images.files[*place].clone()).collect();
    let preprocessing = images.preprocessing.clone();
    let prefetch =
        Prefetch::new(files, 1, LOOKAHEAD, move |path: &Path| prepare(path, &preprocessing))?;
    for (place, (_, path, ready)) in places.into_iter().zip(prefetch) {
        if measured.used.len() == images.wanted {
            break;
        }
        if stop.is_set() {
            state.save(&measured, false)?;
            let (done, wanted) = (measured.used.len(), images.share());
            return Err(ErfError::Stopped { done, wanted });
        }
        let left_out = measured.skipped.len();
        match ready {
            Ok(ready) => add(differentiator, place, &path, ready, &mut measured)?,
            Err(error) => measured.skip(place, &path, error.to_string()),
        }
        measured.next = place + 1;
        match measured.skipped.get(left_out) {
            Some(skipped) => progress.warn(&format!("left out: {}", skipped.image.reason)),
            None => progress.advance(1),
        }
        if state.is_due() {
            state.save(&measured, false)?;
        }
    }
    if measured.used.is_empty() && images.shard.is_whole() {
        return Err(ErfError::NoUsableImage(measured.skipped.len()));
    }
    Ok(measured)
}

impl Images {
    /// How many images are this share's.
    pub fn share(&self) -> usize {
        (0..self.wanted).filter(|place| self.shard.holds(*place)).count()
    }

    /// Places in the list that are still to be looked at.
    fn places(&self, measured: &Measured) -> Vec<usize> {
        let end = if self.shard.is_whole() { self.files.len() } else { self.wanted };
        let end = end.min(self.files.len());
        (measured.next..end).filter(|place| self.shard.holds(*place)).collect()
    }
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
    let seconds = start.elapsed().as_secs_f64();
    match measured.accumulator.add(index, &map) {
        Ok(()) => {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            measured.used.push(UsedImage { index, sha256: ready.sha256, name, seconds });
        }
        Err(_) => {
            let reason = format!("{}: its map holds a NaN or infinity", path.display());
            measured.skip(index, path, reason);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Interpolation;
    use crate::image::Resize;
    use proptest::prelude::*;

    fn images(count: usize, wanted: usize, shard: Shard) -> Images {
        let preprocessing = Preprocessing::imagenet(Resize::None, Interpolation::Bicubic);
        let files = (0..count).map(|number| PathBuf::from(number.to_string())).collect();
        Images { files, wanted, preprocessing, size: [1, 1], shard }
    }

    /// Goes through the images as [`measure`] does, with given maps; none is a broken image.
    fn go_through(images: &Images, mut measured: Measured, maps: &[Option<f32>]) -> Measured {
        for place in images.places(&measured) {
            if measured.used.len() == images.wanted {
                break;
            }
            match maps[place] {
                Some(map) => {
                    measured.accumulator.add(place, &[map]).unwrap();
                    let (sha256, name) = (String::new(), place.to_string());
                    measured.used.push(UsedImage { index: place, sha256, name, seconds: 0.0 });
                }
                None => measured.skip(place, Path::new("broken"), place.to_string()),
            }
            measured.next = place + 1;
        }
        measured
    }

    proptest! {
        /// Shares put together, and replacements taken, are the single run: the same images, and
        /// the mean to its last bit, for any number of shares, in any order.
        #[test]
        fn shares_put_together_are_the_single_run(
            maps in prop::collection::vec(prop::option::weighted(0.8, 0.0f32..1e6), 1..60),
            wanted in 1usize..60,
            count in 1usize..14,
            rotation in 0usize..14,
            backwards in any::<bool>(),
        ) {
            let wanted = wanted.min(maps.len());
            let whole = images(maps.len(), wanted, Shard::WHOLE);
            let single = go_through(&whole, Measured::new([1, 1]), &maps);
            let mut shares: Vec<Measured> = (1..=count)
                .map(|number| {
                    let shard = Shard::new(number, count).unwrap();
                    let share = images(maps.len(), wanted, shard);
                    go_through(&share, Measured::new([1, 1]), &maps)
                })
                .collect();
            shares.rotate_left(rotation % count);
            if backwards {
                shares.reverse();
            }
            let shares = shares.into_iter().map(Ok::<_, ()>);
            let merged = Measured::of_shares(shares).unwrap().unwrap();
            let merged = go_through(&whole, merged, &maps);
            prop_assert_eq!(&merged.used, &single.used);
            prop_assert_eq!(&merged.skipped, &single.skipped);
            prop_assert_eq!(merged.accumulator.mean(), single.accumulator.mean());
        }
    }
}
