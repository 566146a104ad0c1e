//! A hostile world: full and read-only disks, folders of all kinds, files that vanish, and names
//! that point elsewhere. Each costs a clear message, and finished work is kept.

mod disk;
mod names;
mod sizes;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use predicates::str::contains;
use walkdir::WalkDir;

use crate::common::{fieldscope, read_json};
use crate::resume::{noise, shapebias_arguments};

/// Arguments of a quick ERF run over `count` images in `folder`.
fn erf(folder: &Path, count: usize) -> Vec<String> {
    let arguments = format!(
        "erf --model resnet18 --init random --size 32 --num-images {count} --formats svg --threads 1 --images"
    );
    let arguments = arguments.split(' ').map(str::to_owned);
    arguments.chain([folder.display().to_string()]).collect()
}

fn run(arguments: &[String], out: &Path) -> assert_cmd::assert::Assert {
    fieldscope().args(arguments).arg("--out").arg(out).assert()
}

/// Every path below a folder, relative to it.
fn tree(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    entries.map(|path| path.strip_prefix(folder).unwrap().to_owned()).collect()
}

#[test]
fn a_folder_with_100000_entries_is_no_trouble() {
    let place = tempfile::tempdir().unwrap();
    let images = place.path().join("images");
    noise(&images, (0..3).map(|number| format!("{number}.png")));
    for number in 0..50_000 {
        fs::write(images.join(format!("note{number}.txt")), "").unwrap();
        fs::write(images.join(format!("z{number}.png")), "").unwrap();
    }
    let out = place.path().join("out");
    // The limit is against hanging; one read of each file's content would not come near it either.
    fieldscope()
        .args(erf(&images, 3))
        .arg("--out")
        .arg(&out)
        .timeout(Duration::from_secs(300))
        .assert()
        .success();
    assert_eq!(read_json(&out.join("resnet18.json"))["images_used"], 3);
}

/// Calls `change` as soon as `begun` exists and holds more than `length` bytes, and gives what the run
/// came to.
fn run_while(
    arguments: &[String],
    out: &Path,
    begun: &Path,
    length: u64,
    change: impl FnOnce(),
) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fieldscope"))
        .args(arguments)
        .arg("--out")
        .arg(out)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while fs::metadata(begun).map_or(0, |found| found.len()) <= length {
        assert!(child.try_wait().unwrap().is_none(), "the run ended too soon");
        std::thread::sleep(Duration::from_millis(1));
    }
    change();
    child.wait_with_output().unwrap()
}

/// Changes 40 stimuli while a network decides on them, which costs the last of them and no other. Gives
/// the place of the study, its arguments and the decisions.
fn decide_while(change: impl FnOnce(&Path)) -> (tempfile::TempDir, Vec<String>, String) {
    let place = tempfile::tempdir().unwrap();
    let stimuli = place.path().join("stimuli");
    noise(&stimuli, (10..50).map(|number| format!("cat/cat{number}-bear1.png")));
    let arguments = shapebias_arguments(&stimuli);
    let out = place.path().join("out");
    let log = out.join("decisions/resnet18.csv.part");
    let output = run_while(&arguments, &out, &log, 0, || change(&stimuli));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("cat49-bear1.png") && stderr.contains("left out"), "{stderr}");
    let rows = fs::read_to_string(out.join("decisions/resnet18.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 39, "{rows}");
    (place, arguments, rows)
}

#[test]
fn a_stimulus_that_vanishes_costs_itself() {
    decide_while(|stimuli| fs::remove_file(stimuli.join("cat/cat49-bear1.png")).unwrap());
}

/// What is decided on is what there was at the beginning; a picture that breaks costs itself.
#[test]
fn stimuli_that_are_added_or_overwritten_are_no_trouble() {
    let (place, arguments, rows) = decide_while(|stimuli| {
        fs::write(stimuli.join("cat/cat49-bear1.png"), "half of a pict").unwrap();
        noise(stimuli, ["cat/cat50-bear1.png", "dog/dog1-bear1.png"].map(str::to_owned));
    });
    assert!(!rows.contains("cat50") && !rows.contains("dog1"), "{rows}");

    // The same command again takes the folder as it is by then.
    let out = place.path().join("out");
    run(&arguments, &out).success();
    let rows = fs::read_to_string(out.join("decisions/resnet18.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 41, "{rows}");
}

#[test]
fn an_image_that_vanishes_is_replaced() {
    let place = tempfile::tempdir().unwrap();
    let images = place.path().join("images");
    noise(&images, (10..50).map(|number| format!("{number}.png")));
    let mut arguments = erf(&images, 39);
    arguments.splice(1..1, ["--save-every".to_owned(), "0".to_owned()]);
    let out = place.path().join("out");
    let victim = images.join("48.png");
    let state = out.join("resnet18.state");
    let output = run_while(&arguments, &out, &state, 0, || fs::remove_file(&victim).unwrap());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("48.png: it cannot be read"), "{stderr}");
    let json = read_json(&out.join("resnet18.json"));
    assert_eq!(json["images_used"], 39);
    assert_eq!(json["images_skipped"].as_array().unwrap().len(), 1);
}

/// What was thrown away, or a program's copy, is no stimulus, and doesn't change others' names.
#[test]
fn hidden_folders_hold_no_stimuli() {
    let place = tempfile::tempdir().unwrap();
    let stimuli = place.path().join("stimuli");
    let names = ["bear/bear1-cat1.png", ".trash/bear/bear1-cat1.png", "cat/.copies/cat1-bear1.png"];
    noise(&stimuli, names.map(str::to_owned));
    fs::write(stimuli.join("._bear2-cat1.png"), "").unwrap();
    let out = place.path().join("out");
    run(&shapebias_arguments(&stimuli), &out).success();
    let rows = fs::read_to_string(out.join("decisions/resnet18.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 1, "{rows}");
    assert!(rows.trim_end().ends_with(",bear1-cat1.png"), "{rows}");
}

#[cfg(unix)]
#[test]
fn links_that_loop_end() {
    use std::os::unix::fs::symlink;
    let place = tempfile::tempdir().unwrap();
    let stimuli = place.path().join("stimuli");
    let categories =
        ["bear", "bird", "boat", "bottle", "car", "cat", "chair", "clock", "dog", "keyboard"];
    noise(&stimuli, categories.map(|name| format!("{name}/{name}1-knife1.png")));
    // Without a guard, one path for every order of the folders: millions.
    for from in categories {
        for to in categories {
            symlink(stimuli.join(to), stimuli.join(from).join(format!("to-{to}"))).unwrap();
        }
    }
    symlink(stimuli.join("itself"), stimuli.join("itself")).unwrap();
    let out = place.path().join("out");
    // Nor does a link give an image a second time.
    run(&erf(&stimuli, 20), &out.join("erf")).success().stderr(contains("by another name"));
    assert_eq!(read_json(&out.join("erf/resnet18.json"))["images_used"], 10);
    run(&shapebias_arguments(&stimuli), &out.join("shapebias")).success();
    let rows = fs::read_to_string(out.join("shapebias/decisions/resnet18.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 10, "{rows}");
    fieldscope()
        .args(["shapebias", "--quiet", "--formats", "svg", "--resamples", "10", "--decisions"])
        .arg(out.join("shapebias"))
        .arg("--out")
        .arg(out.join("again"))
        .assert()
        .success()
        .stdout(contains("resnet18"));
}
