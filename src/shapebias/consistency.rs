//! Error consistency: do two observers err on the same stimuli?
//!
//! Geirhos, Meding and Wichmann (2020), Beyond accuracy: quantifying trial-by-trial behaviour of
//! CNNs and humans by measuring error consistency, arXiv 2006.16736, equations 1 to 3. As in their
//! toolbox, model-vs-human, an answer is right when it names the shape's category, and every common
//! stimulus counts, also where shape and texture agree.

use super::observer::{Observer, order};

/// Two observers' right answers on the stimuli that both saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Common stimuli.
    pub stimuli: usize,
    /// Stimuli that the first got right.
    pub first_right: usize,
    /// Stimuli that the second got right.
    pub second_right: usize,
    /// Stimuli that both got right.
    pub both_right: usize,
}

impl Agreement {
    /// Counts over the stimuli that both observers answered (no answer in time is a wrong one).
    pub fn between(first: &Observer, second: &Observer) -> Self {
        let mut agreement = Self::default();
        let (mut a, mut b) =
            (first.decisions().iter().peekable(), second.decisions().iter().peekable());
        while let (Some(left), Some(right)) = (a.peek(), b.peek()) {
            match order(left).cmp(&order(right)) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => drop(b.next()),
                std::cmp::Ordering::Equal => {
                    let (left, right) = (left.correct(), right.correct());
                    agreement.stimuli += 1;
                    agreement.first_right += usize::from(left);
                    agreement.second_right += usize::from(right);
                    agreement.both_right += usize::from(left && right);
                    a.next();
                    b.next();
                }
            }
        }
        agreement
    }

    /// Cohen's kappa, -1 to 1: (observed - expected) / (1 - expected), where observed is the share
    /// of stimuli on which both are right or both wrong, and expected what two independent
    /// observers of these accuracies would share, p q + (1 - p) (1 - q).
    ///
    /// `None` where nothing is left to explain (expected = 1): no common stimulus, or both always
    /// right, or both always wrong.
    pub fn kappa(&self) -> Option<f64> {
        if self.stimuli == 0 {
            return None;
        }
        let always = |right: usize| right == self.stimuli;
        let never = |right: usize| right == 0;
        let (first, second) = (self.first_right, self.second_right);
        if (always(first) && always(second)) || (never(first) && never(second)) {
            return None;
        }
        let n = self.stimuli as f64;
        let both_wrong = self.stimuli + self.both_right - first - second;
        let observed = (self.both_right + both_wrong) as f64 / n;
        let (p, q) = (first as f64 / n, second as f64 / n);
        let expected = p * q + (1.0 - p) * (1.0 - q);
        Some((observed - expected) / (1.0 - expected))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::observer::{Answer, Decision};
    use super::super::stimuli::Cues;
    use super::*;
    use crate::store::Provenance;

    fn agreement(stimuli: usize, first: usize, second: usize, both: usize) -> Agreement {
        Agreement { stimuli, first_right: first, second_right: second, both_right: both }
    }

    fn observer(right: &[(&str, bool)]) -> Observer {
        let decisions = right.iter().map(|(name, right)| Decision {
            stimulus: (*name).to_owned(),
            cues: Cues { shape: "cat".to_owned(), texture: "dog".to_owned() },
            answer: Answer::Category(if *right { "cat" } else { "bear" }.to_owned()),
        });
        Observer::new("o", decisions.collect(), Provenance::default()).0
    }

    #[test]
    fn kappa_by_hand() {
        // 10 stimuli: both right 4, both wrong 3, only the first 2, only the second 1.
        // Observed 0.7, expected 0.6 * 0.5 + 0.4 * 0.5 = 0.5, kappa = 0.2 / 0.5.
        let kappa = agreement(10, 6, 5, 4).kappa().unwrap();
        assert!((kappa - 0.4).abs() < 1e-15, "{kappa}");
        assert_eq!(agreement(4, 2, 2, 2).kappa(), Some(1.0));
        assert_eq!(agreement(4, 2, 2, 0).kappa(), Some(-1.0));
        assert_eq!(agreement(4, 2, 2, 1).kappa(), Some(0.0));
        // One is perfect, so nothing can be told about when it errs: as chance would have it.
        assert_eq!(agreement(4, 4, 2, 2).kappa(), Some(0.0));
    }

    #[test]
    fn kappa_is_undefined_without_errors_to_compare() {
        assert_eq!(agreement(0, 0, 0, 0).kappa(), None);
        assert_eq!(agreement(5, 5, 5, 5).kappa(), None);
        assert_eq!(agreement(5, 0, 0, 0).kappa(), None);
    }

    #[test]
    fn only_common_stimuli_count() {
        let first = observer(&[("a", true), ("b", true), ("c", false), ("e", true)]);
        let second = observer(&[("b", true), ("c", true), ("d", true), ("e", false)]);
        assert_eq!(Agreement::between(&first, &second), agreement(3, 2, 2, 1));
    }

    proptest! {
        #[test]
        fn kappa_is_symmetric_and_bounded(both in 0usize..50, first in 0usize..50, second in 0usize..50, neither in 0usize..50) {
            let total = both + first + second + neither;
            let kappa = agreement(total, both + first, both + second, both).kappa();
            prop_assert_eq!(kappa, agreement(total, both + second, both + first, both).kappa());
            if let Some(kappa) = kappa {
                prop_assert!((-1.0 - 1e-12..=1.0 + 1e-12).contains(&kappa), "{}", kappa);
            }
        }
    }
}
