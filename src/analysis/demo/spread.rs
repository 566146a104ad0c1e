//! How much the training seed matters: mean and range of each figure over an architecture's seeds.

use serde::Serialize;

use crate::demo::Miniature;
use crate::erf::result::{AreaRatio, ErfResult};
use crate::shapebias::result::ShapeBiasResult;

/// The share of the map for which area and mass ratios are summarised.
const THRESHOLD: f64 = 0.5;

/// A row of `spread.csv`: figures of one architecture, trained from several seeds. Ratios and biases
/// are 0 to 1; a figure is absent where no network of the architecture has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Name of the architecture in figures.
    pub architecture: String,
    /// Training seeds.
    pub seeds: usize,
    /// Mean of the area ratio r(50 %).
    pub area_ratio_50_mean: Option<f64>,
    /// Its least value.
    pub area_ratio_50_least: Option<f64>,
    /// Its greatest value.
    pub area_ratio_50_greatest: Option<f64>,
    /// Mean of the mass ratio m(50 %).
    pub mass_ratio_50_mean: Option<f64>,
    /// Its least value.
    pub mass_ratio_50_least: Option<f64>,
    /// Its greatest value.
    pub mass_ratio_50_greatest: Option<f64>,
    /// Mean of the shape bias.
    pub shape_bias_mean: Option<f64>,
    /// Its least value.
    pub shape_bias_least: Option<f64>,
    /// Its greatest value.
    pub shape_bias_greatest: Option<f64>,
}

/// A row an architecture, in the order of the networks.
pub fn over_seeds(
    networks: &[Miniature],
    erf: &[ErfResult],
    shapebias: &ShapeBiasResult,
) -> Vec<Spread> {
    let mut families: Vec<&str> = networks.iter().map(|network| network.family).collect();
    families.dedup();
    let row = |family: &str| {
        let labels: Vec<String> = networks
            .iter()
            .filter(|network| network.family == family)
            .map(Miniature::label)
            .collect();
        let ratios = |of: fn(&ErfResult) -> &[AreaRatio]| {
            let found = erf.iter().filter(|result| labels.contains(&result.label));
            summary(found.filter_map(|result| at_threshold(of(result))))
        };
        let biases = labels.iter().filter_map(|label| shapebias.observer(label));
        let [area, mass, bias] = [
            ratios(|result| &result.area_ratios),
            ratios(|result| &result.mass_ratios),
            summary(biases.filter_map(|observer| observer.overall.shape_bias)),
        ];
        Spread {
            architecture: family.to_owned(),
            seeds: labels.len(),
            area_ratio_50_mean: area.map(|[mean, _, _]| mean),
            area_ratio_50_least: area.map(|[_, least, _]| least),
            area_ratio_50_greatest: area.map(|[_, _, greatest]| greatest),
            mass_ratio_50_mean: mass.map(|[mean, _, _]| mean),
            mass_ratio_50_least: mass.map(|[_, least, _]| least),
            mass_ratio_50_greatest: mass.map(|[_, _, greatest]| greatest),
            shape_bias_mean: bias.map(|[mean, _, _]| mean),
            shape_bias_least: bias.map(|[_, least, _]| least),
            shape_bias_greatest: bias.map(|[_, _, greatest]| greatest),
        }
    };
    families.into_iter().map(row).collect()
}

/// The rows as CSV.
pub fn csv(rows: &[Spread]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn at_threshold(ratios: &[AreaRatio]) -> Option<f64> {
    ratios.iter().find(|ratio| ratio.threshold == THRESHOLD).map(|ratio| ratio.ratio)
}

/// Mean, least and greatest.
fn summary(values: impl Iterator<Item = f64>) -> Option<[f64; 3]> {
    let values: Vec<f64> = values.collect();
    let least = values.iter().copied().reduce(f64::min)?;
    let greatest = values.iter().copied().reduce(f64::max)?;
    Some([values.iter().sum::<f64>() / values.len() as f64, least, greatest])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_is_mean_and_range() {
        assert_eq!(summary([0.25, 0.5, 0.0].into_iter()), Some([0.25, 0.0, 0.5]));
        assert_eq!(summary(std::iter::empty()), None);
    }
}
