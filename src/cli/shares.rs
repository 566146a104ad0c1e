//! What commands that compute shares of a run have in common.

use std::path::{Path, PathBuf};

use fieldscope::store::Shard;

use super::Failure;
use super::console::out;
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

/// Says where a share is, or that networks failed.
pub fn say_shard_done(
    shard: Shard,
    folder: &Path,
    failures: &[(String, String)],
) -> Result<(), Failure> {
    report_failures(failures)?;
    out(format_args!(
        "shard {shard} is in {}; when all are done: fieldscope merge PART... --out DIR",
        folder.display()
    ))
}
