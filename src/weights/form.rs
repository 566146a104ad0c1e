//! What a file is, by its first bytes.

use std::fmt;

use super::error::{Fault, printable};

/// Bytes from the beginning of a file that recognition looks at.
pub(super) const HEAD: usize = 1024;

/// The longest header of a safetensors file, as its format has it.
pub(super) const LONGEST_SAFETENSORS_HEADER: u64 = 100_000_000;

/// The forms of checkpoint that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `torch.save` since PyTorch 1.6: a ZIP archive of a pickle and one entry a storage.
    TorchZip,
    /// `torch.save` before PyTorch 1.6: a stream of pickles, then the storages.
    TorchLegacy,
    /// Hugging Face's safetensors: a JSON header, then the tensors.
    Safetensors,
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl Form {
    /// "PyTorch zip", "PyTorch legacy" or "safetensors".
    pub const fn name(self) -> &'static str {
        match self {
            Self::TorchZip => "PyTorch zip",
            Self::TorchLegacy => "PyTorch legacy",
            Self::Safetensors => "safetensors",
        }
    }
}

/// Recognises the file of `length` bytes that begins with `head`.
///
/// A pickle of any kind counts as [`Form::TorchLegacy`]: what kind shows only when it is read.
///
/// # Errors
///
/// A fault that says what the file is instead.
pub(super) fn recognise(head: &[u8], length: u64) -> Result<Form, Fault> {
    if length == 0 {
        return Err(Fault::Empty);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Form::TorchZip);
    }
    if let Some(header) = safetensors_header(head) {
        if header > length - 8 {
            return Err(Fault::Truncated(format!(
                "a safetensors header of {header} bytes is declared in a file of {length}"
            )));
        }
        return Ok(Form::Safetensors);
    }
    if is_pickle(head) {
        return Ok(Form::TorchLegacy);
    }
    Err(other(head))
}

/// Length of the JSON header, if this begins like a safetensors file.
fn safetensors_header(head: &[u8]) -> Option<u64> {
    let length = u64::from_le_bytes(*head.first_chunk::<8>()?);
    (length <= LONGEST_SAFETENSORS_HEADER && head.get(8) == Some(&b'{')).then_some(length)
}

fn is_pickle(head: &[u8]) -> bool {
    let binary = head[0] == 0x80 && head.get(1).is_some_and(|version| (2..=5).contains(version));
    // Protocols 0 and 1 have no header. These are the beginnings of the magic number that
    // `torch.save` writes, of containers, and of a global.
    let text = [&b"L119547037146038801333356L"[..], b"(d", b"(l", b"(c", b"(i", b"}q", b"]q"];
    let global = head[0] == b'c' && {
        let mut lines = head[1..].split(|&byte| byte == b'\n');
        let is_name = |line: &[u8]| {
            !line.is_empty()
                && line.iter().all(|&b| b.is_ascii_alphanumeric() || b"._".contains(&b))
        };
        lines.next().is_some_and(is_name) && lines.next().is_some_and(is_name)
    };
    binary || global || text.iter().any(|beginning| head.starts_with(beginning))
}

/// Says what a file is that isn't a checkpoint.
fn other(head: &[u8]) -> Fault {
    const CONVERT: &str =
        "load it with the library that wrote it and save the weights as safetensors";
    const UNPACK: &str = "unpack it and give the checkpoint inside";
    let known = |what: &str, advice| Fault::OtherForm { what: what.into(), advice };

    if head.starts_with(b"version https://git-lfs") {
        return known(
            "a Git LFS pointer that stands for the checkpoint",
            "fetch the file itself with `git lfs pull`",
        );
    }
    let tables = [
        (&b"\x1f\x8b"[..], "a gzip file", UNPACK),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
        (b"\xfd7zXZ\0", "an xz file", UNPACK),
        (b"BZh", "a bzip2 file", UNPACK),
        (b"\x28\xb5\x2f\xfd", "a Zstandard file", UNPACK),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras or h5py)", CONVERT),
        (b"GGUF", "a GGUF file", CONVERT),
        (b"\x93NUMPY", "a NumPy array", "an existing map is given with --map LABEL=FILE.npy"),
        (b"\x89PNG", "a PNG picture", "give the checkpoint of the network here"),
        (b"\xff\xd8\xff", "a JPEG picture", "give the checkpoint of the network here"),
        (b"\x7fELF", "a program", "give the checkpoint of the network here"),
    ];
    for (beginning, what, advice) in tables {
        if head.starts_with(beginning) {
            return known(what, advice);
        }
    }
    if head.get(257..262) == Some(b"ustar") {
        return known(
            "a tar archive",
            "unpack it, or if PyTorch before 0.1.10 wrote it, load it and save it again with a later one",
        );
    }
    text(head).unwrap_or_else(|| {
        let bytes: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Fault::Unknown(bytes.join(" "))
    })
}

/// Says what a text is, if this is one.
fn text(head: &[u8]) -> Option<Fault> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if head.iter().any(|&byte| byte < b' ' && !b"\t\n\r\x0c".contains(&byte)) {
        return None;
    }
    // The head may end within a character.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if lower.starts_with('<') && (lower.contains("<html") || lower.contains("<!doctype html")) {
        return Some(Fault::WebPage(words_of_page(text)));
    }
    let first = text.lines().next().unwrap_or_default();
    Some(Fault::OtherForm {
        what: format!("a text file that begins with \"{}\"", printable(first)),
        advice: "give the checkpoint itself, or fetch it again if this is what the download left",
    })
}

/// The first words on a page that a reader would see.
fn words_of_page(page: &str) -> String {
    let mut words = String::new();
    let mut rest = page;
    while let Some((before, tag)) = rest.split_once('<') {
        words.push_str(before);
        words.push(' ');
        let hidden = ["script", "style"]
            .into_iter()
            .find(|name| tag.get(..name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name)));
        rest = match hidden {
            Some(name) => tag.split_once(&format!("</{name}")).map_or("", |(_, after)| after),
            None => tag,
        };
        rest = rest.split_once('>').map_or("", |(_, after)| after);
    }
    words.push_str(rest);
    let words: Vec<&str> = words.split_whitespace().take(12).collect();
    printable(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(head: &[u8]) -> String {
        recognise(head, head.len() as u64).unwrap_err().to_string()
    }

    #[test]
    fn forms_go_by_content() {
        assert_eq!(recognise(b"PK\x03\x04...", 99).unwrap(), Form::TorchZip);
        assert_eq!(recognise(b"\x80\x02\x8a\x0a", 99).unwrap(), Form::TorchLegacy);
        assert_eq!(recognise(b"cposix\nsystem\n(", 99).unwrap(), Form::TorchLegacy);
        assert_eq!(recognise(b"\x02\0\0\0\0\0\0\0{}", 10).unwrap(), Form::Safetensors);
    }

    #[test]
    fn what_is_no_checkpoint_is_told() {
        let page = message(b"<!DOCTYPE html><html><style>b{}</style><body>Sign in</body></html>");
        assert!(page.contains("it is a web page (\"Sign in\")"), "{page}");
        assert!(message(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
        assert!(message(b"{\"error\": \"not found\"}").contains("a text file that begins with"));
        assert!(message(b"\x89HDF\r\n\x1a\n").contains("HDF5"));
        assert!(message(b"\x00\x01\x02").contains("begins with the bytes 00 01 02"));
        assert!(message(b"").contains("0 bytes"));
        assert!(message(b"cut\x00").contains("begins with the bytes"));
    }

    #[test]
    fn a_header_longer_than_its_file_is_cut_short() {
        assert!(matches!(
            recognise(b"\xff\xff\0\0\0\0\0\0{\"a\"", 12).unwrap_err(),
            Fault::Truncated(_)
        ));
    }
}
