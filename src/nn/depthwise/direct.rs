//! Direct correlation at stride 1: the kernel for small sizes.
//!
//! A strip of columns is walked from top to bottom. A group of `G` kernel rows keeps `G` output rows in
//! registers at once: each input row, loaded once per tap column, goes into all of them, then the
//! oldest is finished and the others move up. Kernels with more rows take several groups, which add to
//! what the output holds.

use super::lanes::{Job, Lanes};
use super::plane::{Padding, Sink, Source, Taps};

/// The correlation of one channel, at stride 1.
pub(super) struct Direct<'a, 'b> {
    pub source: Source<'a>,
    pub taps: Taps<'a>,
    pub padding: Padding,
    pub sink: Sink<'b>,
    /// Reused between channels; holds copies of strips that reach into the padding.
    pub scratch: &'b mut Scratch,
}

/// Buffers that one thread reuses from channel to channel.
#[derive(Default)]
pub(super) struct Scratch {
    strip: Vec<f32>,
    taps: Vec<f32>,
}

/// A run of output columns with the input that it reads, zeros included.
struct Strip {
    input: *const f32,
    stride: usize,
    column: usize,
}

/// Registers that the accumulators of a group may take, of the 32 of AVX-512 or the 16 elsewhere.
const fn most_vectors(group: usize, lanes: usize) -> usize {
    let registers = if lanes == 16 { 24 } else { 12 };
    let vectors = registers / group;
    if vectors > 6 {
        6
    } else if vectors == 0 {
        1
    } else {
        vectors
    }
}

/// Kernel rows to keep in flight: the size with the least multiply-adds and loads in all.
fn choose_group(taps_height: usize, output_height: usize) -> usize {
    let cost = |group: &usize| {
        // A column of an input row costs `group` multiply-adds and about 2 for its loads.
        taps_height.div_ceil(*group) * (output_height + group - 1) * (group + 2)
    };
    (3..=8).min_by_key(cost).unwrap_or(3)
}

impl Job for Direct<'_, '_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Direct { source, taps, padding, mut sink, scratch } = self;
        let group = choose_group(taps.height, sink.height);
        let groups = taps.height.div_ceil(group);
        scratch.taps.clear();
        scratch.taps.extend_from_slice(taps.values);
        scratch.taps.resize(groups * group * taps.width, 0.0);
        let padded = Taps { values: &scratch.taps, height: groups * group, width: taps.width };
        let vectors = sink.width.div_ceil(V::LANES);
        let strips = vectors.div_ceil(most_vectors(group, V::LANES));
        for index in 0..strips {
            let (first, end) = (index * vectors / strips, (index + 1) * vectors / strips);
            let strip =
                cut_strip::<V>(source, taps.width, padding, first, end - first, &mut scratch.strip);
            macro_rules! walk {
                ($($group:literal: $($columns:literal)*;)*) => {
                    match (group, end - first) {
                        // SAFETY: the strip holds every input column that its outputs read.
                        $($(($group, $columns) => unsafe {
                            let (strip, height, taps, sink) = (&strip, source.height, padded, &mut sink);
                            V::call(Walk::<$group, $columns> { strip, height, taps, padding, sink });
                        },)*)*
                        _ => unreachable!("most_vectors allows no other pair"),
                    }
                };
            }
            walk!(3: 1 2 3 4 5 6; 4: 1 2 3 4 5 6; 5: 1 2 3 4; 6: 1 2 3 4; 7: 1 2 3; 8: 1 2 3;);
        }
    }
}

/// The input columns of output vectors `first..first + vectors`: in place where no padding and no mask
/// is concerned, else a copy.
#[inline(always)]
fn cut_strip<V: Lanes>(
    source: Source,
    taps_width: usize,
    padding: Padding,
    first: usize,
    vectors: usize,
    buffer: &mut Vec<f32>,
) -> Strip {
    let column = first * V::LANES;
    let span = vectors * V::LANES + taps_width - 1;
    let (height, width) = (source.height, source.width);
    if source.keep.is_none() && column >= padding.left && column + span <= padding.left + width {
        let input = source.values[column - padding.left..].as_ptr();
        return Strip { input, stride: width, column };
    }
    // In padded columns: the strip is column..column + span, the image left..left + width.
    let begin = column.max(padding.left).min(column + span);
    let end = (padding.left + width).min(column + span).max(begin);
    buffer.clear();
    buffer.resize(height * span, 0.0);
    if end > begin {
        for (row, line) in buffer.chunks_exact_mut(span).enumerate() {
            let from = row * width + begin - padding.left;
            let line = &mut line[begin - column..end - column];
            line.copy_from_slice(&source.values[from..from + end - begin]);
            if let Some(keep) = source.keep {
                for (value, keep) in line.iter_mut().zip(&keep[from..from + end - begin]) {
                    *value = if *keep == 0 { 0.0 } else { *value };
                }
            }
        }
    }
    Strip { input: buffer.as_ptr(), stride: span, column }
}

/// All output rows of a strip that is `C` vectors wide. `taps.height` is a multiple of `G`, and the
/// strip has `height` rows, each with `C * V::LANES + taps.width - 1` elements to read.
struct Walk<'a, 'b, const G: usize, const C: usize> {
    strip: &'a Strip,
    height: usize,
    taps: Taps<'a>,
    padding: Padding,
    sink: &'a mut Sink<'b>,
}

impl<const G: usize, const C: usize> Job for Walk<'_, '_, G, C> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Walk { strip, height, taps, padding, sink } = self;
        let groups = taps.height / G;
        for index in 0..groups {
            // SAFETY: handed on; the group's rows lie in the kernel.
            unsafe {
                let rows = taps.values.as_ptr().add(index * G * taps.width);
                // Input row = output row + kernel row - top.
                let shift = (index * G) as isize - padding.top as isize;
                let place = (index == 0, index + 1 == groups);
                walk_group::<V, G, C>(strip, height, rows, taps.width, shift, place, sink);
            }
        }
    }
}

/// Adds `G` kernel rows, from `taps` on, to all output rows of a strip.
///
/// # Safety
///
/// As [`Walk`], which runs with the features of `V`; `taps` has `G * taps_width` elements.
#[inline(always)]
unsafe fn walk_group<V: Lanes, const G: usize, const C: usize>(
    strip: &Strip,
    height: usize,
    taps: *const f32,
    taps_width: usize,
    shift: isize,
    (is_first, is_last): (bool, bool),
    sink: &mut Sink,
) {
    // SAFETY: `row` and `y` are checked against the images' heights before they are used, columns by
    // the strip's width on reading and by `count` on writing.
    unsafe {
        let bias = V::splat(sink.bias);
        let count = |c: usize| sink.width.saturating_sub(strip.column + c * V::LANES).min(V::LANES);
        let counts: [usize; C] = std::array::from_fn(count);
        let mut sums = [[bias; C]; G];
        // `sums[0]` belongs to output row `y`, `sums[d]` to `y + d`.
        for y in 1 - G as isize..sink.height as isize {
            let newest = y + G as isize - 1;
            if is_first {
                sums[G - 1] = [bias; C];
            } else if newest < sink.height as isize {
                for c in 0..C {
                    let at = newest as usize * sink.width + strip.column + c * V::LANES;
                    sums[G - 1][c] =
                        V::load_range(sink.values.as_ptr().wrapping_add(at), 0, counts[c]);
                }
            }
            let row = newest + shift;
            if row >= 0 && row < height as isize {
                let line = strip.input.add(row as usize * strip.stride);
                for v in 0..taps_width {
                    let mut loaded = [bias; C];
                    for c in 0..C {
                        loaded[c] = V::load(line.add(v + c * V::LANES));
                    }
                    for d in 0..G {
                        let tap = V::splat(*taps.add((G - 1 - d) * taps_width + v));
                        for c in 0..C {
                            sums[d][c] = loaded[c].mul_add(tap, sums[d][c]);
                        }
                    }
                }
            }
            if y >= 0 {
                for c in 0..C {
                    let column = strip.column + c * V::LANES;
                    if is_last {
                        sink.finish(sums[0][c], y as usize, column, counts[c]);
                    } else {
                        let at = y as usize * sink.width + column;
                        sums[0][c].store_first(sink.values.as_mut_ptr().add(at), counts[c]);
                    }
                }
            }
            for d in 1..G {
                sums[d - 1] = sums[d];
            }
        }
    }
}
