//! `fieldscope shapebias`: arguments and summary.

use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use fieldscope::analysis::shapebias::ShapeBiasStudy;
use fieldscope::shapebias::result::{ObserverResult, ShapeBiasResult};
use fieldscope::store::Shard;
use fieldscope::zoo::run::Path;

use super::console::{self, Console, out};
use super::shares::{Merged, say_shard_done, whole};
use super::values::{ModelArguments, OutputArguments, report_failures};
use super::{Failure, failure};

/// Measure whether networks decide by shape or by texture, beside humans
///
/// Shows cue-conflict stimuli (Geirhos et al. 2019) to networks, or reads existing decisions, and
/// writes shape bias with intervals overall and by category, error consistency, and charts.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  fieldscope shapebias --model resnet50=resnet50.pth \
                        --stimuli texture-vs-shape/stimuli/style-transfer-preprocessed-512")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,

    /// Folder of stimuli, laid out SHAPE/SHAPEn-TEXTUREm.png
    #[arg(long, value_name = "DIR")]
    stimuli: Option<PathBuf>,

    /// Regular expression for other names of stimuli, with groups (?<shape>...) and (?<texture>...)
    #[arg(long, value_name = "REGEX")]
    pattern: Option<String>,

    /// Existing decisions: a CSV file or a folder of them. Repeatable
    #[arg(long, value_name = "FILE|DIR")]
    decisions: Vec<PathBuf>,

    /// Mapping from class to category, a CSV with the columns class_index,category [default: the
    /// 16 categories of ImageNet]
    #[arg(long, value_name = "FILE")]
    categories: Option<PathBuf>,

    /// Leave the built-in human reference out
    #[arg(long)]
    no_humans: bool,

    /// Images in a batch
    #[arg(long, default_value_t = 16, value_name = "N")]
    batch_size: usize,

    /// Bootstrap resamples behind each interval
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    resamples: usize,

    /// Compute in double precision, nothing folded (slow)
    #[arg(long)]
    exact: bool,

    /// Draw a confusion matrix for each observer
    #[arg(long)]
    confusion: bool,

    /// Compute only a fixed share of the stimuli, the Ith of N, to be put together by `fieldscope
    /// merge`
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Folder for the results
    #[arg(long, default_value = "shapebias", value_name = "DIR")]
    out: PathBuf,

    #[command(flatten)]
    output: OutputArguments,
}

/// Runs the study and prints its summary.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.model.apply_threads();
    let stop = console::stop_on_interrupt();
    let console = Console::new(arguments.output.quiet);
    let study = study(arguments);
    if let Some(shard) = arguments.shard {
        let failures = study.run_shard(shard, &console, stop).map_err(failure)?;
        return say_shard_done(shard, &study.out, &failures, arguments.output.json);
    }
    let outcome = study.run(&console, stop).map_err(failure)?;
    if arguments.output.json {
        console::json(&outcome.result)?;
    } else {
        out(format_args!("{}", summary(&outcome.result)))?;
        out(format_args!("results in {}", study.out.display()))?;
    }
    report_failures(&outcome.failures)
}

/// Puts parts together, each given with the arguments it was computed with, and ends the study.
pub fn merge(parts: Vec<(PathBuf, Arguments)>, merged: &Merged) -> Result<(), Failure> {
    let Some((folders, mut arguments)) = whole(parts, study, ShapeBiasStudy::asks_the_same)? else {
        return Ok(());
    };
    arguments.shard = None;
    arguments.out.clone_from(&merged.out);
    merged.apply(&mut arguments.output);
    study(&arguments).merge(&folders).map_err(failure)?;
    run(&arguments)
}

fn study(arguments: &Arguments) -> ShapeBiasStudy {
    let model = &arguments.model;
    ShapeBiasStudy {
        models: model.models.clone(),
        init: model.init(),
        stimuli: arguments.stimuli.clone(),
        pattern: arguments.pattern.clone(),
        decisions: arguments.decisions.clone(),
        categories: arguments.categories.clone(),
        humans: !arguments.no_humans,
        mean: model.mean,
        std: model.std,
        batch_size: arguments.batch_size,
        resamples: arguments.resamples,
        path: if arguments.exact { Path::Exact } else { Path::Fast },
        device: model.device,
        seed: model.seed,
        out: arguments.out.clone(),
        force: arguments.output.force,
        confusion: arguments.confusion,
        formats: arguments.output.formats(),
    }
}

/// A row an observer.
fn summary(result: &ShapeBiasResult) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "observer",
        "shape bias",
        "95 % interval",
        "shape",
        "texture",
        "conflicts",
        "cue accuracy",
        "kappa with humans",
    ]);
    for observer in &result.observers {
        table.add_row(row(observer));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(observer: &ObserverResult) -> Vec<String> {
    let mark = if observer.untrained { " (untrained)" } else { "" };
    let figures = &observer.overall;
    let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |v| format!("{v:.4}"));
    vec![
        format!("{}{mark}", observer.label),
        number(figures.shape_bias),
        figures.interval.map_or_else(|| "-".into(), |[a, b]| format!("{a:.3} to {b:.3}")),
        figures.shape_correct.to_string(),
        figures.texture_correct.to_string(),
        figures.conflict_trials.to_string(),
        figures.cue_accuracy.map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0)),
        number(observer.consistency_with_humans),
    ]
}
