//! What `torch.save` wrote from PyTorch 0.1.10 to 1.5: a stream of pickles (magic number, version,
//! system, the object, the keys of the storages), then each storage as its number of elements (64
//! bits) and its bytes.

use std::collections::HashMap;
use std::io::{BufRead, Read, Seek, SeekFrom};

use super::budget::Budget;
use super::error::{Fault, printable};
use super::pickle::{Input, Pickle, Value, load};
use super::state_dict::{self, Contents};
use super::torch_zip::LONGEST_PICKLE;
use super::view::Storages;

/// The magic number 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The version that follows it, the only one there ever was.
const VERSION: i64 = 1001;

/// Reads a file of `length` bytes that begins with a pickle.
///
/// # Errors
///
/// See [`Fault`]; among them that it is a pickle but not one of `torch.save`.
pub(super) fn read<R: BufRead + Seek>(
    reader: R,
    length: u64,
    budget: &mut Budget,
) -> Result<Contents, Fault> {
    let mut input = Input::new(reader, LONGEST_PICKLE);
    let magic = load(&mut input)?;
    if !matches!(magic.root(), Value::Long(number) if *number == MAGIC) {
        return Err(plain(&magic));
    }
    if *load(&mut input)?.root() != Value::Int(VERSION) {
        return Err(Fault::Damaged("the version after its magic number is unknown".into()));
    }
    let system = load(&mut input)?;
    let little_endian = system.lookup(system.root, "little_endian");
    if little_endian.is_some_and(|id| *system.get(id) == Value::Bool(false)) {
        return Err(Fault::BigEndian);
    }
    let object = load(&mut input)?;
    // Before the keys, so that a file which is no good anyhow is told for what it is.
    state_dict::check_module(&object)?;
    object.check_calls()?;
    let keys = load(&mut input)?;
    let start = input.position();

    let mut storages = Stream { reader: input.into_inner(), places: HashMap::new() };
    storages.place(&object, &keys, start, length)?;
    state_dict::read(&object, &mut storages, budget)
}

/// What a pickle is that `torch.save` didn't write.
fn plain(pickle: &Pickle) -> Fault {
    if let Err(fault) = state_dict::check_module(pickle).and_then(|()| pickle.check_calls()) {
        return fault;
    }
    Fault::OtherForm {
        what: format!(
            "a plain Python pickle (of {}), not what torch.save writes",
            state_dict::kind(pickle.root())
        ),
        advice: "load it in Python and save the weights with torch.save(model.state_dict(), FILE)",
    }
}

/// The storages, one after the other in the file.
struct Stream<R> {
    reader: R,
    /// First byte and length in bytes of each storage.
    places: HashMap<String, (u64, u64)>,
}

impl<R: BufRead + Seek> Stream<R> {
    /// Finds the place of each storage: only the sizes that `object` declares tell where one ends.
    fn place(
        &mut self,
        object: &Pickle,
        keys: &Pickle,
        start: u64,
        length: u64,
    ) -> Result<(), Fault> {
        let declared: HashMap<String, (u64, u64)> = object
            .values()
            .iter()
            .filter_map(|value| match value {
                Value::Persistent(identifier) => state_dict::storage_from(object, *identifier),
                _ => None,
            })
            .map(|storage| (storage.key, (storage.elements, storage.bytes)))
            .collect();
        let keys = keys.sequence(keys.root).unwrap_or_default().iter().map(|&id| keys.get(id));
        let mut position = start;
        for key in keys {
            let key = match key {
                Value::Text(key) => key.clone(),
                Value::Int(key) => key.to_string(),
                _ => {
                    return Err(Fault::Damaged("a storage's key is neither text nor int".into()));
                }
            };
            let &(elements, bytes) = declared.get(&key).ok_or_else(|| {
                Fault::Damaged(format!("no tensor uses its storage `{}`", printable(&key)))
            })?;
            let first = position + 8;
            position = first.checked_add(bytes).filter(|&end| end <= length).ok_or_else(|| {
                Fault::Truncated(format!("the storage `{}` ends beyond the file", printable(&key)))
            })?;
            self.reader.seek(SeekFrom::Start(first - 8))?;
            let mut count = [0; 8];
            self.reader.read_exact(&mut count)?;
            if u64::from_le_bytes(count) != elements {
                return Err(Fault::Damaged(format!(
                    "the storage `{}` has another length than its tensor says",
                    printable(&key)
                )));
            }
            self.places.insert(key, (first, bytes));
        }
        Ok(())
    }

    fn find(&self, key: &str) -> Result<(u64, u64), Fault> {
        self.places.get(key).copied().ok_or_else(|| {
            Fault::Damaged(format!("the storage `{}` is missing from it", printable(key)))
        })
    }
}

impl<R: BufRead + Seek> Storages for Stream<R> {
    fn length(&mut self, key: &str) -> Result<u64, Fault> {
        Ok(self.find(key)?.1)
    }

    fn open(
        &mut self,
        key: &str,
        start: u64,
        length: u64,
        _: &mut Budget,
    ) -> Result<Box<dyn Read + '_>, Fault> {
        let (first, _) = self.find(key)?;
        self.reader.seek(SeekFrom::Start(first + start))?;
        Ok(Box::new((&mut self.reader).take(length)))
    }
}
