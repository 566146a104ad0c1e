//! Decisions of a network that is still at work, kept so that a killed run goes on where it was.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::categories::Categories;
use super::decision_file::COLUMNS;
use super::decision_writer::DecisionWriter;
use super::error::ShapeBiasError;
use super::observer::{Answer, Decision};
use super::stimuli::Stimulus;
use crate::store::{Settings, Shard, StoreError, atomic};

/// How often rows are forced to the disk itself. The operating system has each at once, so that a
/// killed process loses none; a power cut loses those since then.
const SYNC_EVERY: Duration = Duration::from_secs(20);

/// Begins the first line of a log, which says what the rows belong to.
const MARK: &str = "# ";

/// What the rows of a log belong to: its first line, as JSON after a `#`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// Everything that a decision depends on.
    pub settings: Settings,
    /// The share of the stimuli that is decided.
    pub shard: Shard,
    /// Whether the share is done: stimuli without a row couldn't be decided.
    pub finished: bool,
}

/// Where the decisions are kept until those at `path` are complete: `LABEL.csv.part`.
pub fn part_path(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

/// As [`part_path`], of a name in a folder.
pub fn part_name(name: &str) -> String {
    part_path(Path::new(name)).to_string_lossy().into_owned()
}

/// The log of a network at work: every row is in `LABEL.csv.part` as soon as it is made.
pub struct DecisionLog<'a> {
    path: PathBuf,
    part: PathBuf,
    label: &'a str,
    head: LogHead,
    file: File,
    rows: DecisionWriter<File>,
    decided: HashMap<String, Decision>,
    synced: Instant,
}

impl<'a> DecisionLog<'a> {
    /// Opens the log of the decisions that will be at `path`, with those that an earlier run of the
    /// same settings made; a last row that was cut off is dropped. `label` is written as `subj`.
    ///
    /// # Errors
    /// [`StoreError::State`] where the log belongs to other settings (unless `force`: it is then
    /// begun anew), [`StoreError::Io`].
    pub fn open(
        path: &Path,
        label: &'a str,
        head: LogHead,
        stimuli: &[Stimulus],
        categories: &Categories,
        force: bool,
    ) -> Result<Self, ShapeBiasError> {
        let part = part_path(path);
        let found = match read(&part, stimuli, categories) {
            Ok(Some(found)) if force && head.refusal(&found.head).is_some() => None,
            Ok(Some(found)) => match head.refusal(&found.head) {
                Some(problem) => return Err(StoreError::state(&part, problem).into()),
                None => Some(found),
            },
            Err(StoreError::State { .. }) if force => None,
            other => other?,
        };
        let kept = match found {
            Some(found) => found,
            None => {
                let first = head_line(&head)?;
                let text = format!("{first}{}\n", COLUMNS.join(","));
                atomic::write_bytes(&part, text.as_bytes())?;
                FoundLog { head: head.clone(), decisions: Vec::new(), length: text.len() as u64 }
            }
        };
        let in_writing = |cause| StoreError::io("write", &part, cause);
        let file = OpenOptions::new().append(true).open(&part).map_err(in_writing)?;
        file.set_len(kept.length).map_err(in_writing)?;
        let copy = file.try_clone().map_err(in_writing)?;
        let rows = DecisionWriter::append(copy, label, kept.decisions.len());
        let decided = kept.decisions.into_iter().map(|row| (row.stimulus.clone(), row)).collect();
        let (path, synced) = (path.to_owned(), Instant::now());
        Ok(Self { path, part, label, head, file, rows, decided, synced })
    }

    /// Whether there is a decision on the stimulus of this name.
    pub fn has(&self, stimulus: &str) -> bool {
        self.decided.contains_key(stimulus)
    }

    /// How many decisions there are.
    pub fn len(&self) -> usize {
        self.decided.len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.decided.is_empty()
    }

    /// Adds a decision.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn write(&mut self, decision: &Decision) -> Result<(), ShapeBiasError> {
        let in_writing = |cause| StoreError::io("write", &self.part, cause);
        self.rows.write(decision).map_err(in_writing)?;
        self.decided.insert(decision.stimulus.clone(), decision.clone());
        if self.synced.elapsed() >= SYNC_EVERY {
            self.file.sync_data().map_err(in_writing)?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    /// Writes the complete file, in the order of the stimuli, and gives the decisions. The log
    /// stays until [`remove`].
    ///
    /// # Errors
    /// Where that can't be done; the rows are then still in `LABEL.csv.part`.
    pub fn finish(self, stimuli: &[Stimulus]) -> Result<Vec<Decision>, ShapeBiasError> {
        let decisions = in_order(&self.decided, stimuli);
        atomic::write_bytes(&self.path, &table(self.label, &decisions)?)?;
        Ok(decisions)
    }

    /// Marks a share as done.
    ///
    /// # Errors
    /// Where that can't be written.
    pub fn finish_shard(self, stimuli: &[Stimulus]) -> Result<(), ShapeBiasError> {
        let head = LogHead { finished: true, ..self.head };
        write_log(&self.part, self.label, &head, &in_order(&self.decided, stimuli))
    }
}

impl LogHead {
    /// Why a log with another head isn't to be gone on with.
    fn refusal(&self, found: &LogHead) -> Option<String> {
        if let Some(difference) = self.settings.difference(&found.settings) {
            return Some(format!("it belongs to other settings ({difference})"));
        }
        (self.shard != found.shard)
            .then(|| format!("it is of shard {}, not {}", found.shard, self.shard))
    }
}

fn in_order(decided: &HashMap<String, Decision>, stimuli: &[Stimulus]) -> Vec<Decision> {
    stimuli.iter().filter_map(|stimulus| decided.get(&stimulus.name).cloned()).collect()
}

/// A whole log, written at once.
///
/// # Errors
/// Where it can't be written.
pub fn write_log(
    part: &Path,
    label: &str,
    head: &LogHead,
    decisions: &[Decision],
) -> Result<(), ShapeBiasError> {
    let mut text = head_line(head)?.into_bytes();
    text.extend(table(label, decisions)?);
    Ok(atomic::write_bytes(part, &text)?)
}

/// Removes the log of the decisions at `path`, if there is one.
///
/// # Errors
/// Where it can't be removed.
pub fn remove(path: &Path) -> Result<(), ShapeBiasError> {
    let part = part_path(path);
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", &part, error).into())
        }
        _ => Ok(()),
    }
}

fn head_line(head: &LogHead) -> Result<String, ShapeBiasError> {
    let text = serde_json::to_string(head)
        .map_err(|cause| StoreError::io("write", Path::new("the settings"), cause.into()))?;
    Ok(format!("{MARK}{text}\n"))
}

fn table(label: &str, decisions: &[Decision]) -> Result<Vec<u8>, ShapeBiasError> {
    let mut bytes = Vec::new();
    let in_writing = |cause| StoreError::io("write", Path::new("decisions"), cause);
    let mut rows = DecisionWriter::new(&mut bytes, label).map_err(in_writing)?;
    for decision in decisions {
        rows.write(decision).map_err(in_writing)?;
    }
    drop(rows);
    Ok(bytes)
}

/// A log as it was found.
#[derive(Debug)]
pub struct FoundLog {
    /// What it belongs to.
    pub head: LogHead,
    /// Its decisions, in the order of its rows.
    pub decisions: Vec<Decision>,
    /// Bytes up to the end of the last whole row.
    length: u64,
}

/// Reads the log at `part`; nothing where there is none.
///
/// # Errors
/// [`StoreError::State`] where it isn't one, [`StoreError::Io`].
pub fn read(
    part: &Path,
    stimuli: &[Stimulus],
    categories: &Categories,
) -> Result<Option<FoundLog>, StoreError> {
    let bytes = match fs::read(part) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("read", part, error)),
    };
    let refuse = |problem: String| StoreError::state(part, problem);
    let first = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let head = std::str::from_utf8(&bytes[..first])
        .ok()
        .and_then(|line| serde_json::from_str(line.strip_prefix(MARK)?).ok())
        .ok_or_else(|| refuse("its first line doesn't say which run it is of".to_owned()))?;
    let columns = COLUMNS.join(",");
    let rows = bytes[first..]
        .strip_prefix(columns.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"\n"))
        .ok_or_else(|| refuse(format!("its second line isn't {columns}")))?;
    let known: HashMap<&str, &Stimulus> =
        stimuli.iter().map(|stimulus| (stimulus.name.as_str(), stimulus)).collect();
    let (decisions, length) = whole_rows(rows, &known, categories);
    let length = (bytes.len() - rows.len()) as u64 + length;
    Ok(Some(FoundLog { head, decisions, length }))
}

/// The rows up to the first that isn't whole, and their length in bytes: what comes after was being
/// written when the power went.
fn whole_rows(
    bytes: &[u8],
    known: &HashMap<&str, &Stimulus>,
    categories: &Categories,
) -> (Vec<Decision>, u64) {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut records =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&bytes[..whole]);
    let (mut decisions, mut length) = (Vec::new(), 0);
    let mut record = csv::StringRecord::new();
    while let Ok(true) = records.read_record(&mut record) {
        let trial = (decisions.len() + 1).to_string();
        let (Some(answer), Some(name)) = (record.get(4), record.get(7)) else { break };
        let Some(stimulus) = known.get(name) else { break };
        if record.get(2) != Some(&trial) || !categories.contains(answer) {
            break;
        }
        decisions.push(Decision {
            stimulus: stimulus.name.clone(),
            cues: stimulus.cues.clone(),
            answer: Answer::Category(answer.to_owned()),
        });
        length = records.position().byte();
    }
    (decisions, length)
}

#[cfg(test)]
mod tests {
    use super::super::stimuli::NamePattern;
    use super::*;

    const LABEL: &str = "a, \"n\"";

    fn stimuli() -> Vec<Stimulus> {
        let pattern = NamePattern::published().unwrap();
        ["cat1-bear1.png", "cat2-bear1.png", "cat3-bear1.png"]
            .map(|name| Stimulus {
                path: name.into(),
                name: name.to_owned(),
                cues: pattern.cues(name).unwrap(),
            })
            .to_vec()
    }

    fn decision(stimulus: &Stimulus) -> Decision {
        Decision {
            stimulus: stimulus.name.clone(),
            cues: stimulus.cues.clone(),
            answer: Answer::Category("bear".to_owned()),
        }
    }

    fn open(path: &Path, settings: Settings, force: bool) -> Result<DecisionLog<'static>, String> {
        let head = LogHead { settings, shard: Shard::WHOLE, finished: false };
        let categories = Categories::imagenet_16().unwrap();
        DecisionLog::open(path, LABEL, head, &stimuli(), &categories, force)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_log_cut_off_anywhere_is_gone_on_with_and_ends_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decisions/n.csv");
        let mut log = open(&path, Settings::default(), false).unwrap();
        for stimulus in &stimuli() {
            log.write(&decision(stimulus)).unwrap();
        }
        assert_eq!(log.finish(&stimuli()).unwrap().len(), 3);
        let whole = fs::read(&path).unwrap();
        let part = fs::read(part_path(&path)).unwrap();
        assert!(part.ends_with(&whole));
        let rows = part.len() - whole.len() + COLUMNS.join(",").len() + 1;
        for cut in rows..part.len() {
            for tail in [&b""[..], b"\0\0\0\n\0"] {
                fs::write(part_path(&path), [&part[..cut], tail].concat()).unwrap();
                let mut log = open(&path, Settings::default(), false).unwrap();
                for stimulus in &stimuli() {
                    if !log.has(&stimulus.name) {
                        log.write(&decision(stimulus)).unwrap();
                    }
                }
                log.finish(&stimuli()).unwrap();
                assert_eq!(fs::read(part_path(&path)).unwrap(), part, "cut at {cut}");
                assert_eq!(fs::read(&path).unwrap(), whole, "cut at {cut}");
            }
        }
        remove(&path).unwrap();
        assert!(!part_path(&path).exists());
    }

    #[test]
    fn a_log_of_other_settings_is_refused_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.csv");
        let mut log = open(&path, Settings::default().with("batch size", 2), false).unwrap();
        log.write(&decision(&stimuli()[0])).unwrap();
        let other = Settings::default().with("batch size", 4);
        let message = open(&path, other.clone(), false).err().unwrap();
        assert!(message.contains("batch size is 2 there and 4 here"), "{message}");
        assert!(open(&path, other, true).unwrap().is_empty());
        fs::write(part_path(&path), "subj,session\n").unwrap();
        let message = open(&path, Settings::default(), false).err().unwrap();
        assert!(message.contains("doesn't say which run"), "{message}");
    }
}
