//! A network made ready to decide: pictures in, logits out.

use std::path::Path as FilePath;

use tch::{Device, Tensor};

use crate::image::{self, ImageError, Interpolation, Preprocessing, Resize};
use crate::nn::NnError;
use crate::zoo::architecture::Defaults;
use crate::zoo::run::{Path, Runner};
use crate::zoo::{Model, ZooError};

/// How pictures are made ready: taken as they are where they have the network's input size, else
/// resized and cropped (Geirhos et al. 2019 and torchvision's evaluation pipeline).
#[derive(Clone, Debug, PartialEq)]
pub struct Preparation {
    /// Side of the network's input, in pixels.
    pub size: usize,
    /// Short side to which other pictures are resized before the centre crop.
    pub short_side: usize,
    /// Interpolation of that resize.
    pub interpolation: Interpolation,
    /// Mean of each colour channel, 0 to 1.
    pub mean: [f64; 3],
    /// Standard deviation of each colour channel, 0 to 1.
    pub std: [f64; 3],
}

impl Preparation {
    /// An architecture's defaults, with mean and standard deviation overridden where given.
    pub fn new(defaults: &Defaults, mean: Option<[f64; 3]>, std: Option<[f64; 3]>) -> Self {
        Preparation {
            size: defaults.size,
            short_side: defaults.short_side,
            interpolation: defaults.interpolation,
            mean: mean.unwrap_or(defaults.mean),
            std: std.unwrap_or(defaults.std),
        }
    }

    /// The steps for a picture that hasn't the network's input size.
    pub fn preprocessing(&self) -> Preprocessing {
        let resize = Resize::ShortSide { short: self.short_side, crop: self.size };
        Preprocessing {
            mean: self.mean,
            std: self.std,
            ..Preprocessing::imagenet(resize, self.interpolation)
        }
    }

    /// Reads a picture as an input, 3 x size x size.
    ///
    /// # Errors
    ///
    /// [`ImageError`] for a picture that can't be read.
    pub fn read(&self, path: &FilePath) -> Result<Vec<f32>, ImageError> {
        let picture = image::decode(path)?;
        let mut preprocessing = self.preprocessing();
        if (picture.width, picture.height) == (self.size, self.size) {
            preprocessing.resize = Resize::None;
        }
        preprocessing.apply(&picture)
    }
}

/// A network that decides.
pub struct Classifier {
    runner: Runner,
    size: usize,
    device: Device,
}

impl Classifier {
    /// Prepares `model` for inputs of `size` x `size`.
    ///
    /// # Errors
    ///
    /// [`ZooError`] where a parameter has no value.
    pub fn new(model: Model, size: usize, path: Path, device: Device) -> Result<Self, ZooError> {
        Ok(Classifier { runner: Runner::new(model.body, path, device, &[])?, size, device })
    }

    /// Number of classes.
    ///
    /// # Errors
    ///
    /// As [`Classifier::logits`].
    pub fn outputs(&self) -> Result<usize, ZooError> {
        Ok(self.logits(&[vec![0.0; 3 * self.size * self.size]])?.len())
    }

    /// Logits of a batch of inputs (each 3 x size x size), image after image.
    ///
    /// # Errors
    ///
    /// [`ZooError`] where the network has no classifier, can't take the size, or libtorch fails.
    pub fn logits(&self, inputs: &[Vec<f32>]) -> Result<Vec<f32>, ZooError> {
        let side = self.size as i64;
        let batch = Tensor::from_slice(&inputs.concat());
        let batch = batch.reshape([inputs.len() as i64, 3, side, side]).to_device(self.device);
        let logits = self.runner.logits(&batch)?;
        logits
            .f_to_kind(tch::Kind::Float)
            .and_then(|logits| logits.f_reshape([-1]))
            .and_then(|logits| Vec::<f32>::try_from(logits.to_device(Device::Cpu)))
            .map_err(NnError::torch("the logits"))
            .map_err(ZooError::from)
    }
}
