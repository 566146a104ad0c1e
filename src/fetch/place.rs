//! Where fetched files are kept.

use std::env;
use std::path::PathBuf;

use super::{FetchError, Released};

/// The folder of fetched files: `FIELDSCOPE_CACHE`, or `fieldscope` in the user's cache folder
/// (`XDG_CACHE_HOME`, else `~/.cache`).
///
/// # Errors
///
/// [`FetchError::NoFolder`] where none of these is set.
pub fn cache_folder() -> Result<PathBuf, FetchError> {
    let folder = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    folder("FIELDSCOPE_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("fieldscope")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache").join("fieldscope")))
        .ok_or(FetchError::NoFolder)
}

/// Where the released file of that name is, once it has been fetched.
///
/// # Errors
///
/// [`FetchError::Unknown`], [`FetchError::NotFetched`], [`FetchError::NoFolder`].
pub fn fetched(name: &str) -> Result<PathBuf, FetchError> {
    let rows = Released::built_in()?;
    let path = cache_folder()?.join(Released::find(&rows, name)?.file_name().unwrap_or(name));
    if path.is_file() {
        Ok(path)
    } else {
        Err(FetchError::NotFetched { name: name.to_owned(), path })
    }
}
