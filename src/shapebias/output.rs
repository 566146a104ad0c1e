//! The files of a result folder: `shapebias.json`, `shapebias.csv`, `decisions/LABEL.csv`.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::error::ShapeBiasError;
use super::result::ShapeBiasResult;
use crate::store::atomic;
use crate::store::folder::safe_file_name;

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

/// Where in its folder each network's decisions go, in the order of the labels.
///
/// # Errors
/// Where two labels would share a file.
pub fn decision_names(labels: &[&str]) -> Result<Vec<String>, ShapeBiasError> {
    let mut owners: HashMap<String, &str> = HashMap::new();
    let mut names = Vec::new();
    for &label in labels {
        let name = format!("decisions/{}.csv", safe_file_name(label));
        if let Some(other) = owners.insert(name.clone(), label) {
            return Err(ShapeBiasError::LabelsCollide {
                first: other.to_owned(),
                second: label.to_owned(),
                path: name.into(),
            });
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::super::bias::Tally;
    use super::super::result::{ObserverKind, ObserverResult, ShapeBiasRow};
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
        let names = decision_names(&["Lite 0", "../x"]).unwrap();
        assert_eq!(names, ["decisions/Lite_0.csv", "decisions/x.csv"]);
        let message = decision_names(&["a b", "a:b"]).unwrap_err().to_string();
        assert!(message.contains("\"a b\" and \"a:b\""), "{message}");
    }
}
