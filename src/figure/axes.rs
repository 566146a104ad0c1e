//! Axes: ranges, ticks, and drawing them around a frame.

use plotters::coord::ranged1d::{BoldPoints, Ranged};
use plotters::coord::types::RangedCoordf64;

use super::canvas::{Anchor, Canvas, Stroke, TextLook};
use super::render::FigureError;
use super::style::{self, GAP, HAIRLINE, TEXT, TITLE};
use super::text::{self, CAP_HEIGHT, DESCENT, Weight};

/// Length of a tick.
const TICK: f64 = 2.5;
/// Space between a tick and its label.
const TICK_GAP: f64 = 1.5;

/// The rectangle that data is drawn in, in points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Frame {
    pub(crate) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(crate) fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// One axis: its range, its ticks, its title.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    pub ticks: Vec<(f64, String)>,
    pub title: String,
}

impl Axis {
    /// 0 to 1 in fifths.
    pub(crate) fn share(title: &str) -> Self {
        let ticks =
            (0..=5).map(|i| (f64::from(i) / 5.0, tick_label(f64::from(i) / 5.0, 0.2))).collect();
        Self { low: 0.0, high: 1.0, logarithmic: false, ticks, title: title.to_owned() }
    }

    /// A range that holds `low` and `high`, with at most `most` round ticks.
    pub(crate) fn linear(low: f64, high: f64, most: usize, title: &str) -> Self {
        let high = if high > low { high } else { low + low.abs().max(1.0) };
        let points = RangedCoordf64::from(low..high).key_points(BoldPoints(most.max(2)));
        let step = points.windows(2).map(|pair| pair[1] - pair[0]).fold(high - low, f64::min);
        let ticks = points.into_iter().map(|v| (v, tick_label(v, step))).collect();
        Self { low, high, logarithmic: false, ticks, title: title.to_owned() }
    }

    /// A logarithmic range that holds `low` and `high`, both over 0, with at most `most` ticks at
    /// 1, 2, 5 or 1, 3 or 1 times powers of ten, whichever is the densest that fits; in a range too
    /// short for two of them, at even distances.
    pub(crate) fn log(low: f64, high: f64, most: usize, title: &str) -> Self {
        let low = if low > 0.0 { low } else { 1.0 };
        let high = if high > low { high } else { low * 10.0 };
        let candidates: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
        let ticks_of = |leading: &[f64]| -> Vec<(f64, String)> {
            (low.log10().floor() as i32..=high.log10().ceil() as i32)
                .flat_map(|power| leading.iter().map(move |digit| digit * 10f64.powi(power)))
                .filter(|v| *v >= low * (1.0 - 1e-9) && *v <= high * (1.0 + 1e-9))
                .map(|v| (v, tick_label(v, v)))
                .collect()
        };
        let ticks = candidates
            .iter()
            .map(|leading| ticks_of(leading))
            .find(|ticks| ticks.len() <= most)
            .unwrap_or_else(|| ticks_of(&[1.0]));
        let ticks =
            if ticks.len() < 2 { Self::linear(low, high, most, title).ticks } else { ticks };
        Self { low, high, logarithmic: true, ticks, title: title.to_owned() }
    }

    /// Where `value` stands between `from` and `to`; outside the range, at the nearer end.
    pub(crate) fn place(&self, value: f64, from: f64, to: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        from + (to - from) * share.clamp(0.0, 1.0)
    }

    pub(crate) fn x(&self, value: f64, frame: &Frame) -> f64 {
        self.place(value, frame.left, frame.right)
    }

    pub(crate) fn y(&self, value: f64, frame: &Frame) -> f64 {
        self.place(value, frame.bottom, frame.top)
    }

    /// Room that the axis needs to the left of its frame.
    pub(crate) fn width_at_left(&self) -> f64 {
        let labels =
            text::widest(self.ticks.iter().map(|(_, label)| label.as_str()), TEXT, Weight::Regular);
        TICK + TICK_GAP + labels + GAP + TITLE
    }
}

/// Room that a horizontal axis needs under its frame.
pub(crate) const HEIGHT_BELOW: f64 =
    TICK + TICK_GAP + TEXT * CAP_HEIGHT + GAP + TITLE * (CAP_HEIGHT + DESCENT);

/// Half of the widest usual tick label: room to leave beside the end of a horizontal axis.
pub(crate) const OVERHANG: f64 = 8.0;

/// `value` with the decimals that its `step` needs.
pub(crate) fn tick_label(value: f64, step: f64) -> String {
    let mut decimals = 0;
    let mut scaled = step.abs();
    while decimals < 6 && scaled > 0.0 && (scaled - scaled.round()).abs() > 1e-6 * scaled {
        scaled *= 10.0;
        decimals += 1;
    }
    let value = if value.abs() < step.abs() * 1e-9 { 0.0 } else { value };
    format!("{value:.decimals$}").replace('-', "−")
}

/// Draws the axis under the frame.
pub(crate) fn draw_below(
    canvas: &mut Canvas<'_>,
    axis: &Axis,
    frame: &Frame,
) -> Result<(), FigureError> {
    let stroke = Stroke::new(style::INK, HAIRLINE);
    canvas.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], stroke)?;
    let baseline = frame.bottom + TICK + TICK_GAP + TEXT * CAP_HEIGHT;
    for (value, label) in &axis.ticks {
        let x = axis.x(*value, frame);
        canvas.line(&[(x, frame.bottom), (x, frame.bottom + TICK)], stroke)?;
        canvas.text(label, (x, baseline), TextLook::new(TEXT).anchor(Anchor::Middle))?;
    }
    let title = text::fit(&axis.title, frame.width() + 2.0 * OVERHANG, TITLE, Weight::Regular);
    let at = ((frame.left + frame.right) / 2.0, baseline + GAP + TITLE * CAP_HEIGHT);
    canvas.text(&title, at, TextLook::new(TITLE).anchor(Anchor::Middle))
}

/// Draws the axis to the left of the frame, and a grid line at each tick if `grid`.
pub(crate) fn draw_left(
    canvas: &mut Canvas<'_>,
    axis: &Axis,
    frame: &Frame,
    grid: bool,
) -> Result<(), FigureError> {
    let stroke = Stroke::new(style::INK, HAIRLINE);
    for (value, label) in &axis.ticks {
        let y = axis.y(*value, frame);
        if grid {
            canvas
                .line(&[(frame.left, y), (frame.right, y)], Stroke::new(style::GRID, HAIRLINE))?;
        }
        canvas.line(&[(frame.left - TICK, y), (frame.left, y)], stroke)?;
        let at = (frame.left - TICK - TICK_GAP, y);
        canvas.text_centred(label, at, TextLook::new(TEXT).anchor(Anchor::End))?;
    }
    canvas.line(&[(frame.left, frame.top), (frame.left, frame.bottom)], stroke)?;
    let title = text::fit(&axis.title, frame.height() + 2.0 * OVERHANG, TITLE, Weight::Regular);
    let at =
        (frame.left - axis.width_at_left() + TITLE * CAP_HEIGHT, (frame.top + frame.bottom) / 2.0);
    canvas.text(&title, at, TextLook::new(TITLE).anchor(Anchor::Middle).turned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&Axis::share("")), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Axis::log(1.0, 100.0, 9, "")), ["1", "2", "5", "10", "20", "50", "100"]);
        assert_eq!(
            labels(&Axis::log(0.01, 1000.0, 6, "")),
            ["0.01", "0.1", "1", "10", "100", "1000"]
        );
        assert!(labels(&Axis::log(2.1, 3.9, 6, "")).len() >= 2);
        for label in labels(&Axis::linear(0.0, 37.0, 5, "")) {
            assert!(label.parse::<f64>().is_ok_and(|v| v.fract() == 0.0), "{label}");
        }
    }

    #[test]
    fn a_range_of_one_value_has_a_place() {
        for axis in
            [Axis::linear(3.0, 3.0, 5, ""), Axis::log(3.0, 3.0, 5, ""), Axis::log(0.0, 0.0, 5, "")]
        {
            assert!(axis.place(3.0, 0.0, 10.0).is_finite());
        }
    }

    #[test]
    fn places_are_in_proportion() {
        assert_eq!(Axis::share("").place(0.25, 0.0, 8.0), 2.0);
        assert!((Axis::log(1.0, 100.0, 9, "").place(10.0, 0.0, 8.0) - 4.0).abs() < 1e-12);
        assert_eq!(Axis::share("").place(7.0, 0.0, 8.0), 8.0);
    }
}
