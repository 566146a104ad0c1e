//! Where a result comes from: enough to run it again.

use serde::{Deserialize, Serialize};

/// Written into every result file, so that a figure can be traced to its inputs and run again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of fieldscope.
    pub version: String,
    /// The command line, one element an argument.
    pub command: Vec<String>,
    /// Path and SHA-256 (lower-case hexadecimal) of each checkpoint, map or decision file read.
    pub inputs: Vec<InputFile>,
    /// Number of images used and a digest of their list; absent where no image was read.
    pub images: Option<ImageList>,
    /// What was measured, in one sentence ("mean of relu(input gradient) ...").
    pub protocol: String,
    /// How a picture becomes the network's input.
    pub preprocessing: Option<PreprocessingRecord>,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Threads that the computation used.
    pub threads: usize,
    /// `exact` (autograd, nothing folded) or `fast` (folded, windowed).
    pub path: String,
    /// Version of libtorch.
    pub libtorch: String,
    /// Seed of every random choice in the run.
    pub seed: u64,
    /// Start of the run, RFC 3339, UTC.
    pub date: String,
}

impl Provenance {
    /// The version, command line and date of this process, the rest left for the caller to fill.
    ///
    /// To be made once, at the start of the run.
    pub fn of_this_run() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command_line(),
            date: now(),
            ..Self::default()
        }
    }
}

/// The command line, one element an argument; bytes that aren't UTF-8 are replaced.
pub fn command_line() -> Vec<String> {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// Now, as RFC 3339 in UTC with whole seconds: `2022-03-13T17:59:21Z`.
pub fn now() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}

/// A file that a result depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// The path as the user gave it.
    pub path: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

/// The images of a run, without naming them all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageList {
    /// How many images entered the result.
    pub count: usize,
    /// SHA-256 over the lines `sha256-of-file  file-name`, in the order of use.
    pub sha256: String,
}

/// The preprocessing that was applied, as printed and stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreprocessingRecord {
    /// "resize to 1024 x 1024, bicubic", "resize 256, centre crop 224, bilinear", "none".
    pub resize: String,
    /// Mean of each colour channel, in units of 0 to 1.
    pub mean: [f64; 3],
    /// Standard deviation of each colour channel, in units of 0 to 1.
    pub std: [f64; 3],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_run_says_when_and_how_it_was_started() {
        let provenance = Provenance::of_this_run();
        assert_eq!(provenance.version, env!("CARGO_PKG_VERSION"));
        assert_eq!(provenance.command.len(), std::env::args_os().count());
        assert_eq!(provenance.date.len(), "2022-03-13T17:59:21Z".len());
        assert!(
            provenance.date.ends_with('Z') && provenance.date.parse::<jiff::Timestamp>().is_ok()
        );
    }
}
