//! What `torch.save` writes since PyTorch 1.6: a ZIP archive of `data.pkl`, the pickled object, and
//! of one entry a storage under `data/`, all within one folder.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use zip::read::ZipReadOptions;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::budget::Budget;
use super::error::{Fault, printable};
use super::pickle::{Input, load};
use super::state_dict::{self, Contents};
use super::view::Storages;

/// The longest pickle that is read. That of a checkpoint with a thousand tensors has 100 KiB.
pub(super) const LONGEST_PICKLE: u64 = 64 << 20;

/// Reads an archive of `length` bytes.
///
/// # Errors
///
/// See [`Fault`]; among them that it is an archive but not one of `torch.save`.
pub(super) fn read<R: BufRead + Seek>(
    reader: R,
    length: u64,
    budget: &mut Budget,
) -> Result<Contents, Fault> {
    let archive = ZipArchive::new(reader).map_err(|error| match error {
        ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => error.into(),
        error => Fault::Truncated(format!(
            "the directory that a ZIP archive has at its end is missing or broken ({error})"
        )),
    })?;
    let mut archive = Archive { folder: folder(&archive)?, archive, length };

    if archive.has("constants.pkl") {
        return Err(Fault::TorchScript);
    }
    if archive.text("byteorder")?.is_some_and(|order| order.trim_ascii() == b"big") {
        return Err(Fault::BigEndian);
    }
    let pickle = {
        let index = archive.index("data.pkl")?;
        let entry = archive.archive.by_index(index).map_err(damaged)?;
        load(&mut Input::new(io::BufReader::new(entry), LONGEST_PICKLE))?
    };
    state_dict::read(&pickle, &mut archive, budget)
}

/// The folder of `data.pkl`, with its slash; the uppermost if there are several.
fn folder<R>(archive: &ZipArchive<R>) -> Result<String, Fault>
where
    R: Read + Seek,
{
    let names = || archive.file_names_raw().filter_map(|name| std::str::from_utf8(name).ok());
    let folders = names()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|folder| folder.is_empty() || folder.ends_with('/'));
    if let Some(folder) = folders.min_by_key(|folder| folder.len()) {
        return Ok(folder.to_owned());
    }
    let other = |what: &str, advice| Err(Fault::OtherForm { what: what.into(), advice });
    let inner = names().find(|name| {
        [".pth", ".pt", ".safetensors"].iter().any(|extension| name.ends_with(extension))
    });
    if let Some(inner) = inner {
        return other(
            &format!("a ZIP archive with the checkpoint {} in it", printable(inner)),
            "unpack it and give that file",
        );
    }
    if names().any(|name| name.ends_with(".npy")) {
        return other(
            "a NumPy .npz archive",
            "load it with NumPy and save the weights as safetensors",
        );
    }
    other(
        "a ZIP archive, but without the data.pkl that torch.save writes",
        "give the file that torch.save(model.state_dict(), FILE) wrote",
    )
}

fn damaged(error: ZipError) -> Fault {
    match error {
        ZipError::Io(error) => error.into(),
        error => Fault::Damaged(error.to_string()),
    }
}

struct Archive<R> {
    archive: ZipArchive<R>,
    folder: String,
    /// Length of the file.
    length: u64,
}

impl<R: Read + Seek> Archive<R> {
    fn has(&self, name: &str) -> bool {
        self.archive.index_for_name(&format!("{}{name}", self.folder)).is_some()
    }

    fn index(&self, name: &str) -> Result<usize, Fault> {
        let name = format!("{}{name}", self.folder);
        self.archive.index_for_name(&name).ok_or_else(|| {
            Fault::Damaged(format!("the entry {} is missing from it", printable(&name)))
        })
    }

    /// The first bytes of a small entry, if there is one of that name.
    fn text(&mut self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        const MOST: u64 = 64;
        if !self.has(name) {
            return Ok(None);
        }
        let index = self.index(name)?;
        let mut text = Vec::new();
        self.archive.by_index(index).map_err(damaged)?.take(MOST).read_to_end(&mut text)?;
        Ok(Some(text))
    }
}

impl<R: BufRead + Seek> Storages for Archive<R> {
    fn length(&mut self, key: &str) -> Result<u64, Fault> {
        let index = self.index(&format!("data/{key}"))?;
        let entry = self.archive.by_index_raw(index).map_err(damaged)?;
        let (size, stored) = (entry.size(), entry.compression() == CompressionMethod::Stored);
        if stored && (size != entry.compressed_size() || size > self.length) {
            return Err(Fault::Damaged(format!(
                "the storage `{}` declares {size} bytes, more than there are",
                printable(key)
            )));
        }
        Ok(size)
    }

    fn open(
        &mut self,
        key: &str,
        start: u64,
        length: u64,
        budget: &mut Budget,
    ) -> Result<Box<dyn Read + '_>, Fault> {
        let index = self.index(&format!("data/{key}"))?;
        let entry = self.archive.by_index_raw(index).map_err(damaged)?;
        let (whole, checksum) = (start == 0 && length == entry.size(), entry.crc32());
        let stored = entry.compression() == CompressionMethod::Stored;
        drop(entry);

        if stored && !whole {
            let mut entry = self.archive.by_index_seek(index).map_err(damaged)?;
            entry.seek(SeekFrom::Start(start))?;
            return Ok(Box::new(entry.take(length)));
        }
        // torch.save writes 0 where it was told not to compute checksums.
        let options = ZipReadOptions::new().ignore_crc32(checksum == 0);
        let mut entry = self.archive.by_index_with_options(index, options).map_err(damaged)?;
        if whole {
            return Ok(Box::new(entry));
        }
        budget.charge(start)?;
        io::copy(&mut (&mut entry).take(start), &mut io::sink())?;
        Ok(Box::new(entry.take(length)))
    }
}
