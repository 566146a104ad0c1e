//! The walks: forward over a plan's steps, and back.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::buffer::Storage;
use super::chunk::{self, Kept};
use super::columns::Columns;
use super::group::Compiled;
use super::map::Map;
use super::plan::{Plan, PlanStep, Work};
use super::program::{Home, Program};
use crate::nn::NnError;

/// Numbers that all rows of a chunk may take: they should stay in the cache.
const CHUNK: usize = 1 << 20;

/// What a step keeps for the way back.
pub(super) enum Memory {
    Nothing,
    /// Chunk by chunk.
    Group(Vec<Vec<Kept>>),
    /// Which tap was the largest.
    Taps(Vec<u8>),
    /// Copies of the inputs.
    Inputs(Vec<Map>),
}

/// Runs all steps on an image and returns the target's values, and what each step keeps if `keep` is
/// set. An activation's memory is free again once its last reader has run.
pub(super) fn forward(
    plan: &Plan,
    storage: &Arc<Storage>,
    image: Map,
    layers: usize,
    keep: bool,
) -> Result<(Map, Vec<Memory>), NnError> {
    let mut values: Vec<Option<Map>> = (0..layers).map(|_| None).collect();
    values[0] = Some(image);
    let mut memories = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let inputs = step.inputs.iter().map(|input| {
            let whole = values[input.node.0].take().ok_or_else(|| missing(step))?;
            let Some(window) = input.crop else { return Ok(whole) };
            let part = whole.crop(storage, window);
            if !input.dies {
                values[input.node.0] = Some(whole);
            }
            Ok(part)
        });
        let inputs: Vec<Map> = inputs.collect::<Result<_, NnError>>()?;
        let images = inputs.first().map_or(1, |input| input.images);
        let outs = || step.channels.iter().zip(&step.windows);
        let (outputs, memory, inputs) = match &step.work {
            Work::Group(group) => {
                let missing = |(&channels, &window)| (channels, images, window);
                let shapes = outs().map(missing).collect();
                run_group(group, storage, inputs, shapes, keep)?
            }
            work => run_single(work, storage, inputs, keep)?,
        };
        for (input, map) in step.inputs.iter().zip(inputs) {
            if !input.dies && input.crop.is_none() {
                values[input.node.0] = map;
            }
        }
        for (output, map) in step.outputs.iter().zip(outputs) {
            values[output.0] = Some(map);
        }
        memories.push(memory);
    }
    let target = values[plan.target.0].take();
    Ok((target.ok_or_else(|| NnError::MissingParameter("the target layer".into()))?, memories))
}

/// Goes back over all steps from the target's gradient, and returns the image's.
pub(super) fn backward(
    plan: &Plan,
    storage: &Arc<Storage>,
    gradient: Map,
    mut memories: Vec<Memory>,
    layers: usize,
) -> Result<Map, NnError> {
    let mut gradients: Vec<Option<Map>> = (0..layers).map(|_| None).collect();
    gradients[plan.target.0] = Some(gradient);
    for step in plan.steps.iter().rev() {
        let memory = memories.pop().unwrap_or(Memory::Nothing);
        let of_outputs: Vec<Map> = step
            .outputs
            .iter()
            .map(|output| gradients[output.0].take().ok_or_else(|| missing(step)))
            .collect::<Result<_, _>>()?;
        let of_inputs = back_over(step, storage, of_outputs, memory)?;
        for (input, part) in step.inputs.iter().zip(of_inputs) {
            let place = &mut gradients[input.node.0];
            *place = Some(match place.take() {
                Some(mut sum) => {
                    sum.add_part(&part);
                    sum
                }
                None if input.crop.is_some() => part.embed(storage, input.window),
                None => part,
            });
        }
    }
    gradients[0].take().ok_or_else(|| NnError::MissingParameter("the image's gradient".into()))
}

fn missing(step: &PlanStep) -> NnError {
    NnError::MissingParameter(format!("the inputs of layer {:?}", step.outputs))
}

type Ran = (Vec<Map>, Memory, Vec<Option<Map>>);

/// Runs a step of one layer.
fn run_single(
    work: &Work,
    storage: &Arc<Storage>,
    inputs: Vec<Map>,
    keep: bool,
) -> Result<Ran, NnError> {
    let first = &inputs[0];
    let mut memory = Memory::Nothing;
    let output = match work {
        Work::Dense(dense, slide) => dense.run(storage, slide, first)?,
        Work::Depthwise(kernel, slide) => super::depthwise::run(kernel, storage, slide, first),
        Work::MaxPool(slide) => {
            let (output, taps) = super::pooling::max_pool(storage, slide, first);
            if keep {
                memory = Memory::Taps(taps);
            }
            output
        }
        Work::Mean(_) => super::pooling::mean(storage, first),
        Work::Attention(heads) => heads.run(storage, first)?,
        Work::Torch(block) => block.run(storage, &inputs.iter().collect::<Vec<_>>())?,
        Work::Group(_) => unreachable!("groups are run by run_group"),
    };
    if keep && matches!(work, Work::Attention(_) | Work::Torch(_)) {
        let copy = |map: &Map| map.crop(storage, map.window);
        memory = Memory::Inputs(inputs.iter().map(copy).collect());
    }
    Ok((vec![output], memory, inputs.into_iter().map(Some).collect()))
}

/// The gradients of a step's inputs, in the windows that it read.
fn back_over(
    step: &PlanStep,
    storage: &Arc<Storage>,
    of_outputs: Vec<Map>,
    memory: Memory,
) -> Result<Vec<Map>, NnError> {
    let first = &of_outputs[0];
    Ok(match (&step.work, memory) {
        (Work::Dense(dense, slide), _) => vec![dense.run_back(storage, slide, first)?],
        (Work::Depthwise(kernel, slide), _) => {
            vec![super::depthwise::run_back(kernel, storage, slide, first)]
        }
        (Work::MaxPool(slide), Memory::Taps(taps)) => {
            vec![super::pooling::max_pool_back(storage, slide, &taps, first)]
        }
        (Work::Mean(window), _) => vec![super::pooling::mean_back(storage, *window, first)],
        (Work::Attention(heads), Memory::Inputs(inputs)) => {
            vec![heads.run_back(storage, &inputs[0], first)?]
        }
        (Work::Torch(block), Memory::Inputs(inputs)) => block.run_back(storage, &inputs, first)?,
        (Work::Group(group), Memory::Group(kept)) => back_group(group, storage, of_outputs, kept)?,
        _ => return Err(missing(step)),
    })
}

/// Columns of each chunk: few enough for the cache, and as many chunks for every worker.
fn chunks(rows: usize, columns: usize) -> Vec<Range<usize>> {
    let width = (CHUNK / rows.max(1)).clamp(192, 4096);
    let workers = rayon::current_num_threads();
    let count = columns.div_ceil(width).next_multiple_of(workers).min(columns.div_ceil(16)).max(1);
    // Multiples of 16 keep rows on cache lines.
    let bound = |chunk: usize| {
        if chunk == count {
            columns
        } else {
            (chunk * columns / count).next_multiple_of(16).min(columns)
        }
    };
    (0..count)
        .map(|chunk| bound(chunk)..bound(chunk + 1))
        .filter(|range| !range.is_empty())
        .collect()
}

/// Rows that a chunk of a group holds at once.
fn rows_of(group: &Compiled) -> usize {
    let outside = group.forward.homes.iter().zip(&group.forward.channels);
    let outside = outside.filter(|(home, _)| !matches!(home, Home::Scratch(_)));
    outside.map(|(_, channels)| channels).sum::<usize>() + group.forward.scratch_rows
}

fn all_columns(maps: &mut [Option<Map>]) -> Vec<Columns> {
    maps.iter_mut()
        .map(|map| match map {
            Some(map) => Columns::new(&mut map.values, map.channels),
            None => Columns::new(&mut [], 1),
        })
        .collect()
}

/// Maps for what a program gives in memory of its own.
fn new_outputs(
    program: &Program,
    storage: &Arc<Storage>,
    shapes: Vec<(usize, usize, crate::nn::window::Window)>,
) -> Vec<Option<Map>> {
    let is_new = |(index, _): &(usize, &Home)| program.outputs[*index] == Home::Out(*index);
    let homes = program.outputs.iter().enumerate();
    homes
        .zip(shapes)
        .map(|(home, (channels, images, window))| {
            is_new(&home).then(|| Map::new(storage, channels, images, window))
        })
        .collect()
}

/// The maps that a program gives: new ones, or those that came in and were changed.
fn outputs_of(
    program: &Program,
    ins: &mut [Option<Map>],
    outs: Vec<Option<Map>>,
) -> Result<Vec<Map>, NnError> {
    let homes = program.outputs.iter().zip(outs);
    homes
        .map(|(home, new)| match home {
            Home::In(index) => ins[*index].take(),
            _ => new,
        })
        .map(|map| map.ok_or_else(|| NnError::MissingParameter("a layer's output".into())))
        .collect()
}

fn run_group(
    group: &Compiled,
    storage: &Arc<Storage>,
    inputs: Vec<Map>,
    shapes: Vec<(usize, usize, crate::nn::window::Window)>,
    keep: bool,
) -> Result<Ran, NnError> {
    let columns = inputs[0].columns();
    let mut ins: Vec<Option<Map>> = inputs.into_iter().map(Some).collect();
    let mut outs = new_outputs(&group.forward, storage, shapes);
    let (from, to) = (all_columns(&mut ins), all_columns(&mut outs));
    let kept = chunks(rows_of(group), columns)
        .into_par_iter()
        // SAFETY: each chunk has positions of its own, and the maps outlive the loop.
        .map(|range| unsafe { chunk::forward(group, &from, &to, range, keep) })
        .collect::<Result<_, _>>()?;
    let outputs = outputs_of(&group.forward, &mut ins, outs)?;
    Ok((outputs, Memory::Group(kept), ins))
}

fn back_group(
    group: &Compiled,
    storage: &Arc<Storage>,
    of_outputs: Vec<Map>,
    kept: Vec<Vec<Kept>>,
) -> Result<Vec<Map>, NnError> {
    let (columns, images, window) =
        (of_outputs[0].columns(), of_outputs[0].images, of_outputs[0].window);
    let shapes = group.input_channels.iter().map(|&channels| (channels, images, window)).collect();
    let mut ins: Vec<Option<Map>> = of_outputs.into_iter().map(Some).collect();
    let mut outs = new_outputs(&group.backward, storage, shapes);
    let (from, to) = (all_columns(&mut ins), all_columns(&mut outs));
    chunks(rows_of(group), columns)
        .into_par_iter()
        .zip(kept)
        // SAFETY: as in `run_group`.
        .try_for_each(|(range, kept)| unsafe { chunk::backward(group, &from, &to, range, kept) })?;
    outputs_of(&group.backward, &mut ins, outs)
}
