//! Running a group's program on one chunk of positions.

use std::cell::RefCell;
use std::ops::Range;

use super::columns::{Columns, product};
use super::elementwise as e;
use super::group::Compiled;
use super::program::{Activation, Home, Program, Slot, Step};
use crate::nn::NnError;

/// What one chunk keeps for the way back; which of the vectors are filled depends on the layer.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Of a ReLU: a bit an element, row by row.
    signs: Vec<u64>,
    /// Of a GELU: its derivative in fixed point, row by row.
    slopes: Vec<u16>,
    /// Of a layer norm: the normalised values, row by row, then 1 / deviation of each position.
    normalised: Vec<f32>,
}

thread_local! {
    /// A worker's scratch matrix, used again from chunk to chunk.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Lends `count` numbers of any value from this thread's scratch.
pub(super) fn with_scratch<R>(count: usize, run: impl FnOnce(&mut [f32]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < count {
            // What was there needn't be copied.
            *scratch = Vec::new();
            *scratch = vec![0.0; count];
        }
        run(&mut scratch[..count])
    })
}

/// A program, and the columns that one chunk of its slots are.
struct Chunk<'a> {
    compiled: &'a Compiled,
    columns: Vec<Columns>,
    /// Whether to keep what the way back needs.
    keep: bool,
}

/// Runs the forward program on the positions `range` of the maps `ins` and `outs`, and returns what is
/// kept, if `keep` is set.
///
/// # Safety
///
/// The maps are alive, and nobody else uses these positions of them meanwhile, except to read those
/// inputs that don't die.
pub(super) unsafe fn forward(
    compiled: &Compiled,
    ins: &[Columns],
    outs: &[Columns],
    range: Range<usize>,
    keep: bool,
) -> Result<Vec<Kept>, NnError> {
    let mut kept: Vec<Kept> = (0..compiled.kept).map(|_| Kept::default()).collect();
    // SAFETY: handed on.
    unsafe { run(compiled, &compiled.forward, ins, outs, range, keep, &mut kept) }?;
    Ok(kept)
}

/// Runs the backward program on the gradients `ins` of the outputs, into `outs`.
///
/// # Safety
///
/// As [`forward`].
pub(super) unsafe fn backward(
    compiled: &Compiled,
    ins: &[Columns],
    outs: &[Columns],
    range: Range<usize>,
    mut kept: Vec<Kept>,
) -> Result<(), NnError> {
    // SAFETY: handed on.
    unsafe { run(compiled, &compiled.backward, ins, outs, range, false, &mut kept) }
}

unsafe fn run(
    compiled: &Compiled,
    program: &Program,
    ins: &[Columns],
    outs: &[Columns],
    range: Range<usize>,
    keep: bool,
    kept: &mut [Kept],
) -> Result<(), NnError> {
    let count = range.len();
    with_scratch(program.scratch_rows * count, |scratch| {
        let scratch = Columns::new(scratch, program.scratch_rows);
        let slot = |(&home, &channels): (&Home, &usize)| match home {
            Home::In(index) => ins[index].part(range.clone()),
            Home::Out(index) => outs[index].part(range.clone()),
            Home::Scratch(first) => scratch.rows_from(first, channels),
        };
        let columns = program.homes.iter().zip(&program.channels).map(slot).collect();
        let chunk = Chunk { compiled, columns, keep };
        for step in &program.steps {
            // SAFETY: this chunk's columns are nobody else's, and homes of slots that are in use at
            // the same time don't overlap.
            unsafe { chunk.step(step, kept) }?;
        }
        Ok(())
    })
}

impl Chunk<'_> {
    /// # Safety
    ///
    /// As [`forward`].
    unsafe fn step(&self, step: &Step, kept: &mut [Kept]) -> Result<(), NnError> {
        // SAFETY (of all rows below): see the caller; no two rows in use at once are the same.
        match step {
            Step::Product { matrix, transposed, from, to, add } => {
                let matrix = &self.compiled.matrices[*matrix];
                let (from, to) = (self.columns[*from], self.columns[*to]);
                unsafe { product(matrix, *transposed, from, to, *add) }?;
            }
            Step::Finish { slot, bias, activation } => {
                let bias = |row: usize| bias.as_ref().map_or(0.0, |bias| bias[row]);
                unsafe { self.finish(*slot, bias, *activation, kept) };
            }
            Step::Affine { slot, scale, shift } => self.rows(*slot, |row, values| {
                e::scale_and_shift(values, scale[row], shift[row]);
            }),
            Step::Scale { slot, scale } => {
                self.rows(*slot, |row, values| e::scale_and_shift(values, scale[row], 0.0));
            }
            Step::KeepSigns { slot, kept: index } => {
                let words = e::words(self.columns[*slot].count);
                let signs = &kept[*index].signs;
                self.rows(*slot, |row, values| {
                    e::keep_signs(values, &signs[row * words..(row + 1) * words]);
                });
                kept[*index] = Kept::default();
            }
            Step::TimesSlopes { slot, kept: index } => {
                let count = self.columns[*slot].count;
                let slopes = &kept[*index].slopes;
                self.rows(*slot, |row, values| {
                    e::times_slopes(values, &slopes[row * count..(row + 1) * count]);
                });
                kept[*index] = Kept::default();
            }
            Step::Sum { from, to } => {
                let from = self.columns[*from];
                self.rows(*to, |row, values| e::add(values, unsafe { from.read(row) }));
            }
            Step::Copy { from, to } => {
                let from = self.columns[*from];
                self.rows(*to, |row, values| values.copy_from_slice(unsafe { from.read(row) }));
            }
            Step::LayerNorm { slot, scale, shift, epsilon, kept: index } => {
                let normalised = unsafe { normalise(self.columns[*slot], *epsilon) };
                let count = self.columns[*slot].count;
                self.rows(*slot, |row, values| {
                    values.copy_from_slice(&normalised[row * count..(row + 1) * count]);
                    e::scale_and_shift(values, scale[row], shift[row]);
                });
                if self.keep {
                    kept[*index].normalised = normalised;
                }
            }
            Step::LayerNormBack { slot, scale, kept: index } => {
                unsafe { normalise_back(self.columns[*slot], scale, &kept[*index].normalised) };
                kept[*index] = Kept::default();
            }
        }
        Ok(())
    }

    fn rows(&self, slot: Slot, mut pass: impl FnMut(usize, &mut [f32])) {
        let columns = self.columns[slot];
        for row in 0..columns.rows {
            // SAFETY: `step` runs only on columns that are nobody else's.
            pass(row, unsafe { columns.row(row) });
        }
    }

    unsafe fn finish(
        &self,
        slot: Slot,
        bias: impl Fn(usize) -> f32,
        activation: Activation,
        kept: &mut [Kept],
    ) {
        let Columns { rows, count, .. } = self.columns[slot];
        match activation {
            Activation::None => self.rows(slot, |row, values| e::add_bias(values, bias(row))),
            Activation::Relu { kept: index } => {
                let words = e::words(count);
                let mut signs = vec![0; if self.keep { rows * words } else { 0 }];
                self.rows(slot, |row, values| {
                    e::add_bias_relu(values, bias(row));
                    if self.keep {
                        e::write_signs(values, &mut signs[row * words..(row + 1) * words]);
                    }
                });
                kept[index].signs = signs;
            }
            Activation::Gelu { kept: index } if self.keep => {
                let mut slopes = vec![0; rows * count];
                self.rows(slot, |row, values| {
                    let slopes = &mut slopes[row * count..(row + 1) * count];
                    e::add_bias_gelu_slopes(values, bias(row), slopes);
                });
                kept[index].slopes = slopes;
            }
            Activation::Gelu { .. } => {
                self.rows(slot, |row, values| e::add_bias_gelu(values, bias(row)));
            }
        }
    }
}

/// (x - mean) / deviation over the channels of each position, row by row, then 1 / deviation.
///
/// # Safety
///
/// Nobody writes the columns meanwhile.
unsafe fn normalise(columns: Columns, epsilon: f64) -> Vec<f32> {
    let Columns { rows, count, .. } = columns;
    // SAFETY: handed on.
    let read = |row: usize| unsafe { columns.read(row) };
    let mut mean = vec![0f32; count];
    for row in 0..rows {
        e::add(&mut mean, read(row));
    }
    e::scale_and_shift(&mut mean, -1.0 / rows as f32, 0.0);
    let mut normalised = vec![0f32; (rows + 1) * count];
    let (values, inverse) = normalised.split_at_mut(rows * count);
    for (row, values) in values.chunks_exact_mut(count).enumerate() {
        values.copy_from_slice(read(row));
        e::add(values, &mean);
        e::add_product(inverse, values, values);
    }
    for value in inverse.iter_mut() {
        *value = (1.0 / (f64::from(*value) / rows as f64 + epsilon).sqrt()) as f32;
    }
    for values in values.chunks_exact_mut(count) {
        for (value, inverse) in values.iter_mut().zip(inverse.iter()) {
            *value *= inverse;
        }
    }
    normalised
}

/// The gradient of a layer norm's input, in place of its output's: with g' = scale g and the
/// normalised values n, (g' - mean(g') - n mean(g' n)) / deviation.
///
/// # Safety
///
/// Nobody else uses the columns meanwhile.
unsafe fn normalise_back(columns: Columns, scale: &[f32], normalised: &[f32]) {
    let Columns { rows, count, .. } = columns;
    let (normalised, inverse) = normalised.split_at(rows * count);
    // SAFETY: handed on.
    let write = |row: usize| unsafe { columns.row(row) };
    let mut mean = vec![0f32; count];
    let mut along = vec![0f32; count];
    for (row, normalised) in normalised.chunks_exact(count).enumerate() {
        let gradient = write(row);
        e::scale_and_shift(gradient, scale[row], 0.0);
        e::add(&mut mean, gradient);
        e::add_product(&mut along, gradient, normalised);
    }
    e::scale_and_shift(&mut mean, -1.0 / rows as f32, 0.0);
    e::scale_and_shift(&mut along, -1.0 / rows as f32, 0.0);
    for (row, normalised) in normalised.chunks_exact(count).enumerate() {
        let gradient = write(row);
        e::add(gradient, &mean);
        e::add_product(gradient, &along, normalised);
        for (value, inverse) in gradient.iter_mut().zip(inverse) {
            *value *= inverse;
        }
    }
}
