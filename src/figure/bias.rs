//! The shape-bias chart of Geirhos et al. 2019, figure 4 (Ding et al. 2022, figure 5): a row per
//! shape category and one over all, a marker per observer, a vertical line at each observer's overall
//! value.

mod looks;
mod rows;

use self::looks::{Look, class, entries, looks};
use self::rows::{LANE, Row};
use super::axes::{self, Axis, Frame};
use super::canvas::{Anchor, Canvas, Stroke, TextLook, compose};
use super::heatmap::draw_lines;
use super::legend::Legend;
use super::names::fit_all;
use super::render::{Figure, FigureError};
use super::style::{self, GAP, HAIRLINE, LEADING, MARGIN, MARKER, TEXT, TITLE, Width};
use super::text::{self, CAP_HEIGHT, DESCENT, Weight};

/// Who an observer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A network.
    Network,
    /// One person: a red diamond, a pale one where people pooled are shown too.
    Person,
    /// Several people pooled: a red diamond.
    People,
}

/// One observer: a network, or a person or several.
#[derive(Clone, Debug)]
pub struct BiasObserver {
    /// Name in the legend.
    pub label: String,
    /// Who it is.
    pub who: Who,
    /// True to mark a network as untrained.
    pub untrained: bool,
    /// Shape bias, 0 to 1, for each category of the chart, in its order; `None` where there is no
    /// correct decision to take it from.
    pub shape_bias: Vec<Option<f64>>,
    /// Over all categories together, 0 to 1, where the vertical line stands. Not the mean of the
    /// categories, in which each would count the same.
    pub overall: Option<f64>,
}

/// What to draw: 1 to about 12 observers, 1 to about 40 categories.
#[derive(Clone, Debug)]
pub struct BiasSpec {
    /// Names of the shape categories.
    pub categories: Vec<String>,
    /// The observers, in the order of the legend.
    pub observers: Vec<BiasObserver>,
    /// A line under the legend, to say what isn't drawn.
    pub note: Option<String>,
    /// Width of the figure.
    pub width: Width,
}

/// Name of the last row.
const OVERALL: &str = "overall";
/// Height of the rows together that they are kept under if markers allow.
const ROWS_HEIGHT: f64 = 330.0;
/// Least height of a row.
const LEAST_ROW: f64 = 10.0;

/// Draws the chart: categories with the highest human value on top, texture decisions on the lower
/// axis, shape decisions on the upper, mirrored one.
///
/// # Errors
/// If there is no category or observer, an observer has not one value a category, or a value is
/// not in 0..=1.
pub fn draw(spec: &BiasSpec) -> Result<Figure, FigureError> {
    check(spec)?;
    let width = spec.width.points();
    let labels = text::widest(spec.categories.iter().map(String::as_str), TEXT, Weight::Regular);
    let left = MARGIN + labels.min(0.3 * width).max(text::width(OVERALL, TEXT, Weight::Bold)) + GAP;
    let right = width - MARGIN - axes::OVERHANG;
    let axis = Axis::share("fraction of “texture” decisions");
    let order = order(spec);
    let rows: Vec<Row> = order
        .iter()
        .map(|category| {
            Row::new(spec, |observer| observer.shape_bias[*category], &axis, left, right)
        })
        .chain([Row::new(spec, |observer| observer.overall, &axis, left, right)])
        .collect();
    // Lanes lie on both sides of the middle, so room for an even number is room for one more.
    let lanes = (rows.iter().map(|row| row.lanes).max().unwrap_or(1) | 1) as f64;
    let most = (ROWS_HEIGHT / rows.len() as f64).max(LEAST_ROW);
    let row_height = (lanes * LANE + 3.0).clamp(LEAST_ROW, most);
    let lane = LANE.min((row_height - 2.0 * MARKER) / (lanes - 1.0).max(1.0));
    let top = MARGIN + axes::HEIGHT_BELOW;
    let frame = Frame { left, top, right, bottom: top + row_height * rows.len() as f64 };
    let legend = Legend::new(entries(spec), width - 2.0 * MARGIN);
    let legend_top = frame.bottom + axes::HEIGHT_BELOW + GAP;

    let note = spec.note.as_deref().map(text::clean).unwrap_or_default();
    let note = text::wrap(&note, width - 2.0 * MARGIN, 4, TEXT, Weight::Regular);
    let note_top = legend_top + legend.height() + if note.is_empty() { 0.0 } else { GAP };

    compose(
        width,
        note_top + note.len() as f64 * TEXT * LEADING + MARGIN,
        "Shape bias of each observer by category",
        |canvas| {
            draw_rows(canvas, spec, &order, &frame, row_height)?;
            draw_above(canvas, &axis, &frame)?;
            axes::draw_below(canvas, &axis, &frame)?;
            for look in looks(spec) {
                draw_overall_line(canvas, spec, &look, &axis, &frame)?;
            }
            for look in looks(spec) {
                canvas.set_class(Some(&class(look.observer)));
                for (number, row) in rows.iter().enumerate() {
                    let middle = frame.top + (number as f64 + 0.5) * row_height;
                    if let Some((x, offset)) = row.places[look.observer] {
                        canvas.marker(
                            look.marker,
                            (x, middle + offset * lane),
                            MARKER,
                            look.color,
                        )?;
                    }
                }
                canvas.set_class(None);
            }
            legend.draw(canvas, MARGIN, legend_top)?;
            let look = TextLook::new(TEXT).color(style::GREY);
            draw_lines(canvas, &note, (MARGIN, note_top), look)
        },
    )
}

fn check(spec: &BiasSpec) -> Result<(), FigureError> {
    let refuse =
        |reason: String| Err(FigureError::Input { figure: "the shape-bias chart", reason });
    if spec.categories.is_empty() || spec.observers.is_empty() {
        return refuse("there is no category or no observer".to_owned());
    }
    for observer in &spec.observers {
        let (values, categories) = (observer.shape_bias.len(), spec.categories.len());
        if values != categories {
            return refuse(format!(
                "\"{}\" has {values} values for {categories} categories",
                observer.label
            ));
        }
        let mut given = observer.shape_bias.iter().chain([&observer.overall]).flatten();
        if let Some(value) = given.find(|v| !(0.0..=1.0).contains(*v)) {
            return refuse(format!(
                "\"{}\" has a shape bias of {value}, outside 0 to 1",
                observer.label
            ));
        }
    }
    Ok(())
}

/// Categories from the top: by the value of people pooled, without them by the mean of people, without
/// people by that of networks, highest first; then by name. Categories without a value come last.
fn order(spec: &BiasSpec) -> Vec<usize> {
    let is_there = |who: &Who| spec.observers.iter().any(|observer| observer.who == *who);
    let who = [Who::People, Who::Person].into_iter().find(is_there).unwrap_or(Who::Network);
    let value = |category: usize| {
        let values: Vec<f64> = spec
            .observers
            .iter()
            .filter(|observer| observer.who == who)
            .filter_map(|observer| observer.shape_bias[category])
            .collect();
        if values.is_empty() { -1.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
    };
    let mut order: Vec<usize> = (0..spec.categories.len()).collect();
    order.sort_by(|a, b| {
        value(*b).total_cmp(&value(*a)).then_with(|| spec.categories[*a].cmp(&spec.categories[*b]))
    });
    order
}

/// Row separators and names; the last row is over all categories.
fn draw_rows(
    canvas: &mut Canvas<'_>,
    spec: &BiasSpec,
    order: &[usize],
    frame: &Frame,
    height: f64,
) -> Result<(), FigureError> {
    let names: Vec<String> =
        order.iter().map(|category| text::clean(&spec.categories[*category])).collect();
    let room = frame.left - GAP - MARGIN + 0.01;
    let names = fit_all(&names, room, TEXT, Weight::Regular).into_iter();
    let names = names.map(|name| (name, Weight::Regular));
    let rows = names.chain([(OVERALL.to_owned(), Weight::Bold)]).enumerate();
    for (number, (name, weight)) in rows {
        let top = frame.top + number as f64 * height;
        let color = if weight == Weight::Bold { style::INK } else { style::GRID };
        canvas.line(&[(frame.left, top), (frame.right, top)], Stroke::new(color, HAIRLINE))?;
        let look = TextLook { weight, ..TextLook::new(TEXT) }.anchor(Anchor::End);
        canvas.text_centred(&name, (frame.left - GAP, top + height / 2.0), look)?;
    }
    let stroke = Stroke::new(style::INK, HAIRLINE);
    canvas.outline((frame.left, frame.top), (frame.right, frame.bottom), stroke)
}

/// The upper axis: the lower one mirrored.
fn draw_above(canvas: &mut Canvas<'_>, axis: &Axis, frame: &Frame) -> Result<(), FigureError> {
    let stroke = Stroke::new(style::INK, HAIRLINE);
    for (value, label) in &axis.ticks {
        let x = axis.x(1.0 - value, frame);
        canvas.line(&[(x, frame.top - 2.5), (x, frame.top)], stroke)?;
        canvas.text(label, (x, frame.top - 4.0), TextLook::new(TEXT).anchor(Anchor::Middle))?;
    }
    let baseline = frame.top - 4.0 - TEXT * CAP_HEIGHT - GAP - TITLE * DESCENT / 2.0;
    let at = ((frame.left + frame.right) / 2.0, baseline);
    canvas.text("fraction of “shape” decisions", at, TextLook::new(TITLE).anchor(Anchor::Middle))
}

fn draw_overall_line(
    canvas: &mut Canvas<'_>,
    spec: &BiasSpec,
    look: &Look,
    axis: &Axis,
    frame: &Frame,
) -> Result<(), FigureError> {
    let Some(overall) = spec.observers[look.observer].overall else { return Ok(()) };
    let x = axis.x(1.0 - overall, frame);
    canvas.set_class(Some(&class(look.observer)));
    canvas.line(
        &[(x, frame.top), (x, frame.bottom)],
        Stroke::new(look.color, 0.8).dashed(look.dash),
    )?;
    canvas.set_class(None);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::check::{HARD_LABELS, sound};
    use super::*;

    const SIXTEEN: [&str; 16] = [
        "airplane", "bear", "bicycle", "bird", "boat", "bottle", "car", "cat", "chair", "clock",
        "dog", "elephant", "keyboard", "knife", "oven", "truck",
    ];

    fn observer(label: &str, who: Who, categories: usize, level: f64) -> BiasObserver {
        let human = who != Who::Network;
        let value = |i: usize| (level + 0.2 * (i as f64 * 1.7 + level * 9.0).sin()).clamp(0.0, 1.0);
        BiasObserver {
            label: label.to_owned(),
            who,
            untrained: label.len() > 30,
            shape_bias: (0..categories).map(|i| (i % 13 != 7 || human).then(|| value(i))).collect(),
            overall: Some(level),
        }
    }

    fn spec(categories: &[String], networks: usize, humans: usize, width: Width) -> BiasSpec {
        let observers =
            HARD_LABELS
                .iter()
                .cycle()
                .take(networks)
                .enumerate()
                .map(|(i, label)| {
                    observer(label, Who::Network, categories.len(), 0.15 + 0.03 * i as f64)
                })
                .chain((0..humans).map(|i| {
                    observer("person", Who::Person, categories.len(), 0.96 - 0.01 * i as f64)
                }))
                .collect();
        BiasSpec { categories: categories.to_vec(), observers, note: None, width }
    }

    #[test]
    fn few_and_many_observers_and_categories() {
        let sixteen: Vec<String> = SIXTEEN.map(str::to_owned).to_vec();
        let forty: Vec<String> = (0..40).map(|i| format!("{} {i}", HARD_LABELS[i % 12])).collect();
        for (categories, networks, humans, width) in [
            (&sixteen[..], 1, 1, Width::Column),
            (&sixteen[..], 5, 1, Width::Column),
            (&sixteen[..], 12, 1, Width::Column),
            (&sixteen[..], 12, 10, Width::Page),
            (&sixteen[..1], 3, 0, Width::Column),
            (&forty[..], 2, 1, Width::Page),
        ] {
            let figure = draw(&spec(categories, networks, humans, width)).unwrap();
            let texts = sound(&figure);
            assert!(texts.iter().any(|text| text == "overall"));
            assert!(!figure.svg().contains("<script"));
            let red = figure.svg().matches("fill=\"#C4161C\"").count();
            // A diamond a row and human, one for all of them, and one in the legend.
            assert_eq!(red, humans * (categories.len() + 1) + usize::from(humans > 0));
        }
    }

    #[test]
    fn people_and_their_pool_are_told_apart() {
        let categories: Vec<String> = SIXTEEN.map(str::to_owned).to_vec();
        let mut spec = spec(&categories, 1, 10, Width::Page);
        spec.observers.push(observer("humans", Who::People, 16, 0.9));
        let figure = draw(&spec).unwrap();
        let texts = sound(&figure);
        let named = |label: &str| texts.iter().any(|text| text == label);
        assert!(named("single people (10)") && named("humans, pooled"), "{texts:?}");
        let drawn = |fill: &str| figure.svg().matches(fill).count();
        // A diamond a row, one for the overall value, and one in the legend.
        assert_eq!(drawn("fill=\"#C4161C\""), 18);
        assert_eq!(drawn("fill=\"#E9A6A8\""), 171);
        spec.observers.retain(|observer| observer.who == Who::People);
        spec.note = Some("Of 21 networks, 1 isn't drawn: n21.".to_owned());
        let texts = sound(&draw(&spec).unwrap());
        assert!(texts.contains(&"humans".to_owned()) && texts.contains(&spec.note.unwrap()));
    }

    #[test]
    fn all_observers_equal() {
        let categories: Vec<String> = SIXTEEN.map(str::to_owned).to_vec();
        let mut spec = spec(&categories, 12, 1, Width::Column);
        for observer in &mut spec.observers {
            observer.shape_bias = vec![Some(1.0); 16];
            observer.overall = Some(1.0);
        }
        sound(&draw(&spec).unwrap());
    }

    #[test]
    fn categories_follow_the_humans() {
        let categories: Vec<String> = ["b", "a", "c", "d"].map(str::to_owned).to_vec();
        let person = |values: [Option<f64>; 4], who| BiasObserver {
            label: String::new(),
            who,
            untrained: false,
            shape_bias: values.to_vec(),
            overall: None,
        };
        let network = person([Some(0.9), Some(0.1), Some(0.2), Some(0.3)], Who::Network);
        let human = person([Some(0.5), Some(0.5), None, Some(0.8)], Who::Person);
        let mut spec = BiasSpec {
            categories,
            observers: vec![network, human],
            note: None,
            width: Width::Column,
        };
        assert_eq!(order(&spec), [3, 1, 0, 2]);
        spec.observers.pop();
        assert_eq!(order(&spec), [0, 3, 2, 1]);
    }

    #[test]
    fn wrong_values_are_named() {
        let categories: Vec<String> = SIXTEEN.map(str::to_owned).to_vec();
        let mut wrong = spec(&categories, 2, 0, Width::Column);
        wrong.observers[1].shape_bias[3] = Some(1.5);
        assert!(
            draw(&wrong)
                .unwrap_err()
                .to_string()
                .contains("\"ResNet-101\" has a shape bias of 1.5")
        );
        wrong.observers[1].shape_bias.pop();
        assert!(draw(&wrong).unwrap_err().to_string().contains("15 values for 16 categories"));
        wrong.observers.clear();
        assert!(draw(&wrong).is_err());
    }
}
