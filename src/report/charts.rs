//! What figures show: results -> the specifications of drawings.

use ndarray::{Array2, ArrayView2};

use super::prose::enumerate;
use super::spearman::Spearman;
use super::study::{Network, Study};
use crate::erf::ratio::CentredSquares;
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

/// Observers that are named where they are left out.
const MOST_NAMED: usize = 10;

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
    let squares = CentredSquares::of_result(result, map);
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

/// Observers of one chart by category.
#[derive(Clone, Debug, Default)]
pub struct Charted<'a> {
    /// Those that are drawn.
    pub observers: Vec<&'a ObserverResult>,
    /// What isn't, in sentences: observers beyond those that fit, and those without a shape bias.
    pub left_out: Vec<String>,
}

/// At most `most` observers that have a shape bias: all of them, or without single people (they are
/// pooled as humans), and then the first networks and the humans.
pub fn charted<'a>(
    observers: impl IntoIterator<Item = &'a ObserverResult>,
    most: usize,
) -> Charted<'a> {
    let (mut observers, undecided): (Vec<&ObserverResult>, Vec<&ObserverResult>) =
        observers.into_iter().partition(|observer| observer.overall.shape_bias.is_some());
    let mut left_out = Vec::new();
    if observers.len() > most {
        let known = observers.len();
        observers.retain(|observer| observer.kind != ObserverKind::Person);
        if observers.len() < known {
            let people = known - observers.len();
            let noun = if people == 1 { "person isn't" } else { "people aren't" };
            left_out.push(format!("{people} single {noun} drawn."));
        }
    }
    if observers.len() > most {
        let humans = observers.iter().position(|o| o.kind == ObserverKind::Humans);
        let humans = humans.map(|index| observers.remove(index));
        let beyond = observers.split_off(most.saturating_sub(usize::from(humans.is_some())));
        let verb = if beyond.len() == 1 { "isn't" } else { "aren't" };
        left_out.push(format!(
            "Of {} networks, {} {verb} drawn: {}.",
            observers.len() + beyond.len(),
            beyond.len(),
            named(&beyond)
        ));
        observers.extend(humans);
    }
    if !undecided.is_empty() {
        left_out.push(format!(
            "Without a decision for shape or texture, and so without a shape bias: {}.",
            named(&undecided)
        ));
    }
    Charted { observers, left_out }
}

/// The labels of observers, the first of very many.
fn named(observers: &[&ObserverResult]) -> String {
    let labels = observers.iter().take(MOST_NAMED).map(|observer| observer.label.as_str());
    let mut labels: Vec<&str> = labels.collect();
    let more = format!("{} more", observers.len() - labels.len());
    if observers.len() > labels.len() {
        labels.push(&more);
    }
    enumerate(&labels)
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
    BiasSpec { categories: categories.to_vec(), observers, note: None, width: Width::Page }
}

/// Overall shape bias of all that have one.
pub fn overall<'a>(observers: impl IntoIterator<Item = &'a ObserverResult>) -> BarsSpec {
    let bars = observers.into_iter().filter_map(|observer| {
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
            area_interval: ratio.interval,
            bias: figures.shape_bias?,
            bias_interval: figures.interval,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::check::{erf, network, people};

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

    #[test]
    fn what_does_not_fit_a_chart_is_said_and_bars_have_all() {
        let mut observers: Vec<ObserverResult> =
            (1..=21).map(|i| network(&format!("n{i}"), i, 1)).collect();
        observers.push(network("silent", 0, 0));
        observers.push(people("subject-01", ObserverKind::Person, 3, 1));
        observers.push(people("humans", ObserverKind::Humans, 3, 1));
        let charted = charted(&observers, MOST_PRINTED);
        assert_eq!(charted.observers.len(), 20);
        assert_eq!(charted.observers[19].label, "humans");
        assert_eq!(
            charted.left_out,
            [
                "1 single person isn't drawn.",
                "Of 21 networks, 2 aren't drawn: n20 and n21.",
                "Without a decision for shape or texture, and so without a shape bias: silent.",
            ]
        );
        assert_eq!(overall(&observers).bars.len(), 23);
        let few = super::charted(&observers[..5], MOST_PRINTED);
        assert!(few.left_out.is_empty() && few.observers.len() == 5);
    }
}
