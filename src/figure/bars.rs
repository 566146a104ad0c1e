//! Bars of overall shape bias with intervals, highest first.

use super::axes::{self, Axis, Frame};
use super::canvas::{Anchor, Canvas, Stroke, TextLook, compose};
use super::names::fit_all;
use super::render::{Figure, FigureError};
use super::style::{self, GAP, HAIRLINE, HUMAN, MARGIN, TEXT, Width, series_color};
use super::text::{self, Weight};

/// One observer's value.
#[derive(Clone, Debug)]
pub struct Bar {
    /// The observer's name.
    pub label: String,
    /// True for people, whose bar is red.
    pub human: bool,
    /// True to mark a network as untrained.
    pub untrained: bool,
    /// The value, 0 to 1.
    pub value: f64,
    /// 95 % interval, lower and upper end.
    pub interval: Option<[f64; 2]>,
}

/// What to draw.
#[derive(Clone, Debug)]
pub struct BarsSpec {
    /// The bars, in any order.
    pub bars: Vec<Bar>,
    /// Title of the axis, "shape bias" say.
    pub title: String,
    /// Width of the figure.
    pub width: Width,
}

const ROW: f64 = 12.0;
const THICKNESS: f64 = 7.5;
const WHISKER: f64 = 2.2;

/// Draws horizontal bars, highest value on top, each with its value in figures.
///
/// # Errors
/// If there is no bar, or a value or an end of an interval is not in 0..=1.
pub fn draw(spec: &BarsSpec) -> Result<Figure, FigureError> {
    check(spec)?;
    let mut bars: Vec<&Bar> = spec.bars.iter().collect();
    bars.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.label.cmp(&b.label)));
    let labels: Vec<String> =
        bars.iter().map(|bar| style::marked(&bar.label, bar.untrained)).collect();
    let width = spec.width.points();
    let room =
        text::widest(labels.iter().map(String::as_str), TEXT, Weight::Regular).min(0.45 * width);
    let labels = fit_all(&labels, room + 0.01, TEXT, Weight::Regular);
    let value_room = GAP + text::width("0.00", TEXT, Weight::Regular);
    let left = MARGIN + room + GAP;
    let right = width - MARGIN - value_room.max(axes::OVERHANG);
    let top = MARGIN;
    let frame = Frame { left, top, right, bottom: top + ROW * bars.len() as f64 + GAP / 2.0 };
    let axis = Axis::share(&spec.title);
    let height = frame.bottom + axes::HEIGHT_BELOW + MARGIN;
    compose(width, height, &spec.title, |canvas| {
        for (value, _) in &axis.ticks[1..] {
            let x = axis.x(*value, &frame);
            canvas
                .line(&[(x, frame.top), (x, frame.bottom)], Stroke::new(style::GRID, HAIRLINE))?;
        }
        for (number, (bar, label)) in bars.iter().zip(&labels).enumerate() {
            let middle = frame.top + (number as f64 + 0.5) * ROW;
            canvas.text_centred(
                label,
                (left - GAP, middle),
                TextLook::new(TEXT).anchor(Anchor::End),
            )?;
            draw_bar(canvas, bar, middle, &axis, &frame)?;
        }
        canvas
            .line(&[(left, frame.top), (left, frame.bottom)], Stroke::new(style::INK, HAIRLINE))?;
        axes::draw_below(canvas, &axis, &frame)
    })
}

fn check(spec: &BarsSpec) -> Result<(), FigureError> {
    let refuse = |reason: String| Err(FigureError::Input { figure: "the bars", reason });
    if spec.bars.is_empty() {
        return refuse("there is no bar".to_owned());
    }
    for bar in &spec.bars {
        let mut values = [bar.value].into_iter().chain(bar.interval.into_iter().flatten());
        if let Some(value) = values.find(|v| !(0.0..=1.0).contains(v)) {
            return refuse(format!("\"{}\" has a value of {value}, outside 0 to 1", bar.label));
        }
    }
    Ok(())
}

fn draw_bar(
    canvas: &mut Canvas<'_>,
    bar: &Bar,
    middle: f64,
    axis: &Axis,
    frame: &Frame,
) -> Result<(), FigureError> {
    let (top, bottom) = (middle - THICKNESS / 2.0, middle + THICKNESS / 2.0);
    let end = axis.x(bar.value, frame);
    let color = if bar.human { HUMAN } else { series_color(0) };
    if bar.untrained {
        canvas.outline((frame.left, top), (end, bottom), Stroke::new(color, 0.8))?;
    } else {
        canvas.fill_rectangle((frame.left, top), (end, bottom), color)?;
    }
    let mut text_start = end;
    if let Some([low, high]) = bar.interval {
        let (from, to) = (axis.x(low, frame), axis.x(high, frame));
        // White under ink, so that the part inside the bar shows too.
        for stroke in [Stroke::new(style::WHITE, 2.0), Stroke::new(style::INK, 0.8)] {
            canvas.line(&[(from, middle), (to, middle)], stroke)?;
            for x in [from, to] {
                canvas.line(&[(x, middle - WHISKER), (x, middle + WHISKER)], stroke)?;
            }
        }
        text_start = text_start.max(to);
    }
    canvas.text_centred(
        &format!("{:.2}", bar.value),
        (text_start + GAP, middle),
        TextLook::new(TEXT),
    )
}

#[cfg(test)]
mod tests {
    use super::super::check::{HARD_LABELS, sound};
    use super::*;

    fn bar(label: &str, value: f64) -> Bar {
        Bar {
            label: label.to_owned(),
            human: false,
            untrained: label.len() > 30,
            value,
            interval: Some([(value - 0.03).max(0.0), (value + 0.04).min(1.0)]),
        }
    }

    fn spec(bars: Vec<Bar>, width: Width) -> BarsSpec {
        BarsSpec { bars, title: "shape bias".to_owned(), width }
    }

    #[test]
    fn one_and_many_bars_highest_first() {
        let many: Vec<Bar> =
            (0..26).map(|i| bar(HARD_LABELS[i % 12], (i as f64 * 0.37) % 1.0)).collect();
        let mut people = bar("humans", 1.0);
        people.human = true;
        for bars in [vec![bar("alone", 0.0)], vec![bar("a", 0.5), people, bar("b", 0.5)], many] {
            for width in [Width::Column, Width::Page] {
                let texts = sound(&draw(&spec(bars.clone(), width)).unwrap());
                // Values have two decimals, ticks one.
                let values: Vec<f64> = texts
                    .iter()
                    .filter(|text| text.len() == 4)
                    .filter_map(|text| text.parse().ok())
                    .collect();
                assert_eq!(values.len(), bars.len());
                assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
            }
        }
    }

    #[test]
    fn wrong_values_are_named() {
        assert!(draw(&spec(vec![], Width::Column)).is_err());
        let error = draw(&spec(
            vec![bar("net", 0.5), Bar { value: f64::NAN, ..bar("bad", 0.5) }],
            Width::Column,
        ));
        assert!(error.unwrap_err().to_string().contains("\"bad\""));
    }
}
