//! What the results of an analysis depend on. Networks share images, stimuli and checkpoints, and each
//! of these is listed and read once.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::folders::{Kind, evaluation_folder};
use super::inputs::Inputs;
use crate::analysis::file::{Analysis, ErfPart, NetworkPart, ShapeBiasPart};
use crate::analysis::request::list_of_files;
use crate::image::{self, Order};
use crate::shapebias::decisions::decision_files;
use crate::store::digest;
use crate::store::walk::path_below;
use crate::zoo::ModelSpec;
use crate::zoo::model::TORCHSCRIPT;

/// Version of the ERF method: to be raised with every change of what its results mean.
const ERF_METHOD: u32 = 1;
/// Version of the evaluation on stimuli.
const DECISION_METHOD: u32 = 1;
/// Version of what is computed from decisions.
const SHAPE_BIAS_METHOD: u32 = 1;
/// Version of the counts of parameters and operations.
const COST_METHOD: u32 = 1;

/// What an analysis reads, as it is now: what has been asked for once is not looked at again.
pub(super) struct Sources<'a> {
    analysis: &'a Analysis,
    images: OnceCell<Result<Inputs, String>>,
    stimuli: OnceCell<Result<Inputs, String>>,
    image_list: OnceCell<Result<String, String>>,
    stimulus_list: OnceCell<Result<String, String>>,
    digests: RefCell<HashMap<PathBuf, String>>,
}

impl<'a> Sources<'a> {
    /// Reads nothing yet.
    pub(super) fn of(analysis: &'a Analysis) -> Self {
        Self {
            analysis,
            images: OnceCell::new(),
            stimuli: OnceCell::new(),
            image_list: OnceCell::new(),
            stimulus_list: OnceCell::new(),
            digests: RefCell::default(),
        }
    }

    /// What the cost of the networks depends on.
    pub(super) fn of_costs(&self) -> Result<Inputs, String> {
        let mut inputs = Inputs::default();
        inputs.set("method", COST_METHOD);
        inputs.set("size", self.analysis.cost_size);
        let networks = inspected(self.analysis).map(|spec| (&spec.label, &spec.architecture));
        inputs.set("networks", networks.collect::<Vec<_>>());
        for spec in inspected(self.analysis) {
            if let Some(path) = &spec.checkpoint {
                inputs.file(&format!("checkpoint of {}", spec.label), self.digest(path)?);
            }
        }
        Ok(inputs)
    }

    /// What a network's ERF depends on.
    pub(super) fn of_erf(&self, part: &ErfPart, network: &NetworkPart) -> Result<Inputs, String> {
        let mut inputs = Inputs::default();
        inputs.set("method", ERF_METHOD);
        inputs.set("label", &network.label);
        inputs.set_of_figures("formats", &self.analysis.figures);
        inputs.set_of_figures("colours", self.analysis.report.colormap);
        if let Some(map) = &network.map {
            inputs.file("map", self.digest(map)?);
            return Ok(inputs);
        }
        self.add_network(network, &mut inputs)?;
        inputs.extend(self.images.get_or_init(|| images(part)).as_ref()?);
        inputs.set("size", part.size);
        inputs.set("layer", (&part.layer, part.unit, part.tokens_to_map));
        inputs.set("exact", part.exact);
        Ok(inputs)
    }

    /// What a network's decisions depend on.
    pub(super) fn of_decisions(
        &self,
        part: &ShapeBiasPart,
        network: &NetworkPart,
    ) -> Result<Inputs, String> {
        let mut inputs = Inputs::default();
        inputs.set("method", DECISION_METHOD);
        inputs.set("label", &network.label);
        self.add_network(network, &mut inputs)?;
        inputs.extend(self.stimuli(part)?);
        inputs.set("exact", part.exact);
        Ok(inputs)
    }

    /// What the shape bias of all observers depends on; of networks that decide themselves, those
    /// whose folder of decisions is among `current` take part.
    pub(super) fn of_shape_bias(
        &self,
        part: &ShapeBiasPart,
        current: &[PathBuf],
    ) -> Result<Inputs, String> {
        let mut inputs = Inputs::default();
        inputs.set("method", SHAPE_BIAS_METHOD);
        inputs.extend(self.stimuli(part)?);
        inputs.set_of_figures("formats", &self.analysis.figures);
        let networks = self.analysis.networks.iter();
        let observers = networks.map(|n| (&n.label, n.spec.as_ref().map(|s| &s.architecture)));
        inputs.set("networks", observers.collect::<Vec<_>>());
        for network in &self.analysis.networks {
            let name = format!("decisions of {}", network.label);
            let folder = evaluation_folder(self.analysis, &network.label);
            match (&network.decisions, &network.spec) {
                (Some(path), _) => inputs.files(&name, &csv_files(path))?,
                (None, Some(_)) if current.contains(&folder) => {
                    inputs.files(&name, &csv_files(&folder.join("decisions")))?
                }
                (None, _) => {}
            }
        }
        if let Some(absent) = part.decisions.iter().find(|path| !path.exists()) {
            return Err(format!("there is no {}", absent.display()));
        }
        let further = decision_files(&part.decisions, &mut Vec::new());
        inputs.files("further decisions", &further)?;
        inputs.set("humans", part.humans);
        inputs.set("resamples", part.resamples);
        inputs.set("seed", self.analysis.seed);
        Ok(inputs)
    }

    /// What a network's shares depend on, as far as it isn't in the name of their folder: its
    /// checkpoint, and of images and stimuli, which a thousand tasks don't read, paths and lengths.
    pub(super) fn of_shares(&self, kind: Kind, network: &NetworkPart) -> Result<Inputs, String> {
        let mut inputs = Inputs::default();
        self.add_network(network, &mut inputs)?;
        let list = match kind {
            Kind::Erf => self.image_list.get_or_init(|| image_list(self.analysis)),
            Kind::Decisions => self.stimulus_list.get_or_init(|| stimulus_list(self.analysis)),
        };
        inputs.set("files", list.as_ref()?);
        Ok(inputs)
    }

    /// What a network's values come from.
    fn add_network(&self, network: &NetworkPart, inputs: &mut Inputs) -> Result<(), String> {
        let Some(spec) = &network.spec else { return Ok(()) };
        inputs.set("architecture", &spec.architecture);
        match &spec.checkpoint {
            Some(path) => inputs.file("checkpoint", self.digest(path)?),
            None => inputs.set("init", self.analysis.init),
        }
        inputs.set("mean", network.mean);
        inputs.set("std", network.std);
        Ok(())
    }

    fn stimuli(&self, part: &ShapeBiasPart) -> Result<&Inputs, String> {
        Ok(self.stimuli.get_or_init(|| stimuli(part)).as_ref()?)
    }

    fn digest(&self, path: &Path) -> Result<String, String> {
        if let Some(known) = self.digests.borrow().get(path) {
            return Ok(known.clone());
        }
        let sha256 = digest::sha256_file(path).map_err(|error| error.to_string())?;
        self.digests.borrow_mut().insert(path.to_owned(), sha256.clone());
        Ok(sha256)
    }
}

fn listed(paths: &[PathBuf], order: Order) -> Result<String, String> {
    let listing = image::list(paths, order).map_err(|error| error.to_string())?;
    Ok(list_of_files(&listing.files))
}

fn image_list(analysis: &Analysis) -> Result<String, String> {
    let Some(part) = &analysis.erf else { return Ok(String::new()) };
    listed(&part.images, part.shuffle.map_or(Order::Sorted, Order::Shuffled))
}

fn stimulus_list(analysis: &Analysis) -> Result<String, String> {
    let Some(part) = &analysis.shapebias else { return Ok(String::new()) };
    let stimuli = part.stimuli.iter().map(|folder| {
        let folder = std::slice::from_ref(folder);
        listed(folder, Order::Sorted)
    });
    let categories = part
        .categories
        .iter()
        .map(|path| digest::sha256_file(path).map_err(|error| error.to_string()));
    stimuli.chain(categories).collect()
}

fn images(part: &ErfPart) -> Result<Inputs, String> {
    let mut inputs = Inputs::default();
    let order = part.shuffle.map_or(Order::Sorted, Order::Shuffled);
    let files = image::list(&part.images, order).map_err(|error| error.to_string())?.files;
    let (first, rest) = files.split_at(part.num_images.min(files.len()));
    inputs.files("images", first)?;
    // An image that can't be used makes room for one of these.
    let names: Vec<String> = rest.iter().map(|path| path.display().to_string()).collect();
    inputs.set("further images", digest::sha256_bytes(names.join("\n").as_bytes()));
    inputs.set("number of images", part.num_images);
    Ok(inputs)
}

fn stimuli(part: &ShapeBiasPart) -> Result<Inputs, String> {
    let mut inputs = Inputs::default();
    if let Some(folder) = &part.stimuli {
        let files = image::list(std::slice::from_ref(folder), Order::Sorted)
            .map_err(|error| error.to_string())?
            .files;
        inputs.files("stimuli", &files)?;
        // Of the published set the file names alone tell the categories.
        if part.pattern.is_some() {
            let places: Vec<String> = files.iter().map(|path| path_below(folder, path)).collect();
            inputs.set("places of stimuli", digest::sha256_bytes(places.join("\n").as_bytes()));
        }
    }
    match &part.categories {
        Some(path) => {
            let sha256 = digest::sha256_file(path).map_err(|error| error.to_string())?;
            inputs.file("categories", sha256);
        }
        None => inputs.set("categories", "imagenet 16"),
    }
    inputs.set("pattern", &part.pattern);
    Ok(inputs)
}

/// Networks whose cost can be told: those of the zoo whose checkpoint is there, or that need none.
pub(super) fn inspected(analysis: &Analysis) -> impl Iterator<Item = &ModelSpec> {
    let specs = analysis.networks.iter().filter_map(|network| network.spec.as_ref());
    specs.filter(|spec| {
        let there = spec.checkpoint.as_ref().is_none_or(|path| path.exists());
        spec.architecture != TORCHSCRIPT && there
    })
}

/// A file, or the decision files below a folder; nothing where neither exists.
fn csv_files(path: &Path) -> Vec<PathBuf> {
    match path.exists() {
        true => decision_files(&[path.to_owned()], &mut Vec::new()),
        false => Vec::new(),
    }
}
