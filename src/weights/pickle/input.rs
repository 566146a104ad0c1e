//! The bytes of a pickle, taken with a limit.

use std::io::BufRead;
use std::io::Read;

use crate::weights::error::Fault;

/// The longest line of text that an instruction takes as its argument.
const LONGEST_LINE: u64 = 1 << 16;

/// A stream of pickles that knows how far it has come.
pub(in crate::weights) struct Input<R> {
    reader: R,
    position: u64,
    limit: u64,
}

impl<R: BufRead> Input<R> {
    /// Reads at most `limit` bytes of `reader`.
    pub(in crate::weights) fn new(reader: R, limit: u64) -> Self {
        Self { reader, position: 0, limit }
    }

    /// Bytes taken so far.
    pub(in crate::weights) fn position(&self) -> u64 {
        self.position
    }

    pub(in crate::weights) fn into_inner(self) -> R {
        self.reader
    }

    fn advance(&mut self, bytes: u64) -> Result<(), Fault> {
        self.position = self.position.saturating_add(bytes);
        if self.position > self.limit {
            return Err(Fault::TooLarge(format!(
                "its pickle is longer than {} MiB, without any tensor",
                self.limit >> 20
            )));
        }
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.advance(N as u64)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => ended(),
            _ => error.into(),
        })?;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Takes `length` bytes. A declared length costs nothing until its bytes arrive.
    pub(super) fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Fault> {
        self.advance(length)?;
        let mut bytes = Vec::new();
        let found = (&mut self.reader).take(length).read_to_end(&mut bytes)?;
        if (found as u64) < length {
            return Err(ended());
        }
        Ok(bytes)
    }

    /// Takes the bytes up to a line feed, and that.
    pub(super) fn line(&mut self) -> Result<Vec<u8>, Fault> {
        let mut line = Vec::new();
        let found = (&mut self.reader).take(LONGEST_LINE).read_until(b'\n', &mut line)? as u64;
        self.advance(found)?;
        match line.pop() {
            Some(b'\n') => Ok(line),
            _ if found == LONGEST_LINE => {
                Err(Fault::Damaged(format!("its pickle has a line of over {LONGEST_LINE} bytes")))
            }
            _ => Err(ended()),
        }
    }

    /// Takes a line that must be text.
    pub(super) fn text_line(&mut self) -> Result<String, Fault> {
        let line = self.line()?;
        String::from_utf8(line).map_err(|_| Fault::Damaged("its pickle has a garbled line".into()))
    }
}

fn ended() -> Fault {
    Fault::Truncated("its pickle has no end".into())
}
