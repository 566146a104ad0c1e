//! Everything that a result depends on, kept beside it, so that it is computed again only where
//! something has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::{StoreError, atomic, digest};

/// Name of the file in a result's folder.
const FILE_NAME: &str = "fieldscope-inputs.json";

/// Begins the names of what only the figures beside a result depend on.
const OF_FIGURES: &str = "figures: ";

/// Name of the digest of the result itself.
const RESULT: &str = "result";

/// What a result depends on, by name: digests of files, settings, version of the method.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs(BTreeMap<String, String>);

impl Inputs {
    /// Adds a setting.
    pub fn set(&mut self, name: &str, value: impl std::fmt::Debug) {
        self.0.insert(name.to_owned(), format!("{value:?}"));
    }

    /// Adds a setting of the figures beside the results, for which nothing is computed again.
    pub fn set_of_figures(&mut self, name: &str, value: impl std::fmt::Debug) {
        self.set(&format!("{OF_FIGURES}{name}"), value);
    }

    /// Adds a file by the digest of its content.
    pub fn file(&mut self, name: &str, sha256: String) {
        self.0.insert(name.to_owned(), sha256);
    }

    /// Adds all that others hold.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.iter().map(|(name, value)| (name.clone(), value.clone())));
    }

    /// Adds files by name and content, in order.
    ///
    /// # Errors
    ///
    /// Where one can't be read, for a reader.
    pub fn files(&mut self, name: &str, paths: &[PathBuf]) -> Result<(), String> {
        let mut pairs = Vec::with_capacity(paths.len());
        for path in paths {
            let sha256 = digest::sha256_file(path).map_err(|error| error.to_string())?;
            pairs.push((
                sha256,
                path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            ));
        }
        self.0.insert(name.to_owned(), digest::list_digest(pairs));
        Ok(())
    }

    /// Whether a folder tells what its results depend on; none at all where they were begun only.
    pub fn exist(folder: &Path) -> bool {
        folder.join(FILE_NAME).exists()
    }

    /// Keeps the inputs beside the results, with the digest of the result that they gave: where a later
    /// run replaces it and doesn't come to its end, it isn't taken for theirs.
    ///
    /// # Errors
    ///
    /// Where the result can't be read or the file can't be written.
    pub fn write_for(&self, result: &Path, folder: &Path) -> Result<(), StoreError> {
        let mut inputs = self.clone();
        inputs.file(RESULT, digest::sha256_file(result)?);
        inputs.write(folder)
    }

    /// What is kept beside the results in a folder, where it can be read.
    fn kept(folder: &Path) -> Option<Self> {
        let text = std::fs::read(folder.join(FILE_NAME)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether the result in a folder is another than the one that was kept with its inputs.
    pub fn is_replaced(folder: &Path, result: &Path) -> bool {
        let known = Self::kept(folder).and_then(|known| known.0.get(RESULT).cloned());
        known.is_some_and(|sha256| digest::sha256_file(result).ok() != Some(sha256))
    }

    /// Keeps the inputs beside the results.
    ///
    /// # Errors
    ///
    /// Where the file can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        atomic::write(&folder.join(FILE_NAME), |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            std::io::Write::write_all(file, b"\n")
        })
    }

    /// A digest of all of it.
    pub fn digest(&self) -> String {
        digest::sha256_bytes(format!("{:?}", self.0).as_bytes())
    }

    /// Why the results in a folder aren't those of these inputs; nothing where they are.
    pub fn change(&self, folder: &Path) -> Option<String> {
        if !Self::exist(folder) {
            return Some("not computed yet".to_owned());
        }
        let Some(known) = Self::kept(folder) else {
            return Some(format!("{FILE_NAME} can't be read"));
        };
        if known.0.is_empty() {
            return Some("not computed to its end yet".to_owned());
        }
        let changed = self.changed(&known, |name| !name.starts_with(OF_FIGURES) && name != RESULT);
        (!changed.is_empty()).then(|| format!("changed: {}", changed.join(", ")))
    }

    /// Whether the figures in a folder were drawn with other settings than these.
    pub fn change_figures(&self, folder: &Path) -> bool {
        let known = Self::kept(folder).unwrap_or_default();
        !self.changed(&known, |name| name.starts_with(OF_FIGURES)).is_empty()
    }

    /// Names of what differs, of those that `counts` accepts.
    fn changed<'a>(&'a self, known: &'a Self, counts: impl Fn(&str) -> bool) -> Vec<&'a str> {
        let all = self.0.keys().chain(known.0.keys());
        let mut changed: Vec<&str> = all
            .filter(|name| counts(name) && self.0.get(*name) != known.0.get(*name))
            .map(String::as_str)
            .collect();
        changed.sort_unstable();
        changed.dedup();
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_change_by_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = Inputs::default();
        inputs.set("size", 64);
        inputs.write(folder.path()).unwrap();
        assert!(!inputs.change_figures(folder.path()));
        inputs.set_of_figures("colours", "viridis");
        assert_eq!(inputs.change(folder.path()), None);
        assert!(inputs.change_figures(folder.path()));
        inputs.write(folder.path()).unwrap();
        assert!(!inputs.change_figures(folder.path()));
    }

    #[test]
    fn a_result_that_was_replaced_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, result) = (folder.path(), folder.path().join("n.json"));
        std::fs::write(&result, "1").unwrap();
        let inputs = Inputs::default();
        inputs.write(folder).unwrap();
        assert!(!Inputs::is_replaced(folder, &result), "earlier versions kept no digest");
        inputs.write_for(&result, folder).unwrap();
        assert!(!Inputs::is_replaced(folder, &result));
        assert_eq!(inputs.change(folder), None);
        std::fs::write(&result, "2").unwrap();
        assert!(Inputs::is_replaced(folder, &result));
    }

    #[test]
    fn a_change_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = Inputs::default();
        inputs.set("size", 64);
        assert_eq!(inputs.change(folder.path()).as_deref(), Some("not computed yet"));
        Inputs::default().write(folder.path()).unwrap();
        assert_eq!(inputs.change(folder.path()).as_deref(), Some("not computed to its end yet"));
        inputs.write(folder.path()).unwrap();
        assert_eq!(inputs.change(folder.path()), None);
        inputs.set("size", 65);
        inputs.set("seed", 1);
        assert_eq!(inputs.change(folder.path()).as_deref(), Some("changed: seed, size"));
    }
}
