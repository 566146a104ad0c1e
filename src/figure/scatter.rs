//! ERF area against shape bias, a labelled point a network.

use super::axes::{self, Axis, Frame};
use super::canvas::{Canvas, Point, Stroke, TextLook, compose};
use super::legend::{Entry, Legend};
use super::names::fit_all;
use super::render::{Figure, FigureError};
use super::style::{
    self, GAP, HAIRLINE, LEADING, MARGIN, MARKER, TEXT, Width, series_color, series_marker,
};
use super::text::{self, CAP_HEIGHT, DESCENT, Weight};

/// One network's point.
#[derive(Clone, Debug)]
pub struct ScatterPoint {
    /// The network's name.
    pub label: String,
    /// True to mark the network as untrained.
    pub untrained: bool,
    /// Area ratio r(50 %), 0 to 1.
    pub area: f64,
    /// Its 95 % interval.
    pub area_interval: Option<[f64; 2]>,
    /// Shape bias, 0 to 1.
    pub bias: f64,
    /// Its 95 % interval.
    pub bias_interval: Option<[f64; 2]>,
}

/// What to draw.
#[derive(Clone, Debug)]
pub struct ScatterSpec {
    /// The points, up to about twenty.
    pub points: Vec<ScatterPoint>,
    /// A line under the chart ("Spearman’s ρ = 0.9 (95 % interval 0.4 to 1.0), 6 networks").
    pub caption: Option<String>,
    /// Width of the figure.
    pub width: Width,
}

/// Height of the frame over its width.
const ASPECT: f64 = 0.75;
/// Where the areas span more than this factor, their axis is logarithmic.
const WIDE_SPAN: f64 = 30.0;
/// Distances from a marker, in points, at which its label is tried, nearest first.
const REACHES: [f64; 7] = [5.5, 10.0, 14.0, 19.0, 25.0, 32.0, 40.0];
/// From this reach on, a label has a leader line.
const LEADER: f64 = 8.0;
/// Distance from its middle, in points, at which one is outside a marker in any direction.
const OUTSIDE: f64 = 5.0;
/// Directions in which a label is tried, in degrees clockwise from the right, best first.
const DIRECTIONS: [f64; 16] = [
    0.0, 180.0, -45.0, 45.0, -135.0, 135.0, -90.0, 90.0, -20.0, 20.0, -160.0, 160.0, -70.0, 70.0,
    -110.0, 110.0,
];

/// Draws the points with their names beside them; where these have no room, in a legend.
///
/// # Errors
/// If there is no point, or a number is not in 0..=1.
pub fn draw(spec: &ScatterSpec) -> Result<Figure, FigureError> {
    check(spec)?;
    let width = spec.width.points();
    let (x, y) = ranges(spec);
    let left = MARGIN + y.width_at_left();
    let right = width - MARGIN - axes::OVERHANG;
    let top = MARGIN + GAP;
    let frame = Frame { left, top, right, bottom: top + ASPECT * (right - left) };
    let places: Vec<Point> = spec
        .points
        .iter()
        .map(|point| (x.x(100.0 * point.area, &frame), y.y(point.bias, &frame)))
        .collect();
    let names: Vec<String> =
        spec.points.iter().map(|point| style::marked(&point.label, point.untrained)).collect();
    let labels = place_labels(&names, &places, &obstacles(spec, &places, &x, &y, &frame), &frame);
    let legend = match labels {
        Some(_) => Legend::new(Vec::new(), width),
        None => Legend::new(entries(&names), width - 2.0 * MARGIN),
    };
    let legend_top = frame.bottom + axes::HEIGHT_BELOW + GAP;
    let caption_top = legend_top + legend.height() + if labels.is_none() { GAP } else { 0.0 };
    let caption = spec.caption.as_deref().map(text::clean).unwrap_or_default();
    let caption = text::wrap(&caption, width - 2.0 * MARGIN, 3, TEXT, Weight::Regular);
    let height = caption_top + caption.len() as f64 * TEXT * LEADING + MARGIN;
    compose(width, height, "Shape bias against ERF area", |canvas| {
        axes::draw_left(canvas, &y, &frame, true)?;
        axes::draw_below(canvas, &x, &frame)?;
        for point in &spec.points {
            draw_intervals(canvas, point, &x, &y, &frame)?;
        }
        for (from, to) in labels.iter().flatten().filter_map(|label| label.leader) {
            canvas.line(&[from, to], Stroke::new(style::GREY, HAIRLINE))?;
        }
        for (index, place) in places.iter().enumerate() {
            canvas.marker(series_marker(index), *place, 1.15 * MARKER, series_color(index))?;
        }
        for label in labels.iter().flatten() {
            canvas.text(
                &label.text,
                (label.area.left, label.area.top + TEXT * CAP_HEIGHT),
                TextLook::new(TEXT),
            )?;
        }
        legend.draw(canvas, MARGIN, legend_top)?;
        super::heatmap::draw_lines(canvas, &caption, (MARGIN, caption_top), TextLook::new(TEXT))
    })
}

fn check(spec: &ScatterSpec) -> Result<(), FigureError> {
    let refuse = |reason: String| Err(FigureError::Input { figure: "the scatter plot", reason });
    if spec.points.is_empty() {
        return refuse("there is no point".to_owned());
    }
    for point in &spec.points {
        let intervals = [point.area_interval, point.bias_interval].into_iter().flatten().flatten();
        if let Some(value) =
            [point.area, point.bias].into_iter().chain(intervals).find(|v| !(0.0..=1.0).contains(v))
        {
            return refuse(format!("\"{}\" has a value of {value}, outside 0 to 1", point.label));
        }
    }
    Ok(())
}

/// The axes: areas in percent, from 0 or logarithmic; shape bias from 0.
fn ranges(spec: &ScatterSpec) -> (Axis, Axis) {
    let areas =
        || spec.points.iter().flat_map(|p| p.area_interval.into_iter().flatten().chain([p.area]));
    let least = spec.points.iter().map(|p| p.area).fold(f64::INFINITY, f64::min);
    let most = areas().fold(0.0, f64::max);
    let title = "area ratio r(50 %), % of the map";
    let x = if least > 0.0 && most / least > WIDE_SPAN {
        Axis::log(
            100.0 * least / 1.6,
            (160.0 * most).min(100.0),
            7,
            &format!("{title} (log scale)"),
        )
    } else {
        let high = if most > 0.0 { (112.0 * most).min(100.0) } else { 1.0 };
        Axis::linear(0.0, high, 6, title)
    };
    let biases =
        spec.points.iter().flat_map(|p| p.bias_interval.into_iter().flatten().chain([p.bias]));
    let highest = biases.fold(0.0, f64::max);
    let high = if highest > 0.0 { (1.15 * highest).min(1.0) } else { 1.0 };
    (x, Axis::linear(0.0, high, 6, "shape bias"))
}

/// A rectangle that text must not touch, or that it fills.
#[derive(Clone, Copy, Debug)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn around((x, y): Point, half_width: f64, half_height: f64) -> Self {
        Self {
            left: x - half_width,
            top: y - half_height,
            right: x + half_width,
            bottom: y + half_height,
        }
    }

    fn touches(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn is_inside(&self, frame: &Frame) -> bool {
        self.left >= frame.left + 1.0
            && self.right <= frame.right + axes::OVERHANG
            && self.top >= frame.top - GAP
            && self.bottom <= frame.bottom - 1.0
    }

    /// Whether a straight line passes through, looked at every point of its length.
    fn is_crossed(&self, from: Point, to: Point) -> bool {
        let steps = (to.0 - from.0).hypot(to.1 - from.1).ceil().max(1.0);
        (0..=steps as usize).any(|i| {
            let share = i as f64 / steps;
            let (x, y) = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            x > self.left && x < self.right && y > self.top && y < self.bottom
        })
    }
}

/// Markers and error bars.
fn obstacles(spec: &ScatterSpec, places: &[Point], x: &Axis, y: &Axis, frame: &Frame) -> Vec<Area> {
    let mut areas: Vec<Area> =
        places.iter().map(|place| Area::around(*place, 1.3 * MARKER, 1.3 * MARKER)).collect();
    for (point, place) in spec.points.iter().zip(places) {
        if let Some([low, high]) = point.area_interval {
            let ends = (x.x(100.0 * low, frame), x.x(100.0 * high, frame));
            areas.push(Area {
                left: ends.0,
                right: ends.1,
                top: place.1 - 1.0,
                bottom: place.1 + 1.0,
            });
        }
        if let Some([low, high]) = point.bias_interval {
            let ends = (y.y(high, frame), y.y(low, frame));
            areas.push(Area {
                left: place.0 - 1.0,
                right: place.0 + 1.0,
                top: ends.0,
                bottom: ends.1,
            });
        }
    }
    areas
}

/// A label with its place.
struct Label {
    text: String,
    area: Area,
    /// A line from outside the marker to the text.
    leader: Option<(Point, Point)>,
}

/// A place for each label, or none at all if one has no room. Points with the most neighbours
/// choose first.
fn place_labels(
    names: &[String],
    places: &[Point],
    obstacles: &[Area],
    frame: &Frame,
) -> Option<Vec<Label>> {
    let names = fit_all(names, 0.55 * frame.width(), TEXT, Weight::Regular);
    let crowd =
        |(x, y): Point| places.iter().map(|(a, b)| 1.0 / (4.0 + (a - x).hypot(b - y))).sum::<f64>();
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|a, b| crowd(places[*b]).total_cmp(&crowd(places[*a])).then(a.cmp(b)));
    let mut taken = obstacles.to_vec();
    let mut leaders: Vec<(Point, Point)> = Vec::new();
    let mut placed: Vec<Option<Label>> = names.iter().map(|_| None).collect();
    for index in order {
        let label = candidates(&names[index], places[index]).find(|label| {
            let free = label.area.is_inside(frame)
                && !taken.iter().any(|area| area.touches(&label.area))
                && !leaders.iter().any(|(from, to)| label.area.is_crossed(*from, *to));
            // A leader may cross an error bar, but no marker and no text.
            let clear = label.leader.is_none_or(|(from, to)| {
                let markers =
                    taken[..places.len()].iter().enumerate().filter(|(other, _)| *other != index);
                !markers
                    .map(|(_, area)| area)
                    .chain(&taken[obstacles.len()..])
                    .any(|area| area.is_crossed(from, to))
            });
            free && clear
        })?;
        taken.push(label.area);
        leaders.extend(label.leader);
        placed[index] = Some(label);
    }
    placed.into_iter().collect()
}

/// Places for a label, best first: near before far, right before left before above or below.
fn candidates(text: &str, at: Point) -> impl Iterator<Item = Label> {
    let half_width = text::width(text, TEXT, Weight::Regular) / 2.0;
    let (above, below) = (TEXT * CAP_HEIGHT / 2.0, TEXT * (CAP_HEIGHT / 2.0 + DESCENT));
    REACHES.into_iter().flat_map(move |reach| {
        DIRECTIONS.into_iter().map(move |direction| {
            let (sin, cos) = direction.to_radians().sin_cos();
            let end = (at.0 + reach * cos, at.1 + reach * sin);
            // The side of the text that faces the marker stands at the end of the reach.
            let centre_x = end.0 + if cos.abs() < 0.5 { 0.0 } else { half_width.copysign(cos) };
            let centre_y = end.1 + if sin.abs() < 0.5 { 0.0 } else { above.copysign(sin) };
            let area = Area {
                left: centre_x - half_width,
                right: centre_x + half_width,
                top: centre_y - above,
                bottom: centre_y + below,
            };
            let along = |distance: f64| (at.0 + distance * cos, at.1 + distance * sin);
            let leader = (reach > LEADER).then(|| (along(OUTSIDE), along(reach - 1.5)));
            Label { text: text.to_owned(), area, leader }
        })
    })
}

fn entries(names: &[String]) -> Vec<Entry> {
    let entry = |(index, name): (usize, &String)| Entry {
        label: name.clone(),
        line: None,
        marker: Some((series_marker(index), series_color(index))),
        class: None,
    };
    names.iter().enumerate().map(entry).collect()
}

fn draw_intervals(
    canvas: &mut Canvas<'_>,
    point: &ScatterPoint,
    x: &Axis,
    y: &Axis,
    frame: &Frame,
) -> Result<(), FigureError> {
    let (px, py) = (x.x(100.0 * point.area, frame), y.y(point.bias, frame));
    let stroke = Stroke::new(style::GREY, 0.7);
    if let Some([low, high]) = point.area_interval {
        canvas.line(&[(x.x(100.0 * low, frame), py), (x.x(100.0 * high, frame), py)], stroke)?;
    }
    if let Some([low, high]) = point.bias_interval {
        canvas.line(&[(px, y.y(low, frame)), (px, y.y(high, frame))], stroke)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::check::{HARD_LABELS, sound};
    use super::*;

    fn point(label: &str, area: f64, bias: f64) -> ScatterPoint {
        ScatterPoint {
            label: label.to_owned(),
            untrained: label.len() > 30,
            area,
            area_interval: Some([0.9 * area, (1.1 * area).min(1.0)]),
            bias,
            bias_interval: Some([(bias - 0.03).max(0.0), (bias + 0.03).min(1.0)]),
        }
    }

    fn spec(points: Vec<ScatterPoint>) -> ScatterSpec {
        let caption =
            Some("Spearman’s ρ = 0.90 (95 % interval 0.41 to 1.00), 6 networks".to_owned());
        ScatterSpec { points, caption, width: Width::Column }
    }

    #[test]
    fn one_few_and_many_points() {
        let paper = vec![
            point("ResNet-101", 0.009, 0.26),
            point("ResNet-152", 0.011, 0.26),
            point("RepLKNet-13", 0.112, 0.34),
            point("RepLKNet-31", 0.361, 0.41),
            point("Swin-B", 0.18, 0.33),
            point("ViT-B/16", 0.52, 0.43),
        ];
        let grid = (0..12).map(|i| {
            point(&format!("net {i}"), 0.1 + 0.07 * (i % 4) as f64, 0.2 + 0.1 * (i / 4) as f64)
        });
        for points in
            [vec![point("alone", 0.3, 0.3)], vec![point("zero", 0.0, 0.0)], paper, grid.collect()]
        {
            for width in [Width::Column, Width::Page] {
                let count = points.len();
                let names: Vec<String> = points.iter().map(|point| point.label.clone()).collect();
                let texts = sound(&draw(&ScatterSpec { width, ..spec(points.clone()) }).unwrap());
                assert_eq!(texts.iter().filter(|text| names.contains(text)).count(), count);
            }
        }
    }

    #[test]
    fn long_labels_and_equal_points() {
        let hard = HARD_LABELS
            .iter()
            .enumerate()
            .map(|(i, l)| point(l, 0.03 * (i + 1) as f64, 0.3 + 0.01 * i as f64));
        sound(&draw(&spec(hard.collect())).unwrap());
        let equal: Vec<_> =
            (0..20).map(|i| point(&format!("equal network {i}"), 0.2, 0.3)).collect();
        let texts = sound(&draw(&spec(equal)).unwrap());
        assert_eq!(texts.iter().filter(|text| text.starts_with("equal network")).count(), 20);
    }

    #[test]
    fn wrong_values_are_named() {
        assert!(draw(&spec(Vec::new())).is_err());
        let error = draw(&spec(vec![point("net", 0.2, 1.2)])).unwrap_err().to_string();
        assert!(error.contains("\"net\" has a value of 1.2"));
    }
}
