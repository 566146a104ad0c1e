//! `fieldscope demo`: arguments and summary.

use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use fieldscope::analysis::demo::{Demo, Outcome, Spread};
use fieldscope::demo::MINIATURES;
use fieldscope::figure::Format;
use fieldscope::report::Output;

use super::console::{self, Console, out};
use super::values::report_failures;
use super::{Failure, failure};

/// Run everything on miniature networks that are part of the program, without any download
///
/// Miniatures of several architectures, each trained from three seeds, learned drawn pictures in which
/// shape and texture agree. Measures how far they see and, on pictures in which the two disagree,
/// which of them decides.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder for the results; input/ in it takes the pictures and checkpoints
    #[arg(long, default_value = "reports/demo", value_name = "DIR")]
    out: PathBuf,

    /// Overwrite results that a different run made
    #[arg(long)]
    force: bool,

    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the demo, prints its summary, and says where to go from there.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let stop = console::stop_on_interrupt();
    let demo = Demo {
        networks: MINIATURES.to_vec(),
        out: arguments.out.clone(),
        force: arguments.force,
        formats: vec![Format::Png],
        report: Output::ALL.to_vec(),
    };
    let outcome = demo.run(&Console::new(arguments.quiet), stop).map_err(failure)?;
    out(format_args!("{}\n", summary(&outcome)))?;
    out(format_args!("{}", what_next(&arguments.out)))?;
    report_failures(&outcome.failures)
}

/// A row an architecture: mean and range over training seeds.
fn summary(outcome: &Outcome) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["architecture", "seeds", "r(50 %)", "m(50 %)", "shape bias"]);
    for row in &outcome.spread {
        table.add_row(cells(row));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn cells(row: &Spread) -> [String; 5] {
    let percent = |value: f64| format!("{:.1}", value * 100.0);
    let plain = |value: f64| format!("{value:.2}");
    let range = |values: [Option<f64>; 3], write: &dyn Fn(f64) -> String, unit: &str| match values {
        [Some(mean), Some(least), Some(greatest)] => {
            format!("{}{unit} ({} to {})", write(mean), write(least), write(greatest))
        }
        _ => "-".to_owned(),
    };
    let area = [row.area_ratio_50_mean, row.area_ratio_50_least, row.area_ratio_50_greatest];
    let mass = [row.mass_ratio_50_mean, row.mass_ratio_50_least, row.mass_ratio_50_greatest];
    let bias = [row.shape_bias_mean, row.shape_bias_least, row.shape_bias_greatest];
    [
        row.architecture.clone(),
        row.seeds.to_string(),
        range(area, &percent, " %"),
        range(mass, &percent, " %"),
        range(bias, &plain, ""),
    ]
}

fn what_next(folder: &std::path::Path) -> String {
    let folder = folder.display();
    format!(
        "Means over training seeds, in brackets the least and the greatest.
These miniatures show the tool at work; what they do says nothing about full-size networks.

Look at
  {folder}/report.html              all of it on one page (report.md, latex/ beside it)
  {folder}/erf/erf.png              how far each network sees
  {folder}/shapebias/shapebias.png  whether it decides by shape or by texture
  {folder}/input/stimuli/           the pictures on which it had to decide

With your own networks and pictures
  fieldscope erf --model resnet50=resnet50.pth --images imagenet/val
  fieldscope shapebias --model resnet50=resnet50.pth --stimuli cue-conflict/stimuli
  fieldscope report erf shapebias
  fieldscope models                 the architectures it knows"
    )
}
