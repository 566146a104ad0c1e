//! Analysis files.

#![no_main]

use std::path::Path;

use fieldscope::analysis::file::Analysis;
// For its allocator.
use fieldscope_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Analysis::parse(text, "study.toml", Path::new("folder")) {
        let lines = text.lines().count().max(1);
        assert!(error.line >= 1 && error.line <= lines + 1, "{error}");
    }
});
