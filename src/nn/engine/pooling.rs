//! Max pooling and the mean over positions.

use std::sync::Arc;

use rayon::prelude::*;

use super::buffer::Storage;
use super::map::Map;
use super::slide::Slide;
use crate::nn::window::Window;

/// Largest values under the kernel, and for each the tap where it was found (row by row), which is
/// all that the way back needs. Of equal values the first counts, as in libtorch.
pub(super) fn max_pool(storage: &Arc<Storage>, slide: &Slide, input: &Map) -> (Map, Vec<u8>) {
    let mut output = Map::new(storage, input.channels, input.images, slide.output);
    let mut taps = vec![0u8; output.values.len()];
    let (from, to) = (slide.input.count(), slide.output.count());
    let planes = output.values.par_chunks_exact_mut(to).zip(taps.par_chunks_exact_mut(to));
    planes.zip(input.values.par_chunks_exact(from)).for_each(|((output, taps), input)| {
        output.fill(f32::NEG_INFINITY);
        each_tap(slide, |tap, to, from| {
            let value = input[from];
            // A value that is not a number wins.
            if value > output[to] || value.is_nan() {
                output[to] = value;
                taps[to] = tap;
            }
        });
    });
    (output, taps)
}

/// The input's gradient: each output's goes to where its value was found.
pub(super) fn max_pool_back(
    storage: &Arc<Storage>,
    slide: &Slide,
    taps: &[u8],
    gradient: &Map,
) -> Map {
    let mut result = Map::zeros(storage, gradient.channels, gradient.images, slide.input);
    let (from, to) = (slide.input.count(), slide.output.count());
    let planes = result.values.par_chunks_exact_mut(from).zip(taps.par_chunks_exact(to));
    planes.zip(gradient.values.par_chunks_exact(to)).for_each(|((result, taps), gradient)| {
        each_tap(slide, |tap, to, from| {
            if taps[to] == tap {
                result[from] += gradient[to];
            }
        });
    });
    result
}

/// Calls `visit` with each tap, output position and the input position under it that isn't padding,
/// the taps of an output in order.
#[inline(always)]
fn each_tap(slide: &Slide, mut visit: impl FnMut(u8, usize, usize)) {
    let inside: Vec<_> = (0..slide.kernel[1]).map(|tap| slide.inside(tap)).collect();
    for row in 0..slide.output.height {
        for tap_row in 0..slide.kernel[0] {
            let under = slide.under(0, row, tap_row);
            if under < 0 || under as usize >= slide.input.height {
                continue;
            }
            for (tap, inside) in inside.iter().enumerate() {
                let number = (tap_row * slide.kernel[1] + tap) as u8;
                if inside.is_empty() {
                    continue;
                }
                let first = slide.under(1, inside.start, tap) as usize;
                let start = under as usize * slide.input.width + first;
                for (step, column) in inside.clone().enumerate() {
                    let to = row * slide.output.width + column;
                    visit(number, to, start + step * slide.stride[1]);
                }
            }
        }
    }
}

/// The mean of each channel over all positions, summed in f64.
pub(super) fn mean(storage: &Arc<Storage>, input: &Map) -> Map {
    let mut output = Map::new(storage, input.channels, input.images, Window::whole([1, 1]));
    let count = input.window.count();
    for (mean, plane) in output.values.iter_mut().zip(input.values.chunks_exact(count)) {
        let sum: f64 = plane.iter().map(|&value| f64::from(value)).sum();
        *mean = (sum / count as f64) as f32;
    }
    output
}

/// The input's gradient: an equal share for every position.
pub(super) fn mean_back(storage: &Arc<Storage>, window: Window, gradient: &Map) -> Map {
    let mut result = Map::new(storage, gradient.channels, gradient.images, window);
    let count = window.count();
    for (plane, gradient) in result.values.chunks_exact_mut(count).zip(gradient.values.iter()) {
        plane.fill(gradient / count as f32);
    }
    result
}
