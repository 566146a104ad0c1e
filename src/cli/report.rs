//! `fieldscope report`: arguments and summary.

use std::path::PathBuf;

use clap::ValueEnum;
use fieldscope::figure::Colormap;
use fieldscope::progress::Progress;
use fieldscope::report::{self, Options, Output};
use fieldscope::store::digest;

use super::Failure;
use super::console::{self, Console, out};
use super::values::colormap;

/// Compare results in a report for a paper: HTML, Markdown, LaTeX with figures
///
/// Reads result folders of `fieldscope erf` and `fieldscope shapebias`, matches networks by label,
/// and writes one self-contained page, a Markdown page, a LaTeX document with tables and figures to
/// take over, and every table as CSV.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  fieldscope report erf shapebias --out reports/kernels \
                        --title \"Large kernels\"")]
pub struct Arguments {
    /// Result folders, of either kind
    #[arg(required = true, value_name = "RESULT_DIR")]
    folders: Vec<PathBuf>,

    /// Folder for the report
    #[arg(long, default_value = "report", value_name = "DIR")]
    out: PathBuf,

    /// Title of the report
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// Colours of the heatmaps: viridis, magma, plasma, inferno, cividis, rdylgn
    #[arg(long, default_value = "viridis", value_parser = colormap, value_name = "NAME")]
    colormap: Colormap,

    /// Languages of the report
    #[arg(long, value_delimiter = ',', value_enum,
        default_values = ["html", "markdown", "latex"], value_name = "FORMAT,...")]
    formats: Vec<OutputName>,

    /// Overwrite results that a different run made
    #[arg(long)]
    force: bool,

    /// Print the paths as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum OutputName {
    Html,
    Markdown,
    Latex,
}

/// Makes the report and prints where it is.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let study = report::gather(&arguments.folders)?;
    let console = Console::new(false);
    for warning in &study.warnings {
        console.warn(&warning.text);
    }
    let mut options = Options { colormap: arguments.colormap, ..Options::default() };
    if let Some(title) = &arguments.title {
        options.title.clone_from(title);
    }
    options.outputs = Vec::new();
    for name in &arguments.formats {
        let output = match name {
            OutputName::Html => Output::Html,
            OutputName::Markdown => Output::Markdown,
            OutputName::Latex => Output::Latex,
        };
        if !options.outputs.contains(&output) {
            options.outputs.push(output);
        }
    }
    let subject = digest::sha256_bytes(format!("{:?}", arguments.folders).as_bytes());
    report::claim(&arguments.out, &subject, &options, arguments.force)?;
    let written = report::write(&study, &options, &arguments.out)?;
    if arguments.json {
        return console::json(&written);
    }
    for path in written {
        out(format_args!("{}", path.display()))?;
    }
    out(format_args!("tables in {}", arguments.out.join("tables").display()))
}
