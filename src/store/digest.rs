//! SHA-256 digests, by which a result names its inputs.

use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::StoreError;

/// SHA-256 of a file's bytes, lower-case hexadecimal. The file is read in pieces.
///
/// # Errors
/// [`StoreError::Io`] where the file can't be read.
pub fn sha256_file(path: &Path) -> Result<String, StoreError> {
    let in_reading = |cause| StoreError::io("read", path, cause);
    let mut file = File::open(path).map_err(in_reading)?;
    let mut hasher = Hasher(Sha256::new());
    io::copy(&mut file, &mut hasher).map_err(in_reading)?;
    Ok(hexadecimal(&hasher.0.finalize()))
}

/// SHA-256 of `bytes`, lower-case hexadecimal.
pub fn sha256_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// SHA-256 over a list of files, in the order given: of the lines `sha256-of-file  file-name`, each
/// ended by a newline, as `sha256sum` prints them. The pairs are (SHA-256 of the file, file name).
pub fn list_digest<S: AsRef<str>, N: AsRef<str>>(
    files: impl IntoIterator<Item = (S, N)>,
) -> String {
    let mut hasher = Sha256::new();
    for (sha256, name) in files {
        hasher.update(format!("{}  {}\n", sha256.as_ref(), name.as_ref()));
    }
    hexadecimal(&hasher.finalize())
}

/// Lets [`io::copy`] feed a digest.
struct Hasher(Sha256);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_file_and_its_bytes_have_the_published_digest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(sha256_file(&path).unwrap(), ABC);
        assert_eq!(sha256_bytes(b"abc"), ABC);
    }

    #[test]
    fn a_list_is_digested_as_sha256sum_prints_it() {
        let printed = format!("{ABC}  one.png\n{ABC}  two.png\n");
        assert_eq!(
            list_digest([(ABC, "one.png"), (ABC, "two.png")]),
            sha256_bytes(printed.as_bytes())
        );
        assert_ne!(
            list_digest([(ABC, "two.png"), (ABC, "one.png")]),
            sha256_bytes(printed.as_bytes())
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = sha256_file(Path::new("no/such/file")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read no/such/file: "), "{error}");
    }
}
