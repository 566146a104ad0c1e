//! A matrix with a number in each cell: error consistency between observers (Geirhos et al. 2020),
//! or a confusion matrix.

use ndarray::Array2;

use super::axes;
use super::canvas::{Anchor, Canvas, Stroke, TextLook, compose};
use super::colorbar;
use super::colormap::Colormap;
use super::names::fit_all;
use super::render::{Figure, FigureError};
use super::style::{self, GAP, HAIRLINE, MARGIN, TEXT, TITLE, Width, text_on};
use super::text::{self, CAP_HEIGHT, DESCENT, Weight};

/// What the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Cohen's kappa, -1 to 1: diverging colours around 0.
    Kappa,
    /// Counts, from 0.
    Count,
    /// Shares, 0 to 1.
    Share,
}

/// What to draw: up to about 30 rows and columns.
#[derive(Clone, Debug)]
pub struct MatrixSpec {
    /// Names of the rows, from the top.
    pub rows: Vec<String>,
    /// Names of the columns, from the left.
    pub columns: Vec<String>,
    /// Values, rows x columns; a NaN is an empty cell.
    pub values: Array2<f64>,
    /// What the values are.
    pub kind: CellKind,
    /// What the rows are ("decision"), if it is to be said.
    pub row_title: Option<String>,
    /// What the columns are ("shape of the stimulus"), if it is to be said.
    pub column_title: Option<String>,
    /// Title of the colour bar ("error consistency (Cohen's kappa)").
    pub value_title: String,
}

/// Above this many columns, a 0 before the decimal point is left out.
const DENSE: usize = 12;
const LARGEST_CELL: f64 = 40.0;
const SMALLEST_CELL: f64 = 6.0;
const LEAST_LABEL: f64 = 34.0;
const MOST_TURNED_LABEL: f64 = 110.0;
/// Space to leave around a number in its cell.
const PADDING: f64 = 1.5;

/// Draws the matrix: of column width if the numbers fit at full size, else of page width.
///
/// # Errors
/// If the matrix is empty or has not one name a row and column.
pub fn draw(spec: &MatrixSpec) -> Result<Figure, FigureError> {
    check(spec)?;
    let layout = Layout::new(spec);
    let (left, top, cell) = (layout.left, layout.top, layout.cell);
    let (right, bottom) =
        (left + cell * spec.columns.len() as f64, top + cell * spec.rows.len() as f64);
    let limit = limit(spec);
    let bar_top = bottom + 2.0 * GAP;
    compose(layout.width, bar_top + colorbar::HEIGHT + MARGIN, &spec.value_title, |canvas| {
        for ((row, column), value) in spec.values.indexed_iter() {
            let corner = (left + cell * column as f64, top + cell * row as f64);
            draw_cell(canvas, spec, *value, limit, corner, &layout)?;
        }
        canvas.outline((left, top), (right, bottom), Stroke::new(style::INK, HAIRLINE))?;
        draw_names(canvas, spec, &layout)?;
        let bar = 150.0;
        let room = layout.width - 2.0 * (MARGIN + axes::OVERHANG);
        let bar_left = ((left + right - bar) / 2.0)
            .clamp(MARGIN + axes::OVERHANG, MARGIN + axes::OVERHANG + room - bar);
        colorbar::draw(
            canvas,
            (bar_left, bar_top),
            bar,
            colormap(spec.kind),
            &ticks(spec.kind, limit),
            &spec.value_title,
        )
    })
}

fn check(spec: &MatrixSpec) -> Result<(), FigureError> {
    let (rows, columns) = spec.values.dim();
    let refuse = |reason: String| Err(FigureError::Input { figure: "the matrix", reason });
    if rows == 0 || columns == 0 {
        return refuse("it has no cell".to_owned());
    }
    if (rows, columns) != (spec.rows.len(), spec.columns.len()) {
        let (named_rows, named_columns) = (spec.rows.len(), spec.columns.len());
        return refuse(format!(
            "{named_rows} x {named_columns} names for {rows} x {columns} values"
        ));
    }
    if spec.values.iter().any(|v| v.is_infinite()) {
        return refuse("it holds an infinity".to_owned());
    }
    Ok(())
}

/// Where things stand, in points.
struct Layout {
    width: f64,
    left: f64,
    top: f64,
    cell: f64,
    /// Room for the names of rows.
    label: f64,
    /// Room for the names of columns: their height if turned.
    column_label: f64,
    turned: bool,
    numbers: bool,
}

impl Layout {
    fn new(spec: &MatrixSpec) -> Self {
        let columns = spec.columns.len();
        let texts: Vec<String> =
            spec.values.iter().map(|v| cell_text(*v, spec.kind, columns)).collect();
        let number =
            text::widest(texts.iter().map(String::as_str), TEXT, Weight::Regular) + PADDING;
        let number = number.max(TEXT + PADDING);
        let wanted = text::widest(spec.rows.iter().map(String::as_str), TEXT, Weight::Regular);
        let title = if spec.row_title.is_some() { TITLE + GAP } else { 0.0 };
        // Beside the matrix: margins, the row title, the names and a gap after them.
        let beside = |label: f64| 2.0 * MARGIN + title + label + GAP;
        let fits =
            |width: Width, label: f64| beside(label) + number * columns as f64 <= width.points();
        let comfortable = wanted.min(0.35 * Width::Column.points());
        let (width, numbers) = if fits(Width::Column, comfortable) {
            (Width::Column.points(), true)
        } else {
            (Width::Page.points(), fits(Width::Page, LEAST_LABEL.min(wanted)))
        };
        let least_cell = if numbers { number } else { SMALLEST_CELL };
        let spare = width - beside(0.0) - least_cell * columns as f64;
        let label = wanted.min(0.35 * width).min(spare.max(LEAST_LABEL.min(wanted)));
        let cell = ((width - beside(label)) / columns as f64).clamp(1.0, LARGEST_CELL);
        let widest_column =
            text::widest(spec.columns.iter().map(String::as_str), TEXT, Weight::Regular);
        let turned = widest_column + 2.0 > cell;
        let column_label =
            if turned { widest_column.min(MOST_TURNED_LABEL) } else { TEXT * CAP_HEIGHT };
        let column_title = if spec.column_title.is_some() { TITLE + GAP } else { 0.0 };
        Self {
            width,
            left: MARGIN + title + label + GAP,
            top: MARGIN + column_title + column_label + GAP,
            cell,
            label,
            column_label,
            turned,
            numbers,
        }
    }
}

/// The value at the end of the colour scale. For kappa that of the largest value off the diagonal,
/// which would otherwise outshine the rest with its ones.
fn limit(spec: &MatrixSpec) -> f64 {
    let largest = |diagonal: bool| {
        spec.values
            .indexed_iter()
            .filter(|((row, column), v)| v.is_finite() && (diagonal || row != column))
            .fold(0.0, |a: f64, (_, v)| a.max(v.abs()))
    };
    match spec.kind {
        CellKind::Kappa => (largest(false).clamp(0.1, 1.0) * 10.0).ceil() / 10.0,
        CellKind::Count => largest(true).max(1.0),
        CellKind::Share => 1.0,
    }
}

fn colormap(kind: CellKind) -> Colormap {
    match kind {
        CellKind::Kappa => Colormap::RdBu,
        CellKind::Count | CellKind::Share => Colormap::Blues,
    }
}

fn ticks(kind: CellKind, limit: f64) -> Vec<(f64, String)> {
    let tick = |position: f64, value: f64| {
        let text =
            if kind == CellKind::Count { format!("{value:.0}") } else { format!("{value:.1}") };
        (position, text.replace('-', "−"))
    };
    match kind {
        CellKind::Kappa => vec![tick(0.0, -limit), tick(0.5, 0.0), tick(1.0, limit)],
        CellKind::Count | CellKind::Share => vec![tick(0.0, 0.0), tick(1.0, limit)],
    }
}

/// A value as it stands in a cell.
fn cell_text(value: f64, kind: CellKind, columns: usize) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if kind == CellKind::Count {
        return format!("{value:.0}");
    }
    let text = format!("{value:.2}");
    let text = if text == "-0.00" { "0.00".to_owned() } else { text };
    let text = if columns > DENSE {
        match text.as_str() {
            "0.00" => "0".to_owned(),
            "1.00" => "1".to_owned(),
            "-1.00" => "-1".to_owned(),
            _ => text.replacen("0.", ".", 1),
        }
    } else {
        text
    };
    text.replace('-', "−")
}

fn draw_cell(
    canvas: &mut Canvas<'_>,
    spec: &MatrixSpec,
    value: f64,
    limit: f64,
    (x, y): (f64, f64),
    layout: &Layout,
) -> Result<(), FigureError> {
    let position =
        if spec.kind == CellKind::Kappa { 0.5 + 0.5 * value / limit } else { value / limit };
    let color = if value.is_nan() { style::WHITE } else { colormap(spec.kind).rgb(position) };
    canvas.fill_rectangle((x, y), (x + layout.cell, y + layout.cell), color)?;
    if !layout.numbers {
        return Ok(());
    }
    let text = cell_text(value, spec.kind, spec.columns.len());
    let look = TextLook::new(TEXT).color(text_on(color)).anchor(Anchor::Middle);
    canvas.text_centred(&text, (x + layout.cell / 2.0, y + layout.cell / 2.0), look)
}

fn draw_names(
    canvas: &mut Canvas<'_>,
    spec: &MatrixSpec,
    layout: &Layout,
) -> Result<(), FigureError> {
    let middle = |number: usize| (number as f64 + 0.5) * layout.cell;
    // Where cells are lower than a line of text, only every so many names have room.
    let step = (TEXT * (CAP_HEIGHT + DESCENT) / layout.cell).ceil().max(1.0) as usize;
    let fitted = |names: &[String], room: f64| {
        let names: Vec<String> = names.iter().map(|name| text::clean(name)).collect();
        fit_all(&names, room + 0.01, TEXT, Weight::Regular)
    };
    for (number, name) in fitted(&spec.rows, layout.label).iter().enumerate().step_by(step) {
        let at = (layout.left - GAP, layout.top + middle(number));
        canvas.text_centred(name, at, TextLook::new(TEXT).anchor(Anchor::End))?;
    }
    let room = if layout.turned { layout.column_label } else { f64::INFINITY };
    for (number, name) in fitted(&spec.columns, room).iter().enumerate().step_by(step) {
        let at = (layout.left + middle(number), layout.top - GAP);
        if layout.turned {
            canvas.text_centred(name, at, TextLook::new(TEXT).turned())?;
        } else {
            canvas.text(name, at, TextLook::new(TEXT).anchor(Anchor::Middle))?;
        }
    }
    let (rows, columns) =
        (spec.rows.len() as f64 * layout.cell, spec.columns.len() as f64 * layout.cell);
    let look = TextLook::new(TITLE).anchor(Anchor::Middle);
    if let Some(title) = &spec.row_title {
        let room = rows.max(60.0).min(rows + 2.0 * GAP);
        let title = text::fit(title, room, TITLE, Weight::Regular);
        canvas.text(
            &title,
            (MARGIN + TITLE * CAP_HEIGHT, layout.top + rows / 2.0),
            look.turned(),
        )?;
    }
    if let Some(title) = &spec.column_title {
        // As wide as the sheet allows on both sides of the matrix's middle.
        let centre = layout.left + columns / 2.0;
        let room = 2.0 * (centre.min(layout.width - centre) - MARGIN);
        let title = text::fit(title, room, TITLE, Weight::Regular);
        canvas.text(&title, (centre, MARGIN + TITLE * CAP_HEIGHT), look)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::check::{HARD_LABELS, sound};
    use super::*;

    fn kappa(count: usize) -> MatrixSpec {
        let names: Vec<String> = (0..count).map(|i| HARD_LABELS[i % 12].to_owned()).collect();
        let value = |(row, column): (usize, usize)| {
            if row == column { 1.0 } else { (0.4 * ((row + column) as f64).sin() + 0.2).max(-0.15) }
        };
        MatrixSpec {
            rows: names.clone(),
            columns: names,
            values: Array2::from_shape_fn((count, count), value),
            kind: CellKind::Kappa,
            row_title: None,
            column_title: None,
            value_title: "error consistency (Cohen’s κ)".to_owned(),
        }
    }

    #[test]
    fn one_to_thirty_observers_with_numbers_and_forty_without() {
        for count in [1, 2, 5, 12, 30, 40] {
            let texts = sound(&draw(&kappa(count)).unwrap());
            let ones = texts.iter().filter(|text| *text == "1.00" || *text == "1").count();
            assert_eq!(ones, if count <= 30 { count } else { 0 }, "{count} observers");
        }
    }

    #[test]
    fn confusion_with_titles_empty_cells_and_zeros() {
        let names: Vec<String> = (0..16).map(|i| format!("category {i}")).collect();
        let values = Array2::from_shape_fn((16, 16), |(r, c)| {
            if r == 3 { f64::NAN } else { (75 * usize::from(r == c) + r) as f64 }
        });
        let mut spec = MatrixSpec {
            rows: names.clone(),
            columns: names,
            values,
            kind: CellKind::Count,
            row_title: Some("shape of the stimulus".to_owned()),
            column_title: Some("decision".to_owned()),
            value_title: "stimuli".to_owned(),
        };
        let texts = sound(&draw(&spec).unwrap());
        assert_eq!(texts.iter().filter(|text| *text == "–").count(), 16);
        assert!(texts.iter().any(|text| text == "90"));
        spec.values.fill(0.0);
        sound(&draw(&spec).unwrap());
        spec.kind = CellKind::Share;
        sound(&draw(&spec).unwrap());
        spec.rows.pop();
        assert!(draw(&spec).unwrap_err().to_string().contains("15 x 16 names for 16 x 16 values"));
    }

    #[test]
    fn numbers_are_short() {
        let short = |value| cell_text(value, CellKind::Kappa, 30);
        assert_eq!(
            [short(0.123), short(-0.05), short(1.0), short(-0.001)],
            [".12", "−.05", "1", "0"]
        );
        assert_eq!(cell_text(-0.05, CellKind::Kappa, 5), "−0.05");
        assert_eq!(cell_text(75.0, CellKind::Count, 5), "75");
    }

    #[test]
    fn the_diagonal_does_not_set_the_scale() {
        let mut spec = kappa(2);
        spec.values[[0, 1]] = 0.33;
        spec.values[[1, 0]] = -0.35;
        assert!((limit(&spec) - 0.4).abs() < 1e-12);
    }
}
