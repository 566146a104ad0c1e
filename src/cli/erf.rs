//! `fieldscope erf`: arguments and summary.

use std::path::PathBuf;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use fieldscope::analysis::depth;
use fieldscope::analysis::erf::ErfStudy;
use fieldscope::erf::gradient::Target;
use fieldscope::erf::result::{AreaRatio, ErfResult};
use fieldscope::erf::saving::SAVE_EVERY;
use fieldscope::erf::table::WHOLE_MAP;
use fieldscope::figure::Colormap;
use fieldscope::image::Order;
use fieldscope::store::Shard;
use fieldscope::zoo::run::Path;

use super::console::{self, Console, out};
use super::shares::{Merged, say_shard_done, whole};
use super::values::{
    ModelArguments, OutputArguments, colormap, labelled_file, report_failures, row_and_column, side,
};
use super::{Failure, failure};

/// Measure how far networks see: mean input-gradient maps, heatmaps, area ratios
///
/// Averages relu(ds/dx) over images x, where s is the sum over channels of relu(F) at the centre of
/// the last feature map F (Ding et al. 2022, after Luo et al. 2016). Writes the map of each network,
/// its figures and a heatmap, and a table and a comparison of all.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  fieldscope erf --model resnet101=resnet101.pth \
                        --model RepLKNet-31B:replknet_31b=replknet31b.pth --images imagenet/val")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,

    /// An existing map as .npy (2-D, f32 or f64), beside networks or alone. Repeatable
    #[arg(long = "map", value_parser = labelled_file, value_name = "LABEL=FILE.npy")]
    maps: Vec<(String, PathBuf)>,

    /// Image files and folders (searched recursively, sorted by path)
    #[arg(long, num_args = 1.., value_name = "PATH")]
    images: Vec<PathBuf>,

    /// How many images enter the mean
    #[arg(long, default_value_t = 50, value_name = "N")]
    num_images: usize,

    /// Take a random sample of the images, drawn with this seed, instead of the first
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,

    /// Side to which each image is resized (bicubic, aspect ratio not kept), in pixels
    #[arg(long, default_value_t = 1024, value_parser = side, value_name = "PIXELS")]
    size: usize,

    /// The stage or layer whose unit is differentiated, or `stages` for each stage in turn, with a
    /// figure of reach against depth [default: the last feature map]
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,

    /// Row and column of the unit in the layer's map [default: the centre]
    #[arg(long, value_parser = row_and_column, value_name = "ROW,COLUMN")]
    unit: Option<[usize; 2]>,

    /// Lay tokens (N x L x C) that a TorchScript network gives out as a map
    #[arg(long)]
    tokens_to_map: bool,

    /// Compute in double precision by autograd, nothing folded or left out (slow)
    #[arg(long)]
    exact: bool,

    /// Colours of the heatmaps: viridis, magma, plasma, inferno, cividis, rdylgn
    #[arg(long, default_value = "viridis", value_parser = colormap, value_name = "NAME")]
    colormap: Colormap,

    /// How often the state is written from which a killed run goes on; 0 for after every image
    #[arg(long, default_value_t = SAVE_EVERY.as_secs(), value_name = "SECONDS")]
    save_every: u64,

    /// Compute only a fixed share of the images, the Ith of N, to be put together by `fieldscope
    /// merge`
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Folder for the results
    #[arg(long, default_value = "erf", value_name = "DIR")]
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
    let every = Duration::from_secs(arguments.save_every);
    if let Some(shard) = arguments.shard {
        if arguments.layer.as_deref() == Some("stages") {
            return Err(Failure::Usage("--layer stages can't be divided by --shard".into()));
        }
        let failures = study.run_shard(shard, every, &console, stop).map_err(failure)?;
        return say_shard_done(shard, &study.out, &failures, arguments.output.json);
    }
    let outcome = if arguments.layer.as_deref() == Some("stages") {
        depth::run(&study, every, &console, stop)
    } else {
        study.run_saving(every, &console, stop)
    };
    let outcome = outcome.map_err(failure)?;
    if arguments.output.json {
        console::json(&outcome.results)?;
    } else if !outcome.results.is_empty() {
        out(format_args!("{}", summary(&outcome.results)))?;
        out(format_args!("results in {}", study.out.display()))?;
    }
    report_failures(&outcome.failures)
}

/// Puts parts together, each given with the arguments it was computed with, and ends the study.
pub fn merge(parts: Vec<(PathBuf, Arguments)>, merged: &Merged) -> Result<(), Failure> {
    let Some((folders, mut arguments)) = whole(parts, study, ErfStudy::asks_the_same)? else {
        return Ok(());
    };
    arguments.shard = None;
    arguments.out.clone_from(&merged.out);
    merged.apply(&mut arguments.output);
    study(&arguments).merge(&folders).map_err(failure)?;
    run(&arguments)
}

fn study(arguments: &Arguments) -> ErfStudy {
    let model = &arguments.model;
    ErfStudy {
        models: model.models.clone(),
        init: model.init(),
        maps: arguments.maps.clone(),
        images: arguments.images.clone(),
        num_images: arguments.num_images,
        order: arguments.shuffle.map_or(Order::Sorted, Order::Shuffled),
        size: [arguments.size; 2],
        mean: model.mean,
        std: model.std,
        target: Target {
            layer: arguments.layer.clone(),
            unit: arguments.unit,
            tokens_to_map: arguments.tokens_to_map,
        },
        path: if arguments.exact { Path::Exact } else { Path::Fast },
        device: model.device,
        seed: model.seed,
        out: arguments.out.clone(),
        force: arguments.output.force,
        colormap: arguments.colormap,
        formats: arguments.output.formats(),
    }
}

/// A row a network: area and mass ratios in percent of the map, width of the Gaussian in pixels.
fn summary(results: &[ErfResult]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut header = vec!["network".to_owned(), "images".to_owned()];
    if let Some(first) = results.first() {
        let name =
            |letter: &str, ratio: &AreaRatio| format!("{letter}({:.0} %)", ratio.threshold * 100.0);
        header.extend(first.area_ratios.iter().map(|ratio| name("r", ratio)));
        header.extend(first.mass_ratios.iter().map(|ratio| name("m", ratio)));
    }
    header.push("sigma x, y".to_owned());
    table.set_header(header);
    for result in results {
        table.add_row(row(result));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(result: &ErfResult) -> Vec<String> {
    let mark = if result.untrained { " (untrained)" } else { "" };
    let images = match (result.images_used, result.images_skipped.len()) {
        (0, 0) => "-".to_owned(),
        (used, 0) => used.to_string(),
        (used, skipped) => format!("{used} ({skipped} left out)"),
    };
    let layer = if result.layer == "features" { "" } else { &result.layer };
    let name = format!("{} {layer}", result.label);
    let mut row = vec![format!("{}{mark}", name.trim_end()), images];
    let ratios = result.area_ratios.iter().chain(&result.mass_ratios);
    row.extend(ratios.map(|ratio| match ratio.side {
        Some(_) => format!("{:.1} %", ratio.ratio * 100.0),
        None => WHOLE_MAP.to_owned(),
    }));
    row.push(result.gaussian.map_or_else(
        || "no fit".to_owned(),
        |fit| format!("{:.1}, {:.1}", fit.sigma_x, fit.sigma_y),
    ));
    row
}
