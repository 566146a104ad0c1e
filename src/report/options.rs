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

impl Output {
    /// All of them.
    pub const ALL: [Output; 3] = [Output::Html, Output::Markdown, Output::Latex];
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
