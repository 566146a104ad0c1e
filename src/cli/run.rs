//! `fieldscope run`: arguments and summary.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use fieldscope::analysis::file::Analysis;
use fieldscope::analysis::run::division::Division;
use fieldscope::analysis::run::{
    Outcome, State, Task, claim_report, finish, plan, run as run_analysis,
};

use super::console::{self, Console, out};
use super::values::{apply_threads, report_failures};
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
    #[arg(long, conflicts_with_all = ["task", "merge"])]
    dry_run: bool,

    /// Divide the work on each network into N shares; with --task or --merge
    #[arg(long, value_name = "N")]
    shards: Option<NonZeroUsize>,

    /// Compute only the Ith of the tasks, from 1: a network's share (`fieldscope submit` and any
    /// scheduler that has a number start tasks so). It goes on where it was interrupted
    #[arg(long, value_name = "I", requires = "shards")]
    task: Option<usize>,

    /// Put the shares of all tasks together, and end as without --shards
    #[arg(long, requires = "shards", conflicts_with = "task")]
    merge: bool,

    /// With --merge, remove what tasks have computed once it has been put together
    #[arg(long, requires = "merge")]
    remove_parts: bool,

    /// Overwrite what is in the way of the report; with --task, begin anew where the part is of other
    /// settings
    #[arg(long)]
    force: bool,

    /// Folder for results and report, instead of the file's
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Threads to compute with [default: one a core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024), value_name = "N")]
    threads: Option<u16>,

    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the study or a task of it, or shows its plan.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let analysis = load(&arguments.file, arguments.out.as_deref())?;
    if arguments.dry_run {
        return show(&analysis);
    }
    apply_threads(arguments.threads);
    let stop = console::stop_on_interrupt();
    let console = Console::new(arguments.quiet);
    let division = arguments.shards.map(|shards| Division::new(&analysis, shards));
    if arguments.force && arguments.task.is_none() {
        claim_report(&analysis, true).map_err(failure)?;
    }
    let outcome = match (division, arguments.task, arguments.merge) {
        (Some(division), Some(index), _) => {
            let task = division.run(&analysis, index, arguments.force, &console, stop);
            let task = task.map_err(failure)?;
            let (name, shard, folder) = (&task.work.name, task.shard, task.folder.display());
            return out(format_args!("task {index}, {name}, share {shard}: done, in {folder}"));
        }
        (Some(division), None, true) => {
            finish(&analysis, &division, arguments.remove_parts, &console, stop)
        }
        (Some(_), None, false) => {
            let problem = "--shards divides a study into tasks: give --task I for one of them, or \
                           --merge once all are done";
            return Err(Failure::Usage(problem.to_owned()));
        }
        (None, ..) => run_analysis(&analysis, &console, stop),
    };
    summarise(&outcome.map_err(failure)?)
}

/// Reads an analysis file; `out` takes the place of the file's.
pub fn load(file: &Path, out: Option<&Path>) -> Result<Analysis, Failure> {
    let mut analysis = Analysis::load(file).map_err(|error| Failure::Usage(error.to_string()))?;
    if let Some(out) = out {
        analysis.set_out(out);
    }
    Ok(analysis)
}

fn summarise(outcome: &Outcome) -> Result<(), Failure> {
    out(format_args!("{} computed, {} reused", outcome.computed, outcome.reused))?;
    for path in &outcome.report {
        out(format_args!("{}", path.display()))?;
    }
    report_failures(&outcome.failures)
}

fn show(analysis: &Analysis) -> Result<(), Failure> {
    for Task { name, state, folder, redraw, .. } in plan(analysis) {
        let what = match state {
            State::Reuse if redraw => {
                format!("reuse    {name} ({}; its figures are drawn anew)", folder.display())
            }
            State::Reuse => format!("reuse    {name} ({})", folder.display()),
            State::Compute(reason) => format!("compute  {name} ({reason})"),
            State::Impossible(reason) => format!("can't    {name} ({reason})"),
        };
        out(format_args!("{what}"))?;
    }
    out(format_args!("report   {}", analysis.out.join("report").display()))
}
