//! What a different run or a user made stays, unless `--force` says otherwise.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;
use ndarray::Array2;
use predicates::str::contains;

use crate::common::fieldscope;
use crate::resume::noise;

const MINE: &str = "mine";

fn run(arguments: &[&str], out: &Path, force: bool) -> Assert {
    let mut command = fieldscope();
    command.args(arguments).arg("--out").arg(out);
    if force {
        command.arg("--force");
    }
    command.assert()
}

/// With each of `names` in the way, one at a time, the command is refused and keeps it; with
/// `--force` it isn't, and after that the same command again isn't either (seen for the first name).
fn keeps(arguments: &[&str], place: &Path, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        let out = place.join(format!("out-{}", name.replace('/', "-")));
        let file = out.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, MINE).unwrap();
        run(arguments, &out, false).code(1).stderr(contains(*name)).stderr(contains("--force"));
        assert_eq!(fs::read_to_string(&file).unwrap(), MINE, "{name}");
        if index == 0 {
            run(arguments, &out, true).success();
            run(arguments, &out, false).success();
        }
    }
}

/// A map of 16 x 16 pixels.
fn map(folder: &Path) -> String {
    let path = folder.join("map.npy");
    let map = Array2::from_shape_fn((16, 16), |(row, column)| (row * column) as f32);
    ndarray_npy::write_npy(&path, &map).unwrap();
    format!("R={}", path.display())
}

/// Decisions of a person and a network on four stimuli.
fn decisions(folder: &Path) -> PathBuf {
    let mut text =
        "subj,session,trial,rt,object_response,category,condition,imagename\n".to_owned();
    for observer in ["subject-01", "net"] {
        for number in 1..=4 {
            text += &format!("{observer},1,{number},NaN,cat,cat,0,cat{number}-bear1.png\n");
        }
    }
    let path = folder.join("decisions.csv");
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn erf_keeps_files_of_others() {
    let place = tempfile::tempdir().unwrap();
    let map = map(place.path());
    let arguments = ["erf", "--map", &map, "--formats", "svg", "--quiet"];
    let names = ["R.npy", "R.json", "R.svg", "erf.csv", "erf.svg", "erf-profile.svg"];
    keeps(&arguments, place.path(), &names);
}

#[test]
fn shapebias_keeps_files_of_others() {
    let place = tempfile::tempdir().unwrap();
    let decisions = decisions(place.path()).display().to_string();
    let arguments = ["shapebias", "--decisions", &decisions, "--formats", "svg", "--confusion"];
    let arguments = [&arguments[..], &["--resamples", "10", "--quiet"]].concat();
    let names = [
        "shapebias.csv",
        "shapebias.json",
        "shapebias.svg",
        "shapebias-bars.svg",
        "shapebias-consistency.svg",
        "shapebias-confusion-net.svg",
        "shapebias-confusion-humans.svg",
    ];
    keeps(&arguments, place.path(), &names);

    // Published decisions of a network of the same name.
    let stimuli = place.path().join("stimuli");
    noise(&stimuli, ["cat/cat1-bear1.png".to_owned()]);
    let stimuli = stimuli.display().to_string();
    let arguments = ["shapebias", "--model", "resnet50:resnet18", "--init", "random", "--stimuli"];
    let arguments = [&arguments[..], &[&stimuli, "--formats", "svg", "--resamples", "10"]].concat();
    keeps(&arguments, place.path(), &["decisions/resnet50.csv"]);
}

#[test]
fn a_report_keeps_files_of_others_and_reports_of_other_results() {
    let place = tempfile::tempdir().unwrap();
    let map = map(place.path());
    let results = ["a", "b"].map(|name| place.path().join(name));
    for out in &results {
        run(&["erf", "--map", &map, "--formats", "svg", "--quiet"], out, false).success();
    }
    let [a, b] = results.map(|folder| folder.display().to_string());
    let names =
        ["report.html", "report.md", "figures/own.svg", "tables/own.csv", "latex/report.tex"];
    for name in names {
        let out = place.path().join(format!("report-{}", name.replace('/', "-")));
        let file = out.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, MINE).unwrap();
        run(&["report", &a], &out, false).code(1).stderr(contains("--force"));
        assert_eq!(fs::read_to_string(&file).unwrap(), MINE, "{name}");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "{name}: something was written");
    }
    let out = place.path().join("report");
    run(&["report", &a], &out, false).success();
    // Another title makes no other report.
    run(&["report", &a, "--title", "Other words"], &out, false).success();
    run(&["report", &b], &out, false).code(1).stderr(contains("a different `fieldscope report`"));
    run(&["report", &b], &out, true).success();
}

#[test]
fn the_report_of_a_study_keeps_files_of_others() {
    let place = tempfile::tempdir().unwrap();
    map(place.path());
    let study = place.path().join("study.toml");
    let text = "title = 't'\nout = 'out'\n[[networks]]\nlabel = 'R'\nmap = 'map.npy'\n[erf]\n";
    fs::write(&study, text).unwrap();
    let file = place.path().join("out/report/report.md");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, MINE).unwrap();
    let run = |arguments: &[&str]| {
        fieldscope().arg("run").arg(&study).arg("--quiet").args(arguments).assert()
    };
    run(&[]).code(1).stderr(contains("report.md")).stderr(contains("--force"));
    assert_eq!(fs::read_to_string(&file).unwrap(), MINE);
    run(&["--force"]).success();
    // A study that is changed and run again has its own report.
    fs::write(&study, text.replace("'t'", "'other title'")).unwrap();
    run(&[]).success();
}

/// A request that fails before its first result doesn't lock the folder.
#[test]
fn a_mistyped_request_can_be_corrected() {
    let place = tempfile::tempdir().unwrap();
    let images = place.path().join("images");
    noise(&images, ["0.png".to_owned()]);
    let images = images.display().to_string();
    let arguments = ["erf", "--model", "resnet18", "--init", "random", "--size", "64", "--formats"];
    let arguments = [&arguments[..], &["svg", "--quiet", "--images", &images, "--unit"]].concat();
    let out = place.path().join("out");
    run(&[&arguments[..], &["5,5"]].concat(), &out, false).code(1);
    run(&[&arguments[..], &["1,1"]].concat(), &out, false).success();
    run(&[&arguments[..], &["0,0"]].concat(), &out, false).code(1).stderr(contains("--force"));
}

#[test]
fn stages_of_one_network_do_not_replace_those_of_another() {
    let place = tempfile::tempdir().unwrap();
    let images = place.path().join("images");
    noise(&images, ["0.png".to_owned()]);
    let images = images.display().to_string();
    let of = |model: &'static str| {
        let arguments = ["erf", "--layer", "stages", "--model", model, "--init", "random"];
        [&arguments[..], &["--size", "32", "--formats", "svg", "--quiet", "--images"]].concat()
    };
    let out = place.path().join("out");
    run(&[&of("A:resnet18")[..], &[&images]].concat(), &out, false).success();
    let table = fs::read(out.join("erf-depth.csv")).unwrap();
    let other = [&of("B:resnet18")[..], &[&images]].concat();
    run(&other, &out, false).code(1).stderr(contains("`fieldscope erf --layer stages`"));
    assert_eq!(fs::read(out.join("erf-depth.csv")).unwrap(), table);
    assert!(!out.join("B").exists(), "it began all the same");
}
