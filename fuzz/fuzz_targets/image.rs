//! Pictures of all formats.

#![no_main]

use fieldscope::image::decode_bytes;
// For its allocator.
use fieldscope_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(picture) = decode_bytes(bytes) {
        assert_eq!(picture.rgb.len(), picture.width * picture.height * 3);
    }
});
