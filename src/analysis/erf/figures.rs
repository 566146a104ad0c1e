//! The figures of an ERF study.

use ndarray::Array2;

use super::files;
use crate::analysis::AnalysisError;
use crate::erf::result::ErfResult;
use crate::figure::heatmap::HeatmapSpec;
use crate::figure::panels::PanelsSpec;
use crate::figure::{Colormap, Figure, Format, heatmap, panels, profile};
use crate::report::charts;
use crate::store::ResultFolder;

/// The heatmap of one network: `LABEL.png`, `.svg`, `.pdf`.
pub fn one(
    result: &ErfResult,
    map: &Array2<f64>,
    colormap: Colormap,
    formats: &[Format],
    folder: &ResultFolder,
) -> Result<(), AnalysisError> {
    let spec = HeatmapSpec {
        panel: charts::panel(result, map.view()),
        scale: Default::default(),
        colormap,
    };
    save(&heatmap::draw(&spec)?, folder, &files::heatmap(&result.label), formats)
}

/// All networks side by side on one scale (`erf.*`) and their mass against the side of a centred
/// square (`erf-profile.*`).
pub fn all(
    results: &[(&ErfResult, &Array2<f64>)],
    colormap: Colormap,
    formats: &[Format],
    folder: &ResultFolder,
) -> Result<(), AnalysisError> {
    let panels = results.iter().map(|(result, map)| charts::panel(result, map.view())).collect();
    let spec = PanelsSpec { panels, scale: Default::default(), colormap };
    save(&panels::draw(&spec)?, folder, files::PANELS, formats)?;
    let spec = charts::profile(results.iter().copied());
    save(&profile::draw(&spec)?, folder, files::PROFILE, formats)
}

fn save(
    figure: &Figure,
    folder: &ResultFolder,
    stem: &str,
    formats: &[Format],
) -> Result<(), AnalysisError> {
    figure.save(folder.path(), stem, formats)?;
    Ok(())
}
