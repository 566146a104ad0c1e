//! The door of the room: a file, or bytes, to a checkpoint.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::budget::Budget;
use super::error::{Fault, WeightsError};
use super::form::{self, Form, HEAD};
use super::tensor::NamedTensor;
use super::{safetensors_file, torch_legacy, torch_zip};

/// What data-parallel training puts before every name.
const DATA_PARALLEL_PREFIX: &str = "module.";

/// The tensors of a checkpoint file.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The tensors by name. Entries that are no tensors are left out.
    pub tensors: BTreeMap<String, NamedTensor>,
    /// The keys under which the tensors were found, joined by dots, such as `model` or
    /// `model_ema.state_dict`; `None` if at the top level.
    pub nesting: Option<String>,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    form: Form,
}

impl Checkpoint {
    /// Reads the checkpoint at `path`.
    ///
    /// Weights are looked for under `model`, then `state_dict`, then `model_ema` (each of which
    /// may hold another of them), then at the top level; the first place that holds tensors is
    /// taken. A prefix `module.` is taken off if every name has it.
    ///
    /// Memory: all tensors in f32, and beyond that the one tensor that is being read if it has
    /// strides.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] that names the file, says what is wrong with it and what to do. Whatever
    /// the file holds, nothing in it is executed.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        open(path).map_err(|fault| WeightsError { path: path.to_owned(), fault })
    }

    /// The form of the file: "PyTorch zip", "PyTorch legacy" or "safetensors".
    pub fn form(&self) -> &str {
        self.form.name()
    }

    /// Takes `prefix` off every name, if every name has it and more; else nothing changes.
    ///
    /// Returns whether it did.
    pub fn strip_prefix(&mut self, prefix: &str) -> bool {
        let has_more = |name: &String| name.len() > prefix.len() && name.starts_with(prefix);
        if prefix.is_empty() || self.tensors.is_empty() || !self.tensors.keys().all(has_more) {
            return false;
        }
        self.tensors = std::mem::take(&mut self.tensors)
            .into_iter()
            .map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor))
            .collect();
        true
    }
}

/// Reads a checkpoint from memory, in the same way as [`Checkpoint::open`].
///
/// # Errors
///
/// As [`Checkpoint::open`]; the path in the error is `(bytes in memory)`.
pub fn read_bytes(bytes: &[u8]) -> Result<Checkpoint, WeightsError> {
    read(Cursor::new(bytes), bytes.len() as u64)
        .map_err(|fault| WeightsError { path: "(bytes in memory)".into(), fault })
}

fn open(path: &Path) -> Result<Checkpoint, Fault> {
    let metadata = std::fs::metadata(path).map_err(Fault::Open)?;
    if metadata.is_dir() {
        return Err(Fault::NotAFile("a folder"));
    }
    // A pipe or device has no length to hold its contents to.
    if !metadata.is_file() {
        return Err(Fault::NotAFile("a pipe or device"));
    }
    let file = File::open(path).map_err(Fault::Open)?;
    read(BufReader::new(file), metadata.len())
}

fn read<R: BufRead + Seek>(mut reader: R, length: u64) -> Result<Checkpoint, Fault> {
    let mut head = Vec::with_capacity(HEAD);
    (&mut reader).take(HEAD as u64).read_to_end(&mut head)?;
    let form = form::recognise(&head, length)?;
    reader.rewind()?;
    let sha256 = digest(&mut reader)?;
    reader.rewind()?;

    let mut budget = Budget::for_file(length);
    let (tensors, nesting) = match form {
        Form::TorchZip => torch_zip::read(reader, length, &mut budget)?,
        Form::TorchLegacy => torch_legacy::read(reader, length, &mut budget)?,
        Form::Safetensors => (safetensors_file::read(reader, length, &mut budget)?, None),
    };
    let mut checkpoint = Checkpoint { tensors, nesting, sha256, form };
    // Wrapped twice, the prefix is there twice.
    while checkpoint.strip_prefix(DATA_PARALLEL_PREFIX) {}
    Ok(checkpoint)
}

/// SHA-256 of what is left of `reader`, lower-case hexadecimal.
fn digest(reader: &mut impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 18];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => hasher.update(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hasher.finalize().iter().fold(String::with_capacity(64), |mut hexadecimal, byte| {
        // Writing to a string can't fail.
        let _ = write!(hexadecimal, "{byte:02x}");
        hexadecimal
    }))
}
