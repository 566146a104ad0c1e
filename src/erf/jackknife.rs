//! Intervals from a delete-a-group jackknife (Kott 2001, "The delete-a-group jackknife", Journal of
//! Official Statistics 17(4)): a figure is computed without each group of images in turn, and its
//! spread over the groups gives a standard error, without any map of a single image being kept.

/// Groups of images.
pub const GROUPS: usize = 10;

/// 97.5 % quantiles of Student's t for 1 to 9 degrees of freedom.
const T_QUANTILES: [f64; 9] =
    [12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157];

/// 95 % interval around `estimate` from the values without each group in turn: standard error
/// sqrt((G-1)/G sum (value - mean)^2), times Student's t with G-1 degrees of freedom, cut to 0..1.
/// Nothing for fewer than two groups.
pub fn interval(estimate: f64, without_group: &[f64]) -> Option<[f64; 2]> {
    let groups = without_group.len();
    let quantile = T_QUANTILES.get(groups.checked_sub(2)?.min(T_QUANTILES.len() - 1))?;
    let mean = without_group.iter().sum::<f64>() / groups as f64;
    let squares: f64 = without_group.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares * (groups - 1) as f64 / groups as f64).sqrt();
    let clip = |value: f64| value.clamp(0.0, 1.0);
    Some([clip(estimate - quantile * error), clip(estimate + quantile * error)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jackknife_of_a_mean_is_its_standard_error() {
        // Groups of one: values 0.1 to 0.5, mean 0.3, standard error sqrt(0.025 / 5) = 0.0707.
        let values = [0.1, 0.2, 0.3, 0.4, 0.5];
        let without: Vec<f64> = values.iter().map(|v| (1.5 - v) / 4.0).collect();
        let [low, high] = interval(0.3, &without).unwrap();
        let half = 2.776445 * (0.025f64 / 5.0).sqrt();
        assert!((low - (0.3 - half)).abs() < 1e-9 && (high - (0.3 + half)).abs() < 1e-9);
    }

    #[test]
    fn one_group_has_no_interval() {
        assert_eq!(interval(0.3, &[0.3]), None);
        assert_eq!(interval(0.3, &[]), None);
        assert_eq!(interval(0.3, &[0.3, 0.3]), Some([0.3, 0.3]));
    }
}
