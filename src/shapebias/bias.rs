//! Shape bias from counted answers (Geirhos et al. 2019, section 2.4).

use super::observer::{Decision, Outcome};
use super::result::BiasFigures;

/// Answers, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Trials on stimuli whose cues disagree; the next three are of these.
    pub conflict_trials: usize,
    /// Answered with the shape's category.
    pub shape_correct: usize,
    /// Answered with the texture's category.
    pub texture_correct: usize,
    /// Not answered.
    pub no_answer: usize,
    /// Trials on stimuli whose cues agree.
    pub agreeing_trials: usize,
    /// Answered rightly, of these.
    pub agreeing_correct: usize,
}

impl Tally {
    /// Counts one answer.
    pub fn count(&mut self, decision: &Decision) {
        let outcome = decision.outcome();
        if !decision.conflict() {
            self.agreeing_trials += 1;
            self.agreeing_correct += usize::from(outcome == Outcome::Shape);
            return;
        }
        self.conflict_trials += 1;
        match outcome {
            Outcome::Shape => self.shape_correct += 1,
            Outcome::Texture => self.texture_correct += 1,
            Outcome::Missing => self.no_answer += 1,
            Outcome::Other => {}
        }
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.conflict_trials += other.conflict_trials;
        self.shape_correct += other.shape_correct;
        self.texture_correct += other.texture_correct;
        self.no_answer += other.no_answer;
        self.agreeing_trials += other.agreeing_trials;
        self.agreeing_correct += other.agreeing_correct;
    }

    /// The figures that follow, without an interval.
    pub fn figures(&self) -> BiasFigures {
        let decided = self.shape_correct + self.texture_correct;
        let share = |count: usize, of: usize| (of > 0).then(|| count as f64 / of as f64);
        let trials = self.conflict_trials;
        BiasFigures {
            conflict_trials: trials,
            shape_correct: self.shape_correct,
            texture_correct: self.texture_correct,
            other: trials.saturating_sub(decided + self.no_answer),
            no_answer: self.no_answer,
            shape_bias: share(self.shape_correct, decided),
            interval: None,
            fraction_shape: share(self.shape_correct, trials).unwrap_or(0.0),
            fraction_texture: share(self.texture_correct, trials).unwrap_or(0.0),
            cue_accuracy: share(decided, trials),
            shape_accuracy: share(
                self.shape_correct + self.agreeing_correct,
                trials + self.agreeing_trials,
            ),
        }
    }
}

impl<'a> FromIterator<&'a Decision> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a Decision>>(decisions: I) -> Self {
        let mut tally = Self::default();
        for decision in decisions {
            tally.count(decision);
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::super::observer::Answer;
    use super::super::stimuli::Cues;
    use super::*;

    fn tally(answers: &[(&str, &str, Option<&str>)]) -> Tally {
        let decisions: Vec<_> = answers
            .iter()
            .map(|(shape, texture, answer)| Decision {
                stimulus: String::new(),
                cues: Cues { shape: (*shape).to_owned(), texture: (*texture).to_owned() },
                answer: answer.map_or(Answer::Missing, |name| Answer::Category(name.to_owned())),
            })
            .collect();
        decisions.iter().collect()
    }

    #[test]
    fn figures_of_a_hand_counted_set() {
        let figures = tally(&[
            ("cat", "dog", Some("cat")),
            ("cat", "dog", Some("cat")),
            ("cat", "dog", Some("cat")),
            ("cat", "dog", Some("dog")),
            ("cat", "dog", Some("bear")),
            ("cat", "dog", None),
            ("cat", "cat", Some("cat")),
            ("cat", "cat", Some("dog")),
        ])
        .figures();
        assert_eq!(figures.conflict_trials, 6);
        assert_eq!((figures.shape_correct, figures.texture_correct), (3, 1));
        assert_eq!((figures.other, figures.no_answer), (1, 1));
        assert_eq!(figures.shape_bias, Some(0.75));
        assert_eq!(figures.fraction_shape, 0.5);
        assert_eq!(figures.fraction_texture, 1.0 / 6.0);
        assert_eq!(figures.cue_accuracy, Some(4.0 / 6.0));
        assert_eq!(figures.shape_accuracy, Some(0.5));
    }

    #[test]
    fn trials_that_all_agree_have_no_interval() {
        let all_shape = [("cat", "dog", Some("cat")), ("dog", "cat", Some("dog"))];
        let figures = tally(&all_shape).figures().with_interval(Some([1.0, 1.0]));
        assert_eq!((figures.shape_bias, figures.interval), (Some(1.0), None));
        let both = [("cat", "dog", Some("cat")), ("dog", "cat", Some("cat"))];
        let figures = tally(&both).figures().with_interval(Some([0.0, 1.0]));
        assert_eq!(figures.interval, Some([0.0, 1.0]));
    }

    #[test]
    fn no_decided_trial_means_no_shape_bias() {
        assert_eq!(tally(&[("cat", "dog", None)]).figures().shape_bias, None);
        let nothing = tally(&[]).figures();
        assert_eq!((nothing.shape_bias, nothing.shape_accuracy), (None, None));
        assert_eq!(nothing.cue_accuracy, None);
        // A network that answers stimuli without conflict only.
        assert_eq!(tally(&[("cat", "cat", Some("cat"))]).figures().shape_bias, None);
    }
}
