//! What long work tells whoever started it, and hears from them.

use std::sync::atomic::{AtomicBool, Ordering};

/// Listens to long work. All methods do nothing unless implemented.
pub trait Progress {
    /// A part begins, of `total` steps ("images").
    fn begin(&self, _what: &str, _total: usize, _unit: &str) {}
    /// `steps` more are done.
    fn advance(&self, _steps: usize) {}
    /// The part is over.
    fn end(&self) {}
    /// Something was left out or looks wrong; the work goes on.
    fn warn(&self, _message: &str) {}
    /// Something that is good to know.
    fn say(&self, _message: &str) {}
}

/// Listens to nothing.
pub struct Silent;

impl Progress for Silent {}

/// Set by Ctrl-C: long work stops at its next step.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Not set.
    pub const fn new() -> Self {
        Stop(AtomicBool::new(false))
    }

    /// Asks the work to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the work has been asked to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
