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

/// Describes a map that is given as a whole, so without intervals. Squares and circles are drawn around
/// the pixel `around`, or around the middle (H/2, W/2) where none is given.
pub fn describe(map: &Array2<f64>, around: Option<[usize; 2]>) -> Description {
    let [area_ratios, mass_ratios] = squares(map, around)
        .map(|squares| THRESHOLDS.iter().map(|&threshold| squares.area_ratio(threshold)).collect());
    let (height, width) = map.dim();
    Description {
        area_ratios,
        mass_ratios,
        centre_of_mass: centre_of_mass(map),
        arg_max: arg_max(map),
        radial_mass: radial_mass(map, around.unwrap_or([height / 2, width / 2])),
        gaussian: gaussian::fit(map),
    }
}

/// Describes the mean of accumulated maps as [`describe`] does, with jackknife intervals; nothing before
/// the first image.
///
/// Squares grow in steps of 2 pixels, and groups often agree on the step though not on the map. So the
/// scatter is that of the crossings between squares.
pub fn describe_mean(accumulator: &Accumulator, around: Option<[usize; 2]>) -> Option<Description> {
    let mut description = describe(&accumulator.mean()?, around);
    let without: Vec<[CentredSquares; 2]> =
        accumulator.means_without_groups().map(|map| squares(&map, around)).collect();
    let lists = [&mut description.area_ratios, &mut description.mass_ratios];
    for (kind, list) in lists.into_iter().enumerate() {
        for ratio in list {
            let crossing = |squares: &[CentredSquares; 2]| squares[kind].crossing(ratio.threshold);
            let values: Vec<f64> = without.iter().map(crossing).collect();
            ratio.interval = jackknife::interval(ratio.ratio, &values);
        }
    }
    Some(description)
}

/// The squares of r(t) and of m(t).
fn squares(map: &Array2<f64>, around: Option<[usize; 2]>) -> [CentredSquares; 2] {
    let of = |map: &Array2<f64>| match around {
        None => CentredSquares::of(map),
        Some(pixel) => CentredSquares::around(map, pixel),
    };
    [of(&logarithmic(map)), of(map)]
}
