//! What several tests share.

use std::path::PathBuf;

use ndarray::ArrayD;

/// The folder of real data to test against, or nothing (said on stderr) where
/// `FIELDSCOPE_SHARED` isn't set.
pub fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("FIELDSCOPE_SHARED").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: FIELDSCOPE_SHARED is not set");
    }
    folder
}

/// A folder of the shared data, as [`shared`].
pub fn shared_folder(name: &str) -> Option<PathBuf> {
    shared().map(|folder| folder.join(name))
}

/// The program, ready to be given arguments.
pub fn fieldscope() -> assert_cmd::Command {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_fieldscope"))
}

/// A result file as JSON.
pub fn read_json(path: &std::path::Path) -> serde_json::Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads an f32 array.
pub fn read_f32(path: &std::path::Path) -> ArrayD<f32> {
    ndarray_npy::read_npy(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// sum |a - b| / sum |b|.
pub fn relative_l1(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let difference: f64 =
        found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).sum();
    difference / expected.iter().map(|b| f64::from(*b).abs()).sum::<f64>()
}

/// Largest |a - b| as a share of the largest |b|.
pub fn relative_largest(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let difference = largest(
        &mut found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()),
    );
    difference / largest(&mut expected.iter().map(|b| f64::from(*b).abs()))
}
