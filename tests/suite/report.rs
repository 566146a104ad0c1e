//! Reports and analysis files, from results in a temporary folder and from real data.

use std::path::{Path, PathBuf};
use std::process::Command;

use fieldscope::erf::result::ErfResult;
use fieldscope::shapebias::result::ShapeBiasResult;
use ndarray::Array2;
use serde_json::Value;

use crate::common::shared;

/// A label with everything that some language takes for markup.
const HARD: &str = "<script>alert('x')</script> & \"50 %\" a_b \\input{x} $y$ {z} #1 ~^ | `c` 大";

fn fieldscope(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_fieldscope"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn done(arguments: &[&str], folder: &Path) -> String {
    let (status, stdout, stderr) = fieldscope(arguments, folder);
    assert_eq!(status, 0, "{arguments:?}: {stdout}{stderr}");
    stdout
}

/// A Gaussian bump of this width on a map of this side.
fn write_map(path: &Path, side: usize, sigma: f64) {
    let centre = (side / 2) as f64;
    let map = Array2::from_shape_fn((side, side), |(row, column)| {
        let distance = (row as f64 - centre).powi(2) + (column as f64 - centre).powi(2);
        (-distance / (2.0 * sigma * sigma)).exp() as f32
    });
    ndarray_npy::write_npy(path, &map).unwrap();
}

/// Decisions of one observer on 40 stimuli: the first `shape` for the shape, the others for the texture.
fn write_decisions(path: &Path, observer: &str, shape: usize) {
    let mut writer = csv::Writer::from_path(path).unwrap();
    let columns =
        ["subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename"];
    writer.write_record(columns).unwrap();
    for trial in 0..40 {
        let (of_shape, of_texture) = if trial % 2 == 0 { ("cat", "dog") } else { ("dog", "cat") };
        let answer = if trial < shape { of_shape } else { of_texture };
        let number = (trial / 2) % 10 + 1;
        let name = format!("{of_shape}{number}-{of_texture}{}.png", trial / 20 + 1);
        let trial = trial.to_string();
        let row = [observer, "1", &trial, "NaN", answer, of_shape, "0", &name];
        writer.write_record(row).unwrap();
    }
    writer.flush().unwrap();
}

/// Five networks with maps and decisions, one of them with a hard label, in `erf` and `sb`.
fn small_study(folder: &Path) {
    let labels = ["one", "two", "three", "four", HARD];
    std::fs::create_dir_all(folder.join("decisions")).unwrap();
    let mut arguments: Vec<String> =
        ["erf", "--out", "erf", "-q", "--formats", "svg"].map(str::to_owned).to_vec();
    for (index, label) in labels.iter().enumerate() {
        let map = format!("map{index}.npy");
        write_map(&folder.join(&map), 48, 3.0 + index as f64);
        // `LABEL=FILE` is split at the first `=`, of which the label has none.
        arguments.extend(["--map".to_owned(), format!("{label}={map}")]);
        let decisions = folder.join("decisions").join(format!("{index}.csv"));
        write_decisions(&decisions, label, 8 + 4 * index);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    done(&arguments, folder);
    let arguments = [
        "shapebias",
        "--decisions",
        "decisions",
        "--out",
        "sb",
        "-q",
        "--formats",
        "svg",
        "--resamples",
        "200",
    ];
    done(&arguments, folder);
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn table(path: impl AsRef<Path>) -> (Vec<String>, Vec<Vec<String>>) {
    let text = read(path);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
    (header, rows.collect())
}

fn cell<'a>(
    (header, rows): &'a (Vec<String>, Vec<Vec<String>>),
    label: &str,
    key: &str,
) -> &'a str {
    let column = header.iter().position(|name| name == key).unwrap();
    let row = rows.iter().find(|row| row[0] == label).unwrap();
    &row[column]
}

/// Every ERF result in a folder.
fn erf_results(folder: &Path) -> Vec<ErfResult> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = entries.filter(|path| path.extension().is_some_and(|e| e == "json"));
    json.filter_map(|path| serde_json::from_str(&read(path)).ok()).collect()
}

fn tables_equal_their_sources(erf: &Path, shapebias: &Path, report: &Path) {
    let ratios = table(report.join("tables/area-ratios.csv"));
    let results = erf_results(erf);
    assert_eq!(results.len(), ratios.1.len());
    for result in &results {
        for (letter, list) in [("r", &result.area_ratios), ("m", &result.mass_ratios)] {
            for ratio in list {
                let key = format!("{letter}{:.0}", 100.0 * ratio.threshold);
                let found: f64 = cell(&ratios, &result.label, &key).parse().unwrap();
                assert_eq!(found, ratio.ratio, "{} {key}", result.label);
            }
        }
    }
    let result: ShapeBiasResult = serde_json::from_str(&read(shapebias)).unwrap();
    let biases = table(report.join("tables/shape-bias.csv"));
    assert_eq!(biases.1.len(), result.observers.len());
    for observer in &result.observers {
        let number = |key: &str| cell(&biases, &observer.label, key).parse::<f64>().unwrap();
        let figures = &observer.overall;
        assert_eq!(Some(number("shape_bias")), figures.shape_bias, "{}", observer.label);
        assert_eq!(number("shape_correct"), figures.shape_correct as f64);
        assert_eq!(number("texture_correct"), figures.texture_correct as f64);
        let [low, high] = figures.interval.unwrap();
        assert_eq!((number("shape_bias_low"), number("shape_bias_high")), (low, high));
    }
    let kappas = table(report.join("tables/consistency.csv"));
    for row in &kappas.1 {
        let expected = result.consistency.between(&row[0], &row[1]);
        assert_eq!(row[2].parse::<f64>().ok(), expected, "{row:?}");
    }
}

/// Every number in the prose of a page names its place in a result, and is the number there.
fn prose_is_traceable(page: &str, folder: &Path) {
    let pattern = regex::Regex::new(r#"<data value="([^"]*)" title="([^"]*)">"#).unwrap();
    let mut checked = 0;
    for found in pattern.captures_iter(page) {
        let Some((file, pointer)) = found[2].split_once('#') else { continue };
        let value: Value = serde_json::from_str(&read(folder.join(file))).unwrap();
        let value = value.pointer(pointer).unwrap_or_else(|| panic!("no {}", &found[2]));
        let shown: f64 = found[1].trim_end_matches(" %").parse().unwrap();
        let Some(value) = value.as_f64() else {
            assert!(value.as_array().is_some(), "{}", &found[2]);
            continue;
        };
        let scaled = if found[1].ends_with('%') { 100.0 * value } else { value };
        let decimals = found[1].trim_end_matches(" %").split_once('.').map_or(0, |(_, d)| d.len());
        let tolerance = 0.5 * 10f64.powi(-(decimals as i32)) * (1.0 + 1e-9);
        assert!((shown - scaled).abs() <= tolerance, "{} is {value}", &found[0]);
        checked += 1;
    }
    assert!(checked >= 5, "only {checked} numbers");
}

#[test]
fn a_report_says_what_its_results_say_whatever_networks_are_called() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    small_study(folder);
    done(&["report", "erf", "sb", "--out", "report"], folder);
    let report = folder.join("report");
    tables_equal_their_sources(&folder.join("erf"), &folder.join("sb/shapebias.json"), &report);

    let page = read(report.join("report.html"));
    assert!(!page.contains("<script>alert"), "the label is markup in the page");
    assert!(page.contains("&lt;script&gt;alert"));
    assert!(
        !page.contains("src=\"http") && !page.contains("href=\"http") && !page.contains("url(")
    );
    prose_is_traceable(&page, folder);
    // r(50 %) and shape bias both grow from network to network.
    assert!(page.contains("Spearman&#39;s ρ between r(50 %) and shape bias is "));
    let markdown = read(report.join("report.md"));
    // In a fenced block, where the command line stands, text is text.
    let prose: String = markdown.split("```").step_by(2).collect();
    assert!(!prose.contains("<script>alert") && prose.contains("a\\_b"));
    let latex = read(report.join("latex/tables/summary.tex"));
    assert!(latex.contains("\\textless{}script\\textgreater{}") && latex.contains("a\\_b"));
    assert!(latex.contains("\\textbackslash{}input\\{x\\} \\$y\\$ \\{z\\} \\#1"));
    assert!(latex.contains("\\bfseries"), "nothing is marked as best");
    compile(&report.join("latex"));
    browse(&report.join("report.html"), folder);
}

#[test]
fn maps_of_two_sizes_are_not_compared_in_silence() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_map(&folder.join("a.npy"), 32, 3.0);
    write_map(&folder.join("b.npy"), 48, 3.0);
    done(
        &["erf", "--map", "a=a.npy", "--map", "b=b.npy", "--out", "erf", "-q", "--formats", "svg"],
        folder,
    );
    let (_, _, stderr) = fieldscope(&["report", "erf", "--out", "report"], folder);
    assert!(stderr.contains("different input sizes: 32 x 32 (a); 48 x 48 (b)"), "{stderr}");
    let page = read(folder.join("report/report.html"));
    assert!(page.contains("different input sizes: 32 x 32 (a); 48 x 48 (b)"));
    assert!(!page.contains("<strong>8") && !read(folder.join("report/report.md")).contains("| **"));
}

#[test]
fn folders_without_results_are_named() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("empty")).unwrap();
    let (status, _, stderr) = fieldscope(&["report", "empty"], place.path());
    assert_eq!(status, 1);
    assert!(
        stderr.contains("no results in empty") && stderr.contains("fieldscope erf"),
        "{stderr}"
    );
}

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

#[test]
fn published_maps_and_decisions_make_a_report() {
    let Some(shared) = shared() else { return };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let mut erf: Vec<String> =
        ["erf", "--out", "erf", "-q", "--formats", "svg"].map(str::to_owned).to_vec();
    for entry in std::fs::read_dir(shared.join("erf-maps")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "npy") {
            let label = path.file_stem().unwrap().to_string_lossy().into_owned();
            let label = label.split('.').next().unwrap().to_owned();
            erf.extend(["--map".to_owned(), format!("{label}={}", path.display())]);
        }
    }
    done(&erf.iter().map(String::as_str).collect::<Vec<_>>(), folder);
    let published = shared.join("cue-conflict/decisions");
    let lite = shared.join("torchscript/efficientnet_lite0.decisions.csv");
    let (published, lite) = (published.display().to_string(), lite.display().to_string());
    let arguments = [
        "shapebias",
        "--decisions",
        &published,
        "--decisions",
        &lite,
        "--out",
        "sb",
        "-q",
        "--formats",
        "svg",
    ];
    done(&arguments, folder);
    done(&["report", "erf", "sb", "--out", "report"], folder);
    let report = folder.join("report");
    tables_equal_their_sources(&folder.join("erf"), &folder.join("sb/shapebias.json"), &report);
    let page = read(report.join("report.html"));
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    prose_is_traceable(&page, folder);
    // 197 shape and 622 texture decisions, from the table beside the data.
    let biases = table(report.join("tables/shape-bias.csv"));
    let lite = biases.1.iter().find(|row| row[0].contains("lite0")).unwrap()[0].clone();
    let bias: f64 = cell(&biases, &lite, "shape_bias").parse().unwrap();
    assert!((bias - 197.0 / 819.0).abs() < 1e-12, "{bias}");
    compile(&report.join("latex"));
    browse(&report.join("report.html"), folder);
}

/// Compiles `report.tex` twice, where there is a pdflatex.
fn compile(folder: &Path) {
    if Command::new("pdflatex").arg("--version").output().is_err() {
        eprintln!("skipped: no pdflatex");
        return;
    }
    let mut log = String::new();
    for _ in 0..2 {
        let output = Command::new("pdflatex")
            .args(["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report"])
            .current_dir(folder)
            .output()
            .unwrap();
        log = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{log}");
    }
    assert!(!log.contains("undefined references") && !log.contains("undefined citations"), "{log}");
    assert!(folder.join("report.pdf").exists());
}

/// What a browser finds after it has used every switch of a page.
const PROBE: &str = r#"<script>
const problems = [];
window.addEventListener("error", (event) => problems.push(String(event.message)));
window.addEventListener("load", () => {
  const seen = (element) => { const box = element.getBoundingClientRect(); return box.width > 40 && box.height > 40; };
  const shown = () => [...document.querySelectorAll("svg")].filter(seen).length;
  const hidden = () => [...document.querySelectorAll(".maps[hidden] svg")].length;
  const total = document.querySelectorAll("svg").length;
  if (shown() + hidden() !== total) problems.push("a figure can't be seen");
  const first = document.querySelector(".maps:not([hidden])");
  const linear = document.querySelector("input[name=scale][value=linear]");
  if (linear) {
    linear.click();
    const now = document.querySelector(".maps:not([hidden])");
    if (now === first || now.dataset.scale !== "linear") problems.push("the scale doesn't switch");
  }
  for (const box of document.querySelectorAll(".switches input")) {
    const figure = document.getElementById(box.closest(".switches").dataset.for);
    const parts = () => [...figure.querySelectorAll(".series-" + box.dataset.series)];
    if (parts().length === 0) { problems.push("no series " + box.dataset.series); continue; }
    const off = () => parts().every((part) => getComputedStyle(part).display === "none");
    const before = off();
    box.click();
    if (off() === before) problems.push("series " + box.dataset.series + " doesn't switch");
    box.click();
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    const button = table.querySelector("thead th:nth-child(2) button");
    const column = () => [...table.tBodies[0].rows].map((row) => row.cells[1].dataset.sort).filter((v) => v !== undefined).map(Number);
    button.click();
    const down = column();
    button.click();
    const up = column();
    if (down.length > 1 && String([...up].sort((a, b) => a - b)) !== String(up)) problems.push("no order in " + table.id);
  }
  if (document.documentElement.scrollWidth > window.innerWidth) problems.push("the page is wider than the window");
  document.body.dataset.probe = JSON.stringify({ problems, figures: total, switches: document.querySelectorAll(".switches input").length });
});
</script>"#;

/// Opens the page in a headless Chromium, where there is one, wide and narrow, and uses its switches.
fn browse(page: &Path, folder: &Path) {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let there = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    let Some(browser) = browsers.iter().find(there) else {
        eprintln!("skipped: no Chromium");
        return;
    };
    let probed: PathBuf = folder.join("probed.html");
    std::fs::write(&probed, read(page).replacen("</head>", &format!("{PROBE}</head>"), 1)).unwrap();
    for width in [1280, 500] {
        let profile = tempfile::tempdir().unwrap();
        let output = Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--enable-logging=stderr",
                "--virtual-time-budget=5000",
                "--dump-dom",
            ])
            .arg(format!("--window-size={width},900"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("file://{}", probed.display()))
            .output()
            .unwrap();
        let dom = String::from_utf8_lossy(&output.stdout);
        let log = String::from_utf8_lossy(&output.stderr);
        let console: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(console.is_empty(), "{console:?}");
        let probe = dom.split("data-probe=\"").nth(1).and_then(|rest| rest.split('"').next());
        let probe = probe.unwrap_or_else(|| panic!("no probe: {log}")).replace("&quot;", "\"");
        let probe: Value = serde_json::from_str(&probe).unwrap();
        assert_eq!(probe["problems"], Value::Array(Vec::new()), "{width} pixels");
        assert!(
            probe["figures"].as_u64() > Some(5) && probe["switches"].as_u64() > Some(5),
            "{probe}"
        );
    }
}
