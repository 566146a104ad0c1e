//! The report from real data alone: five published maps, a network trained on ImageNet through both
//! commands, and the decisions of 26 published observers.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{browser, done, erf_results, latex, prose, read, shown, tables};
use crate::common::{read_json, shared};

/// A network whose preprocessing isn't ImageNet's.
const LITE0_SCALE: [&str; 4] =
    ["--mean", "0.498039,0.498039,0.498039", "--std", "0.501961,0.501961,0.501961"];

/// The report and its results, made once for all tests; nothing where there is no real data.
struct Full {
    folder: PathBuf,
    erf: PathBuf,
    shapebias: PathBuf,
    cost: PathBuf,
    report: PathBuf,
}

impl Full {
    fn sources(&self) -> [&Path; 3] {
        [&self.erf, &self.shapebias, &self.cost]
    }
}

fn full() -> Option<&'static Full> {
    static FULL: OnceLock<Option<Full>> = OnceLock::new();
    FULL.get_or_init(|| Some(make(&shared()?))).as_ref()
}

fn make(shared: &Path) -> Full {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("full-report");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let model =
        format!("Lite0:torchscript={}", shared.join("torchscript/efficientnet_lite0.pt").display());
    let stimuli = shared.join("cue-conflict/stimuli").display().to_string();
    let bears = shared.join("cue-conflict/stimuli/bear").display().to_string();
    let decisions = shared.join("cue-conflict/decisions").display().to_string();

    let mut erf = vec!["erf", "--out", "erf", "-q", "--formats", "svg", "--model", &model];
    erf.extend(LITE0_SCALE);
    erf.extend(["--images", &bears, "--num-images", "4", "--size", "224"]);
    let maps = published_maps(shared);
    erf.extend(maps.iter().flat_map(|map| ["--map", map]));
    done(&erf, &folder);

    let mut shapebias = vec!["shapebias", "--out", "sb", "-q", "--formats", "svg"];
    shapebias.extend(["--model", &model, "--stimuli", &stimuli, "--decisions", &decisions]);
    shapebias.extend(LITE0_SCALE);
    shapebias.extend(["--resamples", "500"]);
    done(&shapebias, &folder);

    // What an architecture costs doesn't depend on its weights.
    let costs = ["inspect", "--json", "resnet101.a1_in1k:resnet101"];
    let costs = [&costs[..], &["swin_tiny_patch4_window7_224.ms_in1k:swin_tiny"]].concat();
    std::fs::create_dir(folder.join("cost")).unwrap();
    std::fs::write(folder.join("cost/inspect.json"), done(&costs, &folder)).unwrap();

    done(&["report", "erf", "sb", "cost", "--out", "report"], &folder);
    Full {
        erf: folder.join("erf"),
        shapebias: folder.join("sb"),
        cost: folder.join("cost"),
        report: folder.join("report"),
        folder,
    }
}

/// The maps with their whole names, so that none meets the decisions of another checkpoint.
fn published_maps(shared: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(shared.join("erf-maps")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let maps = paths.filter(|path| path.extension().is_some_and(|extension| extension == "npy"));
    let mut maps: Vec<String> = maps
        .map(|map| format!("{}={}", map.file_stem().unwrap().to_string_lossy(), map.display()))
        .collect();
    maps.sort();
    maps
}

#[test]
fn every_cell_of_every_table_is_that_of_a_result() {
    let Some(full) = full() else { return };
    assert_eq!(erf_results(&full.erf).len(), 6);
    let observers = &read_json(&full.shapebias.join("shapebias.json"))["observers"];
    // 26 published, one evaluated, and all people.
    assert_eq!(observers.as_array().unwrap().len(), 28);
    let lite0 = observers.as_array().unwrap().iter().find(|one| one["label"] == "Lite0").unwrap();
    assert_eq!(lite0["overall"]["shape_correct"], 197);
    assert_eq!(lite0["overall"]["texture_correct"], 622);
    let cells = tables::equal_their_sources(&full.sources(), &full.report);
    assert!(cells > 3000, "only {cells} cells");
    let numbers = shown::as_computed(&full.report);
    assert!(numbers > 2000, "only {numbers} numbers");
}

#[test]
fn every_number_in_the_sentences_is_that_of_a_result() {
    let Some(full) = full() else { return };
    let traced = prose::is_traceable(&full.report, &full.folder, &full.sources());
    assert!(traced >= 20, "only {traced} numbers");
}

#[test]
fn what_was_measured_and_what_was_taken_as_it_is_are_told_apart() {
    let Some(full) = full() else { return };
    for name in ["report.html", "report.md", "latex/report.tex"] {
        let text = read(full.report.join(name));
        assert!(text.contains("ERF maps of different sources"), "{name}");
        assert!(text.contains("2 files answer the same stimuli in the same session"), "{name}");
    }
}

#[test]
fn the_page_works_in_a_browser() {
    let Some(full) = full() else { return };
    let page = full.report.join("report.html");
    assert!(std::fs::metadata(&page).unwrap().len() < 5_000_000);
    let probe = browser::browse(&page, &full.folder);
    // Six maps on three scales, and five charts.
    assert!(probe.is_none_or(|probe| probe["figures"] == 6 * 3 + 5), "figures are missing");
}

#[test]
fn the_document_compiles() {
    let Some(full) = full() else { return };
    latex::compile(&full.report.join("latex"));
}
