//! Cells that several tables have.

use super::table::{ABSENT, Cell};
use crate::erf::result::AreaRatio;
use crate::erf::table::WHOLE_MAP;
use crate::report::study::Study;
use crate::shapebias::result::BiasFigures;

/// What the error consistency with humans is.
pub const KAPPA_WITH_HUMANS: &str =
    "κ with humans: mean error consistency with each person (Geirhos et al. 2020).";

/// Shares below 1 % get a second decimal.
pub fn share(value: Option<f64>, interval: Option<[f64; 2]>) -> Cell {
    let decimals = if value.is_some_and(|value| value.abs() < 0.01) { 2 } else { 1 };
    Cell::with_interval(value, interval, 100.0, decimals)
}

/// An area ratio in per cent, or that no square inside the map holds the share.
pub fn ratio(ratio: Option<&AreaRatio>) -> Cell {
    match ratio {
        Some(found @ AreaRatio { side: None, .. }) => Cell {
            text: WHOLE_MAP.into(),
            is_number: false,
            ..share(Some(found.ratio), found.interval)
        },
        Some(found) => share(Some(found.ratio), found.interval),
        None => Cell::text(ABSENT),
    }
}

/// Shape bias with its interval.
pub fn bias(figures: &BiasFigures) -> Cell {
    Cell::with_interval(figures.shape_bias, figures.interval, 1.0, 3)
}

/// A label, marked where no checkpoint stands behind it.
pub fn marked(label: &str, untrained: bool) -> String {
    if untrained { format!("{label} (untrained)") } else { label.to_owned() }
}

/// The name of a run's observer in the whole study, marked.
pub fn shown(study: &Study, run: usize, label: &str) -> String {
    let untrained = study.biases[run].result.observer(label).is_some_and(|o| o.untrained);
    marked(study.label_of(run, label), untrained)
}
