//! An observer: a network or a person, and the answers it gave.

use std::collections::HashSet;

use super::result::{Issue, IssueKind, ObserverKind};
use super::stimuli::Cues;
use crate::store::Provenance;

/// Observers whose name starts like this are people.
const PERSON_PREFIX: &str = "subject-";

/// What an observer said a stimulus shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One of the categories.
    Category(String),
    /// Nothing in time, `na` in decision files.
    Missing,
}

impl Answer {
    /// As in a decision file.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Category(name) => name,
            Self::Missing => "na",
        }
    }
}

/// Which cue an answer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The shape's category.
    Shape,
    /// The texture's category, and not the shape's.
    Texture,
    /// A third category.
    Other,
    /// No answer.
    Missing,
}

/// One answer to one stimulus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Name of the stimulus, without a trial prefix.
    pub stimulus: String,
    /// What the stimulus shows.
    pub cues: Cues,
    /// What the observer said.
    pub answer: Answer,
}

impl Decision {
    /// Which cue the answer follows.
    pub fn outcome(&self) -> Outcome {
        match &self.answer {
            Answer::Missing => Outcome::Missing,
            Answer::Category(name) if *name == self.cues.shape => Outcome::Shape,
            Answer::Category(name) if *name == self.cues.texture => Outcome::Texture,
            Answer::Category(_) => Outcome::Other,
        }
    }

    /// Whether the answer is right: the category of the shape.
    pub fn correct(&self) -> bool {
        self.outcome() == Outcome::Shape
    }

    /// Whether the stimulus' cues disagree.
    pub fn conflict(&self) -> bool {
        self.cues.conflict()
    }
}

/// A network or a person with its answers, at most one for each stimulus.
#[derive(Clone, Debug, PartialEq)]
pub struct Observer {
    /// Name in tables and figures.
    pub label: String,
    /// Network or person.
    pub kind: ObserverKind,
    /// Name in the zoo or `torchscript`; absent for decisions that were read.
    pub architecture: Option<String>,
    /// True for a network at random initialisation.
    pub untrained: bool,
    /// Where the answers come from.
    pub provenance: Provenance,
    decisions: Vec<Decision>,
}

impl Observer {
    /// An observer known by name alone: a person where the name starts with `subject-`.
    ///
    /// Of two answers to one stimulus the first counts, and the second is an issue.
    pub fn new(
        label: &str,
        decisions: Vec<Decision>,
        provenance: Provenance,
    ) -> (Self, Vec<Issue>) {
        let (decisions, doubled) = sort_and_separate(decisions);
        let issues =
            (!doubled.is_empty()).then(|| duplicates(label, doubled)).into_iter().collect();
        let observer = Self {
            label: label.to_owned(),
            kind: kind_of(label),
            architecture: None,
            untrained: false,
            provenance,
            decisions,
        };
        (observer, issues)
    }

    /// Says that this is a network, and which.
    #[must_use]
    pub fn network(mut self, architecture: &str, untrained: bool) -> Self {
        self.kind = ObserverKind::Network;
        self.architecture = Some(architecture.to_owned());
        self.untrained = untrained;
        self
    }

    /// The answers, in order of the shape's category and then the stimulus' name.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }
}

/// The order of stimuli in every computation, so that results don't depend on the order of rows.
pub(super) fn order(decision: &Decision) -> (&str, &str) {
    (&decision.cues.shape, &decision.stimulus)
}

/// Whether a name is a person's or a network's.
pub(super) fn kind_of(label: &str) -> ObserverKind {
    if label.starts_with(PERSON_PREFIX) { ObserverKind::Person } else { ObserverKind::Network }
}

fn sort_and_separate(decisions: Vec<Decision>) -> (Vec<Decision>, Vec<String>) {
    let mut seen = HashSet::new();
    let mut doubled = Vec::new();
    let mut kept = Vec::with_capacity(decisions.len());
    for decision in decisions {
        if seen.insert(decision.stimulus.clone()) {
            kept.push(decision);
        } else {
            doubled.push(decision.stimulus);
        }
    }
    kept.sort_by(|a, b| order(a).cmp(&order(b)));
    doubled.sort();
    (kept, doubled)
}

fn duplicates(label: &str, stimuli: Vec<String>) -> Issue {
    let first = stimuli.first().cloned().unwrap_or_default();
    let message = match stimuli.len() {
        1 => format!("{label} answered {first} more than once; the first answer counts"),
        count => format!(
            "{label} has {count} answers to stimuli it had answered before, such as {first}; the first answer counts"
        ),
    };
    Issue {
        kind: IssueKind::DuplicateStimulus,
        observer: Some(label.to_owned()),
        file: None,
        line: None,
        stimuli,
        message,
    }
}

/// The people among observers.
pub(super) fn people(observers: &[Observer]) -> impl Iterator<Item = &Observer> {
    observers.iter().filter(|observer| observer.kind == ObserverKind::Person)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(stimulus: &str, shape: &str, texture: &str, answer: &str) -> Decision {
        Decision {
            stimulus: stimulus.to_owned(),
            cues: Cues { shape: shape.to_owned(), texture: texture.to_owned() },
            answer: match answer {
                "na" => Answer::Missing,
                name => Answer::Category(name.to_owned()),
            },
        }
    }

    #[test]
    fn outcome_of_an_answer() {
        let outcome = |answer| decision("x", "cat", "bear", answer).outcome();
        assert_eq!(outcome("cat"), Outcome::Shape);
        assert_eq!(outcome("bear"), Outcome::Texture);
        assert_eq!(outcome("dog"), Outcome::Other);
        assert_eq!(outcome("na"), Outcome::Missing);
        assert!(decision("x", "cat", "cat", "cat").correct());
    }

    #[test]
    fn first_answer_to_a_stimulus_counts() {
        let answers = vec![
            decision("b", "cat", "bear", "cat"),
            decision("a", "cat", "bear", "na"),
            decision("b", "cat", "bear", "bear"),
        ];
        let (observer, issues) = Observer::new("subject-07", answers, Provenance::default());
        assert_eq!(observer.kind, ObserverKind::Person);
        let names: Vec<_> = observer.decisions().iter().map(|d| d.stimulus.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(observer.decisions()[1].answer.as_str(), "cat");
        assert_eq!(issues.len(), 1);
        assert_eq!(issues[0].stimuli, ["b"]);
    }
}
