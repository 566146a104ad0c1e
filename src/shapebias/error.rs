//! What can go wrong for a whole run; what costs one stimulus or one row is an
//! [`Issue`](super::result::Issue) instead.

use std::path::PathBuf;

use thiserror::Error;

use crate::store::StoreError;

/// An error that stops a shape-bias evaluation or analysis.
#[derive(Debug, Error)]
pub enum ShapeBiasError {
    /// The category mapping can't be read.
    #[error("reading the category mapping {file}: {source}")]
    MappingUnreadable {
        /// The mapping, as the user gave it.
        file: String,
        /// Why.
        source: csv::Error,
    },
    /// The category mapping has other columns.
    #[error(
        "reading the category mapping {file}: expected the columns class_index,category but found {found}"
    )]
    MappingColumns {
        /// The mapping, as the user gave it.
        file: String,
        /// The header that was found.
        found: String,
    },
    /// A row of the category mapping is wrong.
    #[error("reading the category mapping {file}, line {line}: {problem}")]
    MappingRow {
        /// The mapping, as the user gave it.
        file: String,
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The category mapping holds fewer than two categories.
    #[error("the category mapping {file} holds {count} categories; at least 2 are needed")]
    MappingTooSmall {
        /// The mapping, as the user gave it.
        file: String,
        /// Number of categories.
        count: usize,
    },
    /// A network has other outputs than the mapping is made for.
    #[error(
        "the network has {outputs} outputs, but the category mapping {mapping} {needs}; give the right one with --categories FILE"
    )]
    OutputsDoNotFit {
        /// Number of logits.
        outputs: usize,
        /// Name of the mapping.
        mapping: String,
        /// What the mapping needs, as a phrase.
        needs: String,
    },
    /// The name pattern isn't a regular expression.
    #[error("the pattern for stimulus names is not a regular expression: {0}")]
    PatternSyntax(Box<regex::Error>),
    /// The name pattern lacks a group.
    #[error(
        "the pattern for stimulus names has no group (?<{0}>...); it needs two, named shape and texture"
    )]
    PatternGroup(&'static str),
    /// The stimulus folder isn't there.
    #[error("listing the stimuli in {}: {source}", folder.display())]
    FolderUnreadable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The stimulus folder holds nothing of use.
    #[error("no usable stimulus in {}: {reason}", folder.display())]
    NoStimuli {
        /// The folder.
        folder: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// No decision file can be used.
    #[error("no usable decisions: {0}")]
    NoDecisions(String),
    /// There is nobody to analyse.
    #[error("nothing to analyse: neither a network nor a decision file gave a usable answer")]
    NoObservers,
    /// An embedded table is damaged; a test keeps this from happening.
    #[error("the built-in table {table} can't be read: {problem}")]
    BuiltIn {
        /// Name of the table.
        table: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A network's forward pass failed.
    #[error("running the network on stimuli {first} to {last}: {message}")]
    Forward {
        /// First stimulus of the batch.
        first: String,
        /// Last stimulus of the batch.
        last: String,
        /// Why, innermost last.
        message: String,
    },
    /// A network gave another number of logits than the batch calls for.
    #[error("the network gave {found} logits for {images} images, expected {expected}")]
    LogitCount {
        /// Number of logits of the whole batch.
        found: usize,
        /// Number of images in the batch.
        images: usize,
        /// What it should have been.
        expected: usize,
    },
    /// Two labels differ only in what a file name can't hold.
    #[error(
        "the decisions of \"{first}\" and \"{second}\" would both be {}; give one of them another LABEL", path.display()
    )]
    LabelsCollide {
        /// One label.
        first: String,
        /// The other.
        second: String,
        /// The file they would share.
        path: PathBuf,
    },
    /// A result or decision can't be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
