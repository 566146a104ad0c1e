//! `fieldscope erf` through the built program: against PyTorch's maps, on published maps, and on bad
//! input.

use std::path::{Path, PathBuf};

use predicates::prelude::*;
use predicates::str::contains;

use crate::common::{fieldscope, read_f32, read_json, relative_l1, shared};

/// Runs `erf` on the first bear stimuli and returns the folder of results.
fn bears(shared: &Path, out: &Path, model: &str, arguments: &[&str]) -> PathBuf {
    fieldscope()
        .args(["erf", "--model", model, "--quiet", "--formats", "svg", "--out"])
        .arg(out)
        .arg("--images")
        .arg(shared.join("cue-conflict/stimuli/bear"))
        .args(arguments)
        .assert()
        .success();
    out.to_owned()
}

fn assert_close(found: &Path, golden: &Path, tolerance: f64) {
    let (found, expected) = (read_f32(found), read_f32(golden));
    assert_eq!(found.shape(), expected.shape());
    let error = relative_l1(found.as_slice().unwrap(), expected.as_slice().unwrap());
    assert!(error < tolerance, "{}: {error:.2e}", golden.display());
}

fn two_bears(name: &str, path: &[&str], tolerance: f64) {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut arguments = vec!["--init", "formula", "--size", "256", "--num-images", "2"];
    arguments.extend(path);
    bears(&shared, &out, name, &arguments);
    let golden = shared.join(format!("golden/{name}-256-bear2.erf.npy"));
    assert_close(&out.join(format!("{name}.npy")), &golden, tolerance);
}

#[test]
fn resnet50_on_two_images_exactly() {
    two_bears("resnet50", &["--exact"], 1e-3);
}

#[test]
fn resnet50_on_two_images_fast() {
    two_bears("resnet50", &[], 5e-3);
}

#[test]
fn replknet_13_on_two_images_exactly() {
    two_bears("replknet_13", &["--exact"], 1e-3);
}

#[test]
fn replknet_13_on_two_images_fast() {
    two_bears("replknet_13", &[], 5e-3);
}

const LITE0_SCALE: [&str; 4] =
    ["--mean", "0.498039,0.498039,0.498039", "--std", "0.501961,0.501961,0.501961"];

#[test]
fn a_torchscript_network_gives_the_golden_map_and_the_same_bytes_twice() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model =
        format!("Lite0:torchscript={}", shared.join("torchscript/efficientnet_lite0.pt").display());
    let mut arguments = vec!["--size", "224", "--num-images", "8"];
    arguments.extend(LITE0_SCALE);
    let first = bears(&shared, &folder.path().join("first"), &model, &arguments);
    let golden = shared.join("golden/efficientnet_lite0-224-bear8.erf.npy");
    assert_close(&first.join("Lite0.npy"), &golden, 1e-3);
    let json = read_json(&first.join("Lite0.json"));
    assert_eq!(json["images_used"], 8);
    assert_eq!(json["untrained"], false);
    assert_eq!(json["provenance"]["inputs"][0]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(json["provenance"]["images"]["count"], 8);
    assert!(json["area_ratios"][0]["interval"].is_array());

    let second = bears(&shared, &folder.path().join("second"), &model, &arguments);
    for name in ["Lite0.npy", "erf.csv", "Lite0.svg", "erf.svg"] {
        let bytes = |out: &Path| std::fs::read(out.join(name)).unwrap();
        assert!(bytes(&first) == bytes(&second), "{name} differs between two runs");
    }
}

/// Published maps have the published figures, and the one without a 99 % square says so.
#[test]
fn published_maps_have_the_published_figures() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "deit_base_patch16_224.fb_in1k",
        "resnet101.a1_in1k",
        "swin_base_patch4_window7_224.ms_in1k",
        "swin_tiny_patch4_window7_224.ms_in1k",
        "swinv2_cr_small_ns_224.sw_in1k",
    ];
    let mut command = fieldscope();
    command.args(["erf", "--quiet", "--formats", "svg", "--out"]).arg(folder.path().join("out"));
    for name in names {
        let file = shared.join(format!("erf-maps/{name}.npy"));
        command.arg("--map").arg(format!("{name}={}", file.display()));
    }
    command.assert().success().stdout(contains("whole map"));
    let mut whole_maps = 0;
    for name in names {
        let found = read_json(&folder.path().join(format!("out/{name}.json")));
        let published = read_json(&shared.join(format!("erf-maps/{name}.json")));
        let close = |found: &serde_json::Value, published: &serde_json::Value| {
            let (found, published) = (found.as_f64().unwrap(), published.as_f64().unwrap());
            assert!((found - published).abs() < 1e-6, "{name}: {found} for {published}");
        };
        close(&found["centre_of_mass"][0], &published["com_y"]);
        close(&found["centre_of_mass"][1], &published["com_x"]);
        assert_eq!(found["arg_max"], published["argmax_yx"], "{name}");
        for mass in found["radial_mass"].as_array().unwrap() {
            let radius = format!("{}", mass["radius"].as_f64().unwrap());
            close(&mass["mass"], &published["radial_cumulative_mass"][radius]);
        }
        whole_maps += usize::from(found["area_ratios"][3]["side"].is_null());
    }
    assert!(whole_maps >= 1, "no map reports its 99 % square as the whole map");
}

#[test]
fn a_broken_image_costs_itself_and_the_next_takes_its_place() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    std::fs::copy(shared.join("images/not_an_image.png"), images.join("a.png")).unwrap();
    for (index, name) in ["photo.png", "rgba.png", "gray.png"].into_iter().enumerate() {
        std::fs::copy(shared.join("images").join(name), images.join(format!("b{index}.png")))
            .unwrap();
    }
    let out = folder.path().join("out");
    fieldscope()
        .args(["erf", "--model", "resnet18", "--init", "random", "--size", "64"])
        .args(["--num-images", "2", "--formats", "svg", "--images"])
        .arg(&images)
        .arg("--out")
        .arg(&out)
        .assert()
        .success()
        .stderr(contains("a.png").and(contains("warning")))
        .stdout(contains("untrained"));
    let json = read_json(&out.join("resnet18.json"));
    assert_eq!(json["images_used"], 2);
    assert_eq!(json["images_skipped"].as_array().unwrap().len(), 1);
    assert_eq!(json["untrained"], true);
    assert!(std::fs::read_to_string(out.join("resnet18.svg")).unwrap().contains("untrained"));
}

#[test]
fn wrong_requests_end_with_status_2_and_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let refused = |arguments: &[&str], message: &str| {
        fieldscope()
            .arg("erf")
            .args(arguments)
            .args(["--images", "nowhere", "--out"])
            .arg(&out)
            .assert()
            .code(2)
            .stderr(contains(message));
        assert!(!out.exists(), "{arguments:?} left files");
    };
    refused(&["--model", "resnet50"], "--init random");
    refused(&["--model", "resnet51", "--init", "random"], "resnet50");
    refused(&["--model", "torchscript"], "torchscript=FILE");
    refused(&["--model", "a:resnet18", "--model", "a:resnet34", "--init", "random"], "labels");
    // The label of the program's own record, capitals or not.
    refused(&["--model", "fieldscope-run:resnet18", "--init", "random"], "fieldscope-run");
    refused(&["--model", "Erf-Profile:resnet18", "--init", "random"], "Erf-Profile");
    refused(&[], "--model");
    let stages = ["--layer", "stages", "--init", "random"];
    refused(&stages, "give --model");
    refused(&[&stages[..], &["--map", "a=b.npy"]].concat(), "the map a has no stages");
    refused(
        &[&stages[..], &["--model", "resnet18", "--map", "a=b.npy"]].concat(),
        "the map a has no stages",
    );
    refused(&[&stages[..], &["--model", "a:resnet18", "--model", "a:resnet34"]].concat(), "labels");
    refused(&["--model", "resnet18", "--init", "random", "--size", "0"], "pixels");
}

#[test]
fn every_bad_checkpoint_gives_one_clear_error_and_no_result() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let bad = [
        ("empty.pth", "empty"),
        ("html_page.pth", "page"),
        ("hostile_legacy.pth", "nothing"),
        ("hostile_zip.pth", "nothing"),
        ("oversized_shape_zip.pth", "oversized_shape_zip.pth"),
        ("truncated_legacy.pth", "truncated_legacy.pth"),
        ("truncated_zip.pth", "truncated_zip.pth"),
        ("whole_module_zip.pth", "state_dict"),
        ("plain_zip.pth", "doesn't fit resnet50"),
    ];
    for (name, message) in bad {
        let out = folder.path().join(name);
        let file = shared.join("checkpoints").join(name);
        fieldscope()
            .args(["erf", "--size", "64", "--num-images", "1", "--model"])
            .arg(format!("resnet50={}", file.display()))
            .arg("--images")
            .arg(shared.join("images/photo.png"))
            .arg("--out")
            .arg(&out)
            .assert()
            .code(1)
            .stderr(contains(message));
        assert!(!out.join("resnet50.npy").exists() && !out.join("erf.csv").exists());
    }
}

#[test]
fn a_different_run_is_not_overwritten_without_force() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let map = shared.join("erf-maps/resnet101.a1_in1k.npy");
    let run = |label: &str, extra: &[&str]| {
        fieldscope()
            .args(["erf", "--quiet", "--formats", "svg", "--map"])
            .arg(format!("{label}={}", map.display()))
            .arg("--out")
            .arg(folder.path())
            .args(extra)
            .assert()
    };
    run("a", &[]).success();
    run("a", &[]).success();
    run("b", &[]).code(1).stderr(contains("--force"));
    run("b", &["--force"]).success();
}

/// A map in double precision whose every value is `value`.
fn flat_map(path: &Path, value: f64) -> String {
    ndarray_npy::write_npy(path, &ndarray::Array2::from_elem((9, 9), value)).unwrap();
    path.display().to_string()
}

/// What single precision can't hold costs itself, and says what to do.
#[test]
fn maps_of_an_impossible_scale_cost_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let map = |name: &str, value| {
        format!("{name}={}", flat_map(&folder.path().join(format!("{name}.npy")), value))
    };
    let maps = [("huge", 1e308), ("tiny", 1e-60), ("good", 1.0), ("large", 3e38)];
    let mut command = fieldscope();
    command.args(["erf", "--quiet", "--formats", "svg", "--out"]).arg(&out);
    for (name, value) in maps {
        command.args(["--map", &map(name, value)]);
    }
    command
        .assert()
        .code(1)
        .stderr(contains("huge.npy").and(contains("tiny.npy")).and(contains("scale it")))
        .stderr(contains("2 networks failed"));
    assert!(!out.join("huge.npy").exists() && !out.join("tiny.npy").exists());
    let rows = std::fs::read_to_string(out.join("erf.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 2, "{rows}");
    // Of which layer and unit an existing map is, isn't known.
    let json = read_json(&out.join("good.json"));
    assert_eq!((json["layer"].as_str(), json["unit"].is_null()), (Some(""), true));
}

/// Whoever reads the output may stop doing so; the status still tells that something failed.
#[test]
fn the_status_is_kept_when_nobody_reads_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let good = flat_map(&folder.path().join("good.npy"), 1.0);
    let run = |maps: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_fieldscope"))
            .args(["erf", "--quiet", "--formats", "svg", "--out"])
            .arg(folder.path().join(format!("out{}", maps.len())))
            .args(maps.iter().flat_map(|map| ["--map", map]))
            .stdout(writer)
            .stderr(std::process::Stdio::null())
            .status();
        status.unwrap().code()
    };
    let good = format!("good={good}");
    assert_eq!(run(&[&good]), Some(0));
    assert_eq!(run(&[&good, "bad=nowhere.npy"]), Some(1));
}
