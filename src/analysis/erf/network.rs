//! The map of one network of a study.

use std::path::PathBuf;

use super::{Course, ErfStudy, Finished, result};
use crate::analysis::AnalysisError;
use crate::analysis::request::list_of_files;
use crate::erf::ErfError;
use crate::erf::describe::describe_mean;
use crate::erf::gradient::Differentiator;
use crate::erf::measure::{Images, measure};
use crate::erf::measured::Measured;
use crate::erf::result::ErfResult;
use crate::erf::saving::StateFile;
use crate::image::{Interpolation, Preprocessing, Resize};
use crate::store::{Provenance, Settings, Shard};
use crate::zoo::{Model, ModelSpec};

/// A network made ready, and what its numbers depend on.
pub(super) struct Prepared {
    architecture: String,
    untrained: bool,
    differentiator: Differentiator,
    images: Images,
    settings: Settings,
    provenance: Provenance,
}

impl ErfStudy {
    /// Everything that the numbers of one network depend on.
    fn settings(&self, model: &Model, images: &Images, device: &str) -> Settings {
        let checkpoint = match (&model.checkpoint, self.init) {
            (Some(file), _) => file.sha256.clone(),
            (None, init) => format!("{init:?}"),
        };
        Settings::of_this_version()
            .with("architecture", &model.architecture)
            .with("checkpoint", checkpoint)
            .with("images", list_of_files(&images.files))
            .with("num-images", images.wanted)
            .with("size", format!("{} x {}", self.size[0], self.size[1]))
            .with("preprocessing", images.preprocessing.describe())
            .with_debug("mean and std", &(images.preprocessing.mean, images.preprocessing.std))
            .with_debug("unit", &self.target)
            .with("path", self.path.name())
            .with("device", device)
    }

    fn images(&self, model: &Model, files: &[PathBuf], shard: Shard) -> Images {
        let [height, width] = self.size;
        let preprocessing = Preprocessing {
            mean: self.mean.unwrap_or(model.defaults.mean),
            std: self.std.unwrap_or(model.defaults.std),
            ..Preprocessing::imagenet(Resize::Exact { width, height }, Interpolation::Bicubic)
        };
        let wanted = self.num_images.min(files.len());
        Images { files: files.to_vec(), wanted, preprocessing, size: self.size, shard }
    }

    /// Loads a network, and finds out what its numbers depend on.
    pub(super) fn prepare(
        &self,
        spec: &ModelSpec,
        files: &[PathBuf],
        started: &Provenance,
        shard: Shard,
    ) -> Result<Prepared, AnalysisError> {
        let model = Model::load(spec, self.init, self.device)?;
        let images = self.images(&model, files, shard);
        images.preprocessing.check()?;
        let mut provenance = started.clone();
        provenance.inputs = model.checkpoint.iter().cloned().collect();
        provenance.preprocessing = Some(images.preprocessing.record());
        self.fill(&mut provenance);
        let settings = self.settings(&model, &images, &provenance.device);
        let (architecture, untrained) = (model.architecture.clone(), model.untrained);
        let differentiator =
            Differentiator::new(model, &self.target, self.size, self.path, self.device)?;
        Ok(Prepared { architecture, untrained, differentiator, images, settings, provenance })
    }

    /// A network's map and figures.
    pub(super) fn measure(
        &self,
        spec: &ModelSpec,
        files: &[PathBuf],
        started: &Provenance,
        course: &Course<'_>,
    ) -> Result<Finished, AnalysisError> {
        let prepared = self.prepare(spec, files, started, course.shard)?;
        let measured = self.measure_images(&spec.label, &prepared, course)?;
        let Prepared { architecture, untrained, differentiator, mut provenance, .. } = prepared;
        provenance.images = Some(measured.image_list());
        let nothing = || ErfError::NoUsableImage(measured.skipped.len());
        let map = measured.accumulator.mean().ok_or_else(nothing)?;
        if map.iter().all(|value| *value == 0.0) {
            return Err(ErfError::NoGradient.into());
        }
        let around = differentiator.around();
        let description = describe_mean(&measured.accumulator, around).ok_or_else(nothing)?;
        let result = ErfResult {
            architecture,
            untrained,
            layer: differentiator.layer.clone(),
            unit: Some(differentiator.unit()),
            around,
            images_used: measured.used.len(),
            images_skipped: measured.skipped.into_iter().map(|skipped| skipped.image).collect(),
            seconds_per_image: median(measured.used.iter().map(|image| image.seconds).collect()),
            ..result(&spec.label, &map, description, provenance)
        };
        Ok(Finished { result, map })
    }

    /// Goes through the images, on from where an earlier run of the same settings was interrupted.
    pub(super) fn measure_images(
        &self,
        label: &str,
        prepared: &Prepared,
        course: &Course<'_>,
    ) -> Result<Measured, AnalysisError> {
        let Prepared { differentiator, images, settings, .. } = prepared;
        let Course { shard, every, keeps_state, progress, stop } = *course;
        let mut state = StateFile::new(self.state_path(label), settings.clone(), shard, every);
        let begun = state.load(self.force)?.unwrap_or_else(|| Measured::new(images.size));
        if begun.next > 0 {
            let (done, share) = (begun.used.len(), images.share());
            progress.say(&format!("{label}: goes on after {done} of {share} images"));
        }
        progress.begin(label, images.share(), "images");
        progress.advance(begun.used.len());
        let measured = measure(differentiator, images, begun, &mut state, progress, stop);
        progress.end();
        let measured = measured?;
        if keeps_state {
            state.save(&measured, true)?;
        }
        Ok(measured)
    }
}

fn median(mut seconds: Vec<f64>) -> Option<f64> {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}
