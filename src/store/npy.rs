//! ERF maps as NumPy's .npy files (format versions 1 to 3).

use std::fs::{self, File};
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use ndarray::Array2;
use ndarray_npy::npy::header::Header;
use ndarray_npy::{ReadNpyExt, WriteNpyExt};

use super::{StoreError, atomic};

/// Longest header that is read, in bytes: NumPy's own limit for files it doesn't trust.
const LONGEST_HEADER: usize = 10_000;

/// Deepest nesting of brackets in a header; a parser's recursion must not follow a hostile file
/// down.
const DEEPEST_NESTING: usize = 8;

/// Most bytes before the header's text: magic string, version, length.
const PREFIX_LENGTH: usize = 12;

/// Reads an H x W map of f32 or f64, in C or Fortran order, of either byte order.
///
/// The size that the header declares is compared with the file's length before memory is asked for.
///
/// # Errors
/// [`StoreError::Io`] where the file can't be read; [`StoreError::Map`] where it isn't .npy, is cut
/// short or too long, isn't 2-D, is empty, holds another type than f32 or f64, or a value that
/// isn't finite, or is of a scale that f32 can't hold.
pub fn read_map(path: &Path) -> Result<Array2<f64>, StoreError> {
    let in_reading = |cause| StoreError::io("read", path, cause);
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let metadata = fs::metadata(path).map_err(in_reading)?;
    if !metadata.is_file() {
        return Err(StoreError::map(path, "it is not a regular file; name a .npy file"));
    }
    let mut file = File::open(path).map_err(in_reading)?;
    let mut start = Vec::new();
    let longest_start = (PREFIX_LENGTH + LONGEST_HEADER) as u64;
    (&mut file).take(longest_start).read_to_end(&mut start).map_err(in_reading)?;
    let element = checked_element(&start, metadata.len())
        .map_err(|problem| StoreError::map(path, problem))?;

    file.rewind().map_err(in_reading)?;
    let damaged = |error| StoreError::map(path, format!("{error}"));
    let map = match element {
        Element::Single => Array2::<f32>::read_npy(file).map_err(damaged)?.mapv(f64::from),
        Element::Double => Array2::<f64>::read_npy(file).map_err(damaged)?,
    };
    // One memory order whatever the file's, so that sums over it run in the same order.
    let map = map.as_standard_layout().into_owned();
    check_finite(&map).map_err(|problem| StoreError::map(path, problem))?;
    if let Element::Double = element {
        check_range(&map).map_err(|problem| StoreError::map(path, problem))?;
    }
    Ok(map)
}

/// Writes an H x W map as f32, whole or not at all; equal maps give equal bytes.
///
/// # Errors
/// [`StoreError::Io`] where the file can't be written.
pub fn write_map(path: &Path, map: &Array2<f32>) -> Result<(), StoreError> {
    let map = map.as_standard_layout();
    let mut bytes = Vec::with_capacity(PREFIX_LENGTH + 116 + map.len() * size_of::<f32>());
    map.write_npy(&mut bytes)
        .map_err(|error| StoreError::io("write", path, std::io::Error::other(error)))?;
    atomic::write_bytes(path, &bytes)
}

#[derive(Clone, Copy)]
enum Element {
    Single,
    Double,
}

impl Element {
    fn from_descriptor(descriptor: &str) -> Option<Self> {
        match descriptor {
            "<f4" | ">f4" => Some(Self::Single),
            "<f8" | ">f8" => Some(Self::Double),
            _ => None,
        }
    }

    fn bytes(self) -> u128 {
        match self {
            Self::Single => 4,
            Self::Double => 8,
        }
    }
}

/// The type of the values of a file of `file_length` bytes, of which `start` holds the header, once
/// all that the header declares is known to be a map that the file really holds.
fn checked_element(start: &[u8], file_length: u64) -> Result<Element, String> {
    let header_end = header_end(start)?;
    let cut_short = || "it is cut short, inside its header; copy or make it again".to_owned();
    let header = start.get(..header_end).ok_or_else(cut_short)?;
    if nesting(header) > DEEPEST_NESTING {
        return Err("its header is not one that NumPy writes".to_owned());
    }
    // The parser's own message repeats the whole header over several lines.
    let header = Header::from_reader(&mut Cursor::new(header))
        .map_err(|_| "its header is damaged; copy or make it again".to_owned())?;

    let element = header
        .type_descriptor
        .as_string()
        .and_then(|descriptor| Element::from_descriptor(descriptor))
        .ok_or_else(|| {
            format!(
                "its values are of type {}, not f32 or f64; save it with .astype('float32')",
                shortened(header.type_descriptor.to_string())
            )
        })?;
    let &[height, width] = header.shape.as_slice() else {
        return Err(format!(
            "it has {} dimensions ({}), not 2; save one H x W map a file",
            header.shape.len(),
            shortened(sides(&header.shape))
        ));
    };
    if height == 0 || width == 0 {
        return Err(format!("it is empty ({height} x {width})"));
    }
    let declared = (height as u128 * width as u128).saturating_mul(element.bytes());
    let present = u128::from(file_length).saturating_sub(header_end as u128);
    if declared != present {
        let state = if present < declared { "cut short" } else { "longer than it says" };
        return Err(format!(
            "it is {state}: {height} x {width} values take {declared} bytes, it holds {present}; \
             copy or make it again"
        ));
    }
    Ok(element)
}

/// The position after the header, from the first bytes of the file.
fn header_end(start: &[u8]) -> Result<usize, String> {
    if !start.starts_with(b"\x93NUMPY") {
        return Err("it is not a .npy file; save it with numpy.save".to_owned());
    }
    let (length, prefix) = match *start {
        [_, _, _, _, _, _, 1, _, a, b, ..] => (u32::from(u16::from_le_bytes([a, b])), 10),
        [_, _, _, _, _, _, 2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([a, b, c, d]), 12),
        [_, _, _, _, _, _, major, minor, _, _, ..] if !(1..=3).contains(&major) => {
            return Err(format!("its .npy version {major}.{minor} is unknown; 1 to 3 are read"));
        }
        _ => return Err("it is cut short, inside its header; copy or make it again".to_owned()),
    };
    let length = length as usize;
    if length > LONGEST_HEADER {
        return Err(format!(
            "its header is said to be {length} bytes long, {LONGEST_HEADER} are allowed"
        ));
    }
    Ok(prefix + length)
}

/// Deepest nesting of brackets, strings not told apart.
fn nesting(header: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in header {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn sides(shape: &[usize]) -> String {
    let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
    sides.join(" x ")
}

/// At most the length that a message bears of what a file says.
fn shortened(text: String) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn check_finite(map: &Array2<f64>) -> Result<(), String> {
    let mut wrong = map.indexed_iter().filter(|(_, value)| !value.is_finite());
    let Some(((row, column), value)) = wrong.next() else {
        return Ok(());
    };
    let name = if value.is_nan() { "NaN" } else { "infinite" };
    Err(format!(
        "its value at row {row}, column {column} is {name} ({} of {} values are not finite)",
        wrong.count() + 1,
        map.len()
    ))
}

/// Refuses a map whose copy as f32, in which results are kept, would be infinite or zero.
fn check_range(map: &Array2<f64>) -> Result<(), String> {
    let largest = map.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let (least, most) = (f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX));
    if largest == 0.0 || (least..=most).contains(&largest) {
        return Ok(());
    }
    Err(format!(
        "its largest value is {largest:e}, and maps are kept as f32, which holds {least:.0e} to \
         {most:.0e}; scale it first, such as by dividing it by its largest value"
    ))
}

#[cfg(test)]
mod tests;
