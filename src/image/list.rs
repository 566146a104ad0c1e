//! Which files to read, in which order.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::ImageError;
use crate::store::walk::{self, Followed};

/// The endings, in lower case, by which an image inside a folder is known.
pub const EXTENSIONS: [&str; 11] =
    ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "dib", "tif", "tiff", "gif"];

/// The order of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By path: component by component, each compared byte by byte, so that `a10.png` comes before
    /// `a2.png`, `Z.png` before `a.png`, and `a/z.png` before `a-b/c.png`. No locale has a say.
    Sorted,
    /// The sorted order shuffled (Fisher and Yates, with ChaCha8 from this seed): the same on every
    /// machine, whatever the order in which its file system returns names.
    Shuffled(u64),
}

/// The image files found.
#[derive(Debug, Default)]
pub struct Listing {
    /// Each file once, in the order asked for; at least one. A path starts with what the user gave.
    pub files: Vec<PathBuf>,
    /// Folders and entries below the given paths that could not be listed, to warn about.
    pub unlistable: Vec<ImageError>,
}

/// Lists image files: those among `paths`, and those in the folders among them, at any depth.
///
/// Inside a folder a file is taken if it has one of the [`EXTENSIONS`] in any case and no part of
/// its path below that folder starts with a dot. A file that `paths` names is taken whatever it is
/// called. Symbolic links are followed, a linked folder once.
///
/// # Errors
/// When one of `paths` is missing or a folder that cannot be listed, or when no file is found.
pub fn list(paths: &[PathBuf], order: Order) -> Result<Listing, ImageError> {
    let mut listing = Listing::default();
    let mut followed = Followed::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| cannot_look_at(path, &error))?;
        if metadata.is_dir() {
            // Walkdir would report this among the entries, where it costs no more than a warning.
            fs::read_dir(path).map_err(|error| cannot_look_at(path, &error))?;
            walk(path, &mut followed, &mut listing);
        } else {
            listing.files.push(path.clone());
        }
    }
    // The same file may be given as `a.png` and as `./a.png`.
    listing.files.sort_by_cached_key(|path| without_dots(path));
    listing.files.dedup_by(|a, b| without_dots(a) == without_dots(b));
    if listing.files.is_empty() {
        return Err(ImageError::NoImages { paths: paths.to_vec() });
    }
    if let Order::Shuffled(seed) = order {
        shuffle(&mut listing.files, seed);
    }
    Ok(listing)
}

fn cannot_look_at(path: &Path, error: &std::io::Error) -> ImageError {
    if error.kind() == std::io::ErrorKind::NotFound {
        return ImageError::Missing { path: path.to_path_buf() };
    }
    ImageError::Unlistable { path: path.to_path_buf(), reason: error.to_string() }
}

fn walk(folder: &Path, followed: &mut Followed, listing: &mut Listing) {
    let entries = walk::entries(folder, followed, |entry| !starts_with_dot(entry.file_name()));
    for entry in entries {
        match entry {
            Ok(entry) => {
                if entry.file_type().is_file() && has_image_extension(entry.path()) {
                    listing.files.push(entry.into_path());
                }
            }
            // A link back to a folder above: all that is in it is listed there.
            Err(error) if error.loop_ancestor().is_some() => {}
            Err(error) => listing.unlistable.extend(unlistable(&error)),
        }
    }
}

/// A dangling link is worth a warning only where an image should have been.
fn unlistable(error: &walkdir::Error) -> Option<ImageError> {
    let path = error.path()?.to_path_buf();
    let hidden = path.file_name().is_some_and(starts_with_dot);
    let io = error.io_error()?;
    if io.kind() == std::io::ErrorKind::NotFound && (hidden || !has_image_extension(&path)) {
        return None;
    }
    let reason = io.to_string();
    Some(ImageError::Unlistable { path, reason })
}

fn starts_with_dot(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.')
}

fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().map(OsStr::as_encoded_bytes);
    extension.is_some_and(|e| EXTENSIONS.iter().any(|x| e.eq_ignore_ascii_case(x.as_bytes())))
}

fn without_dots(path: &Path) -> PathBuf {
    let parts = path.components().filter(|c| *c != Component::CurDir);
    parts.collect()
}

/// Fisher and Yates, from the end. Seed and bounded numbers are spelled out here, so that a new
/// release of the random number crate cannot change which images a published seed takes.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut generator = ChaCha8Rng::from_seed(key);
    for last in (1..items.len()).rev() {
        items.swap(last, below(&mut generator, last as u64 + 1) as usize);
    }
}

/// A number from 0 to `bound - 1`, each as likely: what is left over at the top is drawn again.
fn below(generator: &mut ChaCha8Rng, bound: u64) -> u64 {
    let whole = u64::MAX - u64::MAX % bound;
    loop {
        let number = generator.next_u64();
        if number < whole {
            return number % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// A folder with these empty files.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path).unwrap();
        }
        folder
    }

    /// What is listed, relative to the folder.
    fn names(folder: &tempfile::TempDir, order: Order) -> Vec<String> {
        let listing = list(&[folder.path().to_path_buf()], order).unwrap();
        let relative = |path: &PathBuf| {
            let path = path.strip_prefix(folder.path()).unwrap();
            path.to_str().unwrap().to_string()
        };
        listing.files.iter().map(relative).collect()
    }

    #[test]
    fn sorted_by_the_bytes_of_each_component() {
        let folder = folder(&["b.png", "a2.png", "a10.png", "a/z.png", "a-b/c.png", "Z.png"]);
        assert_eq!(
            names(&folder, Order::Sorted),
            ["Z.png", "a/z.png", "a-b/c.png", "a10.png", "a2.png", "b.png"]
        );
    }

    #[test]
    fn only_images_that_are_not_hidden() {
        let folder = folder(&[
            "a.PNG",
            "b.JPEG",
            "c.tif",
            "notes.txt",
            "png",
            ".hidden.png",
            "._d.png",
            ".cache/e.png",
            "deep/er/f.webp",
        ]);
        assert_eq!(names(&folder, Order::Sorted), ["a.PNG", "b.JPEG", "c.tif", "deep/er/f.webp"]);
    }

    #[test]
    fn a_named_file_is_taken_whatever_it_is_called_and_once() {
        let folder = folder(&["a.png", ".b.data"]);
        let root = folder.path();
        let given =
            [root.join(".b.data"), root.to_path_buf(), root.join("a.png"), root.join("./a.png")];
        let listing = list(&given, Order::Sorted).unwrap();
        assert_eq!(listing.files, [root.join(".b.data"), root.join("a.png")]);
    }

    #[test]
    fn nothing_found_and_nothing_there_are_errors() {
        let folder = folder(&["notes.txt"]);
        let error = list(&[folder.path().to_path_buf()], Order::Sorted).unwrap_err();
        assert!(matches!(error, ImageError::NoImages { .. }), "{error}");
        let error = list(&[folder.path().join("absent")], Order::Sorted).unwrap_err();
        assert!(matches!(error, ImageError::Missing { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_loops_end() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["a/1.png", "b/2.png", "c/3.png"]);
        let root = folder.path();
        for from in ["a", "b", "c"] {
            for to in ["a", "b", "c", "."] {
                symlink(root.join(to), root.join(from).join(format!("to{to}"))).unwrap();
            }
        }
        symlink(root.join("gone"), root.join("gone.png")).unwrap();
        let listing = list(&[root.to_path_buf()], Order::Sorted).unwrap();
        for file in ["a/1.png", "b/2.png", "c/3.png"] {
            assert!(listing.files.contains(&root.join(file)), "{listing:?}");
        }
        assert_eq!(listing.unlistable.len(), 1, "{listing:?}");
        assert!(listing.unlistable[0].to_string().contains("gone.png"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_not_utf8_work() {
        use std::os::unix::ffi::OsStrExt;
        let folder = folder(&["a.png"]);
        let odd = folder.path().join(OsStr::from_bytes(b"\xff\xfe.png"));
        File::create(&odd).unwrap();
        let listing = list(&[folder.path().to_path_buf()], Order::Sorted).unwrap();
        assert_eq!(listing.files, [folder.path().join("a.png"), odd]);
    }

    #[test]
    fn a_seed_gives_one_order_for_good() {
        // Computed with an independent implementation of ChaCha8.
        let mut items: Vec<usize> = (0..10).collect();
        shuffle(&mut items, 7);
        assert_eq!(items, [0, 5, 7, 4, 1, 3, 2, 8, 6, 9]);
        let mut items: Vec<usize> = (0..10).collect();
        shuffle(&mut items, u64::MAX);
        assert_eq!(items, [9, 3, 5, 8, 2, 4, 6, 0, 1, 7]);
    }

    #[test]
    fn a_shuffle_keeps_every_file() {
        let folder = folder(&["a.png", "b.png", "c.png", "d.png", "e.png"]);
        let mut shuffled = names(&folder, Order::Shuffled(3));
        shuffled.sort();
        assert_eq!(shuffled, names(&folder, Order::Sorted));
    }
}
