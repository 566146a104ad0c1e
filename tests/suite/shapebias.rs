//! `fieldscope shapebias` through the built program.

use std::path::Path;

use predicates::str::contains;

use crate::common::{fieldscope, read_json, shared};

fn observer<'a>(json: &'a serde_json::Value, label: &str) -> &'a serde_json::Value {
    let observers = json["observers"].as_array().unwrap();
    observers.iter().find(|o| o["label"] == label).unwrap_or_else(|| panic!("no {label}"))
}

/// Object responses by image name.
fn decisions(path: &Path) -> Vec<(String, String)> {
    let mut rows = csv::Reader::from_path(path).unwrap();
    let headers = rows.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (image, answer) = (column("imagename"), column("object_response"));
    let mut decisions: Vec<(String, String)> = rows
        .records()
        .map(|row| row.unwrap())
        .map(|row| {
            let name = row[image].rsplit('_').next().unwrap_or_default().to_owned();
            (name, row[answer].to_owned())
        })
        .collect();
    decisions.sort();
    decisions
}

#[test]
fn efficientnet_lite0_makes_exactly_the_published_decisions() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model =
        format!("Lite0:torchscript={}", shared.join("torchscript/efficientnet_lite0.pt").display());
    fieldscope()
        .args(["shapebias", "--quiet", "--formats", "svg", "--model", &model])
        .args(["--mean", "0.498039,0.498039,0.498039", "--std", "0.501961,0.501961,0.501961"])
        .arg("--stimuli")
        .arg(shared.join("cue-conflict/stimuli"))
        .arg("--out")
        .arg(folder.path())
        .assert()
        .success()
        .stdout(contains("0.2405"));
    let json = read_json(&folder.path().join("shapebias.json"));
    let overall = &observer(&json, "Lite0")["overall"];
    assert_eq!(overall["shape_correct"], 197);
    assert_eq!(overall["texture_correct"], 622);
    assert_eq!(observer(&json, "humans")["overall"]["shape_correct"], 9236);
    let found = decisions(&folder.path().join("decisions/Lite0.csv"));
    let published = decisions(&shared.join("torchscript/efficientnet_lite0.decisions.csv"));
    assert_eq!(found.len(), 1280);
    assert!(found == published, "decisions differ");
}

#[test]
fn all_published_observers_stand_in_one_study() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    fieldscope()
        .args(["shapebias", "--quiet", "--formats", "svg", "--resamples", "200", "--decisions"])
        .arg(shared.join("cue-conflict/decisions"))
        .arg("--out")
        .arg(folder.path())
        .assert()
        .success();
    let json = read_json(&folder.path().join("shapebias.json"));
    assert_eq!(json["observers"].as_array().unwrap().len(), 27);
    let humans = &observer(&json, "humans")["overall"];
    assert_eq!((&humans["shape_correct"], &humans["texture_correct"]), (&9236.into(), &398.into()));
    for name in
        ["shapebias.csv", "shapebias.svg", "shapebias-bars.svg", "shapebias-consistency.svg"]
    {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_network_of_other_classes_is_refused_before_the_first_image() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let categories = folder.path().join("categories.csv");
    std::fs::write(&categories, "class_index,category\n0,bear\n2000,cat\n").unwrap();
    fieldscope()
        .args(["shapebias", "--model", "resnet18", "--init", "random", "--categories"])
        .arg(&categories)
        .arg("--stimuli")
        .arg(shared.join("cue-conflict/stimuli/bear"))
        .arg("--out")
        .arg(folder.path().join("out"))
        .assert()
        .code(1)
        .stderr(contains("1000"));
}

#[test]
fn an_empty_folder_and_nothing_at_all_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fieldscope()
        .args(["shapebias", "--model", "resnet18", "--init", "random", "--stimuli"])
        .arg(folder.path())
        .arg("--out")
        .arg(folder.path().join("out"))
        .assert()
        .code(1)
        .stderr(contains("no usable stimulus"));
    fieldscope().arg("shapebias").assert().code(2).stderr(contains("--decisions"));
}
