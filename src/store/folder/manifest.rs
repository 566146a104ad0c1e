//! The record, in a folder of results, of the runs that made them.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::MANIFEST_NAME;
use crate::store::{StoreError, atomic, provenance};

/// The longest that is waited for another process that is writing the manifest.
const PATIENCE: Duration = Duration::from_secs(5);

/// For each command, the run whose results are here.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) runs: BTreeMap<String, RunRecord>,
}

/// What the manifest says of one run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunRecord {
    pub(super) identity: String,
    version: String,
    pub(super) command_line: Vec<String>,
    pub(super) date: String,
    /// Names of what the run writes here; absent in manifests of before names were noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<Vec<String>>,
}

impl RunRecord {
    /// The record of this run, which writes these files.
    pub(super) fn of_this_run(identity: &str, files: Vec<String>) -> Self {
        Self {
            identity: identity.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command_line: provenance::command_line(),
            date: provenance::now(),
            files: Some(files),
        }
    }

    /// Whether the run may have made `name`.
    pub(super) fn owns(&self, name: &str) -> bool {
        self.files.as_ref().is_none_or(|files| files.iter().any(|file| file == name))
    }

    /// Whether nothing is in the folder that the run was to write: it failed before its first result.
    pub(super) fn left_nothing(&self, folder: &Path) -> bool {
        let there = |name: &String| folder.join(name).symlink_metadata().is_ok();
        self.files.as_ref().is_some_and(|files| !files.iter().any(there))
    }
}

impl Manifest {
    /// The manifest of a folder; an empty one where there is none, or, with `force`, where it can't
    /// be understood.
    pub(super) fn read(folder: &Path, force: bool) -> Result<Self, StoreError> {
        let path = folder.join(MANIFEST_NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(StoreError::io("read", &path, error)),
        };
        match serde_json::from_slice(&text) {
            Ok(manifest) => Ok(manifest),
            Err(_) if force => Ok(Self::default()),
            Err(error) => Err(StoreError::Manifest { path, problem: error.to_string() }),
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        atomic::write(&folder.join(MANIFEST_NAME), |writer| {
            serde_json::to_writer_pretty(&mut *writer, self)?;
            io::Write::write_all(writer, b"\n")
        })
    }
}

/// Keeps other processes from changing the manifest of a folder until what is returned is dropped:
/// two commands that claim a folder at once would otherwise write over one another's record. The
/// folder itself is locked, so that no file is left behind. Where that can't be done (some network
/// file systems, Windows), or another process doesn't let go, the work goes on without.
pub(super) fn lock(folder: &Path) -> Option<File> {
    let file = File::open(folder).ok()?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(_) => return None,
        }
    }
}
