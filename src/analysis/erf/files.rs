//! Names of the files of an ERF study: where they are written, and whether something is in the way.

use super::ErfStudy;
use crate::figure::{Figure, Format};
use crate::store::{Shard, safe_file_name};

/// The table of all networks.
pub(super) const TABLE: &str = "erf.csv";
/// Stem of the figure of all maps side by side.
pub(super) const PANELS: &str = "erf";
/// Stem of the figure of mass against the side of a square.
pub(super) const PROFILE: &str = "erf-profile";

/// The map of a network.
pub(super) fn map(label: &str) -> String {
    format!("{}.npy", safe_file_name(label))
}

/// What is said of a network.
pub(super) fn result(label: &str) -> String {
    format!("{}.json", safe_file_name(label))
}

/// What an unfinished run has come to.
pub(super) fn state(label: &str) -> String {
    format!("{}.state", safe_file_name(label))
}

/// Stem of a network's heatmap.
pub(super) fn heatmap(label: &str) -> String {
    safe_file_name(label)
}

/// Whether a label's files, which begin with `name`, would take the place of the program's own:
/// [`TABLE`] and its figures, manifests and records. File systems may not tell capitals apart.
pub(in crate::analysis) fn is_reserved(name: &str) -> bool {
    let name = name.to_lowercase();
    name == "erf" || ["erf-", "fieldscope-"].iter().any(|start| name.starts_with(start))
}

/// Everything that the study writes.
pub(super) fn all(study: &ErfStudy, shard: Shard) -> Vec<String> {
    let mut names: Vec<String> = study.models.iter().map(|spec| state(&spec.label)).collect();
    if !shard.is_whole() {
        return names;
    }
    let formats: &[Format] = &study.formats;
    for label in study.labels() {
        names.extend([map(label), result(label)]);
        names.extend(Figure::file_names(&heatmap(label), formats));
    }
    names.push(TABLE.to_owned());
    for stem in [PANELS, PROFILE] {
        names.extend(Figure::file_names(stem, formats));
    }
    names
}
