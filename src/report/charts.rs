//! What figures show: results -> the specifications of drawings.

use ndarray::{Array2, ArrayView2};

use super::spearman::Spearman;
use super::study::{Network, Study};
use crate::erf::result::ErfResult;
use crate::figure::Width;
use crate::figure::bars::{Bar, BarsSpec};
use crate::figure::bias::{BiasObserver, BiasSpec, Who};
use crate::figure::heatmap::{MapPanel, Square};
use crate::figure::matrix::{CellKind, MatrixSpec};
use crate::figure::profile::{ProfileCurve, ProfileSpec, SideUnit};
use crate::figure::scatter::{ScatterPoint, ScatterSpec};
use crate::figure::style;
use crate::shapebias::result::{ObserverKind, ObserverResult, ShapeBiasResult};

/// Observers in one printed chart by category; beyond, people are shown pooled only. No two of so many
/// share both colour and marker.
pub const MOST_PRINTED: usize = 20;

/// A map with the squares of its area ratios.
pub fn panel<'a>(result: &ErfResult, map: ArrayView2<'a, f64>) -> MapPanel<'a> {
    let squares = result.area_ratios.iter().map(|ratio| Square {
        threshold: ratio.threshold,
        side: ratio.side,
        ratio: ratio.ratio,
    });
    MapPanel {
        label: result.label.clone(),
        untrained: result.untrained,
        map,
        squares: squares.collect(),
        around: result.around,
    }
}

/// Mass against the side of a centred square, of several maps on one pair of axes.
pub fn profile<'a>(
    maps: impl IntoIterator<Item = (&'a ErfResult, &'a Array2<f64>)>,
) -> ProfileSpec {
    ProfileSpec {
        curves: maps.into_iter().map(|(result, map)| curve(result, map)).collect(),
        unit: SideUnit::ShareOfMap,
        share_title: Some("share of the map's mass".to_owned()),
        width: Width::Column,
    }
}

fn curve(result: &ErfResult, map: &Array2<f64>) -> ProfileCurve {
    let (height, width) = map.dim();
    let whole = height.min(width) as f64;
    let squares = result.squares(map);
    // Of a unit that isn't in the middle, squares go on beyond the map.
    let points = squares.profile().map(|(side, share)| (side as f64 / whole, share));
    let inside = points.take_while(|(side, _)| *side <= 1.0);
    // A square map is its own last square, where its squares fall short of it by a row and a column.
    let is_last = height == width && result.around.is_none() && map.sum() > 0.0;
    ProfileCurve {
        label: result.label.clone(),
        untrained: result.untrained,
        points: inside.chain(is_last.then_some((1.0, 1.0))).collect(),
    }
}

/// At most `most` observers that have a shape bias: all of them, or without single people (they are
/// pooled as humans), and then the first networks and the humans.
pub fn charted<'a>(
    observers: impl IntoIterator<Item = &'a ObserverResult>,
    most: usize,
) -> Vec<&'a ObserverResult> {
    let decided = observers.into_iter().filter(|o| o.overall.shape_bias.is_some());
    let mut observers: Vec<&ObserverResult> = decided.collect();
    if observers.len() > most {
        observers.retain(|observer| observer.kind != ObserverKind::Person);
    }
    if observers.len() > most {
        let humans = observers.iter().position(|o| o.kind == ObserverKind::Humans);
        let humans = humans.map(|index| observers.remove(index));
        observers.truncate(most.saturating_sub(usize::from(humans.is_some())));
        observers.extend(humans);
    }
    observers
}

/// Shape bias by category; the drawing orders the categories.
pub fn by_category(categories: &[String], observers: &[&ObserverResult]) -> BiasSpec {
    let value = |observer: &ObserverResult, category: &str| {
        let figures = observer.categories.iter().find(|c| c.category == category)?;
        figures.figures.shape_bias
    };
    let observers = observers
        .iter()
        .map(|observer| BiasObserver {
            label: observer.label.clone(),
            who: match observer.kind {
                ObserverKind::Network => Who::Network,
                ObserverKind::Person => Who::Person,
                ObserverKind::Humans => Who::People,
            },
            untrained: observer.untrained,
            shape_bias: categories.iter().map(|category| value(observer, category)).collect(),
            overall: observer.overall.shape_bias,
        })
        .collect();
    BiasSpec { categories: categories.to_vec(), observers, width: Width::Page }
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

/// Cohen's kappa of each pair of a run's observers; `name` gives the label that is shown.
pub fn consistency(result: &ShapeBiasResult, name: impl Fn(&str) -> String) -> MatrixSpec {
    let consistency = &result.consistency;
    let untrained = |label: &str| result.observer(label).is_some_and(|one| one.untrained);
    let shown = |label: &String| style::marked(&name(label), untrained(label));
    let labels: Vec<String> = consistency.labels.iter().map(shown).collect();
    let side = labels.len();
    MatrixSpec {
        rows: labels.clone(),
        columns: labels,
        values: Array2::from_shape_fn((side, side), |(row, column)| {
            consistency.kappa[row][column].unwrap_or(f64::NAN)
        }),
        kind: CellKind::Kappa,
        row_title: None,
        column_title: None,
        value_title: "error consistency (Cohen's kappa)".into(),
    }
}

/// r(50 %) against shape bias of the networks that have both; nothing where none has.
pub fn scatter(study: &Study, correlation: Option<&Spearman>) -> Option<ScatterSpec> {
    let point = |network: Network<'_>| {
        let ratio = network.erf?.summary_ratio()?;
        let figures = &network.observer?.result.overall;
        Some(ScatterPoint {
            label: network.label.to_owned(),
            untrained: network.untrained(),
            area: ratio.ratio,
            area_interval: ratio.interval.map(within_one),
            bias: figures.shape_bias?,
            bias_interval: figures.interval.map(within_one),
        })
    };
    let points: Vec<ScatterPoint> = study.networks().into_iter().filter_map(point).collect();
    let caption = correlation.map(describe);
    (!points.is_empty()).then_some(ScatterSpec { points, caption, width: Width::Column })
}

/// "Spearman's ρ = 0.90 (95 % interval 0.40 to 1.00), 6 networks".
pub fn describe(correlation: &Spearman) -> String {
    let Spearman { rho, interval, pairs } = correlation;
    match interval {
        Some([low, high]) => format!(
            "Spearman's ρ = {rho:.2} (95 % interval {low:.2} to {high:.2}), {pairs} networks"
        ),
        None => format!("Spearman's ρ = {rho:.2}, {pairs} networks"),
    }
}

/// A jackknife's interval may reach beyond what a share can be.
fn within_one([low, high]: [f64; 2]) -> [f64; 2] {
    [low.clamp(0.0, 1.0), high.clamp(0.0, 1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::check::erf;

    fn last(map: &Array2<f64>, around: Option<[usize; 2]>) -> (f64, f64) {
        let mut result = erf("net", "features", 0.5).result;
        result.around = around;
        *profile([(&result, map)]).curves[0].points.last().unwrap()
    }

    #[test]
    fn a_profile_ends_with_what_the_last_square_holds() {
        assert_eq!(last(&Array2::ones((10, 10)), None), (1.0, 1.0));
        // The largest square in it holds 9 x 9 of 10 x 40 pixels.
        let (side, share) = last(&Array2::ones((10, 40)), None);
        assert!((side, share) == (0.9, 81.0 / 400.0), "{side}, {share}");
        assert_eq!(last(&Array2::zeros((9, 9)), None), (1.0, 0.0));
        assert_eq!(last(&Array2::zeros((10, 10)), None), (0.9, 0.0));
        // Around the upper left pixel, the square of side 9 has 5 x 5 pixels in the map.
        assert_eq!(last(&Array2::ones((10, 10)), Some([0, 0])), (0.9, 0.25));
    }
}
