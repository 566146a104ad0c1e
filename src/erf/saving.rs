//! When a run over images writes its state, and what of an earlier run it goes on with.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::measured::Measured;
use super::state::{Head, State, write};
use crate::store::{Settings, Shard, StoreError};

/// How often a state is written: what is lost at most, with the image in work, is this and the time
/// of writing.
pub const SAVE_EVERY: Duration = Duration::from_secs(20);

/// The longest that is waited between two states on a disk that takes seconds for one.
const LONGEST_WAIT: Duration = Duration::from_secs(45);

/// The state of a run at work, written from time to time.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    head: Head,
    every: Duration,
    written: Instant,
    /// What writing took the last time.
    cost: Duration,
}

impl StateFile {
    /// The state at `path` of a run with these settings, to be written every so often.
    pub fn new(path: PathBuf, settings: Settings, shard: Shard, every: Duration) -> Self {
        let head = Head { settings, shard, finished: false };
        Self { path, head, every, written: Instant::now(), cost: Duration::ZERO }
    }

    /// What an earlier run of the same settings came to; nothing where there was none.
    ///
    /// # Errors
    /// [`StoreError::State`] where it belongs to other settings or is damaged (neither with
    /// `force`: the run then begins anew); [`StoreError::Io`].
    pub fn load(&self, force: bool) -> Result<Option<Measured>, StoreError> {
        let usable = State::read(&self.path).and_then(|found| match found {
            Some(state) => self.check(state).map(Some),
            None => Ok(None),
        });
        match usable {
            Err(StoreError::State { .. }) if force => Ok(None),
            other => other,
        }
    }

    fn check(&self, state: State) -> Result<Measured, StoreError> {
        let refuse = |problem: String| Err(StoreError::state(&self.path, problem));
        if let Some(difference) = self.head.settings.difference(&state.head.settings) {
            return refuse(format!("it belongs to other settings ({difference})"));
        }
        if self.head.shard != state.head.shard {
            let (found, expected) = (state.head.shard, self.head.shard);
            return refuse(format!("it is of shard {found}, not {expected}"));
        }
        Ok(state.measured)
    }

    /// Whether it is time to write.
    pub fn is_due(&self) -> bool {
        // A disk that takes long is not written to all the time.
        self.written.elapsed() >= self.every.max((self.cost * 5).min(LONGEST_WAIT))
    }

    /// Writes the state; `finished` where all images of the share are in it.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the state before is then still there.
    pub fn save(&mut self, measured: &Measured, finished: bool) -> Result<(), StoreError> {
        let start = Instant::now();
        write(&self.path, &Head { finished, ..self.head.clone() }, measured)?;
        self.written = Instant::now();
        self.cost = start.elapsed();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(folder: &Path, settings: Settings) -> StateFile {
        StateFile::new(folder.join("n.state"), settings, Shard::WHOLE, SAVE_EVERY)
    }

    fn measured() -> Measured {
        Measured { next: 14, ..Measured::new([2, 3]) }
    }

    #[test]
    fn a_run_goes_on_with_what_it_saved() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = file(folder.path(), Settings::of_this_version());
        assert!(state.load(false).unwrap().is_none());
        state.save(&measured(), false).unwrap();
        assert_eq!(state.load(false).unwrap().unwrap().next, 14);
    }

    #[test]
    fn a_state_of_other_settings_is_refused_and_says_which() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), Settings::default().with("size", 64)).save(&measured(), false).unwrap();
        let other = file(folder.path(), Settings::default().with("size", 32));
        let message = other.load(false).unwrap_err().to_string();
        assert!(message.contains("size is 64 there and 32 here"), "{message}");
        assert!(message.contains("n.state") && message.contains("--force"), "{message}");
        assert!(other.load(true).unwrap().is_none());
    }
}
