//! Result folders -> a [`Study`]: results are found by their content.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ReportError;
use super::cost::{self, NetworkCost};
use super::study::{BiasEntry, ErfEntry, ObserverEntry, Scope, Study, Warning};
use crate::erf::result::ErfResult;
use crate::shapebias::result::{Issue, ObserverKind};
use crate::store::folder::MANIFEST_NAME;
use crate::store::{npy, safe_file_name};

/// How deep below a given folder results are looked for.
const DEEPEST: usize = 3;

/// Issues of one kind and observer that are shown one by one.
const SHOWN_ISSUES: usize = 2;

/// Reads results of every kind from `folders`. Where a folder holds none itself, those below it are
/// searched.
///
/// # Errors
///
/// [`ReportError::NoResults`], or [`ReportError::Read`] for a folder or a result that can't be read.
pub fn gather(folders: &[PathBuf]) -> Result<Study, ReportError> {
    let mut study = Study::default();
    for folder in folders {
        let found = count(&study);
        search(folder, DEEPEST, &mut study)?;
        if count(&study) == found && folders.len() > 1 {
            return Err(no_results(std::slice::from_ref(folder)));
        }
    }
    if study.erfs.is_empty() && study.biases.is_empty() {
        return Err(no_results(folders));
    }
    collect_observers(&mut study);
    make_labels_unique(&mut study);
    study.comparable = true;
    warn_of_networks(&mut study);
    warn_of_mixtures(&mut study);
    warn_of_issues(&mut study);
    Ok(study)
}

fn count(study: &Study) -> usize {
    study.erfs.len() + study.biases.len() + study.costs.len()
}

fn no_results(folders: &[PathBuf]) -> ReportError {
    let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    ReportError::NoResults { folders: names.join(", ") }
}

fn search(folder: &Path, depth: usize, study: &mut Study) -> Result<(), ReportError> {
    let entries = entries(folder)?;
    let found = count(study);
    let first_erf = study.erfs.len();
    for path in entries.iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
        read_json(path, study)?;
    }
    order_by_table(&folder.join("erf.csv"), &mut study.erfs[first_erf..]);
    if count(study) == found && depth > 0 {
        for path in entries.iter().filter(|path| path.is_dir()) {
            search(path, depth - 1, study)?;
        }
    }
    Ok(())
}

/// Paths in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let problem = |error: std::io::Error| ReportError::Read {
        path: folder.to_owned(),
        problem: error.to_string(),
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(problem)? {
        paths.push(entry.map_err(problem)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Adds what a JSON file holds, if it is a result.
fn read_json(path: &Path, study: &mut Study) -> Result<(), ReportError> {
    let name = path.file_name().unwrap_or_default();
    if name == MANIFEST_NAME {
        return Ok(());
    }
    let problem = |problem: String| ReportError::Read { path: path.to_owned(), problem };
    let text = fs::read(path).map_err(|error| problem(error.to_string()))?;
    let Ok(value) = serde_json::from_slice::<Value>(&text) else {
        // A result is written whole, so what is no JSON isn't one.
        return Ok(());
    };
    let source = path.display().to_string();
    if value.get("area_ratios").is_some() && value.get("label").is_some() {
        let result: ErfResult = parse(value).map_err(problem)?;
        let map_path = path.with_file_name(format!("{}.npy", safe_file_name(&result.label)));
        let map = if map_path.exists() {
            Some(npy::read_map(&map_path)?.mapv(|value| value.max(0.0)))
        } else {
            study.warnings.push(Warning {
                about: Some(result.label.clone()),
                scope: Scope::Erf,
                text: format!(
                    "The map file {} is missing: there is no heatmap.",
                    map_path.display()
                ),
            });
            None
        };
        study.erfs.push(ErfEntry { result, map, source });
    } else if value.get("observers").is_some() && value.get("consistency").is_some() {
        study.biases.push(BiasEntry { result: parse(value).map_err(problem)?, source });
    } else if name == cost::FILE_NAME {
        let costs: Vec<NetworkCost> = parse(value).map_err(problem)?;
        let place = |(index, cost)| NetworkCost { source: source.clone(), index, ..cost };
        study.costs.extend(costs.into_iter().enumerate().map(place));
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value)
        .map_err(|error| format!("it isn't what this version writes ({error}); make it again"))
}

/// Puts results into the order in which the run's own table lists them.
fn order_by_table(table: &Path, erfs: &mut [ErfEntry]) {
    let Ok(mut reader) = csv::Reader::from_path(table) else { return };
    let labels: Vec<String> =
        reader.records().flatten().filter_map(|row| row.get(0).map(str::to_owned)).collect();
    erfs.sort_by_key(|erf| {
        labels.iter().position(|label| *label == erf.result.label).unwrap_or(labels.len())
    });
}

/// The observers of all runs: networks, then people, then the first pool of people; the same pool of
/// another run isn't repeated.
fn collect_observers(study: &mut Study) {
    for (run, bias) in study.biases.iter().enumerate() {
        for (index, observer) in bias.result.observers.iter().enumerate() {
            let known = study.observers.iter().any(|entry| {
                observer.kind == ObserverKind::Humans
                    && entry.result.kind == observer.kind
                    && entry.result.overall == observer.overall
            });
            if !known {
                study.observers.push(ObserverEntry { result: observer.clone(), run, index });
            }
        }
    }
    study.observers.sort_by_key(|entry| match entry.result.kind {
        ObserverKind::Network => 0,
        ObserverKind::Person => 1,
        ObserverKind::Humans => 2,
    });
}

/// Gives the second of two results of one name another, and says so.
fn make_labels_unique(study: &mut Study) {
    let mut warnings = Vec::new();
    let mut taken = Vec::new();
    for erf in &mut study.erfs {
        let about = (Scope::Erf, erf.source.as_str());
        warnings.extend(make_unique(&mut erf.result.label, &mut taken, about));
    }
    let mut taken = Vec::new();
    for observer in &mut study.observers {
        let about = (Scope::ShapeBias, study.biases[observer.run].source.as_str());
        warnings.extend(make_unique(&mut observer.result.label, &mut taken, about));
    }
    study.warnings.extend(warnings);
}

fn make_unique(
    label: &mut String,
    taken: &mut Vec<String>,
    (scope, source): (Scope, &str),
) -> Option<Warning> {
    let wanted = label.clone();
    let mut number = 2;
    while taken.contains(label) {
        *label = format!("{wanted} ({number})");
        number += 1;
    }
    taken.push(label.clone());
    (*label != wanted).then(|| Warning {
        about: Some(label.clone()),
        scope,
        text: format!("Another result is called {wanted}; the one of {source} is {label}."),
    })
}

/// Untrained networks and images that were left out.
fn warn_of_networks(study: &mut Study) {
    let mut warnings = Vec::new();
    for network in study.networks() {
        if network.untrained() {
            warnings.push(Warning {
                about: Some(network.label.to_owned()),
                scope: Scope::All,
                text: format!(
                    "{} is untrained: its values come from random initialisation or a formula, and \
                     say nothing of the trained network. It takes no part in correlations and is \
                     never marked as best.",
                    network.label
                ),
            });
        }
        let Some(erf) = network.erf else { continue };
        let skipped = &erf.result.images_skipped;
        if let Some(first) = skipped.first() {
            warnings.push(Warning {
                about: Some(network.label.to_owned()),
                scope: Scope::Erf,
                text: format!(
                    "{}: {} left out of the mean, such as {} ({}).",
                    network.label,
                    counted(skipped.len(), "image was", "images were"),
                    first.path,
                    first.reason
                ),
            });
        }
    }
    study.warnings.extend(warnings);
}

/// "1 image was", "3 images were".
fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// Settings that differ between results that stand side by side.
fn warn_of_mixtures(study: &mut Study) {
    let measured = |erf: &&ErfEntry| erf.result.architecture != "map";
    let sizes = groups(study.erfs.iter(), |erf| {
        let [height, width] = erf.result.size;
        format!("{height} x {width}")
    });
    let layers = groups(study.erfs.iter().filter(measured), |erf| erf.result.layer.clone());
    let images = groups(study.erfs.iter().filter(measured), |erf| {
        let list = erf.result.provenance.images.as_ref();
        let digest = list.map_or("unknown", |list| list.sha256.get(..8).unwrap_or(&list.sha256));
        format!("{} images (list {digest})", erf.result.images_used)
    });
    let existing = groups(study.erfs.iter(), |erf| {
        let kind = if measured(&erf) { "measured in a run" } else { "existing maps" };
        kind.to_owned()
    });
    let mixtures = [
        (
            &sizes,
            "input sizes",
            "Area ratios are shares of the map, so they can't be compared \
          across sizes: no network is marked as best, and no correlation is given.",
        ),
        (
            &layers,
            "layers",
            "Area ratios of different layers can't be compared: no network is \
          marked as best, and no correlation is given.",
        ),
        (&images, "images", "Compare these maps with care."),
        (
            &existing,
            "sources",
            "How existing maps were made is not known here: the images, the \
          layer and the scale may be others. Compare with care.",
        ),
    ];
    for (groups, what, consequence) in mixtures {
        if groups.len() > 1 {
            let text = format!("ERF maps of different {what}: {}. {consequence}", listed(groups));
            study.warnings.push(Warning { about: None, scope: Scope::Erf, text });
        }
    }
    study.comparable = sizes.len() <= 1 && layers.len() <= 1;
    let stimuli = groups(study.biases.iter(), |bias| {
        format!("{} conflict stimuli", bias.result.conflict_stimuli)
    });
    if stimuli.len() > 1 {
        let text = format!(
            "The shape-bias runs used different stimuli: {}. Compare with care.",
            listed(&stimuli)
        );
        study.warnings.push(Warning { about: None, scope: Scope::ShapeBias, text });
    }
}

/// What has a name in a list of groups.
trait Named {
    fn name(&self) -> &str;
}

impl Named for ErfEntry {
    fn name(&self) -> &str {
        &self.result.label
    }
}

impl Named for BiasEntry {
    fn name(&self) -> &str {
        &self.source
    }
}

/// Names by setting.
fn groups<'a, T: Named + 'a>(
    entries: impl Iterator<Item = &'a T>,
    setting: impl Fn(&T) -> String,
) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in entries {
        groups.entry(setting(entry)).or_default().push(entry.name().to_owned());
    }
    groups
}

fn listed(groups: &BTreeMap<String, Vec<String>>) -> String {
    let group =
        |(setting, names): (&String, &Vec<String>)| format!("{setting} ({})", names.join(", "));
    groups.iter().map(group).collect::<Vec<_>>().join("; ")
}

/// What shape-bias runs have noted, a few of each kind and observer.
fn warn_of_issues(study: &mut Study) {
    let mut warnings = Vec::new();
    for (run, bias) in study.biases.iter().enumerate() {
        let mut kinds: Vec<(&Issue, usize)> = Vec::new();
        for issue in &bias.result.issues {
            let alike = |(first, _): &&mut (&Issue, usize)| {
                first.kind == issue.kind && first.observer == issue.observer
            };
            let seen = match kinds.iter_mut().find(alike) {
                Some((_, count)) => {
                    *count += 1;
                    *count
                }
                None => {
                    kinds.push((issue, 1));
                    1
                }
            };
            if seen <= SHOWN_ISSUES {
                let about =
                    issue.observer.as_ref().map(|label| study.label_of(run, label).to_owned());
                warnings.push(Warning {
                    about,
                    scope: Scope::ShapeBias,
                    text: sentence(&issue.message),
                });
            }
        }
        for (issue, count) in kinds.into_iter().filter(|(_, count)| *count > SHOWN_ISSUES) {
            let about = issue.observer.as_ref().map(|label| study.label_of(run, label).to_owned());
            let more = count - SHOWN_ISSUES;
            let text = format!("{more} more notes of this kind are in {}.", bias.source);
            warnings.push(Warning { about, scope: Scope::ShapeBias, text });
        }
    }
    study.warnings.extend(warnings);
}

/// The message with a full stop, and with a capital unless it begins with a name or a path.
fn sentence(message: &str) -> String {
    let message = message.trim_end_matches('.');
    match message.strip_prefix("the ") {
        Some(rest) => format!("The {rest}."),
        None => format!("{message}."),
    }
}
