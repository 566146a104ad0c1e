//! Arguments that several commands share, checked and ready to use.

use std::path::PathBuf;

use clap::ValueEnum;
use fieldscope::figure::Format;
use fieldscope::figure::colormap::{Colormap, UnknownColormap};
use fieldscope::image::SIDES;
use fieldscope::zoo::{Init, ModelSpec};
use tch::Device;

use super::Failure;

/// The networks and how they are run.
#[derive(clap::Args)]
pub struct ModelArguments {
    /// A network: an architecture (see `fieldscope models`) or `torchscript`, and its checkpoint.
    /// Repeatable
    #[arg(long = "model", value_name = "[LABEL:]ARCH[=CHECKPOINT]")]
    pub models: Vec<ModelSpec>,

    /// What stands in for a checkpoint that isn't given; results are marked "untrained"
    #[arg(long, value_enum, value_name = "KIND")]
    init: Option<InitKind>,

    /// Seed of every random choice
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,

    /// Mean of each colour channel, 0 to 1 [default: the architecture's]
    #[arg(long, value_parser = three_numbers, value_name = "R,G,B")]
    pub mean: Option<[f64; 3]>,

    /// Standard deviation of each colour channel [default: the architecture's]
    #[arg(long, value_parser = three_numbers, value_name = "R,G,B")]
    pub std: Option<[f64; 3]>,

    /// Where networks run: cpu or cuda:N
    #[arg(long, default_value = "cpu", value_parser = device, value_name = "DEVICE")]
    pub device: Device,

    /// Threads to compute with [default: one a core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024), value_name = "N")]
    threads: Option<u16>,
}

impl ModelArguments {
    /// What stands in for a checkpoint, with its seed.
    pub fn init(&self) -> Option<Init> {
        self.init.map(|kind| match kind {
            InitKind::Random => Init::Random(self.seed),
            InitKind::Formula => Init::Formula,
        })
    }

    /// Makes the choice of threads count.
    pub fn apply_threads(&self) {
        apply_threads(self.threads);
    }
}

/// Makes a choice of threads count, where there is one.
pub fn apply_threads(threads: Option<u16>) {
    if let Some(threads) = threads {
        tch::set_num_threads(i32::from(threads));
    }
}

/// Kinds of values for a network without checkpoint.
#[derive(Clone, Copy, ValueEnum)]
enum InitKind {
    /// Random values from --seed
    Random,
    /// Values from a formula, the same in every implementation
    Formula,
}

/// How results are written and shown.
#[derive(clap::Args)]
pub struct OutputArguments {
    /// Overwrite results that a different run made
    #[arg(long)]
    pub force: bool,

    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,

    /// Print no progress
    #[arg(long, short)]
    pub quiet: bool,

    /// File formats of the figures
    #[arg(long, value_delimiter = ',', value_enum, default_values = ["png", "svg", "pdf"],
        value_name = "FORMAT,...")]
    formats: Vec<FormatName>,
}

impl OutputArguments {
    /// File formats of the figures, each once.
    pub fn formats(&self) -> Vec<Format> {
        let mut formats = Vec::new();
        for name in &self.formats {
            let format = match name {
                FormatName::Png => Format::Png,
                FormatName::Svg => Format::Svg,
                FormatName::Pdf => Format::Pdf,
            };
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        formats
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatName {
    Png,
    Svg,
    Pdf,
}

/// `R,G,B`.
fn three_numbers(argument: &str) -> Result<[f64; 3], String> {
    let numbers: Result<Vec<f64>, _> =
        argument.split(',').map(|part| part.trim().parse()).collect();
    numbers
        .ok()
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| "write three numbers, such as 0.485,0.456,0.406".to_owned())
}

/// `cpu` or `cuda:N`.
fn device(argument: &str) -> Result<Device, String> {
    match argument {
        "cpu" => Ok(Device::Cpu),
        "cuda" => Ok(Device::Cuda(0)),
        _ => argument
            .strip_prefix("cuda:")
            .and_then(|index| index.parse().ok())
            .map(Device::Cuda)
            .ok_or_else(|| "write cpu, or cuda:N for the Nth GPU from 0".to_owned()),
    }
}

/// `LABEL=FILE`.
pub fn labelled_file(argument: &str) -> Result<(String, PathBuf), String> {
    match argument.split_once('=') {
        Some((label, file)) if !label.is_empty() && !file.is_empty() => {
            Ok((label.to_owned(), PathBuf::from(file)))
        }
        _ => Err("write LABEL=FILE".to_owned()),
    }
}

/// `ROW,COLUMN`.
pub fn row_and_column(argument: &str) -> Result<[usize; 2], String> {
    let parts: Result<Vec<usize>, _> =
        argument.split(',').map(|part| part.trim().parse()).collect();
    parts
        .ok()
        .and_then(|parts| parts.try_into().ok())
        .ok_or_else(|| "write ROW,COLUMN, two whole numbers from 0".to_owned())
}

/// A colour map by name.
pub fn colormap(argument: &str) -> Result<Colormap, String> {
    argument.parse().map_err(|error: UnknownColormap| error.to_string())
}

/// Ends with an error that names the networks that failed, if any did. Each was explained when it
/// failed.
pub fn report_failures(failures: &[(String, String)]) -> Result<(), Failure> {
    if failures.is_empty() {
        return Ok(());
    }
    let labels: Vec<&str> = failures.iter().map(|(label, _)| label.as_str()).collect();
    let noun = if labels.len() == 1 { "network" } else { "networks" };
    Err(Failure::Work(format!("{} {noun} failed (see above): {}", labels.len(), labels.join(", "))))
}

/// A side of an input, one of [`SIDES`].
pub fn side(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(size) if SIDES.contains(&size) => Ok(size),
        Ok(_) => Err(format!("a side has {} to {} pixels", SIDES.start(), SIDES.end())),
        Err(_) => Err("write a whole number of pixels".to_owned()),
    }
}
