//! The program that goes back over another one.

use super::program::{Activation, Program, Slot, Step};

/// Gradients while the backward program is being made.
struct Reverse {
    steps: Vec<Step>,
    channels: Vec<usize>,
    /// The gradient of what a forward slot holds at this point.
    gradient_of: Vec<Option<Slot>>,
    forward_channels: Vec<usize>,
}

impl Reverse {
    /// The slot for the gradient of forward slot `slot`, and whether there is something in it.
    fn target(&mut self, slot: Slot) -> (Slot, bool) {
        if let Some(gradient) = self.gradient_of[slot] {
            return (gradient, true);
        }
        self.channels.push(self.forward_channels[slot]);
        let new = self.channels.len() - 1;
        self.gradient_of[slot] = Some(new);
        (new, false)
    }

    /// Goes back over one forward step.
    fn back(&mut self, step: &Step) {
        let Some(written) = step.slots()[1].or(step.slots()[0]) else { return };
        let Some(gradient) = self.gradient_of[written] else { return };
        match step {
            Step::Product { matrix, from, add, .. } => {
                if !add {
                    self.gradient_of[written] = None;
                }
                let (to, filled) = self.target(*from);
                let (matrix, from) = (*matrix, gradient);
                self.steps.push(Step::Product { matrix, transposed: true, from, to, add: filled });
            }
            Step::Finish { activation: Activation::Relu { kept }, .. } => {
                self.steps.push(Step::KeepSigns { slot: gradient, kept: *kept });
            }
            Step::Finish { activation: Activation::Gelu { kept }, .. } => {
                self.steps.push(Step::TimesSlopes { slot: gradient, kept: *kept });
            }
            Step::Affine { scale, .. } => {
                self.steps.push(Step::Scale { slot: gradient, scale: scale.clone() });
            }
            Step::LayerNorm { scale, kept, .. } => {
                let (scale, kept) = (scale.clone(), *kept);
                self.steps.push(Step::LayerNormBack { slot: gradient, scale, kept });
            }
            Step::Sum { from, .. } => match self.target(*from) {
                (to, true) => self.steps.push(Step::Sum { from: gradient, to }),
                (to, false) => self.steps.push(Step::Copy { from: gradient, to }),
            },
            Step::Copy { from, .. } => {
                self.gradient_of[written] = None;
                match self.gradient_of[*from] {
                    Some(to) => self.steps.push(Step::Sum { from: gradient, to }),
                    None => self.gradient_of[*from] = Some(gradient),
                }
            }
            _ => {}
        }
    }
}

/// The program that goes back over `steps`: gradients of the outputs come in, those of the inputs go
/// out.
pub(super) fn backward(
    steps: &[Step],
    forward_channels: &[usize],
    input_slots: &[Slot],
    output_slots: &[Slot],
) -> Program {
    let mut reverse = Reverse {
        steps: Vec::new(),
        channels: output_slots.iter().map(|&slot| forward_channels[slot]).collect(),
        gradient_of: vec![None; forward_channels.len()],
        forward_channels: forward_channels.to_vec(),
    };
    for (gradient, &slot) in output_slots.iter().enumerate() {
        reverse.gradient_of[slot] = Some(gradient);
    }
    for step in steps.iter().rev() {
        reverse.back(step);
    }
    let results: Vec<Slot> = input_slots.iter().map(|&slot| reverse.target(slot).0).collect();
    let gradients: Vec<Slot> = (0..output_slots.len()).collect();
    Program::new(reverse.steps, reverse.channels, &gradients, &results)
}
