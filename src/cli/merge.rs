//! `fieldscope merge`: puts the shares of a run together.

use std::path::PathBuf;

use clap::Parser;
use fieldscope::store::ResultFolder;
use fieldscope::store::folder::MANIFEST_NAME;

use super::shares::Merged;
use super::{Cli, Command, Failure, erf, shapebias};

/// Put the parts that `--shard` runs computed together, to the results of a single run
///
/// Every part is checked: all shards must be there, once, finished, and computed with the same
/// settings. Networks, images and stimuli are looked up where the parts' commands named them, so
/// start it in the same folder: images that couldn't be read are then replaced as in a single run.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  fieldscope merge part1 part2 part3 --out erf")]
pub struct Arguments {
    /// Folders that `erf --shard I/N` or `shapebias --shard I/N` wrote
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,

    #[command(flatten)]
    merged: Merged,
}

/// Merges the parts of each command that made them.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (mut erf_parts, mut shapebias_parts) = (Vec::new(), Vec::new());
    for part in &arguments.parts {
        let recorded = ResultFolder::recorded(part)?;
        if !recorded.contains_key("erf") && !recorded.contains_key("shapebias") {
            return Err(Failure::Work(format!(
                "{} holds no part: no {MANIFEST_NAME} of `erf` or `shapebias` is there",
                part.display()
            )));
        }
        let lines =
            recorded.into_iter().filter(|(command, _)| command == "erf" || command == "shapebias");
        for (_, line) in lines {
            match Cli::try_parse_from(&line).map(|cli| cli.command) {
                Ok(Command::Erf(arguments)) => erf_parts.push((part.clone(), arguments)),
                Ok(Command::ShapeBias(arguments)) => {
                    shapebias_parts.push((part.clone(), arguments));
                }
                _ => {
                    return Err(Failure::Work(format!(
                        "the command in {} can't be understood: {}",
                        part.join(MANIFEST_NAME).display(),
                        line.join(" ")
                    )));
                }
            }
        }
    }
    if !erf_parts.is_empty() {
        erf::merge(erf_parts, &arguments.merged)?;
    }
    if !shapebias_parts.is_empty() {
        shapebias::merge(shapebias_parts, &arguments.merged)?;
    }
    Ok(())
}
