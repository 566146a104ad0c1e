//! Shape bias, error consistency and intervals from the published decisions on the real stimuli.

use std::path::{Path, PathBuf};
use std::time::Instant;

use fieldscope::shapebias::analyse::Study;
use fieldscope::shapebias::bootstrap::{Bootstrap, RESAMPLES};
use fieldscope::shapebias::categories::Categories;
use fieldscope::shapebias::decision_file::DecisionReader;
use fieldscope::shapebias::decisions::ReadDecisions;
use fieldscope::shapebias::humans::HumanReference;
use fieldscope::shapebias::result::{IssueKind, ObserverKind, ShapeBiasResult};
use fieldscope::shapebias::stimuli::NamePattern;
use fieldscope::store::Provenance;

use crate::common::shared;

fn read(paths: &[PathBuf]) -> ReadDecisions {
    let categories = Categories::imagenet_16().unwrap();
    let pattern = NamePattern::published().unwrap();
    DecisionReader::new(&pattern, &categories, &[]).unwrap().read_all(paths).unwrap()
}

fn analyse(read: ReadDecisions, built_in_humans: bool, resamples: usize) -> ShapeBiasResult {
    Study {
        observers: read.observers,
        stimuli: &[],
        categories: &Categories::imagenet_16().unwrap(),
        built_in_humans,
        bootstrap: Bootstrap { resamples, seed: 0 },
        issues: read.issues,
        provenance: Provenance::default(),
    }
    .analyse()
    .unwrap()
}

fn decision_files(shared: &Path) -> PathBuf {
    shared.join("cue-conflict/decisions")
}

/// Shape, texture, shape bias to four digits.
fn assert_figures(result: &ShapeBiasResult, label: &str, expected: (usize, usize, f64)) {
    let observer = result.observer(label).unwrap_or_else(|| panic!("no observer {label}"));
    let overall = &observer.overall;
    let bias = (overall.shape_bias.unwrap() * 1e4).round() / 1e4;
    assert_eq!((overall.shape_correct, overall.texture_correct, bias), expected, "{label}");
    let [low, high] = overall.interval.unwrap();
    assert!(low < expected.2 && expected.2 < high, "{label}: {low} {high}");
    let of_categories: usize =
        observer.categories.iter().map(|entry| entry.figures.shape_correct).sum();
    assert_eq!(of_categories, expected.0, "{label}");
}

#[test]
fn published_figures_come_out() {
    let Some(shared) = shared() else { return };
    let started = Instant::now();
    let read = read(&[decision_files(&shared)]);
    let reading = started.elapsed();
    assert_eq!(read.observers.len(), 26);
    let started = Instant::now();
    let result = analyse(read, true, RESAMPLES);
    eprintln!("26 observers: read in {reading:.2?}, analysed in {:.2?}", started.elapsed());

    assert_eq!((result.stimuli, result.conflict_stimuli), (1280, 1200));
    assert_figures(&result, "resnet101", (180, 509, 0.2612));
    assert_figures(&result, "resnet50", (162, 572, 0.2207));
    assert_figures(&result, "alexnet (session_1)", (283, 376, 0.4294));
    assert_figures(&result, "alexnet (session-1)", (182, 537, 0.2531));
    assert_figures(&result, "subject-09", (1031, 14, 0.9866));
    assert_figures(&result, "humans", (9236, 398, 0.9587));
    for observer in &result.observers {
        let trials = if observer.kind == ObserverKind::Humans { 12_000 } else { 1200 };
        assert_eq!(observer.overall.conflict_trials, trials, "{}", observer.label);
    }

    // 26 observers and the people pooled, each two.
    assert_eq!(result.differences.len(), 27 * 26 / 2);
    let differ = |first: &str, second: &str| {
        let found = result.differences.iter().find(|d| d.first == first && d.second == second);
        found.unwrap_or_else(|| panic!("{first} {second}"))
    };
    assert!(differ("resnet50", "humans").p_value < 0.001);
    assert!(differ("resnet101", "resnet152").p_value > 0.05);

    // The only thing amiss in the published files.
    let kinds: Vec<_> = result.issues.iter().map(|issue| issue.kind).collect();
    assert_eq!(kinds, [IssueKind::AmbiguousObserver]);
}

#[test]
fn error_consistency_agrees_with_a_direct_count() {
    let Some(shared) = shared() else { return };
    let result = analyse(read(&[decision_files(&shared)]), false, 200);
    // numpy, straight from equations 1 to 3, on all 1,280 stimuli of the same files.
    for (first, second, expected) in [
        ("resnet50", "resnet101", 0.7062680304222397),
        ("subject-01", "subject-02", 0.3567858904709817),
        ("resnet50", "subject-09", 0.029311809685641517),
    ] {
        let kappa = result.consistency.between(first, second).unwrap();
        assert!((kappa - expected).abs() < 1e-12, "{first} {second}: {kappa}");
        assert_eq!(result.consistency.between(second, first), Some(kappa));
    }
    let with_humans = |label| result.observer(label).unwrap().consistency_with_humans.unwrap();
    assert!((with_humans("resnet50") - 0.06743284658883943).abs() < 1e-12);
    assert!((with_humans("humans") - 0.3310516765636245).abs() < 1e-12);
    let count = result.consistency.labels.len();
    assert_eq!(count, 26);
    for row in 0..count {
        for column in 0..count {
            let interval = result.consistency.intervals[row][column];
            let Some(kappa) = result.consistency.kappa[row][column] else {
                assert!(row == column && interval.is_none());
                continue;
            };
            let [low, high] = interval.unwrap();
            assert!(low < kappa && kappa < high, "{row} {column}: {low} {kappa} {high}");
        }
    }
}

#[test]
fn built_in_humans_are_the_published_people() {
    let Some(shared) = shared() else { return };
    let result = analyse(read(&[decision_files(&shared)]), false, RESAMPLES);
    let from_files = result.observer("humans").unwrap();
    let bootstrap = Bootstrap { resamples: RESAMPLES, seed: 0 };
    let reference = HumanReference::published().unwrap();
    let built_in = reference.pooled(bootstrap);

    // Same counts everywhere; the intervals are equal up to the luck of the draw.
    let near = |a: Option<[f64; 2]>, b: Option<[f64; 2]>, tolerance: f64| {
        let (a, b) = (a.unwrap(), b.unwrap());
        assert!((a[0] - b[0]).abs() < tolerance && (a[1] - b[1]).abs() < tolerance, "{a:?} {b:?}");
    };
    near(built_in.overall.interval, from_files.overall.interval, 0.001);
    for (a, b) in built_in.categories.iter().zip(&from_files.categories) {
        near(a.figures.interval, b.figures.interval, 0.02);
        let mut a = a.clone();
        a.figures.interval = b.figures.interval;
        assert_eq!(&a, b);
    }
    for person in reference.people() {
        let read = result.observer(&person.name).unwrap();
        for ((category, tally), entry) in person.categories.iter().zip(&read.categories) {
            let mut figures = tally.figures();
            figures.interval = entry.figures.interval;
            assert_eq!((category, &figures), (&entry.category, &entry.figures), "{}", person.name);
        }
    }
}

#[test]
fn networks_alone_get_the_built_in_reference_and_the_same_intervals() {
    let Some(shared) = shared() else { return };
    let file = shared.join("torchscript/efficientnet_lite0.decisions.csv");
    let alone = analyse(read(std::slice::from_ref(&file)), true, 1000);
    assert_figures(&alone, "efficientnet_lite0", (197, 622, 0.2405));
    assert_figures(&alone, "humans", (9236, 398, 0.9587));
    assert!(alone.issues.is_empty(), "{:?}", alone.issues);
    let beside = analyse(read(&[file, decision_files(&shared)]), true, 1000);
    let interval =
        |result: &ShapeBiasResult| result.observer("efficientnet_lite0").unwrap().overall.interval;
    assert_eq!(interval(&alone), interval(&beside));
}
