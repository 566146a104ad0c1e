//! Pictures of the world as tensors.

use fieldscope::demo::{CATEGORIES, Part, SIDE, Scene, seed};
use fieldscope::zoo::{Architecture, Defaults};
use rayon::prelude::*;
use tch::{Kind, Tensor};

/// Pictures that are drawn and halved at a time: all of them at full size would take gigabytes.
const PORTION: usize = 512;

/// Pictures, u8, N x 3 x height x width at the networks' input size, and their categories.
pub struct Pictures {
    images: Tensor,
    labels: Tensor,
}

impl Pictures {
    /// The first `count` pictures to learn from.
    pub fn training(count: u32) -> Self {
        Self::draw(Part::Training, count)
    }

    /// The first `count` pictures to test on.
    pub fn test(count: u32) -> Self {
        Self::draw(Part::Test, count)
    }

    fn draw(part: Part, count: u32) -> Self {
        let draw = |index| Scene::agreeing(seed(part, index)).draw().into_raw();
        let side = SIDE as i64;
        let mut portions = Vec::new();
        for start in (0..count).step_by(PORTION) {
            let indices = start..count.min(start + PORTION as u32);
            let bytes: Vec<Vec<u8>> = indices.into_par_iter().map(draw).collect();
            let portion = Tensor::from_slice(&bytes.concat())
                .reshape([bytes.len() as i64, side, side, 3])
                .permute([0, 3, 1, 2]);
            portions.push(shrink(&portion));
        }
        let images = Tensor::cat(&portions, 0);
        let categories = CATEGORIES.len() as u32;
        let labels: Vec<i64> = (0..count).map(|index| i64::from(index % categories)).collect();
        Pictures { images, labels: Tensor::from_slice(&labels) }
    }

    /// How many there are.
    pub fn len(&self) -> i64 {
        self.labels.size()[0]
    }

    /// Some of them, normalised as the architecture's defaults say, and their categories.
    pub fn batch(&self, indices: &[i64], architecture: &Architecture) -> (Tensor, Tensor) {
        let indices = Tensor::from_slice(indices);
        let per_channel = |values: [f64; 3]| {
            Tensor::from_slice(&values.map(|value| value as f32)).reshape([1, 3, 1, 1])
        };
        let images = self.images.index_select(0, &indices).to_kind(Kind::Float) / 255.0;
        let images = (images - per_channel(architecture.defaults.mean))
            / per_channel(architecture.defaults.std);
        (images, self.labels.index_select(0, &indices))
    }
}

/// Pictures at the size that the networks take, by the same interpolation as when they are evaluated:
/// bilinear with antialiasing.
fn shrink(pictures: &Tensor) -> Tensor {
    let size = Defaults::MINIATURE.size as i64;
    pictures
        .to_kind(Kind::Float)
        .internal_upsample_bilinear2d_aa([size, size], false, None, None)
        .round()
        .clamp(0.0, 255.0)
        .to_kind(Kind::Uint8)
}
