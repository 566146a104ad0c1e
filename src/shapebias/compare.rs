//! What needs more than one answer sheet or more than one draw: intervals, paired differences, and
//! the error-consistency matrix.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use super::bootstrap::{BiasDistribution, Bootstrap, CueCounts, pairs};
use super::consistency::Agreement;
use super::distribution::Distribution;
use super::observer::{Observer, Outcome, order, people};
use super::result::{BiasDifference, ConsistencyMatrix, ObserverKind, ObserverResult};

/// Stimuli by shape and name, in that order.
type Stimuli<'a> = Vec<(&'a str, &'a str)>;

/// Sets the intervals of shape bias in `results` (one for each observer, in order, and then one for
/// the people pooled where there are any), and tests the differences.
///
/// Observers of the same conflict stimuli share their resamples, so an observer's interval doesn't
/// depend on who stands beside it, and differences are paired.
pub(super) fn bias_differences(
    observers: &[Observer],
    results: &mut [ObserverResult],
    bootstrap: Bootstrap,
) -> Vec<BiasDifference> {
    let mut groups: BTreeMap<Stimuli, Vec<(usize, CueCounts)>> = BTreeMap::new();
    for (index, observer) in observers.iter().enumerate() {
        let (stimuli, counts) = cue_counts([observer]);
        groups.entry(stimuli).or_default().push((index, counts));
    }
    if results.len() > observers.len() {
        let (stimuli, counts) = cue_counts(people(observers));
        groups.entry(stimuli).or_default().push((observers.len(), counts));
    }
    let mut differences = Vec::new();
    for (stimuli, members) in groups {
        let (indices, counts): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let ranges = shape_ranges(&stimuli);
        let ranges_only: Vec<_> = ranges.iter().map(|(_, range)| range.clone()).collect();
        let found = bootstrap.shape_bias(stimuli.len(), &counts, &ranges_only);
        for (&index, distribution) in indices.iter().zip(&found.observers) {
            set_intervals(&mut results[index], distribution, &ranges);
        }
        differences.extend(differences_in_group(&indices, &found.differences, results));
    }
    differences.sort_by_key(|&(first, second, _)| (first, second));
    differences.into_iter().map(|(_, _, difference)| difference).collect()
}

/// Answers for shape and texture, summed over observers, on every conflict stimulus that one saw.
fn cue_counts<'a>(observers: impl IntoIterator<Item = &'a Observer>) -> (Stimuli<'a>, CueCounts) {
    let mut answers: BTreeMap<(&str, &str), (i16, i16)> = BTreeMap::new();
    for observer in observers {
        let conflicts = observer.decisions().iter().filter(|decision| decision.conflict());
        for decision in conflicts {
            let (shape, texture) = answers.entry(order(decision)).or_default();
            match decision.outcome() {
                Outcome::Shape => *shape += 1,
                Outcome::Texture => *texture += 1,
                Outcome::Other | Outcome::Missing => {}
            }
        }
    }
    let (shape, texture) = answers.values().copied().unzip();
    (answers.into_keys().collect(), CueCounts { shape, texture })
}

fn shape_ranges<'a>(stimuli: &Stimuli<'a>) -> Vec<(&'a str, Range<usize>)> {
    let mut ranges: Vec<(&str, Range<usize>)> = Vec::new();
    for (index, (shape, _)) in stimuli.iter().enumerate() {
        match ranges.last_mut() {
            Some((current, range)) if current == shape => range.end = index + 1,
            _ => ranges.push((shape, index..index + 1)),
        }
    }
    ranges
}

fn set_intervals(
    result: &mut ObserverResult,
    distribution: &BiasDistribution,
    ranges: &[(&str, Range<usize>)],
) {
    result.overall = result.overall.clone().with_interval(distribution.overall.interval());
    let by_shape: BTreeMap<_, _> =
        ranges.iter().map(|(shape, _)| *shape).zip(&distribution.ranges).collect();
    for entry in &mut result.categories {
        let values = by_shape.get(entry.category.as_str());
        let interval = values.and_then(|values| values.interval());
        entry.figures = entry.figures.clone().with_interval(interval);
    }
}

/// `differences` are of each two of the group.
fn differences_in_group(
    indices: &[usize],
    differences: &[Distribution],
    results: &[ObserverResult],
) -> Vec<(usize, usize, BiasDifference)> {
    let test = |((a, b), difference): ((usize, usize), &Distribution)| {
        let (first, second) = (&results[indices[a]], &results[indices[b]]);
        let tested = BiasDifference {
            first: first.label.clone(),
            second: second.label.clone(),
            difference: first.overall.shape_bias? - second.overall.shape_bias?,
            interval: difference.interval()?,
            p_value: difference.two_sided_p(),
        };
        Some((indices[a], indices[b], tested))
    };
    pairs(indices.len()).into_iter().zip(differences).filter_map(test).collect()
}

/// Cohen's kappa of each two observers.
pub(super) fn consistency_matrix(
    observers: &[Observer],
    bootstrap: Bootstrap,
) -> ConsistencyMatrix {
    let count = observers.len();
    let mut matrix = ConsistencyMatrix {
        labels: observers.iter().map(|observer| observer.label.clone()).collect(),
        kappa: vec![vec![None; count]; count],
        intervals: vec![vec![None; count]; count],
        stimuli: vec![vec![0; count]; count],
    };
    for (index, observer) in observers.iter().enumerate() {
        matrix.stimuli[index][index] = observer.decisions().len();
    }
    for (a, b) in pairs(count) {
        let agreement = Agreement::between(&observers[a], &observers[b]);
        for (row, column) in [(a, b), (b, a)] {
            matrix.kappa[row][column] = agreement.kappa();
            matrix.stimuli[row][column] = agreement.stimuli;
        }
    }
    let mut groups: BTreeMap<Stimuli, Vec<usize>> = BTreeMap::new();
    for (index, observer) in observers.iter().enumerate() {
        let stimuli = observer.decisions().iter().map(order).collect();
        groups.entry(stimuli).or_default().push(index);
    }
    for (stimuli, members) in groups {
        let right = |&index: &usize| -> Vec<i16> {
            let decisions = observers[index].decisions().iter();
            decisions.map(|decision| i16::from(decision.correct())).collect()
        };
        let right: Vec<_> = members.iter().map(right).collect();
        let distributions = bootstrap.kappa(stimuli.len(), &right);
        let intervals: Vec<_> = distributions.par_iter().map(Distribution::interval).collect();
        for ((a, b), interval) in pairs(members.len()).into_iter().zip(intervals) {
            let (a, b) = (members[a], members[b]);
            let interval = interval.filter(|_| matrix.kappa[a][b].is_some());
            matrix.intervals[a][b] = interval;
            matrix.intervals[b][a] = interval;
        }
    }
    matrix
}

/// Sets each observer's mean kappa with the people, itself left out; and, for the people pooled, the
/// mean over people of that.
pub(super) fn set_consistency_with_humans(
    results: &mut [ObserverResult],
    matrix: &ConsistencyMatrix,
) {
    let people: Vec<String> = results
        .iter()
        .filter(|result| result.kind == ObserverKind::Person)
        .map(|result| result.label.clone())
        .collect();
    for result in results.iter_mut() {
        let kappas = people.iter().filter_map(|person| matrix.between(&result.label, person));
        result.consistency_with_humans = mean(kappas);
    }
    let of_people = results
        .iter()
        .filter(|result| result.kind == ObserverKind::Person)
        .filter_map(|result| result.consistency_with_humans);
    let among_people = mean(of_people);
    if let Some(pooled) = results.iter_mut().find(|result| result.kind == ObserverKind::Humans) {
        pooled.consistency_with_humans = among_people;
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
