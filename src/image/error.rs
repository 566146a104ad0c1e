//! What can go wrong between a path and a network's input.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// An error of this room. Each message names what it is about, what is wrong and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// One image file that cannot be used; a run can go on without it.
    #[error("cannot use the image {}: {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A path to list that does not exist.
    #[error(
        "cannot list images: there is nothing at {}; check the spelling, and that the disk is mounted",
        path.display()
    )]
    Missing {
        /// The path as the user gave it.
        path: PathBuf,
    },
    /// A folder, or an entry of one, that cannot be listed.
    #[error("cannot list images at {}: {reason}; check its permissions", path.display())]
    Unlistable {
        /// The folder or entry.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
    /// Names, by way of symbolic links, of images that are listed already.
    #[error(
        "{} by another name, through a link ({} is {}): each image is used once",
        counted(*count), path.display(), of.display()
    )]
    Repeated {
        /// How many names lead to an image that is listed already.
        count: usize,
        /// The first of these names.
        path: PathBuf,
        /// The name by which that image is used.
        of: PathBuf,
    },
    /// Folders in which no image lies.
    #[error(
        "found no image under {}: a folder is searched for files that end in {}; name a file to take it whatever it is called",
        display_all(paths),
        super::EXTENSIONS.join(", ")
    )]
    NoImages {
        /// What was searched.
        paths: Vec<PathBuf>,
    },
    /// A resize that cannot be done.
    #[error("cannot resize a picture of {} x {} pixels to {} x {}: {reason}", from.0, from.1, to.0, to.1)]
    Resize {
        /// Width and height of the picture.
        from: (usize, usize),
        /// Width and height asked for.
        to: (usize, usize),
        /// Why not.
        reason: String,
    },
    /// A mean or standard deviation that makes no network input.
    #[error(
        "cannot normalise with mean {mean:?} and standard deviation {std:?}: each must be a finite number and no standard deviation may be 0 or less"
    )]
    Normalisation {
        /// Mean of each colour channel.
        mean: [f64; 3],
        /// Standard deviation of each colour channel.
        std: [f64; 3],
    },
    /// The operating system refuses a thread.
    #[error("cannot start a thread to read images: {0}; ask for fewer threads")]
    Thread(#[source] io::Error),
}

/// What is wrong with one image, whatever its path.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be read.
    #[error("it cannot be read ({0}); check that it is there and that you may read it")]
    Unreadable(#[source] io::Error),
    /// A folder where a file is expected.
    #[error("it is a folder, where an image file is expected")]
    Folder,
    /// A pipe, socket or device.
    #[error("it is not a regular file; copy its content into one")]
    NotAFile,
    /// A file of no bytes.
    #[error("the file is empty; copy it again, or leave it out")]
    Empty,
    /// Content in no format that this room reads.
    #[error(
        "its content is none of PNG, JPEG, WebP, BMP, TIFF and GIF, whatever its name; convert it to PNG, or leave it out"
    )]
    NotAnImage,
    /// A file that ends too early.
    #[error("the {format} data end too early; copy the file again, or leave it out")]
    CutShort {
        /// The format that its content shows.
        format: &'static str,
    },
    /// Content that breaks the rules of its format.
    #[error("the {format} data are damaged ({reason}); copy the file again, or leave it out")]
    Damaged {
        /// The format that its content shows.
        format: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// A variant of a format that this room does not read.
    #[error("this kind of {format} is not supported ({reason}); convert it to an 8-bit PNG")]
    Unsupported {
        /// The format that its content shows.
        format: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// More pixels, or more bytes, than a picture may have.
    #[error("it is too large ({size}; the most is {limit}); scale it down first")]
    TooLarge {
        /// Its size, with the unit.
        size: String,
        /// The limit, with the unit.
        limit: String,
    },
}

impl Problem {
    /// The error that says this problem is with the file at `path`.
    pub fn at(self, path: &Path) -> ImageError {
        ImageError::Unusable { path: path.to_path_buf(), problem: self }
    }
}

fn counted(count: usize) -> String {
    if count == 1 {
        "1 of the images found is another".to_owned()
    } else {
        format!("{count} of the images found are others")
    }
}

fn display_all(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(", ")
}
