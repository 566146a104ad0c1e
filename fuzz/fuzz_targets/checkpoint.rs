//! Checkpoint files as they are: ZIP archives, legacy streams, safetensors, and everything else.

#![no_main]

use fieldscope::weights::read_bytes;
use libfuzzer_sys::fuzz_target;
// For its allocator.
use fieldscope_fuzz as _;

fuzz_target!(|bytes: &[u8]| {
    match read_bytes(bytes) {
        Ok(checkpoint) => {
            for tensor in checkpoint.tensors.values() {
                assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
