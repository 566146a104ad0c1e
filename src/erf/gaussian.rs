//! Least-squares fit of an axis-aligned 2-D Gaussian with a constant floor, by the
//! Levenberg-Marquardt method (Marquardt 1963). Luo et al. (2016, section 2) show that effective
//! receptive fields tend to Gaussians.
//!
//! The floor isn't below 0, as the map isn't: a nearly flat map would else be fitted by the top of a
//! Gaussian that is wider than itself.

use ndarray::Array2;

use super::moments::centre_of_mass;
use super::result::GaussianFit;

const PARAMETERS: usize = 6;
const ITERATIONS: usize = 200;

/// Amplitude, offset, centre row and column, sigma along y and x.
type Vector = [f64; PARAMETERS];

/// Place of the floor among the parameters.
const OFFSET: usize = 1;

/// Fits the map, or says nothing where the map is flat or the fit doesn't converge to widths between
/// a tenth of a pixel and the map's side: a wider one, the map doesn't tell.
pub fn fit(map: &Array2<f64>) -> Option<GaussianFit> {
    let peak = map.iter().copied().fold(0.0, f64::max);
    let mean = map.mean()?;
    let variation: f64 = map.iter().map(|value| (value - mean).powi(2)).sum();
    if !(peak > 0.0 && variation > 0.0) {
        return None;
    }
    // Values are scaled to a peak of 1, so that one damping suits amplitudes and widths.
    let scaled = map.mapv(|value| value / peak);
    let mut parameters = first_guess(&scaled);
    let mut error = squared_error(&scaled, &parameters);
    let mut damping = 1e-3;
    for _ in 0..ITERATIONS {
        let (normal, mut gradient) = normal_equations(&scaled, &parameters);
        let mut damped = normal;
        if parameters[OFFSET] <= 0.0 && gradient[OFFSET] < 0.0 {
            // It stays at the limit that it would pass.
            damped.iter_mut().for_each(|row| row[OFFSET] = 0.0);
            damped[OFFSET] = [0.0; PARAMETERS];
            damped[OFFSET][OFFSET] = 1.0;
            gradient[OFFSET] = 0.0;
        }
        for (i, row) in damped.iter_mut().enumerate() {
            row[i] += damping * row[i].max(1e-12);
        }
        let step = solve(damped, gradient)?;
        let mut candidate = parameters;
        for (value, step) in candidate.iter_mut().zip(step) {
            *value += step;
        }
        candidate[OFFSET] = candidate[OFFSET].max(0.0);
        let candidate_error = squared_error(&scaled, &candidate);
        if candidate_error < error {
            let gain = (error - candidate_error) / error;
            (parameters, error) = (candidate, candidate_error);
            damping = (damping / 5.0).max(1e-12);
            if gain < 1e-12 {
                break;
            }
        } else {
            damping *= 4.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    let [amplitude, offset, row, column, sigma_y, sigma_x] = parameters;
    let (sigma_y, sigma_x) = (sigma_y.abs(), sigma_x.abs());
    let (height, width) = map.dim();
    let plausible = |sigma: f64, size: usize| sigma > 0.1 && sigma < size as f64;
    let converged = parameters.iter().all(|value| value.is_finite())
        && plausible(sigma_y, height)
        && plausible(sigma_x, width);
    converged.then(|| GaussianFit {
        amplitude: amplitude * peak,
        offset: offset * peak,
        centre: [row, column],
        sigma_x,
        sigma_y,
        r_squared: 1.0 - error * peak * peak / variation,
    })
}

/// Centre of mass, and the widths that the second moments around it give.
fn first_guess(map: &Array2<f64>) -> Vector {
    let floor = map.iter().copied().fold(f64::INFINITY, f64::min);
    let above = map.mapv(|value| value - floor);
    let [row, column] = centre_of_mass(&above);
    let (mut total, mut rows, mut columns) = (0.0, 0.0, 0.0);
    for ((r, c), &value) in above.indexed_iter() {
        total += value;
        rows += value * (r as f64 - row).powi(2);
        columns += value * (c as f64 - column).powi(2);
    }
    // Half the second moment's width: heavy tails, which maps of ReLU networks have, inflate it.
    let width = |moment: f64| (0.5 * (moment / total).sqrt()).max(0.5);
    [1.0 - floor, floor, row, column, width(rows), width(columns)]
}

/// exp(-(i - centre)^2 / (2 sigma^2)) for each i; the Gaussian is the product of two of these.
fn bell(size: usize, centre: f64, sigma: f64) -> Vec<f64> {
    (0..size).map(|i| (-0.5 * ((i as f64 - centre) / sigma).powi(2)).exp()).collect()
}

fn squared_error(map: &Array2<f64>, parameters: &Vector) -> f64 {
    let [amplitude, offset, row, column, sigma_y, sigma_x] = *parameters;
    let (height, width) = map.dim();
    let (rows, columns) = (bell(height, row, sigma_y), bell(width, column, sigma_x));
    map.indexed_iter()
        .map(|((r, c), value)| (value - offset - amplitude * rows[r] * columns[c]).powi(2))
        .sum()
}

/// J^T J and J^T (map - model).
fn normal_equations(map: &Array2<f64>, parameters: &Vector) -> ([Vector; PARAMETERS], Vector) {
    let [amplitude, offset, row, column, sigma_y, sigma_x] = *parameters;
    let (height, width) = map.dim();
    let (rows, columns) = (bell(height, row, sigma_y), bell(width, column, sigma_x));
    let mut normal = [[0.0; PARAMETERS]; PARAMETERS];
    let mut gradient = [0.0; PARAMETERS];
    for ((r, c), value) in map.indexed_iter() {
        let bell = rows[r] * columns[c];
        let model = amplitude * bell;
        let (y, x) = ((r as f64 - row) / sigma_y, (c as f64 - column) / sigma_x);
        let slopes = [
            bell,
            1.0,
            model * y / sigma_y,
            model * x / sigma_x,
            model * y * y / sigma_y,
            model * x * x / sigma_x,
        ];
        let residual = value - offset - model;
        for i in 0..PARAMETERS {
            gradient[i] += slopes[i] * residual;
            for j in 0..PARAMETERS {
                normal[i][j] += slopes[i] * slopes[j];
            }
        }
    }
    (normal, gradient)
}

/// Gaussian elimination with partial pivoting; nothing for a singular matrix.
fn solve(mut matrix: [Vector; PARAMETERS], mut right: Vector) -> Option<Vector> {
    for pivot in 0..PARAMETERS {
        let best = (pivot..PARAMETERS)
            .max_by(|&a, &b| matrix[a][pivot].abs().total_cmp(&matrix[b][pivot].abs()))?;
        matrix.swap(pivot, best);
        right.swap(pivot, best);
        let size = matrix[pivot][pivot].abs();
        if size == 0.0 || !size.is_finite() {
            return None;
        }
        let pivot_row = matrix[pivot];
        for row in pivot + 1..PARAMETERS {
            let factor = matrix[row][pivot] / pivot_row[pivot];
            for (value, above) in matrix[row].iter_mut().zip(pivot_row) {
                *value -= factor * above;
            }
            right[row] -= factor * right[pivot];
        }
    }
    let mut solution = [0.0; PARAMETERS];
    for row in (0..PARAMETERS).rev() {
        let known: f64 = (row + 1..PARAMETERS).map(|c| matrix[row][c] * solution[c]).sum();
        solution[row] = (right[row] - known) / matrix[row][row];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(
        height: usize,
        width: usize,
        [row, column]: [f64; 2],
        sigma: [f64; 2],
    ) -> Array2<f64> {
        Array2::from_shape_fn((height, width), |(r, c)| {
            let y = (r as f64 - row) / sigma[0];
            let x = (c as f64 - column) / sigma[1];
            3e-5 * (-0.5 * (y * y + x * x)).exp() + 1e-6
        })
    }

    #[test]
    fn an_exact_gaussian_is_found() {
        let fit = fit(&gaussian(60, 80, [31.5, 37.0], [6.0, 11.0])).unwrap();
        assert!((fit.sigma_y - 6.0).abs() < 1e-6 && (fit.sigma_x - 11.0).abs() < 1e-6, "{fit:?}");
        assert!((fit.centre[0] - 31.5).abs() < 1e-6 && (fit.centre[1] - 37.0).abs() < 1e-6);
        assert!((fit.amplitude - 3e-5).abs() < 1e-11 && (fit.offset - 1e-6).abs() < 1e-11);
        assert!((fit.r_squared - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_flat_map_has_no_fit() {
        assert!(fit(&Array2::zeros((9, 9))).is_none());
        assert!(fit(&Array2::from_elem((9, 9), 2.0)).is_none());
    }

    #[test]
    fn the_floor_is_not_below_0() {
        // A cone has no floor, and a Gaussian with one below 0 would fit it better.
        let cone = Array2::from_shape_fn((61, 61), |(r, c)| {
            (1.0 - (r as f64 - 30.0).hypot(c as f64 - 30.0) / 30.0).max(0.0)
        });
        let fit = fit(&cone).unwrap();
        assert!(fit.offset >= 0.0 && fit.offset < 1e-3, "{fit:?}");
        assert!(fit.r_squared > 0.98, "{fit:?}");
    }

    #[test]
    fn a_width_beyond_the_map_is_not_told() {
        assert!(fit(&gaussian(20, 20, [10.0, 10.0], [60.0, 60.0])).is_none());
    }

    #[test]
    fn noise_lowers_the_explained_share_only() {
        let mut map = gaussian(64, 64, [32.0, 32.0], [8.0, 8.0]);
        for ((r, c), value) in map.indexed_iter_mut() {
            *value *= 1.0 + 0.2 * ((r * 7 + c * 13) as f64).sin();
        }
        let fit = fit(&map).unwrap();
        assert!((fit.sigma_x - 8.0).abs() < 0.3 && fit.r_squared > 0.9 && fit.r_squared < 1.0);
    }
}
