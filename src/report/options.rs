//! What a report is to look like.

use std::collections::BTreeMap;

use crate::figure::Colormap;

/// A language that a report can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// `report.html`, one file.
    Html,
    /// `report.md`.
    Markdown,
    /// `latex/`.
    Latex,
}

/// Folder of the tables as CSV, which belong to every report.
pub(super) const TABLES: &str = "tables";
/// The page.
pub(super) const HTML: &str = "report.html";
/// The Markdown document.
pub(super) const MARKDOWN: &str = "report.md";
/// Folder of its figures.
pub(super) const FIGURES: &str = "figures";
/// Folder of the LaTeX document and its parts.
pub(super) const LATEX: &str = "latex";

impl Output {
    /// All of them.
    pub const ALL: [Output; 3] = [Output::Html, Output::Markdown, Output::Latex];

    /// Files and folders that it takes up in the report's folder.
    fn places(self) -> &'static [&'static str] {
        match self {
            Self::Html => &[HTML],
            Self::Markdown => &[MARKDOWN, FIGURES],
            Self::Latex => &[LATEX],
        }
    }
}

/// What a report is to look like.
#[derive(Clone, Debug)]
pub struct Options {
    /// Title of the report.
    pub title: String,
    /// A paragraph below the title; may be empty.
    pub description: String,
    /// Languages to write; tables are always written as CSV.
    pub outputs: Vec<Output>,
    /// Colours of heatmaps.
    pub colormap: Colormap,
    /// Captions in place of the report's own, by name of the figure or table.
    pub captions: BTreeMap<String, String>,
    /// Columns to show, in this order, by name of the table; the first column always comes first.
    /// CSV files hold all.
    pub columns: BTreeMap<String, Vec<String>>,
}

impl Options {
    /// Files and folders that the report takes up in its folder.
    pub fn places(&self) -> Vec<String> {
        let of_outputs = self.outputs.iter().flat_map(|output| output.places());
        [&TABLES].into_iter().chain(of_outputs).map(ToString::to_string).collect()
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            title: "How far networks see, and what they look at".into(),
            description: String::new(),
            outputs: Output::ALL.to_vec(),
            colormap: Colormap::Viridis,
            captions: BTreeMap::new(),
            columns: BTreeMap::new(),
        }
    }
}
