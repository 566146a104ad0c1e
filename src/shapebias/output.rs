//! The files of a result folder: `shapebias.json`, `shapebias.csv`, `decisions/LABEL.csv`.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::decision_file::DecisionWriter;
use super::error::ShapeBiasError;
use super::observer::Decision;
use super::result::ShapeBiasResult;
use crate::store::folder::safe_file_name;
use crate::store::{StoreError, atomic};

/// Name of the file that holds everything.
pub const JSON_NAME: &str = "shapebias.json";

/// Name of the table: a row an observer and shape category.
pub const CSV_NAME: &str = "shapebias.csv";

/// Writes [`JSON_NAME`] and [`CSV_NAME`], each whole or not at all.
///
/// # Errors
/// Where the folder can't be written.
pub fn write(folder: &Path, result: &ShapeBiasResult) -> Result<(), ShapeBiasError> {
    atomic::write(&folder.join(JSON_NAME), |file| {
        serde_json::to_writer_pretty(&mut *file, result)?;
        io::Write::write_all(file, b"\n")
    })?;
    atomic::write(&folder.join(CSV_NAME), |file| {
        let mut rows = csv::Writer::from_writer(file);
        for row in result.rows() {
            rows.serialize(row).map_err(io::Error::other)?;
        }
        rows.flush()
    })?;
    Ok(())
}

/// Where each network's decisions go, in the order of the labels.
///
/// # Errors
/// Where two labels would share a file.
pub fn decision_paths(folder: &Path, labels: &[&str]) -> Result<Vec<PathBuf>, ShapeBiasError> {
    let mut owners: HashMap<PathBuf, &str> = HashMap::new();
    let mut paths = Vec::new();
    for &label in labels {
        let name = format!("{}.csv", safe_file_name(label));
        let path = folder.join("decisions").join(name);
        if let Some(other) = owners.insert(path.clone(), label) {
            return Err(ShapeBiasError::LabelsCollide {
                first: other.to_owned(),
                second: label.to_owned(),
                path,
            });
        }
        paths.push(path);
    }
    Ok(paths)
}

/// Decisions of a network that is still at work: every row is in `LABEL.csv.part` as soon as it is
/// made, and the file gets its name when the last one is.
pub struct DecisionLog {
    path: PathBuf,
    part: PathBuf,
    file: File,
    rows: DecisionWriter<File>,
}

impl DecisionLog {
    /// Starts the log of the decisions that will be at `path`; `label` is written as `subj`.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn create(path: &Path, label: &str) -> Result<Self, ShapeBiasError> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        if let Some(folder) = part.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|cause| StoreError::io("create the folder", folder, cause))?;
        }
        let in_writing = |cause| StoreError::io("write", &part, cause);
        let file = File::create(&part).map_err(in_writing)?;
        let copy = file.try_clone().map_err(in_writing)?;
        let rows = DecisionWriter::new(copy, label).map_err(in_writing)?;
        Ok(Self { path: path.to_owned(), part, file, rows })
    }

    /// Adds a decision.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn write(&mut self, decision: &Decision) -> Result<(), ShapeBiasError> {
        self.rows.write(decision).map_err(|cause| StoreError::io("write", &self.part, cause))?;
        Ok(())
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// Where that can't be done; the rows are then still in `LABEL.csv.part`.
    pub fn finish(self) -> Result<PathBuf, ShapeBiasError> {
        let in_writing = |cause| StoreError::io("write", &self.path, cause);
        self.file.sync_all().map_err(in_writing)?;
        std::fs::rename(&self.part, &self.path).map_err(in_writing)?;
        Ok(self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bias::Tally;
    use super::super::observer::{Answer, Decision};
    use super::super::result::{ObserverKind, ObserverResult, ShapeBiasRow};
    use super::super::stimuli::Cues;
    use super::*;
    use crate::store::Provenance;

    fn result() -> ShapeBiasResult {
        let tally = Tally {
            conflict_trials: 10,
            shape_correct: 3,
            texture_correct: 1,
            no_answer: 2,
            ..Tally::default()
        };
        ShapeBiasResult {
            observers: vec![ObserverResult {
                label: "a, \"b\"".to_owned(),
                kind: ObserverKind::Network,
                architecture: None,
                untrained: true,
                overall: tally.figures(),
                categories: Vec::new(),
                consistency_with_humans: Some(0.5),
                confusion: None,
                provenance: Provenance::default(),
            }],
            ..ShapeBiasResult::default()
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let result = result();
        write(folder.path(), &result).unwrap();
        let json = std::fs::read(folder.path().join(JSON_NAME)).unwrap();
        assert_eq!(serde_json::from_slice::<ShapeBiasResult>(&json).unwrap(), result);
        let mut rows = csv::Reader::from_path(folder.path().join(CSV_NAME)).unwrap();
        let rows: Vec<ShapeBiasRow> = rows.deserialize().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows, result.rows());
        assert_eq!(rows[0].shape_bias, Some(0.75));
    }

    #[test]
    fn labels_that_share_a_file_are_refused() {
        let paths = decision_paths(Path::new("out"), &["Lite 0", "../x"]).unwrap();
        assert_eq!(paths[0], Path::new("out/decisions/Lite_0.csv"));
        assert_eq!(paths[1].parent(), Some(Path::new("out/decisions")));
        let message = decision_paths(Path::new("out"), &["a b", "a:b"]).unwrap_err().to_string();
        assert!(message.contains("\"a b\" and \"a:b\""), "{message}");
    }

    #[test]
    fn decisions_are_on_disk_before_the_log_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decisions/n.csv");
        let mut log = DecisionLog::create(&path, "n").unwrap();
        let decision = Decision {
            stimulus: "cat1-bear2.png".to_owned(),
            cues: Cues { shape: "cat".to_owned(), texture: "bear".to_owned() },
            answer: Answer::Category("bear".to_owned()),
        };
        log.write(&decision).unwrap();
        let part = std::fs::read_to_string(folder.path().join("decisions/n.csv.part")).unwrap();
        assert!(part.ends_with("n,1,1,NaN,bear,cat,0,cat1-bear2.png\n"), "{part}");
        assert!(!path.exists());
        assert_eq!(log.finish().unwrap(), path);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), part);
    }
}
