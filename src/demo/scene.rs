//! A picture of the world: drawn from a seed, and a function of that seed alone.
//!
//! Random words come from ChaCha8. Everything else is sums, products, quotients and floors of f64,
//! which IEEE 754 defines to the last bit, and 32-bit hashes; no function of a mathematical library
//! is used, so that every machine draws the same bytes.

use image::{Rgb, RgbImage};

use super::draw::Draw;
use super::tone::{self, Colour, blend};
use super::{CATEGORIES, outline, texture};

/// Width and height of a picture, in pixels.
pub const SIDE: usize = 128;

/// What a picture is for. No two parts share a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Networks learn from it; shape and texture agree.
    Training,
    /// Accuracy is measured on it; shape and texture agree.
    Test,
    /// Shape and texture disagree.
    Conflict,
    /// Receptive fields are measured on it; shape and texture agree.
    Field,
}

/// The seed of the picture with this index in a part.
pub fn seed(part: Part, index: u32) -> u64 {
    ((part as u64) << 32) | u64::from(index)
}

/// Everything about a picture that is decided before its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// The shape, an index into [`CATEGORIES`].
    pub shape: usize,
    /// The texture, an index into [`CATEGORIES`].
    pub texture: usize,
    centre: [f64; 2],
    radius: f64,
    rotation: [f64; 2],
    texture_rotation: [f64; 2],
    period: f64,
    phase: [f64; 2],
    tones: [Colour; 2],
    background: [Colour; 2],
    gradient: [f64; 2],
    noise: f64,
    key: u32,
}

impl Scene {
    /// A picture whose shape and texture are of the same category; seeds in a row go through the
    /// categories in turn.
    pub fn agreeing(seed: u64) -> Self {
        let category = (seed % CATEGORIES.len() as u64) as usize;
        Self::new(category, category, seed)
    }

    /// A picture with the shape of one category and the texture of another (indices into
    /// [`CATEGORIES`]; beyond its end, the last one's).
    pub fn new(shape: usize, texture: usize, seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let radius = draw.between(36.0, 52.0);
        let reach = 62.0 - radius;
        let middle = SIDE as f64 / 2.0;
        let centre = [(); 2].map(|()| middle + draw.between(-reach, reach));
        let (rotation, texture_rotation) = (draw.tilt(), draw.tilt());
        let period = draw.between(12.0, 18.0);
        let phase = [(); 2].map(|()| draw.between(0.0, 64.0));
        let [first, second, background] = tone::three(&mut draw);
        let drift = draw.between(-25.0, 25.0);
        Scene {
            shape,
            texture,
            centre,
            radius,
            rotation,
            texture_rotation,
            period,
            phase,
            tones: [first, second],
            background: [background, background.map(|level| level + drift)],
            gradient: draw.tilt(),
            noise: draw.between(3.0, 12.0),
            key: draw.word(),
        }
    }

    /// The picture, [`SIDE`] x [`SIDE`]: the mean of 2 x 2 points in each pixel, then noise.
    pub fn draw(&self) -> RgbImage {
        RgbImage::from_fn(SIDE as u32, SIDE as u32, |column, row| {
            let mut sum = [0.0; 3];
            for (right, down) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                let colour = self.colour([f64::from(column) + right, f64::from(row) + down]);
                for (sum, level) in sum.iter_mut().zip(colour) {
                    *sum += level;
                }
            }
            let pixel = row * SIDE as u32 + column;
            Rgb(std::array::from_fn(|channel| {
                let noise =
                    self.noise * triangular(self.key ^ texture::mix(3 * pixel + channel as u32));
                (0.25 * sum[channel] + noise + 0.5).floor().clamp(0.0, 255.0) as u8
            }))
        })
    }

    /// The colour of a point, before noise.
    fn colour(&self, point: [f64; 2]) -> Colour {
        let from_centre = [point[0] - self.centre[0], point[1] - self.centre[1]];
        let local = turn(from_centre, self.rotation).map(|along| along / self.radius);
        if outline::contains(self.shape, local) {
            let turned = turn(from_centre, self.texture_rotation);
            let periods = [0, 1].map(|axis| turned[axis] / self.period + self.phase[axis]);
            self.tones[usize::from(texture::second_tone(self.texture, periods, self.key))]
        } else {
            let side = SIDE as f64;
            let across = [point[0] / side - 0.5, point[1] / side - 0.5];
            blend(self.background[0], self.background[1], 0.5 + turn(across, self.gradient)[0])
        }
    }
}

fn turn([x, y]: [f64; 2], [cosine, sine]: [f64; 2]) -> [f64; 2] {
    [cosine * x + sine * y, cosine * y - sine * x]
}

/// Noise between -1 and 1 with a triangular density, from a hash.
fn triangular(word: u32) -> f64 {
    let word = texture::mix(word);
    (f64::from(word & 0xFFFF) + f64::from(word >> 16)) / 65_535.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::digest::sha256_bytes;

    #[test]
    fn a_picture_is_a_function_of_its_seed() {
        for (part, shape, texture, expected) in PINNED {
            let scene = Scene::new(shape, texture, seed(part, 5));
            assert_eq!(sha256_bytes(scene.draw().as_raw()), expected, "{shape} {texture}");
        }
    }

    /// Digests of the bytes of a picture of each shape and each texture.
    const PINNED: [(Part, usize, usize, &str); 8] = [
        (Part::Training, 0, 0, "e40be9a499f48f6a5282e4eb507e29af9ddf8f190c5b03451472966b70398547"),
        (Part::Training, 1, 1, "673ea96f6981f5804457b7413e6509a47c33d6fd6a005a5a17144b2a0e258360"),
        (Part::Test, 2, 2, "cdba5c8c4213a80f1ce28b9bfc3138f8f5ec7496970375f6350c2851b08b6f7e"),
        (Part::Test, 3, 3, "64eb4704afbb0a526ac96c44bdb31ed519ee97d98f95ed1f55b34ade88054af6"),
        (Part::Conflict, 4, 5, "a20b96273d68ccc1d3341e2d8a017ab83a8f52a129945af59ac9457592c4fae1"),
        (Part::Conflict, 5, 4, "af0e9907cb76861047080ba2d91940bf73832139b2fe94ebdc71352d1ed47cd4"),
        (Part::Conflict, 6, 7, "fccfdc3382e16d2b1110931d05f8896d8b2fb08b093008ff34cdee4b28316619"),
        (Part::Conflict, 7, 6, "26b6883057db0772405061d4dc7774325d0786aa4f26baf463ddc994f0379785"),
    ];

    #[test]
    fn seeds_in_a_row_go_through_the_categories() {
        for index in 0..16 {
            let scene = Scene::agreeing(seed(Part::Test, index));
            assert_eq!([scene.shape, scene.texture], [index as usize % 8; 2]);
        }
        assert_ne!(seed(Part::Training, 3), seed(Part::Test, 3));
    }

    #[test]
    fn tilts_have_length_one_and_go_both_ways() {
        let mut draw = Draw::new(1);
        let mut left = 0;
        for _ in 0..400 {
            let [cosine, sine] = draw.tilt();
            assert!((cosine * cosine + sine * sine - 1.0).abs() < 1e-12);
            assert!(sine.abs() <= 8.0 / 17.0 + 1e-12, "{sine}");
            left += usize::from(sine < 0.0);
        }
        assert!((150..=250).contains(&left), "{left}");
    }
}
