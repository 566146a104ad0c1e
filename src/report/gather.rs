//! Result folders -> a [`Study`]: results are found by their content.

mod labels;
mod warnings;

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ReportError;
use super::cost::{self, NetworkCost};
use super::study::{BiasEntry, ErfEntry, ObserverEntry, Study};
use crate::erf::result::ErfResult;
use crate::shapebias::result::{BiasFigures, ObserverKind, ObserverResult};
use crate::store::folder::MANIFEST_NAME;
use crate::store::{npy, safe_file_name};

/// How deep below a given folder results are looked for.
const DEEPEST: usize = 3;

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
    labels::name_layers_and_units(&mut study);
    labels::make_unique_in(&mut study);
    study.comparable = true;
    warnings::of_networks(&mut study);
    warnings::of_mixtures(&mut study);
    warnings::of_issues(&mut study);
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
            None
        };
        study.erfs.push(ErfEntry { network: result.label.clone(), result, map, source });
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

/// Whether two observers answered alike, whatever their intervals, which are drawn by lot.
fn same_counts(a: &ObserverResult, b: &ObserverResult) -> bool {
    let counts = |figures: &BiasFigures| {
        let of_cues = [figures.shape_correct, figures.texture_correct];
        (figures.conflict_trials, of_cues, figures.other, figures.no_answer)
    };
    let by_category = |observer: &ObserverResult| -> Vec<_> {
        let categories = observer.categories.iter();
        categories.map(|one| (one.category.clone(), counts(&one.figures))).collect()
    };
    counts(&a.overall) == counts(&b.overall) && by_category(a) == by_category(b)
}

/// The observers of all runs: networks, then people, then the first pool of people; the same pool of
/// another run isn't repeated.
fn collect_observers(study: &mut Study) {
    for (run, bias) in study.biases.iter().enumerate() {
        for (index, observer) in bias.result.observers.iter().enumerate() {
            let known = study.observers.iter().any(|entry| {
                observer.kind == ObserverKind::Humans
                    && entry.result.kind == observer.kind
                    && same_counts(&entry.result, observer)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::check::{network, people, study};

    #[test]
    fn the_same_people_of_another_run_are_not_repeated() {
        let run = |interval: [f64; 2], shape: usize| {
            let mut humans = people("humans", ObserverKind::Humans, shape, 1);
            humans.overall.interval = Some(interval);
            study(Vec::new(), vec![network("net", 1, 1), humans]).biases.remove(0)
        };
        // The same counts with the intervals of two seeds, then other counts.
        let runs = vec![run([0.7, 0.8], 3), run([0.6, 0.9], 3), run([0.7, 0.8], 4)];
        let mut study = Study { biases: runs, ..Study::default() };
        collect_observers(&mut study);
        let labels: Vec<&str> =
            study.observers.iter().map(|entry| entry.result.label.as_str()).collect();
        assert_eq!(labels, ["net", "net", "net", "humans", "humans"]);
        assert_eq!(study.observers[4].run, 2);
    }
}
