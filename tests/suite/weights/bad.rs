//! Bad files: each is told for what it is, and none gets memory that it doesn't hold.

use std::path::Path;

use fieldscope::weights::{Checkpoint, Fault, read_bytes};
use zip::CompressionMethod;

use crate::weights::allocations::peak_of;
use crate::weights::writer::*;

fn fault(bytes: &[u8]) -> Fault {
    read_bytes(bytes).unwrap_err().fault
}

/// The fault of a file, which may hold no more memory than a budget's allowance.
fn cheap_fault(bytes: &[u8]) -> Fault {
    let (result, peak) = peak_of(|| read_bytes(bytes));
    assert!(peak < 80 << 20, "{peak} bytes for a file of {}", bytes.len());
    result.unwrap_err().fault
}

#[test]
fn paths_that_are_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| Checkpoint::open(path).unwrap_err().to_string();
    assert!(message(folder.path()).contains("it is a folder"));
    assert!(message(&folder.path().join("none.pth")).contains("none.pth"));
    assert!(message(&folder.path().join("none.pth")).contains("check the path"));
}

#[test]
fn calls_are_named_and_refused() {
    let weights = || ("model", dict(&[("a", vector("0", 1))]));
    for (code, name) in [
        (call(global("posix", "system"), &[text("ls")]), "posix.system"),
        (call(global("builtins", "eval"), &[text("1")]), "builtins.eval"),
        (call(global("somebody.tools", "run"), &[text("1")]), "somebody.tools.run"),
        // Made, and thrown away.
        ([call(global("os", "system"), &[text("ls")]), b"0N".to_vec()].concat(), "os.system"),
    ] {
        let code = dict(&[weights(), ("extra", code)]);
        let zip = torch_zip(&code, &[("0", &floats(&[1.0]))]);
        let legacy = torch_legacy(&code, &[("0", 1, &floats(&[1.0]))]);
        for bytes in [zip, legacy, pickle(&code)] {
            let message = read_bytes(&bytes).unwrap_err().to_string();
            assert!(message.contains(&format!("`{name}`")), "{message}");
            assert!(message.contains("nothing from the file was executed"), "{message}");
        }
    }
}

#[test]
fn whole_modules_are_told_from_state_dicts() {
    let module = || {
        let state = dict(&[
            ("_parameters", dict(&[("weight", vector("0", 1))])),
            ("_buffers", dict(&[])),
            ("_modules", dict(&[])),
            // A function that no state dict would call: the module is what matters.
            ("act", call(global("their.activations", "make"), &[])),
        ]);
        [global("their.nets", "Net"), b")\x81".to_vec(), state, b"b".to_vec()].concat()
    };
    for code in [module(), dict(&[("model", module()), ("epoch", integer(1))])] {
        let fault = fault(&torch_zip(&code, &[("0", &floats(&[1.0]))]));
        assert!(
            matches!(&fault, Fault::WholeModule(class) if class == "their.nets.Net"),
            "{fault}"
        );
        assert!(fault.to_string().contains("model.state_dict()"));
    }
}

#[test]
fn archives_of_other_kinds() {
    let of =
        |entries: &[(&str, &[u8])]| fault(&zip_of(entries, CompressionMethod::Stored)).to_string();
    let script = of(&[("data.pkl", b"N."), ("constants.pkl", b"N."), ("code/net.py", b"")]);
    assert!(script.contains("torchscript=FILE"), "{script}");
    assert!(of(&[("arr_0.npy", b"")]).contains("NumPy"));
    assert!(of(&[("deep/r50.pth", b"")]).contains("deep/r50.pth"));
    assert!(of(&[("word/document.xml", b"")]).contains("without the data.pkl"));
    assert!(matches!(
        fault(&zip_of(
            &[("data.pkl", &pickle(b"}")), ("byteorder", b"big")],
            CompressionMethod::Stored
        )),
        Fault::BigEndian
    ));
}

#[test]
fn no_tensors_where_they_are_looked_for() {
    let code = dict(&[("net", dict(&[("a", vector("0", 1))])), ("epoch", integer(3))]);
    let fault = fault(&torch_zip(&code, &[("0", &floats(&[1.0]))]));
    assert!(matches!(&fault, Fault::NoTensors(keys) if keys.contains("`net`, `epoch`")), "{fault}");
}

#[test]
fn tensors_that_are_not_dense_floats() {
    let quantised =
        call(global("torch._utils", "_rebuild_qtensor"), &[storage("QInt8Storage", "0", 4)]);
    let complex = tensor(storage("ComplexFloatStorage", "0", 1), 0, &[1], &[1]);
    for code in [quantised, complex] {
        let fault = fault(&torch_zip(&dict(&[("a.weight", code)]), &[("0", &[0; 8])]));
        assert!(matches!(&fault, Fault::Unsupported { name, .. } if name == "a.weight"), "{fault}");
    }
}

#[test]
fn corruption_is_noticed_by_the_checksum() {
    let storage = floats(&[1.0, 2.0]);
    let mut bytes = torch_zip(&dict(&[("a", vector("0", 2))]), &[("0", &storage)]);
    let place = bytes.windows(8).position(|window| window == storage).unwrap();
    bytes[place] ^= 1;
    assert!(matches!(fault(&bytes), Fault::Damaged(_)));
}

#[test]
fn declared_sizes_are_not_trusted() {
    let huge = 2_000_000_000;
    let expanded = tensor(storage("FloatStorage", "0", 1), 0, &[huge], &[0]);
    assert!(matches!(
        cheap_fault(&torch_zip(&dict(&[("a", expanded)]), &[("0", &floats(&[1.0]))])),
        Fault::TooLarge(_)
    ));
    let beyond = tensor(storage("FloatStorage", "0", 1), 0, &[huge], &[1]);
    let longer = vector("0", huge);
    for code in [beyond, longer] {
        let zip = torch_zip(&dict(&[("a", code.clone())]), &[("0", &floats(&[1.0]))]);
        assert!(matches!(cheap_fault(&zip), Fault::Tensor { name, .. } if name == "a"));
        cheap_fault(&torch_legacy(&dict(&[("a", code)]), &[("0", 1, &floats(&[1.0]))]));
    }
    // Many views of one storage.
    let shared = [tensor(storage("FloatStorage", "0", 1 << 16), 0, &[1 << 16], &[1])];
    let names: Vec<String> = (0..2000).map(|index| index.to_string()).collect();
    let entries: Vec<(&str, Code)> =
        names.iter().map(|name| (&name[..], shared[0].clone())).collect();
    let zeros = vec![0; 4 << 16];
    let many = torch_zip(&dict(&entries), &[("0", &zeros)]);
    let (result, peak) = peak_of(|| read_bytes(&many));
    assert!(matches!(result.unwrap_err().fault, Fault::TooLarge(_)));
    assert!(peak < (70 << 20) + 33 * many.len(), "{peak} bytes for a file of {}", many.len());
}

#[test]
fn compressed_bombs() {
    // 256 MiB of zeros take 256 KiB.
    let zeros = vec![0u8; 256 << 20];
    let pickle_of_tensor = pickle(&dict(&[("a", vector("0", 64 << 20))]));
    let entries = [("data.pkl", &pickle_of_tensor[..]), ("data/0", &zeros)];
    let storage = zip_of(&entries, CompressionMethod::Deflated);
    assert!(matches!(cheap_fault(&storage), Fault::TooLarge(_)));

    // A pickle of nothing but MARKs, and one of a single text.
    let marks = vec![b'('; 100 << 20];
    let text = [b"\x80\x02X", &(200u32 << 20).to_le_bytes()[..], &zeros[..200 << 20]].concat();
    for pickle in [&marks, &text] {
        let bytes = zip_of(&[("data.pkl", pickle)], CompressionMethod::Deflated);
        let (result, peak) = peak_of(|| read_bytes(&bytes));
        assert!(matches!(result.unwrap_err().fault, Fault::TooLarge(_)));
        assert!(peak < 160 << 20, "{peak}");
    }
}

#[test]
fn safetensors_headers_that_lie() {
    let file = |header: &str, data: &[u8]| {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    };
    let huge = r#"{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}"#;
    assert!(matches!(cheap_fault(&file(huge, &[0; 4])), Fault::Truncated(_)));
    let overlong = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    assert!(matches!(cheap_fault(&file(overlong, &[0; 4])), Fault::Damaged(_)));
    let misfit = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#;
    assert!(matches!(cheap_fault(&file(misfit, &[0; 4])), Fault::Damaged(_)));
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    assert!(matches!(cheap_fault(&file(&deep, &[])), Fault::Damaged(_)));
    let unknown = r#"{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}"#;
    assert!(matches!(cheap_fault(&file(unknown, &[0; 8])), Fault::Unsupported { .. }));
    assert!(matches!(cheap_fault(&file("{}", &[])), Fault::NoTensors(_)));
    assert!(matches!(cheap_fault(b"\xff\xff\xff\x04\0\0\0\0{\"a\":1}"), Fault::Truncated(_)));
}

#[test]
fn a_plain_pickle_is_told() {
    let message = fault(&pickle(&dict(&[("a", integer(1))]))).to_string();
    assert!(message.contains("a plain Python pickle (of a dict)"), "{message}");
}
