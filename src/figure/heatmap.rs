//! One network's ERF map as a heatmap, with the squares that hold given shares of it (Ding et al.
//! 2022, figure 1 and table 9).

use ndarray::ArrayView2;

use super::axes::{self, Frame};
use super::canvas::{Canvas, Stroke, TextLook, compose};
use super::colorbar;
use super::colormap::Colormap;
pub use super::raster::Scale;
use super::raster::{MAX_SIDE, MapPicture};
use super::render::{Figure, FigureError};
use super::style::{self, GAP, HAIRLINE, LEADING, MARGIN, TEXT, TITLE, Width};
use super::text::{self, CAP_HEIGHT, DESCENT, Weight};

/// A network's map and what is known about it.
#[derive(Clone, Debug)]
pub struct MapPanel<'a> {
    /// The network's name.
    pub label: String,
    /// True to mark the network as untrained.
    pub untrained: bool,
    /// The map, H x W, without NaN or infinity; negative values count as 0.
    pub map: ArrayView2<'a, f64>,
    /// Squares to outline, smallest share first.
    pub squares: Vec<Square>,
    /// Row and column of the pixel that they stand around; (H/2, W/2) where absent.
    pub around: Option<[usize; 2]>,
}

/// The smallest centred square that holds more than a share of the map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Square {
    /// The share t, 0 to 1.
    pub threshold: f64,
    /// Side in pixels of the map, odd; absent for the whole map.
    pub side: Option<usize>,
    /// Area of the square over area of the map, 0 to 1.
    pub ratio: f64,
}

/// What to draw: one map.
#[derive(Clone, Debug)]
pub struct HeatmapSpec<'a> {
    /// The map.
    pub panel: MapPanel<'a>,
    /// How values become colours.
    pub scale: Scale,
    /// The colours.
    pub colormap: Colormap,
}

/// Draws a heatmap of column width: title, map with outlined squares, their ratios beside it, and
/// a colour bar.
///
/// # Errors
/// If the map is empty or holds a NaN or infinity.
pub fn draw(spec: &HeatmapSpec<'_>) -> Result<Figure, FigureError> {
    draw_at(spec, MAX_SIDE)
}

/// The same with the map reduced to at most `max_side` pixels a side, for pages whose size counts.
///
/// # Errors
/// As [`draw`].
pub fn draw_at(spec: &HeatmapSpec<'_>, max_side: usize) -> Result<Figure, FigureError> {
    spec.panel.check("the heatmap")?;
    let width = Width::Column.points();
    let labels =
        label_texts(&spec.panel.squares, |square| format!("r({}) = ", percent(square.threshold)));
    let column = if labels.is_empty() {
        axes::OVERHANG
    } else {
        LEADER + text::widest(labels.iter().map(String::as_str), TEXT, Weight::Regular) + 1.0
    };
    let left = MARGIN + axes::OVERHANG;
    let title = text::wrap(&spec.panel.title(), width - left - MARGIN, 2, TITLE, Weight::Bold);
    let top = MARGIN + title.len() as f64 * TITLE * LEADING + GAP / 2.0;
    let frame = spec.panel.frame(left, top, width - MARGIN - column - left, 1.2 * width);
    let bar = frame.bottom + 1.5 * GAP;
    let height = bar + colorbar::HEIGHT + MARGIN;
    compose(width, height, &format!("ERF map of {}", spec.panel.title()), |canvas| {
        draw_lines(canvas, &title, (left, MARGIN), TextLook::new(TITLE).bold())?;
        spec.panel.draw_map(canvas, &frame, (spec.scale, spec.colormap), max_side)?;
        draw_labels(canvas, &spec.panel, &labels, &frame)?;
        spec.panel.draw_squares(canvas, &frame)?;
        colorbar::draw(
            canvas,
            (frame.left, bar),
            frame.width().max(NARROWEST_BAR),
            spec.colormap,
            &spec.scale.ticks(),
            &spec.scale.title(),
        )
    })
}

/// From the right side of the map to the labels of its squares.
const LEADER: f64 = 9.0;

/// The narrowest colour bar that its title has room over, under a narrow map.
const NARROWEST_BAR: f64 = 125.0;

/// What is written at each square, after what `start` says.
pub(crate) fn label_texts(squares: &[Square], start: impl Fn(&Square) -> String) -> Vec<String> {
    squares
        .iter()
        .map(|square| match square.side {
            Some(_) => format!("{}{}", start(square), percent(square.ratio)),
            None => format!("{}whole map", start(square)),
        })
        .collect()
}

/// A share as a percentage: one decimal, or two digits if it is under 1 %; none if it is whole.
pub(crate) fn percent(share: f64) -> String {
    let value = 100.0 * share;
    if (value - value.round()).abs() < 1e-9 {
        return format!("{value:.0} %");
    }
    if value >= 0.995 || value <= 0.0 {
        return format!("{value:.1} %");
    }
    let decimals = (1 - value.log10().floor() as i32).clamp(2, 12) as usize;
    format!("{value:.decimals$} %")
}

/// Lines of text under one another, the first with its capitals' top at `at`.
pub(crate) fn draw_lines(
    canvas: &mut Canvas<'_>,
    lines: &[String],
    at: (f64, f64),
    look: TextLook,
) -> Result<(), FigureError> {
    for (number, line) in lines.iter().enumerate() {
        let y = at.1 + look.size * (CAP_HEIGHT + LEADING * number as f64);
        canvas.text(line, (at.0, y), look)?;
    }
    Ok(())
}

/// Labels beside the map, each level with its square's upper right corner or under the one before,
/// and a leader from that corner. Squares are nested around one centre and their labels keep the
/// order of the corners, so leaders never cross.
fn draw_labels(
    canvas: &mut Canvas<'_>,
    panel: &MapPanel<'_>,
    labels: &[String],
    frame: &Frame,
) -> Result<(), FigureError> {
    let step = TEXT * (CAP_HEIGHT + DESCENT) + 2.0;
    // Smallest first, reversed: of two equal squares the one with the larger share stands above.
    let mut corners: Vec<((f64, f64), &String)> = panel
        .squares
        .iter()
        .zip(labels)
        .rev()
        .map(|(square, label)| {
            let (from, to) = panel.square_corners(square, frame);
            ((to.0, from.1), label)
        })
        .collect();
    corners.sort_by(|((_, a), _), ((_, b), _)| a.total_cmp(b));
    let mut y = frame.top + TEXT * CAP_HEIGHT / 2.0;
    for (corner, label) in corners {
        y = corner.1.max(y);
        let edge_y = if corner.0 < frame.right {
            corner.1
                + (y - corner.1) * (frame.right - corner.0)
                    / (frame.right + LEADER - 2.0 - corner.0)
        } else {
            corner.1
        };
        let edge = (frame.right, edge_y);
        if corner.0 < frame.right {
            double_line(canvas, &[corner, edge], false)?;
        }
        canvas.line(&[edge, (frame.right + LEADER - 2.0, y)], Stroke::new(style::INK, HAIRLINE))?;
        canvas.text_centred(label, (frame.right + LEADER, y), TextLook::new(TEXT))?;
        y += step;
    }
    Ok(())
}

/// A white line in a black one, which shows on any colour.
fn double_line(
    canvas: &mut Canvas<'_>,
    points: &[(f64, f64)],
    closed: bool,
) -> Result<(), FigureError> {
    let (black, white) = if closed { (1.5, 0.7) } else { (0.9, 0.4) };
    for stroke in [Stroke::new(style::BLACK, black), Stroke::new(style::WHITE, white)] {
        match points {
            [from, to] if closed => canvas.outline(*from, *to, stroke)?,
            _ => canvas.line(points, stroke)?,
        }
    }
    Ok(())
}

impl MapPanel<'_> {
    /// Refuses what cannot be shown.
    pub(crate) fn check(&self, figure: &'static str) -> Result<(), FigureError> {
        let reason = if self.map.is_empty() {
            "has no pixel"
        } else if self.map.iter().any(|v| !v.is_finite()) {
            "holds a NaN or infinity"
        } else {
            return Ok(());
        };
        Err(FigureError::Input {
            figure,
            reason: format!("the map of \"{}\" {reason}", self.label),
        })
    }

    /// The label, with a mark if the network is untrained.
    pub(crate) fn title(&self) -> String {
        style::marked(&self.label, self.untrained)
    }

    /// The largest rectangle of the map's shape in a room of this size, at its upper left.
    pub(crate) fn frame(&self, left: f64, top: f64, width: f64, height: f64) -> Frame {
        let (rows, columns) = (self.map.nrows() as f64, self.map.ncols() as f64);
        let scale = (width / columns).min(height / rows);
        // A map of one row still gets a visible height.
        let (wide, high) = ((columns * scale).max(2.0), (rows * scale).max(2.0));
        Frame { left, top, right: left + wide, bottom: top + high }
    }

    pub(crate) fn draw_map(
        &self,
        canvas: &mut Canvas<'_>,
        frame: &Frame,
        (scale, colormap): (Scale, Colormap),
        max_side: usize,
    ) -> Result<(), FigureError> {
        let picture = MapPicture::new(self.map, scale, colormap, max_side)?;
        let (from, to) = ((frame.left, frame.top), (frame.right, frame.bottom));
        canvas.picture(&picture.picture(), from, to)?;
        canvas.outline(from, to, Stroke::new(style::INK, HAIRLINE))
    }

    pub(crate) fn draw_squares(
        &self,
        canvas: &mut Canvas<'_>,
        frame: &Frame,
    ) -> Result<(), FigureError> {
        for square in &self.squares {
            if square.side.is_some() {
                let (from, to) = self.square_corners(square, frame);
                double_line(canvas, &[from, to], true)?;
            }
        }
        Ok(())
    }

    /// Upper left and lower right corner of what a square has inside the frame.
    fn square_corners(&self, square: &Square, frame: &Frame) -> ((f64, f64), (f64, f64)) {
        let Some(side) = square.side else {
            return ((frame.left, frame.top), (frame.right, frame.bottom));
        };
        let [row, column] = self.around.unwrap_or([self.map.nrows() / 2, self.map.ncols() / 2]);
        let edges = |pixel: usize, pixels: usize, low: f64, high: f64| {
            let middle = pixel as f64 + 0.5;
            let point = |p: f64| low + (high - low) * (p / pixels as f64).clamp(0.0, 1.0);
            (point(middle - side as f64 / 2.0), point(middle + side as f64 / 2.0))
        };
        let (x0, x1) = edges(column, self.map.ncols(), frame.left, frame.right);
        let (y0, y1) = edges(row, self.map.nrows(), frame.top, frame.bottom);
        ((x0, y0), (x1, y1))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ndarray::Array2;

    use super::super::check::{HARD_LABELS, sound};
    use super::*;

    /// A Gaussian of this sigma on a square map, sum 1.
    pub(crate) fn gaussian(side: usize, sigma: f64) -> Array2<f64> {
        let middle = (side / 2) as f64;
        let map = Array2::from_shape_fn((side, side), |(y, x)| {
            let square = (y as f64 - middle).powi(2) + (x as f64 - middle).powi(2);
            (-square / (2.0 * sigma * sigma)).exp()
        });
        let sum = map.sum();
        map / sum
    }

    pub(crate) fn squares(map: usize, sides: [Option<usize>; 4]) -> Vec<Square> {
        let ratio = |side: Option<usize>| side.map_or(1.0, |s| (s * s) as f64 / (map * map) as f64);
        [0.2, 0.3, 0.5, 0.99]
            .into_iter()
            .zip(sides)
            .map(|(threshold, side)| Square { threshold, side, ratio: ratio(side) })
            .collect()
    }

    fn spec<'a>(label: &str, map: &'a Array2<f64>, squares: Vec<Square>) -> HeatmapSpec<'a> {
        let panel = MapPanel {
            label: label.to_owned(),
            untrained: false,
            map: map.view(),
            squares,
            around: None,
        };
        HeatmapSpec { panel, scale: Scale::Log, colormap: Colormap::Viridis }
    }

    #[test]
    fn hard_maps_and_labels() {
        let mut peak = Array2::zeros((224, 224));
        peak[[112, 112]] = 1e-30;
        let cases = [
            (gaussian(224, 20.0), [Some(27), Some(35), Some(49), Some(131)]),
            (gaussian(1024, 200.0), [Some(301), Some(391), Some(541), None]),
            (peak, [Some(3), Some(3), Some(3), Some(3)]),
            (Array2::zeros((224, 224)), [None, None, None, None]),
            (Array2::ones((7, 7)), [Some(5), Some(5), Some(5), Some(7)]),
            (Array2::ones((1, 1)), [Some(1), Some(1), Some(1), None]),
        ];
        for ((map, sides), label) in cases.iter().zip(HARD_LABELS) {
            let mut spec = spec(label, map, squares(map.nrows(), *sides));
            spec.panel.untrained = label.len() > 20;
            let texts = sound(&draw(&spec).unwrap());
            assert_eq!(texts.iter().filter(|text| text.starts_with("r(")).count(), 4);
            let whole = sides.iter().filter(|side| side.is_none()).count();
            assert_eq!(texts.iter().filter(|text| text.ends_with("whole map")).count(), whole);
            assert_eq!(
                texts.iter().any(|text| text.ends_with("(untrained)")),
                spec.panel.untrained
            );
        }
    }

    #[test]
    fn oblong_maps_and_every_scale() {
        for (shape, scale) in
            [((40, 224), Scale::Linear), ((224, 40), Scale::Decades(6)), ((1, 300), Scale::Log)]
        {
            let map = Array2::from_shape_fn(shape, |(y, x)| (y + x) as f64);
            let mut spec = spec("oblong", &map, squares(40, [Some(3), Some(5), Some(39), None]));
            spec.scale = scale;
            sound(&draw(&spec).unwrap());
        }
    }

    #[test]
    fn squares_stand_around_the_centre_pixel() {
        let map = Array2::zeros((10, 10));
        let mut spec = spec("", &map, Vec::new());
        let frame = Frame { left: 0.0, top: 0.0, right: 100.0, bottom: 100.0 };
        let corners = |spec: &HeatmapSpec<'_>, side| {
            spec.panel.square_corners(&Square { threshold: 0.5, side, ratio: 0.1 }, &frame)
        };
        // Pixel (5, 5) and one on each side: 4 to 6, with edges at 40 and 70.
        assert_eq!(corners(&spec, Some(3)), ((40.0, 40.0), (70.0, 70.0)));
        assert_eq!(corners(&spec, None), ((0.0, 0.0), (100.0, 100.0)));
        // Around another pixel, as far as they lie in the map.
        spec.panel.around = Some([0, 8]);
        assert_eq!(corners(&spec, Some(3)), ((70.0, 0.0), (100.0, 20.0)));
    }

    #[test]
    fn a_map_that_is_not_finite_is_refused() {
        let mut map = Array2::ones((4, 4));
        map[[1, 2]] = f64::NAN;
        let error = draw(&spec("net", &map, Vec::new())).unwrap_err().to_string();
        assert_eq!(error, "cannot draw the heatmap: the map of \"net\" holds a NaN or infinity");
        assert!(draw(&spec("net", &Array2::zeros((0, 5)), Vec::new())).is_err());
    }

    #[test]
    fn percentages_are_short_and_precise() {
        for (share, text) in [
            (0.5, "50 %"),
            (0.99, "99 %"),
            (0.2236, "22.4 %"),
            (0.0036, "0.36 %"),
            (0.000402, "0.040 %"),
            (1.0, "100 %"),
            (0.0, "0 %"),
            (0.00999, "1.0 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }
}
