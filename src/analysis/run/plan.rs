//! What an analysis needs, and what of it is there already.

use std::path::PathBuf;

use super::folders::{
    combined_folder, cost_folder, erf_folder, erf_result, evaluation_folder, evaluation_result,
};
use super::inputs::Inputs;
use super::sources::{Sources, inspected};
use crate::analysis::file::{Analysis, NetworkPart};
use crate::report::cost;
use crate::store::StoreError;
use crate::store::folder::MANIFEST_NAME;

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

impl Work {
    /// Whether the report shows its results itself.
    pub(super) fn is_shown(&self) -> bool {
        !matches!(self, Self::Evaluate(_))
    }
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
    /// The file without which there is no result.
    pub result: PathBuf,
    /// Whether it has to be done.
    pub state: State,
    /// Whether what is reused has figures of other settings, which are drawn anew.
    pub redraw: bool,
    /// What it depends on.
    pub(super) inputs: Inputs,
}

impl Task {
    /// Whether the folder is this study's own, so that what is in it may be overwritten; one in which
    /// nothing is in the way becomes its own. Which run began a folder can't be told from its results
    /// once that was interrupted.
    pub(super) fn own_folder(&self) -> Result<bool, StoreError> {
        if Inputs::exist(&self.folder) {
            return Ok(true);
        }
        let tables = ["erf.csv", "shapebias.csv", MANIFEST_NAME].map(|name| self.folder.join(name));
        let results = [self.result.clone(), self.result.with_extension("npy")];
        let is_free = !tables.iter().chain(&results).any(|path| path.exists());
        if is_free {
            Inputs::default().write(&self.folder)?;
        }
        Ok(is_free)
    }
}

/// All tasks of an analysis, in order.
pub fn plan(analysis: &Analysis) -> Vec<Task> {
    let mut tasks = Vec::new();
    let sources = Sources::of(analysis);
    if inspected(analysis).next().is_some() {
        let folder = cost_folder(analysis);
        let result = folder.join(cost::FILE_NAME);
        tasks.push(task(
            "cost of the networks".to_owned(),
            ("cost", Work::Inspect),
            (folder, result),
            sources.of_costs(),
        ));
    }
    if let Some(part) = &analysis.erf {
        let measurable = |n: &&NetworkPart| n.map.is_some() || n.spec.is_some();
        for network in analysis.networks.iter().filter(measurable) {
            let folder = erf_folder(analysis, &network.label);
            let result = erf_result(analysis, &network.label);
            tasks.push(task(
                format!("ERF of {}", network.label),
                (&network.label, Work::Erf(network.clone())),
                (folder, result),
                sources.of_erf(part, network),
            ));
        }
    }
    let Some(part) = &analysis.shapebias else { return tasks };
    let mut pending = false;
    let mut current = Vec::new();
    if part.stimuli.is_some() {
        let decides = |n: &&NetworkPart| n.spec.is_some() && n.decisions.is_none();
        for network in analysis.networks.iter().filter(decides) {
            let folder = evaluation_folder(analysis, &network.label);
            let result = evaluation_result(analysis, &network.label);
            let task = task(
                format!("decisions of {}", network.label),
                (&network.label, Work::Evaluate(network.clone())),
                (folder, result),
                sources.of_decisions(part, network),
            );
            pending |= matches!(task.state, State::Compute(_));
            if !matches!(task.state, State::Impossible(_)) {
                current.push(task.folder.clone());
            }
            tasks.push(task);
        }
    }
    let folder = combined_folder(analysis);
    let result = folder.join("shapebias.json");
    let mut combined = task(
        "shape bias of all observers".to_owned(),
        ("shape bias", Work::Combine),
        (folder, result),
        sources.of_shape_bias(part, &current),
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
    (folder, result): (PathBuf, PathBuf),
    inputs: Result<Inputs, String>,
) -> Task {
    let (state, inputs) = match inputs {
        Err(reason) => (State::Impossible(reason), Inputs::default()),
        Ok(inputs) => {
            let state = match inputs.change(&folder) {
                Some(reason) => State::Compute(reason),
                None if !result.exists() => State::Compute("its result is missing".to_owned()),
                None if Inputs::is_replaced(&folder, &result) => {
                    State::Compute("its result is of a run that didn't end".to_owned())
                }
                None => State::Reuse,
            };
            (state, inputs)
        }
    };
    let redraw = state == State::Reuse && inputs.change_figures(&folder);
    Task { name, label: label.to_owned(), work, folder, result, state, redraw, inputs }
}
