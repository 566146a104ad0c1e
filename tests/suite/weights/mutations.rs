//! Good files with bytes changed, cut out and put in: every result is a checkpoint or an error, and
//! none takes more memory than a small file may.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fieldscope::weights::read_bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use safetensors::tensor::{Dtype, TensorView};
use zip::CompressionMethod;

use crate::common;
use crate::weights::allocations::peak_of;
use crate::weights::writer::*;

/// Beyond the allowance of 64 MiB: buffers, and tables of a size fixed in advance.
const MOST_MEMORY: usize = 80 << 20;

#[derive(Clone, Debug)]
enum Edit {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index, usize),
    Copy(Index, Index, usize),
    Cut(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    // Instructions of pickles, and values at which sizes turn.
    let byte = || {
        prop_oneof![
            any::<u8>(),
            proptest::sample::select(
                &b"(.0123QRabcdehijlopqrstu})]\x00\x7f\x80\x81\x86\x93\x94\xff"[..]
            ),
        ]
    };
    prop_oneof![
        8 => (any::<Index>(), byte()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        4 => (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        2 => (any::<Index>(), byte()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        2 => (any::<Index>(), 1..32usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        2 => (any::<Index>(), any::<Index>(), 1..64usize)
            .prop_map(|(from, to, length)| Edit::Copy(from, to, length)),
        1 => any::<Index>().prop_map(Edit::Cut),
    ]
}

fn apply(edits: &[Edit], bytes: &mut Vec<u8>) {
    for edit in edits {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match edit {
            Edit::Set(at, byte) => bytes[at.index(length)] = *byte,
            Edit::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Edit::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Edit::Remove(at, count) => {
                let at = at.index(length);
                drop(bytes.drain(at..(at + count).min(length)));
            }
            Edit::Copy(from, to, count) => {
                let (from, to) = (from.index(length), to.index(length));
                let part = bytes[from..(from + count).min(length)].to_vec();
                bytes.splice(to..to, part);
            }
            Edit::Cut(at) => bytes.truncate(at.index(length)),
        }
    }
}

/// Small good files, one of each form.
fn seeds() -> Vec<Vec<u8>> {
    let state = dict(&[
        ("module.a.weight", tensor(storage("FloatStorage", "0", 6), 1, &[2, 2], &[1, 2])),
        ("module.a.bias", parameter(vector("1", 2))),
    ]);
    let code = dict(&[("model", state.clone()), ("epoch", integer(3))]);
    let (weight, bias) = (floats(&[1.0; 6]), floats(&[2.0; 2]));
    let plain = pickle(&code);
    let single = TensorView::new(Dtype::F32, vec![2, 3], &weight).unwrap();
    let half = TensorView::new(Dtype::F16, vec![4], &bias).unwrap();
    let mut seeds = vec![
        torch_zip(&code, &[("0", &weight), ("1", &bias)]),
        zip_of(
            &[("data.pkl", &plain), ("data/0", &weight), ("data/1", &bias)],
            CompressionMethod::Deflated,
        ),
        torch_legacy(&state, &[("1", 2, &bias), ("0", 6, &weight)]),
        safetensors::serialize(HashMap::from([("a", single), ("b", half)]), None).unwrap(),
    ];
    for seed in &seeds {
        read_bytes(seed).unwrap();
    }
    if let Some(folder) = common::shared_folder("checkpoints") {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|e| e != "json")).collect();
        files.sort();
        seeds.extend(files.iter().map(|path| std::fs::read(path).unwrap()));
    }
    seeds
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (result, peak) = peak_of(|| catch_unwind(AssertUnwindSafe(|| read_bytes(bytes))));
    prop_assert!(result.is_ok(), "panicked");
    prop_assert!(peak < MOST_MEMORY, "{} bytes of memory", peak);
    Ok(())
}

#[test]
fn every_edit_gives_a_checkpoint_or_an_error() {
    let seeds = seeds();
    let config = Config {
        cases: 20_000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Config::default()
    };
    let edits = (any::<Index>(), proptest::collection::vec(edit(), 1..8));
    TestRunner::new(config)
        .run(&edits, |(seed, edits)| {
            let mut bytes = seeds[seed.index(seeds.len())].clone();
            apply(&edits, &mut bytes);
            check(&bytes)
        })
        .unwrap();
}

#[test]
fn every_pickle_gives_a_checkpoint_or_an_error() {
    // Edits of the pickle alone, under an archive that fits it: a checksum shields it otherwise.
    let state = dict(&[
        ("a", tensor(storage("FloatStorage", "0", 6), 1, &[2, 2], &[1, 2])),
        ("b", parameter(vector("1", 2))),
        ("c", tensor(storage("LongStorage", "2", 1), 0, &[], &[])),
    ]);
    let code = dict(&[("model", state), ("epoch", integer(3))]);
    let (zeros, two, one) = ([0; 24], [0; 8], [0; 8]);
    let config = Config {
        cases: 20_000,
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&proptest::collection::vec(edit(), 1..6), |edits| {
            let mut code = code.clone();
            apply(&edits, &mut code);
            check(&torch_zip(&code, &[("0", &zeros), ("1", &two), ("2", &one)]))
        })
        .unwrap();
}

#[test]
fn every_beginning_of_a_good_file_is_an_error() {
    for seed in seeds() {
        let whole = read_bytes(&seed).is_ok();
        for length in 0..seed.len() {
            check(&seed[..length]).unwrap();
            assert!(!whole || read_bytes(&seed[..length]).is_err(), "{length} of {}", seed.len());
        }
    }
}
