//! From a map to all its figures.

use ndarray::Array2;

use super::accumulate::Accumulator;
use super::gaussian;
use super::jackknife;
use super::moments::{arg_max, centre_of_mass, radial_mass};
use super::ratio::{CentredSquares, logarithmic};
use super::result::{AreaRatio, GaussianFit, RadialMass, THRESHOLDS};

/// Everything that is reported about a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// r(t), on log10(map + 1).
    pub area_ratios: Vec<AreaRatio>,
    /// m(t), on the map.
    pub mass_ratios: Vec<AreaRatio>,
    /// Row and column, in pixels.
    pub centre_of_mass: [f64; 2],
    /// Row and column of the largest value.
    pub arg_max: [usize; 2],
    /// Mass within radii.
    pub radial_mass: Vec<RadialMass>,
    /// Gaussian fit, where it converges.
    pub gaussian: Option<GaussianFit>,
}

/// Describes a map that is given as a whole, so without intervals.
pub fn describe(map: &Array2<f64>) -> Description {
    let [area_ratios, mass_ratios] = ratios(map);
    Description {
        area_ratios,
        mass_ratios,
        centre_of_mass: centre_of_mass(map),
        arg_max: arg_max(map),
        radial_mass: radial_mass(map),
        gaussian: gaussian::fit(map),
    }
}

/// Describes the mean of accumulated maps, with jackknife intervals; nothing before the first image.
pub fn describe_mean(accumulator: &Accumulator) -> Option<Description> {
    let mut description = describe(&accumulator.mean()?);
    let without: Vec<[Vec<AreaRatio>; 2]> =
        accumulator.means_without_groups().map(|map| ratios(&map)).collect();
    let lists = [&mut description.area_ratios, &mut description.mass_ratios];
    for (kind, list) in lists.into_iter().enumerate() {
        for (index, ratio) in list.iter_mut().enumerate() {
            let values: Vec<f64> = without.iter().map(|lists| lists[kind][index].ratio).collect();
            ratio.interval = jackknife::interval(ratio.ratio, &values);
        }
    }
    Some(description)
}

/// r(t) and m(t) at each threshold.
fn ratios(map: &Array2<f64>) -> [Vec<AreaRatio>; 2] {
    [logarithmic(map), map.to_owned()].map(|map| {
        let squares = CentredSquares::of(&map);
        THRESHOLDS.iter().map(|&threshold| squares.area_ratio(threshold)).collect()
    })
}
