//! A network's decisions on a set of stimuli: batches, the decision rule, and each answer handed on
//! as it is made. What the network is and how pictures are decoded is the caller's concern.

use std::fmt::Display;

use super::categories::Categories;
use super::error::ShapeBiasError;
use super::observer::{Answer, Decision};
use super::result::{Issue, IssueKind};
use super::stimuli::Stimulus;
use crate::store::Shard;

/// What is evaluated, and in which portions.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation<'a> {
    /// Label of the network, for messages.
    pub label: &'a str,
    /// The stimuli to decide.
    pub stimuli: &'a [Stimulus],
    /// Categories to choose from.
    pub categories: &'a Categories,
    /// Logits that the network gives for one image.
    pub outputs: usize,
    /// Images in a batch, at least 1. Which batch a stimulus is in depends on its place in
    /// [`Self::stimuli`] alone, for the last bits of the outputs depend on the batch: a batch of
    /// which some can't be read is smaller, as is the last.
    pub batch_size: usize,
}

/// The decisions of one network, in the order of the inputs, and the stimuli it couldn't decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluated {
    /// One for each stimulus that could be decided.
    pub decisions: Vec<Decision>,
    /// One for each that couldn't.
    pub issues: Vec<Issue>,
}

impl Evaluation<'_> {
    /// Decides every stimulus.
    ///
    /// `inputs` gives index in [`Self::stimuli`] and input of each, or why there is none (a broken
    /// picture): that costs the stimulus, not the run. A [`Prefetch`](crate::image::Prefetch) over
    /// the stimuli's paths, with its errors as text, gives just that. `forward` gets a batch and gives its logits,
    /// image after image, [`Self::outputs`] for each. `decided` gets every decision at once, so that
    /// a killed run keeps them.
    ///
    /// # Errors
    /// Before the first input is asked for, where the network's outputs don't fit the categories;
    /// where `forward` fails or gives another number of logits; where `decided` fails.
    pub fn run<T, F: Display>(
        &self,
        inputs: impl IntoIterator<Item = (usize, Result<T, String>)>,
        mut forward: impl FnMut(&[T]) -> Result<Vec<f32>, F>,
        mut decided: impl FnMut(&Decision) -> Result<(), ShapeBiasError>,
    ) -> Result<Evaluated, ShapeBiasError> {
        self.categories.check_outputs(self.outputs)?;
        let mut evaluated = Evaluated::default();
        let mut batch = Batch::default();
        let mut number = 0;
        for (index, input) in inputs {
            let Some(stimulus) = self.stimuli.get(index) else { continue };
            if self.batch_of(index) != number {
                self.decide(&mut batch, &mut forward, &mut decided, &mut evaluated)?;
                number = self.batch_of(index);
            }
            match input {
                Ok(input) => batch.push(stimulus, input),
                Err(problem) => evaluated.issues.push(self.unreadable(stimulus, &problem)),
            }
            if self.batch_of(index + 1) != number {
                self.decide(&mut batch, &mut forward, &mut decided, &mut evaluated)?;
            }
        }
        self.decide(&mut batch, &mut forward, &mut decided, &mut evaluated)?;
        Ok(evaluated)
    }

    /// The number of the batch, from 0, that the stimulus at `index` is decided in.
    pub fn batch_of(&self, index: usize) -> usize {
        index / self.batch_size.max(1)
    }

    /// The stimuli, by index, that are still to be run: those of every batch of this share in which
    /// one is not decided yet. Shares are dealt batch by batch.
    pub fn pending(&self, shard: Shard, is_decided: impl Fn(&Stimulus) -> bool) -> Vec<usize> {
        let batches = self.stimuli.chunks(self.batch_size.max(1)).enumerate();
        batches
            .filter(|(number, batch)| shard.holds(*number) && !batch.iter().all(&is_decided))
            .flat_map(|(number, batch)| {
                let first = number * self.batch_size.max(1);
                first..first + batch.len()
            })
            .collect()
    }

    fn decide<T, F: Display>(
        &self,
        batch: &mut Batch<'_, T>,
        forward: &mut impl FnMut(&[T]) -> Result<Vec<f32>, F>,
        decided: &mut impl FnMut(&Decision) -> Result<(), ShapeBiasError>,
        evaluated: &mut Evaluated,
    ) -> Result<(), ShapeBiasError> {
        let (Some(first), Some(last)) = (batch.stimuli.first(), batch.stimuli.last()) else {
            return Ok(());
        };
        let logits = forward(&batch.inputs).map_err(|error| ShapeBiasError::Forward {
            first: first.name.clone(),
            last: last.name.clone(),
            message: error.to_string(),
        })?;
        let images = batch.stimuli.len();
        let expected = images * self.outputs;
        if logits.len() != expected {
            return Err(ShapeBiasError::LogitCount { found: logits.len(), images, expected });
        }
        for (stimulus, logits) in batch.stimuli.iter().zip(logits.chunks_exact(self.outputs)) {
            let Some(category) = self.categories.decide(logits) else {
                evaluated.issues.push(self.meaningless(stimulus));
                continue;
            };
            let decision = Decision {
                stimulus: stimulus.name.clone(),
                cues: stimulus.cues.clone(),
                answer: Answer::Category(self.categories.names()[category].clone()),
            };
            decided(&decision)?;
            evaluated.decisions.push(decision);
        }
        batch.clear();
        Ok(())
    }

    fn unreadable(&self, stimulus: &Stimulus, problem: &str) -> Issue {
        let message = format!("{}: {problem}; left out", stimulus.name);
        self.issue(IssueKind::UnreadableStimulus, stimulus, message)
    }

    fn meaningless(&self, stimulus: &Stimulus) -> Issue {
        let message = format!(
            "{} gives a NaN or infinite output on {}, so there is no decision; left out",
            self.label, stimulus.name
        );
        self.issue(IssueKind::NonFiniteOutput, stimulus, message)
    }

    fn issue(&self, kind: IssueKind, stimulus: &Stimulus, message: String) -> Issue {
        Issue {
            kind,
            observer: Some(self.label.to_owned()),
            file: Some(stimulus.path.display().to_string()),
            line: None,
            stimuli: vec![stimulus.name.clone()],
            message,
        }
    }
}

struct Batch<'a, T> {
    stimuli: Vec<&'a Stimulus>,
    inputs: Vec<T>,
}

impl<T> Default for Batch<'_, T> {
    fn default() -> Self {
        Self { stimuli: Vec::new(), inputs: Vec::new() }
    }
}

impl<'a, T> Batch<'a, T> {
    fn push(&mut self, stimulus: &'a Stimulus, input: T) {
        self.stimuli.push(stimulus);
        self.inputs.push(input);
    }

    fn clear(&mut self) {
        self.stimuli.clear();
        self.inputs.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::stimuli::NamePattern;
    use super::*;

    fn stimuli(names: &[&str]) -> Vec<Stimulus> {
        let pattern = NamePattern::published().unwrap();
        let stimulus = |name: &&str| Stimulus {
            path: name.into(),
            name: (*name).to_owned(),
            cues: pattern.cues(name).unwrap(),
        };
        names.iter().map(stimulus).collect()
    }

    /// Logits that are largest at one class.
    fn one_hot(class: usize) -> Vec<f32> {
        (0..1000).map(|index| if index == class { 9.0 } else { 0.0 }).collect()
    }

    #[test]
    fn decides_in_batches_and_hands_on_each_decision() {
        let stimuli = stimuli(&["cat1-bear1.png", "cat2-bear1.png", "cat3-bear1.png"]);
        let categories = Categories::imagenet_16().unwrap();
        let evaluation = Evaluation {
            label: "n",
            stimuli: &stimuli,
            categories: &categories,
            outputs: 1000,
            batch_size: 2,
        };
        let inputs = [404, 281, 294].map(Ok).into_iter().enumerate();
        let (mut batches, mut seen) = (Vec::new(), Vec::new());
        let evaluated = evaluation
            .run(
                inputs,
                |batch: &[usize]| {
                    batches.push(batch.len());
                    Ok::<_, String>(batch.iter().flat_map(|&class| one_hot(class)).collect())
                },
                |decision| {
                    seen.push(decision.answer.as_str().to_owned());
                    Ok(())
                },
            )
            .unwrap();
        assert_eq!(batches, [2, 1]);
        assert_eq!(seen, ["airplane", "cat", "bear"]);
        assert_eq!(evaluated.decisions.len(), 3);
        assert!(evaluated.decisions[1].correct());
    }

    /// Shares deal batches, and what is decided isn't run again unless its batch is torn.
    #[test]
    fn pending_stimuli_come_in_whole_batches() {
        let names: Vec<String> = (0..7).map(|index| format!("cat{index}-bear1.png")).collect();
        let stimuli = stimuli(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let categories = Categories::imagenet_16().unwrap();
        let evaluation = Evaluation {
            label: "n",
            stimuli: &stimuli,
            categories: &categories,
            outputs: 1000,
            batch_size: 2,
        };
        let shard = |text: &str| text.parse::<Shard>().unwrap();
        assert_eq!(evaluation.pending(Shard::WHOLE, |_| false), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(evaluation.pending(shard("1/3"), |_| false), [0, 1, 6]);
        assert_eq!(evaluation.pending(shard("2/3"), |_| false), [2, 3]);
        let decided = |stimulus: &Stimulus| stimulus.name.as_str() < "cat3";
        assert_eq!(evaluation.pending(Shard::WHOLE, decided), [2, 3, 4, 5, 6]);
        let mut batches = Vec::new();
        let inputs = evaluation
            .pending(Shard::WHOLE, decided)
            .into_iter()
            .map(|index| (index, if index == 4 { Err("broken".to_owned()) } else { Ok(index) }));
        let forward = |batch: &[usize]| {
            batches.push(batch.to_vec());
            Ok::<_, String>(batch.iter().flat_map(|_| one_hot(281)).collect())
        };
        evaluation.run(inputs, forward, |_| Ok(())).unwrap();
        assert_eq!(batches, [vec![2, 3], vec![5], vec![6]]);
    }

    #[test]
    fn a_broken_picture_and_a_nan_cost_their_stimulus() {
        let stimuli = stimuli(&["cat1-bear1.png", "cat2-bear1.png", "cat3-bear1.png"]);
        let categories = Categories::imagenet_16().unwrap();
        let evaluation = Evaluation {
            label: "n",
            stimuli: &stimuli,
            categories: &categories,
            outputs: 1000,
            batch_size: 8,
        };
        let inputs = [Err("truncated PNG".to_owned()), Ok(f32::NAN), Ok(1.0)];
        let forward = |batch: &[f32]| {
            Ok::<_, String>(batch.iter().flat_map(|&logit| vec![logit; 1000]).collect())
        };
        let evaluated =
            evaluation.run(inputs.into_iter().enumerate(), forward, |_| Ok(())).unwrap();
        assert_eq!(evaluated.decisions.len(), 1);
        assert_eq!(evaluated.decisions[0].stimulus, "cat3-bear1.png");
        let messages: Vec<_> = evaluated.issues.iter().map(|issue| &issue.message).collect();
        assert!(messages[0].contains("cat1-bear1.png: truncated PNG"), "{messages:?}");
        assert!(messages[1].contains("NaN"), "{messages:?}");
    }

    #[test]
    fn outputs_that_do_not_fit_stop_before_the_first_image() {
        let stimuli = stimuli(&["cat1-bear1.png"]);
        let categories = Categories::imagenet_16().unwrap();
        let evaluation = Evaluation {
            label: "n",
            stimuli: &stimuli,
            categories: &categories,
            outputs: 10,
            batch_size: 1,
        };
        let mut asked = 0;
        let inputs = std::iter::from_fn(|| {
            asked += 1;
            Some((0, Ok(())))
        });
        let error = evaluation.run(inputs, |_| Ok::<_, String>(Vec::new()), |_| Ok(()));
        assert!(error.unwrap_err().to_string().contains("10 outputs"));
        assert_eq!(asked, 0);
    }

    #[test]
    fn failures_of_the_network_name_the_batch() {
        let stimuli = stimuli(&["cat1-bear1.png", "cat2-bear1.png"]);
        let categories = Categories::imagenet_16().unwrap();
        let evaluation = Evaluation {
            label: "n",
            stimuli: &stimuli,
            categories: &categories,
            outputs: 1000,
            batch_size: 2,
        };
        let inputs = || [Ok(()), Ok(())].into_iter().enumerate();
        let error = evaluation.run(inputs(), |_| Err("out of memory"), |_| Ok(())).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("cat1-bear1.png to cat2-bear1.png: out of memory"), "{message}");
        let error =
            evaluation.run(inputs(), |_| Ok::<_, String>(vec![0.0; 1000]), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("1000 logits for 2 images"), "{error}");
    }
}
