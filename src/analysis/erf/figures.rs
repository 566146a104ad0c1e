//! The figures of an ERF study.

use std::path::Path;

use ndarray::Array2;

use super::{ErfStudy, files};
use crate::analysis::AnalysisError;
use crate::erf::result::ErfResult;
use crate::figure::heatmap::HeatmapSpec;
use crate::figure::panels::PanelsSpec;
use crate::figure::{Colormap, Figure, Format, heatmap, panels, profile};
use crate::report::charts;
use crate::store::{StoreError, npy};

impl ErfStudy {
    /// Draws the figures of a study that was run anew, from its maps and results.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`]: a map or a result that can't be read, a figure that can't be drawn.
    pub fn redraw(&self) -> Result<(), AnalysisError> {
        let read = |label: &str| {
            let path = self.out.join(files::result(label));
            let text =
                std::fs::read(&path).map_err(|error| StoreError::io("read", &path, error))?;
            let result: ErfResult = serde_json::from_slice(&text).map_err(|error| {
                AnalysisError::Failed(format!("cannot read {}: {error}", path.display()))
            })?;
            Ok((result, npy::read_map(&self.out.join(files::map(label)))?))
        };
        let networks = self.labels().map(read).collect::<Result<Vec<_>, AnalysisError>>()?;
        for (result, map) in &networks {
            one(result, map, self.colormap, &self.formats, &self.out)?;
        }
        let networks: Vec<_> = networks.iter().map(|(result, map)| (result, map)).collect();
        all(&networks, self.colormap, &self.formats, &self.out)
    }
}

/// The heatmap of one network: `LABEL.png`, `.svg`, `.pdf`.
pub fn one(
    result: &ErfResult,
    map: &Array2<f64>,
    colormap: Colormap,
    formats: &[Format],
    folder: &Path,
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
    folder: &Path,
) -> Result<(), AnalysisError> {
    let panels = results.iter().map(|(result, map)| charts::panel(result, map.view())).collect();
    let spec = PanelsSpec { panels, scale: Default::default(), colormap };
    save(&panels::draw(&spec)?, folder, files::PANELS, formats)?;
    let spec = charts::profile(results.iter().copied());
    save(&profile::draw(&spec)?, folder, files::PROFILE, formats)
}

fn save(
    figure: &Figure,
    folder: &Path,
    stem: &str,
    formats: &[Format],
) -> Result<(), AnalysisError> {
    figure.save(folder, stem, formats)?;
    Ok(())
}
