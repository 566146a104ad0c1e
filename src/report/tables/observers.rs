//! Tables of observers: overall figures, and shape bias by category.

use super::cells::{KAPPA_WITH_HUMANS, bias, marked, share};
use super::table::{ABSENT, Cell, Table};
use crate::report::study::{ObserverEntry, Scope, Study};
use crate::shapebias::result::ObserverKind;

/// Overall figures of every observer.
pub fn shapebias(study: &Study) -> Table {
    let mut table = Table::new(
        "shape-bias",
        "Shape bias",
    )
    .saying(
        &["shape_correct", "texture_correct", "other", "no_answer", "conflict_trials"],
        "Counts of trials on images whose shape and texture disagree.",
    )
    .saying(
        &["shape_bias"],
        "Shape bias: decisions for the shape among those for the shape or the texture, on images \
         where the two disagree (Geirhos et al. 2019).",
    )
    .saying_of_intervals(&[], "Intervals: 95 %, bootstrap over stimuli.")
    .saying(
        &["cue_accuracy"],
        "Cue accuracy: share of the trials on such images decided for one of the two cues.",
    )
    .saying(&["shape_accuracy"], "Shape accuracy: share of all trials decided for the shape.")
    .saying(&["consistency_with_humans"], KAPPA_WITH_HUMANS)
    .column("label", "observer", None, false)
    .column("kind", "kind", None, false)
    .column("shape_bias", "shape bias", None, true)
    .column("shape_correct", "shape", None, true)
    .column("texture_correct", "texture", None, true)
    .column("other", "other", None, true)
    .column("no_answer", "no answer", None, true)
    .column("conflict_trials", "trials", None, true)
    .column("cue_accuracy", "cue accuracy", Some("%"), true)
    .column("shape_accuracy", "shape accuracy", Some("%"), true)
    .column("consistency_with_humans", "κ with humans", None, true);
    for ObserverEntry { result, .. } in &study.observers {
        let figures = &result.overall;
        table.row(
            &[&result.label],
            result.kind == ObserverKind::Network && !result.untrained,
            vec![
                Cell::text(marked(&result.label, result.untrained)),
                Cell::text(result.kind.as_str()),
                bias(figures),
                Cell::count(figures.shape_correct),
                Cell::count(figures.texture_correct),
                Cell::count(figures.other),
                Cell::count(figures.no_answer),
                Cell::count(figures.conflict_trials),
                share(figures.cue_accuracy, None),
                share(figures.shape_accuracy, None),
                Cell::number(result.consistency_with_humans, 1.0, 3),
            ],
        );
    }
    for key in ["shape_bias", "cue_accuracy", "shape_accuracy", "consistency_with_humans"] {
        table.mark_largest(key);
    }
    table.attach(study, Scope::ShapeBias)
}

/// Shape bias by category of the shape: a row a category, a column an observer that isn't a person.
pub fn categories(study: &Study) -> Table {
    let people = study.observers.iter().any(|o| o.result.kind == ObserverKind::Person);
    let mut table = Table::new("categories", "Shape bias by category")
        .saying(&[], "Shape bias over the stimuli whose shape is of a category.")
        .saying(&[], if people { "Single people are in the pooled humans." } else { "" })
        .saying_of_intervals(&[], "Intervals: 95 %, bootstrap over stimuli.")
        .column("category", "category", None, false);
    let pooled: Vec<&ObserverEntry> =
        study.observers.iter().filter(|o| o.result.kind != ObserverKind::Person).collect();
    for ObserverEntry { result, .. } in &pooled {
        let heading = marked(&result.label, result.untrained);
        table = table.column(&result.label, &heading, None, true);
    }
    for category in categories_of(study) {
        let mut cells = vec![Cell::text(&category)];
        for entry in &pooled {
            let found = entry.result.categories.iter().find(|c| c.category == category);
            cells.push(found.map_or_else(
                || Cell::text(ABSENT),
                |c| Cell::with_interval(c.figures.shape_bias, c.figures.interval, 1.0, 2),
            ));
        }
        table.row(&[], false, cells);
    }
    // Stimuli of one's own may be of a few of the categories.
    table.rows.retain(|row| row.cells.iter().any(|cell| cell.value.is_some()));
    table.attach(study, Scope::ShapeBias)
}

/// The categories of all runs, in alphabetical order.
pub fn categories_of(study: &Study) -> Vec<String> {
    let all = study.biases.iter().flat_map(|bias| &bias.result.categories);
    let mut categories: Vec<String> = all.cloned().collect();
    categories.sort();
    categories.dedup();
    categories
}
