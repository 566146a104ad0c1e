//! Observers and their answers -> everything that `shapebias.json` says.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use regex::Regex;

use super::bias::Tally;
use super::bootstrap::Bootstrap;
use super::categories::Categories;
use super::compare::{bias_differences, consistency_matrix, set_consistency_with_humans};
use super::error::ShapeBiasError;
use super::humans::HumanReference;
use super::observer::{Decision, Observer, people};
use super::result::{
    CategoryFigures, Confusion, HUMANS, Issue, IssueKind, ObserverKind, ObserverResult,
    ShapeBiasResult,
};
use super::stimuli::Stimulus;
use crate::store::Provenance;
use crate::store::provenance::InputFile;

/// Names of the published stimuli: ten shapes and three textures a category.
const PUBLISHED_NAME: &str = r"^[a-z]+([1-9]|10)-[a-z]+[1-3]\.png$";

/// What is to be analysed, and how.
#[derive(Clone, Debug)]
pub struct Study<'a> {
    /// Networks and people, in the order in which they shall appear.
    pub observers: Vec<Observer>,
    /// The stimuli that everyone was to answer; empty where only decision files are known.
    pub stimuli: &'a [Stimulus],
    /// Categories in use.
    pub categories: &'a Categories,
    /// Whether to show the built-in human reference where no person is among the observers.
    pub built_in_humans: bool,
    /// Resampling behind intervals and p-values.
    pub bootstrap: Bootstrap,
    /// What listing, reading and evaluating have found so far.
    pub issues: Vec<Issue>,
    /// Where the result as a whole comes from.
    pub provenance: Provenance,
}

impl Study<'_> {
    /// Computes every figure.
    ///
    /// # Errors
    /// Where there is no observer, or the built-in tables are damaged.
    pub fn analyse(mut self) -> Result<ShapeBiasResult, ShapeBiasError> {
        if self.observers.iter().all(|observer| observer.decisions().is_empty()) {
            return Err(ShapeBiasError::NoObservers);
        }
        // People come last, by label; a stable sort keeps the networks' order.
        self.observers.sort_by_key(|observer| match observer.kind {
            ObserverKind::Network => (false, String::new()),
            _ => (true, observer.label.clone()),
        });
        make_labels_unique(&mut self.observers, &mut self.issues);
        let universe = Universe::of(self.stimuli, &self.observers);
        for observer in &self.observers {
            self.issues.extend(universe.missing(observer));
        }

        let mut results: Vec<ObserverResult> =
            self.observers.iter().map(|observer| describe(observer, self.categories)).collect();
        let people: Vec<&Observer> = people(&self.observers).collect();
        if !people.is_empty() {
            results.push(pool(&people, self.categories));
        }
        let differences = bias_differences(&self.observers, &mut results, self.bootstrap);
        let consistency = consistency_matrix(&self.observers, self.bootstrap);
        set_consistency_with_humans(&mut results, &consistency);
        if self.built_in_humans && people.is_empty() {
            match universe.published(self.categories)? {
                Ok(note) => {
                    results.push(HumanReference::published()?.pooled(self.bootstrap));
                    self.issues.extend(note);
                }
                Err(left_out) => self.issues.push(left_out),
            }
        }
        Ok(ShapeBiasResult {
            categories: self.categories.names().to_vec(),
            stimuli: universe.stimuli.len(),
            conflict_stimuli: universe.conflicts,
            observers: results,
            consistency,
            differences,
            resamples: self.bootstrap.resamples,
            seed: self.bootstrap.seed,
            issues: self.issues,
            provenance: self.provenance,
        })
    }
}

/// All stimuli that somebody answered or was to answer.
struct Universe<'a> {
    stimuli: BTreeSet<&'a str>,
    conflicts: usize,
}

impl<'a> Universe<'a> {
    fn of(listed: &'a [Stimulus], observers: &'a [Observer]) -> Self {
        let listed =
            listed.iter().map(|stimulus| (stimulus.name.as_str(), stimulus.cues.conflict()));
        let answered = observers.iter().flat_map(Observer::decisions);
        let answered = answered.map(|decision| (decision.stimulus.as_str(), decision.conflict()));
        let all: BTreeMap<&str, bool> = listed.chain(answered).collect();
        Self {
            conflicts: all.values().filter(|&&conflict| conflict).count(),
            stimuli: all.into_keys().collect(),
        }
    }

    fn missing(&self, observer: &Observer) -> Option<Issue> {
        let answered: HashSet<&str> =
            observer.decisions().iter().map(|decision| decision.stimulus.as_str()).collect();
        let missing: Vec<String> = self
            .stimuli
            .iter()
            .filter(|name| !answered.contains(*name))
            .map(|&name| name.to_owned())
            .collect();
        let first = missing.first()?;
        let message = format!(
            "{} has no decision for {} of {} stimuli, such as {first}; its figures are over the others",
            observer.label,
            missing.len(),
            self.stimuli.len()
        );
        Some(Issue {
            kind: IssueKind::MissingStimuli,
            observer: Some(observer.label.clone()),
            file: None,
            line: None,
            message,
            stimuli: missing,
        })
    }

    /// Whether the built-in reference may stand beside these stimuli (with a note where they are
    /// only a part of the published ones), or why not.
    fn published(
        &self,
        categories: &Categories,
    ) -> Result<Result<Option<Issue>, Issue>, ShapeBiasError> {
        let pattern = Regex::new(PUBLISHED_NAME)
            .map_err(|error| ShapeBiasError::PatternSyntax(Box::new(error)))?;
        let note = |message: String| Issue {
            kind: IssueKind::HumanReference,
            observer: Some(HUMANS.to_owned()),
            file: None,
            line: None,
            stimuli: Vec::new(),
            message,
        };
        if !categories.are_published() || !self.stimuli.iter().all(|name| pattern.is_match(name)) {
            return Ok(Err(note(
                "the built-in human reference is left out: people answered the published stimuli, and these are others".to_owned(),
            )));
        }
        Ok(Ok((self.conflicts != 1200).then(|| {
            note(format!(
                "the built-in human reference is over the 1,200 published conflict stimuli, the networks' figures are over {} of them",
                self.conflicts
            ))
        })))
    }
}

/// An observer's figures, without what needs a comparison or resampling.
fn describe(observer: &Observer, categories: &Categories) -> ObserverResult {
    ObserverResult {
        label: observer.label.clone(),
        kind: observer.kind,
        architecture: observer.architecture.clone(),
        untrained: observer.untrained,
        provenance: observer.provenance.clone(),
        ..figures_of(observer.decisions(), categories)
    }
}

/// All people's answers as one observer's.
fn pool(people: &[&Observer], categories: &Categories) -> ObserverResult {
    let decisions = people.iter().flat_map(|person| person.decisions());
    let inputs: BTreeMap<&str, &InputFile> = people
        .iter()
        .flat_map(|person| &person.provenance.inputs)
        .map(|file| (file.path.as_str(), file))
        .collect();
    ObserverResult {
        provenance: Provenance {
            protocol: format!("the answers of {} people, pooled", people.len()),
            inputs: inputs.into_values().cloned().collect(),
            ..Provenance::default()
        },
        ..figures_of(decisions, categories)
    }
}

fn figures_of<'a>(
    decisions: impl IntoIterator<Item = &'a Decision>,
    categories: &Categories,
) -> ObserverResult {
    let mut overall = Tally::default();
    let mut by_shape: BTreeMap<&str, (Tally, Vec<usize>)> = BTreeMap::new();
    let columns: Vec<String> =
        categories.names().iter().cloned().chain(["na".to_owned()]).collect();
    for decision in decisions {
        let empty = || (Tally::default(), vec![0; columns.len()]);
        let (tally, answers) = by_shape.entry(&decision.cues.shape).or_insert_with(empty);
        tally.count(decision);
        overall.count(decision);
        let column = categories.index(decision.answer.as_str()).unwrap_or(columns.len() - 1);
        answers[column] += 1;
    }
    ObserverResult {
        label: HUMANS.to_owned(),
        kind: ObserverKind::Humans,
        architecture: None,
        untrained: false,
        overall: overall.figures(),
        categories: by_shape
            .iter()
            .map(|(category, (tally, _))| CategoryFigures {
                category: (*category).to_owned(),
                figures: tally.figures(),
            })
            .collect(),
        consistency_with_humans: None,
        confusion: Some(Confusion {
            rows: by_shape.keys().map(|&category| category.to_owned()).collect(),
            columns,
            counts: by_shape.into_values().map(|(_, answers)| answers).collect(),
        }),
        provenance: Provenance::default(),
    }
}

/// Gives an observer whose label is taken another one, and says so.
fn make_labels_unique(observers: &mut [Observer], issues: &mut Vec<Issue>) {
    let mut taken: HashSet<String> = HashSet::from([HUMANS.to_owned()]);
    for observer in observers {
        let wanted = observer.label.clone();
        let mut number = 2;
        while !taken.insert(observer.label.clone()) {
            observer.label = format!("{wanted} ({number})");
            number += 1;
        }
        if observer.label != wanted {
            issues.push(Issue {
                kind: IssueKind::AmbiguousObserver,
                observer: Some(observer.label.clone()),
                file: observer.provenance.inputs.first().map(|file| file.path.clone()),
                line: None,
                stimuli: Vec::new(),
                message: format!(
                    "another observer is called {wanted} already; this one is shown as {}",
                    observer.label
                ),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::observer::Answer;
    use super::super::stimuli::NamePattern;
    use super::*;

    fn observer(label: &str, answers: &[(&str, &str)]) -> Observer {
        let pattern = NamePattern::published().unwrap();
        let decision = |(name, answer): &(&str, &str)| Decision {
            stimulus: (*name).to_owned(),
            cues: pattern.cues(name).unwrap(),
            answer: match *answer {
                "na" => Answer::Missing,
                category => Answer::Category(category.to_owned()),
            },
        };
        let decisions = answers.iter().map(decision).collect();
        Observer::new(label, decisions, Provenance::default()).0
    }

    fn analyse(observers: Vec<Observer>) -> ShapeBiasResult {
        Study {
            observers,
            stimuli: &[],
            categories: &Categories::imagenet_16().unwrap(),
            built_in_humans: true,
            bootstrap: Bootstrap { resamples: 200, seed: 1 },
            issues: Vec::new(),
            provenance: Provenance::default(),
        }
        .analyse()
        .unwrap()
    }

    fn labels(result: &ShapeBiasResult) -> Vec<&str> {
        result.observers.iter().map(|observer| observer.label.as_str()).collect()
    }

    const ANSWERS: [(&str, &str); 5] = [
        ("cat1-bear2.png", "cat"),
        ("cat2-bear2.png", "bear"),
        ("dog1-bear2.png", "dog"),
        ("dog2-cat1.png", "na"),
        ("dog3-dog1.png", "cat"),
    ];

    #[test]
    fn networks_then_people_then_all_people() {
        let result = analyse(vec![
            observer("subject-02", &ANSWERS),
            observer("z", &ANSWERS),
            observer("subject-01", &ANSWERS),
            observer("a", &ANSWERS),
        ]);
        assert_eq!(labels(&result), ["z", "a", "subject-01", "subject-02", "humans"]);
        let pooled = result.observer("humans").unwrap();
        assert_eq!(pooled.overall.conflict_trials, 8);
        assert_eq!(pooled.overall.shape_bias, Some(2.0 / 3.0));
        assert_eq!(pooled.overall.no_answer, 2);
        assert_eq!(result.conflict_stimuli, 4);
        let confusion = pooled.confusion.as_ref().unwrap();
        assert_eq!(confusion.rows, ["cat", "dog"]);
        let dog = &confusion.counts[1];
        let column = |name| confusion.columns.iter().position(|column| column == name).unwrap();
        assert_eq!((dog[column("dog")], dog[column("cat")], dog[column("na")]), (2, 2, 2));
        // All gave the same answers, so nobody differs from anybody.
        assert!(result.differences.iter().all(|found| found.p_value == 1.0));
        assert_eq!(result.consistency.between("z", "a"), Some(1.0));
        assert_eq!(pooled.consistency_with_humans, Some(1.0));
    }

    #[test]
    fn missing_decisions_are_reported_and_the_pair_is_not_tested() {
        let result = analyse(vec![observer("full", &ANSWERS), observer("part", &ANSWERS[1..])]);
        let missing: Vec<_> =
            result.issues.iter().filter(|found| found.kind == IssueKind::MissingStimuli).collect();
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].stimuli, ["cat1-bear2.png"]);
        assert!(missing[0].message.contains("part has no decision for 1 of 5 stimuli"));
        assert!(result.differences.is_empty());
        // Kappa is over the common stimuli, without an interval.
        assert_eq!(result.consistency.between("full", "part"), Some(1.0));
        assert_eq!(result.consistency.stimuli[0][1], 4);
        assert_eq!(result.consistency.intervals[0][1], None);
    }

    #[test]
    fn built_in_people_stand_beside_published_stimuli_only() {
        let partial = analyse(vec![observer("n", &ANSWERS)]);
        assert_eq!(labels(&partial), ["n", "humans"]);
        assert!(partial.issues[0].message.contains("over 4 of them"), "{:?}", partial.issues);
        let others = analyse(vec![observer("n", &[("cat77-bear2.png", "cat")])]);
        assert_eq!(labels(&others), ["n"]);
        assert!(others.issues[0].message.contains("left out"), "{:?}", others.issues);
    }

    #[test]
    fn a_label_that_is_taken_gets_a_number() {
        let result = analyse(vec![
            observer("n", &ANSWERS),
            observer("n", &ANSWERS),
            observer("humans", &ANSWERS),
        ]);
        assert_eq!(labels(&result), ["n", "n (2)", "humans (2)", "humans"]);
        assert_eq!(result.issues.len(), 3);
    }

    #[test]
    fn nobody_to_analyse_is_an_error() {
        let study = Study {
            observers: vec![observer("n", &[])],
            stimuli: &[],
            categories: &Categories::imagenet_16().unwrap(),
            built_in_humans: true,
            bootstrap: Bootstrap { resamples: 10, seed: 0 },
            issues: Vec::new(),
            provenance: Provenance::default(),
        };
        assert!(matches!(study.analyse(), Err(ShapeBiasError::NoObservers)));
    }
}
