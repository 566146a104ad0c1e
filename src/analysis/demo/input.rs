//! What the demo's studies read: mosaics, cue-conflict stimuli, categories and checkpoints, as files
//! such as a user brings.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{ImageError, ImageFormat, RgbImage};
use rayon::prelude::*;

use super::{FIELD_PICTURES, STIMULI_PER_PAIR};
use crate::analysis::AnalysisError;
use crate::demo::{self, CATEGORIES, Miniature, Part, Scene};
use crate::progress::{Progress, Stop};
use crate::store::atomic;

/// Name of the folder in that of the demo.
pub const FOLDER: &str = "input";

/// The folder `input/` of a demo.
pub struct Input(PathBuf);

impl Input {
    pub fn new(out: &Path) -> Self {
        Input(out.join(FOLDER))
    }

    pub fn pictures(&self) -> PathBuf {
        self.0.join("pictures")
    }

    pub fn stimuli(&self) -> PathBuf {
        self.0.join("stimuli")
    }

    pub fn categories(&self) -> PathBuf {
        self.0.join("categories.csv")
    }

    pub fn checkpoint(&self, network: &Miniature) -> PathBuf {
        self.0.join("networks").join(network.file)
    }

    /// Draws and writes everything.
    pub fn write(
        &self,
        networks: &[Miniature],
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<(), AnalysisError> {
        for network in networks {
            atomic::write_bytes(&self.checkpoint(network), network.checkpoint)?;
        }
        atomic::write_bytes(&self.categories(), demo::categories_csv().as_bytes())?;
        let count = CATEGORIES.len();
        progress.begin("pictures", FIELD_PICTURES as usize + count * count, "steps");
        for index in 0..FIELD_PICTURES {
            refuse_if(stop)?;
            let path = self.pictures().join(format!("mosaic{:02}.png", index + 1));
            write_png(&path, &demo::mosaic(index))?;
            progress.advance(1);
        }
        for pair in 0..count * count {
            refuse_if(stop)?;
            (0..STIMULI_PER_PAIR)
                .into_par_iter()
                .try_for_each(|copy| self.write_stimulus(pair / count, pair % count, copy))?;
            progress.advance(1);
        }
        progress.end();
        Ok(())
    }

    /// Writes `SHAPE/SHAPEn-TEXTUREm.png`. Numbers go on within a shape and a texture, so that names
    /// are unique. Where the two agree, the picture is a test picture.
    fn write_stimulus(&self, shape: usize, texture: usize, copy: u32) -> Result<(), AnalysisError> {
        let index = (shape * CATEGORIES.len() + texture) as u32 * STIMULI_PER_PAIR + copy;
        let part = if shape == texture { Part::Test } else { Part::Conflict };
        let scene = Scene::new(shape, texture, demo::seed(part, index));
        let (shape, texture) = (CATEGORIES[shape], CATEGORIES[texture]);
        let number = copy + 1;
        let name = format!("{shape}{number}-{texture}{number}.png");
        write_png(&self.stimuli().join(shape).join(name), &scene.draw())
    }
}

fn refuse_if(stop: &Stop) -> Result<(), AnalysisError> {
    if stop.is_set() { Err(AnalysisError::StoppedEarly) } else { Ok(()) }
}

fn write_png(path: &Path, picture: &RgbImage) -> Result<(), AnalysisError> {
    let mut bytes = Cursor::new(Vec::new());
    let written: Result<(), ImageError> = picture.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|error| {
        AnalysisError::Failed(format!("{} can't be written as PNG: {error}", path.display()))
    })?;
    Ok(atomic::write_bytes(path, &bytes.into_inner())?)
}
