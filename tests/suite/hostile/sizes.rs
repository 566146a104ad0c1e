//! Small files that declare gigabytes, through the program. Each run gets an address space in which
//! what they declare doesn't fit: asking for it would end the program, and no message would be seen.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use image::{ImageFormat, RgbImage};
use zip::CompressionMethod;

use super::erf;
use crate::common::read_json;
use crate::resume::noise;
use crate::weights::writer::{
    dict, floats, pickle, storage, tensor, torch_legacy, torch_zip, vector, zip_of,
};

/// KiB of address space; libtorch's own libraries and threads take most of it.
const ADDRESS_SPACE: u64 = 6 << 20;

/// The program in `ADDRESS_SPACE`.
fn confined(arguments: &[String]) -> Output {
    Command::new("sh")
        .args(["-c", &format!("ulimit -v {ADDRESS_SPACE}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_fieldscope"))
        .args(arguments)
        .output()
        .unwrap()
}

/// A run ends with a message that names the file.
fn assert_refused(arguments: &[String], file: &Path) {
    let out = file.with_extension("out").display().to_string();
    let output = confined(&[arguments, &words(&["--out", &out])].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    let name = file.file_name().unwrap().to_string_lossy();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{name}: {}: {said}", output.status);
    assert!(said.contains(&*name) && !said.contains("panicked"), "{name}: {said}");
    assert!(fs::metadata(file).unwrap().len() <= 2048, "{name} isn't small");
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn small_checkpoints_of_every_form_are_refused() {
    let place = tempfile::tempdir().unwrap();
    noise(place.path(), ["0.png".to_owned()]);
    let expanded = tensor(storage("FloatStorage", "0", 1), 0, &[2_000_000_000], &[0]);
    let claimed = dict(&[("a", vector("0", 750_000_000))]);
    let lengthy = dict(&[("a", vector("0", 2_000_000_000))]);
    let header = r#"{"a":{"dtype":"F32","shape":[20000000000],"data_offsets":[0,80000000000]}}"#;
    let safetensors = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    let text = [b"\x80\x02X\xff\xff\xff\xff", &[b'a'; 64][..]].concat();
    let files: [(&str, Vec<u8>); 7] = [
        ("expanded.pth", torch_zip(&dict(&[("a", expanded)]), &[("0", &floats(&[1.0]))])),
        ("lengthy.pth", torch_zip(&lengthy, &[("0", &floats(&[1.0]))])),
        ("legacy.pth", torch_legacy(&lengthy, &[("0", 2_000_000_000, &floats(&[1.0]))])),
        ("text.pth", zip_of(&[("data.pkl", &text)], CompressionMethod::Stored)),
        ("entry.pth", with_lying_entry(&[("data.pkl", &pickle(&claimed))])),
        ("header.safetensors", [&(90u64 << 20).to_le_bytes()[..], b"{\"a\":{}}"].concat()),
        ("shape.safetensors", safetensors),
    ];
    for (name, bytes) in files {
        let file = place.path().join(name);
        fs::write(&file, bytes).unwrap();
        let mut arguments = erf(&place.path().join("0.png"), 1);
        arguments.splice(1..5, words(&["--model", &format!("resnet18={}", file.display())]));
        assert_refused(&arguments, &file);
    }
}

/// An archive of the entries given and a storage of 64 bytes, of which its lists say that they are
/// 3 GB once unpacked.
fn with_lying_entry(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let zeros = [0; 64];
    let all = [entries, &[("data/0", &zeros)]].concat();
    let mut bytes = zip_of(&all, CompressionMethod::Deflated);
    let (declared, lie) = (64u32.to_le_bytes(), 3_000_000_000_u32.to_le_bytes());
    // Of the entry's own header, and of the list at the end: length unpacked, length of the name.
    let name_length = (b"archive/data/0".len() as u16).to_le_bytes();
    let wanted = [&declared[..], &name_length].concat();
    let mut changed = 0;
    for at in 0..bytes.len() - wanted.len() {
        if bytes[at..].starts_with(&wanted) {
            bytes[at..at + 4].copy_from_slice(&lie);
            changed += 1;
        }
    }
    assert!(changed >= 1, "no length to change");
    bytes
}

#[test]
fn small_torchscript_files_are_refused() {
    let place = tempfile::tempdir().unwrap();
    noise(place.path(), ["0.png".to_owned()]);
    let weights = dict(&[("a", vector("0", 2_000_000_000))]);
    let code: &[u8] =
        b"class M(Module):\n  __parameters__ = []\n  def forward(self, x: Tensor) -> \
        Tensor:\n    return torch.zeros([200000, 200000])\n";
    let entries: [(&str, &[u8]); 4] = [
        ("data.pkl", &pickle(&weights)),
        ("code/__torch__.py", code),
        ("constants.pkl", &pickle(b")")),
        ("version", b"3\n"),
    ];
    for (name, bytes) in [
        ("sound.pt", zip_of(&entries, CompressionMethod::Stored)),
        ("lying.pt", with_lying_entry(&entries)),
    ] {
        let file = place.path().join(name);
        fs::write(&file, bytes).unwrap();
        let mut arguments = erf(&place.path().join("0.png"), 1);
        arguments.splice(1..5, words(&["--model", &format!("L:torchscript={}", file.display())]));
        assert_refused(&arguments, &file);
    }
}

#[test]
fn small_maps_are_refused() {
    let place = tempfile::tempdir().unwrap();
    for (name, shape) in [("large", "(200000, 200000)"), ("overflow", "(9223372036854775807, 4)")] {
        let mut header =
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}").into_bytes();
        header.push(b'\n');
        let file = place.path().join(format!("{name}.npy"));
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header);
        bytes.extend([0; 64]);
        fs::write(&file, bytes).unwrap();
        let map = format!("L={}", file.display());
        assert_refused(&words(&["erf", "--map", &map]), &file);
    }
}

#[test]
fn small_pictures_cost_themselves() {
    let place = tempfile::tempdir().unwrap();
    let images = place.path().join("images");
    noise(&images, ["z.png".to_owned()]);
    let encode = |format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        RgbImage::new(8, 8).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let mut jpeg = encode(ImageFormat::Jpeg);
    let start = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    jpeg[start + 5..start + 9].fill(0xFF);
    let mut bmp = encode(ImageFormat::Bmp);
    for at in [18, 22] {
        bmp[at..at + 4].copy_from_slice(&100_000_u32.to_le_bytes());
    }
    let mut gif = encode(ImageFormat::Gif);
    gif[6..10].fill(0xFF);
    for (name, bytes) in [("a.jpg", jpeg), ("b.bmp", bmp), ("c.gif", gif)] {
        assert!(bytes.len() <= 2048, "{name} isn't small");
        fs::File::create(images.join(name)).unwrap().write_all(&bytes).unwrap();
    }
    let out = place.path().join("out");
    let arguments = [erf(&images, 4), words(&["--out", &out.display().to_string()])].concat();
    let output = confined(&arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    let json = read_json(&out.join("resnet18.json"));
    assert_eq!(
        (json["images_used"].as_u64(), json["images_skipped"].as_array().unwrap().len()),
        (Some(1), 3)
    );
}
