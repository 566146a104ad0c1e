//! How much of each map a centred square holds, against the square's side: all networks on one
//! pair of axes.

use super::axes::{self, Axis, Frame};
use super::canvas::{Stroke, compose};
use super::legend::{Entry, Legend};
use super::render::{Figure, FigureError};
use super::style::{self, GAP, LINE, MARGIN, Width, series_color, series_dash};

/// One network's curve.
#[derive(Clone, Debug)]
pub struct ProfileCurve {
    /// The network's name.
    pub label: String,
    /// True to mark the network as untrained.
    pub untrained: bool,
    /// Side of a square in the unit of the axis, and the share of the map, 0 to 1, that it holds;
    /// by growing side.
    pub points: Vec<(f64, f64)>,
}

/// Unit of the squares' sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SideUnit {
    /// Share of the map's shorter side, 0 to 1: maps of different sizes on one axis.
    #[default]
    ShareOfMap,
    /// Pixels.
    Pixels,
}

/// What to draw: curves of up to about twelve networks.
#[derive(Clone, Debug)]
pub struct ProfileSpec {
    /// The curves, in the order of the legend.
    pub curves: Vec<ProfileCurve>,
    /// Unit of the horizontal axis.
    pub unit: SideUnit,
    /// Title of the vertical axis; `None` for "share of the map".
    pub share_title: Option<String>,
    /// Width of the figure.
    pub width: Width,
}

/// Height of the frame over its width.
const ASPECT: f64 = 0.72;

/// Draws the curves with a legend under them.
///
/// # Errors
/// If there is no curve, or a point is not finite.
pub fn draw(spec: &ProfileSpec) -> Result<Figure, FigureError> {
    check(spec)?;
    let width = spec.width.points();
    let x = match spec.unit {
        SideUnit::ShareOfMap => Axis::share("side of the centred square / shorter side of the map"),
        SideUnit::Pixels => {
            let longest = spec
                .curves
                .iter()
                .flat_map(|curve| &curve.points)
                .fold(1.0, |a: f64, p| a.max(p.0));
            Axis::linear(0.0, longest, 6, "side of the centred square (pixels)")
        }
    };
    let y = Axis::share(spec.share_title.as_deref().unwrap_or("share of the map"));
    let left = MARGIN + y.width_at_left();
    let right = width - MARGIN - axes::OVERHANG;
    let top = MARGIN + GAP;
    let frame = Frame { left, top, right, bottom: top + ASPECT * (right - left) };
    let legend = Legend::new(entries(spec), width - 2.0 * MARGIN);
    let legend_top = frame.bottom + axes::HEIGHT_BELOW + GAP;
    compose(
        width,
        legend_top + legend.height() + MARGIN,
        "Share of the map against side of the square",
        |canvas| {
            axes::draw_left(canvas, &y, &frame, true)?;
            axes::draw_below(canvas, &x, &frame)?;
            for (index, curve) in spec.curves.iter().enumerate() {
                let path: Vec<(f64, f64)> = thinned(&curve.points)
                    .map(|(side, share)| (x.x(side, &frame), y.y(share, &frame)))
                    .collect();
                canvas.set_class(Some(&format!("series series-{index}")));
                canvas.line(&path, stroke(index))?;
                canvas.set_class(None);
            }
            legend.draw(canvas, MARGIN, legend_top)
        },
    )
}

fn check(spec: &ProfileSpec) -> Result<(), FigureError> {
    let refuse = |reason: String| Err(FigureError::Input { figure: "the profile", reason });
    if spec.curves.is_empty() {
        return refuse("there is no curve".to_owned());
    }
    for curve in &spec.curves {
        if curve.points.iter().any(|(side, share)| !side.is_finite() || !share.is_finite()) {
            return refuse(format!("the curve of \"{}\" holds a NaN or infinity", curve.label));
        }
    }
    Ok(())
}

fn stroke(index: usize) -> Stroke {
    Stroke::new(series_color(index), LINE).dashed(series_dash(index))
}

fn entries(spec: &ProfileSpec) -> Vec<Entry> {
    let entry = |(index, curve): (usize, &ProfileCurve)| Entry {
        label: style::marked(&curve.label, curve.untrained),
        line: Some(stroke(index)),
        marker: None,
        class: Some(format!("series series-{index}")),
    };
    spec.curves.iter().enumerate().map(entry).collect()
}

/// At most about 400 of the points, the first and last among them: more than a line on paper shows.
fn thinned(points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> + '_ {
    let step = points.len().div_ceil(400).max(1);
    let last = points.len().saturating_sub(1);
    points
        .iter()
        .enumerate()
        .filter(move |(i, _)| i % step == 0 || *i == last)
        .map(|(_, point)| *point)
}

#[cfg(test)]
mod tests {
    use super::super::check::{HARD_LABELS, sound};
    use super::*;

    fn curve(label: &str, spread: f64) -> ProfileCurve {
        let points = (0..=512)
            .map(|i| {
                let side = f64::from(i) / 512.0;
                (side, 1.0 - (-(side / spread).powi(2)).exp())
            })
            .collect();
        ProfileCurve { label: label.to_owned(), untrained: label.len() > 30, points }
    }

    #[test]
    fn one_and_twelve_networks_with_hard_labels() {
        for (count, width) in
            [(1, Width::Column), (4, Width::Column), (12, Width::Column), (12, Width::Page)]
        {
            let curves: Vec<_> = HARD_LABELS[..count]
                .iter()
                .enumerate()
                .map(|(i, label)| curve(label, 0.05 * (i + 1) as f64))
                .collect();
            let spec = ProfileSpec { curves, unit: SideUnit::ShareOfMap, share_title: None, width };
            let figure = draw(&spec).unwrap();
            sound(&figure);
            assert!(figure.svg().contains("&lt;script&gt;") && !figure.svg().contains("<script"));
        }
    }

    #[test]
    fn pixels_empty_curves_and_equal_values() {
        let flat = ProfileCurve {
            label: "flat".to_owned(),
            untrained: false,
            points: vec![(3.0, 1.0), (223.0, 1.0)],
        };
        let empty =
            ProfileCurve { label: "empty".to_owned(), untrained: false, points: Vec::new() };
        let mut spec = ProfileSpec {
            curves: vec![flat, empty],
            unit: SideUnit::Pixels,
            share_title: Some("share of log₁₀(map + 1)".to_owned()),
            width: Width::Column,
        };
        sound(&draw(&spec).unwrap());
        spec.curves[0].points[1].1 = f64::NAN;
        assert!(draw(&spec).unwrap_err().to_string().contains("\"flat\""));
        spec.curves.clear();
        assert!(draw(&spec).is_err());
    }

    #[test]
    fn thinning_keeps_the_ends() {
        let points: Vec<_> = (0..1023).map(|i| (f64::from(i), 0.0)).collect();
        let kept: Vec<_> = thinned(&points).collect();
        assert!(kept.len() < 500);
        assert_eq!((kept[0], *kept.last().unwrap()), (points[0], points[1022]));
    }
}
