//! Why a report can't be made.

use std::path::PathBuf;

use thiserror::Error;

use crate::figure::FigureError;
use crate::store::StoreError;

/// Errors of a report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// No folder given holds a result.
    #[error(
        "no results in {folders}: a result folder is what `fieldscope erf --out` or `fieldscope \
         shapebias --out` has written, with LABEL.json or shapebias.json in it"
    )]
    NoResults {
        /// The folders, with commas between them.
        folders: String,
    },
    /// A folder can't be listed, or a result in it can't be read.
    #[error("cannot read {path}: {problem}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A column that no table has was asked for.
    #[error("the table \"{table}\" has no column \"{column}\"; it has {known}")]
    UnknownColumn {
        /// Name of the table.
        table: String,
        /// The column asked for.
        column: String,
        /// Its columns, with commas between them.
        known: String,
    },
    /// A figure can't be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// A file can't be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template fails.
    #[error("the report's page can't be made: {0:#}")]
    Template(#[from] minijinja::Error),
    /// A table can't be written.
    #[error("the table can't be written: {0}")]
    Table(#[from] csv::Error),
}
