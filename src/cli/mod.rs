//! The command line: one file a command, with its arguments and its `run`.

mod completions;
mod console;
mod demo;
mod erf;
mod fetch;
mod inspect;
mod merge;
mod models;
mod report;
mod run;
mod shapebias;
mod shares;
mod status;
mod submit;
mod values;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fieldscope::analysis::AnalysisError;

/// How far an image network sees, and whether it decides by shape or by texture
#[derive(Parser)]
#[command(name = "fieldscope", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Erf(erf::Arguments),
    #[command(name = "shapebias")]
    ShapeBias(shapebias::Arguments),
    Merge(merge::Arguments),
    Inspect(inspect::Arguments),
    Report(report::Arguments),
    Run(run::Arguments),
    Submit(submit::Arguments),
    Status(status::Arguments),
    Demo(demo::Arguments),
    Models(models::Arguments),
    Fetch(fetch::Arguments),
    Completions(completions::Arguments),
}

/// Why a command ends without having done its work.
pub enum Failure {
    /// The command line asks for something that doesn't fit together (exit status 2).
    Usage(String),
    /// The work failed (exit status 1).
    Work(String),
}

/// The request itself is wrong, or the work failed.
fn failure(error: AnalysisError) -> Failure {
    match error {
        AnalysisError::Request(message) => Failure::Usage(message),
        AnalysisError::Zoo(error) => Failure::Usage(error.to_string()),
        other => Failure::Work(other.to_string()),
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Work(error.to_string())
    }
}

/// Runs the program; the exit status is 0 when all is done, 1 when something failed, 2 for wrong
/// usage.
pub fn run() -> ExitCode {
    // Before any weights are loaded, for they count towards the peak.
    fieldscope::nn::engine::give_back_large_blocks();
    let result = match Cli::parse().command {
        Command::Erf(arguments) => erf::run(&arguments),
        Command::ShapeBias(arguments) => shapebias::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Submit(arguments) => submit::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Fetch(arguments) => fetch::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Models(arguments) => models::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Work(message)) => {
            console::error(&message);
            ExitCode::from(1)
        }
        Err(Failure::Usage(message)) => {
            console::error(&message);
            ExitCode::from(2)
        }
    }
}
