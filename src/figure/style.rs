//! One look for every figure: widths, text sizes, line weights, colours and marker shapes.
//!
//! Lengths are in points (1/72 inch) at the printed size; no text is smaller than 7 points.

/// Points in a millimetre.
const POINTS_PER_MM: f64 = 72.0 / 25.4;

/// Printed width of a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// One column of a two-column paper, 88 mm.
    #[default]
    Column,
    /// The width of the text on a page, 180 mm.
    Page,
}

impl Width {
    /// The width in points.
    pub fn points(self) -> f64 {
        match self {
            Self::Column => 88.0 * POINTS_PER_MM,
            Self::Page => 180.0 * POINTS_PER_MM,
        }
    }
}

/// An opaque sRGB colour.
pub type Rgb = [u8; 3];

/// Text in axes, legends and cells, in points.
pub(crate) const TEXT: f64 = 7.0;
/// Titles of axes and of panels, in points.
pub(crate) const TITLE: f64 = 8.0;
/// Distance between the baselines of two lines, as a multiple of the text size.
pub(crate) const LEADING: f64 = 1.25;
/// White space at the border of a figure, in points.
pub(crate) const MARGIN: f64 = 4.0;
/// Space between parts that belong together, in points.
pub(crate) const GAP: f64 = 4.0;
/// Weight of axes and ticks, in points.
pub(crate) const HAIRLINE: f64 = 0.5;
/// Weight of data lines, in points.
pub(crate) const LINE: f64 = 1.2;
/// Half the width of a marker, in points.
pub(crate) const MARKER: f64 = 2.6;

/// Text and axes.
pub(crate) const INK: Rgb = [0x1a, 0x1a, 0x1a];
/// Secondary text, leader lines.
pub(crate) const GREY: Rgb = [0x55, 0x55, 0x55];
/// Grid lines and row separators.
pub(crate) const GRID: Rgb = [0xdd, 0xdd, 0xdd];
/// Paper.
pub(crate) const WHITE: Rgb = [0xff, 0xff, 0xff];
/// Outlines over dark fields.
pub(crate) const BLACK: Rgb = [0, 0, 0];
/// Humans, in every chart.
pub(crate) const HUMAN: Rgb = [0xc4, 0x16, 0x1c];

/// A person beside all people pooled.
pub(crate) const ONE_HUMAN: Rgb = [0xe9, 0xa6, 0xa8];

/// Colours of series, for readers with any colour vision: those of Okabe and Ito (2008) that show
/// on white, then those of Tol's "muted" scheme (2021) that are told apart from them. Red is kept
/// for humans.
const SERIES: [Rgb; 12] = [
    [0x00, 0x72, 0xb2],
    [0xe6, 0x9f, 0x00],
    [0x00, 0x9e, 0x73],
    [0x33, 0x22, 0x88],
    [0x56, 0xb4, 0xe9],
    [0xcc, 0x79, 0xa7],
    [0x1a, 0x1a, 0x1a],
    [0x99, 0x99, 0x33],
    [0x88, 0x22, 0x55],
    [0x44, 0xaa, 0x99],
    [0x80, 0x80, 0x80],
    [0xd5, 0x5e, 0x00],
];

/// Dashes of series, in points; coprime in number to the colours and markers only in pairs, so a
/// thirteenth series differs from the first in its dash.
const DASHES: [&[f64]; 7] = [
    &[],
    &[5.0, 2.0],
    &[1.2, 1.6],
    &[6.0, 1.8, 1.2, 1.8],
    &[9.0, 2.5],
    &[3.0, 1.4],
    &[6.0, 1.6, 1.2, 1.6, 1.2, 1.6],
];

/// Shape of a data point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// Disc.
    Circle,
    /// Upright square.
    Square,
    /// Triangle on its base.
    Up,
    /// Triangle on its tip.
    Down,
    /// Square on its corner; kept for humans.
    Diamond,
    /// Upright cross.
    Plus,
    /// Diagonal cross.
    Cross,
    /// Triangle that points left.
    Left,
    /// Triangle that points right.
    Right,
    /// Five-pointed star.
    Star,
    /// Regular hexagon.
    Hexagon,
    /// Upright narrow bar.
    Tall,
    /// Flat narrow bar.
    Flat,
}

const MARKERS: [Marker; 12] = [
    Marker::Circle,
    Marker::Square,
    Marker::Up,
    Marker::Plus,
    Marker::Down,
    Marker::Star,
    Marker::Cross,
    Marker::Right,
    Marker::Hexagon,
    Marker::Left,
    Marker::Tall,
    Marker::Flat,
];

/// Colour of the series with this index.
pub(crate) fn series_color(index: usize) -> Rgb {
    SERIES[index % SERIES.len()]
}

/// Dash pattern of the series with this index, in points; empty for a solid line.
pub(crate) fn series_dash(index: usize) -> &'static [f64] {
    DASHES[index % DASHES.len()]
}

/// Marker of the series with this index.
pub(crate) fn series_marker(index: usize) -> Marker {
    // Shifted by one each time round, so that a later series repeats no pair of colour and shape.
    MARKERS[(index + index / MARKERS.len()) % MARKERS.len()]
}

/// What marks a network as untrained.
pub(crate) const UNTRAINED: &str = " (untrained)";

/// A network's label, with a mark if it is untrained.
pub(crate) fn marked(label: &str, untrained: bool) -> String {
    let label = super::text::clean(label);
    if untrained { format!("{label}{UNTRAINED}") } else { label }
}

/// Relative luminance of a colour, 0 (black) to 1 (white); WCAG 2.2, "relative luminance".
pub(crate) fn luminance([r, g, b]: Rgb) -> f64 {
    let linear = |v: u8| {
        let c = f64::from(v) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// Black or white, whichever reads better on this background (WCAG contrast ratio).
pub(crate) fn text_on(background: Rgb) -> Rgb {
    if luminance(background) > 0.18 { BLACK } else { WHITE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_a_paper() {
        assert!((Width::Column.points() - 249.449).abs() < 1e-3);
        assert!((Width::Page.points() - 510.236).abs() < 1e-3);
    }

    #[test]
    fn forty_series_differ_in_colour_shape_and_dash() {
        let all: Vec<_> =
            (0..40).map(|i| (series_color(i), series_marker(i), series_dash(i))).collect();
        for (i, a) in all.iter().enumerate() {
            assert!(!all[..i].contains(a), "series {i} repeats an earlier one");
        }
    }

    #[test]
    fn contrast_of_text_is_at_least_four_and_a_half() {
        for v in 0..=255u8 {
            let background = [v, v, v];
            let (a, b) = (luminance(background), luminance(text_on(background)));
            let ratio = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(ratio >= 4.5, "grey {v}: {ratio}");
        }
    }
}
