//! The figures of a shape-bias study.

use ndarray::Array2;

use crate::analysis::AnalysisError;
use crate::figure::matrix::{CellKind, MatrixSpec};
use crate::figure::{Figure, Format, bars, bias, matrix};
use crate::progress::Progress;
use crate::report::charts;
use crate::shapebias::result::{Confusion, ShapeBiasResult};
use crate::store::{ResultFolder, safe_file_name};

/// Draws `shapebias.*` (by category), `shapebias-bars.*` (overall), `shapebias-consistency.*` and, if
/// wanted, a confusion matrix an observer. Warns of observers that the first doesn't show.
pub fn draw(
    result: &ShapeBiasResult,
    confusion: bool,
    formats: &[Format],
    folder: &ResultFolder,
    progress: &dyn Progress,
) -> Result<(), AnalysisError> {
    let save = |figure: &Figure, stem: &str| figure.save(folder.path(), stem, formats).map(|_| ());
    let charted = charts::charted(&result.observers, charts::MOST_PRINTED);
    if !charted.observers.is_empty() {
        let mut spec = charts::by_category(&result.categories, &charted.observers);
        if !charted.left_out.is_empty() {
            let left_out = charted.left_out.join(" ");
            progress.warn(&format!("the chart by category doesn't show everyone. {left_out}"));
            spec.note = Some(left_out);
        }
        save(&bias::draw(&spec)?, "shapebias")?;
        save(&bars::draw(&charts::overall(&result.observers))?, "shapebias-bars")?;
    }
    if result.consistency.labels.len() > 1 {
        let spec = charts::consistency(result, str::to_owned);
        save(&matrix::draw(&spec)?, "shapebias-consistency")?;
    }
    for observer in result.observers.iter().filter(|_| confusion) {
        if let Some(counts) = &observer.confusion {
            let name = safe_file_name(&observer.label);
            save(&matrix::draw(&answers(counts))?, &format!("shapebias-confusion-{name}"))?;
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
