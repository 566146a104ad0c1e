//! Slurm's programs: what they are asked, and what their answers say.

use std::path::Path;
use std::process::{Command, Output};

use super::ClusterError;

/// Variables with which somebody has `squeue` leave jobs out.
const FILTERS: [&str; 6] = [
    "SQUEUE_ACCOUNT",
    "SQUEUE_LICENSES",
    "SQUEUE_NAMES",
    "SQUEUE_PARTITION",
    "SQUEUE_QOS",
    "SQUEUE_STATES",
];

/// A job, or a task of an array job, that Slurm has in its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Id of the job, without the array index.
    pub job: String,
    /// Array index, for a task of an array.
    pub index: Option<usize>,
    /// Slurm's word: "RUNNING".
    pub state: String,
    /// Time since it began, as Slurm writes it.
    pub elapsed: String,
    /// Machine, or why it waits.
    pub place: String,
}

/// Submits a script, as an array of the indices `array` and after the jobs `after` have ended well,
/// and gives the job's id.
///
/// # Errors
///
/// [`ClusterError::Rejected`] where Slurm doesn't take it, [`ClusterError::NoSlurm`].
pub fn submit(script: &Path, array: &str, after: &[String]) -> Result<String, ClusterError> {
    let mut command = Command::new("sbatch");
    command.args(submit_arguments(array, after)).arg(script);
    let output = run(command, "sbatch")?;
    let rejected = |message: String| ClusterError::Rejected { script: script.to_owned(), message };
    if !output.status.success() {
        return Err(rejected(said(&output)));
    }
    let answer = String::from_utf8_lossy(&output.stdout);
    parse_job_id(&answer)
        .ok_or_else(|| rejected(format!("sbatch gave no job id but \"{}\"", answer.trim())))
}

/// The options of `sbatch` besides those in the script.
pub fn submit_arguments(array: &str, after: &[String]) -> Vec<String> {
    let mut arguments = vec!["--parsable".to_owned()];
    if !array.is_empty() {
        arguments.push(format!("--array={array}"));
    }
    if !after.is_empty() {
        arguments.push(format!("--dependency=afterok:{}", after.join(":")));
        // It would wait for ever once one of them has failed.
        arguments.push("--kill-on-invalid-dep=yes".to_owned());
    }
    arguments
}

/// This user's jobs in the queue, each task of an array by itself.
///
/// # Errors
///
/// [`ClusterError::NoSlurm`], [`ClusterError::Slurm`].
pub fn queue() -> Result<Vec<Queued>, ClusterError> {
    let mut command = Command::new("squeue");
    // Jobs that are left out would pass for such that have ended, and be submitted twice.
    for name in FILTERS {
        command.env_remove(name);
    }
    command.args(["--noheader", "--array", "--me", "--format=%F|%K|%T|%M|%R"]);
    let output = run(command, "squeue")?;
    if !output.status.success() {
        return Err(ClusterError::Slurm { program: "squeue", message: said(&output) });
    }
    Ok(parse_queue(&String::from_utf8_lossy(&output.stdout)))
}

/// Takes a job out of the queue.
///
/// # Errors
///
/// [`ClusterError::NoSlurm`], [`ClusterError::Slurm`].
pub fn cancel(job: &str) -> Result<(), ClusterError> {
    let mut command = Command::new("scancel");
    command.arg(job);
    let output = run(command, "scancel")?;
    if output.status.success() {
        return Ok(());
    }
    Err(ClusterError::Slurm { program: "scancel", message: said(&output) })
}

/// Runs one of Slurm's programs to its end.
///
/// # Errors
///
/// [`ClusterError::NoSlurm`], [`ClusterError::Start`].
pub(super) fn run(mut command: Command, program: &'static str) -> Result<Output, ClusterError> {
    command.output().map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => ClusterError::NoSlurm(program),
        _ => ClusterError::Start { program, cause },
    })
}

/// What a program that failed said, on one line.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.is_empty() {
        true => format!("it said nothing ({})", output.status),
        false => lines.join("; "),
    }
}

/// `123`, or `123;cluster` of a federation.
fn parse_job_id(answer: &str) -> Option<String> {
    let id = answer.lines().last()?.split(';').next()?.trim();
    let number = !id.is_empty() && id.chars().all(|digit| digit.is_ascii_digit());
    number.then(|| id.to_owned())
}

fn parse_queue(text: &str) -> Vec<Queued> {
    let line = |line: &str| {
        let mut fields = line.trim().splitn(5, '|').map(str::to_owned);
        Some(Queued {
            job: fields.next()?,
            index: fields.next()?.parse().ok(),
            state: fields.next()?,
            elapsed: fields.next()?,
            place: fields.next()?,
        })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_ids_are_read_with_and_without_a_cluster() {
        assert_eq!(parse_job_id("123\n").as_deref(), Some("123"));
        assert_eq!(parse_job_id("123;west\n").as_deref(), Some("123"));
        assert_eq!(parse_job_id("a site's greeting\n77\n").as_deref(), Some("77"));
        for wrong in ["", "\n", "Submitted batch job 12", "12a"] {
            assert_eq!(parse_job_id(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_queue_is_read_with_tasks_and_jobs() {
        let text = "12|3|RUNNING|1-02:03:04|node7\n12|4|PENDING|0:00|(Priority)\n\
                    13|N/A|PENDING|0:00|(Dependency)\nslurm says hello\n";
        let found = parse_queue(text);
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].job.as_str(), found[0].index), ("12", Some(3)));
        assert_eq!((found[0].elapsed.as_str(), found[0].place.as_str()), ("1-02:03:04", "node7"));
        assert_eq!((found[1].state.as_str(), found[1].place.as_str()), ("PENDING", "(Priority)"));
        assert_eq!((found[2].job.as_str(), found[2].index), ("13", None));
    }

    #[test]
    fn a_merge_depends_on_all_and_does_not_wait_for_ever() {
        assert_eq!(submit_arguments("1,3-4", &[]), ["--parsable", "--array=1,3-4"]);
        let after = ["7".to_owned(), "5_2".to_owned()];
        let expected = ["--parsable", "--dependency=afterok:7:5_2", "--kill-on-invalid-dep=yes"];
        assert_eq!(submit_arguments("", &after), expected);
    }
}
