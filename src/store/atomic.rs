//! Files that are either whole or not there: written beside their place, then renamed into it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use super::StoreError;

/// Writes `path` through `fill`: a temporary file in the same folder, flushed to the disk and
/// renamed. A reader sees the old file or the new one, never a part. Missing parent folders are
/// created.
///
/// # Errors
/// [`StoreError::Io`], where `fill` fails or the disk does. The old file, if any, is then untouched
/// and the temporary one is gone.
pub fn write(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<(), StoreError> {
    let folder = parent_folder(path);
    fs::create_dir_all(folder)
        .map_err(|cause| StoreError::io("create the folder", folder, cause))?;
    write_in(folder, path, fill).map_err(|cause| StoreError::io("write", path, cause))
}

/// Writes `bytes` to `path` as [`write()`] does.
///
/// # Errors
/// As [`write()`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write(path, |writer| writer.write_all(bytes))
}

fn write_in(
    folder: &Path,
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let temporary = temporary_file(folder)?;
    {
        let mut writer = BufWriter::new(temporary.as_file());
        fill(&mut writer)?;
        writer.flush()?;
    }
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    // The rename itself reaches the disk with its folder; some file systems can't do that.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".fieldscope-").suffix(".tmp");
    #[cfg(unix)]
    {
        // The permissions of any new file (less the user's umask), not a private file's.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn parent_folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn creates_folders_and_replaces_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/result.csv");
        write_bytes(&path, b"first").unwrap();
        write_bytes(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(path.parent().unwrap()), ["result.csv"]);
    }

    #[test]
    fn an_error_half_way_keeps_the_old_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.csv");
        write_bytes(&path, b"old").unwrap();
        let error = write(&path, |writer| {
            writer.write_all(&[0; 100_000])?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert!(error.to_string().contains("result.csv"), "{error}");
        assert!(error.to_string().contains("make room"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["result.csv"]);
    }

    #[test]
    fn a_folder_in_the_way_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.csv");
        fs::create_dir(&path).unwrap();
        let error = write_bytes(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("it is a folder"), "{error}");
        assert_eq!(names(folder.path()), ["result.csv"]);
    }

    #[test]
    fn a_file_among_the_parents_is_an_error_that_names_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = write_bytes(&folder.path().join("file/result.csv"), b"").unwrap_err();
        assert!(error.to_string().starts_with("cannot create the folder"), "{error}");
    }

    #[test]
    fn a_bare_file_name_belongs_to_the_current_folder() {
        assert_eq!(parent_folder(Path::new("erf.csv")), Path::new("."));
        assert_eq!(parent_folder(Path::new("out/erf.csv")), Path::new("out"));
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_results_as_far_as_the_umask_lets_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let atomic = folder.path().join("atomic");
        write_bytes(&atomic, b"").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&atomic), mode(&plain));
    }
}
