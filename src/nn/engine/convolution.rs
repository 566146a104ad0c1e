//! Dense convolutions as matrix products: the inputs under the kernel are gathered in columns.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use tch::Tensor;

use super::buffer::Storage;
use super::chunk::with_scratch;
use super::columns::{Columns, Matrix, product};
use super::elementwise::{add, add_bias, pick};
use super::gemm;
use super::map::Map;
use super::slide::Slide;
use super::winograd::Winograd;
use crate::nn::NnError;
use crate::nn::layer::Convolution;

/// Positions of a task: enough to use a weight often, few enough for the cache.
const POSITIONS: usize = 768;

/// A dense convolution's weights.
#[derive(Debug)]
pub(super) enum Dense {
    /// The inputs under the kernel are gathered.
    Gathered(Gathered),
    /// In 4 x 4 products for 2 x 2 outputs.
    Winograd(Winograd),
}

/// Weights for products with gathered inputs.
#[derive(Debug)]
pub(super) struct Gathered {
    /// out x (in x kernel).
    forward: Matrix,
    /// in x (out x kernel), turned around; only for stride 1 with a kernel larger than 1.
    turned: Option<Matrix>,
    bias: Option<Vec<f32>>,
}

impl Dense {
    /// Whether [`with_fewer_products`](Self::with_fewer_products) can be used and saves time.
    pub fn can_save_products(c: &Convolution) -> bool {
        let enough = c.in_channels.min(c.out_channels) >= 32;
        gemm::is_available() && enough && c.kernel == [3, 3] && c.stride == [1, 1]
    }

    /// Prepares a 3 x 3 weight for stride 1.
    pub fn with_fewer_products(weight: &Tensor, bias: Option<Vec<f32>>) -> Result<Self, NnError> {
        Ok(Dense::Winograd(Winograd::new(weight, bias)?))
    }

    /// Prepares a weight of out x in x height x width; `backward` says whether an input gradient will
    /// be asked for.
    pub fn new(
        weight: &Tensor,
        bias: Option<Vec<f32>>,
        stride: [usize; 2],
        backward: bool,
    ) -> Result<Self, NnError> {
        let size = weight.size();
        let turned = if backward && stride == [1, 1] && size[2..] != [1, 1] {
            let turned = weight
                .f_flip([2, 3])
                .and_then(|weight| weight.f_transpose(0, 1))
                .map_err(NnError::torch("preparing a convolution"))?;
            Some(Matrix::new(&turned)?)
        } else {
            None
        };
        Ok(Dense::Gathered(Gathered { forward: Matrix::new(weight)?, turned, bias }))
    }

    /// The output for an input map.
    pub fn run(&self, storage: &Arc<Storage>, slide: &Slide, input: &Map) -> Result<Map, NnError> {
        match self {
            Dense::Gathered(weights) => {
                correlate(storage, slide, &weights.forward, weights.bias.as_deref(), input)
            }
            Dense::Winograd(weights) => Ok(weights.run(storage, slide, input)),
        }
    }

    /// The input's gradient for the output's.
    pub fn run_back(
        &self,
        storage: &Arc<Storage>,
        slide: &Slide,
        gradient: &Map,
    ) -> Result<Map, NnError> {
        match self {
            Dense::Gathered(Gathered { turned: Some(turned), .. }) => {
                correlate(storage, &slide.turned(), turned, None, gradient)
            }
            Dense::Gathered(weights) => scatter(storage, slide, &weights.forward, gradient),
            Dense::Winograd(weights) => Ok(weights.run_back(storage, slide, gradient)),
        }
    }
}

/// Rows of `width` positions, split into tasks.
fn row_tasks(rows: usize, width: usize) -> Vec<Range<usize>> {
    let per_task = (POSITIONS / width.max(1)).max(1);
    let workers = rayon::current_num_threads();
    let tasks = rows.div_ceil(per_task).next_multiple_of(workers).min(rows).max(1);
    (0..tasks).map(|task| task * rows / tasks..(task + 1) * rows / tasks).collect()
}

fn correlate(
    storage: &Arc<Storage>,
    slide: &Slide,
    weight: &Matrix,
    bias: Option<&[f32]>,
    input: &Map,
) -> Result<Map, NnError> {
    let mut output = Map::new(storage, weight.rows, input.images, slide.output);
    let (rows, width) = (input.images * slide.output.height, slide.output.width);
    let to = Columns::new(&mut output.values, weight.rows);
    row_tasks(rows, width).into_par_iter().try_for_each(|rows| {
        let positions = rows.start * width..rows.end * width;
        let to = to.part(positions.clone());
        let gather = Gather::new(slide, input, rows);
        if gemm::is_available() {
            // SAFETY: each task writes positions of its own.
            unsafe { gemm::multiply(weight.left(false), &gather, to.target(), false) };
        } else {
            with_scratch(weight.columns * positions.len(), |gathered| {
                for (k, line) in gathered.chunks_exact_mut(positions.len()).enumerate() {
                    gather.line(k, line);
                }
                let from = Columns::new(gathered, weight.columns);
                // SAFETY: as above.
                unsafe { product(weight, false, from, to, false) }
            })?;
        }
        for (row, &bias) in bias.unwrap_or(&[]).iter().enumerate() {
            // SAFETY: as above.
            add_bias(unsafe { to.row(row) }, bias);
        }
        Ok(())
    })?;
    Ok(output)
}

/// The inputs under a kernel at some output rows (of all images, one after the other), as a matrix
/// with a line for each channel and tap.
struct Gather<'a> {
    slide: &'a Slide,
    input: &'a Map,
    rows: Range<usize>,
    /// For each tap of a kernel's row, the output columns for which it lies in the input.
    inside: Vec<Range<usize>>,
}

impl gemm::Right for Gather<'_> {
    fn row<'a>(&'a self, k: usize, buffer: &'a mut [f32]) -> &'a [f32] {
        self.line(k, buffer);
        buffer
    }
}

impl<'a> Gather<'a> {
    fn new(slide: &'a Slide, input: &'a Map, rows: Range<usize>) -> Self {
        let inside = (0..slide.kernel[1]).map(|tap| slide.inside(tap)).collect();
        Gather { slide, input, rows, inside }
    }

    /// Writes one line.
    fn line(&self, index: usize, line: &mut [f32]) {
        let Gather { slide, input, .. } = self;
        let [kernel_height, kernel_width] = slide.kernel;
        let tap = index % kernel_width;
        let tap_row = index / kernel_width % kernel_height;
        let channel = index / kernel_width / kernel_height;
        let inside = &self.inside[tap];
        for (row, line) in self.rows.clone().zip(line.chunks_exact_mut(slide.output.width)) {
            let (image, row) = (row / slide.output.height, row % slide.output.height);
            let under = slide.under(0, row, tap_row);
            if under < 0 || under as usize >= slide.input.height || inside.is_empty() {
                line.fill(0.0);
                continue;
            }
            line[..inside.start].fill(0.0);
            line[inside.end..].fill(0.0);
            let plane = (channel * input.images + image) * slide.input.count();
            let first = slide.under(1, inside.start, tap) as usize;
            let start = plane + under as usize * slide.input.width + first;
            pick(&input.values[start..], slide.stride[1], &mut line[inside.clone()]);
        }
    }
}

/// The input gradient at any stride: the gradients under each tap are added where the tap read. A task
/// owns some rows of the input, so that no two tasks add to the same place.
fn scatter(
    storage: &Arc<Storage>,
    slide: &Slide,
    weight: &Matrix,
    gradient: &Map,
) -> Result<Map, NnError> {
    let taps = slide.kernel[0] * slide.kernel[1];
    let channels = weight.columns / taps;
    let mut result = Map::zeros(storage, channels, gradient.images, slide.input);
    let planes = result.channels * result.images;
    let to = Columns::new(&mut result.values, planes);
    let from = Columns::read_only(&gradient.values, gradient.channels);
    let height = slide.input.height;
    // In terms of output rows, which are what is gathered.
    let tasks = row_tasks(slide.output.height, slide.output.width).len();
    let bands = (0..tasks).map(|task| task * height / tasks..(task + 1) * height / tasks);
    let tasks: Vec<(usize, Range<usize>)> = (0..gradient.images)
        .flat_map(|image| bands.clone().map(move |band| (image, band)))
        .collect();
    tasks.into_par_iter().try_for_each(|(image, band)| {
        let rows = rows_that_read(slide, &band);
        let start = image * slide.output.height;
        let width = slide.output.width;
        let from = from.part((start + rows.start) * width..(start + rows.end) * width);
        with_scratch(weight.columns * from.count, |gathered| {
            let columns = Columns::new(gathered, weight.columns);
            // SAFETY: the gradient is only read, and the scratch is this thread's.
            unsafe { product(weight, true, from, columns, false) }?;
            let images = gradient.images;
            add_back(slide, gathered, rows, &band, |channel, row| {
                let plane = channel * images + image;
                let width = slide.input.width;
                let line = to.part(row * width..(row + 1) * width);
                // SAFETY: this band of this image is this task's alone.
                unsafe { line.row(plane) }
            });
            Ok(())
        })
    })?;
    Ok(result)
}

/// The output rows whose kernels reach into `band` of the input's rows.
fn rows_that_read(slide: &Slide, band: &Range<usize>) -> Range<usize> {
    let reads = |row: &usize| {
        let first = slide.under(0, *row, 0);
        let last = slide.under(0, *row, slide.kernel[0] - 1);
        first < band.end as isize && last >= band.start as isize
    };
    let first = (0..slide.output.height).find(reads).unwrap_or(0);
    let last = (0..slide.output.height).rev().find(reads);
    first..last.map_or(first, |last| last + 1)
}

/// Adds what lies in `gathered` (channel and tap by output position) to the input rows of a band.
fn add_back<'a>(
    slide: &Slide,
    gathered: &[f32],
    rows: Range<usize>,
    band: &Range<usize>,
    line_of: impl Fn(usize, usize) -> &'a mut [f32],
) {
    let [kernel_height, kernel_width] = slide.kernel;
    let inside: Vec<Range<usize>> = (0..kernel_width).map(|tap| slide.inside(tap)).collect();
    let block = rows.len() * slide.output.width;
    for (index, values) in gathered.chunks_exact(block.max(1)).enumerate() {
        let (channel, tap) = (index / (kernel_height * kernel_width), index % kernel_width);
        let tap_row = index / kernel_width % kernel_height;
        let inside = &inside[tap];
        if inside.is_empty() {
            continue;
        }
        for (row, values) in rows.clone().zip(values.chunks_exact(slide.output.width)) {
            let under = slide.under(0, row, tap_row);
            if under < band.start as isize || under >= band.end as isize {
                continue;
            }
            let line = line_of(channel, under as usize);
            let line = &mut line[slide.under(1, inside.start, tap) as usize..];
            let values = &values[inside.clone()];
            if slide.stride[1] == 1 {
                add(&mut line[..values.len()], values);
            } else {
                for (to, from) in line.iter_mut().step_by(slide.stride[1]).zip(values) {
                    *to += from;
                }
            }
        }
    }
}
