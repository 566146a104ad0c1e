//! What an analysis needs, and what of it is there already.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::inputs::Inputs;
use crate::analysis::file::{Analysis, ErfPart, NetworkPart, ShapeBiasPart};
use crate::image::{self, Order};
use crate::report::cost;
use crate::store::safe_file_name;
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

/// What a task does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Measures a network's effective receptive field, or describes an existing map.
    Erf(NetworkPart),
    /// Has a network decide on the stimuli.
    Evaluate(NetworkPart),
    /// Computes shape bias of all observers.
    Combine,
    /// Counts parameters and operations of the networks of the zoo.
    Inspect,
}

/// Whether a task has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The same has been computed from the same inputs.
    Reuse,
    /// It has to be computed, and why.
    Compute(String),
    /// It can't be done, and why.
    Impossible(String),
}

/// A part of the work.
#[derive(Clone, Debug)]
pub struct Task {
    /// For a reader: "ERF of ResNet-101".
    pub name: String,
    /// Label of the network, or "shape bias".
    pub label: String,
    /// What it does.
    pub work: Work,
    /// Folder of its results.
    pub folder: PathBuf,
    /// Whether it has to be done.
    pub state: State,
    /// What it depends on.
    pub(super) inputs: Inputs,
}

/// All tasks of an analysis, in order.
pub fn plan(analysis: &Analysis) -> Vec<Task> {
    let mut tasks = Vec::new();
    if inspected(analysis).next().is_some() {
        let folder = cost_folder(analysis);
        let result = folder.join(cost::FILE_NAME);
        tasks.push(task(
            "cost of the networks".to_owned(),
            ("cost", Work::Inspect),
            (folder, &result),
            cost_inputs(analysis),
        ));
    }
    if let Some(part) = &analysis.erf {
        let measurable = |n: &&NetworkPart| n.map.is_some() || n.spec.is_some();
        for network in analysis.networks.iter().filter(measurable) {
            let folder = erf_folder(analysis, &network.label);
            let result = folder.join(format!("{}.json", safe_file_name(&network.label)));
            tasks.push(task(
                format!("ERF of {}", network.label),
                (&network.label, Work::Erf(network.clone())),
                (folder, &result),
                erf_inputs(analysis, part, network),
            ));
        }
    }
    let Some(part) = &analysis.shapebias else { return tasks };
    let mut pending = false;
    if part.stimuli.is_some() {
        let decides = |n: &&NetworkPart| n.spec.is_some() && n.decisions.is_none();
        for network in analysis.networks.iter().filter(decides) {
            let folder = evaluation_folder(analysis, &network.label);
            let result = folder.join("shapebias.json");
            let task = task(
                format!("decisions of {}", network.label),
                (&network.label, Work::Evaluate(network.clone())),
                (folder, &result),
                decision_inputs(analysis, part, network),
            );
            pending |= matches!(task.state, State::Compute(_));
            tasks.push(task);
        }
    }
    let folder = combined_folder(analysis);
    let result = folder.join("shapebias.json");
    let mut combined = task(
        "shape bias of all observers".to_owned(),
        ("shape bias", Work::Combine),
        (folder, &result),
        combined_inputs(analysis),
    );
    if pending && combined.state == State::Reuse {
        combined.state = State::Compute("networks have to decide first".to_owned());
    }
    tasks.push(combined);
    tasks
}

fn task(
    name: String,
    (label, work): (&str, Work),
    (folder, result): (PathBuf, &Path),
    inputs: Result<Inputs, String>,
) -> Task {
    let (state, inputs) = match inputs {
        Err(reason) => (State::Impossible(reason), Inputs::default()),
        Ok(inputs) => {
            let state = match inputs.change(&folder) {
                Some(reason) => State::Compute(reason),
                None if !result.exists() => State::Compute("its result is missing".to_owned()),
                None => State::Reuse,
            };
            (state, inputs)
        }
    };
    Task { name, label: label.to_owned(), work, folder, state, inputs }
}

/// Networks whose cost can be told: those of the zoo whose checkpoint is there, or that need none.
pub(super) fn inspected(analysis: &Analysis) -> impl Iterator<Item = &ModelSpec> {
    let specs = analysis.networks.iter().filter_map(|network| network.spec.as_ref());
    specs.filter(|spec| {
        let there = spec.checkpoint.as_ref().is_none_or(|path| path.exists());
        spec.architecture != TORCHSCRIPT && there
    })
}

/// Folder of what networks cost.
pub(super) fn cost_folder(analysis: &Analysis) -> PathBuf {
    analysis.out.join("cost")
}

fn cost_inputs(analysis: &Analysis) -> Result<Inputs, String> {
    let mut inputs = Inputs::default();
    inputs.set("method", COST_METHOD);
    inputs.set("size", analysis.cost_size);
    for spec in inspected(analysis) {
        inputs.set(&spec.label, &spec.architecture);
        if let Some(path) = &spec.checkpoint {
            inputs.file(&format!("checkpoint of {}", spec.label), path)?;
        }
    }
    Ok(inputs)
}

/// Folder of a network's ERF.
pub(super) fn erf_folder(analysis: &Analysis, label: &str) -> PathBuf {
    analysis.out.join("erf").join(safe_file_name(label))
}

/// Folder of a network's decisions.
pub(super) fn evaluation_folder(analysis: &Analysis, label: &str) -> PathBuf {
    analysis.out.join("decisions").join(safe_file_name(label))
}

/// Folder of the shape bias of all observers.
pub(super) fn combined_folder(analysis: &Analysis) -> PathBuf {
    analysis.out.join("shapebias")
}

/// What a network's values come from.
fn network_inputs(
    analysis: &Analysis,
    network: &NetworkPart,
    inputs: &mut Inputs,
) -> Result<(), String> {
    let Some(spec) = &network.spec else { return Ok(()) };
    inputs.set("architecture", &spec.architecture);
    match &spec.checkpoint {
        Some(path) => inputs.file("checkpoint", path)?,
        None => inputs.set("init", analysis.init),
    }
    inputs.set("mean", network.mean);
    inputs.set("std", network.std);
    Ok(())
}

fn erf_inputs(
    analysis: &Analysis,
    part: &ErfPart,
    network: &NetworkPart,
) -> Result<Inputs, String> {
    let mut inputs = Inputs::default();
    inputs.set("method", ERF_METHOD);
    inputs.set("label", &network.label);
    if let Some(map) = &network.map {
        inputs.file("map", map)?;
        return Ok(inputs);
    }
    network_inputs(analysis, network, &mut inputs)?;
    let order = part.shuffle.map_or(Order::Sorted, Order::Shuffled);
    let files = image::list(&part.images, order).map_err(|error| error.to_string())?.files;
    let (first, rest) = files.split_at(part.num_images.min(files.len()));
    inputs.files("images", first)?;
    // An image that can't be used makes room for one of these.
    let names: Vec<String> = rest.iter().map(|path| path.display().to_string()).collect();
    inputs.set("further images", crate::store::digest::sha256_bytes(names.join("\n").as_bytes()));
    inputs.set("number of images", part.num_images);
    inputs.set("size", part.size);
    inputs.set("layer", (&part.layer, part.unit, part.tokens_to_map));
    inputs.set("exact", part.exact);
    Ok(inputs)
}

fn decision_inputs(
    analysis: &Analysis,
    part: &ShapeBiasPart,
    network: &NetworkPart,
) -> Result<Inputs, String> {
    let mut inputs = Inputs::default();
    inputs.set("method", DECISION_METHOD);
    inputs.set("label", &network.label);
    network_inputs(analysis, network, &mut inputs)?;
    stimuli_inputs(part, &mut inputs)?;
    inputs.set("exact", part.exact);
    Ok(inputs)
}

fn stimuli_inputs(part: &ShapeBiasPart, inputs: &mut Inputs) -> Result<(), String> {
    if let Some(folder) = &part.stimuli {
        let files = image::list(std::slice::from_ref(folder), Order::Sorted)
            .map_err(|error| error.to_string())?
            .files;
        inputs.files("stimuli", &files)?;
    }
    match &part.categories {
        Some(path) => inputs.file("categories", path)?,
        None => inputs.set("categories", "imagenet 16"),
    }
    inputs.set("pattern", &part.pattern);
    Ok(())
}

/// What the shape bias of all observers depends on.
pub(super) fn combined_inputs(analysis: &Analysis) -> Result<Inputs, String> {
    let part = analysis.shapebias.as_ref().ok_or("there is no part [shapebias]")?;
    let mut inputs = Inputs::default();
    inputs.set("method", SHAPE_BIAS_METHOD);
    stimuli_inputs(part, &mut inputs)?;
    for network in &analysis.networks {
        let name = format!("decisions of {}", network.label);
        let folder = evaluation_folder(analysis, &network.label);
        match (&network.decisions, &network.spec) {
            (Some(path), _) => inputs.files(&name, &csv_files(path))?,
            (None, Some(_)) => inputs.files(&name, &csv_files(&folder.join("decisions")))?,
            (None, None) => {}
        }
    }
    let mut further = Vec::new();
    for path in &part.decisions {
        if !path.exists() {
            return Err(format!("there is no {}", path.display()));
        }
        further.extend(csv_files(path));
    }
    inputs.files("further decisions", &further)?;
    inputs.set("humans", part.humans);
    inputs.set("resamples", part.resamples);
    inputs.set("seed", analysis.seed);
    Ok(inputs)
}

/// A file, or the CSV files below a folder; nothing where neither exists.
fn csv_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = WalkDir::new(path).sort_by_file_name().into_iter().flatten();
    let files =
        entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
    files.filter(|path| path.extension().is_some_and(|e| e == "csv")).collect()
}
