//! What can be wrong with a checkpoint, in words that say what the file is and what to do.

use std::io;
use std::path::PathBuf;

/// A checkpoint that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the checkpoint {}: {fault}", path.display())]
pub struct WeightsError {
    /// The file, as the user gave it.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a checkpoint. Each message ends with what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The path can't be opened.
    #[error("{0}; check the path")]
    Open(io::Error),
    /// The path names something other than a file.
    #[error("it is {0}, not a file; give the path of the checkpoint file")]
    NotAFile(&'static str),
    /// The operating system failed to read.
    #[error("reading it failed: {0}")]
    Io(io::Error),
    /// A file of no bytes.
    #[error("the file is empty (0 bytes), so its download or copy failed; fetch it again")]
    Empty,
    /// A login or error page saved under the name of a checkpoint.
    #[error(
        "it is a web page{}, not a checkpoint: the server answered the download with a page (often to log in or confirm); fetch the file again from a browser or with credentials",
        quoted(.0)
    )]
    WebPage(String),
    /// A known form of file that isn't a checkpoint this program reads.
    #[error("it is {what}; {advice}")]
    OtherForm {
        /// What the file is, with its article.
        what: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// Neither a checkpoint nor anything known.
    #[error(
        "it is neither a PyTorch checkpoint nor a safetensors file (it begins with the bytes {0}); save one with torch.save(model.state_dict(), FILE)"
    )]
    Unknown(String),
    /// The file ends too early.
    #[error("the file is cut short: {0}; fetch or save it again")]
    Truncated(String),
    /// The file contradicts itself.
    #[error("the file is damaged: {0}; fetch or save it again")]
    Damaged(String),
    /// The pickle asks for a call that a checkpoint has no need of.
    #[error(
        "it asks Python to call `{0}`, which is how a pickle runs code on the machine that loads it. The call was refused and nothing from the file was executed; if you trust the file's source, ask there for one made by torch.save(model.state_dict(), FILE)"
    )]
    RefusedGlobal(String),
    /// `torch.save(model, FILE)` instead of the model's state dict.
    #[error(
        "it holds a whole pickled module (`{0}`), which only the Python code that defines it can load; in that code, save the weights alone with torch.save(model.state_dict(), FILE)"
    )]
    WholeModule(String),
    /// An archive of `torch.jit.save`.
    #[error(
        "it is a TorchScript archive, which carries its own network; use it as the model torchscript=FILE"
    )]
    TorchScript,
    /// Readable, but there are no weights where weights are looked for.
    #[error(
        "it holds no tensors at its top level nor under `model`, `state_dict` or `model_ema` ({0}); save the weights alone with torch.save(model.state_dict(), FILE)"
    )]
    NoTensors(String),
    /// A tensor that isn't what it says it is.
    #[error("the file is damaged: entry `{name}` {problem}; fetch or save it again")]
    Tensor {
        /// Name of the entry.
        name: String,
        /// What is wrong, as the predicate of a sentence.
        problem: String,
    },
    /// A tensor of a kind that can't be read here.
    #[error(
        "entry `{name}` is {what}, which is not supported; convert it to a dense float tensor before saving"
    )]
    Unsupported {
        /// Name of the entry.
        name: String,
        /// What it is, with its article.
        what: String,
    },
    /// The file asks for more memory than a file of its length can need.
    #[error("{0}: refused before that memory was asked for; the file is damaged or forged")]
    TooLarge(String),
    /// Written on a big-endian machine.
    #[error(
        "its numbers are big-endian; load it and save it again with PyTorch on a little-endian machine"
    )]
    BigEndian,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated("it ends before its data do".into()),
            // What decompressors and checksums report.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Io(error),
        }
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" (\"{text}\")") }
}

/// A name from a file, made short and printable enough for a message.
pub(super) fn printable(name: &str) -> String {
    const LONGEST: usize = 120;
    let mut text: String = name.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST).is_some() {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_messages_are_short_and_on_one_line() {
        assert_eq!(printable("fc.weight"), "fc.weight");
        assert_eq!(printable("a\n\u{1b}[31m"), "a\\n\\u{1b}[31m");
        assert_eq!(printable(&"x".repeat(1000)).len(), 123);
    }

    #[test]
    fn a_message_names_the_file_and_what_to_do() {
        let error = WeightsError { path: "r50.pth".into(), fault: Fault::Empty };
        assert_eq!(
            error.to_string(),
            "cannot read the checkpoint r50.pth: the file is empty (0 bytes), so its download or copy failed; fetch it again"
        );
    }
}
