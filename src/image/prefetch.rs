//! Preparing the next images while the current one is computed.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::ImageError;

/// An iterator over files that works ahead on background threads.
///
/// It yields `(index, path, result)` in the order of the files, whichever is ready first. A file
/// that fails is an item like any other: what to do about it is the caller's decision. At most
/// `lookahead` files are in work or waiting to be taken, which bounds the memory. When it is
/// dropped, no further file is begun, and the threads are waited for.
///
/// If the work panics, the panic goes on in the thread that takes that file's result.
pub struct Prefetch<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

/// What a file's work came to: a result, or what it panicked with.
type Outcome<T> = Result<Result<T, ImageError>, Box<dyn Any + Send>>;

struct Shared<T> {
    files: Vec<PathBuf>,
    lookahead: usize,
    state: Mutex<State<T>>,
    /// Told when a file has been taken by the caller, so that one more may be begun.
    room: Condvar,
    /// Told when a file's outcome is there.
    ready: Condvar,
}

struct State<T> {
    /// The file to begin next.
    begin: usize,
    /// The file that the caller gets next.
    take: usize,
    waiting: HashMap<usize, Outcome<T>>,
    stopped: bool,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Begins to work on `files`, on `threads` threads, up to `lookahead` files ahead (at least 1
    /// of each).
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn new<W>(
        files: Vec<PathBuf>,
        threads: usize,
        lookahead: usize,
        work: W,
    ) -> Result<Self, ImageError>
    where
        W: Fn(&Path) -> Result<T, ImageError> + Send + Sync + 'static,
    {
        let lookahead = lookahead.max(1);
        let threads = threads.clamp(1, lookahead).min(files.len());
        let shared = Arc::new(Shared {
            files,
            lookahead,
            state: Mutex::new(State { begin: 0, take: 0, waiting: HashMap::new(), stopped: false }),
            room: Condvar::new(),
            ready: Condvar::new(),
        });
        let work = Arc::new(work);
        // Made before the threads, so that dropping it stops them if a later one is refused.
        let mut prefetch = Self { shared, threads: Vec::with_capacity(threads) };
        for _ in 0..threads {
            let (shared, work) = (Arc::clone(&prefetch.shared), Arc::clone(&work));
            let thread = thread::Builder::new()
                .name("prefetch".to_string())
                .spawn(move || shared.work_through(&*work))
                .map_err(ImageError::Thread)?;
            prefetch.threads.push(thread);
        }
        Ok(prefetch)
    }
}

impl<T> Shared<T> {
    /// No code that may panic runs under the lock, so a poisoned one holds a sound state.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work_through(&self, work: &impl Fn(&Path) -> Result<T, ImageError>) {
        while let Some(index) = self.begin_next() {
            let path = &self.files[index];
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| work(path)));
            self.lock().waiting.insert(index, outcome);
            self.ready.notify_one();
        }
    }

    /// Waits until one more file may be begun; none when there is none left.
    fn begin_next(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.stopped || state.begin == self.files.len() {
                return None;
            }
            if state.begin < state.take + self.lookahead {
                state.begin += 1;
                return Some(state.begin - 1);
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = (usize, PathBuf, Result<T, ImageError>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut state = self.shared.lock();
        let index = state.take;
        let path = self.shared.files.get(index)?.clone();
        let outcome = loop {
            if let Some(outcome) = state.waiting.remove(&index) {
                break outcome;
            }
            state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        state.take += 1;
        drop(state);
        self.shared.room.notify_one();
        match outcome {
            Ok(result) => Some((index, path, result)),
            Err(panicked) => panic::resume_unwind(panicked),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.shared.files.len() - self.shared.lock().take;
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for Prefetch<T> {}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.room.notify_all();
        for thread in self.threads.drain(..) {
            // Panics of the work are caught and handed over with its result; there is no other.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::Problem;
    use super::*;

    fn numbered(count: usize) -> Vec<PathBuf> {
        (0..count).map(|i| PathBuf::from(i.to_string())).collect()
    }

    fn number(path: &Path) -> usize {
        path.to_str().unwrap().parse().unwrap()
    }

    #[test]
    fn in_order_whichever_is_ready_first() {
        let prefetch = Prefetch::new(numbered(40), 4, 8, |path| {
            let n = number(path);
            thread::sleep(Duration::from_millis((n % 4) as u64));
            Ok(n * n)
        })
        .unwrap();
        assert_eq!(prefetch.len(), 40);
        for (expected, (index, path, result)) in prefetch.enumerate() {
            assert_eq!(index, expected);
            assert_eq!(number(&path), expected);
            assert_eq!(result.unwrap(), expected * expected);
        }
    }

    #[test]
    fn a_failure_is_an_item() {
        let prefetch = Prefetch::new(numbered(5), 2, 2, |path| match number(path) {
            3 => Err(Problem::Empty.at(path)),
            n => Ok(n),
        })
        .unwrap();
        let good: Vec<bool> = prefetch.map(|(_, _, result)| result.is_ok()).collect();
        assert_eq!(good, [true, true, true, false, true]);
    }

    #[test]
    fn never_further_ahead_than_asked_and_stops_when_dropped() {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&begun);
        let mut prefetch = Prefetch::new(numbered(1000), 3, 4, move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
        for taken in 1..=10 {
            assert!(prefetch.next().is_some());
            assert!(begun.load(Ordering::SeqCst) <= taken + 4);
        }
        drop(prefetch);
        assert!(begun.load(Ordering::SeqCst) <= 14);
        // The threads are gone, and with them their hold on the closure.
        assert_eq!(Arc::strong_count(&begun), 1);
    }

    #[test]
    fn nothing_to_do_ends_at_once() {
        let mut prefetch = Prefetch::new(Vec::new(), 0, 0, |_| Ok(())).unwrap();
        assert!(prefetch.next().is_none());
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let mut prefetch = Prefetch::new(numbered(3), 2, 2, |path| {
            assert_ne!(number(path), 1, "as the test wants");
            Ok(())
        })
        .unwrap();
        assert!(prefetch.next().is_some());
        let caught = panic::catch_unwind(AssertUnwindSafe(|| prefetch.next()));
        assert!(caught.is_err());
        assert!(prefetch.next().is_some());
        assert!(prefetch.next().is_none());
    }
}
