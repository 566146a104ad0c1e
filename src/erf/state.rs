//! What a run over images has come to, on disk, so that a killed run goes on where it was.
//!
//! A state file holds, in this order: [`MAGIC`]; the length of the description as u64; the
//! description, JSON; the sums as f64 (the total's high and low parts, then each group that holds
//! images); the SHA-256 of all before it. Numbers are little-endian. It is replaced as a whole
//! ([`crate::store::atomic`]), so a kill at any instant leaves the state before or the one after.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::accumulate::{Accumulator, Group};
use super::jackknife::GROUPS;
use super::measured::{Measured, SkippedAt, UsedImage};
use crate::store::{Settings, Shard, StoreError, atomic};

/// The first bytes of a state file; the last is the version of the format.
pub const MAGIC: [u8; 8] = *b"fserf\0\0\x01";

/// Longest description, in bytes: some hundred thousand images.
const LONGEST_DESCRIPTION: u64 = 256 << 20;

/// Length of the checksum, in bytes.
const CHECKSUM: u64 = 32;

/// The description of the sums that follow it.
#[derive(Serialize, Deserialize)]
struct Description {
    #[serde(flatten)]
    head: Head,
    size: [usize; 2],
    next: usize,
    groups: Vec<u64>,
    used: Vec<UsedImage>,
    skipped: Vec<SkippedAt>,
}

/// What a state is of, without its sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// What it belongs to.
    pub settings: Settings,
    /// The share of the images that it is over.
    pub shard: Shard,
    /// Whether all images of the share are in it.
    pub finished: bool,
}

/// A state as it was read.
#[derive(Debug)]
pub struct State {
    /// What it is of.
    pub head: Head,
    /// What the run has come to.
    pub measured: Measured,
}

impl Head {
    /// Reads what the state at `path` is of; nothing where there is no such file. Whether the sums
    /// are sound is found out only by [`State::read`].
    ///
    /// # Errors
    /// As [`State::read`].
    pub fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let Some((file, content)) = open(path)? else { return Ok(None) };
        let description = read_description(&mut io::BufReader::new(file), content)
            .map_err(|why| StoreError::state(path, why))?;
        Ok(Some(description.head))
    }
}

impl State {
    /// Reads the state at `path`; nothing where there is no such file. No more memory is asked for
    /// than the file is long.
    ///
    /// # Errors
    /// [`StoreError::State`] where it isn't one, or not whole; [`StoreError::Io`].
    pub fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let in_reading = |cause| StoreError::io("read", path, cause);
        let refuse = |problem: &str| StoreError::state(path, problem);
        let Some((mut file, content)) = open(path)? else { return Ok(None) };
        if !is_sound(&mut file, content).map_err(in_reading)? {
            return Err(refuse(
                "its checksum is wrong: it is damaged, or no state of this version",
            ));
        }
        file.seek(SeekFrom::Start(0)).map_err(in_reading)?;
        let mut input = io::BufReader::new(file);
        let description = read_description(&mut input, content).map_err(|why| refuse(&why))?;
        let sums = read_sums(&mut input, &description, content).map_err(|why| refuse(&why))?;
        let Description { head, next, used, skipped, .. } = description;
        let measured = Measured { accumulator: sums, used, skipped, next };
        Ok(Some(Self { head, measured }))
    }

    /// Writes the state to `path`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        write(path, &self.head, &self.measured)
    }
}

/// The state at `path` and the length of what its checksum is of; nothing where there is no such
/// file.
fn open(path: &Path) -> Result<Option<(File, u64)>, StoreError> {
    let in_reading = |cause| StoreError::io("read", path, cause);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(in_reading(error)),
    };
    let length = file.metadata().map_err(in_reading)?.len();
    let content = length
        .checked_sub(CHECKSUM)
        .filter(|content| *content >= 16)
        .ok_or_else(|| StoreError::state(path, "it is too short to be a state"))?;
    Ok(Some((file, content)))
}

/// Whether the last bytes are the checksum of the `content` bytes before them.
fn is_sound(file: &mut File, content: u64) -> io::Result<bool> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut rest = Read::take(&mut *file, content);
    loop {
        match rest.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    let mut stored = [0; CHECKSUM as usize];
    file.read_exact(&mut stored)?;
    Ok(hasher.finalize()[..] == stored)
}

fn read_description(input: &mut impl Read, content: u64) -> Result<Description, String> {
    let mut head = [0; 16];
    input.read_exact(&mut head).map_err(|error| error.to_string())?;
    let (magic, length) = head.split_at(8);
    if magic != MAGIC {
        return Err("it is no state of this version of the format".to_owned());
    }
    let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
    if length > content - 16 || length > LONGEST_DESCRIPTION {
        return Err(format!("it declares a description of {length} bytes, more than it holds"));
    }
    let mut text = vec![0; length as usize];
    input.read_exact(&mut text).map_err(|error| error.to_string())?;
    let found: Description =
        serde_json::from_slice(&text).map_err(|error| format!("its description: {error}"))?;
    let [height, width] = found.size;
    let arrays = 2 + found.groups.iter().filter(|count| **count > 0).count();
    let expected = height
        .checked_mul(width)
        .and_then(|area| area.checked_mul(arrays)?.checked_mul(8))
        .and_then(|sums| (sums as u64).checked_add(16 + length));
    if expected != Some(content) || found.groups.len() != GROUPS {
        return Err(format!("it doesn't hold the sums of maps of {height} x {width}"));
    }
    let images: u64 = found.groups.iter().fold(0, |sum, count| sum.saturating_add(*count));
    if images != found.used.len() as u64 {
        return Err(format!("it counts {images} images and names {}", found.used.len()));
    }
    Ok(found)
}

fn read_sums(
    input: &mut impl Read,
    description: &Description,
    content: u64,
) -> Result<Accumulator, String> {
    let [height, width] = description.size;
    debug_assert!((height * width) as u64 <= content);
    let mut array = || read_array(input, height * width).map_err(|error| error.to_string());
    let (high, low) = (array()?, array()?);
    let mut groups = Vec::with_capacity(GROUPS);
    for &count in &description.groups {
        groups.push(Group { count, sum: if count > 0 { array()? } else { Vec::new() } });
    }
    Accumulator::from_parts(description.size, high, low, groups)
        .ok_or_else(|| "its sums don't fit one another".to_owned())
}

fn read_array(input: &mut impl Read, count: usize) -> io::Result<Vec<f64>> {
    let mut values = Vec::with_capacity(count);
    let mut bytes = [0; 8];
    for _ in 0..count {
        input.read_exact(&mut bytes)?;
        values.push(f64::from_le_bytes(bytes));
    }
    Ok(values)
}

/// Writes a state from its parts.
///
/// # Errors
/// [`StoreError::Io`].
pub(super) fn write(path: &Path, head: &Head, measured: &Measured) -> Result<(), StoreError> {
    let (high, low, groups) = measured.accumulator.parts();
    let description = Description {
        head: head.clone(),
        size: measured.accumulator.size(),
        next: measured.next,
        groups: groups.iter().map(|group| group.count).collect(),
        used: measured.used.clone(),
        skipped: measured.skipped.clone(),
    };
    atomic::write(path, |file| {
        let mut output = Summed { output: file, hasher: Sha256::new() };
        let text = serde_json::to_vec(&description)?;
        output.write_all(&MAGIC)?;
        output.write_all(&(text.len() as u64).to_le_bytes())?;
        output.write_all(&text)?;
        for array in [high, low].into_iter().chain(groups.iter().map(|group| &group.sum[..])) {
            for values in array.chunks(4096) {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                output.write_all(&bytes)?;
            }
        }
        let checksum = output.hasher.finalize();
        output.output.write_all(&checksum)
    })
}

/// Digests what it writes.
struct Summed<W> {
    output: W,
    hasher: Sha256,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.output.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Removes the state at `path`, if there is one.
///
/// # Errors
/// [`StoreError::Io`].
pub fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::erf::result::SkippedImage;

    fn state() -> State {
        let head =
            Head { settings: Settings::of_this_version(), shard: Shard::WHOLE, finished: false };
        State { head, measured: measured() }
    }

    fn measured() -> Measured {
        let mut measured = Measured::new([2, 3]);
        for index in [0, 2, 13] {
            let map: Vec<f32> = (0..6u8).map(|pixel| f32::from(pixel) + index as f32).collect();
            measured.accumulator.add(index, &map).unwrap();
            let (sha256, name) = ("ab".repeat(32), format!("{index}.png"));
            measured.used.push(UsedImage { index, sha256, name, seconds: 0.5 });
        }
        let image = SkippedImage { path: "1.png".to_owned(), reason: "broken".to_owned() };
        measured.skipped.push(SkippedAt { index: 1, image });
        measured.next = 14;
        measured
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.state");
        assert!(State::read(&path).unwrap().is_none());
        state().write(&path).unwrap();
        let found = State::read(&path).unwrap().unwrap();
        assert_eq!(found.head, state().head);
        assert_eq!(Head::read(&path).unwrap(), Some(found.head));
        assert_eq!(found.measured.accumulator, state().measured.accumulator);
        assert_eq!(found.measured.used, state().measured.used);
        assert_eq!(found.measured.skipped, state().measured.skipped);
        assert_eq!(found.measured.next, 14);
        remove(&path).unwrap();
        assert!(State::read(&path).unwrap().is_none());
    }

    #[test]
    fn a_damaged_state_is_refused_wherever_the_damage_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.state");
        state().write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            assert!(matches!(State::read(&path), Err(StoreError::State { .. })), "byte {place}");
            fs::write(&path, &whole[..place]).unwrap();
            assert!(matches!(State::read(&path), Err(StoreError::State { .. })), "cut at {place}");
        }
    }

    /// With a right checksum, so that the lengths themselves are looked at.
    #[test]
    fn declared_lengths_are_checked_before_memory_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.state");
        let message = |length: u64, description: &str| {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(length.to_le_bytes());
            bytes.extend(description.as_bytes());
            bytes.extend(Sha256::digest(&bytes));
            fs::write(&path, bytes).unwrap();
            State::read(&path).unwrap_err().to_string()
        };
        assert!(message(u64::MAX, "").contains("more than it holds"));
        let side = u64::MAX / 2;
        let huge = format!(
            "{{\"settings\":{{}},\"shard\":\"1/1\",\"finished\":false,\
             \"size\":[{side},{side}],\"next\":0,\"groups\":[0,0,0,0,0,0,0,0,0,0],\"used\":[],\
             \"skipped\":[]}}"
        );
        let found = message(huge.len() as u64, &huge);
        assert!(found.contains("doesn't hold the sums"), "{found}");
    }
}
