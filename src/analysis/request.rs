//! What studies of every kind check before any work, and record of how it was done.

use std::collections::HashMap;
use std::path::PathBuf;

use tch::Device;

use super::AnalysisError;
use crate::store::{Provenance, digest, safe_file_name};
use crate::zoo::run::Path;
use crate::zoo::{Init, ModelSpec, model};

/// Refuses labels that would share files, and those of the study's own files.
///
/// # Errors
///
/// [`AnalysisError::Request`].
pub fn check_labels<'a>(
    labels: impl Iterator<Item = &'a str>,
    reserved: impl Fn(&str) -> bool,
) -> Result<(), AnalysisError> {
    let mut names: HashMap<String, &str> = HashMap::new();
    for label in labels {
        let name = safe_file_name(label);
        if reserved(&name) {
            return Err(AnalysisError::Request(format!(
                "the label {label} would give its files the names of the study's own; choose \
                 another with LABEL:ARCH=CHECKPOINT"
            )));
        }
        if let Some(other) = names.insert(name, label) {
            return Err(AnalysisError::Request(format!(
                "the labels {other} and {label} give the same file names; choose others with \
                 LABEL:ARCH=CHECKPOINT"
            )));
        }
    }
    Ok(())
}

/// Refuses unknown architectures, networks without checkpoint where nothing stands in, and devices
/// that aren't there.
///
/// # Errors
///
/// [`AnalysisError::Zoo`], [`AnalysisError::Request`].
pub fn check_models(
    models: &[ModelSpec],
    init: Option<Init>,
    device: Device,
) -> Result<(), AnalysisError> {
    for spec in models {
        model::check(spec, init)?;
    }
    if let Device::Cuda(index) = device {
        let count = tch::Cuda::device_count();
        if index as i64 >= count {
            let reason = format!("no device cuda:{index}: libtorch sees {count} of them");
            return Err(AnalysisError::Request(reason));
        }
    }
    Ok(())
}

/// Digest of a list of files: their paths and lengths, in order. It is cheap, and tells files that
/// were added, removed or replaced by others of another length.
pub fn list_of_files(files: &[PathBuf]) -> String {
    let lengths = files.iter().map(|file| std::fs::metadata(file).map_or(0, |found| found.len()));
    let lines =
        lengths.zip(files).map(|(length, file)| (length.to_string(), file.to_string_lossy()));
    format!("{} files, {}", files.len(), digest::list_digest(lines))
}

/// Records where and how networks were run.
pub fn record_run(provenance: &mut Provenance, device: Device, path: Path, seed: u64) {
    provenance.device = match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".into(),
    };
    provenance.threads = tch::get_num_threads().max(1) as usize;
    provenance.path = path.name().into();
    provenance.libtorch = env!("FIELDSCOPE_LIBTORCH_VERSION").into();
    provenance.seed = seed;
}
