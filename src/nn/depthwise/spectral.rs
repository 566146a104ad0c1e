//! Correlation at stride 1 through Fourier transforms: the kernel for large sizes.
//!
//! The output is cut in tiles. Down the columns the transform is *negacyclic*: a real column of `2 N`
//! numbers, a polynomial modulo `X^2N + 1`, is known from its remainder modulo `X^N - i`, whose
//! coefficients are `x[n] + i x[n + N]` (the right-angle convolution of Nussbaumer 1982 and Crandall &
//! Fagin 1994). So real data fill a complex transform of half the length without any unpacking. Along
//! the rows the transform is the usual cyclic one. What wraps around is thrown away, as in overlap-save.
//!
//! Lanes hold neighbouring columns while the columns are transformed and neighbouring frequencies while
//! the rows are; between the two, square blocks are transposed.

use std::f64::consts::PI;
use std::fmt;

use super::fft::{Fft, multiply};
use super::lanes::{Job, Lanes};
use super::plane::{Padding, Sink, Source, Taps};

/// The transforms for one size of tile.
#[derive(Debug)]
pub(super) struct Tiling {
    /// Output rows and columns of a tile; those at the end may have fewer.
    pub tile_height: usize,
    pub tile_width: usize,
    /// Half as long as the tile's padded input is high.
    columns: Fft,
    rows: Fft,
    /// Cosine and sine of the rotation that makes `X^N = i` out of `X^N = 1`, for each row of a half.
    twist: Vec<f32>,
}

impl Tiling {
    /// Tiles of `tile_height` x `tile_width` outputs with transforms of `2 half_height` x `width`.
    pub(super) fn new(
        tile_height: usize,
        tile_width: usize,
        half_height: usize,
        width: usize,
    ) -> Option<Self> {
        let twist = (0..half_height)
            .flat_map(|row| {
                let angle = PI * row as f64 / (2 * half_height) as f64;
                [angle.cos() as f32, angle.sin() as f32]
            })
            .collect();
        let (columns, rows) = (Fft::new(half_height)?, Fft::new(width)?);
        Some(Self { tile_height, tile_width, columns, rows, twist })
    }

    /// Numbers in a spectrum: for each block of `lanes` column frequencies, all row frequencies, real
    /// lanes and imaginary lanes.
    fn spectrum_len(&self, lanes: usize) -> usize {
        self.blocks_of_frequencies(lanes) * self.rows.length * 2 * lanes
    }

    fn blocks_of_frequencies(&self, lanes: usize) -> usize {
        self.columns.length.div_ceil(lanes)
    }
}

impl fmt::Display for Tiling {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let (height, width) = (2 * self.columns.length, self.rows.length);
        let (tile_height, tile_width) = (self.tile_height, self.tile_width);
        write!(formatter, "tiles {tile_height} x {tile_width}, transforms {height} x {width}")
    }
}

/// Buffers that one thread reuses from channel to channel.
#[derive(Default)]
pub(super) struct Scratch {
    line: Vec<f32>,
    tile: Vec<f32>,
    kernel: Vec<f32>,
}

/// The correlation of one channel of several images, at stride 1.
pub(super) struct Spectral<'a, 'b> {
    pub sources: &'a [Source<'a>],
    pub taps: Taps<'a>,
    pub padding: Padding,
    pub sinks: Vec<Sink<'a>>,
    pub tiling: &'a Tiling,
    pub scratch: &'b mut Scratch,
}

impl Job for Spectral<'_, '_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Spectral { sources, taps, padding, sinks, tiling, scratch } = self;
        let Scratch { line, tile, kernel } = scratch;
        let columns = tiling.columns.length.next_multiple_of(V::LANES);
        let line = aligned(line, columns * 2 * V::LANES);
        let tile = aligned(tile, tiling.spectrum_len(V::LANES));
        let kernel = aligned(kernel, tiling.spectrum_len(V::LANES));
        let whole =
            Source { values: taps.values, height: taps.height, width: taps.width, keep: None };
        // SAFETY: the buffers have the lengths that the tiling asks for with this number of lanes.
        unsafe {
            transform::<V>(tiling, &View { source: whole, top: 0, left: 0 }, line, kernel);
            transform_rows::<V>(tiling, kernel);
            for (source, mut sink) in sources.iter().zip(sinks) {
                for top in (0..sink.height).step_by(tiling.tile_height) {
                    for left in (0..sink.width).step_by(tiling.tile_width) {
                        let view = View {
                            source: *source,
                            top: padding.top as isize - top as isize,
                            left: padding.left as isize - left as isize,
                        };
                        transform::<V>(tiling, &view, line, tile);
                        correlate_rows::<V>(tiling, tile, kernel);
                        restore::<V>(tiling, tile, line, &mut sink, (top, left));
                    }
                }
            }
        }
    }
}

/// The part of `buffer` with `length` elements that starts at a cache line.
fn aligned(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length + 16 {
        buffer.resize(length + 16, 0.0);
    }
    let skip = buffer.as_ptr().align_offset(64).min(16);
    &mut buffer[skip..skip + length]
}

/// An image inside a tile of zeros, with its first row and column at (`top`, `left`); what lies outside
/// the tile is left out.
struct View<'a> {
    source: Source<'a>,
    top: isize,
    left: isize,
}

/// Transforms the columns of a tile into `tile`, column frequencies in lanes.
///
/// # Safety
///
/// The processor has the features of `V`; `line` holds a column block, `tile` a spectrum.
#[inline(always)]
unsafe fn transform<V: Lanes>(tiling: &Tiling, view: &View, line: &mut [f32], tile: &mut [f32]) {
    let width = tiling.rows.length;
    for column in (0..width).step_by(V::LANES) {
        let count = (width - column).min(V::LANES);
        // SAFETY: handed on.
        unsafe {
            if load_columns::<V>(tiling, view, column as isize, line) {
                tiling.columns.forward::<V>(line.as_mut_ptr());
            }
            exchange::<V, true>(tiling, tile, line, column, count);
        }
    }
}

/// Fills `line` with a block of twisted columns; false where they are all zero.
#[inline(always)]
unsafe fn load_columns<V: Lanes>(
    tiling: &Tiling,
    view: &View,
    column: isize,
    line: &mut [f32],
) -> bool {
    let Source { values, height, width, keep } = view.source;
    let half = tiling.columns.length;
    let lanes = V::LANES as isize;
    let first = (view.left - column).clamp(0, lanes) as usize;
    let end = (view.left + width as isize - column).clamp(0, lanes) as usize;
    if first >= end {
        line.fill(0.0);
        return false;
    }
    let load = |row: usize| {
        let row = row as isize - view.top;
        // SAFETY: the row is checked here; lanes first..end lie in the image's columns.
        unsafe {
            if row < 0 || row >= height as isize {
                return V::splat(0.0);
            }
            let at = row * width as isize + column - view.left;
            let from = values.as_ptr().wrapping_offset(at);
            let vector = if end - first == V::LANES {
                V::load(from)
            } else {
                V::load_range(from, first, end)
            };
            match keep {
                Some(keep) => vector.keep_where(keep.as_ptr().wrapping_offset(at), first, end),
                None => vector,
            }
        }
    };
    for row in 0..half {
        // SAFETY: row < half, the length of both the twist and the line.
        unsafe {
            let twist = tiling.twist.as_ptr().add(2 * row);
            let twist = (V::splat(*twist), V::splat(*twist.add(1)));
            let (re, im) = multiply((load(row), load(row + half)), twist);
            let to = line.as_mut_ptr().add(row * 2 * V::LANES);
            re.store(to);
            im.store(to.add(V::LANES));
        }
    }
    true
}

/// Moves a block of columns between `line` (columns in lanes) and `tile` (column frequencies in lanes):
/// into the tile, or out of it.
#[inline(always)]
unsafe fn exchange<V: Lanes, const INTO_TILE: bool>(
    tiling: &Tiling,
    tile: &mut [f32],
    line: &mut [f32],
    column: usize,
    count: usize,
) {
    let width = tiling.rows.length;
    let pair = 2 * V::LANES;
    // A block at the right edge has fewer columns than lanes: it goes through a square of its own.
    let mut square = [0f32; 16 * 16];
    for block in 0..tiling.blocks_of_frequencies(V::LANES) {
        for part in [0, V::LANES] {
            // SAFETY: `line` is as long as a whole number of blocks; column + count <= width.
            unsafe {
                let in_line = line.as_mut_ptr().add(block * V::LANES * pair + part);
                let in_tile = tile.as_mut_ptr().add((block * width + column) * pair + part);
                if count == V::LANES {
                    if INTO_TILE {
                        V::transpose(in_line, pair, in_tile, pair);
                    } else {
                        V::transpose(in_tile, pair, in_line, pair);
                    }
                } else if INTO_TILE {
                    V::transpose(in_line, pair, square.as_mut_ptr(), V::LANES);
                    for lane in 0..count {
                        V::load(square.as_ptr().add(lane * V::LANES))
                            .store(in_tile.add(lane * pair));
                    }
                } else {
                    for lane in 0..count {
                        V::load(in_tile.add(lane * pair))
                            .store(square.as_mut_ptr().add(lane * V::LANES));
                    }
                    V::transpose(square.as_ptr(), V::LANES, in_line, pair);
                }
            }
        }
    }
}

/// Completes a kernel's spectrum: its rows, and the scale that the inverse transforms leave out.
#[inline(always)]
unsafe fn transform_rows<V: Lanes>(tiling: &Tiling, kernel: &mut [f32]) {
    let scale = 1.0 / (tiling.rows.length * tiling.columns.length) as f32;
    for block in kernel.chunks_exact_mut(tiling.rows.length * 2 * V::LANES) {
        // SAFETY: a chunk is a line of the rows' transform.
        unsafe { tiling.rows.forward::<V>(block.as_mut_ptr()) }
        for value in block {
            *value *= scale;
        }
    }
}

/// Transforms a tile's rows, multiplies by the conjugate of the kernel's spectrum (a correlation), and
/// transforms back.
#[inline(always)]
unsafe fn correlate_rows<V: Lanes>(tiling: &Tiling, tile: &mut [f32], kernel: &[f32]) {
    let length = tiling.rows.length * 2 * V::LANES;
    for (block, kernel) in tile.chunks_exact_mut(length).zip(kernel.chunks_exact(length)) {
        // SAFETY: a chunk is a line of the rows' transform, and as many pairs of vectors.
        unsafe {
            tiling.rows.forward::<V>(block.as_mut_ptr());
            for at in (0..length).step_by(2 * V::LANES) {
                let to = block.as_mut_ptr().add(at);
                let (re, im) = (V::load(to), V::load(to.add(V::LANES)));
                let from = kernel.as_ptr().add(at);
                let (cos, sin) = (V::load(from), V::load(from.add(V::LANES)));
                im.mul_add(sin, re.mul(cos)).store(to);
                re.neg_mul_add(sin, im.mul(cos)).store(to.add(V::LANES));
            }
            tiling.rows.inverse::<V>(block.as_mut_ptr());
        }
    }
}

/// Transforms a tile's columns back and finishes the outputs that it was made for.
#[inline(always)]
unsafe fn restore<V: Lanes>(
    tiling: &Tiling,
    tile: &mut [f32],
    line: &mut [f32],
    sink: &mut Sink,
    (top, left): (usize, usize),
) {
    let half = tiling.columns.length;
    let height = (sink.height - top).min(tiling.tile_height);
    let width = (sink.width - left).min(tiling.tile_width);
    for column in (0..width).step_by(V::LANES) {
        let count = (tiling.rows.length - column).min(V::LANES);
        let outputs = (width - column).min(V::LANES);
        // SAFETY: a row below `height` and a lane below `outputs` lie in the sink.
        unsafe {
            let bias = V::splat(sink.bias);
            exchange::<V, false>(tiling, tile, line, column, count);
            tiling.columns.inverse::<V>(line.as_mut_ptr());
            for row in 0..half.min(height) {
                let from = line.as_ptr().add(row * 2 * V::LANES);
                let (re, im) = (V::load(from), V::load(from.add(V::LANES)));
                let twist = tiling.twist.as_ptr().add(2 * row);
                let (cos, sin) = (V::splat(*twist), V::splat(*twist.add(1)));
                let upper = im.mul_add(sin, re.mul_add(cos, bias));
                sink.finish(upper, top + row, left + column, outputs);
                if row + half < height {
                    let lower = re.neg_mul_add(sin, im.mul_add(cos, bias));
                    sink.finish(lower, top + row + half, left + column, outputs);
                }
            }
        }
    }
}
