//! The checkpoints that PyTorch wrote, good and bad.

use std::path::Path;

use fieldscope::weights::{Checkpoint, Dtype, Fault};
use serde_json::Value;

use crate::common::shared_folder;

fn expected(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap()
}

/// Compares a checkpoint with an entry of expected.json, sums within `tolerance`.
fn compare(file: &str, checkpoint: &Checkpoint, expected: &Value, tolerance: f64) {
    let expected = expected.as_object().unwrap();
    let names: Vec<&String> = checkpoint.tensors.keys().collect();
    let mut wanted: Vec<&String> = expected.keys().collect();
    wanted.sort();
    assert_eq!(names, wanted, "{file}");
    for (name, tensor) in &checkpoint.tensors {
        let expected = &expected[name];
        let shape: Vec<u64> = tensor.shape.iter().map(|&size| size as u64).collect();
        assert_eq!(serde_json::json!(shape), expected["shape"], "{file}: {name}");
        assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>(), "{file}: {name}");
        let sum: f64 = tensor.values.iter().map(|&value| f64::from(value)).sum();
        let difference = (sum - expected["sum"].as_f64().unwrap()).abs();
        assert!(difference <= tolerance, "{file}: {name}: the sum is off by {difference}");
        for (key, value) in [("first", tensor.values.first()), ("last", tensor.values.last())] {
            if let Some(expected) = expected[key].as_f64() {
                assert_eq!(value.copied(), Some(expected as f32), "{file}: {name}: {key}");
            }
        }
    }
}

#[test]
fn good_files_hold_what_they_should() {
    let Some(folder) = shared_folder("checkpoints") else {
        return;
    };
    let expected = expected(&folder);
    for (file, form, nesting) in [
        ("plain_zip.pth", "PyTorch zip", None),
        ("plain_legacy.pth", "PyTorch legacy", None),
        ("ddp_legacy.pth", "PyTorch legacy", Some("state_dict")),
        ("nested_model_zip.pth", "PyTorch zip", Some("model")),
        ("parameters_zip.pth", "PyTorch zip", None),
        ("plain.safetensors", "safetensors", None),
    ] {
        let checkpoint = Checkpoint::open(&folder.join(file)).unwrap();
        assert_eq!(checkpoint.form(), form, "{file}");
        assert_eq!(checkpoint.nesting.as_deref(), nesting, "{file}");
        // Sums of the same f32 values, in another order of summation.
        compare(file, &checkpoint, &expected["plain"], 1e-12);
        for (name, tensor) in &checkpoint.tensors {
            assert_eq!(
                tensor.dtype.to_string(),
                expected["plain"][name]["dtype"],
                "{file}: {name}"
            );
        }
    }
    let file = "shared_storage_zip.pth";
    let checkpoint = Checkpoint::open(&folder.join(file)).unwrap();
    compare(file, &checkpoint, &expected["shared_storage"], 1e-12);
}

#[test]
fn sixteen_bit_files_hold_the_rounded_values() {
    let Some(folder) = shared_folder("checkpoints") else {
        return;
    };
    let exact = Checkpoint::open(&folder.join("plain_zip.pth")).unwrap();
    for (file, dtype) in [("half_zip.pth", Dtype::F16), ("bfloat16_zip.pth", Dtype::BF16)] {
        let rounded = Checkpoint::open(&folder.join(file)).unwrap();
        let floats = rounded.tensors.iter().filter(|(_, tensor)| tensor.dtype == dtype);
        assert!(floats.clone().count() >= 7, "{file}");
        for (name, tensor) in floats {
            assert_eq!(tensor.shape, exact.tensors[name].shape);
            let wanted = exact.tensors[name].values.iter().map(|&value| match dtype {
                Dtype::F16 => half::f16::from_f32(value).to_f32(),
                _ => half::bf16::from_f32(value).to_f32(),
            });
            assert!(wanted.eq(tensor.values.iter().copied()), "{file}: {name}");
        }
    }
}

#[test]
fn bad_files_are_told_for_what_they_are() {
    let Some(folder) = shared_folder("checkpoints") else {
        return;
    };
    let before = std::fs::read_dir(&folder).unwrap().count();
    for (file, words) in [
        ("empty.pth", &["empty (0 bytes)", "fetch it again"][..]),
        ("html_page.pth", &["web page", "Sign in to download", "fetch the file again"]),
        ("hostile_zip.pth", &["`posix.system`", "nothing from the file was executed"]),
        ("hostile_legacy.pth", &["`posix.system`", "nothing from the file was executed"]),
        ("oversized_shape_zip.pth", &["`conv1.weight`", "[2130706432]", "4 elements"]),
        ("truncated_zip.pth", &["cut short", "fetch or save it again"]),
        ("truncated_legacy.pth", &["cut short", "fetch or save it again"]),
        ("whole_module_zip.pth", &["torch.nn.modules.container.Sequential", "model.state_dict()"]),
    ] {
        let message = Checkpoint::open(&folder.join(file)).unwrap_err().to_string();
        println!("{message}");
        assert!(message.contains(file), "{message}");
        for words in words {
            assert!(message.contains(words), "{message}");
        }
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), before, "a file appeared");
}

#[test]
fn a_torchscript_archive_is_told() {
    let Some(folder) = shared_folder("torchscript") else {
        return;
    };
    let error = Checkpoint::open(&folder.join("efficientnet_lite0.pt")).unwrap_err();
    assert!(matches!(error.fault, Fault::TorchScript), "{error}");
}
