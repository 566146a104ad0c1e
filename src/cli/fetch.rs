//! `fieldscope fetch`: gets released checkpoints and stimuli.

use std::path::PathBuf;
use std::time::Duration;

use fieldscope::fetch::{Fetcher, Released, cache_folder};

use super::Failure;
use super::console::{self, Console, out};

/// Get released checkpoints and the cue-conflict stimuli, checked by their SHA-256
///
/// A download that broke off is gone on with; a file that is there is checked and never
/// overwritten. `--model resnet101=fetched` then refers to what was fetched. Proxies are taken from
/// HTTPS_PROXY and its like.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  fieldscope fetch resnet101 replknet_31b\n  \
                        fieldscope erf --model resnet101=fetched --images imagenet/val")]
pub struct Arguments {
    /// What to fetch; without, what there is is listed
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Say what would be fetched, from where to where, and fetch nothing
    #[arg(long)]
    dry_run: bool,

    /// Folder for the files [default: FIELDSCOPE_CACHE, or fieldscope in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    /// A table of other files, a CSV with the columns
    /// name,architecture,url,sha256,licence,citation
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,

    /// Seconds without a byte after which a connection is taken up again
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..), value_name = "SECONDS")]
    patience: u64,

    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Fetches each file; one that fails doesn't keep the others from being fetched.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let rows = match &arguments.table {
        Some(path) => Released::read(path)?,
        None => Released::built_in()?,
    };
    if arguments.names.is_empty() {
        for row in &rows {
            out(format_args!("{:<22} {}\n{:22} {}", row.name, row.citation, "", row.licence))?;
        }
        return Ok(());
    }
    let wanted: Result<Vec<&Released>, _> =
        arguments.names.iter().map(|name| Released::find(&rows, name)).collect();
    let wanted = wanted.map_err(|error| Failure::Usage(error.to_string()))?;
    let folder = arguments.folder.clone().map_or_else(cache_folder, Ok)?;
    let fetcher = Fetcher::new(folder, Duration::from_secs(arguments.patience))?;
    if arguments.dry_run {
        for row in wanted {
            let target = fetcher.target(row);
            let there = if target.exists() { " (is there)" } else { "" };
            out(format_args!("{}: {} -> {}{there}", row.name, row.url, target.display()))?;
        }
        return Ok(());
    }
    let stop = console::stop_on_interrupt();
    let console = Console::new(arguments.quiet);
    let mut failed = Vec::new();
    for row in wanted {
        match fetcher.fetch(row, &console, stop) {
            Ok(fetched) => {
                let there = if fetched.was_there { " (was there)" } else { "" };
                out(format_args!("{}: {}{there}", row.name, fetched.path.display()))?;
                if row.sha256.is_empty() {
                    let sha256 = &fetched.sha256;
                    eprintln!("{}: no SHA-256 is published; this file's is {sha256}", row.name);
                }
            }
            Err(error) => {
                console::error(&error.to_string());
                failed.push(row.name.as_str());
            }
        }
        if stop.is_set() {
            break;
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Work(format!("not fetched: {}", failed.join(", "))))
}
