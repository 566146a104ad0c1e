//! The embedded demo: its networks are as good as their card says, and its numbers are the committed
//! ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use fieldscope::analysis::demo::Demo;
use fieldscope::demo::{CATEGORIES, MINIATURES, Part, SIDE, Scene, seed};
use fieldscope::nn::{Mode, forward};
use fieldscope::progress::{Silent, Stop};
use fieldscope::report::Output;
use fieldscope::weights::read_bytes;
use fieldscope::zoo::{Defaults, find, fit};
use tch::{Kind, Tensor};

/// The test pictures of the card, none of which a network learned from.
const TEST_PICTURES: u32 = 512;

/// Largest difference in a ratio of areas. Another processor rounds sums in another order, and a ReLU
/// near zero may flip; a square that is 2 pixels larger changes a ratio of 0.25 by 0.005.
const RATIO_TOLERANCE: f64 = 0.01;

/// Largest share of decisions that may differ: those whose two largest logits all but tie.
const DECISION_TOLERANCE: f64 = 0.01;

#[test]
fn every_miniature_learned_its_categories() {
    let pictures: Vec<u8> = (0..TEST_PICTURES)
        .flat_map(|index| Scene::agreeing(seed(Part::Test, index)).draw().into_raw())
        .collect();
    let (side, size) = (SIDE as i64, Defaults::MINIATURE.size as i64);
    let images = Tensor::from_slice(&pictures)
        .reshape([i64::from(TEST_PICTURES), side, side, 3])
        .permute([0, 3, 1, 2])
        .to_kind(Kind::Float)
        .internal_upsample_bilinear2d_aa([size, size], false, None, None)
        / 255.0;
    let labels: Vec<i64> =
        (0..TEST_PICTURES).map(|index| i64::from(index) % CATEGORIES.len() as i64).collect();
    let labels = Tensor::from_slice(&labels);
    for miniature in MINIATURES {
        let architecture = find(miniature.architecture).unwrap();
        let checkpoint = read_bytes(miniature.checkpoint).unwrap();
        let network = fit(&architecture, checkpoint, miniature.file).unwrap().network;
        // Mean and standard deviation of the miniatures are the same for all three channels.
        let images = (&images - architecture.defaults.mean[0]) / architecture.defaults.std[0];
        let logits = network.graph.logits.unwrap();
        let run =
            || forward(&network.graph, &network.parameters, &images, &[logits], Mode::Evaluation);
        let scores = tch::no_grad(run).unwrap().remove(0);
        let right = scores.argmax(1, false).eq_tensor(&labels).sum(Kind::Int64).int64_value(&[]);
        let accuracy = right as f64 / f64::from(TEST_PICTURES);
        assert!(accuracy >= 0.95, "{}: {accuracy}", miniature.label());
    }
}

#[test]
fn the_sample_report_is_what_the_program_gives() {
    let folder = tempfile::tempdir().unwrap();
    let networks = MINIATURES.iter().copied().filter(|network| network.seed == 0).collect();
    let out = folder.path().join("demo");
    let (formats, report) = (Vec::new(), Vec::new());
    let demo = Demo { networks, out: out.clone(), force: false, formats, report };
    let outcome = demo.run(&Silent, &Stop::new()).unwrap();
    assert_eq!(outcome.failures, []);

    let committed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("reports/demo");
    let areas = rows(&committed.join("erf/erf.csv"), &[]);
    for (label, found) in rows(&out.join("erf/erf.csv"), &[]) {
        for column in ["r50", "r99", "m50", "m99"] {
            let difference = (number(&found, column) - number(&areas[&label], column)).abs();
            assert!(difference <= RATIO_TOLERANCE, "{label:?} {column}: {difference}");
        }
    }
    let key = ["category"];
    let decisions = rows(&committed.join("shapebias/shapebias.csv"), &key);
    for (label, found) in rows(&out.join("shapebias/shapebias.csv"), &key) {
        let expected = &decisions[&label];
        assert_eq!(found["conflict_trials"], expected["conflict_trials"]);
        let allowed = (DECISION_TOLERANCE * number(&found, "conflict_trials")).max(1.0);
        for column in ["shape_correct", "texture_correct", "other"] {
            let difference = (number(&found, column) - number(expected, column)).abs();
            assert!(difference <= allowed, "{label:?} {column}: {difference}");
        }
    }
}

#[test]
fn a_stopped_demo_claims_no_decisions_and_files_of_others_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |out: &Path| Demo {
        networks: MINIATURES[..1].to_vec(),
        out: out.to_owned(),
        force: false,
        formats: Vec::new(),
        report: vec![Output::Markdown],
    };
    let stop = Stop::new();
    stop.set();
    let error = demo(&folder.path().join("stopped")).run(&Silent, &stop).unwrap_err();
    assert!(error.is_stop() && !error.to_string().contains("decisions"), "{error}");

    for name in ["report.md", "erf/erf.csv", "shapebias/shapebias.csv"] {
        let out = folder.path().join(name.replace('/', "-"));
        std::fs::create_dir_all(out.join(name).parent().unwrap()).unwrap();
        std::fs::write(out.join(name), "mine").unwrap();
        let error = demo(&out).run(&Silent, &Stop::new()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("--force"), "{error}");
        assert!(!out.join("input").exists(), "it began all the same");
    }
}

type Row = HashMap<String, String>;

/// The rows of a CSV file, by their first column and the columns in `key`.
fn rows(path: &Path, key: &[&str]) -> HashMap<Vec<String>, Row> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        let row: Row = header.iter().zip(&record).map(|(a, b)| (a.into(), b.into())).collect();
        let keys = key.iter().map(|column| row[*column].clone());
        (std::iter::once(record[0].to_owned()).chain(keys).collect(), row)
    });
    rows.collect()
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap()
}
