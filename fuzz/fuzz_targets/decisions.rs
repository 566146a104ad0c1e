//! CSV files of decisions.

#![no_main]

use std::sync::LazyLock;

use fieldscope::shapebias::categories::Categories;
use fieldscope::shapebias::decision_file::DecisionReader;
use fieldscope::shapebias::stimuli::NamePattern;
use libfuzzer_sys::fuzz_target;

static KNOWN: LazyLock<(NamePattern, Categories)> = LazyLock::new(|| {
    let pattern = NamePattern::published().expect("a test compiles it");
    let categories = Categories::imagenet_16().expect("a test reads them");
    (pattern, categories)
});

fuzz_target!(|bytes: &[u8]| {
    let (pattern, categories) = &*KNOWN;
    let reader = DecisionReader::new(pattern, categories, &[]).expect("a test compiles it");
    let path = fieldscope_fuzz::file("decisions.csv", bytes);
    match reader.read_all(&[path]) {
        Ok(read) => assert!(!read.observers.is_empty()),
        Err(error) => assert!(error.to_string().contains("decisions.csv"), "{error}"),
    }
});
