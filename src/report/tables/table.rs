//! A table as data: columns, rows, cells, notes; CSV from it.

use crate::report::ReportError;
use crate::report::study::{Scope, Study, Warning};

/// What is shown where there is no value.
pub const ABSENT: &str = "–";

/// Columns above which a table is dense.
const MOST_COLUMNS: usize = 12;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in the CSV file and in analysis files.
    pub key: String,
    /// Heading.
    pub heading: String,
    /// Unit of the values as shown, "%" or "px".
    pub unit: Option<&'static str>,
    /// Whether values are numbers, aligned by their decimal points.
    pub number: bool,
    /// Whether any value has an interval.
    pub interval: bool,
    /// Places in [`Table::notes`] of what has to be said about the column.
    pub marks: Vec<usize>,
}

/// A value as it came from a result, and as it is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The value in the unit of the result file; absent for text and where there is none.
    pub value: Option<f64>,
    /// What is shown.
    pub text: String,
    /// 95 % interval in the unit of the result file.
    pub interval: Option<[f64; 2]>,
    /// Its ends as shown.
    pub interval_text: Option<[String; 2]>,
    /// True for the best value of the column among trained networks.
    pub best: bool,
    /// True where `text` is a number.
    pub is_number: bool,
    /// Places in [`Table::notes`] of what has to be said about the network that the cell names.
    pub marks: Vec<usize>,
}

impl Cell {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// A whole number.
    pub fn count(value: usize) -> Self {
        Cell {
            value: Some(value as f64),
            text: value.to_string(),
            is_number: true,
            ..Cell::default()
        }
    }

    /// A number, shown times `factor` with so many decimals.
    pub fn number(value: Option<f64>, factor: f64, decimals: usize) -> Self {
        Self::with_interval(value, None, factor, decimals)
    }

    /// A number with its interval.
    pub fn with_interval(
        value: Option<f64>,
        interval: Option<[f64; 2]>,
        factor: f64,
        decimals: usize,
    ) -> Self {
        let Some(value) = value else { return Cell::text(ABSENT) };
        let show = |value: f64| {
            let text = format!("{:.decimals$}", value * factor);
            // A number that rounds to zero has no sign.
            match text.strip_prefix('-') {
                Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
                _ => text,
            }
        };
        Cell {
            value: Some(value),
            text: show(value),
            interval,
            interval_text: interval.map(|ends| ends.map(show)),
            is_number: true,
            ..Cell::default()
        }
    }
}

/// A row: one network, observer or pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Labels of the networks or observers that the row is about, named by its first cells.
    pub about: Vec<String>,
    /// Whether the row may hold a best value: trained networks.
    pub eligible: bool,
    /// A cell a column.
    pub cells: Vec<Cell>,
}

/// A sentence of a caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// The sentence, or several.
    pub text: String,
    /// Keys of the columns that it is about, one of which must be there; none where it is about the
    /// table.
    pub columns: Vec<String>,
    /// True where it is about their intervals, of which there must be one.
    pub intervals: bool,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name of its files and in analysis files.
    pub name: &'static str,
    /// Title.
    pub title: String,
    /// What the caption says, of the table and of its columns.
    pub sentences: Vec<Sentence>,
    /// Columns; the first names the row.
    pub columns: Vec<Column>,
    /// Rows.
    pub rows: Vec<Row>,
    /// What has to be said about rows, marked there with letters.
    pub notes: Vec<String>,
}

/// The letter of a note: a, b, ... z, aa, ab, ...
pub fn mark(index: usize) -> String {
    let letter = char::from(b'a' + (index % 26) as u8).to_string();
    if index < 26 { letter } else { format!("{}{letter}", mark(index / 26 - 1)) }
}

/// The letters of several notes: "a,c".
pub fn marks(places: &[usize]) -> String {
    places.iter().map(|&place| mark(place)).collect::<Vec<_>>().join(",")
}

impl Table {
    /// A table without columns.
    pub fn new(name: &'static str, title: &str) -> Self {
        Table {
            name,
            title: title.into(),
            sentences: Vec::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The table with one more column.
    #[must_use]
    pub fn column(
        mut self,
        key: &str,
        heading: &str,
        unit: Option<&'static str>,
        number: bool,
    ) -> Self {
        self.columns.push(Column {
            key: key.into(),
            heading: heading.into(),
            unit,
            number,
            interval: false,
            marks: Vec::new(),
        });
        self
    }

    /// Adds a row about a network or observer, or about two.
    pub fn row(&mut self, about: &[&str], eligible: bool, cells: Vec<Cell>) {
        for (column, cell) in self.columns.iter_mut().zip(&cells) {
            column.interval |= cell.interval.is_some();
        }
        let about = about.iter().map(|&label| label.to_owned()).collect();
        self.rows.push(Row { about, eligible, cells });
    }

    /// Whether any cell shows this text.
    pub fn has_text(&self, text: &str) -> bool {
        self.rows.iter().flat_map(|row| &row.cells).any(|cell| cell.text == text)
    }

    /// Marks the largest value of a column among eligible rows, if there are two of them.
    pub fn mark_largest(&mut self, key: &str) {
        let Some(column) = self.columns.iter().position(|column| column.key == key) else { return };
        let eligible = |row: &&Row| row.eligible && row.cells[column].value.is_some();
        let values: Vec<f64> =
            self.rows.iter().filter(eligible).filter_map(|row| row.cells[column].value).collect();
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if values.len() < 2 || values.iter().all(|value| *value == largest) {
            return;
        }
        for row in self.rows.iter_mut().filter(|row| row.eligible) {
            row.cells[column].best = row.cells[column].value == Some(largest);
        }
    }

    /// Attaches the study's warnings of a scope to the rows and columns that they concern.
    pub fn attach(self, study: &Study, scope: Scope) -> Self {
        self.attach_all(study.warnings_of(scope))
    }

    /// Attaches only what is to be said about a network wherever it appears.
    pub fn attach_general(self, study: &Study) -> Self {
        self.attach_all(study.warnings.iter().filter(|warning| warning.scope == Scope::All))
    }

    fn attach_all<'a>(mut self, warnings: impl Iterator<Item = &'a Warning>) -> Self {
        for warning in warnings {
            let Some(label) = &warning.about else { continue };
            let rows = self.rows.iter_mut().filter_map(|row| {
                let place = row.about.iter().position(|about| about == label)?;
                row.cells.get_mut(place).map(|cell| &mut cell.marks)
            });
            let columns = self.columns.iter_mut().filter(|column| column.key == *label);
            let mut marks = rows.chain(columns.map(|column| &mut column.marks)).peekable();
            if marks.peek().is_none() {
                continue;
            }
            let place = self.notes.len();
            marks.for_each(|marks| marks.push(place));
            self.notes.push(warning.text.clone());
        }
        self
    }

    /// The table without columns that hold not a single value.
    #[must_use]
    pub fn without_empty_columns(mut self) -> Self {
        let has_value = |place: usize| self.rows.iter().any(|row| row.cells[place].text != ABSENT);
        let kept: Vec<bool> =
            (0..self.columns.len()).map(|place| place == 0 || has_value(place)).collect();
        let mut place = kept.iter();
        self.columns.retain(|_| place.next() == Some(&true));
        for row in &mut self.rows {
            let mut place = kept.iter();
            row.cells.retain(|_| place.next() == Some(&true));
        }
        self
    }

    /// Whether there are so many columns that heads are turned, and print leaves intervals to the CSV
    /// file.
    pub fn is_dense(&self) -> bool {
        self.columns.len() > MOST_COLUMNS
    }

    /// The table as CSV: values as in the results (shares of 1), intervals in columns of their own,
    /// an empty field where there is no value.
    ///
    /// # Errors
    ///
    /// Those of the CSV writer, which writes to memory.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut header = Vec::new();
        for column in &self.columns {
            header.push(column.key.clone());
            if column.interval {
                header.extend([format!("{}_low", column.key), format!("{}_high", column.key)]);
            }
        }
        writer.write_record(header.iter().map(String::as_str).chain(["notes"]))?;
        for row in &self.rows {
            let mut record = Vec::new();
            for (column, cell) in self.columns.iter().zip(&row.cells) {
                record.push(match cell.value {
                    Some(value) => value.to_string(),
                    None if cell.text == ABSENT => String::new(),
                    None => cell.text.clone(),
                });
                if column.interval {
                    let end = |i: usize| cell.interval.map_or(String::new(), |e| e[i].to_string());
                    record.extend([end(0), end(1)]);
                }
            }
            let marks = row.cells.iter().flat_map(|cell| &cell.marks);
            let notes: Vec<&str> = marks.map(|&mark| self.notes[mark].as_str()).collect();
            record.push(notes.join(" "));
            writer.write_record(&record)?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }

    /// The table with the columns that were asked for.
    ///
    /// # Errors
    ///
    /// [`ReportError::UnknownColumn`].
    pub fn select(&self, keys: Option<&Vec<String>>) -> Result<Table, ReportError> {
        let Some(keys) = keys else { return Ok(self.clone()) };
        let mut places = vec![0];
        for key in keys {
            let place = self.columns.iter().position(|column| column.key == *key);
            let place = place.ok_or_else(|| ReportError::UnknownColumn {
                table: self.name.to_owned(),
                column: key.clone(),
                known: self.columns.iter().map(|c| c.key.as_str()).collect::<Vec<_>>().join(", "),
            })?;
            if place != 0 {
                places.push(place);
            }
        }
        let mut table = self.clone();
        table.columns = places.iter().map(|&place| self.columns[place].clone()).collect();
        for (row, all) in table.rows.iter_mut().zip(&self.rows) {
            row.cells = places.iter().map(|&place| all.cells[place].clone()).collect();
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("t", "T")
            .column("label", "network", None, false)
            .column("a", "A", Some("%"), true)
            .column("b", "B", None, true);
        let cell = Cell::with_interval(Some(0.5), Some([-0.0001, 1.0]), 100.0, 1);
        table.row(&["x"], true, vec![Cell::text("x"), cell, Cell::text(ABSENT)]);
        let second = vec![Cell::text("y"), Cell::number(Some(0.25), 100.0, 1), Cell::text(ABSENT)];
        table.row(&["y"], true, second);
        table
    }

    #[test]
    fn csv_holds_the_exact_values_and_an_interval_two_columns() {
        let csv = String::from_utf8(table().csv().unwrap()).unwrap();
        assert_eq!(csv, "label,a,a_low,a_high,b,notes\nx,0.5,-0.0001,1,,\ny,0.25,,,,\n");
    }

    #[test]
    fn a_number_that_rounds_to_nothing_has_no_sign() {
        assert_eq!(table().rows[0].cells[1].interval_text.as_ref().unwrap()[0], "0.0");
    }

    #[test]
    fn a_chosen_column_without_values_is_left_out_and_an_unknown_one_is_an_error() {
        let chosen = table().select(Some(&vec!["b".into(), "a".into()])).unwrap();
        let keys = |table: &Table| -> Vec<String> {
            table.columns.iter().map(|column| column.key.clone()).collect()
        };
        assert_eq!(keys(&chosen), ["label", "b", "a"]);
        assert_eq!(keys(&chosen.without_empty_columns()), ["label", "a"]);
        let error = table().select(Some(&vec!["c".into()])).unwrap_err();
        assert!(error.to_string().contains("it has label, a, b"), "{error}");
    }

    #[test]
    fn the_best_is_marked_among_those_that_may_be_compared() {
        let mut table = table();
        table.mark_largest("a");
        let best = |table: &Table| -> Vec<bool> {
            table.rows.iter().map(|row| row.cells[1].best).collect()
        };
        assert_eq!(best(&table), [true, false]);
        let mut table = self::table();
        table.rows[0].eligible = false;
        table.mark_largest("a");
        assert_eq!(best(&table), [false, false]);
    }

    #[test]
    fn a_warning_marks_the_rows_and_the_columns_that_it_is_about() {
        let study = Study {
            warnings: vec![
                Warning { about: Some("y".into()), scope: Scope::Erf, text: "one".into() },
                Warning { about: Some("b".into()), scope: Scope::All, text: "two".into() },
                Warning { about: Some("z".into()), scope: Scope::All, text: "three".into() },
            ],
            ..Study::default()
        };
        let table = table().attach(&study, Scope::Erf);
        let marks = |row: usize| table.rows[row].cells[0].marks.clone();
        assert_eq!((marks(0), marks(1)), (vec![], vec![0]));
        assert_eq!(table.columns[2].marks, [1]);
        assert_eq!(table.notes, ["one", "two"]);
        assert_eq!(self::table().attach_general(&study).notes, ["two"]);
    }

    #[test]
    fn letters_go_on_after_z() {
        assert_eq!(marks(&[0, 25, 26, 27]), "a,z,aa,ab");
    }
}
