//! What an ERF run says about one network: the contents of `LABEL.json` and a row of `erf.csv`.

use serde::{Deserialize, Serialize};

use crate::store::Provenance;

/// The shares of the map, as fractions, at which area ratios are reported (Ding et al. 2022, table 9).
pub const THRESHOLDS: [f64; 4] = [0.20, 0.30, 0.50, 0.99];

/// The radii, in pixels, within which the map's mass is reported.
pub const RADII: [f64; 7] = [5.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0];

/// One network's effective receptive field, described.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErfResult {
    /// Name in tables and figures.
    pub label: String,
    /// Name in the zoo, `torchscript`, or `map` for an existing map.
    pub architecture: String,
    /// True for a network at random initialisation: marked in every table and figure.
    pub untrained: bool,
    /// Height and width of the input, in pixels.
    pub size: [usize; 2],
    /// Layer whose unit was differentiated; `features` for the last feature map; empty for an existing
    /// map.
    pub layer: String,
    /// Row and column of that unit in its feature map; absent for an existing map.
    pub unit: Option<[usize; 2]>,
    /// Row and column of the pixel around which squares and circles are drawn, for a unit that isn't the
    /// centre one; absent where it is the middle of the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around: Option<[usize; 2]>,
    /// Images that entered the mean.
    pub images_used: usize,
    /// Images that could not be read, or whose map held a NaN or infinity.
    pub images_skipped: Vec<SkippedImage>,
    /// r(t): area ratios of log10(map + 1), one for each of [`THRESHOLDS`].
    pub area_ratios: Vec<AreaRatio>,
    /// m(t): the same on the map itself.
    pub mass_ratios: Vec<AreaRatio>,
    /// Centre of mass, row and column, in pixels.
    pub centre_of_mass: [f64; 2],
    /// Row and column of the largest value (the first in row-major order on a tie).
    pub arg_max: [usize; 2],
    /// Share of the map's mass within each of [`RADII`] of the centre pixel, or of `around`.
    pub radial_mass: Vec<RadialMass>,
    /// 2-D Gaussian fit; absent where it does not converge.
    pub gaussian: Option<GaussianFit>,
    /// Median of the seconds that the network took for an image, reading left out; absent for an
    /// existing map.
    #[serde(default)]
    pub seconds_per_image: Option<f64>,
    /// Where this comes from.
    pub provenance: Provenance,
}

/// An image that was left out of the mean, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedImage {
    /// Path of the image.
    pub path: String,
    /// Why it was left out, for a reader.
    pub reason: String,
}

/// The smallest square around the centre that holds more than a share of the map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AreaRatio {
    /// The share t, 0 to 1.
    pub threshold: f64,
    /// Side of the square, 2i + 1 pixels; absent where no square inside the map holds enough
    /// ("whole map").
    pub side: Option<usize>,
    /// Pixels of the square that lie in the map (side^2 but for squares that aren't in the middle) over
    /// H W, or 1 for the whole map.
    pub ratio: f64,
    /// 95 % interval from a delete-group jackknife over images; absent for an existing map or for
    /// fewer images than two groups.
    pub interval: Option<[f64; 2]>,
}

/// The share of mass within a radius of the centre.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RadialMass {
    /// Radius in pixels.
    pub radius: f64,
    /// Share of the mass, 0 to 1, at a distance of at most `radius`.
    pub mass: f64,
}

/// An axis-aligned 2-D Gaussian A exp(-(x-x0)^2/(2 sx^2) - (y-y0)^2/(2 sy^2)) + offset.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianFit {
    /// Height over the offset, in the map's units.
    pub amplitude: f64,
    /// Constant floor, in the map's units.
    pub offset: f64,
    /// Row and column of the peak, in pixels.
    pub centre: [f64; 2],
    /// Standard deviation along x, in pixels.
    pub sigma_x: f64,
    /// Standard deviation along y, in pixels.
    pub sigma_y: f64,
    /// Share of the map's variance that the fit explains (coefficient of determination).
    pub r_squared: f64,
}
