//! More networks than a chart by category has room for, whose names differ in the middle only.

use std::collections::BTreeSet;

use regex::Regex;

use super::page::text;
use super::{done, fieldscope, latex, read, write_decisions, write_map};

const NETWORKS: usize = 21;

fn label(seed: usize) -> String {
    format!("resnet50_train_60_epochs_lr0.01_seed_{seed}_augmentation_none_resolution_224")
}

/// The texts of a drawing.
fn texts(drawing: &str) -> Vec<String> {
    let element = Regex::new(r"(?s)<text[^>]*>(.*?)</text>").unwrap();
    element
        .captures_iter(drawing)
        .map(|found| text(&found[1].replace("&apos;", "'")).trim().to_owned())
        .collect()
}

#[test]
fn none_of_very_many_networks_is_lost_or_mistaken_for_another() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    std::fs::create_dir_all(folder.join("decisions")).unwrap();
    let mut maps = Vec::new();
    for seed in 0..NETWORKS {
        let map = format!("map{seed}.npy");
        write_map(&folder.join(&map), 24, 2.0 + 0.1 * seed as f64);
        maps.extend(["--map".to_owned(), format!("{}={map}", label(seed))]);
        write_decisions(&folder.join(format!("decisions/{seed}.csv")), &label(seed), 8 + seed);
    }
    write_decisions(&folder.join("decisions/subject-01.csv"), "subject-01", 38);
    let maps: Vec<&str> = maps.iter().map(String::as_str).collect();
    done(&[&["erf", "--out", "erf", "-q", "--formats", "svg"], &maps[..]].concat(), folder);
    let shapebias = ["shapebias", "--decisions", "decisions", "--out", "sb", "--formats", "svg"];
    let (status, _, stderr) =
        fieldscope(&[&shapebias[..], &["--resamples", "20"]].concat(), folder);
    assert!(status == 0 && stderr.contains("Of 21 networks, 2 aren't drawn"), "{stderr}");
    let chart = texts(&read(folder.join("sb/shapebias.svg"))).join(" ");
    assert!(
        chart.contains("1 single person isn't drawn. Of 21 networks, 2 aren't drawn"),
        "{chart}"
    );
    done(&["report", "erf", "sb", "--out", "report"], folder);
    let report = folder.join("report");
    let value = Regex::new(r"^\d\.\d\d$").unwrap();
    for bars in [folder.join("sb/shapebias-bars.svg"), report.join("figures/shapebias-bars.svg")] {
        let values = texts(&read(&bars)).into_iter().filter(|text| value.is_match(text)).count();
        assert_eq!(values, NETWORKS + 2, "{}", bars.display());
    }
    for (name, times) in [
        ("scatter", 1),
        ("erf-profile", 1),
        ("shapebias-bars", 1),
        // By rows and by columns, which have less room.
        ("consistency-matrix", 2),
    ] {
        let drawn = texts(&read(report.join(format!("figures/{name}.svg"))));
        let labels: Vec<&String> = drawn.iter().filter(|text| text.contains('…')).collect();
        let different: BTreeSet<&&String> = labels.iter().collect();
        assert_eq!(labels.len(), times * NETWORKS, "{name}: {drawn:?}");
        assert!(different.len() >= NETWORKS, "{name}: {different:?}");
    }
    let caption = read(report.join("report.md"));
    assert!(caption.contains("Of 21 networks, 2 aren't drawn"), "{caption}");
    latex::compile(&report.join("latex"));
    let document = read(report.join("latex/report.tex"));
    let csv = Regex::new(r"\.\./tables(/[a-z-]+\.csv)?").unwrap();
    let tables = std::fs::read_dir(report.join("latex/tables")).unwrap();
    let tables = tables.map(|entry| read(entry.unwrap().path()));
    let mut links = 0;
    for text in tables.chain([document]) {
        for found in csv.find_iter(&text) {
            assert!(report.join("latex").join(found.as_str()).exists(), "{}", found.as_str());
            links += 1;
        }
        assert!(!text.contains(" tables/") && !text.contains("texttt{tables}"), "{text}");
    }
    assert!(links > 1, "no table is left to its CSV file");
}
