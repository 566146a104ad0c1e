//! The built-in human reference: what ten people answered on the published stimuli, as counts.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::bias::Tally;
use super::bootstrap::{Bootstrap, CueCounts};
use super::distribution::Distribution;
use super::error::ShapeBiasError;
use super::result::{CategoryFigures, HUMANS, ObserverKind, ObserverResult};
use crate::store::Provenance;

const PEOPLE: &str = include_str!("../../data/humans-cue-conflict.csv");
const STIMULI: &str = include_str!("../../data/humans-cue-conflict-stimuli.csv");

/// Where the counts come from.
pub const SOURCE: &str = "ten human observers on the 1,280 published cue-conflict stimuli (Geirhos et al. 2019, \
     github.com/rgeirhos/texture-vs-shape, CC BY 4.0), built in";

/// One person's counts by shape category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name in the published data, `subject-01` to `subject-10`.
    pub name: String,
    /// Shape category and counts, in alphabetical order.
    pub categories: Vec<(String, Tally)>,
}

/// What people answered on the published stimuli.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HumanReference {
    people: Vec<Person>,
    stimuli: Vec<StimulusCounts>,
}

#[derive(serde::Deserialize)]
struct PersonRow {
    observer: String,
    category: String,
    conflict_trials: usize,
    shape_correct: usize,
    texture_correct: usize,
    no_answer: usize,
    agreeing_trials: usize,
    agreeing_correct: usize,
}

/// How many stimuli of a category got so many answers for shape and texture.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
struct StimulusCounts {
    category: String,
    shape_answers: i16,
    texture_answers: i16,
    stimuli: usize,
}

impl HumanReference {
    /// The published ten people.
    ///
    /// # Errors
    /// Only where an embedded table is damaged.
    pub fn published() -> Result<Self, ShapeBiasError> {
        let mut people: BTreeMap<String, Vec<(String, Tally)>> = BTreeMap::new();
        for row in rows::<PersonRow>("humans-cue-conflict.csv", PEOPLE)? {
            let tally = Tally {
                conflict_trials: row.conflict_trials,
                shape_correct: row.shape_correct,
                texture_correct: row.texture_correct,
                no_answer: row.no_answer,
                agreeing_trials: row.agreeing_trials,
                agreeing_correct: row.agreeing_correct,
            };
            people.entry(row.observer).or_default().push((row.category, tally));
        }
        let person = |(name, categories)| Person { name, categories };
        Ok(Self {
            people: people.into_iter().map(person).collect(),
            stimuli: rows("humans-cue-conflict-stimuli.csv", STIMULI)?,
        })
    }

    /// The people one by one.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// All people pooled, with intervals over the 1,200 conflict stimuli: a resampled stimulus
    /// brings the answers of all ten.
    pub fn pooled(&self, bootstrap: Bootstrap) -> ObserverResult {
        let mut categories: BTreeMap<&str, Tally> = BTreeMap::new();
        for (category, tally) in self.people.iter().flat_map(|person| &person.categories) {
            categories.entry(category).or_default().add(tally);
        }
        let mut overall = Tally::default();
        categories.values().for_each(|tally| overall.add(tally));
        let (overall_interval, mut intervals) = self.intervals(bootstrap);
        ObserverResult {
            label: HUMANS.to_owned(),
            kind: ObserverKind::Humans,
            architecture: None,
            untrained: false,
            overall: overall.figures().with_interval(overall_interval),
            categories: categories
                .into_iter()
                .map(|(category, tally)| CategoryFigures {
                    category: category.to_owned(),
                    figures: tally.figures().with_interval(intervals.remove(category).flatten()),
                })
                .collect(),
            consistency_with_humans: None,
            confusion: None,
            provenance: Provenance {
                protocol: SOURCE.to_owned(),
                seed: bootstrap.seed,
                ..Provenance::default()
            },
        }
    }

    /// Overall and by category.
    fn intervals(&self, bootstrap: Bootstrap) -> (Interval, BTreeMap<String, Interval>) {
        let mut counts = CueCounts::default();
        let mut ranges: Vec<(String, std::ops::Range<usize>)> = Vec::new();
        for row in &self.stimuli {
            let start = counts.shape.len();
            let end = start + row.stimuli;
            counts.shape.resize(end, row.shape_answers);
            counts.texture.resize(end, row.texture_answers);
            match ranges.last_mut() {
                Some((category, range)) if *category == row.category => range.end = end,
                _ => ranges.push((row.category.clone(), start..end)),
            }
        }
        let (names, ranges): (Vec<_>, Vec<_>) = ranges.into_iter().unzip();
        let stimuli = counts.shape.len();
        let found = bootstrap.shape_bias(stimuli, &[counts], &ranges);
        let pooled = &found.observers[0];
        let by_category = pooled.ranges.iter().map(Distribution::interval);
        (pooled.overall.interval(), names.into_iter().zip(by_category).collect())
    }
}

type Interval = Option<[f64; 2]>;

fn rows<T: DeserializeOwned>(table: &'static str, text: &str) -> Result<Vec<T>, ShapeBiasError> {
    csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| ShapeBiasError::BuiltIn { table, problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooled_people_are_the_published_reference() {
        let reference = HumanReference::published().unwrap();
        assert_eq!(reference.people().len(), 10);
        let bootstrap = Bootstrap { resamples: 2000, seed: 0 };
        let pooled = reference.pooled(bootstrap);
        assert_eq!(pooled.overall.conflict_trials, 12_000);
        assert_eq!((pooled.overall.shape_correct, pooled.overall.texture_correct), (9236, 398));
        let bias = pooled.overall.shape_bias.unwrap();
        assert!((bias - 0.9587).abs() < 5e-5, "{bias}");
        let [low, high] = pooled.overall.interval.unwrap();
        assert!(low < bias && bias < high && high - low < 0.02, "{low} {high}");
        assert_eq!(pooled.categories.len(), 16);
        assert!(pooled.categories.iter().all(|entry| entry.figures.interval.is_some()));
    }

    #[test]
    fn one_person() {
        let reference = HumanReference::published().unwrap();
        let ninth = &reference.people()[8];
        assert_eq!(ninth.name, "subject-09");
        let mut tally = Tally::default();
        ninth.categories.iter().for_each(|(_, counts)| tally.add(counts));
        assert_eq!((tally.shape_correct, tally.texture_correct, tally.no_answer), (1031, 14, 1));
        assert_eq!((tally.conflict_trials, tally.agreeing_trials), (1200, 80));
    }

    #[test]
    fn both_tables_count_the_same_answers() {
        let reference = HumanReference::published().unwrap();
        let sum = |answers: fn(&StimulusCounts) -> i16| -> usize {
            let rows = reference.stimuli.iter();
            rows.map(|row| answers(row) as usize * row.stimuli).sum()
        };
        assert_eq!(sum(|row| row.shape_answers), 9236);
        assert_eq!(sum(|row| row.texture_answers), 398);
        assert_eq!(sum(|_| 1), 1200);
    }
}
