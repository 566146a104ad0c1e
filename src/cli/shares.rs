//! What commands that compute shares of a run have in common.

use std::path::{Path, PathBuf};

use fieldscope::store::Shard;
use serde::Serialize;

use super::Failure;
use super::console::{self, out};
use super::values::{OutputArguments, report_failures};

/// Where the whole goes and how it is shown.
#[derive(clap::Args)]
pub struct Merged {
    /// Folder for the results
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Overwrite results that a different run made
    #[arg(long)]
    force: bool,

    /// Print the summary as JSON
    #[arg(long)]
    json: bool,

    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

impl Merged {
    /// Takes the place of what the part's own command said.
    pub fn apply(&self, output: &mut OutputArguments) {
        output.force = self.force;
        output.json = self.json;
        output.quiet = self.quiet;
    }
}

/// A share that was computed, as `--json` prints it.
#[derive(Serialize)]
struct Computed<'a> {
    shard: Shard,
    folder: String,
    /// Labels of networks that failed.
    failed: Vec<&'a str>,
}

/// Says where a share is, and that networks failed.
pub fn say_shard_done(
    shard: Shard,
    folder: &Path,
    failures: &[(String, String)],
    json: bool,
) -> Result<(), Failure> {
    if json {
        let failed = failures.iter().map(|(label, _)| label.as_str()).collect();
        console::json(&Computed { shard, folder: folder.display().to_string(), failed })?;
    }
    report_failures(failures)?;
    if json {
        return Ok(());
    }
    out(format_args!(
        "shard {shard} is in {}; when all are done: fieldscope merge PART... --out DIR",
        folder.display()
    ))
}

/// The folders of the parts and the arguments of the whole, where all parts ask the same.
pub fn whole<A, S>(
    parts: Vec<(PathBuf, A)>,
    study: impl Fn(&A) -> S,
    asks_the_same: impl Fn(&S, &S) -> bool,
) -> Result<Option<(Vec<PathBuf>, A)>, Failure> {
    let (folders, arguments): (Vec<PathBuf>, Vec<A>) = parts.into_iter().unzip();
    let mut studies = arguments.iter().map(study);
    if let Some(first) = studies.next()
        && let Some(other) = studies.position(|other| !asks_the_same(&first, &other))
    {
        let (part, first) = (folders[other + 1].display(), folders[0].display());
        let what = format!("{part} was computed with other arguments than {first}");
        return Err(Failure::Work(what));
    }
    Ok(arguments.into_iter().next().map(|arguments| (folders, arguments)))
}
