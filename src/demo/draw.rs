//! Random draws that are the same on every machine.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Tangent of half the largest rotation of shapes and textures: about 28 degrees.
const MOST_TILT: f64 = 0.25;

/// Draws of a picture, in a fixed order.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// Draws from a seed.
    pub fn new(seed: u64) -> Self {
        Draw(ChaCha8Rng::seed_from_u64(seed))
    }

    /// 32 random bits.
    pub fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number between two bounds, uniform over 2^32 steps.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (f64::from(self.word()) / 4_294_967_296.0)
    }

    /// A whole number from 0 to `count` - 1.
    pub fn below(&mut self, count: u32) -> usize {
        ((u64::from(self.word()) * u64::from(count)) >> 32) as usize
    }

    /// Cosine and sine of an angle of up to [`MOST_TILT`] to either side. They are rational functions
    /// of the tangent of half the angle, so no trigonometric function is needed; angles are spread
    /// not quite evenly.
    pub fn tilt(&mut self) -> [f64; 2] {
        let half_tangent = self.between(-MOST_TILT, MOST_TILT);
        let square = half_tangent * half_tangent;
        [(1.0 - square) / (1.0 + square), 2.0 * half_tangent / (1.0 + square)]
    }
}
