//! Good files of every form.

use std::collections::HashMap;

use fieldscope::weights::{Checkpoint, Dtype, read_bytes};
use safetensors::tensor::{Dtype as StoredDtype, TensorView};
use zip::CompressionMethod;

use crate::weights::writer::*;

fn values<'a>(checkpoint: &'a Checkpoint, name: &str) -> &'a [f32] {
    &checkpoint.tensors[name].values
}

fn names(checkpoint: &Checkpoint) -> Vec<&str> {
    checkpoint.tensors.keys().map(String::as_str).collect()
}

#[test]
fn zip_state_dict() {
    let code = ordered_dict(&[("fc.bias", vector("0", 2))]);
    let bytes = torch_zip(&code, &[("0", &floats(&[1.0, -2.5]))]);
    let checkpoint = read_bytes(&bytes).unwrap();
    assert_eq!(checkpoint.form(), "PyTorch zip");
    assert_eq!(checkpoint.nesting, None);
    let tensor = &checkpoint.tensors["fc.bias"];
    assert_eq!(tensor.shape, [2]);
    assert_eq!(tensor.dtype, Dtype::F32);
    assert_eq!(tensor.values, [1.0, -2.5]);
}

#[test]
fn compressed_zip_with_a_shared_storage() {
    let whole = tensor(storage("FloatStorage", "0", 4), 0, &[2, 2], &[1, 2]);
    let part = tensor(storage("FloatStorage", "0", 4), 3, &[], &[]);
    let pickle = pickle(&dict(&[("whole", whole), ("part", part)]));
    let storage = floats(&[1.0, 2.0, 3.0, 4.0]);
    let entries = [("data.pkl", &pickle[..]), ("data/0", &storage[..])];
    let checkpoint = read_bytes(&zip_of(&entries, CompressionMethod::Deflated)).unwrap();
    assert_eq!(values(&checkpoint, "whole"), [1.0, 3.0, 2.0, 4.0]);
    assert_eq!(values(&checkpoint, "part"), [4.0]);
}

#[test]
fn legacy_state_dict_with_part_of_a_storage() {
    // Before 1.6 a storage could be stored as a part of another: (key, first, number).
    let part = {
        let fields = [
            text("storage"),
            global("torch", "HalfStorage"),
            text("7"),
            text("cpu"),
            integer(3),
            tuple(&[text("8"), integer(1), integer(2)]),
        ];
        [tuple(&fields), b"Q".to_vec()].concat()
    };
    let code = dict(&[("half", tensor(part, 0, &[2], &[1])), ("float", vector("9", 1))]);
    let storages =
        [("9", 1, &floats(&[0.5])[..]), ("7", 3, &[0x00, 0x3c, 0x00, 0x40, 0x00, 0xc0][..])];
    let checkpoint = read_bytes(&torch_legacy(&code, &storages)).unwrap();
    assert_eq!(checkpoint.form(), "PyTorch legacy");
    assert_eq!(values(&checkpoint, "half"), [2.0, -2.0]);
    assert_eq!(checkpoint.tensors["half"].dtype, Dtype::F16);
    assert_eq!(values(&checkpoint, "float"), [0.5]);
}

#[test]
fn safetensors_of_several_types() {
    let single = floats(&[1.0, 2.0]);
    let tensors = HashMap::from([
        ("single", TensorView::new(StoredDtype::F32, vec![2, 1], &single).unwrap()),
        ("brain", TensorView::new(StoredDtype::BF16, vec![], &[0xc0, 0x3f]).unwrap()),
        ("flag", TensorView::new(StoredDtype::BOOL, vec![0], &[]).unwrap()),
    ]);
    let checkpoint = read_bytes(&safetensors::serialize(&tensors, None).unwrap()).unwrap();
    assert_eq!(checkpoint.form(), "safetensors");
    assert_eq!(checkpoint.tensors["single"].shape, [2, 1]);
    assert_eq!(values(&checkpoint, "single"), [1.0, 2.0]);
    assert_eq!(values(&checkpoint, "brain"), [1.5]);
    assert_eq!(checkpoint.tensors["brain"].dtype, Dtype::BF16);
    assert_eq!(values(&checkpoint, "flag"), [0.0; 0]);
}

#[test]
fn the_digest_is_that_of_the_file() {
    // `python3 -c 'import hashlib; print(hashlib.sha256(b"...").hexdigest())'` of these bytes.
    let bytes =
        b"\x38\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}   \x07";
    let checkpoint = read_bytes(bytes).unwrap();
    assert_eq!(values(&checkpoint, "a"), [7.0]);
    assert_eq!(
        checkpoint.sha256,
        "febaeb741959d056e96f29790bc36ad8ad4a84e351ed579466fb1da4afd1e940"
    );
}

#[test]
fn weights_are_found_in_their_containers() {
    let model = || dict(&[("a", vector("0", 1))]);
    let optimiser = || dict(&[("state", dict(&[])), ("lr", integer(1))]);
    for (code, nesting) in [
        (dict(&[("model", model()), ("optimizer", optimiser())]), "model"),
        (dict(&[("meta", optimiser()), ("state_dict", model())]), "state_dict"),
        (dict(&[("model_ema", dict(&[("state_dict", model())]))]), "model_ema.state_dict"),
        // The order of preference isn't that of the file.
        (dict(&[("model_ema", model()), ("state_dict", model()), ("model", model())]), "model"),
        (dict(&[("model_ema", model()), ("state_dict", model())]), "state_dict"),
        // A container without tensors is passed over.
        (dict(&[("model", text("resnet50")), ("state_dict", model())]), "state_dict"),
    ] {
        let checkpoint = read_bytes(&torch_zip(&code, &[("0", &floats(&[3.0]))])).unwrap();
        assert_eq!(checkpoint.nesting.as_deref(), Some(nesting));
        assert_eq!(values(&checkpoint, "a"), [3.0]);
    }
}

#[test]
fn one_dictionary_under_two_keys() {
    // {"best": d, "model": d}, stored in the memo while it was empty.
    let code = [
        b"}(".to_vec(),
        text("best"),
        b"}q\x07(".to_vec(),
        text("a"),
        vector("0", 1),
        b"u".to_vec(),
        text("model"),
        b"h\x07u".to_vec(),
    ]
    .concat();
    let checkpoint = read_bytes(&torch_zip(&code, &[("0", &floats(&[3.0]))])).unwrap();
    assert_eq!(values(&checkpoint, "a"), [3.0]);
}

#[test]
fn the_prefix_goes_only_if_all_have_it() {
    let with = |names: [&str; 2]| {
        let code = dict(&names.map(|name| (name, vector("0", 1))));
        read_bytes(&torch_zip(&code, &[("0", &floats(&[0.0]))])).unwrap()
    };
    assert_eq!(names(&with(["module.a", "module.b.c"])), ["a", "b.c"]);
    assert_eq!(names(&with(["module.module.a", "module.module.b"])), ["a", "b"]);
    assert_eq!(names(&with(["module.a", "b"])), ["b", "module.a"]);
    assert_eq!(names(&with(["module.a", "module."])), ["module.", "module.a"]);

    let mut checkpoint = with(["backbone.a", "backbone.b"]);
    assert!(!checkpoint.strip_prefix("head."));
    assert!(checkpoint.strip_prefix("backbone."));
    assert_eq!(names(&checkpoint), ["a", "b"]);
}

#[test]
fn parameters_and_what_rides_along() {
    let subclass = call(
        global("torch._tensor", "_rebuild_from_type_v2"),
        &[
            global("torch._utils", "_rebuild_tensor_v2"),
            global("torchvision.tv_tensors", "Image"),
            tuple(&[
                storage("FloatStorage", "0", 1),
                integer(0),
                tuple(&[integer(1)]),
                tuple(&[integer(1)]),
                vec![0x89],
                ordered_dict(&[]),
            ]),
            dict(&[]),
        ],
    );
    let options = [
        global("argparse", "Namespace"),
        b")\x81".to_vec(),
        dict(&[("lr", integer(1))]),
        b"b".to_vec(),
    ]
    .concat();
    let state = dict(&[
        ("parameter", parameter(vector("0", 1))),
        ("subclass", parameter(subclass)),
        ("counter", integer(3)),
        ("_extra_state", b"N".to_vec()),
    ]);
    // A date, a config of a class nobody knows, and the arguments of the training.
    let code = dict(&[
        ("args", options),
        ("date", call(global("datetime", "date"), &[text("x")])),
        (
            "config",
            [
                global("their.config", "Node"),
                b")\x81".to_vec(),
                dict(&[("a", integer(1))])[1..].to_vec(),
            ]
            .concat(),
        ),
        ("model", state),
    ]);
    let checkpoint = read_bytes(&torch_zip(&code, &[("0", &floats(&[5.0]))])).unwrap();
    assert_eq!(names(&checkpoint), ["parameter", "subclass"]);
    assert_eq!(values(&checkpoint, "subclass"), [5.0]);
}

#[test]
fn a_file_is_read_as_its_bytes_are() {
    let bytes = torch_zip(&dict(&[("a", vector("0", 1))]), &[("0", &floats(&[1.0]))]);
    let folder = tempfile::tempdir().unwrap();
    // The name says safetensors, the content a ZIP archive.
    let path = folder.path().join("weights.safetensors");
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(Checkpoint::open(&path).unwrap(), read_bytes(&bytes).unwrap());
}
