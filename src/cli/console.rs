//! What the program prints: results to stdout, everything else to stderr.

use std::cell::{Cell, RefCell};
use std::fmt::Arguments;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use fieldscope::progress::{Progress, Stop};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Failure;

/// Set by Ctrl-C or a termination signal.
static STOP: Stop = Stop::new();

/// Prints a line of a result.
pub fn out(line: Arguments<'_>) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{line}") {
        // The reader (a pager, `head`) has seen enough; the exit status still tells what failed.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| {
            Failure::Work(format!(
                "cannot write to the standard output: {error}; result files, if any, are complete"
            ))
        }),
    }
}

/// Prints a line to stderr. Where that can't be done (a full disk behind it), the work goes on.
fn tell(line: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints a result as JSON.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    out(format_args!("{}", serde_json::to_string_pretty(value)?))
}

/// Prints why the program ends.
pub fn error(message: &str) {
    tell(format_args!("fieldscope: {message}"));
}

/// Lets the first Ctrl-C stop the work at its next step, and the second end the program at once.
pub fn stop_on_interrupt() -> &'static Stop {
    // Setting a handler fails only where there is one already: this one.
    let _ = ctrlc::set_handler(|| {
        if STOP.is_set() {
            std::process::exit(130);
        }
        STOP.set();
        tell(format_args!("stopping at the next image (Ctrl-C again to stop at once)"));
    });
    &STOP
}

/// Time between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shows long work: a bar on a terminal, lines at intervals elsewhere, nothing but warnings when
/// quiet.
pub struct Console {
    quiet: bool,
    bar: RefCell<Option<ProgressBar>>,
    what: RefCell<String>,
    done: Cell<usize>,
    total: Cell<usize>,
    began: Cell<Instant>,
    said: Cell<Instant>,
}

impl Console {
    /// A console that says nothing but warnings if `quiet`.
    pub fn new(quiet: bool) -> Self {
        let now = Instant::now();
        Console {
            quiet,
            bar: RefCell::new(None),
            what: RefCell::new(String::new()),
            done: Cell::new(0),
            total: Cell::new(0),
            began: Cell::new(now),
            said: Cell::new(now),
        }
    }

    fn print(&self, message: &str) {
        match &*self.bar.borrow() {
            Some(bar) => bar.suspend(|| tell(format_args!("{message}"))),
            None => tell(format_args!("{message}")),
        }
    }

    fn print_rate(&self) {
        let (done, total) = (self.done.get(), self.total.get());
        let elapsed = self.began.get().elapsed().as_secs_f64();
        let rate = done as f64 / elapsed.max(1e-9);
        let left = total.saturating_sub(done) as f64 / rate.max(1e-9);
        let what = self.what.borrow();
        tell(format_args!("{what}: {done} of {total}, {rate:.2} a second, {left:.0} s left"));
    }
}

impl Progress for Console {
    fn begin(&self, what: &str, total: usize, unit: &str) {
        self.done.set(0);
        self.total.set(total);
        self.began.set(Instant::now());
        self.said.set(Instant::now());
        *self.what.borrow_mut() = format!("{what}, {unit}");
        if self.quiet {
            return;
        }
        if std::io::stderr().is_terminal() {
            let template = "{msg} {wide_bar} {pos}/{len} {prefix}, {per_sec}, {eta} left";
            let style = ProgressStyle::with_template(template);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(total as u64).with_style(style);
            bar.set_message(what.to_owned());
            bar.set_prefix(unit.to_owned());
            bar.enable_steady_tick(Duration::from_millis(250));
            *self.bar.borrow_mut() = Some(bar);
        } else {
            tell(format_args!("{what}: {total} {unit}"));
        }
    }

    fn advance(&self, steps: usize) {
        self.done.set(self.done.get() + steps);
        if let Some(bar) = &*self.bar.borrow() {
            bar.inc(steps as u64);
        } else if !self.quiet && self.said.get().elapsed() >= LINE_INTERVAL {
            self.said.set(Instant::now());
            self.print_rate();
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
        if !self.quiet {
            let seconds = self.began.get().elapsed().as_secs_f64();
            tell(format_args!("{}: {} in {seconds:.1} s", self.what.borrow(), self.done.get()));
        }
    }

    fn warn(&self, message: &str) {
        self.print(&format!("warning: {message}"));
    }

    fn say(&self, message: &str) {
        if !self.quiet {
            self.print(message);
        }
    }
}
