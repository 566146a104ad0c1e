//! Safetensors files: the length of a JSON header (64 bits), the header, the tensors.
//!
//! The `safetensors` crate checks the header: that tensors neither overlap nor leave gaps, and that
//! shapes fit their bytes. Only the data are read here, one tensor at a time, since the crate
//! wants the whole file in memory.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use safetensors::tensor::{Dtype as StoredDtype, Metadata};

use super::budget::Budget;
use super::dtype::Dtype;
use super::error::{Fault, printable};
use super::tensor::NamedTensor;
use super::view;

/// Reads a file of `length` bytes.
///
/// # Errors
///
/// See [`Fault`].
pub(super) fn read<R: BufRead>(
    mut reader: R,
    length: u64,
    budget: &mut Budget,
) -> Result<BTreeMap<String, NamedTensor>, Fault> {
    let mut header_length = [0; 8];
    reader.read_exact(&mut header_length)?;
    let header_length = u64::from_le_bytes(header_length);
    let mut header = Vec::new();
    (&mut reader).take(header_length).read_to_end(&mut header)?;
    let metadata: Metadata = serde_json::from_slice(&header)
        .map_err(|error| Fault::Damaged(format!("its safetensors header is no good: {error}")))?;
    drop(header);

    let declared = (metadata.data_len() as u64).saturating_add(8).saturating_add(header_length);
    if declared > length {
        return Err(Fault::Truncated(format!(
            "its header speaks of {declared} bytes and there are {length}"
        )));
    }
    if declared < length {
        return Err(Fault::Damaged(format!("it has {} bytes too many", length - declared)));
    }

    let mut tensors = BTreeMap::new();
    // In the order of the file, without gaps, so that nothing has to be skipped.
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else {
            continue;
        };
        let dtype = dtype(info.dtype).ok_or_else(|| Fault::Unsupported {
            name: printable(&name),
            what: format!("of the element type {}", info.dtype),
        })?;
        let bytes = (info.data_offsets.1 - info.data_offsets.0) as u64;
        let count = bytes / dtype.size() as u64;
        budget.charge(count.saturating_mul(4))?;
        let values = view::decode(&mut (&mut reader).take(bytes), bytes, count, dtype)?;
        tensors.insert(name, NamedTensor { shape: info.shape.clone(), dtype, values });
    }
    if tensors.is_empty() {
        return Err(Fault::NoTensors("it is empty".into()));
    }
    Ok(tensors)
}

fn dtype(stored: StoredDtype) -> Option<Dtype> {
    Some(match stored {
        StoredDtype::F32 => Dtype::F32,
        StoredDtype::F64 => Dtype::F64,
        StoredDtype::F16 => Dtype::F16,
        StoredDtype::BF16 => Dtype::BF16,
        StoredDtype::I64 => Dtype::I64,
        StoredDtype::I32 => Dtype::I32,
        StoredDtype::I16 => Dtype::I16,
        StoredDtype::I8 => Dtype::I8,
        StoredDtype::U8 => Dtype::U8,
        StoredDtype::BOOL => Dtype::Bool,
        _ => return None,
    })
}
