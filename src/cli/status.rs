//! `fieldscope status`: arguments and what is shown.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use fieldscope::analysis::run::division::Division;
use fieldscope::cluster::script::quote;
use fieldscope::cluster::status::{Doing, Status, TaskStatus, WorkStatus, numbers};
use fieldscope::cluster::submission::Submission;
use fieldscope::progress::Progress;

use super::Failure;
use super::console::{self, Console, out};
use super::run::load;

/// Show how the tasks of a divided study are doing
///
/// Says of each network how many tasks are done, run, wait and failed, why they failed, and which
/// command runs again only what has to be. Looks at what tasks left on disk and, where jobs were
/// submitted, asks Slurm. Start it in the folder in which the study was submitted.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  fieldscope status analyses/replknet-paper.toml")]
pub struct Arguments {
    /// The analysis file (TOML)
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Into how many shares the work on each network is divided [default: as it was submitted]
    #[arg(long, value_name = "N")]
    shards: Option<NonZeroUsize>,

    /// Folder for results and report, instead of the file's
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// List every task
    #[arg(long)]
    all: bool,

    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Shows how the study does.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let analysis = load(&arguments.file, arguments.out.as_deref())?;
    let submission = Submission::read(&Division::new(&analysis, NonZeroUsize::MIN).folder)?;
    if let Some(submission) = &submission {
        submission.check_folder(&std::env::current_dir()?)?;
    }
    let submitted = submission.as_ref().and_then(|found| NonZeroUsize::new(found.shards));
    let Some(shards) = arguments.shards.or(submitted) else {
        return Err(Failure::Usage(format!(
            "nothing was submitted from {}; give --shards N where its tasks are run in another way",
            arguments.file.display()
        )));
    };
    let submission = submission.filter(|_| submitted == Some(shards));
    let division = Division::new(&analysis, shards).with_inputs(&analysis);
    let (status, error) = Status::find(&division, submission.as_ref());
    if let Some(error) = error {
        Console::new(false).warn(&format!("what is running can't be told: {error}"));
    }
    if arguments.json {
        return console::json(&status);
    }
    out(format_args!("{}", summary(&status)))?;
    for work in status.works.iter().filter(|work| !work.reused) {
        match arguments.all {
            true => work.tasks.iter().try_for_each(|task| say(task, &title(task)))?,
            false => say_failed(work)?,
        }
    }
    say(&status.merge, &status.merge.name)?;
    advise(arguments, &status, submission.as_ref(), shards)
}

/// A row a network and analysis.
fn summary(status: &Status) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["tasks", "", "done", "running", "waiting", "failed", "not running"]);
    for work in &status.works {
        let (Some(first), Some(last)) = (work.tasks.first(), work.tasks.last()) else { continue };
        let mut row = vec![format!("{}-{}", first.task, last.task), work.name.clone()];
        if work.reused {
            row.push("reused".to_owned());
        } else {
            row.extend(work.counts().map(|count| count.to_string()));
        }
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn title(task: &TaskStatus) -> String {
    format!("task {}, {}", task.task, task.name)
}

/// A line for each reason for which tasks of a network failed: it can be the same for a thousand.
fn say_failed(work: &WorkStatus) -> Result<(), Failure> {
    let mut groups: Vec<Vec<&TaskStatus>> = Vec::new();
    for task in work.tasks.iter().filter(|task| matches!(task.doing, Doing::Failed(_))) {
        match groups.iter_mut().find(|group| group[0].doing == task.doing) {
            Some(group) => group.push(task),
            None => groups.push(vec![task]),
        }
    }
    for group in groups {
        match group[..] {
            [task] => say(task, &title(task))?,
            _ => say(group[0], &format!("tasks {}, {}", numbers(&group), work.name))?,
        }
    }
    Ok(())
}

/// A line of one task, or of several of which it is the first.
fn say(task: &TaskStatus, name: &str) -> Result<(), Failure> {
    let log = match (&task.log, &task.doing) {
        (Some(log), Doing::Failed(_)) => format!(" (see {})", log.display()),
        _ => String::new(),
    };
    let doing = match &task.doing {
        Doing::Done => "done".to_owned(),
        Doing::Running(place) => format!("running {place}"),
        Doing::Waiting(reason) => format!("waiting ({reason})"),
        Doing::Failed(reason) => format!("failed: {reason}"),
        Doing::Begun(place) => format!("begun {place}, running still or killed"),
        Doing::Missing => "not begun".to_owned(),
    };
    out(format_args!("{name}: {doing}{log}"))
}

/// The commands that run what has to be run, and nothing else.
fn advise(
    arguments: &Arguments,
    status: &Status,
    submission: Option<&Submission>,
    shards: NonZeroUsize,
) -> Result<(), Failure> {
    let (file, shards) = (arguments.file.display().to_string(), shards.to_string());
    let folder = arguments.out.as_ref().map(|folder| folder.display().to_string());
    let mut words = vec!["fieldscope", "run", "--shards", &shards];
    // The last bits of sums depend on it.
    let threads = submission.and_then(|found| found.threads).map(|threads| threads.to_string());
    if let Some(threads) = &threads {
        words.extend(["--threads", threads]);
    }
    if let Some(folder) = &folder {
        words.extend(["--out", folder]);
    }
    let by_hand = quote(&words)?;
    let file = quote(&["--", &file])?;
    let to_run = status.to_run();
    let merge_failed = matches!(status.merge.doing, Doing::Failed(_) | Doing::Missing);
    let is_missing = !to_run.is_empty() || (merge_failed && status.is_computed());
    if let Some(submission) = submission.filter(|_| is_missing) {
        let command: Vec<&str> = submission.command.iter().map(String::as_str).collect();
        out(format_args!("to submit what is missing, and only that:\n  {}", quote(&command)?))?;
    }
    let (forced, others): (Vec<_>, Vec<_>) = to_run.iter().partition(|task| task.forced);
    for (tasks, force) in [(others, ""), (forced, " --force")] {
        if !tasks.is_empty() {
            let tasks = numbers(&tasks);
            out(format_args!(
                "to run it without Slurm, for I in {tasks}:\n  {by_hand}{force} --task I {file}"
            ))?;
        }
    }
    if to_run.is_empty() && merge_failed && status.is_computed() {
        out(format_args!("to put the shares together without Slurm:\n  {by_hand} --merge {file}"))?;
    }
    Ok(())
}
