//! A legend under a chart: entries in as many columns as their labels allow.

use super::canvas::{Canvas, Stroke, TextLook};
use super::names::fit_all;
use super::render::FigureError;
use super::style::{GAP, LEADING, MARKER, Marker, Rgb, TEXT};
use super::text::{self, Weight};

/// Distance between rows.
const ROW: f64 = TEXT * LEADING + 1.0;
/// Space between columns.
const COLUMN_GAP: f64 = 10.0;
/// The most columns.
const MOST_COLUMNS: usize = 4;

/// One series: its sample and its label.
pub(crate) struct Entry {
    pub label: String,
    pub line: Option<Stroke>,
    pub marker: Option<(Marker, Rgb)>,
    /// Class of the elements, for a page that switches series.
    pub class: Option<String>,
}

/// Entries laid out in columns, filled downwards.
pub(crate) struct Legend {
    entries: Vec<Entry>,
    rows: usize,
    column_width: f64,
    sample: f64,
}

impl Legend {
    /// Lays entries out in `width` points.
    pub(crate) fn new(mut entries: Vec<Entry>, width: f64) -> Self {
        let sample =
            if entries.iter().any(|entry| entry.line.is_some()) { 22.0 } else { 3.0 * MARKER };
        let label =
            text::widest(entries.iter().map(|entry| entry.label.as_str()), TEXT, Weight::Regular);
        let wanted = sample + GAP + label + COLUMN_GAP;
        let columns = (((width + COLUMN_GAP) / wanted) as usize)
            .clamp(1, MOST_COLUMNS)
            .min(entries.len().max(1));
        let rows = entries.len().div_ceil(columns);
        let column_width = wanted.min((width + COLUMN_GAP) / columns as f64);
        let room = column_width - COLUMN_GAP - sample - GAP;
        let labels: Vec<String> = entries.iter().map(|entry| text::clean(&entry.label)).collect();
        let labels = fit_all(&labels, room + 0.01, TEXT, Weight::Regular);
        for (entry, label) in entries.iter_mut().zip(labels) {
            entry.label = label;
        }
        Self { entries, rows, column_width, sample }
    }

    /// Height in points.
    pub(crate) fn height(&self) -> f64 {
        self.rows as f64 * ROW
    }

    /// Draws the legend with its upper left corner at this place.
    pub(crate) fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        left: f64,
        top: f64,
    ) -> Result<(), FigureError> {
        for (index, entry) in self.entries.iter().enumerate() {
            let x = left + (index / self.rows) as f64 * self.column_width;
            let y = top + ((index % self.rows) as f64 + 0.5) * ROW;
            canvas.set_class(entry.class.as_deref());
            if let Some(stroke) = entry.line {
                canvas.line(&[(x, y), (x + self.sample, y)], stroke)?;
            }
            if let Some((shape, color)) = entry.marker {
                canvas.marker(shape, (x + self.sample / 2.0, y), MARKER, color)?;
            }
            canvas.text_centred(&entry.label, (x + self.sample + GAP, y), TextLook::new(TEXT))?;
            canvas.set_class(None);
        }
        Ok(())
    }
}
