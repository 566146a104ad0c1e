//! Which algorithm a shape gets: a fixed model of the cost of each, so that the choice, and with it
//! every bit of the result, is the same on every run.

use std::fmt;

use super::Algorithm;
use super::across::Runs;
use super::direct;
use super::fft::factor;
use super::plane::Padding;
use super::spectral::Tiling;

/// Sizes of one depthwise correlation at stride 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub kernel: (usize, usize),
    pub output: (usize, usize),
    pub padding: Padding,
    pub channels: usize,
    /// Images that share a kernel, and with it the kernel's spectrum.
    pub images: usize,
}

/// How to compute a stride-1 correlation.
#[derive(Debug)]
pub(super) enum Plan {
    Direct,
    Spectral(Tiling),
    /// With this length of runs.
    Across(usize),
}

/// One dimension of a tiling.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// Outputs in a tile.
    outputs: usize,
    /// Length of the complex transform.
    length: usize,
    tiles: usize,
    /// Cost of a transform per element.
    cost: f64,
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Direct => formatter.write_str("direct"),
            Self::Spectral(tiling) => tiling.fmt(formatter),
            Self::Across(run_length) => {
                write!(formatter, "across channels, runs of {run_length}")
            }
        }
    }
}

/// The plan for the algorithm asked for, or else the cheapest.
pub(super) fn choose(shape: &Shape, lanes: usize, algorithm: Option<Algorithm>) -> Plan {
    let wanted = |candidate| algorithm.is_none_or(|algorithm| algorithm == candidate);
    let mut plans = Vec::new();
    if wanted(Algorithm::Spectral)
        && let Some((tiling, cost)) = cheapest_tiling(shape, lanes)
    {
        plans.push((Plan::Spectral(tiling), cost));
    }
    if wanted(Algorithm::Across) {
        let (run_length, cost) = cheapest_run_length(shape, lanes);
        plans.push((Plan::Across(run_length), cost));
    }
    if wanted(Algorithm::Direct) {
        plans.push((Plan::Direct, direct_cost(shape, lanes)));
    }
    let cheapest = plans.into_iter().min_by(|(_, a), (_, b)| a.total_cmp(b));
    cheapest.map_or(Plan::Direct, |(plan, _)| plan)
}

/// The length of run with the least cost, and that cost in cycles for one channel.
fn cheapest_run_length(shape: &Shape, lanes: usize) -> (usize, f64) {
    let Padding { top, left, bottom, right } = shape.padding;
    let input =
        |output: usize, kernel: usize, zeros: usize| (output + kernel - 1).saturating_sub(zeros);
    let (input_height, input_width) = (
        input(shape.output.0, shape.kernel.0, top + bottom),
        input(shape.output.1, shape.kernel.1, left + right),
    );
    let blocks = shape.channels.div_ceil(lanes) as f64;
    let cost = |run_length: usize| {
        let runs = Runs {
            kernel: shape.kernel,
            input: (input_height, input_width),
            output: shape.output,
            padding: shape.padding,
            run_length,
        };
        let products = runs.products() as f64;
        let pixels = (input_height * input_width.next_multiple_of(run_length)
            + shape.output.0 * shape.output.1.next_multiple_of(run_length))
            as f64;
        let taps = (shape.kernel.0 * shape.kernel.1) as f64;
        let image = 1.35 * products + 45.0 * pixels;
        blocks * (shape.images as f64 * image + 24.0 * taps) / shape.channels as f64
    };
    let (first, rest) = (*Runs::LENGTHS.start(), Runs::LENGTHS.skip(1));
    rest.fold((first, cost(first)), |best, run_length| {
        let cost = cost(run_length);
        if cost < best.1 { (run_length, cost) } else { best }
    })
}

/// Cycles of the direct kernel for one channel: its multiply-adds, and the way to and from memory.
fn direct_cost(shape: &Shape, lanes: usize) -> f64 {
    let vectors = shape.output.1.div_ceil(lanes);
    let heights = direct::Heights::new(shape.kernel.0, shape.output.0, shape.padding);
    let products = heights.products(heights.best_group()) * shape.kernel.1 * vectors;
    let pixels = shape.output.0 * shape.output.1;
    shape.images as f64 * (1.05 * products as f64 + 2.2 * pixels as f64 + 900.0)
}

/// The tiling with the least cost, and that cost in cycles for one channel.
fn cheapest_tiling(shape: &Shape, lanes: usize) -> Option<(Tiling, f64)> {
    let Padding { top, left, bottom, right } = shape.padding;
    let vertical = cuts(shape.output.0, shape.kernel.0, top.min(bottom), 2);
    let horizontal = cuts(shape.output.1, shape.kernel.1, left.min(right), 1);
    let mut best: Option<(Cut, Cut, f64)> = None;
    for v in &vertical {
        for h in &horizontal {
            let cost = tiling_cost(shape, v, h, lanes);
            if best.as_ref().is_none_or(|(.., least)| cost < *least) {
                best = Some((*v, *h, cost));
            }
        }
    }
    let (v, h, cost) = best?;
    Some((Tiling::new(v.outputs, h.outputs, v.length, h.length)?, cost))
}

/// Cycles for all tiles of a channel and for the spectrum of its kernel.
fn tiling_cost(shape: &Shape, v: &Cut, h: &Cut, lanes: usize) -> f64 {
    let column_vectors = (h.length.div_ceil(lanes) * v.length) as f64;
    let row_vectors = (v.length.div_ceil(lanes) * h.length) as f64;
    let bytes = row_vectors * lanes as f64 * 8.0;
    // Tile and kernel spectrum together leave the second-level cache.
    let far = if bytes > 400e3 { 30.0 } else { 0.0 };
    let tile = column_vectors * (2.0 * v.cost + 30.0) + row_vectors * (2.0 * h.cost + 8.0 + far);
    let kernel_part = (shape.kernel.1 as f64 / h.length as f64).min(1.0);
    let kernel = column_vectors * kernel_part * v.cost + row_vectors * (h.cost + 10.0);
    let pixels = (shape.output.0 * shape.output.1) as f64;
    let tiles = (v.tiles * h.tiles) as f64 * tile;
    shape.images as f64 * (1.05 * tiles + 1.2 * pixels + 800.0) + kernel
}

/// Ways to cut `outputs` in tiles, with transforms whose length is a product of small primes.
/// `per_element` is the number of real values in an element of the complex transform.
fn cuts(outputs: usize, kernel: usize, shared_zeros: usize, per_element: usize) -> Vec<Cut> {
    const LONGEST: usize = 512;
    let mut cuts = Vec::new();
    for tiles in 1..=outputs {
        let each = outputs.div_ceil(tiles);
        // A single tile may let the padding before and after it overlap.
        let shared = if tiles == 1 { shared_zeros } else { 0 };
        let least = (each + kernel - 1 - shared).max(kernel).max(each).div_ceil(per_element);
        if least > LONGEST || each * tiles >= outputs + each {
            continue;
        }
        let smooth = (least..=least + least / 2 + 8).filter_map(|length| {
            let (_, cost) = factor(length)?;
            Some(Cut { outputs: each, length, tiles, cost })
        });
        cuts.extend(smooth.take(6));
        if each <= 16 {
            break;
        }
    }
    cuts
}
