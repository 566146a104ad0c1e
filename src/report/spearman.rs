//! Spearman's rank correlation with an interval.

/// Fewest pairs for which a correlation is given.
pub const FEWEST: usize = 5;

/// 97.5 % quantile of the standard normal distribution.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// A rank correlation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spearman {
    /// Spearman's rho, -1 to 1.
    pub rho: f64,
    /// 95 % interval; absent where rho is exactly -1 or 1, for which the method gives none.
    pub interval: Option<[f64; 2]>,
    /// Number of pairs.
    pub pairs: usize,
}

/// Spearman's rho of `pairs` (Spearman 1904), tied values sharing their mean rank, with the interval
/// tanh(atanh(rho) ± z sqrt((1 + rho^2 / 2) / (n - 3))) of Bonett and Wright (2000, "Sample size
/// requirements for estimating Pearson, Kendall and Spearman correlations").
///
/// Nothing for fewer than [`FEWEST`] pairs, or where one side is constant.
pub fn spearman(pairs: &[(f64, f64)]) -> Option<Spearman> {
    if pairs.len() < FEWEST {
        return None;
    }
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let rho = pearson(&ranks(&x), &ranks(&y))?.clamp(-1.0, 1.0);
    let error = ((1.0 + rho * rho / 2.0) / (pairs.len() as f64 - 3.0)).sqrt();
    let end = |sign: f64| (rho.atanh() + sign * QUANTILE * error).tanh();
    let interval = (rho.abs() < 1.0 - 1e-12).then(|| [end(-1.0), end(1.0)]);
    Some(Spearman { rho, interval, pairs: pairs.len() })
}

/// Ranks from 1; tied values have the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let tied =
            order[start..].iter().take_while(|&&i| values[i] == values[order[start]]).count();
        let rank = start as f64 + (tied as f64 + 1.0) / 2.0;
        for &index in &order[start..start + tied] {
            ranks[index] = rank;
        }
        start += tied;
    }
    ranks
}

/// Pearson's correlation; nothing where one side is constant.
fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let count = x.len() as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / count, y.iter().sum::<f64>() / count);
    let products = x.iter().zip(y).map(|(a, b)| (a - mean_x) * (b - mean_y)).sum::<f64>();
    let square = |values: &[f64], mean: f64| values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    let scale = (square(x, mean_x) * square(y, mean_y)).sqrt();
    (scale > 0.0).then(|| products / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_published_one() {
        // The example of `ci.spear` in the R package statpsych (Bonett), with its printed result.
        let y = [21, 4, 9, 12, 35, 18, 10, 22, 24, 1, 6, 8, 13, 16, 19];
        let x = [67, 28, 30, 28, 52, 40, 25, 37, 44, 10, 14, 20, 28, 40, 51];
        let pairs: Vec<(f64, f64)> =
            x.iter().zip(y).map(|(&x, y)| (f64::from(x), f64::from(y))).collect();
        let found = spearman(&pairs).unwrap();
        let [low, high] = found.interval.unwrap();
        assert!((found.rho - 0.869_963_9).abs() < 1e-7, "{found:?}");
        assert!((low - 0.584_095_1).abs() < 1e-7 && (high - 0.963_829_7).abs() < 1e-7, "{found:?}");
    }

    #[test]
    fn a_monotone_relation_has_rho_one_and_no_interval() {
        let pairs: Vec<(f64, f64)> = (1..=5).map(|i| (f64::from(i), f64::from(i).exp())).collect();
        assert_eq!(spearman(&pairs), Some(Spearman { rho: 1.0, interval: None, pairs: 5 }));
    }

    #[test]
    fn few_pairs_and_constant_sides_give_nothing() {
        let pairs = [(1.0, 2.0), (2.0, 1.0), (3.0, 4.0), (4.0, 3.0)];
        assert_eq!(spearman(&pairs), None);
        assert_eq!(spearman(&[(1.0, 2.0); 6]), None);
    }

    #[test]
    fn tied_values_share_their_mean_rank() {
        assert_eq!(ranks(&[10.0, 20.0, 10.0, 5.0]), [2.5, 4.0, 2.5, 1.0]);
    }
}
