//! Correlation at stride 1 with a channel in each lane: the kernel for small images, whose rows don't
//! fill a vector.
//!
//! A block of channels is transposed, so that a pixel of all of them is a vector, and so is a tap. `P` outputs
//! of a row stay in registers while the input passes by in runs of `P` columns: between the two
//! stand `2 P - 1` taps of a kernel row, each loaded once and used up to `P` times. No product with a
//! zero of the padding is made.

use super::lanes::{Job, Lanes};
use super::plane::{Padding, Sink, Source, Taps};

/// The correlation of a block of channels, at stride 1.
pub(super) struct Across<'a, 'b, 'c> {
    /// The block's images, channel by channel.
    pub sources: &'a [Source<'a>],
    /// Kernels of the block's channels; `values` holds one after another.
    pub taps: Taps<'a>,
    pub padding: Padding,
    /// The results, in the order of the sources.
    pub sinks: &'b mut [Sink<'c>],
    /// Channels in the block.
    pub channels: usize,
    /// One of [`Runs::LENGTHS`].
    pub run_length: usize,
    /// Reused between blocks.
    pub scratch: &'b mut Scratch,
}

/// Buffers that one thread reuses from block to block.
#[derive(Default)]
pub(super) struct Scratch {
    /// A plane a channel, before or after it is transposed.
    planes: Vec<f32>,
    taps: Vec<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
}

/// Sizes of a correlation, with rows cut in runs of columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    pub kernel: (usize, usize),
    pub input: (usize, usize),
    pub output: (usize, usize),
    pub padding: Padding,
    pub run_length: usize,
}

impl Runs {
    /// Lengths that a run may have: 8 need 17 registers, of the 32 of AVX-512 or the 16 elsewhere.
    pub(super) const LENGTHS: std::ops::RangeInclusive<usize> = 4..=8;

    fn input_runs(&self) -> usize {
        self.input.1.div_ceil(self.run_length)
    }

    fn output_runs(&self) -> usize {
        self.output.1.div_ceil(self.run_length)
    }

    /// The kernel rows that meet the image in output row `y`.
    fn kernel_rows(&self, y: usize) -> std::ops::Range<usize> {
        // Input row = output row + kernel row - top.
        let end = (self.input.0 + self.padding.top).saturating_sub(y).min(self.kernel.0);
        self.padding.top.saturating_sub(y).min(end)..end
    }

    /// The tap column that joins the last output of run `output` with the first input of run `input`;
    /// it may lie outside the kernel.
    fn first_tap(&self, output: usize, input: usize) -> isize {
        (input * self.run_length + self.padding.left) as isize
            - (output * self.run_length + self.run_length - 1) as isize
    }

    /// Of the `2 run_length - 1` taps between two runs, those that the kernel has.
    fn taps_between(&self, output: usize, input: usize) -> std::ops::Range<usize> {
        let first = self.first_tap(output, input);
        let end =
            (self.kernel.1 as isize - first).clamp(0, 2 * self.run_length as isize - 1) as usize;
        ((-first).max(0) as usize).min(end)..end
    }

    /// Products of vectors for a block of channels.
    pub(super) fn products(&self) -> usize {
        let rows: usize = (0..self.output.0).map(|y| self.kernel_rows(y).len()).sum();
        let between = |output: usize, input: usize| -> usize {
            let taps = self.taps_between(output, input);
            taps.map(|tap| self.run_length - tap.abs_diff(self.run_length - 1)).sum()
        };
        let of_output =
            |output| (0..self.input_runs()).map(|input| between(output, input)).sum::<usize>();
        rows * (0..self.output_runs()).map(of_output).sum::<usize>()
    }
}

impl Job for Across<'_, '_, '_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Across { sources, taps, padding, sinks, channels, run_length, scratch } = self;
        let images = sources.len() / channels;
        let Some((source, sink)) = sources.first().zip(sinks.first()) else {
            return;
        };
        let runs = Runs {
            kernel: (taps.height, taps.width),
            input: (source.height, source.width),
            output: (sink.height, sink.width),
            padding,
            run_length,
        };
        let mut bias = [0.0; 16];
        for (bias, sink) in bias.iter_mut().zip(sinks.iter().step_by(images)) {
            *bias = sink.bias;
        }
        let size = taps.height * taps.width;
        let kernels = taps.values.chunks_exact(size).map(|taps| (taps, None));
        let Scratch { planes, taps, input, output } = scratch;
        // SAFETY: the features are those of `V`, and buffers are made as long as the sizes ask.
        unsafe {
            gather::<V>(kernels, size, size, planes, taps);
            for image in 0..images {
                let of_image = sources.iter().skip(image).step_by(images);
                let lines = of_image.map(|source| (source.values, source.keep));
                gather::<V>(lines, source.width, runs.input_runs() * run_length, planes, input);
                output.resize(sink_len(&runs) * V::LANES, 0.0);
                let bias = &bias;
                macro_rules! correlate {
                    ($($run:literal)*) => {
                        match run_length {
                            $($run => V::call(Correlate::<$run> { runs, input, taps, bias, output }),)*
                            _ => unreachable!("no plan has runs of another length"),
                        }
                    };
                }
                correlate!(4 5 6 7 8);
                scatter::<V>(output, &runs, planes, sinks.iter_mut().skip(image).step_by(images));
            }
        }
    }
}

/// Vectors of a block's output, those after the ends of rows and of the plane included; a multiple of 16,
/// the most lanes that there are, for what is transposed are squares.
fn sink_len(runs: &Runs) -> usize {
    (runs.output.0 * runs.output_runs() * runs.run_length).next_multiple_of(16)
}

/// Transposes planes, one a channel: for each position, a vector of the channels. Rows of `width` are
/// filled up with zeros to `padded`. Where a byte of a mask is 0, the value counts as 0.
///
/// # Safety
///
/// The processor has the features of `V`. There are at most `V::LANES` planes, all of the same length,
/// and masks are as long as their planes.
#[inline(always)]
unsafe fn gather<'a, V: Lanes>(
    lines: impl Iterator<Item = (&'a [f32], Option<&'a [u8]>)>,
    width: usize,
    padded: usize,
    planes: &mut Vec<f32>,
    vectors: &mut Vec<f32>,
) {
    let mut lines = lines.peekable();
    let length = lines.peek().map_or(0, |(values, _)| values.len() / width * padded);
    let rounded = length.next_multiple_of(V::LANES);
    planes.clear();
    planes.resize(rounded * V::LANES, 0.0);
    for ((values, keep), plane) in lines.zip(planes.chunks_exact_mut(rounded)) {
        if padded == width {
            plane[..length].copy_from_slice(values);
        } else {
            for (row, values) in plane.chunks_exact_mut(padded).zip(values.chunks_exact(width)) {
                row[..width].copy_from_slice(values);
            }
        }
        if let Some(keep) = keep {
            for (row, keep) in plane.chunks_exact_mut(padded).zip(keep.chunks_exact(width)) {
                for (value, keep) in row.iter_mut().zip(keep) {
                    *value = if *keep == 0 { 0.0 } else { *value };
                }
            }
        }
    }
    vectors.resize(rounded * V::LANES, 0.0);
    for position in (0..rounded).step_by(V::LANES) {
        // SAFETY: planes hold `V::LANES` lines of `rounded`, vectors as much the other way round.
        unsafe {
            let to = vectors.as_mut_ptr().add(position * V::LANES);
            V::transpose(planes.as_ptr().add(position), rounded, to, V::LANES);
        }
    }
}

/// Transposes a block's result back and finishes each channel.
///
/// # Safety
///
/// The processor has the features of `V`; `vectors` holds [`sink_len`] of them, and there are at most
/// `V::LANES` sinks.
#[inline(always)]
unsafe fn scatter<'a, 'b: 'a, V: Lanes>(
    vectors: &[f32],
    runs: &Runs,
    planes: &mut Vec<f32>,
    sinks: impl Iterator<Item = &'a mut Sink<'b>>,
) {
    let rounded = sink_len(runs);
    let (width, padded) = (runs.output.1, runs.output_runs() * runs.run_length);
    planes.clear();
    planes.resize(rounded * V::LANES, 0.0);
    for position in (0..rounded).step_by(V::LANES) {
        // SAFETY: as in `gather`, the other way round.
        unsafe {
            let from = vectors.as_ptr().add(position * V::LANES);
            V::transpose(from, V::LANES, planes.as_mut_ptr().add(position), rounded);
        }
    }
    // Rows without gaps are one long row.
    let (rows, length) =
        if padded == width { (1, runs.output.0 * width) } else { (runs.output.0, width) };
    for (sink, plane) in sinks.zip(planes.chunks_exact(rounded)) {
        for row in 0..rows {
            for column in (0..length).step_by(V::LANES) {
                // SAFETY: `count` numbers are read and written, which the plane and the image have.
                unsafe {
                    let count = (length - column).min(V::LANES);
                    let values = V::load_range(plane.as_ptr().add(row * padded + column), 0, count);
                    sink.finish_at(values, row * width + column, count);
                }
            }
        }
    }
}

/// All outputs of a block of channels, as vectors.
struct Correlate<'a, const P: usize> {
    runs: Runs,
    input: &'a [f32],
    taps: &'a [f32],
    bias: &'a [f32; 16],
    output: &'a mut [f32],
}

impl<const P: usize> Job for Correlate<'_, P> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Correlate { runs, input, taps, bias, output } = self;
        let row = runs.output_runs() * P * V::LANES;
        // SAFETY: handed on; there is a bias for each lane.
        unsafe {
            let bias = V::load(bias.as_ptr());
            for (y, line) in output.chunks_exact_mut(row).take(runs.output.0).enumerate() {
                for (run, sums) in line.chunks_exact_mut(P * V::LANES).enumerate() {
                    sum_run::<V, P>(&runs, input, taps, bias, (y, run), sums);
                }
            }
        }
    }
}

/// `P` outputs of row `y`.
///
/// # Safety
///
/// The processor has the features of `V`; `input`, `taps` and `results` have the sizes of `runs`.
#[inline(always)]
unsafe fn sum_run<V: Lanes, const P: usize>(
    runs: &Runs,
    input: &[f32],
    taps: &[f32],
    bias: V,
    (y, run): (usize, usize),
    results: &mut [f32],
) {
    let mut sums = [bias; P];
    let input_runs = runs.input_runs();
    for input_run in 0..input_runs {
        let between = runs.taps_between(run, input_run);
        if between.is_empty() {
            continue;
        }
        let first = runs.first_tap(run, input_run);
        for kernel_row in runs.kernel_rows(y) {
            // SAFETY: the row lies in the image, and taps outside the kernel aren't read.
            unsafe {
                let row = y + kernel_row - runs.padding.top;
                let line = input.as_ptr().add((row * input_runs + input_run) * P * V::LANES);
                let columns: [V; P] = std::array::from_fn(|j| V::load(line.add(j * V::LANES)));
                let start = (kernel_row * runs.kernel.1) as isize + first;
                let taps = taps.as_ptr().wrapping_offset(start * V::LANES as isize);
                // Written out: a loop would keep the sums in memory.
                macro_rules! taps {
                    ($($tap:literal)*) => {
                        $(if $tap < 2 * P - 1 && between.contains(&$tap) {
                            let weight = V::load(taps.wrapping_add($tap * V::LANES));
                            add_tap::<V, P, $tap>(&mut sums, &columns, weight);
                        })*
                    };
                }
                taps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
            }
        }
    }
    for (sum, result) in sums.into_iter().zip(results.chunks_exact_mut(V::LANES)) {
        // SAFETY: a chunk has room for a vector.
        unsafe { sum.store(result.as_mut_ptr()) }
    }
}

/// Adds tap `T` of the `2 P - 1` between `P` outputs and `P` inputs.
///
/// # Safety
///
/// The processor has the features of `V`.
#[inline(always)]
unsafe fn add_tap<V: Lanes, const P: usize, const T: usize>(
    sums: &mut [V; P],
    columns: &[V; P],
    weight: V,
) {
    for (i, sum) in sums.iter_mut().enumerate() {
        // Input column = output column + tap - (P - 1).
        if (P..2 * P).contains(&(i + T + 1)) {
            // SAFETY: handed on.
            *sum = unsafe { columns[i + T + 1 - P].mul_add(weight, *sum) };
        }
    }
}
