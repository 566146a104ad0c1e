//! Which files to read, in which order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use walkdir::DirEntry;

use super::ImageError;
use crate::store::walk::{self, Followed, is_hidden};

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
    /// What could not be listed below the given paths, and names that lead to a file that another
    /// name has given already, to warn about.
    pub warnings: Vec<ImageError>,
}

/// Lists image files: those among `paths`, and those in the folders among them, at any depth.
///
/// Inside a folder a file is taken if it has one of the [`EXTENSIONS`] in any case and no part of
/// its path below that folder starts with a dot. A file that `paths` names is taken whatever it is
/// called. Symbolic links are followed, a linked folder once; where several names lead to one file,
/// it is taken once, by the name that is no link if there is one. (Hard links are files of their
/// own.)
///
/// # Errors
/// When one of `paths` is missing or a folder that cannot be listed, or when no file is found.
pub fn list(paths: &[PathBuf], order: Order) -> Result<Listing, ImageError> {
    let mut found = Found::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| cannot_look_at(path, &error))?;
        if metadata.is_dir() {
            // Walkdir would report this among the entries, where it costs no more than a warning.
            fs::read_dir(path).map_err(|error| cannot_look_at(path, &error))?;
            found.walk(path);
        } else {
            found.add_named(path);
        }
    }
    let mut listing = found.into_listing();
    if listing.files.is_empty() {
        return Err(ImageError::NoImages { paths: paths.to_vec() });
    }
    if let Order::Shuffled(seed) = order {
        shuffle(&mut listing.files, seed);
    }
    Ok(listing)
}

/// A file that was found, before it is known whether another name leads to it.
struct Candidate {
    path: PathBuf,
    /// Which of the given paths it was found under.
    root: usize,
    /// Whether a symbolic link is on the way from there to the file.
    linked: bool,
}

/// What has been found so far.
#[derive(Default)]
struct Found {
    roots: Vec<PathBuf>,
    candidates: Vec<Candidate>,
    followed: Followed,
    warnings: Vec<ImageError>,
}

impl Found {
    fn add_named(&mut self, path: &Path) {
        let linked = path.is_symlink();
        self.candidates.push(Candidate { path: path.to_owned(), root: self.roots.len(), linked });
        self.roots.push(path.to_owned());
    }

    fn walk(&mut self, folder: &Path) {
        let root = self.roots.len();
        self.roots.push(folder.to_owned());
        // Depth of the linked folder that the walk is in.
        let mut inside: Option<usize> = None;
        let wanted = |entry: &DirEntry| !is_hidden(entry.file_name());
        for entry in walk::entries(folder, &mut self.followed, wanted) {
            match entry {
                Ok(entry) => {
                    inside = inside.filter(|depth| entry.depth() > *depth);
                    let link = entry.depth() > 0 && entry.path_is_symlink();
                    if entry.file_type().is_dir() && link {
                        inside = inside.or(Some(entry.depth()));
                    }
                    if entry.file_type().is_file() && has_image_extension(entry.path()) {
                        let linked = link || inside.is_some();
                        self.candidates.push(Candidate { path: entry.into_path(), root, linked });
                    }
                }
                // A link back to a folder above: all that is in it is listed there.
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) => self.warnings.extend(unlistable(&error)),
            }
        }
    }

    /// Each file once, sorted.
    fn into_listing(mut self) -> Listing {
        // The same file may be given as `a.png` and as `./a.png`.
        self.candidates.sort_by_cached_key(|candidate| without_dots(&candidate.path));
        self.candidates.dedup_by(|a, b| without_dots(&a.path) == without_dots(&b.path));
        if self.roots.len() > 1 || self.candidates.iter().any(|candidate| candidate.linked) {
            self.drop_repeated();
        }
        let files = self.candidates.into_iter().map(|candidate| candidate.path).collect();
        Listing { files, warnings: self.warnings }
    }

    /// Leaves out what leads to a file that is listed already. Only of links is the file system
    /// asked where they lead: it takes too long to ask for each of a million files.
    fn drop_repeated(&mut self) {
        let roots: Vec<Option<PathBuf>> =
            self.roots.iter().map(|root| fs::canonicalize(root).ok()).collect();
        let place = |candidate: &Candidate| {
            if candidate.linked {
                return fs::canonicalize(&candidate.path).ok();
            }
            let below = candidate.path.strip_prefix(&self.roots[candidate.root]).ok()?;
            let root = roots[candidate.root].as_ref()?;
            Some(if below.as_os_str().is_empty() { root.clone() } else { root.join(below) })
        };
        let mut keep = vec![true; self.candidates.len()];
        let mut known: HashMap<PathBuf, usize> = HashMap::new();
        let mut repeated: Option<(usize, usize)> = None;
        let mut count = 0;
        for links in [false, true] {
            for (index, candidate) in self.candidates.iter().enumerate() {
                // What can't be looked up is gone, and costs itself when it is read.
                let Some(place) = (candidate.linked == links).then(|| place(candidate)).flatten()
                else {
                    continue;
                };
                match known.entry(place) {
                    Entry::Vacant(entry) => _ = entry.insert(index),
                    Entry::Occupied(entry) => {
                        keep[index] = false;
                        if links {
                            count += 1;
                            repeated = repeated.or(Some((index, *entry.get())));
                        }
                    }
                }
            }
        }
        if let Some((again, first)) = repeated {
            let path = |index: usize| self.candidates[index].path.clone();
            self.warnings.push(ImageError::Repeated { count, path: path(again), of: path(first) });
        }
        let mut kept = keep.into_iter();
        self.candidates.retain(|_| kept.next() == Some(true));
    }
}

fn cannot_look_at(path: &Path, error: &std::io::Error) -> ImageError {
    if error.kind() == std::io::ErrorKind::NotFound {
        return ImageError::Missing { path: path.to_path_buf() };
    }
    ImageError::Unlistable { path: path.to_path_buf(), reason: error.to_string() }
}

/// A dangling link is worth a warning only where an image should have been.
fn unlistable(error: &walkdir::Error) -> Option<ImageError> {
    let path = error.path()?.to_path_buf();
    let hidden = path.file_name().is_some_and(is_hidden);
    let io = error.io_error()?;
    if io.kind() == std::io::ErrorKind::NotFound && (hidden || !has_image_extension(&path)) {
        return None;
    }
    let reason = io.to_string();
    Some(ImageError::Unlistable { path, reason })
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
        assert_eq!(listing.files, ["a/1.png", "b/2.png", "c/3.png"].map(|file| root.join(file)));
        let [gone, repeated] = &listing.warnings[..] else { panic!("{listing:?}") };
        assert!(gone.to_string().contains("gone.png"), "{gone}");
        assert!(matches!(repeated, ImageError::Repeated { .. }), "{repeated}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_several_names_is_taken_once_and_by_its_own() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["lk/b/1.png", "elsewhere/2.png", "elsewhere/x/3.png"]);
        let root = folder.path().join("lk");
        symlink("b", root.join("a")).unwrap();
        symlink("b/1.png", root.join("0.png")).unwrap();
        symlink("../elsewhere", root.join("c")).unwrap();
        symlink("../elsewhere/2.png", root.join("d.png")).unwrap();
        let listing = list(std::slice::from_ref(&root), Order::Sorted).unwrap();
        assert_eq!(listing.files, ["b/1.png", "c/2.png", "c/x/3.png"].map(|file| root.join(file)));
        let [ImageError::Repeated { count: 3, path, of }] = &listing.warnings[..] else {
            panic!("{listing:?}")
        };
        assert_eq!([path, of], [&root.join("0.png"), &root.join("b/1.png")]);

        // The same folder by another name, and a file in it.
        let given = [root.clone(), folder.path().join("elsewhere/../lk"), root.join("b/1.png")];
        assert_eq!(list(&given, Order::Sorted).unwrap().files.len(), 3);
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
