//! Dense 3 x 3 convolutions of stride 1 with fewer multiplications: Winograd's F(2 x 2, 3 x 3), as in
//! Lavin and Gray 2016, "Fast algorithms for convolutional neural networks", section 4.1.
//!
//! A tile of 2 x 2 outputs takes 4 x 4 products a channel instead of 36. With g a kernel, d the 4 x 4
//! inputs under a tile: A' [(G g G') * (B' d B)] A. All factors are 0, 1 or 1/2, so rounding is that of
//! a plain sum.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use tch::{Kind, Tensor};

use super::buffer::Storage;
use super::chunk::with_scratch;
use super::columns::Matrix;
use super::elementwise::{winograd_columns, winograd_outputs, winograd_rows};
use super::gemm::{self, Left, Target};
use super::map::Map;
use super::slide::Slide;
use crate::nn::NnError;

/// Products of a tile.
const PRODUCTS: usize = 16;

/// Transformed weights, which serve both directions.
#[derive(Debug)]
pub(super) struct Winograd {
    /// 16 matrices of out x in, one below the other.
    weights: Matrix,
    channels_out: usize,
    channels_in: usize,
    bias: Option<Vec<f32>>,
}

/// What one of the two directions reads of the weights.
struct Direction<'a> {
    weights: &'a Winograd,
    turned: bool,
}

impl Winograd {
    /// Transforms a weight of out x in x 3 x 3, in f64.
    pub fn new(weight: &Tensor, bias: Option<Vec<f32>>) -> Result<Self, NnError> {
        let size = weight.size();
        let transform = || {
            let g = Tensor::f_from_slice(&[
                1.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0.0, 0.0, 1.0,
            ])?
            .f_view([4i64, 3])?;
            let transposed = g.f_transpose(0, 1)?;
            let products = g.f_matmul(&weight.f_to_kind(Kind::Double)?)?.f_matmul(&transposed)?;
            products
                .f_permute([2, 3, 0, 1])?
                .f_to_kind(Kind::Float)?
                .f_contiguous()?
                .f_view([PRODUCTS as i64 * size[0], size[1]])
        };
        let weights = transform().map_err(NnError::torch("preparing a convolution"))?;
        Ok(Winograd {
            weights: Matrix::new(&weights)?,
            channels_out: size[0] as usize,
            channels_in: size[1] as usize,
            bias,
        })
    }

    /// The output for an input map.
    pub fn run(&self, storage: &Arc<Storage>, slide: &Slide, input: &Map) -> Map {
        let direction = Direction { weights: self, turned: false };
        direction.run(storage, slide, self.bias.as_deref(), input)
    }

    /// The input's gradient for the output's.
    pub fn run_back(&self, storage: &Arc<Storage>, slide: &Slide, gradient: &Map) -> Map {
        let direction = Direction { weights: self, turned: true };
        direction.run(storage, &slide.turned(), None, gradient)
    }
}

impl Direction<'_> {
    fn channels(&self) -> (usize, usize) {
        let Winograd { channels_out, channels_in, .. } = *self.weights;
        if self.turned { (channels_in, channels_out) } else { (channels_out, channels_in) }
    }

    /// The matrix of product `index`. Turning the kernel around swaps its first and last row (and
    /// column), and so the first and last row and column of G g G'.
    fn matrix(&self, index: usize) -> Left {
        let turn = |place: usize| match place {
            0 => 3,
            3 => 0,
            place => place,
        };
        let index = if self.turned { 4 * turn(index / 4) + turn(index % 4) } else { index };
        let Winograd { channels_out, channels_in, .. } = *self.weights;
        let all = self.weights.weights.left(self.turned);
        let pointer = all.pointer.wrapping_add(index * channels_out * channels_in);
        let (rows, depth) = self.channels();
        Left { pointer, rows, depth, ..all }
    }

    fn run(&self, storage: &Arc<Storage>, slide: &Slide, bias: Option<&[f32]>, input: &Map) -> Map {
        let (to, from) = self.channels();
        let mut output = Map::new(storage, to, input.images, slide.output);
        let across = slide.output.width.div_ceil(2);
        let down = slide.output.height.div_ceil(2);
        let tasks = tasks(input.images, down, across, to + from);
        let sink = OutputRows::new(&mut output, slide);
        tasks.into_par_iter().for_each(|rows| {
            let count = rows.len() * across;
            with_scratch(PRODUCTS * (to + from) * count, |scratch| {
                let (inputs, outputs) = scratch.split_at_mut(PRODUCTS * from * count);
                let tiles = Tiles { slide, input, across, down, rows };
                tiles.transform_inputs(inputs);
                for index in 0..PRODUCTS {
                    let right = Products { values: inputs, index, count };
                    let pointer = outputs[index * count..].as_mut_ptr();
                    let to = Target { pointer, columns: count, stride: PRODUCTS * count };
                    // SAFETY: the scratch is this thread's, and has `to` rows of that stride.
                    unsafe { gemm::multiply(self.matrix(index), &right, to, false) };
                }
                tiles.transform_outputs(outputs, bias, &sink);
            });
        });
        output
    }
}

/// Rows of tiles of all images, in tasks whose products fit in the cache.
fn tasks(images: usize, down: usize, across: usize, channels: usize) -> Vec<Range<usize>> {
    let rows = images * down;
    let tiles = ((1 << 16) / channels).clamp(96, 1024);
    let per_task = (tiles / across).max(1);
    let workers = rayon::current_num_threads();
    let tasks = rows.div_ceil(per_task).next_multiple_of(workers).min(rows).max(1);
    (0..tasks).map(|task| task * rows / tasks..(task + 1) * rows / tasks).collect()
}

/// The inputs of product `index`: a row a channel.
struct Products<'a> {
    /// Channels x 16 x tiles.
    values: &'a [f32],
    index: usize,
    count: usize,
}

impl gemm::Right for Products<'_> {
    fn row<'a>(&'a self, k: usize, _: &'a mut [f32]) -> &'a [f32] {
        let start = (k * PRODUCTS + self.index) * self.count;
        &self.values[start..start + self.count]
    }
}

/// Some rows of tiles.
struct Tiles<'a> {
    slide: &'a Slide,
    input: &'a Map,
    /// Tiles in a row, and rows of tiles in an image.
    across: usize,
    down: usize,
    rows: Range<usize>,
}

impl Tiles<'_> {
    /// B' d B for each channel and tile: channels x 16 x tiles.
    fn transform_inputs(&self, products: &mut [f32]) {
        let Tiles { slide, input, across, .. } = *self;
        let count = self.rows.len() * across;
        let width = 2 * across + 2;
        // What lies beyond the input stays 0 in these sums.
        let mut sums = vec![0f32; 4 * width];
        // Input columns under the first tile's first, in the padded line and in the input.
        let first = slide.under(1, 0, 0);
        let skip = (-first).max(0) as usize;
        let start = first.max(0) as usize;
        let length = width.saturating_sub(skip).min(slide.input.width.saturating_sub(start));
        let nothing = vec![0f32; length];
        for (channel, products) in products.chunks_exact_mut(PRODUCTS * count).enumerate() {
            for (place, row) in self.rows.clone().enumerate() {
                let (image, row) = (row / self.down, row % self.down);
                let plane = (channel * input.images + image) * slide.input.count();
                let lines = [0, 1, 2, 3].map(|tap| {
                    let under = slide.under(0, 2 * row, tap);
                    if under < 0 || under as usize >= slide.input.height {
                        return &nothing[..];
                    }
                    let from = plane + under as usize * slide.input.width + start;
                    &input.values[from..from + length]
                });
                winograd_rows(lines, &mut sums, width, skip);
                for (sums, products) in
                    sums.chunks_exact(width).zip(products.chunks_exact_mut(4 * count))
                {
                    winograd_columns(sums, products, count, place * across, across);
                }
            }
        }
    }

    /// A' m A for each channel and tile, with the bias, into the output.
    fn transform_outputs(&self, products: &mut [f32], bias: Option<&[f32]>, sink: &OutputRows) {
        let count = self.rows.len() * self.across;
        let mut lines = vec![0f32; 4 * self.across];
        for (channel, products) in products.chunks_exact(PRODUCTS * count).enumerate() {
            let bias = bias.map_or(0.0, |bias| bias[channel]);
            for (place, row) in self.rows.clone().enumerate() {
                let (image, row) = (row / self.down, row % self.down);
                winograd_outputs(products, &mut lines, count, place * self.across, bias);
                for (half, line) in lines.chunks_exact(2 * self.across).enumerate() {
                    // SAFETY: these rows of tiles are this task's alone.
                    if let Some(to) = unsafe { sink.row(channel, image, 2 * row + half) } {
                        to.copy_from_slice(&line[..to.len()]);
                    }
                }
            }
        }
    }
}

/// The rows of an output map, which tasks write side by side.
struct OutputRows {
    pointer: *mut f32,
    images: usize,
    height: usize,
    width: usize,
}

// SAFETY: tasks write rows of their own.
unsafe impl Sync for OutputRows {}

impl OutputRows {
    fn new(map: &mut Map, slide: &Slide) -> Self {
        let (height, width) = (slide.output.height, slide.output.width);
        OutputRows { pointer: map.values.as_mut_ptr(), images: map.images, height, width }
    }

    /// A row; nothing below the last one.
    ///
    /// # Safety
    ///
    /// The map is alive, and nobody else uses that row meanwhile.
    #[allow(clippy::mut_from_ref)] // a pointer in all but name
    unsafe fn row(&self, channel: usize, image: usize, row: usize) -> Option<&mut [f32]> {
        let start = ((channel * self.images + image) * self.height + row) * self.width;
        // SAFETY: the row lies in the map; the caller vouches for the rest.
        (row < self.height)
            .then(|| unsafe { std::slice::from_raw_parts_mut(self.pointer.add(start), self.width) })
    }
}
