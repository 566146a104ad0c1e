//! A horizontal colour bar with ticks and a title under it.

use super::canvas::{Anchor, Canvas, Picture, Point, Stroke, TextLook};
use super::colormap::Colormap;
use super::raster;
use super::render::FigureError;
use super::style::{self, HAIRLINE, TEXT};
use super::text::{self, CAP_HEIGHT, DESCENT, Weight};

const BAR: f64 = 6.0;
const TICK: f64 = 2.0;
const LABELS: f64 = BAR + TICK + 1.5 + TEXT * CAP_HEIGHT;
const TITLE_BASELINE: f64 = LABELS + 3.5 + TEXT * CAP_HEIGHT;

/// Height of a colour bar with its ticks and title.
pub(crate) const HEIGHT: f64 = TITLE_BASELINE + TEXT * DESCENT;

/// Draws a bar of `width` points with its upper left corner at `at`; `ticks` are positions, 0 to
/// 1, and what stands there.
pub(crate) fn draw(
    canvas: &mut Canvas<'_>,
    at: Point,
    width: f64,
    colormap: Colormap,
    ticks: &[(f64, String)],
    title: &str,
) -> Result<(), FigureError> {
    let (left, top) = at;
    let strip = raster::strip(colormap)?;
    let corner = (left + width, top + BAR);
    canvas.picture(&Picture { png: &strip, crisp: true }, at, corner)?;
    let stroke = Stroke::new(style::INK, HAIRLINE);
    canvas.outline(at, corner, stroke)?;
    for (position, label) in ticks {
        let x = left + width * position;
        canvas.line(&[(x, top + BAR), (x, top + BAR + TICK)], stroke)?;
        canvas.text(label, (x, top + LABELS), TextLook::new(TEXT).anchor(Anchor::Middle))?;
    }
    let title = text::fit(title, width + 2.0 * super::axes::OVERHANG, TEXT, Weight::Regular);
    canvas.text(
        &title,
        (left + width / 2.0, top + TITLE_BASELINE),
        TextLook::new(TEXT).anchor(Anchor::Middle),
    )
}
