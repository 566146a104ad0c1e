//! What every language of a report writes down.

use super::bibliography::Reference;
use super::figures::Drawn;
use super::prose::Paragraph;
use super::study::{Scope, Study};
use super::tables::Table;

/// What every language of a report writes down.
pub struct Parts<'a> {
    /// Tables with the columns that are shown.
    pub tables: &'a [Table],
    /// Figures for print.
    pub figures: &'a [Drawn],
    /// The main findings.
    pub findings: &'a [Paragraph],
    /// How everything was measured.
    pub methods: &'a [Paragraph],
    /// What concerns the comparison as a whole.
    pub warnings: &'a [String],
    /// Commands that made the results.
    pub commands: &'a [String],
    /// Works cited.
    pub references: &'a [&'static Reference],
}

impl Parts<'_> {
    /// The figure of this name.
    pub fn figure(&self, name: &str) -> Option<&Drawn> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

/// What concerns the comparison as a whole, and observers that no table has a row for.
pub fn general_warnings(study: &Study, tables: &[Table]) -> Vec<String> {
    let has_row = |label: &str| {
        tables
            .iter()
            .flat_map(|table| &table.rows)
            .any(|row| row.about.iter().any(|about| about == label))
    };
    study
        .warnings_of(Scope::All)
        .filter(|warning| warning.about.as_deref().is_none_or(|label| !has_row(label)))
        .map(|warning| warning.text.clone())
        .collect()
}
