//! AdamW (Loshchilov and Hutter 2019, "Decoupled weight decay regularization", ICLR, algorithm 2).

use tch::{Tensor, no_grad};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

struct Slot {
    value: Tensor,
    decay: f64,
    mean: Tensor,
    square: Tensor,
}

/// The optimiser and its running means.
pub struct AdamW {
    slots: Vec<Slot>,
    steps: i32,
}

impl AdamW {
    /// Optimises `values`, each with its weight decay.
    pub fn new(values: impl IntoIterator<Item = (Tensor, f64)>) -> Self {
        let slot = |(value, decay): (Tensor, f64)| Slot {
            mean: value.detach().zeros_like(),
            square: value.detach().zeros_like(),
            value,
            decay,
        };
        AdamW { slots: values.into_iter().map(slot).collect(), steps: 0 }
    }

    /// One step along the gradients that `backward` left, which are cleared.
    pub fn step(&mut self, rate: f64) {
        self.steps += 1;
        let corrections = [1.0 - BETA_1.powi(self.steps), 1.0 - BETA_2.powi(self.steps)];
        no_grad(|| {
            for slot in &mut self.slots {
                let gradient = slot.value.grad();
                if !gradient.defined() {
                    continue;
                }
                slot.mean = &slot.mean * BETA_1 + &gradient * (1.0 - BETA_1);
                slot.square = &slot.square * BETA_2 + gradient.square() * (1.0 - BETA_2);
                let step = (&slot.mean / corrections[0])
                    / ((&slot.square / corrections[1]).sqrt() + EPSILON);
                let _ = slot.value.g_mul_scalar_(1.0 - rate * slot.decay);
                let _ = slot.value.g_add_(&(step * -rate));
                slot.value.zero_grad();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_by_hand() {
        // Loss x^2, so the gradient is 2 x. Step 1: both corrected means are 4 and 16, so the step is
        // 1: x = 2 (1 - 0.1 * 0.5) - 0.1 = 1.8. Step 2, gradient 3.6: mean = 0.9 * 0.4 + 0.36 = 0.72,
        // corrected by 0.19; square = 0.999 * 0.016 + 0.001 * 12.96 = 0.028944, corrected by
        // 0.001999: step = 3.789474 / 3.805133 = 0.995885; x = 1.8 * 0.95 - 0.0995885 = 1.6104115.
        let x = Tensor::from_slice(&[2.0f64]).set_requires_grad(true);
        let mut optimiser = AdamW::new([(x.shallow_clone(), 0.5)]);
        for expected in [1.8, 1.610_411_5] {
            x.square().sum(tch::Kind::Double).backward();
            optimiser.step(0.1);
            assert!((x.double_value(&[0]) - expected).abs() < 1e-6, "{x:?}");
        }
    }
}
