//! Passes over rows of numbers: bias, ReLU, GELU and their derivatives.
//!
//! Of a ReLU, a bit per element is kept; of a GELU, its derivative as a 16-bit fixed-point number,
//! to within 1.1e-5.

/// Numbers whose signs share a word.
const WORD: usize = 64;

/// A GELU's derivative lies between -0.13 and 1.13; it is kept as a multiple of 1 / `SLOPE_STEPS` from
/// `SLOPE_LOW` on.
pub(super) const SLOPE_LOW: f32 = -0.2;
pub(super) const SLOPE_STEPS: f32 = 46_000.0;
/// Stands for a derivative that is not a number.
const SLOPE_INVALID: u16 = u16::MAX;

/// Compiles a function once for plain processors, once for AVX2 and once for AVX-512, and picks at
/// run time.
macro_rules! vectorised {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),*) $body:block)*) => {$(
        $(#[$doc])*
        pub(super) fn $name($($argument: $kind),*) {
            #[inline(always)]
            fn generic($($argument: $kind),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($argument: $kind),*) {
                    generic($($argument),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $kind),*) {
                    generic($($argument),*)
                }
                let fused = is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma");
                let wide = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl");
                if fused && wide {
                    // SAFETY: the processor has these features.
                    return unsafe { avx512($($argument),*) };
                }
                if fused {
                    // SAFETY: the processor has these features.
                    return unsafe { avx2($($argument),*) };
                }
            }
            generic($($argument),*)
        }
    )*};
}

/// Words that hold a bit for each of `count` numbers.
pub(super) fn words(count: usize) -> usize {
    count.div_ceil(WORD)
}

vectorised! {
    /// Adds `bias`.
    fn add_bias(values: &mut [f32], bias: f32) {
        for value in values {
            *value += bias;
        }
    }

    /// Adds `bias`, then max(x, 0).
    fn add_bias_relu(values: &mut [f32], bias: f32) {
        for value in values {
            let sum = *value + bias;
            // Written so that what is not a number stays so.
            *value = if sum <= 0.0 { 0.0 } else { sum };
        }
    }

    /// As [`write_signs`], with what every processor has.
    fn gather_signs(values: &[f32], signs: &mut [u64]) {
        for (chunk, word) in values.chunks(WORD).zip(signs) {
            let mut bits = [0u8; WORD];
            for (bit, value) in bits.iter_mut().zip(chunk) {
                *bit = u8::from(value.is_nan() || *value > 0.0);
            }
            *word = pack(&bits);
        }
    }

    /// Takes what is larger, or not a number, and writes `tap` beside it.
    fn keep_larger(largest: &mut [f32], taps: &mut [u8], values: &[f32], tap: u8) {
        for ((largest, at), &value) in largest.iter_mut().zip(taps).zip(values) {
            let wins = value > *largest || value.is_nan();
            *largest = if wins { value } else { *largest };
            *at = if wins { tap } else { *at };
        }
    }

    /// Every `stride`th value.
    fn pick(values: &[f32], stride: usize, picked: &mut [f32]) {
        match stride {
            1 => picked.copy_from_slice(&values[..picked.len()]),
            // The usual stride, known beforehand.
            2 => picked.iter_mut().zip(values.chunks(2)).for_each(|(to, from)| *to = from[0]),
            _ => {
                let values = values.iter().step_by(stride);
                picked.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
            }
        }
    }

    /// Adds the values beside which `tap` stands.
    fn add_where(sums: &mut [f32], values: &[f32], taps: &[u8], tap: u8) {
        for ((sum, value), at) in sums.iter_mut().zip(values).zip(taps) {
            *sum += if *at == tap { *value } else { 0.0 };
        }
    }

    /// Sets to 0 what has no bit in `signs`.
    fn keep_signs(values: &mut [f32], signs: &[u64]) {
        for (chunk, word) in values.chunks_mut(WORD).zip(signs) {
            for (index, value) in chunk.iter_mut().enumerate() {
                *value = if word >> index & 1 == 0 { 0.0 } else { *value };
            }
        }
    }

    /// Adds `bias`, then x Phi(x).
    fn add_bias_gelu(values: &mut [f32], bias: f32) {
        for value in values {
            let x = *value + bias;
            *value = x * normal(x).0;
        }
    }

    /// Adds `bias`, then x Phi(x), and writes the derivative Phi(x) + x phi(x).
    fn add_bias_gelu_slopes(values: &mut [f32], bias: f32, slopes: &mut [u16]) {
        for (value, slope) in values.iter_mut().zip(slopes) {
            let x = *value + bias;
            let (distribution, density) = normal(x);
            *value = x * distribution;
            let exact = distribution + x * density;
            // The cast rounds towards 0.
            let steps = ((exact - SLOPE_LOW) * SLOPE_STEPS + 0.5) as i32 as u16;
            *slope = if exact.abs() < 2.0 { steps } else { SLOPE_INVALID };
        }
    }

    /// Multiplies by slopes.
    fn times_slopes(values: &mut [f32], slopes: &[u16]) {
        for (value, slope) in values.iter_mut().zip(slopes) {
            let exact = f32::from(*slope) * (1.0 / SLOPE_STEPS) + SLOPE_LOW;
            *value *= if *slope == SLOPE_INVALID { f32::NAN } else { exact };
        }
    }

    /// scale x + shift.
    fn scale_and_shift(values: &mut [f32], scale: f32, shift: f32) {
        for value in values {
            *value = *value * scale + shift;
        }
    }

    /// Adds number by number.
    fn add(values: &mut [f32], others: &[f32]) {
        for (value, other) in values.iter_mut().zip(others) {
            *value += other;
        }
    }

    /// B' d of Winograd's F(2 x 2, 3 x 3): sums and differences of 4 lines, from place `at` on of 4 lines
    /// of `width`.
    fn winograd_rows(lines: [&[f32]; 4], sums: &mut [f32], width: usize, at: usize) {
        let count = lines[0].len();
        let [first, second, third, fourth] = lines.map(|line| &line[..count]);
        let (a, rest) = sums.split_at_mut(width);
        let (b, rest) = rest.split_at_mut(width);
        let (c, d) = rest.split_at_mut(width);
        let [a, b, c, d] = [a, b, c, d].map(|line| &mut line[at..at + count]);
        for i in 0..count {
            a[i] = first[i] - third[i];
            b[i] = second[i] + third[i];
            c[i] = third[i] - second[i];
            d[i] = second[i] - fourth[i];
        }
    }

    /// (B' d) B for one line of B' d: `tiles` tiles from `at` on, in 4 lines of `count`.
    fn winograd_columns(line: &[f32], products: &mut [f32], count: usize, at: usize, tiles: usize) {
        let (a, rest) = products.split_at_mut(count);
        let (b, rest) = rest.split_at_mut(count);
        let (c, d) = rest.split_at_mut(count);
        let range = at..at + tiles;
        let (a, b) = (&mut a[range.clone()], &mut b[range.clone()]);
        let (c, d) = (&mut c[range.clone()], &mut d[range]);
        let line = &line[..2 * tiles + 2];
        for t in 0..tiles {
            let (x0, x1, x2, x3) = (line[2 * t], line[2 * t + 1], line[2 * t + 2], line[2 * t + 3]);
            a[t] = x0 - x2;
            b[t] = x1 + x2;
            c[t] = x2 - x1;
            d[t] = x1 - x3;
        }
    }

    /// A' m A, with a bias, for the tiles from `at` on of 16 lines of `count` products: two lines of
    /// outputs, one after the other.
    fn winograd_outputs(products: &[f32], lines: &mut [f32], count: usize, at: usize, bias: f32) {
        let tiles = lines.len() / 4;
        let (upper, lower) = lines.split_at_mut(2 * tiles);
        let mut line = products.chunks_exact(count).map(|line| &line[at..at + tiles]);
        let mut m: [&[f32]; 16] = [&[]; 16];
        for m in &mut m {
            *m = line.next().unwrap_or(&[]);
        }
        let m = m.map(|line| &line[..tiles]);
        for t in 0..tiles {
            let mut above = [0f32; 4];
            let mut below = [0f32; 4];
            for j in 0..4 {
                above[j] = m[j][t] + m[4 + j][t] + m[8 + j][t];
                below[j] = m[4 + j][t] - m[8 + j][t] - m[12 + j][t];
            }
            upper[2 * t] = above[0] + above[1] + above[2] + bias;
            upper[2 * t + 1] = above[1] - above[2] - above[3] + bias;
            lower[2 * t] = below[0] + below[1] + below[2] + bias;
            lower[2 * t + 1] = below[1] - below[2] - below[3] + bias;
        }
    }

    /// values + factor x others, number by number.
    fn add_product(values: &mut [f32], factors: &[f32], others: &[f32]) {
        for ((value, factor), other) in values.iter_mut().zip(factors).zip(others) {
            *value += factor * other;
        }
    }
}

/// Sets bit i of `signs` where value i isn't 0 or below.
pub(super) fn write_signs(values: &[f32], signs: &mut [u64]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has this feature.
        return unsafe { compare_signs(values, signs) };
    }
    gather_signs(values, signs);
}

/// As [`write_signs`], from the masks that comparisons give.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn compare_signs(values: &[f32], signs: &mut [u64]) {
    use std::arch::x86_64::{
        _CMP_NLE_UQ, _mm512_cmp_ps_mask, _mm512_maskz_loadu_ps, _mm512_setzero_ps,
    };
    const LANES: usize = 16;
    for (chunk, word) in values.chunks(WORD).zip(signs) {
        *word = 0;
        for (index, lanes) in chunk.chunks(LANES).enumerate() {
            let there = ((1u32 << lanes.len()) - 1) as u16;
            // SAFETY: the mask leaves out what lies beyond the values.
            let lanes = unsafe { _mm512_maskz_loadu_ps(there, lanes.as_ptr()) };
            let above = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(lanes, _mm512_setzero_ps());
            *word |= u64::from(above) << (LANES * index);
        }
    }
}

/// 64 zeros and ones, the first in the lowest bit.
#[inline(always)]
fn pack(bits: &[u8; WORD]) -> u64 {
    let mut word = 0;
    for (index, eight) in bits.chunks_exact(8).enumerate() {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(eight);
        // Gathers the lowest bit of each byte in the top byte: no two of the products meet.
        let gathered = u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word |= gathered << (8 * index);
    }
    word
}

/// Distribution and density of the standard normal distribution at x, to 1e-7: the error function
/// by Abramowitz and Stegun (1964), formula 7.1.26, whose exponential is the density's as well.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    const INVERSE_ROOT_2: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const INVERSE_ROOT_2_PI: f32 = 0.398_942_3;
    let exponential = exponential(-0.5 * x * x);
    let t = 1.0 / (1.0 + 0.327_591_1 * INVERSE_ROOT_2 * x.abs());
    let polynomial = ((((1.061_405_4 * t - 1.453_152_1) * t + 1.421_413_8) * t - 0.284_496_74) * t
        + 0.254_829_6)
        * t;
    let tail = 0.5 * polynomial * exponential;
    let distribution = if x < 0.0 { tail } else { 1.0 - tail };
    (distribution, INVERSE_ROOT_2_PI * exponential)
}

/// e^x for x <= 0: 2^n times a polynomial on |r| <= ln(2) / 2 (Cephes, expf).
#[inline(always)]
fn exponential(x: f32) -> f32 {
    // Adding and taking away 1.5 x 2^23 rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let series = ((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2)
        * r
        + 1.666_666_6e-1)
        * r
        + 0.5;
    let power = f32::from_bits((((n as i32) + 127) << 23) as u32);
    (series * r * r + r + 1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    fn line() -> Vec<f32> {
        (-4000..4000).map(|i| i as f32 * 0.0031).chain([-50.0, 50.0, 0.0]).collect()
    }

    #[test]
    fn gelu_and_its_derivative_are_libtorchs() {
        let mut values = line();
        let x = Tensor::from_slice(&line()).set_requires_grad(true);
        let y = x.gelu("none");
        let slope = Tensor::run_backward(&[y.sum(tch::Kind::Float)], &[&x], false, false).remove(0);
        let expected: Vec<f32> = Vec::try_from(y.detach()).unwrap();
        let expected_slopes: Vec<f32> = Vec::try_from(slope).unwrap();
        let mut slopes = vec![0; values.len()];
        add_bias_gelu_slopes(&mut values, 0.0, &mut slopes);
        for index in 0..values.len() {
            let x = line()[index];
            assert!((values[index] - expected[index]).abs() < 5e-7 * (1.0 + x.abs()), "{x}");
            let mut slope = [1.0];
            times_slopes(&mut slope, &slopes[index..=index]);
            assert!((slope[0] - expected_slopes[index]).abs() < 1.2e-5, "{x}");
        }
        let mut plain = line();
        add_bias_gelu(&mut plain, 0.0);
        assert_eq!(plain, values);
    }

    #[test]
    fn signs_round_trip_at_odd_lengths() {
        for count in [1, 63, 64, 65, 200] {
            let values: Vec<f32> = (0..count).map(|i| ((i * 37 % 11) as f32) - 5.0).collect();
            let mut signs = vec![0; words(count)];
            write_signs(&values, &mut signs);
            let mut kept = vec![1.0; count];
            keep_signs(&mut kept, &signs);
            let expected: Vec<f32> =
                values.iter().map(|&value| f32::from(u8::from(value > 0.0))).collect();
            assert_eq!(kept, expected);
        }
    }

    #[test]
    fn a_slope_that_is_not_a_number_stays_so() {
        let (mut values, mut slopes) = ([f32::NAN, f32::INFINITY], [0; 2]);
        add_bias_gelu_slopes(&mut values, 0.0, &mut slopes);
        let mut gradient = [1.0, 1.0];
        times_slopes(&mut gradient, &slopes);
        assert!(gradient.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn relu_keeps_what_is_not_a_number() {
        let mut values = [f32::NAN, -1.0, 2.0];
        add_bias_relu(&mut values, 0.5);
        assert!(values[0].is_nan());
        assert_eq!(values[1..], [0.0, 2.5]);
    }
}
