//! High-contribution area ratios: how large a centred square holds a given share of a map.

use ndarray::Array2;

use super::result::AreaRatio;

/// Shares of a map's sum that centred squares hold.
///
/// The square of index i has side 2i + 1 and is centred on pixel (H/2, W/2), integer division; it
/// exists while it lies inside the map.
#[derive(Clone, Debug)]
pub struct CentredSquares {
    height: usize,
    width: usize,
    /// Share of the sum in the square of index i, for i from 0.
    shares: Vec<f64>,
}

impl CentredSquares {
    /// Sums `map` (non-negative, H x W) over all centred squares. A map that is zero everywhere has
    /// shares of zero.
    pub fn of(map: &Array2<f64>) -> Self {
        let (height, width) = map.dim();
        let (row, column) = (height / 2, width / 2);
        let largest = row.min(column).min(height - 1 - row).min(width - 1 - column);
        let total: f64 = map.sum();
        let mut inside = 0.0;
        let shares = (0..=largest)
            .map(|i| {
                inside += ring(map, row, column, i);
                if total > 0.0 { inside / total } else { 0.0 }
            })
            .collect();
        CentredSquares { height, width, shares }
    }

    /// Area of the smallest square of index i >= 1 that holds more than `threshold` (0 to 1) of the
    /// sum, as a share of the map's area (Ding et al. 2022, section 4.3 and table 9). Where no
    /// square does, the side is absent and the ratio 1: "whole map".
    pub fn area_ratio(&self, threshold: f64) -> AreaRatio {
        let index = (1..self.shares.len()).find(|&i| self.shares[i] > threshold);
        let side = index.map(|i| 2 * i + 1);
        let area = (self.height * self.width) as f64;
        let ratio = side.map_or(1.0, |side| (side * side) as f64 / area);
        AreaRatio { threshold, side, ratio, interval: None }
    }

    /// Side of each square in pixels, and the share of the sum that it holds.
    pub fn profile(&self) -> impl Iterator<Item = (usize, f64)> {
        self.shares.iter().enumerate().map(|(i, &share)| (2 * i + 1, share))
    }
}

/// Sum over the border of the square of index `i`.
fn ring(map: &Array2<f64>, row: usize, column: usize, i: usize) -> f64 {
    if i == 0 {
        return map[[row, column]];
    }
    let (top, bottom, left, right) = (row - i, row + i, column - i, column + i);
    let rows: f64 = (left..=right).map(|c| map[[top, c]] + map[[bottom, c]]).sum();
    let columns: f64 = (top + 1..bottom).map(|r| map[[r, left]] + map[[r, right]]).sum();
    rows + columns
}

/// log10(map + 1): what r(t) and the paper's heatmaps are made of.
pub fn logarithmic(map: &Array2<f64>) -> Array2<f64> {
    map.mapv(|value| value.ln_1p() / std::f64::consts::LN_10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_map_needs_the_share_of_its_area() {
        let squares = CentredSquares::of(&Array2::ones((11, 11)));
        // Side 5 holds 25/121 = 0.2066, the first to exceed 0.2; side 7 holds 49/121 = 0.405.
        assert_eq!(squares.area_ratio(0.2).side, Some(5));
        assert_eq!(squares.area_ratio(0.207).side, Some(7));
        assert!((squares.area_ratio(0.2).ratio - 25.0 / 121.0).abs() < 1e-15);
    }

    #[test]
    fn a_peak_needs_the_smallest_square() {
        let mut map = Array2::zeros((9, 9));
        map[[4, 4]] = 1.0;
        let ratio = CentredSquares::of(&map).area_ratio(0.99);
        assert_eq!((ratio.side, ratio.ratio), (Some(3), 9.0 / 81.0));
    }

    #[test]
    fn an_even_map_has_a_row_that_no_square_reaches() {
        // 4 x 4, centre (2, 2): the largest square is rows and columns 1 to 3, 9 of 16 pixels.
        let squares = CentredSquares::of(&Array2::ones((4, 4)));
        assert_eq!(squares.area_ratio(0.5).side, Some(3));
        let whole = squares.area_ratio(0.99);
        assert_eq!((whole.side, whole.ratio), (None, 1.0));
    }

    #[test]
    fn a_zero_map_is_the_whole_map() {
        assert_eq!(CentredSquares::of(&Array2::zeros((5, 5))).area_ratio(0.2).side, None);
    }
}
