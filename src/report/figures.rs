//! The figures of a report.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::charts::{self, Charted};
use super::findings::correlation;
use super::options::Options;
use super::study::{ErfEntry, Study};
use super::tables::categories_of;
use crate::figure::heatmap::{HeatmapSpec, Scale};
use crate::figure::panels::PanelsSpec;
use crate::figure::{Figure, FigureError, bars, bias, heatmap, matrix, panels, profile, scatter};
use crate::shapebias::result::ObserverKind;

/// Observers in a chart whose series can be switched.
const MOST_SWITCHED: usize = 32;
/// Side of a heatmap's pixels on a page, two for each pixel of a screen.
const SCREEN_SIDE: usize = 256;
/// Side of a heatmap's pixels in print, where up to five stand beside one another.
const PRINT_SIDE: usize = 400;

/// A figure with its words.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Name of its files and in analysis files.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// The drawing.
    pub figure: Figure,
    /// True for the width of a page, false for that of a column.
    pub wide: bool,
    /// Observers by the number of their series, where the figure has series that can be switched.
    pub series: Vec<Series>,
}

/// A series that can be switched.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its class in the drawing is `series-` and this number.
    pub number: usize,
    /// Label of the observer or network.
    pub label: String,
    /// Whether it is one of the first that fit a printed chart.
    pub on: bool,
}

/// How the maps of a page can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapScale {
    /// Short name.
    pub key: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// The scale.
    pub scale: ScaleKind,
}

/// A scale of heatmaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleKind {
    /// log10(map + 1), as in the paper.
    Paper,
    /// The map itself.
    Linear,
    /// Four decades below the maximum.
    Decades,
}

/// The scales of a page.
pub const SCALES: [MapScale; 3] = [
    MapScale { key: "paper", label: "log₁₀(map + 1)", scale: ScaleKind::Paper },
    MapScale { key: "linear", label: "linear", scale: ScaleKind::Linear },
    MapScale { key: "log", label: "log, 4 decades", scale: ScaleKind::Decades },
];

impl ScaleKind {
    fn scale(self) -> Scale {
        match self {
            ScaleKind::Paper => Scale::Log,
            ScaleKind::Linear => Scale::Linear,
            ScaleKind::Decades => Scale::Decades(4),
        }
    }
}

/// The names of all figures.
pub const NAMES: [&str; 6] = [
    "erf-panels",
    "erf-profile",
    "scatter",
    "shapebias-categories",
    "shapebias-bars",
    "consistency-matrix",
];

fn maps(study: &Study) -> Vec<(&ErfEntry, ArrayView2<'_, f64>)> {
    study.erfs.iter().filter_map(|erf| Some((erf, erf.map.as_ref()?.view()))).collect()
}

/// The map of each network in every one of [`SCALES`], by label.
///
/// # Errors
///
/// Those of the drawings.
pub fn heatmaps(
    study: &Study,
    options: &Options,
) -> Result<Vec<(String, Vec<Figure>)>, FigureError> {
    maps(study)
        .into_par_iter()
        .map(|(erf, map)| {
            let draw = |scale: &MapScale| {
                let panel = charts::panel(&erf.result, map);
                let spec =
                    HeatmapSpec { panel, scale: scale.scale.scale(), colormap: options.colormap };
                heatmap::draw_at(&spec, SCREEN_SIDE)
            };
            let figures: Result<Vec<Figure>, FigureError> = SCALES.iter().map(draw).collect();
            Ok((erf.result.label.clone(), figures?))
        })
        .collect()
}

/// All maps side by side on the paper's scale, for print.
///
/// # Errors
///
/// Those of the drawing.
pub fn map_panels(study: &Study, options: &Options) -> Result<Option<Drawn>, FigureError> {
    let panels: Vec<_> =
        maps(study).into_iter().map(|(erf, map)| charts::panel(&erf.result, map)).collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let wide = panels.len() > 2;
    let spec = PanelsSpec { panels, scale: Scale::Log, colormap: options.colormap };
    let caption = "Effective receptive fields, log10(map + 1), each as a share of its own maximum; the \
                   outlines are the squares of the area ratios.";
    let caption = &format!("{caption}{}", study.mixture());
    Ok(Some(drawn("erf-panels", caption, panels::draw_at(&spec, PRINT_SIDE)?, wide, options)))
}

fn drawn(name: &str, caption: &str, figure: Figure, wide: bool, options: &Options) -> Drawn {
    let caption = options.captions.get(name).map_or(caption, String::as_str).to_owned();
    Drawn { name: name.to_owned(), caption, figure, wide, series: Vec::new() }
}

/// Mass against the side of a centred square.
///
/// # Errors
///
/// Those of the drawing.
pub fn mass_profile(study: &Study, options: &Options) -> Result<Option<Drawn>, FigureError> {
    let known = study.erfs.iter().filter_map(|erf| Some((&erf.result, erf.map.as_ref()?)));
    let spec = charts::profile(known);
    if spec.curves.is_empty() {
        return Ok(None);
    }
    let labels: Vec<String> = spec.curves.iter().map(|curve| curve.label.clone()).collect();
    let caption = "Share of the map's mass inside a centred square, against the square's side \
                   as a share of the map's shorter side.";
    let caption = format!("{caption}{}", study.mixture());
    let mut drawn = drawn("erf-profile", &caption, profile::draw(&spec)?, false, options);
    drawn.series = labels
        .into_iter()
        .enumerate()
        .map(|(number, label)| Series { number, label, on: true })
        .collect();
    Ok(Some(drawn))
}

/// r(50 %) against shape bias.
///
/// # Errors
///
/// Those of the drawing.
pub fn reach_and_bias(study: &Study, options: &Options) -> Result<Option<Drawn>, FigureError> {
    let correlation = correlation(study);
    let Some(spec) = charts::scatter(study, correlation.as_ref()) else { return Ok(None) };
    let caption = "Area ratio r(50 %) against shape bias, with 95 % intervals where there are any.";
    let caption = format!("{caption}{}", study.mixture());
    Ok(Some(drawn("scatter", &caption, scatter::draw(&spec)?, false, options)))
}

fn observers(study: &Study, most: usize, people: bool) -> Charted<'_> {
    let all = study.observers.iter().map(|entry| &entry.result);
    charts::charted(all.filter(|one| people || one.kind != ObserverKind::Person), most)
}

/// Shape bias by category, of as many observers as fit print, or with series to be switched.
///
/// # Errors
///
/// Those of the drawing.
pub fn by_category(
    study: &Study,
    options: &Options,
    switched: bool,
) -> Result<Option<Drawn>, FigureError> {
    let printed = observers(study, charts::MOST_PRINTED, true);
    // Single people look alike, so that switching one on or off tells nothing.
    let pooled = study.humans().is_some_and(|entry| entry.result.overall.shape_bias.is_some());
    let charted = if switched { observers(study, MOST_SWITCHED, !pooled) } else { printed.clone() };
    if charted.observers.is_empty() {
        return Ok(None);
    }
    let spec = charts::by_category(&categories_of(study), &charted.observers);
    let mut caption =
        "Shape bias by category of the shape, after Geirhos et al. 2019, figure 4; the \
                       lines and the last row are each observer's overall value."
            .to_owned();
    for sentence in &charted.left_out {
        caption.push_str(&format!(" {sentence}"));
    }
    let mut drawn = drawn("shapebias-categories", &caption, bias::draw(&spec)?, true, options);
    drawn.series = charted
        .observers
        .iter()
        .enumerate()
        .map(|(number, observer)| Series {
            number,
            label: observer.label.clone(),
            on: printed.observers.iter().any(|printed| printed.label == observer.label),
        })
        .collect();
    Ok(Some(drawn))
}

/// Overall shape bias with intervals, of every observer that has one.
///
/// # Errors
///
/// Those of the drawing.
pub fn bias_bars(study: &Study, options: &Options) -> Result<Option<Drawn>, FigureError> {
    let spec = charts::overall(study.observers.iter().map(|entry| &entry.result));
    if spec.bars.is_empty() {
        return Ok(None);
    }
    let caption = "Overall shape bias with 95 % bootstrap intervals over stimuli.";
    Ok(Some(drawn("shapebias-bars", caption, bars::draw(&spec)?, false, options)))
}

/// Error consistency, a matrix a run.
///
/// # Errors
///
/// Those of the drawings.
pub fn consistency(study: &Study, options: &Options) -> Result<Vec<Drawn>, FigureError> {
    let caption = "Error consistency: Cohen's kappa of right and wrong answers.";
    let several = study.biases.len() > 1;
    let mut all = Vec::new();
    for (number, entry) in study.biases.iter().enumerate() {
        let labels = entry.result.consistency.labels.len();
        if labels < 2 {
            continue;
        }
        let name = |label: &str| study.label_of(number, label).to_owned();
        let figure = matrix::draw(&charts::consistency(&entry.result, name))?;
        let mut one = drawn("consistency-matrix", caption, figure, labels > 8, options);
        if several {
            one.name = format!("consistency-matrix-{}", number + 1);
            one.caption = format!("{} Run of {}.", one.caption, entry.source);
        }
        all.push(one);
    }
    Ok(all)
}
