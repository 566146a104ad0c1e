//! Several networks' ERF maps side by side under one colour bar, like figure 1 of Ding et al. 2022.

use super::axes::{self, Frame};
use super::canvas::{Anchor, TextLook, compose};
use super::colorbar;
use super::colormap::Colormap;
use super::heatmap::{MapPanel, draw_lines, label_texts, percent};
use super::names::wrap_all;
use super::raster::{MAX_SIDE, Scale};
use super::render::{Figure, FigureError};
use super::style::{self, GAP, LEADING, MARGIN, TEXT, TITLE, Width};
use super::text::{self, Weight};

/// What to draw: maps, in order, each relative to its own maximum.
#[derive(Clone, Debug)]
pub struct PanelsSpec<'a> {
    /// The maps.
    pub panels: Vec<MapPanel<'a>>,
    /// How values become colours.
    pub scale: Scale,
    /// The colours.
    pub colormap: Colormap,
}

/// The most panels beside one another.
const MOST_COLUMNS: usize = 5;
/// Space between panels.
const GUTTER: f64 = 6.0;
/// The widest colour bar.
const BAR: f64 = 180.0;

/// Draws rows of panels: of column width for one or two, else of page width.
///
/// # Errors
/// If there is no map, or one is empty or holds a NaN or infinity.
pub fn draw(spec: &PanelsSpec<'_>) -> Result<Figure, FigureError> {
    draw_at(spec, MAX_SIDE)
}

/// The same with maps reduced to at most `max_side` pixels a side.
///
/// # Errors
/// As [`draw`].
pub fn draw_at(spec: &PanelsSpec<'_>, max_side: usize) -> Result<Figure, FigureError> {
    if spec.panels.is_empty() {
        return Err(FigureError::Input {
            figure: "the panels",
            reason: "there is no map".to_owned(),
        });
    }
    for panel in &spec.panels {
        panel.check("the panels")?;
    }
    let count = spec.panels.len();
    let width = if count <= 2 { Width::Column } else { Width::Page }.points();
    let columns = columns(count);
    let room = (width - 2.0 * MARGIN - GUTTER * (columns as f64 - 1.0)) / columns as f64;

    let across = notes_across(&spec.panels, room);

    let titles: Vec<String> = spec.panels.iter().map(MapPanel::title).collect();
    let mut titles = wrap_all(&titles, room, 2, TITLE, Weight::Bold).into_iter();
    let mut top = MARGIN;
    let mut laid = Vec::with_capacity(count);
    for row in spec.panels.chunks(columns) {
        let titles: Vec<Vec<String>> = titles.by_ref().take(row.len()).collect();
        let title_height = titles.iter().map(Vec::len).max().unwrap_or(0) as f64 * TITLE * LEADING;
        let mut bottom = top;
        for (column, (panel, title)) in row.iter().zip(titles).enumerate() {
            let left = MARGIN + column as f64 * (room + GUTTER);
            let frame = panel.frame(left, top + title_height + GAP / 2.0, room, 1.5 * room);
            let notes = notes(panel, across);
            bottom = f64::max(bottom, frame.bottom + GAP + notes.len() as f64 * TEXT * LEADING);
            // The last line of a short title stands right over its map.
            let title_top = top + title_height - title.len() as f64 * TITLE * LEADING;
            laid.push(Laid { panel, title, title_top, frame, notes });
        }
        top = bottom + GUTTER;
    }
    let bar_width = BAR.min(width - 2.0 * (MARGIN + axes::OVERHANG));
    let bar_left = (width - bar_width) / 2.0;
    let note = "Outlines: the smallest centred squares that hold these shares; beside each share, the square’s area.";
    let has_squares = spec.panels.iter().any(|panel| !panel.squares.is_empty());
    let note = if has_squares {
        text::wrap(note, width - 2.0 * MARGIN, 2, TEXT, Weight::Regular)
    } else {
        Vec::new()
    };
    let note_top = top + colorbar::HEIGHT + GAP;
    let height = note_top + note.len() as f64 * TEXT * LEADING + MARGIN / 2.0;
    compose(width, height, "ERF maps of several networks", |canvas| {
        for laid in &laid {
            draw_lines(
                canvas,
                &laid.title,
                (laid.frame.left, laid.title_top),
                TextLook::new(TITLE).bold(),
            )?;
            laid.panel.draw_map(canvas, &laid.frame, (spec.scale, spec.colormap), max_side)?;
            laid.panel.draw_squares(canvas, &laid.frame)?;
            for (line, row) in laid.notes.iter().enumerate() {
                let cell = room / row.len() as f64;
                let y = laid.frame.bottom + GAP + line as f64 * TEXT * LEADING;
                for (i, note) in row.iter().enumerate() {
                    let at = (laid.frame.left + cell * i as f64, y);
                    draw_lines(canvas, std::slice::from_ref(note), at, TextLook::new(TEXT))?;
                }
            }
        }
        colorbar::draw(
            canvas,
            (bar_left, top),
            bar_width,
            spec.colormap,
            &spec.scale.ticks(),
            &spec.scale.title(),
        )?;
        let look = TextLook::new(TEXT).color(style::GREY).anchor(Anchor::Middle);
        draw_lines(canvas, &note, (width / 2.0, note_top), look)
    })
}

/// A panel with its place on the sheet.
struct Laid<'a, 'b> {
    panel: &'b MapPanel<'a>,
    title: Vec<String>,
    title_top: f64,
    frame: Frame,
    notes: Vec<Vec<String>>,
}

/// Panels in a row: all of a few, else rows as equal as they can be.
fn columns(count: usize) -> usize {
    if count <= MOST_COLUMNS {
        return count;
    }
    let rows = count.div_ceil(MOST_COLUMNS);
    count.div_ceil(rows)
}

/// What stands at a panel's squares.
fn note_texts(panel: &MapPanel<'_>) -> Vec<String> {
    label_texts(&panel.squares, |square| format!("{}: ", percent(square.threshold)))
}

/// How many ratios stand beside one another: two if they fit under every panel.
fn notes_across(panels: &[MapPanel<'_>], room: f64) -> usize {
    let texts: Vec<String> = panels.iter().flat_map(note_texts).collect();
    let widest = text::widest(texts.iter().map(String::as_str), TEXT, Weight::Regular);
    if widest + GAP <= room / 2.0 { 2 } else { 1 }
}

/// The ratios of a panel's squares, in rows.
fn notes(panel: &MapPanel<'_>, across: usize) -> Vec<Vec<String>> {
    note_texts(panel).chunks(across).map(<[String]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::check::{HARD_LABELS, sound};
    use super::super::heatmap::tests::{gaussian, squares};
    use super::*;

    #[test]
    fn rows_are_even() {
        let expected = [1, 2, 3, 4, 5, 3, 4, 4, 5, 5, 4, 4, 5, 5, 5, 4, 5, 5, 5, 5];
        for (count, columns) in (1..=20).zip(expected) {
            assert_eq!(super::columns(count), columns, "{count} panels");
        }
    }

    #[test]
    fn one_to_twenty_panels_with_hard_labels() {
        let maps: Vec<Array2<f64>> = (1..=20)
            .map(|i| match i {
                3 => Array2::zeros((64, 64)),
                5 => Array2::ones((60, 90)),
                _ => gaussian(64, f64::from(i)),
            })
            .collect();
        for count in [1, 2, 3, 5, 7, 12, 20] {
            let panels = maps[..count]
                .iter()
                .zip(HARD_LABELS.iter().cycle())
                .enumerate()
                .map(|(i, (map, label))| MapPanel {
                    label: (*label).to_owned(),
                    untrained: i % 3 == 1,
                    map: map.view(),
                    around: None,
                    squares: squares(64, [Some(9), Some(9), Some(11), (i % 2 == 0).then_some(61)]),
                })
                .collect();
            let texts = sound(
                &draw(&PanelsSpec { panels, scale: Scale::Log, colormap: Colormap::Magma })
                    .unwrap(),
            );
            assert_eq!(texts.iter().filter(|text| text.starts_with("50 %: ")).count(), count);
        }
    }

    #[test]
    fn no_panel_is_an_error() {
        assert!(
            draw(&PanelsSpec { panels: Vec::new(), scale: Scale::Log, colormap: Colormap::Magma })
                .is_err()
        );
    }
}
