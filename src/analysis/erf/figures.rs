//! The figures of an ERF study.

use ndarray::Array2;

use crate::analysis::AnalysisError;
use crate::erf::ratio::CentredSquares;
use crate::erf::result::ErfResult;
use crate::figure::heatmap::{HeatmapSpec, MapPanel, Square};
use crate::figure::panels::PanelsSpec;
use crate::figure::profile::{ProfileCurve, ProfileSpec, SideUnit};
use crate::figure::{Colormap, Figure, Format, Width, heatmap, panels, profile};
use crate::store::{ResultFolder, safe_file_name};

/// The heatmap of one network: `LABEL.png`, `.svg`, `.pdf`.
pub fn one(
    result: &ErfResult,
    map: &Array2<f64>,
    colormap: Colormap,
    formats: &[Format],
    folder: &ResultFolder,
) -> Result<(), AnalysisError> {
    let spec = HeatmapSpec { panel: panel(result, map), scale: Default::default(), colormap };
    save(&heatmap::draw(&spec)?, folder, &safe_file_name(&result.label), formats)
}

/// All networks side by side on one scale (`erf.*`) and their mass against the side of a centred
/// square (`erf-profile.*`).
pub fn all(
    results: &[(&ErfResult, &Array2<f64>)],
    colormap: Colormap,
    formats: &[Format],
    folder: &ResultFolder,
) -> Result<(), AnalysisError> {
    let panels = results.iter().map(|(result, map)| panel(result, map)).collect();
    let spec = PanelsSpec { panels, scale: Default::default(), colormap };
    save(&panels::draw(&spec)?, folder, "erf", formats)?;
    let curves = results.iter().map(|(result, map)| curve(result, map)).collect();
    let share_title = Some("share of the map's mass".to_owned());
    let spec =
        ProfileSpec { curves, unit: SideUnit::ShareOfMap, share_title, width: Width::Column };
    save(&profile::draw(&spec)?, folder, "erf-profile", formats)
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

fn panel<'a>(result: &ErfResult, map: &'a Array2<f64>) -> MapPanel<'a> {
    let squares = result.area_ratios.iter().map(|ratio| Square {
        threshold: ratio.threshold,
        side: ratio.side,
        ratio: ratio.ratio,
    });
    MapPanel {
        label: result.label.clone(),
        untrained: result.untrained,
        map: map.view(),
        squares: squares.collect(),
    }
}

fn curve(result: &ErfResult, map: &Array2<f64>) -> ProfileCurve {
    let (height, width) = map.dim();
    let whole = height.min(width) as f64;
    let squares = CentredSquares::of(map);
    let points = squares.profile().map(|(side, share)| (side as f64 / whole, share));
    ProfileCurve {
        label: result.label.clone(),
        untrained: result.untrained,
        points: points.chain([(1.0, 1.0)]).collect(),
    }
}
