//! Analysis files that are run again after something has changed: what is shown, reused, drawn anew
//! and begun anew.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{done, fieldscope, read, table, write_decisions, write_map};
use crate::resume::noise;

/// A network that is measured and decides, an existing map with existing decisions.
const STUDY: &str = "title = \"S\"\nout = \"out\"\ninit = \"random\"\n\n\
    [[networks]]\nlabel = \"N\"\narch = \"resnet18\"\n\n\
    [[networks]]\nlabel = \"M\"\nmap = \"m.npy\"\ndecisions = \"m.csv\"\n\n\
    [erf]\nimages = [\"images\"]\nsize = 32\nnum_images = 2\n\n\
    [shapebias]\nstimuli = \"stimuli\"\nresamples = 20\nhumans = false\n\n\
    [report]\nformats = [\"markdown\"]\nfigure_formats = [\"svg\"]\n";

fn write_study(folder: &Path) {
    noise(&folder.join("images"), ["1.png", "2.png"].map(str::to_owned));
    noise(&folder.join("stimuli"), ["cat/cat1-dog1.png", "dog/dog1-cat1.png"].map(str::to_owned));
    write_map(&folder.join("m.npy"), 48, 3.0);
    write_decisions(&folder.join("m.csv"), "M", 20);
    std::fs::write(folder.join("study.toml"), STUDY).unwrap();
}

/// The study with some text in the place of other.
fn change(folder: &Path, changes: &[(&str, &str)]) {
    let changed = changes.iter().fold(STUDY.to_owned(), |text, (before, after)| {
        assert!(text.contains(before), "{before}");
        text.replace(before, after)
    });
    std::fs::write(folder.join("study.toml"), changed).unwrap();
}

fn run(folder: &Path) -> (i32, String, String) {
    fieldscope(&["run", "study.toml", "-q", "--threads", "1"], folder)
}

/// Runs the study until the file is there, and interrupts it.
fn interrupt(folder: &Path, file: &Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fieldscope"))
        .args(["run", "study.toml", "-q", "--threads", "1"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !file.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before {}", file.display());
        std::thread::sleep(Duration::from_millis(1));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert!(!child.wait().unwrap().success());
}

/// Names of a table's rows.
fn rows(folder: &Path, name: &str) -> Vec<String> {
    let (_, rows) = table(folder.join("out/report/tables").join(name));
    rows.into_iter().map(|row| row[0].replace(" (untrained)", "")).collect()
}

#[test]
fn results_of_other_settings_are_not_shown_for_those_that_failed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    let (status, stdout, stderr) = run(folder);
    assert_eq!(status, 0, "{stdout}{stderr}");
    assert_eq!(rows(folder, "area-ratios.csv"), ["N", "M"]);
    assert_eq!(rows(folder, "shape-bias.csv"), ["N", "M"]);

    change(folder, &[("size = 32", "size = 64\nlayer = \"layer9\"")]);
    let (status, _, stderr) = run(folder);
    assert_eq!(status, 1);
    assert!(stderr.trim_end().ends_with("1 network failed (see above): N"), "{stderr}");
    assert_eq!(rows(folder, "area-ratios.csv"), ["M"]);
    assert_eq!(rows(folder, "shape-bias.csv"), ["N", "M"]);
    let page = read(folder.join("out/report/report.md"));
    assert!(page.contains("ERF of N can't be shown, for it failed: "), "{page}");
    assert!(page.contains("layer9") && !page.contains("decisions of N can't"), "{page}");

    // A result that a run of other settings left without coming to its end isn't taken for theirs.
    change(folder, &[]);
    let result = folder.join("out/erf/N/N.json");
    std::fs::write(&result, read(&result).replace("32", "33")).unwrap();
    let plan = done(&["run", "study.toml", "--dry-run"], folder);
    assert!(plan.contains("compute  ERF of N (its result is of a run that didn't end)"), "{plan}");

    // In the first case the checkpoint can't be read, in the second not even found.
    for content in [Some("no checkpoint"), None] {
        let path = folder.join("n.safetensors");
        match content {
            Some(content) => std::fs::write(&path, content).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        change(folder, &[("\"resnet18\"", "\"resnet18\"\ncheckpoint = \"n.safetensors\"")]);
        let (status, _, stderr) = run(folder);
        assert_eq!(status, 1);
        assert!(stderr.trim_end().ends_with("1 network failed (see above): N"), "{stderr}");
        for name in ["area-ratios.csv", "shape-bias.csv"] {
            assert_eq!(rows(folder, name), ["M"], "{name}");
        }
        let page = read(folder.join("out/report/report.md"));
        assert!(page.contains("decisions of N can't be shown"), "{page}");
    }

    change(folder, &[]);
    let (status, stdout, stderr) = run(folder);
    assert_eq!(status, 0, "{stdout}{stderr}");
    assert_eq!(rows(folder, "shape-bias.csv"), ["N", "M"]);
}

#[test]
fn a_broken_checkpoint_costs_its_network_and_what_failed_is_told_last() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    std::fs::write(folder.join("n.safetensors"), "no checkpoint").unwrap();
    let broken = ("\"resnet18\"", "\"resnet18\"\ncheckpoint = \"n.safetensors\"");
    change(folder, &[broken]);
    let (status, _, stderr) = run(folder);
    assert_eq!(status, 1);
    assert!(stderr.contains("cost of N failed: "), "{stderr}");
    assert!(stderr.trim_end().ends_with("1 network failed (see above): N"), "{stderr}");
    assert_eq!(rows(folder, "area-ratios.csv"), ["M"]);
    assert!(!folder.join("out/cost/inspect.json").exists());

    let nothing = (
        "label = \"M\"\nmap = \"m.npy\"\ndecisions = \"m.csv\"",
        "map = \"no.npy\"\nlabel = \"M\"",
    );
    let text = std::fs::read_to_string(folder.join("study.toml")).unwrap();
    let text = text.replace(nothing.0, nothing.1);
    let (text, _) = text.split_once("[shapebias]").unwrap();
    std::fs::write(folder.join("study.toml"), text).unwrap();
    let (status, _, stderr) = run(folder);
    assert_eq!(status, 1);
    let last = stderr.trim_end().lines().last().unwrap();
    assert!(last.contains("N failed: ") && last.contains("n.safetensors"), "{stderr}");
    assert!(last.contains("is of an earlier run"), "{stderr}");
}

/// As after Ctrl-C, which leaves a folder begun with other settings, and a state.
#[test]
fn a_run_that_was_interrupted_is_begun_anew_with_other_settings() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    change(folder, &[("num_images = 2", "num_images = 100000\nsave_every = 0")]);
    noise(&folder.join("images"), (0..300).map(|number| format!("{number}.png")));
    let state = folder.join("out/erf/N/N.state");
    interrupt(folder, &state);

    change(folder, &[("size = 32", "size = 64")]);
    let (status, stdout, stderr) = run(folder);
    assert_eq!(status, 0, "{stdout}{stderr}");
    assert!(!state.exists());
    assert_eq!(rows(folder, "area-ratios.csv"), ["N", "M"]);
}

#[test]
fn files_that_no_run_of_the_study_made_are_kept() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    std::fs::create_dir_all(folder.join("out/erf/N")).unwrap();
    std::fs::write(folder.join("out/erf/N/N.npy"), "mine").unwrap();
    for _ in 0..2 {
        let (status, _, stderr) = run(folder);
        assert_eq!(status, 1);
        assert!(stderr.contains("N.npy exists") && !stderr.contains("--force"), "{stderr}");
        assert_eq!(read(folder.join("out/erf/N/N.npy")), "mine");
    }
}

#[test]
fn figures_of_reused_results_are_drawn_anew() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    assert_eq!(run(folder).0, 0);
    let heatmap = folder.join("out/erf/N/N.svg");
    let before = read(&heatmap);

    let changes = [("[report]", "[report]\ncolormap = \"magma\""), ("\"svg\"", "\"svg\", \"pdf\"")];
    change(folder, &changes);
    let plan = done(&["run", "study.toml", "--dry-run"], folder);
    assert!(plan.contains("out/erf/N; its figures are drawn anew"), "{plan}");
    let (status, stdout, stderr) = run(folder);
    assert_eq!(status, 0, "{stderr}");
    assert!(stdout.contains("0 computed, 5 reused"), "{stdout}");
    assert_ne!(read(&heatmap), before);
    for name in ["erf/N/N.pdf", "erf/N/erf.pdf", "erf/M/M.pdf", "shapebias/shapebias-bars.pdf"] {
        assert!(folder.join("out").join(name).exists(), "{name}");
    }
    let plan = done(&["run", "study.toml", "--dry-run"], folder);
    assert!(!plan.contains("drawn anew"), "{plan}");

    // The same figures as of a study that was computed with these settings.
    std::fs::rename(folder.join("out"), folder.join("redrawn")).unwrap();
    assert_eq!(run(folder).0, 0);
    for name in ["erf/M/M.svg", "erf/N/erf-profile.svg", "shapebias/shapebias.svg"] {
        let of = |out: &str| read(folder.join(out).join(name));
        assert!(of("out") == of("redrawn"), "{name}");
    }
}

#[test]
fn the_order_of_networks_and_what_links_lead_to_count() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    std::fs::create_dir(folder.join("others")).unwrap();
    write_decisions(&folder.join("o.csv"), "O", 10);
    write_decisions(&folder.join("others/P.CSV"), "P", 10);
    std::os::unix::fs::symlink(folder.join("o.csv"), folder.join("others/o.csv")).unwrap();
    let others = ("stimuli = \"stimuli\"", "stimuli = \"stimuli\"\ndecisions = [\"others\"]");
    change(folder, &[others]);
    assert_eq!(run(folder).0, 0);
    assert_eq!(rows(folder, "shape-bias.csv"), ["N", "M", "O", "P"]);
    for (name, observer) in [("o.csv", "O"), ("others/P.CSV", "P")] {
        write_decisions(&folder.join(name), observer, 30);
        let (status, stdout, stderr) = run(folder);
        assert!(status == 0 && stdout.contains("1 computed, 4 reused"), "{name}: {stdout}{stderr}");
    }

    let text = std::fs::read_to_string(folder.join("study.toml")).unwrap();
    let (before, after) = text.split_once("[[networks]]").unwrap();
    let (first, after) = after.split_once("[[networks]]").unwrap();
    let (second, after) = after.split_once("[erf]").unwrap();
    let swapped = format!("{before}[[networks]]{second}[[networks]]{first}[erf]{after}");
    std::fs::write(folder.join("study.toml"), swapped).unwrap();
    assert_eq!(run(folder).0, 0);
    assert_eq!(rows(folder, "shape-bias.csv"), ["M", "N", "O", "P"]);
    let json: serde_json::Value =
        serde_json::from_str(&read(folder.join("out/shapebias/shapebias.json"))).unwrap();
    assert_eq!(json["observers"][0]["label"], "M");
}

/// With a pattern that reads folders, an image that is moved becomes another stimulus.
#[test]
fn the_places_of_stimuli_count_where_a_pattern_reads_them() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    let pattern =
        "stimuli = \"stimuli\"\npattern = \"^(?<shape>[a-z]+)/[a-z]+[0-9]-(?<texture>[a-z]+)\"";
    change(folder, &[("stimuli = \"stimuli\"", pattern), ("\ndecisions = \"m.csv\"", "")]);
    assert_eq!(run(folder).0, 0);
    std::fs::rename(folder.join("stimuli/cat"), folder.join("stimuli/bear")).unwrap();
    let plan = done(&["run", "study.toml", "--dry-run"], folder);
    assert!(plan.contains("compute  decisions of N (changed: places of stimuli)"), "{plan}");
}
