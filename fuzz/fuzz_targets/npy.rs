//! ERF maps in .npy files.

#![no_main]

use fieldscope::store::npy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = fieldscope_fuzz::file("map.npy", bytes);
    match npy::read_map(&path) {
        Ok(map) => assert!(!map.is_empty() && map.iter().all(|value| value.is_finite())),
        Err(error) => assert!(error.to_string().contains("map.npy"), "{error}"),
    }
});
