//! Where the results of an analysis are.

use std::path::PathBuf;

use crate::analysis::file::Analysis;
use crate::store::safe_file_name;

/// What is computed of a network share by share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The sums of its effective receptive field.
    Erf,
    /// Its decisions on the stimuli.
    Decisions,
}

/// Folder of what networks cost.
pub(super) fn cost_folder(analysis: &Analysis) -> PathBuf {
    analysis.out.join("cost")
}

/// Folder of a network's ERF.
pub(super) fn erf_folder(analysis: &Analysis, label: &str) -> PathBuf {
    analysis.out.join("erf").join(safe_file_name(label))
}

/// Folder of a network's decisions.
pub(super) fn evaluation_folder(analysis: &Analysis, label: &str) -> PathBuf {
    analysis.out.join("decisions").join(safe_file_name(label))
}

/// Folder of the shape bias of all observers.
pub(super) fn combined_folder(analysis: &Analysis) -> PathBuf {
    analysis.out.join("shapebias")
}

/// The result of a network's ERF, without which there is none.
pub(super) fn erf_result(analysis: &Analysis, label: &str) -> PathBuf {
    erf_folder(analysis, label).join(format!("{}.json", safe_file_name(label)))
}

/// The result of a network's decisions.
pub(super) fn evaluation_result(analysis: &Analysis, label: &str) -> PathBuf {
    evaluation_folder(analysis, label).join("shapebias.json")
}
