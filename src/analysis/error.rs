//! What can go wrong in an analysis as a whole.

use thiserror::Error;

use crate::erf::ErfError;
use crate::figure::FigureError;
use crate::image::ImageError;
use crate::report::ReportError;
use crate::shapebias::error::ShapeBiasError;
use crate::store::StoreError;
use crate::zoo::ZooError;

/// Errors of an analysis. What fails for one network only isn't among them: the others go on.
#[derive(Debug, Error)]
pub enum AnalysisError {
    /// Something in what was asked for doesn't fit together.
    #[error("{0}")]
    Request(String),
    /// Images can't be listed.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A network's name or checkpoint.
    #[error(transparent)]
    Zoo(#[from] ZooError),
    /// Effective receptive fields.
    #[error(transparent)]
    Erf(#[from] ErfError),
    /// Shape bias.
    #[error(transparent)]
    ShapeBias(#[from] ShapeBiasError),
    /// A figure can't be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// A file can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A report can't be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Every network failed.
    #[error("{0}")]
    Failed(String),
    /// Shares that don't make a whole.
    #[error("the parts can't be merged: {0}")]
    Parts(String),
    /// Asked to stop before the end.
    #[error("stopped; decisions made so far are in {0}, and the same command goes on from there")]
    Stopped(String),
    /// Asked to stop before there was anything to go on from.
    #[error("stopped before anything was measured; the same command begins anew")]
    StoppedEarly,
    /// A table can't be written.
    #[error("the table can't be written: {0}")]
    Table(#[from] csv::Error),
}

impl AnalysisError {
    /// Whether the work was asked to stop, so that nothing is wrong with it.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Stopped(_) | Self::StoppedEarly | Self::Erf(ErfError::Stopped { .. }))
    }
}
