//! `fieldscope completions`: a script for the shell.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Failure};

/// Print a completion script for your shell
#[derive(clap::Args)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (mut command, mut stdout) = (Cli::command(), std::io::stdout());
    clap_complete::generate(arguments.shell, &mut command, "fieldscope", &mut stdout);
    Ok(())
}
