//! Direct correlation at strides above 1, and its input gradient.
//!
//! Both are sums of stride-1 row products. Forward, an input row is split by column modulo the stride,
//! and tap column `v` reads class `v % stride` at an offset. Backward, an input pixel is reached by the
//! taps of one class only, in each direction; a row is made class by class and interleaved.

use super::lanes::{Job, Lanes};
use super::plane::{Padding, Sink, Source, Taps};

/// Buffers that one thread reuses from channel to channel.
#[derive(Default)]
pub(super) struct Scratch {
    rows: Vec<f32>,
    products: Vec<(usize, f32)>,
    line: Vec<f32>,
}

/// The correlation of one channel.
pub(super) struct Strided<'a, 'b> {
    pub source: Source<'a>,
    pub taps: Taps<'a>,
    pub padding: Padding,
    pub stride: usize,
    pub sink: Sink<'b>,
    pub scratch: &'b mut Scratch,
}

/// The input gradient of [`Strided`]: `source` is the output's gradient, `sink` the input's.
pub(super) struct StridedGradient<'a, 'b> {
    pub source: Source<'a>,
    pub taps: Taps<'a>,
    pub padding: Padding,
    pub stride: usize,
    pub sink: Sink<'b>,
    pub scratch: &'b mut Scratch,
}

impl Job for Strided<'_, '_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Strided { source, taps, padding, stride, mut sink, scratch } = self;
        let Scratch { rows, products, .. } = scratch;
        // A class of a padded row, with room for the lanes that the last vector reads too far.
        let class = sink.width + taps.width.div_ceil(stride) + V::LANES;
        let slot = class * stride;
        rows.clear();
        rows.resize(slot * taps.height, 0.0);
        // Rows are split once and kept in a ring as long as the kernel is high.
        let mut split = 0;
        for y in 0..sink.height {
            products.clear();
            for u in 0..taps.height {
                let padded = y * stride + u;
                let Some(row) = padded.checked_sub(padding.top).filter(|row| *row < source.height)
                else {
                    continue;
                };
                let start = (row % taps.height) * slot;
                if row >= split {
                    split_row(source, row, padding.left, stride, &mut rows[start..start + slot]);
                    split = row + 1;
                }
                let tap = |v: usize| taps.values[u * taps.width + v];
                let offset = |v: usize| start + v % stride * class + v / stride;
                products.extend((0..taps.width).map(|v| (offset(v), tap(v))));
            }
            for column in (0..sink.width).step_by(V::LANES) {
                let count = (sink.width - column).min(V::LANES);
                // SAFETY: offset + column + LANES stays within a class.
                unsafe {
                    let sum = sum_products::<V>(rows, products, column, sink.bias);
                    sink.finish(sum, y, column, count);
                }
            }
        }
    }
}

/// Splits a padded input row in classes of columns modulo the stride.
#[inline(always)]
fn split_row(source: Source, row: usize, left: usize, stride: usize, slot: &mut [f32]) {
    let range = row * source.width..(row + 1) * source.width;
    let (line, keep) = (&source.values[range.clone()], source.keep.map(|keep| &keep[range]));
    let class = slot.len() / stride;
    for (index, part) in slot.chunks_exact_mut(class).enumerate() {
        // Padded column = place * stride + index.
        let first = left.saturating_sub(index).div_ceil(stride);
        let begin = first * stride + index - left;
        let from = line.get(begin..).unwrap_or_default();
        let part = &mut part[first..];
        if stride == 2 {
            for (value, pair) in part.iter_mut().zip(from.chunks(2)) {
                *value = pair[0];
            }
        } else {
            for (value, from) in part.iter_mut().zip(from.iter().step_by(stride)) {
                *value = *from;
            }
        }
        if let Some(keep) = keep {
            let keep = keep.get(begin..).unwrap_or_default();
            for (value, keep) in part.iter_mut().zip(keep.iter().step_by(stride)) {
                *value = if *keep == 0 { 0.0 } else { *value };
            }
        }
    }
}

/// `bias` plus the products of weights with the vectors at `column` past their offsets.
///
/// # Safety
///
/// The processor has the features of `V`; each offset has `column + V::LANES` elements after it.
#[inline(always)]
unsafe fn sum_products<V: Lanes>(
    rows: &[f32],
    products: &[(usize, f32)],
    column: usize,
    bias: f32,
) -> V {
    // SAFETY: the caller's contract.
    unsafe {
        let mut sum = V::splat(bias);
        for &(offset, tap) in products {
            debug_assert!(offset + column + V::LANES <= rows.len());
            sum = V::load(rows.as_ptr().add(offset + column)).mul_add(V::splat(tap), sum);
        }
        sum
    }
}

impl Job for StridedGradient<'_, '_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let StridedGradient { source, taps, padding, stride, mut sink, scratch } = self;
        let Scratch { rows, products, line } = scratch;
        // Gradient rows with enough zeros on the left that no tap reads before their start.
        let zeros = taps.width.div_ceil(stride);
        let places = (padding.left + sink.width).div_ceil(stride);
        let class = places + V::LANES;
        let slot = zeros + class.max(source.width + V::LANES);
        let reach = taps.height.div_ceil(stride) + 1;
        rows.clear();
        rows.resize(slot * reach, 0.0);
        line.clear();
        line.resize(class * stride + sink.width + V::LANES, 0.0);
        let (classes, whole) = line.split_at_mut(class * stride);
        let mut copied = 0;
        for y in 0..sink.height {
            let padded = y + padding.top;
            for x_class in 0..stride {
                products.clear();
                // From the lowest kernel row up, so that gradient rows come in ascending order.
                for u in (padded % stride..taps.height).step_by(stride).rev() {
                    let row = padded.checked_sub(u).map(|row| row / stride);
                    let Some(row) = row.filter(|row| *row < source.height) else {
                        continue;
                    };
                    let start = (row % reach) * slot;
                    if row >= copied {
                        copy_row(source, row, &mut rows[start + zeros..start + slot]);
                        copied = row + 1;
                    }
                    for v in (x_class..taps.width).step_by(stride) {
                        products
                            .push((start + zeros - v / stride, taps.values[u * taps.width + v]));
                    }
                }
                for place in (0..places).step_by(V::LANES) {
                    // SAFETY: place + LANES <= class, and rows have that room after their zeros.
                    unsafe {
                        let sum = sum_products::<V>(rows, products, place, sink.bias);
                        sum.store(classes.as_mut_ptr().add(x_class * class + place));
                    }
                }
            }
            interleave(classes, stride, padding.left, &mut whole[..sink.width]);
            for column in (0..sink.width).step_by(V::LANES) {
                let count = (sink.width - column).min(V::LANES);
                // SAFETY: `whole` is a vector longer than the row.
                unsafe { sink.finish(V::load(whole.as_ptr().add(column)), y, column, count) }
            }
        }
    }
}

/// A row of the output's gradient, followed by zeros.
#[inline(always)]
fn copy_row(source: Source, row: usize, to: &mut [f32]) {
    let range = row * source.width..(row + 1) * source.width;
    to[..source.width].copy_from_slice(&source.values[range.clone()]);
    if let Some(keep) = source.keep {
        for (value, keep) in to.iter_mut().zip(&keep[range]) {
            *value = if *keep == 0 { 0.0 } else { *value };
        }
    }
}

/// Merges classes of padded columns modulo the stride, leaving out the first `left` columns.
#[inline(always)]
fn interleave(classes: &[f32], stride: usize, left: usize, to: &mut [f32]) {
    let class = classes.len() / stride;
    if stride == 2 {
        // A pair of outputs starts in class `left % 2`; the other class is one further if that is 1.
        let (first, second) = classes.split_at(class);
        let (even, odd) = if left % 2 == 0 { (first, second) } else { (second, &first[1..]) };
        let skip = left / 2;
        for (pair, (a, b)) in to.chunks_mut(2).zip(even[skip..].iter().zip(&odd[skip..])) {
            pair[0] = *a;
            if let [_, second] = pair {
                *second = *b;
            }
        }
    } else {
        for (column, value) in to.iter_mut().enumerate() {
            let padded = column + left;
            *value = classes[padded % stride * class + padded / stride];
        }
    }
}
