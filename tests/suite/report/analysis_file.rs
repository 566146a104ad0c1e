//! `fieldscope run`: analysis files, reuse, and what is said of a wrong file.

use std::path::Path;

use super::{cell, done, fieldscope, read, small_study, table, write_decisions, write_map};

const ANALYSIS: &str = r#"
title = "Small"
out = "out"

[[networks]]
label = "one"
map = "map0.npy"
decisions = "decisions/0.csv"

[[networks]]
label = "gone"
map = "gone.npy"

[erf]

[shapebias]
decisions = ["decisions/1.csv"]
resamples = 200

[report]
formats = ["html"]
figure_formats = ["svg"]
"#;

#[test]
fn an_analysis_computes_what_changed_and_reuses_the_rest() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small_study(folder);
    std::fs::write(folder.join("a.toml"), ANALYSIS).unwrap();
    let plan = done(&["run", "a.toml", "--dry-run"], folder);
    assert!(plan.contains("compute  ERF of one (not computed yet)"), "{plan}");
    assert!(plan.contains("can't    ERF of gone"), "{plan}");
    assert!(!folder.join("out").exists());

    // The missing map costs only its network, and the exit status.
    let (status, stdout, stderr) = fieldscope(&["run", "a.toml", "-q"], folder);
    assert_eq!(status, 1, "{stderr}");
    assert!(stdout.contains("2 computed, 0 reused") && stderr.contains("gone"), "{stdout}{stderr}");
    assert!(read(folder.join("out/report/report.html")).contains("one"));

    write_map(&folder.join("gone.npy"), 48, 4.0);
    let stdout = done(&["run", "a.toml", "-q"], folder);
    assert!(stdout.contains("1 computed, 2 reused"), "{stdout}");
    write_decisions(&folder.join("decisions/0.csv"), "whoever", 30);
    let plan = done(&["run", "a.toml", "--dry-run"], folder);
    assert!(plan.contains("reuse    ERF of one"), "{plan}");
    assert!(
        plan.contains("compute  shape bias of all observers (changed: decisions of one)"),
        "{plan}"
    );
    let stdout = done(&["run", "a.toml", "-q"], folder);
    assert!(stdout.contains("1 computed, 2 reused"), "{stdout}");
    let biases = table(folder.join("out/report/tables/shape-bias.csv"));
    assert_eq!(cell(&biases, "one", "shape_correct"), "30");

    std::fs::write(folder.join("a.toml"), ANALYSIS.replace("resamples", "resample")).unwrap();
    let (status, _, stderr) = fieldscope(&["run", "a.toml"], folder);
    assert_eq!(status, 2);
    assert!(
        stderr.contains(
            "a.toml, line 18: unknown key `resample` in [shapebias]; did you mean `resamples`?"
        ),
        "{stderr}"
    );
}

#[test]
fn shipped_analyses_can_be_read() {
    let analyses = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyses");
    let mut read = 0;
    for entry in std::fs::read_dir(analyses).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            fieldscope::analysis::file::Analysis::load(&path).unwrap_or_else(|e| panic!("{e}"));
            read += 1;
        }
    }
    assert!(read >= 4);
}
