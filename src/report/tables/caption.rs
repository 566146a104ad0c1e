//! What is written under a table: sentences that know which columns they are about.

use super::table::{Column, Sentence, Table};

impl Table {
    /// The table with a sentence of its caption, said where it has one of these columns, or where no
    /// column is named.
    #[must_use]
    pub fn saying(self, columns: &[&str], text: impl Into<String>) -> Self {
        self.sentence(columns, false, text.into())
    }

    /// The table with a sentence of its caption, said where one of these columns, or any where none is
    /// named, has an interval.
    #[must_use]
    pub fn saying_of_intervals(self, columns: &[&str], text: &str) -> Self {
        self.sentence(columns, true, text.to_owned())
    }

    fn sentence(mut self, columns: &[&str], intervals: bool, text: String) -> Self {
        let columns = columns.iter().map(|&key| key.to_owned()).collect();
        self.sentences.push(Sentence { text, columns, intervals });
        self
    }

    /// What the columns that there are mean.
    pub fn caption(&self) -> String {
        let holds = |sentence: &&Sentence| {
            let about = |column: &&Column| {
                sentence.columns.is_empty() || sentence.columns.contains(&column.key)
            };
            let mut columns = self.columns.iter().filter(about);
            match (sentence.intervals, sentence.columns.is_empty()) {
                (true, _) => columns.any(|column| column.interval),
                (false, true) => true,
                (false, false) => columns.next().is_some(),
            }
        };
        let texts = self.sentences.iter().filter(holds);
        let texts = texts.map(|sentence| sentence.text.trim()).filter(|text| !text.is_empty());
        texts.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{ABSENT, Cell};
    use super::*;

    #[test]
    fn a_caption_speaks_of_columns_and_intervals_that_are_there() {
        let mut table = Table::new("t", "T")
            .column("label", "network", None, false)
            .column("a", "A", Some("%"), true)
            .column("b", "B", None, true);
        let interval = Cell::with_interval(Some(0.5), Some([0.4, 0.6]), 100.0, 1);
        table.row(&["x"], true, vec![Cell::text("x"), interval, Cell::text(ABSENT)]);
        let table = table
            .saying(&[], "Of it.")
            .saying(&["b"], "Of b.")
            .saying(&["a", "b"], "Of both.")
            .saying_of_intervals(&["b"], "Intervals of b.")
            .saying_of_intervals(&[], "Intervals.");
        assert_eq!(table.caption(), "Of it. Of b. Of both. Intervals.");
        assert_eq!(table.clone().without_empty_columns().caption(), "Of it. Of both. Intervals.");
        let chosen = table.select(Some(&vec!["b".into()])).unwrap();
        assert_eq!(chosen.caption(), "Of it. Of b. Of both.");
    }
}
