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
/// isn't finite.
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

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    /// A .npy file as NumPy lays it out, with the header and data given.
    fn npy(version: u8, dictionary: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        let header = format!("{dictionary}\n");
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Array2<f64>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.npy");
        fs::write(&path, bytes).unwrap();
        read_map(&path).map_err(|error| error.to_string())
    }

    fn problem(bytes: &[u8]) -> String {
        let message = read(bytes).unwrap_err();
        assert!(message.contains("map.npy"), "{message}");
        message
    }

    const VALUES: [f64; 6] = [1.0, 2.5, -3.0, 0.0, 1e-3, 7e5];

    #[test]
    fn reads_each_type_order_byte_order_and_version() {
        let in_c_order = Array2::from_shape_vec((2, 3), VALUES.to_vec()).unwrap();
        let in_fortran_order =
            Array2::from_shape_vec((3, 2), VALUES.to_vec()).unwrap().reversed_axes();
        for version in 1..=3 {
            for (order, expected) in [("False", &in_c_order), ("True", &in_fortran_order)] {
                let header = |descriptor| {
                    format!(
                        "{{'descr': '{descriptor}', 'fortran_order': {order}, 'shape': (2, 3), }}"
                    )
                };
                let bytes = |encode: fn(f64) -> Vec<u8>| VALUES.map(encode).concat();
                let little = bytes(|value| value.to_le_bytes().to_vec());
                let big = bytes(|value| value.to_be_bytes().to_vec());
                assert_eq!(read(&npy(version, &header("<f8"), &little)).unwrap(), expected);
                assert_eq!(read(&npy(version, &header(">f8"), &big)).unwrap(), expected);

                let little = bytes(|value| (value as f32).to_le_bytes().to_vec());
                let big = bytes(|value| (value as f32).to_be_bytes().to_vec());
                let rounded = expected.mapv(|value| f64::from(value as f32));
                assert_eq!(read(&npy(version, &header("<f4"), &little)).unwrap(), rounded);
                assert_eq!(read(&npy(version, &header(">f4"), &big)).unwrap(), rounded);
            }
        }
    }

    #[test]
    fn the_result_is_in_c_order() {
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}";
        assert!(read(&npy(1, header, &[0; 24])).unwrap().is_standard_layout());
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        assert!(problem(b"").contains("not a .npy file"));
        assert!(problem(b"PK\x03\x04 some archive").contains("not a .npy file"));
        assert!(problem(b"\x93NUMPY\x01\x00").contains("cut short"));
        assert!(problem(&npy(4, "{}", &[])).contains("version 4.0"));
        let header = |descriptor: &str, shape: &str| {
            format!("{{'descr': {descriptor}, 'fortran_order': False, 'shape': {shape}}}")
        };
        let whole = npy(1, &header("'<f8'", "(2, 3)"), &[0; 48]);
        assert!(problem(&whole[..40]).contains("cut short"));
        assert!(problem(&whole[..whole.len() - 1]).contains("take 48 bytes, it holds 47"));
        assert!(problem(&[&whole[..], &[0]].concat()).contains("longer than it says"));
        assert!(problem(&npy(1, &header("'<i8'", "(2, 3)"), &[0; 48])).contains("type '<i8'"));
        assert!(
            problem(&npy(1, &header("[('a', '<f4')]", "(2, 3)"), &[0; 24])).contains("of type [")
        );
        assert!(
            problem(&npy(1, &header("'<f4'", "(1, 2, 3)"), &[0; 24]))
                .contains("3 dimensions (1 x 2 x 3)")
        );
        assert!(problem(&npy(1, &header("'<f4'", "()"), &[0; 4])).contains("0 dimensions"));
        assert!(problem(&npy(1, &header("'<f4'", "(0, 3)"), &[])).contains("empty (0 x 3)"));
        assert!(problem(&npy(1, "{'descr': '<f4'}", &[])).contains("header is damaged"));
    }

    #[test]
    fn values_that_are_not_finite_are_counted_and_located() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)}";
        let data = [0.0, 1.0, f64::NAN, f64::INFINITY].map(f64::to_le_bytes).concat();
        assert!(problem(&npy(1, header, &data)).contains("row 1, column 0 is NaN (2 of 4 values"));
    }

    #[test]
    fn a_hostile_header_asks_for_no_memory_and_no_stack() {
        for side in [u64::from(u32::MAX) + 1, u64::MAX] {
            let huge =
                format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({side}, {side})}}");
            assert!(problem(&npy(1, &huge, &[0; 16])).contains("cut short"));
        }
        let overflowing =
            format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, 1)}}", "9".repeat(40));
        assert!(problem(&npy(1, &overflowing, &[])).contains("header is damaged"));
        assert!(problem(&npy(2, &"(".repeat(9_000), &[])).contains("not one that NumPy writes"));
        let fields = format!(
            "{{'descr': [{}], 'fortran_order': False, 'shape': (2, 3)}}",
            "('a', '<f4'), ".repeat(600)
        );
        for wordy in [fields, "1+".repeat(4_900)] {
            let message = problem(&npy(1, &wordy, &[]));
            assert!(message.len() < 300 && !message.contains('\n'), "{message}");
        }
        let mut long = b"\x93NUMPY\x02\x00".to_vec();
        long.extend(u32::MAX.to_le_bytes());
        assert!(problem(&long).contains("4294967295 bytes long"));
    }

    #[test]
    fn a_folder_is_not_a_map() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_map(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
    }

    #[test]
    fn equal_maps_give_equal_bytes_whatever_their_memory_order() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one.npy", "two.npy"].map(|name| folder.path().join(name));
        write_map(&one, &array![[1.0, 2.0], [3.0, 4.0]]).unwrap();
        write_map(&two, &array![[1.0, 3.0], [2.0, 4.0]].reversed_axes()).unwrap();
        let bytes = fs::read(&one).unwrap();
        assert_eq!(bytes, fs::read(&two).unwrap());
        // NumPy's own layout: version 1, the data on a multiple of 64 bytes.
        assert!(bytes.starts_with(b"\x93NUMPY\x01\x00"));
        assert_eq!((bytes.len() - 16) % 64, 0);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            (height, width, values) in (1_usize..20, 1_usize..20).prop_flat_map(|(height, width)| {
                let values = prop::collection::vec(-1e30_f32..1e30, height * width);
                (Just(height), Just(width), values)
            })
        ) {
            let map = Array2::from_shape_vec((height, width), values).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("map.npy");
            write_map(&path, &map).unwrap();
            prop_assert_eq!(read_map(&path).unwrap(), map.mapv(f64::from));
        }

        #[test]
        fn a_damaged_file_is_read_or_refused_without_a_panic(
            position in 0_usize..200, byte in any::<u8>(), length in 0_usize..200
        ) {
            let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 4), }";
            let mut bytes = npy(1, header, &[0; 128]);
            let place = position % bytes.len();
            bytes[place] = byte;
            bytes.truncate(length.max(1));
            if let Ok(map) = read(&bytes) {
                prop_assert!(map.iter().all(|value| value.is_finite()));
            }
        }
    }
}
