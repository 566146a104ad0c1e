//! What several integration tests need.

use std::path::PathBuf;

/// A folder of the shared test data; `None`, with a note, if `FIELDSCOPE_SHARED` isn't set.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let Some(shared) = std::env::var_os("FIELDSCOPE_SHARED") else {
        eprintln!("skipped: FIELDSCOPE_SHARED is not set");
        return None;
    };
    Some(PathBuf::from(shared).join(folder))
}
