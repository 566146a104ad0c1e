//! Reports and analysis files, from results in a temporary folder and from real data.

mod analysis_file;
mod browser;
mod full;
mod latex;
mod many;
mod marks;
mod page;
mod prose;
mod reruns;
mod shown;
mod tables;

use std::path::{Path, PathBuf};
use std::process::Command;

use fieldscope::erf::result::ErfResult;
use ndarray::Array2;
use serde_json::Value;

/// A label with everything that some language takes for markup.
const HARD: &str = "<script>alert('x')</script> & \"50 %\" a_b \\input{x} $y$ {z} #1 ~^ | `c` 大";

fn fieldscope(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_fieldscope"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn done(arguments: &[&str], folder: &Path) -> String {
    let (status, stdout, stderr) = fieldscope(arguments, folder);
    assert_eq!(status, 0, "{arguments:?}: {stdout}{stderr}");
    stdout
}

/// A Gaussian bump of this width on a map of this side.
fn write_map(path: &Path, side: usize, sigma: f64) {
    let centre = (side / 2) as f64;
    let map = Array2::from_shape_fn((side, side), |(row, column)| {
        let distance = (row as f64 - centre).powi(2) + (column as f64 - centre).powi(2);
        (-distance / (2.0 * sigma * sigma)).exp() as f32
    });
    ndarray_npy::write_npy(path, &map).unwrap();
}

/// Decisions of one observer on 40 stimuli: the first `shape` for the shape, the others for the texture.
fn write_decisions(path: &Path, observer: &str, shape: usize) {
    let mut writer = csv::Writer::from_path(path).unwrap();
    let columns =
        ["subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename"];
    writer.write_record(columns).unwrap();
    for trial in 0..40 {
        let (of_shape, of_texture) = if trial % 2 == 0 { ("cat", "dog") } else { ("dog", "cat") };
        let answer = if trial < shape { of_shape } else { of_texture };
        let number = (trial / 2) % 10 + 1;
        let name = format!("{of_shape}{number}-{of_texture}{}.png", trial / 20 + 1);
        let trial = trial.to_string();
        let row = [observer, "1", &trial, "NaN", answer, of_shape, "0", &name];
        writer.write_record(row).unwrap();
    }
    writer.flush().unwrap();
}

/// Five networks with maps and decisions, one of them with a hard label, in `erf` and `sb`.
fn small_study(folder: &Path) {
    let labels = ["one", "two", "three", "four", HARD];
    std::fs::create_dir_all(folder.join("decisions")).unwrap();
    let mut arguments: Vec<String> =
        ["erf", "--out", "erf", "-q", "--formats", "svg"].map(str::to_owned).to_vec();
    for (index, label) in labels.iter().enumerate() {
        let map = format!("map{index}.npy");
        write_map(&folder.join(&map), 48, 3.0 + index as f64);
        // `LABEL=FILE` is split at the first `=`, of which the label has none.
        arguments.extend(["--map".to_owned(), format!("{label}={map}")]);
        let decisions = folder.join("decisions").join(format!("{index}.csv"));
        write_decisions(&decisions, label, 8 + 4 * index);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    done(&arguments, folder);
    let arguments = [
        "shapebias",
        "--decisions",
        "decisions",
        "--out",
        "sb",
        "-q",
        "--formats",
        "svg",
        "--resamples",
        "200",
    ];
    done(&arguments, folder);
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn table(path: impl AsRef<Path>) -> (Vec<String>, Vec<Vec<String>>) {
    let text = read(path);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
    (header, rows.collect())
}

fn cell<'a>(
    (header, rows): &'a (Vec<String>, Vec<Vec<String>>),
    label: &str,
    key: &str,
) -> &'a str {
    let column = header.iter().position(|name| name == key).unwrap();
    let row = rows.iter().find(|row| row[0] == label).unwrap();
    &row[column]
}

/// Every ERF result in a folder.
fn erf_results(folder: &Path) -> Vec<ErfResult> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = entries.filter(|path| path.extension().is_some_and(|e| e == "json"));
    json.filter_map(|path| serde_json::from_str(&read(path)).ok()).collect()
}

/// Every JSON result in these folders, with its path.
fn results(folders: &[&Path]) -> Vec<(PathBuf, Value)> {
    let mut results = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                results.push((path.clone(), serde_json::from_str(&read(&path)).unwrap()));
            }
        }
    }
    results
}

#[test]
fn a_report_says_what_its_results_say_whatever_networks_are_called() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small_study(folder);
    done(&["report", "erf", "sb", "--out", "report"], folder);
    let report = folder.join("report");
    let sources = [folder.join("erf"), folder.join("sb")];
    let sources = [sources[0].as_path(), sources[1].as_path()];
    tables::equal_their_sources(&sources, &report);
    shown::as_computed(&report);
    prose::is_traceable(&report, folder, &sources);

    let page = read(report.join("report.html"));
    assert!(!page.contains("<script>alert"), "the label is markup in the page");
    assert!(page.contains("&lt;script&gt;alert"));
    assert!(
        !page.contains("src=\"http") && !page.contains("href=\"http") && !page.contains("url(")
    );
    // r(50 %) and shape bias both grow from network to network.
    assert!(page.contains("Spearman&#39;s ρ between r(50 %) and shape bias is "));
    let markdown = read(report.join("report.md"));
    // In a fenced block, where the command line stands, text is text.
    let prose: String = markdown.split("```").step_by(2).collect();
    assert!(!prose.contains("<script>alert") && prose.contains("a\\_b"));
    let summary = read(report.join("latex/tables/summary.tex"));
    assert!(summary.contains("\\textless{}script\\textgreater{}") && summary.contains("a\\_b"));
    assert!(summary.contains("\\textbackslash{}input\\{x\\} \\$y\\$ \\{z\\} \\#1"));
    assert!(summary.contains("\\bfseries"), "nothing is marked as best");
    latex::compile(&report.join("latex"));
    if let Some(probe) = browser::browse(&report.join("report.html"), folder) {
        assert!(probe["figures"].as_u64() > Some(5), "{probe}");
        assert!(
            probe["switches"].as_u64() > Some(5) && probe["tables"].as_u64() > Some(5),
            "{probe}"
        );
    }
}

#[test]
fn maps_of_two_sizes_are_not_compared_in_silence() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_map(&folder.join("a.npy"), 32, 3.0);
    write_map(&folder.join("b.npy"), 48, 3.0);
    done(
        &["erf", "--map", "a=a.npy", "--map", "b=b.npy", "--out", "erf", "-q", "--formats", "svg"],
        folder,
    );
    let (_, _, stderr) = fieldscope(&["report", "erf", "--out", "report"], folder);
    assert!(stderr.contains("different input sizes: 32 x 32 (a); 48 x 48 (b)"), "{stderr}");
    let page = read(folder.join("report/report.html"));
    assert!(page.contains("different input sizes: 32 x 32 (a); 48 x 48 (b)"));
    assert!(!page.contains("<strong>8") && !read(folder.join("report/report.md")).contains("| **"));
}

#[test]
fn folders_without_results_are_named() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("empty")).unwrap();
    let (status, _, stderr) = fieldscope(&["report", "empty"], place.path());
    assert_eq!(status, 1);
    assert!(
        stderr.contains("no results in empty") && stderr.contains("fieldscope erf"),
        "{stderr}"
    );
}
