//! `fieldscope submit`: arguments, and what was submitted.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use fieldscope::analysis::file::cluster::one_line;
use fieldscope::analysis::file::{Analysis, ClusterPart};
use fieldscope::analysis::run::division::Division;
use fieldscope::analysis::run::{State, Task, plan};
use fieldscope::cluster::ClusterError;
use fieldscope::cluster::script::{Launch, quote};
use fieldscope::cluster::slurm;
use fieldscope::cluster::submission::Submission;
use fieldscope::cluster::submit::{Job, Jobs, Situation};
use fieldscope::progress::Progress;
use fieldscope::store::provenance;
use tch::Device;

use super::Failure;
use super::console::{Console, out};
use super::run::load;

/// Divide a study into tasks and submit them to Slurm
///
/// The work on each network is divided into N shares: an array job a network for ERF, another for its
/// decisions, and one job that depends on all, puts the shares together and ends with the results and
/// report of `fieldscope run`. Submitting again submits only what is neither done nor in the queue.
/// Scripts and ids are kept in the folder `cluster` of the results. What a task asks for stands in the
/// table [cluster] of the analysis file, or in flags, which win.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  fieldscope submit analyses/replknet-paper.toml --shards 8 \
                        --partition gpu --gpus 1 --time 4:00:00 --dry-run")]
pub struct Arguments {
    /// The analysis file (TOML)
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Into how many shares the work on each network is divided
    #[arg(long, value_name = "N")]
    shards: NonZeroUsize,

    /// Show the scripts and how they would be submitted, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Folder for results and report, instead of the file's
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Submit tasks that are done, too, and begin those anew whose part is of other settings
    #[arg(long)]
    force: bool,

    /// Remove what tasks have computed once it has been put together
    #[arg(long)]
    remove_parts: bool,

    /// Print no progress
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    resources: ResourceArguments,
}

/// What a task asks for.
#[derive(clap::Args)]
struct ResourceArguments {
    /// Partition
    #[arg(long, value_parser = one_line, value_name = "NAME")]
    partition: Option<String>,

    /// Longest time of a task, such as 4:00:00
    #[arg(long, value_parser = one_line, value_name = "TIME")]
    time: Option<String>,

    /// Memory of a task, such as 16G
    #[arg(long, value_parser = one_line, value_name = "SIZE")]
    memory: Option<String>,

    /// Processors of a task, and threads that it computes with [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024), value_name = "N")]
    cpus: Option<u16>,

    /// Graphics processors of a task
    #[arg(long, value_name = "N")]
    gpus: Option<u16>,

    /// Account to charge
    #[arg(long, value_parser = one_line, value_name = "NAME")]
    account: Option<String>,

    /// Shell command before a task, such as "module load cuda"
    #[arg(long, value_name = "COMMAND")]
    setup: Option<String>,

    /// A further option of sbatch, such as --option=--qos=low. Repeatable
    #[arg(long = "option", value_parser = one_line, allow_hyphen_values = true,
        value_name = "OPTION")]
    options: Vec<String>,
}

impl ResourceArguments {
    fn part(&self) -> ClusterPart {
        ClusterPart {
            partition: self.partition.clone(),
            time: self.time.clone(),
            memory: self.memory.clone(),
            cpus: self.cpus,
            gpus: self.gpus,
            account: self.account.clone(),
            setup: self.setup.clone(),
            options: self.options.clone(),
        }
    }
}

/// Submits what the study needs, or shows it.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let analysis = load(&arguments.file, arguments.out.as_deref())?;
    let here = std::env::current_dir()?;
    let division = Division::new(&analysis, arguments.shards).with_inputs(&analysis);
    let before = Submission::read(&division.folder)?;
    if let Some(before) = &before {
        before.check_folder(&here)?;
    }
    // Without Slurm the scripts can still be looked at.
    let queue = match slurm::queue() {
        Err(_) if arguments.dry_run => Vec::new(),
        queue => queue?,
    };
    let plan = plan(&analysis);
    let launch = launch(arguments, &analysis, &division, here)?;
    warn(arguments, &analysis, &plan, &launch);
    let situation = Situation {
        division: &division,
        plan: &plan,
        before: before.as_ref(),
        queue: &queue,
        force: arguments.force,
    };
    let jobs = situation.jobs(&launch)?;
    match arguments.dry_run {
        true => show(&jobs),
        false => submit(arguments, &division, &jobs, &launch, before),
    }
}

fn launch(
    arguments: &Arguments,
    analysis: &Analysis,
    division: &Division,
    here: PathBuf,
) -> Result<Launch, Failure> {
    Ok(Launch {
        program: std::env::current_exe()?,
        file: arguments.file.clone(),
        out: arguments.out.clone(),
        shards: arguments.shards,
        resources: analysis.cluster.overridden_by(&arguments.resources.part()),
        remove_parts: arguments.remove_parts,
        logs: here.join(&division.folder).join("logs"),
        folder: here,
    })
}

fn warn(arguments: &Arguments, analysis: &Analysis, plan: &[Task], launch: &Launch) {
    let console = Console::new(arguments.quiet);
    for task in plan {
        if let State::Impossible(reason) = &task.state {
            console.warn(&format!("{} can't be done: {reason}", task.name));
        }
    }
    if matches!(analysis.device, Device::Cuda(_)) && launch.resources.gpus.is_none() {
        console.warn("the study computes on cuda, and no `gpus` are asked for");
    }
}

fn submit(
    arguments: &Arguments,
    division: &Division,
    jobs: &Jobs,
    launch: &Launch,
    before: Option<Submission>,
) -> Result<(), Failure> {
    say_what_is_not_submitted(jobs)?;
    if jobs.merge.is_none() {
        return out(format_args!("nothing to submit; {}", ask_status(arguments)?));
    }
    let shards = arguments.shards.get();
    // Jobs of another number of shards have ended, and say nothing of these tasks.
    let before = before.filter(|before| before.shards == shards).unwrap_or_default();
    let mut submission = Submission { folder: launch.folder.clone(), shards, ..before };
    submission.threads = Some(launch.threads());
    submission.command = provenance::command_line();
    // It is to submit what is missing, not what is done; which tasks to begin anew is known.
    submission.command.retain(|argument| argument != "--force");
    let mut printed = Ok(());
    jobs.submit(&division.folder, launch, submission, |job, id| {
        if printed.is_ok() {
            printed = say_submitted(job, id);
        }
    })?;
    printed?;
    out(format_args!("{}", ask_status(arguments)?))
}

fn say_what_is_not_submitted(jobs: &Jobs) -> Result<(), Failure> {
    let numbers = [jobs.done, jobs.queued.len(), jobs.reused.len()];
    let what = ["tasks are done", "tasks are in the queue", "networks' results are reused"];
    for (number, what) in numbers.iter().zip(what).filter(|(number, _)| **number > 0) {
        out(format_args!("{number} {what}"))?;
    }
    Ok(())
}

fn say_submitted(job: &Job, id: &str) -> Result<(), Failure> {
    let name = name(&job.path);
    match job.shards.is_empty() {
        true => out(format_args!("job {id}: {name}, when all have ended well")),
        false => out(format_args!("job {id}: {name}, shares {}", job.array())),
    }
}

fn ask_status(arguments: &Arguments) -> Result<String, ClusterError> {
    let file = arguments.file.display().to_string();
    let mut words = vec!["fieldscope", "status", &file];
    let folder = arguments.out.as_ref().map(|folder| folder.display().to_string());
    if let Some(folder) = &folder {
        words.extend(["--out", folder]);
    }
    Ok(format!("how it goes: {}", quote(&words)?))
}

/// The scripts, and the commands that would submit them.
fn show(jobs: &Jobs) -> Result<(), Failure> {
    say_what_is_not_submitted(jobs)?;
    let mut after = Vec::new();
    for job in &jobs.arrays {
        show_job(job, &[])?;
        after.push(format!("ID-OF-{}", name(&job.path)));
    }
    after.extend(jobs.after.iter().cloned());
    match &jobs.merge {
        Some(job) => show_job(job, &after),
        None => out(format_args!("nothing to submit")),
    }
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn show_job(job: &Job, after: &[String]) -> Result<(), Failure> {
    let path = job.path.display().to_string();
    let arguments = slurm::submit_arguments(&job.array(), after);
    let words: Vec<&str> = ["sbatch"]
        .into_iter()
        .chain(arguments.iter().map(String::as_str))
        .chain([&*path])
        .collect();
    out(format_args!("==> {path} <==\n{}==> {} <==\n", job.script, quote(&words)?))
}
