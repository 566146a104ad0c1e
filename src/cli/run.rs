//! `fieldscope run`: arguments and summary.

use std::path::PathBuf;

use fieldscope::analysis::file::Analysis;
use fieldscope::analysis::run::{State, Task, plan, run as run_analysis};

use super::console::{self, Console, out};
use super::values::report_failures;
use super::{Failure, failure};

/// Run a whole study from one analysis file: ERF, shape bias, report
///
/// Reuses every result whose inputs are unchanged: checkpoint, images, settings, version of the
/// method. Ends with the report in the folder `report` below the file's `out`. The folder `analyses`
/// of the source holds files to start from.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  fieldscope run analyses/replknet-paper.toml --dry-run")]
pub struct Arguments {
    /// The analysis file (TOML)
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Show what would be computed and what reused, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Folder for results and report, instead of the file's
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the study, or shows its plan.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut analysis =
        Analysis::load(&arguments.file).map_err(|error| Failure::Usage(error.to_string()))?;
    if let Some(out) = &arguments.out {
        analysis.out.clone_from(out);
    }
    if arguments.dry_run {
        return show(&analysis);
    }
    let stop = console::stop_on_interrupt();
    let console = Console::new(arguments.quiet);
    let outcome = run_analysis(&analysis, &console, stop).map_err(failure)?;
    out(format_args!("{} computed, {} reused", outcome.computed, outcome.reused))?;
    for path in &outcome.report {
        out(format_args!("{}", path.display()))?;
    }
    report_failures(&outcome.failures)
}

fn show(analysis: &Analysis) -> Result<(), Failure> {
    for Task { name, state, folder, .. } in plan(analysis) {
        let what = match state {
            State::Reuse => format!("reuse    {name} ({})", folder.display()),
            State::Compute(reason) => format!("compute  {name} ({reason})"),
            State::Impossible(reason) => format!("can't    {name} ({reason})"),
        };
        out(format_args!("{what}"))?;
    }
    out(format_args!("report   {}", analysis.out.join("report").display()))
}
