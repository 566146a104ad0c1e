//! Figures of published data, where `FIELDSCOPE_SHARED` names the folder that holds it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::bars::{Bar, BarsSpec};
use super::bias::{BiasObserver, BiasSpec, Who};
use super::check::sound;
use super::heatmap::{HeatmapSpec, MapPanel, Scale, Square};
use super::matrix::{CellKind, MatrixSpec};
use super::panels::PanelsSpec;
use super::profile::{ProfileCurve, ProfileSpec, SideUnit};
use super::{Colormap, Width, bars, bias, heatmap, matrix, panels, profile};
use crate::erf::ratio::{CentredSquares, logarithmic};
use crate::store::npy;

fn shared(folder: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("FIELDSCOPE_SHARED");
    if shared.is_none() {
        eprintln!("skipped: FIELDSCOPE_SHARED is not set");
    }
    Some(Path::new(&shared?).join(folder))
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}

fn maps(folder: &Path) -> Vec<(String, Array2<f64>)> {
    let label = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files(folder, ".npy")
        .into_iter()
        .map(|path| (label(&path), npy::read_map(&path).unwrap()))
        .collect()
}

fn panel<'a>(label: &str, map: &'a Array2<f64>) -> MapPanel<'a> {
    let squares = CentredSquares::of(&logarithmic(map));
    let square = |threshold| {
        let ratio = squares.area_ratio(threshold);
        Square { threshold, side: ratio.side, ratio: ratio.ratio }
    };
    MapPanel {
        label: label.to_owned(),
        untrained: false,
        map: map.view(),
        around: None,
        squares: [0.2, 0.3, 0.5, 0.99].map(square).to_vec(),
    }
}

#[test]
fn maps_of_trained_networks() {
    let Some(folder) = shared("erf-maps") else { return };
    let maps = maps(&folder);
    let of = |scale: Scale, colormap: Colormap| {
        let panels: Vec<MapPanel<'_>> = maps.iter().map(|(label, map)| panel(label, map)).collect();
        sound(&panels::draw(&PanelsSpec { panels, scale, colormap }).unwrap())
    };
    let whole =
        of(Scale::Log, Colormap::Viridis).iter().filter(|text| text.ends_with("whole map")).count();
    assert_eq!(whole, 1);
    of(Scale::Decades(4), Colormap::Inferno);
    of(Scale::Decades(3), Colormap::RdYlGn);
    for (label, map) in &maps {
        for scale in [Scale::Log, Scale::Decades(4)] {
            sound(
                &heatmap::draw(&HeatmapSpec {
                    panel: panel(label, map),
                    scale,
                    colormap: Colormap::Viridis,
                })
                .unwrap(),
            );
        }
    }
    let curve = |(label, map): &(String, Array2<f64>)| ProfileCurve {
        label: label.clone(),
        untrained: false,
        points: CentredSquares::of(map)
            .profile()
            .map(|(side, share)| (side as f64 / map.nrows() as f64, share))
            .collect(),
    };
    let curves = maps.iter().map(curve).collect();
    let spec =
        ProfileSpec { curves, unit: SideUnit::ShareOfMap, share_title: None, width: Width::Column };
    sound(&profile::draw(&spec).unwrap());
}

/// Counts of shape and texture decisions, by shape category.
type Counts = BTreeMap<String, [f64; 2]>;

/// The observer's name, its counts, and whether its answer to each conflict stimulus was right.
fn decisions(path: &Path) -> (String, Counts, BTreeMap<String, bool>) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let (mut name, mut counts, mut right) = (String::new(), Counts::new(), BTreeMap::new());
    for record in reader.records() {
        let record = record.unwrap();
        let (response, image) = (&record[4], record[7].rsplit('_').next().unwrap());
        let (shape, texture) = image.trim_end_matches(".png").split_once('-').unwrap();
        let category = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        let (shape, texture) = (category(shape), category(texture));
        name = record[0].to_owned();
        if shape != texture {
            right.insert(image.to_owned(), response == shape);
            let count = counts.entry(shape.clone()).or_default();
            count[0] += f64::from(u8::from(response == shape));
            count[1] += f64::from(u8::from(response == texture));
        }
    }
    (name, counts, right)
}

fn kappa(a: &BTreeMap<String, bool>, b: &BTreeMap<String, bool>) -> f64 {
    let both: Vec<(bool, bool)> =
        a.iter().filter_map(|(image, x)| Some((*x, *b.get(image)?))).collect();
    let share = |test: fn(&(bool, bool)) -> bool| {
        both.iter().filter(|pair| test(pair)).count() as f64 / both.len() as f64
    };
    let (agree, p, q) = (share(|(x, y)| x == y), share(|(x, _)| *x), share(|(_, y)| *y));
    let chance = p * q + (1.0 - p) * (1.0 - q);
    (agree - chance) / (1.0 - chance)
}

#[test]
fn decisions_of_published_observers() {
    let Some(folder) = shared("cue-conflict/decisions") else { return };
    let all: Vec<_> = files(&folder, ".csv").iter().map(|path| decisions(path)).collect();
    let (people, networks): (Vec<_>, Vec<_>) =
        all.iter().partition(|(name, ..)| name.starts_with("subject"));
    let mut humans = Counts::new();
    for (_, counts, _) in &people {
        for (category, [shape, texture]) in counts {
            let pooled = humans.entry(category.clone()).or_default();
            *pooled = [pooled[0] + shape, pooled[1] + texture];
        }
    }
    let overall = |counts: &Counts| {
        let sum =
            counts.values().fold([0.0, 0.0], |sum, count| [sum[0] + count[0], sum[1] + count[1]]);
        sum[0] / (sum[0] + sum[1])
    };
    let observer = |label: &str, who: Who, counts: &Counts| BiasObserver {
        label: label.to_owned(),
        who,
        untrained: false,
        shape_bias: counts
            .values()
            .map(|[shape, texture]| (shape + texture > 0.0).then(|| shape / (shape + texture)))
            .collect(),
        overall: Some(overall(counts)),
    };
    let categories: Vec<String> = humans.keys().cloned().collect();
    for (count, width) in [(4, Width::Column), (11, Width::Column), (12, Width::Page)] {
        let observers =
            networks[..count].iter().map(|(name, counts, _)| observer(name, Who::Network, counts));
        let observers: Vec<_> =
            observers.chain([observer("humans", Who::People, &humans)]).collect();
        sound(
            &bias::draw(&BiasSpec { categories: categories.clone(), observers, note: None, width })
                .unwrap(),
        );
    }
    let bar = |label: &str, human: bool, value: f64| {
        let error = 1.96 * (value * (1.0 - value) / 800.0).sqrt();
        let interval = Some([(value - error).max(0.0), (value + error).min(1.0)]);
        Bar { label: label.to_owned(), human, untrained: false, value, interval }
    };
    let mut all_bars: Vec<Bar> =
        networks.iter().map(|(name, counts, _)| bar(name, false, overall(counts))).collect();
    all_bars.push(bar("humans (10)", true, overall(&humans)));
    let texts = sound(
        &bars::draw(&BarsSpec {
            bars: all_bars,
            title: "shape bias".to_owned(),
            width: Width::Column,
        })
        .unwrap(),
    );
    // Humans pooled 0.9587, resnet101 0.2612.
    assert!(texts.iter().any(|text| text == "0.96") && texts.iter().any(|text| text == "0.26"));
    for count in [10, all.len()] {
        let names: Vec<String> = all[..count].iter().map(|(name, ..)| name.clone()).collect();
        let values = Array2::from_shape_fn((count, count), |(i, j)| kappa(&all[i].2, &all[j].2));
        let spec = MatrixSpec {
            rows: names.clone(),
            columns: names,
            values,
            kind: CellKind::Kappa,
            row_title: None,
            column_title: None,
            value_title: "error consistency (Cohen’s κ)".to_owned(),
        };
        sound(&matrix::draw(&spec).unwrap());
    }
}
