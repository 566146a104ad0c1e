//! Writes small checkpoints as PyTorch does, instruction by instruction.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Instructions that leave one value on the stack.
pub type Code = Vec<u8>;

pub fn text(text: &str) -> Code {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

pub fn integer(integer: i32) -> Code {
    [b"J", &integer.to_le_bytes()[..]].concat()
}

pub fn global(module: &str, name: &str) -> Code {
    format!("c{module}\n{name}\n").into_bytes()
}

pub fn tuple(elements: &[Code]) -> Code {
    [b"(", &elements.concat()[..], b"t"].concat()
}

pub fn dict(entries: &[(&str, Code)]) -> Code {
    let entries: Vec<u8> =
        entries.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect();
    [b"}(", &entries[..], b"u"].concat()
}

pub fn call(function: Code, arguments: &[Code]) -> Code {
    [function, tuple(arguments), b"R".to_vec()].concat()
}

pub fn ordered_dict(entries: &[(&str, Code)]) -> Code {
    let empty = call(global("collections", "OrderedDict"), &[]);
    [empty, dict(entries)[1..].to_vec()].concat()
}

/// A reference to the storage `key` of `elements` of `torch.<kind>`.
pub fn storage(kind: &str, key: &str, elements: i32) -> Code {
    let fields =
        [text("storage"), global("torch", kind), text(key), text("cpu"), integer(elements)];
    [tuple(&fields), b"Q".to_vec()].concat()
}

pub fn tensor(storage: Code, offset: i32, shape: &[i32], stride: &[i32]) -> Code {
    let integers =
        |values: &[i32]| tuple(&values.iter().map(|&value| integer(value)).collect::<Vec<_>>());
    let arguments = [
        storage,
        integer(offset),
        integers(shape),
        integers(stride),
        vec![0x89],
        ordered_dict(&[]),
    ];
    call(global("torch._utils", "_rebuild_tensor_v2"), &arguments)
}

/// A vector of f32 in a storage of its own.
pub fn vector(key: &str, length: i32) -> Code {
    tensor(storage("FloatStorage", key, length), 0, &[length], &[1])
}

pub fn parameter(data: Code) -> Code {
    let arguments = [data, vec![0x88], ordered_dict(&[])];
    call(global("torch._utils", "_rebuild_parameter"), &arguments)
}

pub fn pickle(code: &[u8]) -> Vec<u8> {
    [b"\x80\x02", code, b"."].concat()
}

pub fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A ZIP archive of the entries given, each of which lies in the folder `archive`.
pub fn zip_of(entries: &[(&str, &[u8])], compression: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(compression);
    for (name, bytes) in entries {
        writer.start_file(format!("archive/{name}"), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// What `torch.save` writes of `code`.
pub fn torch_zip(code: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let pickle = pickle(code);
    let names: Vec<String> = storages.iter().map(|(key, _)| format!("data/{key}")).collect();
    let mut entries: Vec<(&str, &[u8])> = vec![("data.pkl", &pickle), ("byteorder", b"little")];
    entries.extend(names.iter().zip(storages).map(|(name, (_, bytes))| (&name[..], *bytes)));
    entries.push(("version", b"3\n"));
    zip_of(&entries, CompressionMethod::Stored)
}

/// What `torch.save` wrote of `code` before PyTorch 1.6. Storages have a key, a number of elements
/// and bytes.
pub fn torch_legacy(code: &[u8], storages: &[(&str, i64, &[u8])]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    file.extend(pickle(b"M\xe9\x03"));
    file.extend(pickle(&dict(&[
        ("protocol_version", integer(1001)),
        ("little_endian", vec![0x88]),
    ])));
    file.extend(pickle(code));
    let keys: Vec<Code> = storages.iter().map(|(key, ..)| text(key)).collect();
    file.extend(pickle(&[b"](", &keys.concat()[..], b"e"].concat()));
    for (_, elements, bytes) in storages {
        file.extend(elements.to_le_bytes());
        file.extend(*bytes);
    }
    file
}
