//! The files below a folder, in an order that no file system decides.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// Targets of the links to folders that have been followed.
pub type Followed = HashSet<PathBuf>;

/// Every entry below `folder`, by name, and what can't be listed. Symbolic links are followed, but
/// each linked folder once: folders that link to one another would otherwise be walked once for
/// every path through them, which may be billions. Those that `is_wanted` refuses are left out,
/// folders with all that is in them; `folder` itself isn't asked about.
pub fn entries<'a>(
    folder: &Path,
    followed: &'a mut Followed,
    is_wanted: impl Fn(&DirEntry) -> bool + 'a,
) -> impl Iterator<Item = walkdir::Result<DirEntry>> + 'a {
    // Sorted, so that which of several links to a folder is the one followed doesn't depend on the
    // file system.
    WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter().filter_entry(
        move |entry| entry.depth() == 0 || (is_wanted(entry) && is_new(entry, followed)),
    )
}

fn is_new(entry: &DirEntry, followed: &mut Followed) -> bool {
    if !entry.path_is_symlink() || !entry.file_type().is_dir() {
        return true;
    }
    fs::canonicalize(entry.path()).map_or(true, |target| followed.insert(target))
}

/// Whether a file or folder of this name is passed over in a listing: it begins with a dot, as do
/// those that systems and programs keep for themselves (`.Trash`, `._cat1.png`).
pub fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.')
}

/// The part of `path` below `folder`, with `/` between its components. Bytes that aren't UTF-8 are
/// written as `\xff`, so that different paths stay different.
pub fn path_below(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let parts = below.components().map(|part| match part.as_os_str().to_str() {
        Some(part) => part.to_owned(),
        None => part.as_os_str().as_encoded_bytes().escape_ascii().to_string(),
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_that_link_to_one_another_are_walked_in_a_moment() {
        let place = tempfile::tempdir().unwrap();
        let folders: Vec<PathBuf> =
            (0..16).map(|number| place.path().join(number.to_string())).collect();
        for folder in &folders {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("file"), "").unwrap();
        }
        for from in &folders {
            for (number, to) in folders.iter().enumerate() {
                symlink(to, from.join(format!("to{number}"))).unwrap();
            }
        }
        let found = entries(place.path(), &mut Followed::new(), |_| true).count();
        assert!((33..2000).contains(&found), "{found}");
    }

    #[test]
    fn names_that_are_not_utf8_stay_different() {
        let name = |byte: u8| Path::new("f").join(OsStr::from_bytes(&[b'a', byte])).join("b.png");
        assert_eq!(path_below(Path::new("f"), &name(0xff)), r"a\xff/b.png");
        assert_eq!(path_below(Path::new("f"), &name(0xfe)), r"a\xfe/b.png");
        assert_eq!(path_below(Path::new("f"), Path::new("f/größe/b.png")), "größe/b.png");
    }
}
