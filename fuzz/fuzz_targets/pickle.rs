//! The pickle inside a checkpoint, with the archive around it sound: mutations of a whole archive
//! seldom get past its directory.

#![no_main]

use std::io::{Cursor, Write};

use fieldscope::weights::read_bytes;
// For its allocator.
use fieldscope_fuzz as _;
use libfuzzer_sys::fuzz_target;
use zip::ZipWriter;
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;

/// The archive of a pickle and of storages of 1 KiB.
fn archive(pickle: &[u8]) -> ZipResult<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("archive/data.pkl", options)?;
    writer.write_all(pickle)?;
    for key in 0..4 {
        writer.start_file(format!("archive/data/{key}"), options)?;
        writer.write_all(&[0x3f; 1024])?;
    }
    Ok(writer.finish()?.into_inner())
}

fuzz_target!(|pickle: &[u8]| {
    let archive = archive(pickle).expect("an archive in memory can be written");
    if let Ok(checkpoint) = read_bytes(&archive) {
        for tensor in checkpoint.tensors.values() {
            assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>());
        }
    }
});
