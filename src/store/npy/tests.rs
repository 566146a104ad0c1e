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

#[test]
fn doubles_of_a_scale_that_singles_cannot_hold_are_refused() {
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }";
    let map =
        |largest: f64| npy(1, header, &[0.0_f64.to_le_bytes(), largest.to_le_bytes()].concat());
    for largest in [1e300, -1e39, 1.7e308, 1e-60] {
        let message = problem(&map(largest));
        assert!(message.contains(&format!("{:e}", largest.abs())), "{message}");
        assert!(message.contains("scale it"), "{message}");
    }
    for largest in [3e38, 1.2e-38, 0.0] {
        assert_eq!(read(&map(largest)).unwrap()[[0, 1]], largest);
    }
}

const VALUES: [f64; 6] = [1.0, 2.5, -3.0, 0.0, 1e-3, 7e5];

#[test]
fn reads_each_type_order_byte_order_and_version() {
    let in_c_order = Array2::from_shape_vec((2, 3), VALUES.to_vec()).unwrap();
    let in_fortran_order = Array2::from_shape_vec((3, 2), VALUES.to_vec()).unwrap().reversed_axes();
    for version in 1..=3 {
        for (order, expected) in [("False", &in_c_order), ("True", &in_fortran_order)] {
            let header = |descriptor| {
                format!("{{'descr': '{descriptor}', 'fortran_order': {order}, 'shape': (2, 3), }}")
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
    assert!(problem(&npy(1, &header("[('a', '<f4')]", "(2, 3)"), &[0; 24])).contains("of type ["));
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
        let huge = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({side}, {side})}}");
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
