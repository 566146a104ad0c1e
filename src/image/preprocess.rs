//! How a picture becomes a network's input.

use std::borrow::Cow;

use super::{ImageError, Interpolation, Picture, centre_crop, resize};
use crate::store::provenance::PreprocessingRecord;

/// Mean of red, green and blue over ImageNet, in units of 0 to 1 (torchvision).
pub const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of red, green and blue over ImageNet, in units of 0 to 1 (torchvision).
pub const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

/// What happens to a picture's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Nothing.
    None,
    /// Stretched to this size; the aspect ratio is not kept.
    Exact {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// torchvision's `Resize(short)` and `CenterCrop(crop)`.
    ShortSide {
        /// Length of the shorter side before the crop; the aspect ratio is kept.
        short: usize,
        /// Side of the square that is kept.
        crop: usize,
    },
}

/// How a picture becomes a network's input.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    /// What happens to its size.
    pub resize: Resize,
    /// How, where its size changes.
    pub interpolation: Interpolation,
    /// Subtracted from each colour channel, in units of 0 to 1.
    pub mean: [f64; 3],
    /// Divides each colour channel, in units of 0 to 1.
    pub std: [f64; 3],
}

impl Preprocessing {
    /// With the mean and standard deviation of ImageNet.
    pub fn imagenet(resize: Resize, interpolation: Interpolation) -> Self {
        Self { resize, interpolation, mean: IMAGENET_MEAN, std: IMAGENET_STD }
    }

    /// Width and height of the input that a picture of `width` x `height` becomes.
    pub fn output_size(&self, width: usize, height: usize) -> (usize, usize) {
        match self.resize {
            Resize::None => (width, height),
            Resize::Exact { width, height } => (width, height),
            Resize::ShortSide { crop, .. } => (crop, crop),
        }
    }

    /// The picture at the network's size, still 8-bit.
    ///
    /// # Errors
    /// As [`resize`].
    pub fn fit<'a>(&self, picture: &'a Picture) -> Result<Cow<'a, Picture>, ImageError> {
        match self.resize {
            Resize::None => Ok(Cow::Borrowed(picture)),
            Resize::Exact { width, height } => self.stretch(picture, (width, height)),
            Resize::ShortSide { short, crop } => {
                let size = short_side((picture.width, picture.height), short);
                let resized = self.stretch(picture, size)?;
                Ok(Cow::Owned(centre_crop(&resized, crop, crop)))
            }
        }
    }

    fn stretch<'a>(
        &self,
        picture: &'a Picture,
        (width, height): (usize, usize),
    ) -> Result<Cow<'a, Picture>, ImageError> {
        if (picture.width, picture.height) == (width, height) {
            return Ok(Cow::Borrowed(picture));
        }
        resize(picture, width, height, self.interpolation).map(Cow::Owned)
    }

    /// The network's input, 3 x H x W, with (v / 255 - mean) / std in place of each level v.
    ///
    /// Each operation is done in f32, as torchvision's `ToTensor` and `Normalize` do, so the
    /// numbers are the same to the last bit.
    ///
    /// # Errors
    /// As [`resize`], or when the mean or standard deviation makes no finite input.
    pub fn apply(&self, picture: &Picture) -> Result<Vec<f32>, ImageError> {
        self.check()?;
        let fitted = self.fit(picture)?;
        let pixels = fitted.width * fitted.height;
        let mut input = Vec::with_capacity(3 * pixels);
        for channel in 0..3 {
            let levels = self.levels(channel);
            let values = fitted.rgb.iter().skip(channel).step_by(3);
            input.extend(values.map(|&v| levels[usize::from(v)]));
        }
        Ok(input)
    }

    /// What each of the 256 levels of a channel becomes.
    fn levels(&self, channel: usize) -> [f32; 256] {
        let (mean, std) = (self.mean[channel] as f32, self.std[channel] as f32);
        std::array::from_fn(|v| (v as f32 / 255.0 - mean) / std)
    }

    /// Whether mean and standard deviation make a finite input, to be asked before a run.
    ///
    /// # Errors
    /// When one of them is not finite in f32, or a standard deviation is not above 0.
    pub fn check(&self) -> Result<(), ImageError> {
        let finite = |v: &f64| (*v as f32).is_finite();
        let usable =
            self.mean.iter().all(finite) && self.std.iter().all(|v| finite(v) && (*v as f32) > 0.0);
        if usable {
            return Ok(());
        }
        Err(ImageError::Normalisation { mean: self.mean, std: self.std })
    }

    /// In words, for a methods paragraph or a progress line.
    pub fn describe(&self) -> String {
        format!(
            "{}; mean {}, standard deviation {}",
            match self.resize {
                Resize::None => "no resize".to_string(),
                _ => self.describe_resize(),
            },
            triple(self.mean),
            triple(self.std),
        )
    }

    fn describe_resize(&self) -> String {
        let name = self.interpolation.name();
        match self.resize {
            Resize::None => "none".to_string(),
            Resize::Exact { width, height } => format!("resize to {width} x {height}, {name}"),
            Resize::ShortSide { short, crop } => {
                format!("resize {short}, centre crop {crop}, {name}")
            }
        }
    }

    /// For a result's provenance.
    pub fn record(&self) -> PreprocessingRecord {
        PreprocessingRecord { resize: self.describe_resize(), mean: self.mean, std: self.std }
    }
}

/// The size that torchvision's `Resize(short)` gives: the longer side is rounded down.
fn short_side((width, height): (usize, usize), short: usize) -> (usize, usize) {
    let scaled = |long: usize, of: usize| short.saturating_mul(long) / of.max(1);
    if width <= height { (short, scaled(height, width)) } else { (scaled(width, height), short) }
}

fn triple(values: [f64; 3]) -> String {
    format!("{}, {}, {}", values[0], values[1], values[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_become_planes() {
        let picture = Picture { width: 2, height: 1, rgb: vec![0, 51, 102, 255, 204, 153] };
        let preprocessing = Preprocessing {
            resize: Resize::None,
            interpolation: Interpolation::Bicubic,
            mean: [0.0, 0.2, 0.5],
            std: [1.0, 0.5, 0.25],
        };
        let input = preprocessing.apply(&picture).unwrap();
        let expected = [0.0, 1.0, 0.0, 1.2, -0.4, 0.4];
        for (got, want) in input.iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{input:?}");
        }
    }

    #[test]
    fn levels_are_torchvisions_to_the_last_bit() {
        // The same operations in NumPy's float32 on the levels 0, 1, 127 and 255.
        let expected = [
            [0xc0078bbd, 0xc006732b, 0x3d6939a6, 0x400fee1d],
            [0xc0024924, 0xc0012a4f, 0x3e402de4, 0x401b6db7],
            [0xbfe6f809, 0xbfe4bcea, 0x3ed170bd, 0x4028f5c3],
        ];
        let preprocessing = Preprocessing::imagenet(Resize::None, Interpolation::Bicubic);
        for (channel, expected) in expected.into_iter().enumerate() {
            let levels = preprocessing.levels(channel);
            assert_eq!([0, 1, 127, 255].map(|v: usize| levels[v].to_bits()), expected);
        }
    }

    #[test]
    fn the_short_side_rule_rounds_the_long_side_down() {
        assert_eq!(short_side((37, 301), 256), (256, 2082));
        assert_eq!(short_side((500, 375), 256), (341, 256));
        assert_eq!(short_side((224, 224), 256), (256, 256));
    }

    #[test]
    fn short_side_gives_the_crop() {
        let picture = Picture { width: 40, height: 20, rgb: vec![9; 40 * 20 * 3] };
        let size = Resize::ShortSide { short: 8, crop: 6 };
        let preprocessing = Preprocessing::imagenet(size, Interpolation::Bilinear);
        let fitted = preprocessing.fit(&picture).unwrap();
        assert_eq!((fitted.width, fitted.height), (6, 6));
        assert_eq!(preprocessing.output_size(40, 20), (6, 6));
        assert!(fitted.rgb.iter().all(|&v| v == 9));
    }

    #[test]
    fn a_standard_deviation_of_zero_is_refused() {
        let mut preprocessing = Preprocessing::imagenet(Resize::None, Interpolation::Bicubic);
        preprocessing.std[1] = 0.0;
        assert!(preprocessing.check().is_err());
        preprocessing.std[1] = f64::NAN;
        assert!(preprocessing.check().is_err());
    }

    #[test]
    fn it_says_what_it_does() {
        let size = Resize::Exact { width: 1024, height: 1024 };
        let preprocessing = Preprocessing::imagenet(size, Interpolation::Bicubic);
        assert_eq!(
            preprocessing.describe(),
            "resize to 1024 x 1024, bicubic; mean 0.485, 0.456, 0.406, standard deviation 0.229, 0.224, 0.225"
        );
        assert_eq!(preprocessing.record().resize, "resize to 1024 x 1024, bicubic");
    }
}
