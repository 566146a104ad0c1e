//! A straight-line program of matrix products and passes over rows, for a chunk of positions.

/// Where a value lives while a chunk is worked on.
pub(super) type Slot = usize;

/// The memory that a slot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// The i-th map that comes in.
    In(usize),
    /// The i-th map that goes out, where that isn't one that came in.
    Out(usize),
    /// Rows of a thread's scratch matrix, from this one on.
    Scratch(usize),
}

/// A step of a program. Forward steps write in place wherever nobody needs what was there.
#[derive(Debug)]
pub(super) enum Step {
    /// `to` = weight x `from`, or added to `to`; transposed in a backward program.
    Product { matrix: usize, transposed: bool, from: Slot, to: Slot, add: bool },
    /// Adds the bias, then the activation.
    Finish { slot: Slot, bias: Option<Vec<f32>>, activation: Activation },
    /// scale x + shift, channel by channel.
    Affine { slot: Slot, scale: Vec<f32>, shift: Vec<f32> },
    /// Normalises each position over its channels.
    LayerNorm { slot: Slot, scale: Vec<f32>, shift: Vec<f32>, epsilon: f64, kept: usize },
    /// Backward of [`Step::LayerNorm`].
    LayerNormBack { slot: Slot, scale: Vec<f32>, kept: usize },
    /// Backward of a ReLU.
    KeepSigns { slot: Slot, kept: usize },
    /// Backward of a GELU.
    TimesSlopes { slot: Slot, kept: usize },
    /// Multiplies by a factor, channel by channel.
    Scale { slot: Slot, scale: Vec<f32> },
    /// Adds `from` to `to`.
    Sum { from: Slot, to: Slot },
    /// Copies `from` to `to`.
    Copy { from: Slot, to: Slot },
}

/// What follows a bias. The number says which of the things kept belongs to the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    None,
    Relu { kept: usize },
    Gelu { kept: usize },
}

impl Step {
    /// The slot that a step reads and the one that it writes, or the one that it works on in place.
    pub fn slots(&self) -> [Option<Slot>; 2] {
        match *self {
            Step::Product { from, to, .. } | Step::Sum { from, to } | Step::Copy { from, to } => {
                [Some(from), Some(to)]
            }
            Step::Finish { slot, .. }
            | Step::Affine { slot, .. }
            | Step::LayerNorm { slot, .. }
            | Step::LayerNormBack { slot, .. }
            | Step::KeepSigns { slot, .. }
            | Step::TimesSlopes { slot, .. }
            | Step::Scale { slot, .. } => [Some(slot), None],
        }
    }
}

/// Steps, and where their slots live.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub steps: Vec<Step>,
    /// Channels of each slot.
    pub channels: Vec<usize>,
    pub homes: Vec<Home>,
    /// Where each map that goes out comes from.
    pub outputs: Vec<Home>,
    /// Rows of the scratch matrix.
    pub scratch_rows: usize,
}

impl Program {
    /// Gives each slot a home: the map that comes in or goes out, else rows of the scratch matrix, which
    /// slots share that aren't needed at the same time. `channels` are those of the slots.
    pub fn new(
        steps: Vec<Step>,
        channels: Vec<usize>,
        inputs: &[Slot],
        outputs: &[Slot],
    ) -> Program {
        let mut homes: Vec<Option<Home>> = vec![None; channels.len()];
        for (index, &slot) in inputs.iter().enumerate() {
            homes[slot] = Some(Home::In(index));
        }
        for (index, &slot) in outputs.iter().enumerate() {
            homes[slot] = homes[slot].or(Some(Home::Out(index)));
        }
        let outputs = outputs.iter().map(|&slot| homes[slot].unwrap_or(Home::Scratch(0))).collect();
        // Scratch regions: first row, rows, the step after which each is free.
        let mut regions: Vec<(usize, usize, usize)> = Vec::new();
        let mut scratch_rows = 0;
        for (now, step) in steps.iter().enumerate() {
            for slot in step.slots().into_iter().flatten() {
                if homes[slot].is_some() {
                    continue;
                }
                let uses = |step: &Step| step.slots().contains(&Some(slot));
                let last = steps.iter().rposition(uses).unwrap_or(now);
                let rows = channels[slot];
                let free = regions
                    .iter_mut()
                    .filter(|(_, size, until)| *until < now && *size >= rows)
                    .min_by_key(|(_, size, _)| *size);
                homes[slot] = Some(Home::Scratch(match free {
                    Some((first, _, until)) => {
                        *until = last;
                        *first
                    }
                    None => {
                        regions.push((scratch_rows, rows, last));
                        scratch_rows += rows;
                        scratch_rows - rows
                    }
                }));
            }
        }
        let homes = homes.into_iter().map(|home| home.unwrap_or(Home::Scratch(0))).collect();
        Program { steps, channels, homes, outputs, scratch_rows }
    }
}
