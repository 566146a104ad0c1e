//! Analysis files: a whole study in TOML.
//!
//! Paths are relative to the file's own folder; `${NAME}` in a path is an environment variable, and
//! `${NAME:-default}` one with a default.

pub mod cluster;
mod place;
mod report;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tch::Device;
use thiserror::Error;
use toml::Spanned;

pub use self::cluster::ClusterPart;
use self::place::Source;
use self::schema::{Document, NetworkTable};
use crate::erf::saving::SAVE_EVERY;
use crate::figure::Format;
use crate::image::SIDES;
use crate::report::Options;
use crate::shapebias::bootstrap::RESAMPLES;
use crate::store::safe_file_name;
use crate::zoo::model::TORCHSCRIPT;
use crate::zoo::{Init, ModelSpec, model};

/// What is wrong with an analysis file, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{file}, line {line}: {problem}")]
pub struct AnalysisFileError {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong, with the key, and what would be right.
    pub problem: String,
}

/// A network of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPart {
    /// Name in tables and figures.
    pub label: String,
    /// What is run, where something is.
    pub spec: Option<ModelSpec>,
    /// An existing ERF map, which is described instead of measuring the network.
    pub map: Option<PathBuf>,
    /// Existing decisions, which are read instead of evaluating the network.
    pub decisions: Option<PathBuf>,
    /// Mean of each colour channel; the architecture's where absent.
    pub mean: Option<[f64; 3]>,
    /// Standard deviation of each colour channel; the architecture's where absent.
    pub std: Option<[f64; 3]>,
}

/// The ERF part of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct ErfPart {
    /// Image files and folders.
    pub images: Vec<PathBuf>,
    /// How many images enter the mean.
    pub num_images: usize,
    /// Side of the input, in pixels.
    pub size: usize,
    /// Seed of a random sample of the images; the first by name where absent.
    pub shuffle: Option<u64>,
    /// Layer whose unit is differentiated; the last feature map where absent.
    pub layer: Option<String>,
    /// Row and column of the unit; the centre where absent.
    pub unit: Option<[usize; 2]>,
    /// Whether tokens that a TorchScript network gives are laid out as a map.
    pub tokens_to_map: bool,
    /// Whether to compute in double precision, nothing folded.
    pub exact: bool,
    /// How often the state is written from which a killed run goes on.
    pub save_every: Duration,
}

/// The shape-bias part of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapeBiasPart {
    /// Folder of stimuli.
    pub stimuli: Option<PathBuf>,
    /// Existing decisions of further observers: files and folders.
    pub decisions: Vec<PathBuf>,
    /// Mapping from class to category.
    pub categories: Option<PathBuf>,
    /// Regular expression for the names of stimuli.
    pub pattern: Option<String>,
    /// Whether the built-in human reference is shown where it applies.
    pub humans: bool,
    /// Images in a batch.
    pub batch_size: usize,
    /// Resamples behind each interval.
    pub resamples: usize,
    /// Whether to compute in double precision, nothing folded.
    pub exact: bool,
}

/// A study, checked and with its paths resolved.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// Folder for results and report.
    pub out: PathBuf,
    /// Seed of every random choice.
    pub seed: u64,
    /// Where networks run.
    pub device: Device,
    /// What stands in for a checkpoint where there is none.
    pub init: Option<Init>,
    /// Networks in order.
    pub networks: Vec<NetworkPart>,
    /// The ERF part, if there is one.
    pub erf: Option<ErfPart>,
    /// The shape-bias part, if there is one.
    pub shapebias: Option<ShapeBiasPart>,
    /// Side of the input, in pixels, at which networks' costs are counted.
    pub cost_size: usize,
    /// What the study's tasks are given on a cluster.
    pub cluster: ClusterPart,
    /// What the report looks like.
    pub report: Options,
    /// File formats of the figures beside the results.
    pub figures: Vec<Format>,
}

impl Analysis {
    /// Reads an analysis file.
    ///
    /// # Errors
    ///
    /// [`AnalysisFileError`]: a file that can't be read, or isn't TOML, an unknown key or value, a
    /// network that can't be run.
    pub fn load(path: &Path) -> Result<Self, AnalysisFileError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| AnalysisFileError {
            file: file.clone(),
            line: 1,
            problem: format!("the file can't be read: {error}"),
        })?;
        let folder = path.parent().map_or_else(PathBuf::new, place::from_here);
        let mut analysis = Self::parse(&text, &file, &folder)?;
        analysis.out = place::from_here_unfollowed(&analysis.out);
        Ok(analysis)
    }

    /// Puts results and report into another folder.
    pub fn set_out(&mut self, out: &Path) {
        self.out = place::from_here_unfollowed(out);
    }

    /// Reads the text of an analysis file called `file`; its paths are relative to `folder`.
    ///
    /// # Errors
    ///
    /// As [`Analysis::load`].
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Self, AnalysisFileError> {
        let source = Source { text, file, folder };
        let document: Document = toml::from_str(text).map_err(|error| source.explain(&error))?;
        let init = init(&source, &document)?;
        let networks = document
            .networks
            .iter()
            .map(|table| network(&source, &document, table, init))
            .collect::<Result<Vec<NetworkPart>, AnalysisFileError>>()?;
        check_labels(&source, &document.networks, &networks)?;
        let analysis = Analysis {
            out: match &document.out {
                Some(out) => source.path(out, "out")?,
                None => folder.join(safe_file_name(&document.title)),
            },
            seed: document.seed,
            device: device(&source, document.device.as_ref())?,
            init,
            networks,
            erf: document.erf.as_ref().map(|table| erf(&source, table)).transpose()?,
            shapebias: document
                .shapebias
                .as_ref()
                .map(|table| shapebias(&source, table))
                .transpose()?,
            cost_size: document.inspect.as_ref().and_then(|part| part.size).unwrap_or(224),
            cluster: ClusterPart::read(&source, document.cluster.as_ref())?,
            figures: report::formats(&source, &document)?,
            report: report::options(&source, &document)?,
        };
        analysis.check(&source)?;
        Ok(analysis)
    }

    /// What the parts need of one another.
    fn check(&self, source: &Source<'_>) -> Result<(), AnalysisFileError> {
        let runs = |network: &&NetworkPart| network.spec.is_some() && network.map.is_none();
        if let Some(erf) = &self.erf {
            if erf.images.is_empty() && self.networks.iter().any(|network| runs(&network)) {
                return Err(source.at_header("erf", "[erf] needs `images`: files and folders"));
            }
            if erf.num_images == 0 {
                return Err(source.at_header("erf", "`num_images` is at least 1"));
            }
        }
        let sizes =
            [("erf", self.erf.as_ref().map(|part| part.size)), ("inspect", Some(self.cost_size))];
        for (part, size) in sizes {
            if size.is_some_and(|size| !SIDES.contains(&size)) {
                let problem = format!("`size` is {} to {} pixels", SIDES.start(), SIDES.end());
                return Err(source.at_header(part, &problem));
            }
        }
        if let Some(part) = &self.shapebias {
            let decides = |network: &NetworkPart| network.decisions.is_some();
            if part.stimuli.is_none()
                && part.decisions.is_empty()
                && !self.networks.iter().any(decides)
            {
                let problem = "[shapebias] needs `stimuli` (a folder) or `decisions`";
                return Err(source.at_header("shapebias", problem));
            }
            if part.batch_size == 0 || part.resamples == 0 {
                let problem = "`batch_size` and `resamples` are at least 1";
                return Err(source.at_header("shapebias", problem));
            }
        }
        if self.erf.is_none() && self.shapebias.is_none() {
            let problem = "nothing to do: add a part [erf] or [shapebias]";
            return Err(source.at(0, problem.to_owned()));
        }
        Ok(())
    }
}

fn init(source: &Source<'_>, document: &Document) -> Result<Option<Init>, AnalysisFileError> {
    let Some(name) = &document.init else { return Ok(None) };
    match name.get_ref().as_str() {
        "random" => Ok(Some(Init::Random(document.seed))),
        "formula" => Ok(Some(Init::Formula)),
        _ => Err(source.choice(name, "init", &["random", "formula"])),
    }
}

fn device(
    source: &Source<'_>,
    name: Option<&Spanned<String>>,
) -> Result<Device, AnalysisFileError> {
    let Some(name) = name else { return Ok(Device::Cpu) };
    let index = name.get_ref().strip_prefix("cuda:").and_then(|index| index.parse().ok());
    match (name.get_ref().as_str(), index) {
        ("cpu", _) => Ok(Device::Cpu),
        ("cuda", _) => Ok(Device::Cuda(0)),
        (_, Some(index)) => Ok(Device::Cuda(index)),
        _ => Err(source.choice(name, "device", &["cpu", "cuda:0"])),
    }
}

fn network(
    source: &Source<'_>,
    document: &Document,
    table: &Spanned<NetworkTable>,
    init: Option<Init>,
) -> Result<NetworkPart, AnalysisFileError> {
    let start = table.span().start;
    let entry = table.get_ref();
    let path = |value: &Option<Spanned<String>>, key: &str| {
        value.as_ref().map(|value| source.path(value, key)).transpose()
    };
    let checkpoint = path(&entry.checkpoint, "checkpoint")?;
    let (map, decisions) = (path(&entry.map, "map")?, path(&entry.decisions, "decisions")?);
    let label = match (&entry.label, &entry.arch) {
        (Some(label), _) => label.get_ref().clone(),
        (None, Some(arch)) => arch.get_ref().clone(),
        (None, None) => return Err(source.at(start, "this network needs a `label`".into())),
    };
    let spec = entry.arch.as_ref().map(|arch| {
        let architecture = arch.get_ref().clone();
        (arch, ModelSpec { label: label.clone(), architecture, checkpoint })
    });
    if let Some((arch, spec)) = &spec {
        let known =
            spec.architecture == TORCHSCRIPT || crate::zoo::find(&spec.architecture).is_ok();
        if !known {
            let names: Vec<String> =
                crate::zoo::architectures().into_iter().map(|known| known.name).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).chain([TORCHSCRIPT]).collect();
            return Err(source.choice(arch, "arch", &names));
        }
        let is_measured = document.erf.is_some() && map.is_none();
        let has_stimuli = document.shapebias.as_ref().is_some_and(|part| part.stimuli.is_some());
        if is_measured || (has_stimuli && decisions.is_none()) {
            model::check(spec, init).map_err(|error| {
                let advice = "give `checkpoint`, or `init = \"random\"` at the top of the file";
                source.at(arch.span().start, format!("key `arch`: {error}; {advice}"))
            })?;
        }
    } else if map.is_none() && decisions.is_none() {
        let problem = format!("{label} has none of `arch`, `map` and `decisions`");
        return Err(source.at(start, problem));
    }
    Ok(NetworkPart {
        label,
        spec: spec.map(|(_, spec)| spec),
        map,
        decisions,
        mean: entry.mean,
        std: entry.std,
    })
}

fn check_labels(
    source: &Source<'_>,
    tables: &[Spanned<NetworkTable>],
    networks: &[NetworkPart],
) -> Result<(), AnalysisFileError> {
    for (index, network) in networks.iter().enumerate() {
        let name = safe_file_name(&network.label);
        let clash = |other: &&NetworkPart| safe_file_name(&other.label) == name;
        if let Some(other) = networks[..index].iter().find(clash) {
            let problem = format!(
                "key `label`: {} would share its files with {}; choose another label",
                network.label, other.label
            );
            return Err(source.at(tables[index].span().start, problem));
        }
        if super::erf::is_reserved(&name) {
            let problem =
                format!("key `label`: {} is the name of the study's own files", network.label);
            return Err(source.at(tables[index].span().start, problem));
        }
    }
    Ok(())
}

fn paths(
    source: &Source<'_>,
    values: &[Spanned<String>],
    key: &str,
) -> Result<Vec<PathBuf>, AnalysisFileError> {
    values.iter().map(|value| source.path(value, key)).collect()
}

fn erf(source: &Source<'_>, table: &schema::ErfTable) -> Result<ErfPart, AnalysisFileError> {
    Ok(ErfPart {
        images: paths(source, &table.images, "images")?,
        num_images: table.num_images.unwrap_or(50),
        size: table.size.unwrap_or(1024),
        shuffle: table.shuffle,
        layer: table.layer.clone(),
        unit: table.unit,
        tokens_to_map: table.tokens_to_map,
        exact: table.exact,
        save_every: table.save_every.map_or(SAVE_EVERY, Duration::from_secs),
    })
}

fn shapebias(
    source: &Source<'_>,
    table: &schema::ShapeBiasTable,
) -> Result<ShapeBiasPart, AnalysisFileError> {
    let path = |value: &Option<Spanned<String>>, key: &str| {
        value.as_ref().map(|value| source.path(value, key)).transpose()
    };
    Ok(ShapeBiasPart {
        stimuli: path(&table.stimuli, "stimuli")?,
        decisions: paths(source, &table.decisions, "decisions")?,
        categories: path(&table.categories, "categories")?,
        pattern: table.pattern.clone(),
        humans: table.humans.unwrap_or(true),
        batch_size: table.batch_size.unwrap_or(16),
        resamples: table.resamples.unwrap_or(RESAMPLES),
        exact: table.exact,
    })
}

#[cfg(test)]
mod tests;
