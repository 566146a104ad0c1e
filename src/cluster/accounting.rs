//! What Slurm's accounting says of jobs that have left the queue.

use std::fmt;
use std::process::Command;

use super::slurm::run;

/// Slurm's words for what hasn't ended. Of a job that has just left the queue the accounting may
/// say one of them for a while, and of one whose machine or database broke down for ever.
const NOT_ENDED: [&str; 5] = ["PENDING", "RUNNING", "SUSPENDED", "REQUEUED", "RESIZING"];

/// A job or task that has ended, as the accounting knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Id of the job, without the array index.
    pub job: String,
    /// Array index, for a task of an array; nothing for a job, and for those tasks of an array that
    /// ended before they began, which have one entry together.
    pub index: Option<usize>,
    /// Slurm's word: "TIMEOUT".
    pub state: String,
    /// Exit code of the job's script, where it isn't 0.
    pub code: Option<u32>,
    /// Signal that ended it.
    pub signal: Option<u32>,
    /// Machine that it ran on.
    pub machine: Option<String>,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.state)?;
        if let Some(code) = self.code {
            write!(f, ", exit code {code}")?;
        }
        if let Some(signal) = self.signal {
            write!(f, ", signal {signal}")?;
        }
        match &self.machine {
            Some(machine) => write!(f, ", on {machine}"),
            None => Ok(()),
        }
    }
}

/// What the accounting says of jobs; nothing where there is no accounting.
pub fn history(jobs: &[String]) -> Option<Vec<Ended>> {
    if jobs.is_empty() {
        return None;
    }
    let mut command = Command::new("sacct");
    command.args(["--noheader", "--parsable2", "--allocations"]);
    command.arg("--format=JobID,State,ExitCode,NodeList");
    command.arg(format!("--jobs={}", jobs.join(",")));
    let output = run(command, "sacct").ok().filter(|output| output.status.success())?;
    Some(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines such as `123_4|TIMEOUT|0:0|node7`. Tasks that never began have one line together, which is
/// `123_[5-8]|CANCELLED by 1000|0:0|None assigned`, or has no indices.
fn parse(text: &str) -> Vec<Ended> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Ended> {
    let mut fields = line.trim().split('|');
    let id = fields.next()?;
    let (job, index) = id.split_once('_').map_or((id, None), |(job, index)| (job, Some(index)));
    // "CANCELLED by 1000"
    let state = fields.next()?.split_whitespace().next()?;
    if NOT_ENDED.contains(&state) {
        return None;
    }
    let (code, signal) = fields.next().and_then(|field| field.split_once(':')).unwrap_or_default();
    let not_zero = |field: &str| field.parse().ok().filter(|number| *number != 0);
    let machine = fields.next().filter(|name| !name.is_empty() && *name != "None assigned");
    Some(Ended {
        job: job.to_owned(),
        index: index.and_then(|index| index.parse().ok()),
        state: state.to_owned(),
        code: not_zero(code),
        signal: not_zero(signal),
        machine: machine.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a Slurm 22.05 printed it.
    const SEEN: &str = "35_2|PENDING|0:0|None assigned\n18_1|COMPLETED|0:0|node\n18_2|FAILED|0:9|node\n\
        18_3|CANCELLED by 0|0:0|node\n18_4|FAILED|127:0|node\n18_5|TIMEOUT|0:0|node\n\
        19_1|RUNNING|0:0|node\n19_[1-6]|PENDING|0:0|None assigned\n\
        20_[1-6]|CANCELLED by 0|0:0|None assigned\n54|CANCELLED by 0|0:0|None assigned\n\
        35_3|NODE_FAIL|0:0|node\nslurm says hello\n\n";

    #[test]
    fn the_accounting_is_read() {
        let found = parse(SEEN);
        let entries: Vec<(&str, Option<usize>, String)> =
            found.iter().map(|e| (e.job.as_str(), e.index, e.to_string())).collect();
        let expected = [
            ("18", Some(1), "COMPLETED, on node"),
            ("18", Some(2), "FAILED, signal 9, on node"),
            ("18", Some(3), "CANCELLED, on node"),
            ("18", Some(4), "FAILED, exit code 127, on node"),
            ("18", Some(5), "TIMEOUT, on node"),
            ("20", None, "CANCELLED"),
            ("54", None, "CANCELLED"),
            ("35", Some(3), "NODE_FAIL, on node"),
        ];
        assert_eq!(entries, expected.map(|(job, index, told)| (job, index, told.to_owned())));
    }

    /// Sites have wrappers that print less.
    #[test]
    fn fields_may_be_missing() {
        let found = parse("12_1|TIMEOUT\n12_2|FAILED|x\n12_3\n|\n");
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["TIMEOUT", "FAILED"]);
    }
}
