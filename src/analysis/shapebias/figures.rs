//! The figures of a shape-bias study.

use ndarray::Array2;

use crate::analysis::AnalysisError;
use crate::figure::bars::{Bar, BarsSpec};
use crate::figure::bias::{BiasObserver, BiasSpec};
use crate::figure::matrix::{CellKind, MatrixSpec};
use crate::figure::{Figure, Format, Width, bars, bias, matrix};
use crate::shapebias::result::{
    Confusion, ConsistencyMatrix, ObserverKind, ObserverResult, ShapeBiasResult,
};
use crate::store::{ResultFolder, safe_file_name};

/// Observers in one chart; beyond, people are shown pooled only.
const MOST_OBSERVERS: usize = 12;

/// Draws `shapebias.*` (by category), `shapebias-bars.*` (overall), `shapebias-consistency.*` and, if
/// wanted, a confusion matrix an observer.
pub fn draw(
    result: &ShapeBiasResult,
    confusion: bool,
    formats: &[Format],
    folder: &ResultFolder,
) -> Result<(), AnalysisError> {
    let save = |figure: &Figure, stem: &str| figure.save(folder.path(), stem, formats).map(|_| ());
    let observers = charted(result);
    if !observers.is_empty() {
        save(&bias::draw(&by_category(result, &observers))?, "shapebias")?;
        save(&bars::draw(&overall(&observers))?, "shapebias-bars")?;
    }
    if result.consistency.labels.len() > 1 {
        save(&matrix::draw(&consistency(&result.consistency))?, "shapebias-consistency")?;
    }
    for observer in result.observers.iter().filter(|_| confusion) {
        if let Some(counts) = &observer.confusion {
            let name = safe_file_name(&observer.label);
            save(&matrix::draw(&answers(counts))?, &format!("shapebias-confusion-{name}"))?;
        }
    }
    Ok(())
}

/// The observers that fit one chart: all of them, or, where they are too many, without single people
/// (they are pooled as humans), and then the first.
pub fn charted(result: &ShapeBiasResult) -> Vec<&ObserverResult> {
    let decided = result.observers.iter().filter(|o| o.overall.shape_bias.is_some());
    let mut observers: Vec<&ObserverResult> = decided.collect();
    if observers.len() > MOST_OBSERVERS {
        observers.retain(|observer| observer.kind != ObserverKind::Person);
    }
    if observers.len() > MOST_OBSERVERS {
        let humans = observers.iter().position(|o| o.kind == ObserverKind::Humans);
        let humans = humans.map(|index| observers.remove(index));
        observers.truncate(MOST_OBSERVERS - usize::from(humans.is_some()));
        observers.extend(humans);
    }
    observers
}

/// Categories ordered by the humans' value, or where there are none by the observers' mean.
pub fn by_category(result: &ShapeBiasResult, observers: &[&ObserverResult]) -> BiasSpec {
    let value = |observer: &ObserverResult, category: &str| {
        let figures = observer.categories.iter().find(|c| c.category == category)?;
        figures.figures.shape_bias
    };
    let humans = result.observers.iter().find(|o| o.kind == ObserverKind::Humans);
    let key = |category: &String| {
        let judges: Vec<&ObserverResult> = humans.map_or_else(|| observers.to_vec(), |h| vec![h]);
        let values: Vec<f64> = judges.iter().filter_map(|o| value(o, category)).collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    };
    let mut categories = result.categories.clone();
    categories.sort_by(|a, b| key(b).total_cmp(&key(a)).then_with(|| a.cmp(b)));
    let observers = observers
        .iter()
        .map(|observer| BiasObserver {
            label: observer.label.clone(),
            human: observer.kind != ObserverKind::Network,
            untrained: observer.untrained,
            shape_bias: categories.iter().map(|category| value(observer, category)).collect(),
            mean: observer.overall.shape_bias,
        })
        .collect();
    BiasSpec { categories, observers, width: Width::Page }
}

/// Overall shape bias.
pub fn overall(observers: &[&ObserverResult]) -> BarsSpec {
    let bars = observers.iter().filter_map(|observer| {
        Some(Bar {
            label: observer.label.clone(),
            human: observer.kind != ObserverKind::Network,
            untrained: observer.untrained,
            value: observer.overall.shape_bias?,
            interval: observer.overall.interval,
        })
    });
    BarsSpec { bars: bars.collect(), title: "shape bias".into(), width: Width::Column }
}

/// Cohen's kappa of each pair.
pub fn consistency(consistency: &ConsistencyMatrix) -> MatrixSpec {
    let labels = &consistency.labels;
    let side = labels.len();
    MatrixSpec {
        rows: labels.clone(),
        columns: labels.clone(),
        values: Array2::from_shape_fn((side, side), |(row, column)| {
            consistency.kappa[row][column].unwrap_or(f64::NAN)
        }),
        kind: CellKind::Kappa,
        row_title: None,
        column_title: None,
        value_title: "error consistency (Cohen's kappa)".into(),
    }
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
