//! The weights with which Pillow resamples along one side, and the pass that applies them, to the
//! last bit.
//!
//! A network with ReLUs can move its map by 2 % when a handful of input pixels move by one level, so
//! "close to Pillow" doesn't reproduce published figures. The resize crates at hand use 16-bit
//! weights where Pillow has 22 fractional bits; hence a pass of its own here.

/// Fractional bits of a weight: 32, less 8 of the pixel and 2 for the sum's overshoot
/// (`PRECISION_BITS` of Pillow's Resample.c).
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// A resampling filter: its radius, and its value at a distance from the centre.
pub(super) struct Filter {
    pub radius: f64,
    pub value: fn(f64) -> f64,
}

/// A triangle of radius 1.
pub(super) const TRIANGLE: Filter =
    Filter { radius: 1.0, value: |x| if x.abs() < 1.0 { 1.0 - x.abs() } else { 0.0 } };

/// Keys (1981), "Cubic convolution interpolation for digital image processing", with a = -0.5.
pub(super) const CUBIC: Filter = Filter {
    radius: 2.0,
    value: |x| {
        const A: f64 = -0.5;
        let x = x.abs();
        if x < 1.0 {
            ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
        } else if x < 2.0 {
            (((x - 5.0) * x + 8.0) * x - 4.0) * A
        } else {
            0.0
        }
    },
};

/// What one output position is made of: input positions from `first`, and their weights.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// Weights for every output position, as fixed-point numbers with [`PRECISION_BITS`].
fn taps(from: usize, to: usize, filter: &Filter) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    // A reduction widens the filter, so that every input pixel counts (antialiasing).
    let widening = scale.max(1.0);
    let support = filter.radius * widening;
    (0..to)
        .map(|position| {
            let centre = (position as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let weights: Vec<f64> = (first..end)
                .map(|x| (filter.value)((x as f64 - centre + 0.5) * (1.0 / widening)))
                .collect();
            let total: f64 = weights.iter().sum();
            let fixed = |weight: &f64| {
                let scaled = weight / total * f64::from(1u32 << PRECISION_BITS);
                (scaled + if scaled < 0.0 { -0.5 } else { 0.5 }) as i32
            };
            Taps { first, weights: weights.iter().map(fixed).collect() }
        })
        .collect()
}

/// Half a level, so that the shift rounds to the nearest.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

fn level(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// Resamples each row of an RGB picture from `width` to `to` pixels.
pub(super) fn rows(rgb: &[u8], width: usize, to: usize, filter: &Filter) -> Vec<u8> {
    let taps = taps(width, to, filter);
    let mut result = Vec::with_capacity(rgb.len() / width * to);
    for row in rgb.chunks_exact(3 * width) {
        for Taps { first, weights } in &taps {
            let mut sums = [HALF; 3];
            let pixels = row[3 * first..].chunks_exact(3);
            for (pixel, weight) in pixels.zip(weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*value) * weight;
                }
            }
            result.extend(sums.map(level));
        }
    }
    result
}

/// Resamples each column of an RGB picture of `width` pixels a row from `height` to `to` rows.
pub(super) fn columns(
    rgb: &[u8],
    width: usize,
    height: usize,
    to: usize,
    filter: &Filter,
) -> Vec<u8> {
    let stride = 3 * width;
    let mut result = Vec::with_capacity(stride * to);
    let mut sums = vec![HALF; stride];
    for Taps { first, weights } in taps(height, to, filter) {
        sums.fill(HALF);
        let rows = rgb[stride * first..].chunks_exact(stride);
        for (row, weight) in rows.zip(weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        result.extend(sums.iter().map(|&sum| level(sum)));
    }
    result
}
