//! Tables of two observers a row: differences in shape bias, and error consistency.

use super::cells::shown;
use super::table::{Cell, Table};
use crate::report::study::Study;
use crate::shapebias::result::ObserverKind;

/// Differences in shape bias between networks, and of each to the pooled humans.
pub fn differences(study: &Study) -> Table {
    let mut table = Table::new(
        "differences",
        "Differences in shape bias",
    )
    .saying(
        &[],
        "First minus second, with a 95 % interval and a two-sided p-value from a paired bootstrap \
         over stimuli; p-values are not corrected for the number of comparisons.",
    )
    .column("first", "first", None, false)
    .column("second", "second", None, false)
    .column("difference", "difference", None, true)
    .column("p_value", "p", None, true);
    for (run, bias) in study.biases.iter().enumerate() {
        let person = |label: &str| {
            bias.result.observer(label).is_none_or(|o| o.kind == ObserverKind::Person)
        };
        let pairs = bias.result.differences.iter();
        for pair in pairs.filter(|pair| !person(&pair.first) && !person(&pair.second)) {
            let labels = [&pair.first, &pair.second].map(|label| study.label_of(run, label));
            table.row(
                &labels,
                false,
                vec![
                    Cell::text(shown(study, run, &pair.first)),
                    Cell::text(shown(study, run, &pair.second)),
                    Cell::with_interval(Some(pair.difference), Some(pair.interval), 1.0, 3),
                    Cell::number(Some(pair.p_value), 1.0, 4),
                ],
            );
        }
    }
    table.attach_general(study)
}

/// Error consistency of each two observers of one run.
pub fn consistency(study: &Study) -> Table {
    let mut table = Table::new(
        "consistency",
        "Error consistency",
    )
    .saying(
        &[],
        "Cohen's kappa between two observers' right and wrong answers to the same stimuli (Geirhos et \
         al. 2020): 1 for the same errors, 0 for as many common errors as accuracy alone gives.",
    )
    .saying_of_intervals(&[], "Intervals: 95 %, bootstrap over stimuli.")
    .column("first", "first", None, false)
    .column("second", "second", None, false)
    .column("kappa", "κ", None, true)
    .column("stimuli", "common stimuli", None, true);
    for (run, bias) in study.biases.iter().enumerate() {
        let matrix = &bias.result.consistency;
        for (row, first) in matrix.labels.iter().enumerate() {
            for (column, second) in matrix.labels.iter().enumerate().skip(row + 1) {
                let interval = matrix.intervals.get(row).and_then(|r| *r.get(column)?);
                let labels = [first, second].map(|label| study.label_of(run, label));
                table.row(
                    &labels,
                    false,
                    vec![
                        Cell::text(shown(study, run, first)),
                        Cell::text(shown(study, run, second)),
                        Cell::with_interval(matrix.kappa[row][column], interval, 1.0, 3),
                        Cell::count(matrix.stimuli[row][column]),
                    ],
                );
            }
        }
    }
    table.attach_general(study)
}
