//! The figures of a shape-bias study.

use std::path::Path;

use ndarray::Array2;

use crate::analysis::AnalysisError;
use crate::figure::matrix::{CellKind, MatrixSpec};
use crate::figure::{Figure, Format, bars, bias, matrix};
use crate::progress::Progress;
use crate::report::charts;
use crate::shapebias::result::{Confusion, ShapeBiasResult};
use crate::store::safe_file_name;

/// Stem of the figure of shape bias by category.
const BY_CATEGORY: &str = "shapebias";
/// Stem of the figure of shape bias overall.
const OVERALL: &str = "shapebias-bars";
/// Stem of the figure of error consistency.
const CONSISTENCY: &str = "shapebias-consistency";

/// Stem of the confusion matrix of an observer.
fn confusion_of(label: &str) -> String {
    format!("shapebias-confusion-{}", safe_file_name(label))
}

/// Names of the files that [`draw`] writes, with confusion matrices of these observers.
pub fn names<'a>(confusion: impl IntoIterator<Item = &'a str>, formats: &[Format]) -> Vec<String> {
    let stems = [BY_CATEGORY, OVERALL, CONSISTENCY].map(str::to_owned).into_iter();
    let stems = stems.chain(confusion.into_iter().map(confusion_of));
    stems.flat_map(|stem| Figure::file_names(&stem, formats).collect::<Vec<_>>()).collect()
}

/// Draws `shapebias.*` (by category), `shapebias-bars.*` (overall), `shapebias-consistency.*` and, if
/// wanted, a confusion matrix an observer. Warns of observers that the first doesn't show.
pub fn draw(
    result: &ShapeBiasResult,
    confusion: bool,
    formats: &[Format],
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), AnalysisError> {
    let save = |figure: &Figure, stem: &str| figure.save(folder, stem, formats).map(|_| ());
    let charted = charts::charted(&result.observers, charts::MOST_PRINTED);
    if !charted.observers.is_empty() {
        let mut spec = charts::by_category(&result.categories, &charted.observers);
        if !charted.left_out.is_empty() {
            let left_out = charted.left_out.join(" ");
            progress.warn(&format!("the chart by category doesn't show everyone. {left_out}"));
            spec.note = Some(left_out);
        }
        save(&bias::draw(&spec)?, BY_CATEGORY)?;
        save(&bars::draw(&charts::overall(&result.observers))?, OVERALL)?;
    }
    if result.consistency.labels.len() > 1 {
        let spec = charts::consistency(result, str::to_owned);
        save(&matrix::draw(&spec)?, CONSISTENCY)?;
    }
    for observer in result.observers.iter().filter(|_| confusion) {
        if let Some(counts) = &observer.confusion {
            let stem = confusion_of(&observer.label);
            save(&matrix::draw(&answers(counts))?, &stem)?;
        }
    }
    Ok(())
}

/// Shares of answers, a row a category of the shape.
fn answers(confusion: &Confusion) -> MatrixSpec {
    let shape = (confusion.rows.len(), confusion.columns.len());
    MatrixSpec {
        rows: confusion.rows.clone(),
        columns: confusion.columns.clone(),
        values: Array2::from_shape_fn(shape, |(row, column)| {
            let total: usize = confusion.counts[row].iter().sum();
            confusion.counts[row][column] as f64 / total.max(1) as f64
        }),
        kind: CellKind::Share,
        row_title: Some("shape of the stimulus".into()),
        column_title: Some("decision".into()),
        value_title: "share of the row's stimuli".into(),
    }
}
