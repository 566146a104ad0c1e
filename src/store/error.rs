//! What can go wrong with files on disk, said so that the reader knows what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// An error of [`crate::store`]. Each message is complete in itself: what was being done, to which
/// file, what is wrong, what to do. The cause is part of the message, so
/// [`std::error::Error::source`] is empty.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}{}", path.display(), advice(cause))]
    Io {
        /// What was being done, after "cannot": "read", "write", "create the folder".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        cause: io::Error,
    },
    /// A map file that can't be used.
    #[error("cannot read {} as an ERF map: {problem}", path.display())]
    Map {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The folder holds the results of a run that was asked something else.
    #[error(
        "{} holds the results of a different `fieldscope {command}` run, of {date}; give another \
         folder with --out, or --force to overwrite them", folder.display()
    )]
    DifferentRun {
        /// The result folder.
        folder: PathBuf,
        /// The command that made the results.
        command: String,
        /// When that run started.
        date: String,
    },
    /// A file is in the way that no fieldscope run accounts for.
    #[error(
        "{} exists and no earlier run of this command made it; give another folder with --out, or \
         --force to overwrite it", path.display()
    )]
    FileInTheWay {
        /// The file.
        path: PathBuf,
    },
    /// The record of who made a result folder can't be understood.
    #[error(
        "cannot read {}, which says what made the results beside it: {problem}; give another folder \
         with --out, or --force to overwrite", path.display()
    )]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Half-done work that can't be gone on with.
    #[error(
        "cannot go on with {}, which an interrupted run left: {problem}; give another folder with \
         --out, or --force to begin anew", path.display()
    )]
    State {
        /// The file that holds it.
        path: PathBuf,
        /// What is wrong with it, or in what it differs.
        problem: String,
    },
}

impl StoreError {
    /// An operating system error, with what was being done ("read", "write") to which file.
    pub fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        let path = path.to_path_buf();
        Self::Io { action, path, cause }
    }

    /// Half-done work that can't be gone on with, and why.
    pub fn state(path: &Path, problem: impl Into<String>) -> Self {
        Self::State { path: path.to_path_buf(), problem: problem.into() }
    }

    pub(super) fn map(path: &Path, problem: impl Into<String>) -> Self {
        Self::Map { path: path.to_path_buf(), problem: problem.into() }
    }
}

/// What to do about an operating system error, where that isn't plain from its own words.
fn advice(cause: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    match cause.kind() {
        Kind::NotFound => "; check the path",
        Kind::PermissionDenied => "; check the permissions of the file and its folder",
        Kind::StorageFull | Kind::QuotaExceeded => "; make room there, or choose another disk",
        Kind::ReadOnlyFilesystem => "; choose a folder on a disk that can be written to",
        Kind::NotADirectory => "; a part of the path is a file, choose another path",
        Kind::IsADirectory => "; it is a folder, name a file",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_action_file_cause_and_remedy() {
        let error = StoreError::io(
            "write",
            Path::new("out/erf.csv"),
            io::Error::new(io::ErrorKind::StorageFull, "no space left on device"),
        );
        assert_eq!(
            error.to_string(),
            "cannot write out/erf.csv: no space left on device; make room there, or choose another disk"
        );
    }
}
