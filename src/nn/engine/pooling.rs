//! Max pooling and the mean over positions.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::buffer::Storage;
use super::elementwise::{add_where, keep_larger, pick};
use super::map::Map;
use super::slide::Slide;
use crate::nn::window::Window;

/// Largest values under the kernel, and for each the tap where it was found (row by row), which is
/// all that the way back needs. Of equal values the first counts, as in libtorch.
pub(super) fn max_pool(storage: &Arc<Storage>, slide: &Slide, input: &Map) -> (Map, Vec<u8>) {
    let mut output = Map::new(storage, input.channels, input.images, slide.output);
    let mut taps = vec![0u8; output.values.len()];
    let (from, to) = (slide.input.count(), slide.output.count());
    let inside = columns_inside(slide);
    let planes = output.values.par_chunks_exact_mut(to).zip(taps.par_chunks_exact_mut(to));
    planes.zip(input.values.par_chunks_exact(from)).for_each(|((output, taps), input)| {
        output.fill(f32::NEG_INFINITY);
        let mut under_tap = vec![0f32; slide.output.width];
        for row in 0..slide.output.height {
            let at = row * slide.output.width;
            for tap_row in 0..slide.kernel[0] {
                let Some(line) = row_under(slide, row, tap_row) else { continue };
                for (tap, inside) in inside.iter().enumerate().filter(|(_, i)| !i.is_empty()) {
                    let under_tap = &mut under_tap[..inside.len()];
                    let first = line + slide.under(1, inside.start, tap) as usize;
                    pick(&input[first..], slide.stride[1], under_tap);
                    let columns = at + inside.start..at + inside.end;
                    let number = (tap_row * slide.kernel[1] + tap) as u8;
                    keep_larger(
                        &mut output[columns.clone()],
                        &mut taps[columns],
                        under_tap,
                        number,
                    );
                }
            }
        }
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
    let mut result = Map::new(storage, gradient.channels, gradient.images, slide.input);
    let (from, to) = (slide.input.count(), slide.output.count());
    let inside = columns_inside(slide);
    let readers = readers(slide);
    let stride = slide.stride[1];
    let planes = result.values.par_chunks_exact_mut(from).zip(taps.par_chunks_exact(to));
    planes.zip(gradient.values.par_chunks_exact(to)).for_each(|((result, taps), gradient)| {
        // A row of the input, taken apart: what a tap reads lies side by side.
        let phase_width = slide.input.width.div_ceil(stride);
        let mut phases = vec![0f32; stride * phase_width];
        for (line, readers) in result.chunks_exact_mut(slide.input.width).zip(&readers) {
            phases.fill(0.0);
            for &(row, tap_row) in readers {
                let at = row * slide.output.width;
                for (tap, inside) in inside.iter().enumerate().filter(|(_, i)| !i.is_empty()) {
                    let first = slide.under(1, inside.start, tap) as usize;
                    let start = first % stride * phase_width + first / stride;
                    let columns = at + inside.start..at + inside.end;
                    let number = (tap_row * slide.kernel[1] + tap) as u8;
                    let sums = &mut phases[start..start + inside.len()];
                    add_where(sums, &gradient[columns.clone()], &taps[columns], number);
                }
            }
            for (phase, values) in phases.chunks_exact(phase_width).enumerate() {
                let places = line.iter_mut().skip(phase).step_by(stride);
                places.zip(values).for_each(|(to, from)| *to = *from);
            }
        }
    });
    result
}

/// For each tap of a kernel's row, the output columns for which it lies in the input.
fn columns_inside(slide: &Slide) -> Vec<Range<usize>> {
    (0..slide.kernel[1]).map(|tap| slide.inside(tap)).collect()
}

/// Where the input row under a row of taps begins; nothing where that is padding.
fn row_under(slide: &Slide, row: usize, tap_row: usize) -> Option<usize> {
    let under = usize::try_from(slide.under(0, row, tap_row)).ok()?;
    (under < slide.input.height).then_some(under * slide.input.width)
}

/// For each input row, the output rows that read it and with which row of taps.
fn readers(slide: &Slide) -> Vec<Vec<(usize, usize)>> {
    let mut readers = vec![Vec::new(); slide.input.height];
    for row in 0..slide.output.height {
        for tap_row in 0..slide.kernel[0] {
            if let Some(line) = row_under(slide, row, tap_row) {
                readers[line / slide.input.width].push((row, tap_row));
            }
        }
    }
    readers
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
