//! Where a map's mass lies: centre of mass, largest value, mass within radii of the centre.

use ndarray::Array2;

use super::result::{RADII, RadialMass};

/// Centre of mass, row and column in pixels. The centre pixel (H/2, W/2) for a map that is zero
/// everywhere.
pub fn centre_of_mass(map: &Array2<f64>) -> [f64; 2] {
    let (height, width) = map.dim();
    let (mut total, mut rows, mut columns) = (0.0, 0.0, 0.0);
    for ((row, column), &value) in map.indexed_iter() {
        total += value;
        rows += row as f64 * value;
        columns += column as f64 * value;
    }
    if total > 0.0 {
        [rows / total, columns / total]
    } else {
        [(height / 2) as f64, (width / 2) as f64]
    }
}

/// Row and column of the largest value; the first in row-major order on a tie.
pub fn arg_max(map: &Array2<f64>) -> [usize; 2] {
    let mut best = ([0, 0], f64::NEG_INFINITY);
    for ((row, column), &value) in map.indexed_iter() {
        if value > best.1 {
            best = ([row, column], value);
        }
    }
    best.0
}

/// Share of the mass at a distance of at most each of [`RADII`] pixels from `centre` (row, column).
pub fn radial_mass(map: &Array2<f64>, centre: [usize; 2]) -> Vec<RadialMass> {
    let [centre_row, centre_column] = centre.map(|place| place as f64);
    let total: f64 = map.sum();
    RADII
        .iter()
        .map(|&radius| {
            let inside: f64 = map
                .indexed_iter()
                .filter(|((row, column), _)| {
                    let (dy, dx) = (*row as f64 - centre_row, *column as f64 - centre_column);
                    dy * dy + dx * dx <= radius * radius
                })
                .map(|(_, value)| value)
                .sum();
            RadialMass { radius, mass: if total > 0.0 { inside / total } else { 0.0 } }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_points_balance_between_them() {
        let mut map = Array2::zeros((10, 10));
        map[[2, 3]] = 1.0;
        map[[6, 3]] = 3.0;
        assert_eq!(centre_of_mass(&map), [5.0, 3.0]);
        assert_eq!(arg_max(&map), [6, 3]);
    }

    #[test]
    fn a_radius_includes_pixels_at_its_distance() {
        let mut map = Array2::zeros((21, 21));
        map[[10, 15]] = 1.0;
        map[[13, 14]] = 1.0;
        map[[14, 14]] = 2.0;
        let mass = radial_mass(&map, [10, 10]);
        assert_eq!((mass[0].radius, mass[0].mass), (5.0, 0.5));
        assert_eq!((mass[1].radius, mass[1].mass), (10.0, 1.0));
    }
}
