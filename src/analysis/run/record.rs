//! What a task of a divided study says of itself, in its folder, for whoever asks how it goes.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::{StoreError, atomic, provenance};

/// Name of the file in a task's folder.
const FILE_NAME: &str = "fieldscope-task.json";

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It was started, and hasn't ended, or was killed.
    Begun,
    /// It ended well.
    Done,
    /// It ended with an error.
    Failed,
}

/// What a task says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How far it has come.
    pub stage: Stage,
    /// Why it failed.
    pub message: Option<String>,
    /// Name of the machine.
    pub machine: Option<String>,
    /// Since when that holds, RFC 3339, UTC.
    pub date: String,
    /// Digests of the inputs of what it computed or put together, by the work's name for files. A
    /// task that hasn't ended well keeps those that it was begun with first.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
}

impl Record {
    /// That this process has come so far.
    pub fn new(stage: Stage, message: Option<String>) -> Self {
        let (machine, date) = (machine(), provenance::now());
        Self { stage, message, machine, date, inputs: BTreeMap::new() }
    }

    /// With these inputs.
    #[must_use]
    pub fn of(self, inputs: BTreeMap<String, String>) -> Self {
        Self { inputs, ..self }
    }

    /// What the task with this folder said last; nothing where it hasn't begun, or what it said
    /// can't be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read(folder.join(FILE_NAME)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Leaves the record in the task's folder.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        atomic::write(&folder.join(FILE_NAME), |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            std::io::Write::write_all(file, b"\n")
        })
    }

    /// Forgets what the task with this folder said; not what it has computed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn remove(folder: &Path) -> Result<(), StoreError> {
        let path = folder.join(FILE_NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// Whether the task of this folder ended well.
    pub fn is_done(folder: &Path) -> bool {
        Self::read(folder).is_some_and(|record| record.stage == Stage::Done)
    }
}

/// Name of this machine, where the system tells.
fn machine() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_and_a_damaged_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(folder.path()), None);
        let inputs = BTreeMap::from([("erf-A".to_owned(), "0123".to_owned())]);
        let record = Record::new(Stage::Failed, Some("no checkpoint".to_owned())).of(inputs);
        record.write(folder.path()).unwrap();
        assert_eq!(Record::read(folder.path()), Some(record));
        assert!(!Record::is_done(folder.path()));
        Record::new(Stage::Done, None).write(folder.path()).unwrap();
        assert!(Record::is_done(folder.path()));
        Record::remove(folder.path()).unwrap();
        Record::remove(folder.path()).unwrap();
        assert_eq!(Record::read(folder.path()), None);
        let older = r#"{"stage": "done", "message": null, "machine": null, "date": ""}"#;
        std::fs::write(folder.path().join(FILE_NAME), older).unwrap();
        assert!(Record::is_done(folder.path()));
        std::fs::write(folder.path().join(FILE_NAME), "{").unwrap();
        assert!(!Record::is_done(folder.path()));
    }
}
