//! High-contribution area ratios: how large a centred square holds a given share of a map.

use ndarray::Array2;

use super::result::{AreaRatio, ErfResult};

/// Shares of a map's sum that squares around one pixel hold.
///
/// The square of index i has side 2i + 1.
#[derive(Clone, Debug)]
pub struct CentredSquares {
    /// Pixels of the map.
    area: f64,
    /// The square of each index, from 0.
    squares: Vec<Square>,
}

/// What a square holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Square {
    /// Pixels of it that lie in the map.
    pixels: usize,
    /// Share of the map's sum.
    share: f64,
}

impl CentredSquares {
    /// Sums `map` (non-negative, H x W) over all squares that are centred on pixel (H/2, W/2), integer
    /// division, and lie inside the map. A map that is zero everywhere has shares of zero.
    pub fn of(map: &Array2<f64>) -> Self {
        let (height, width) = map.dim();
        let centre = [height / 2, width / 2];
        Self::up_to(map, centre, to_borders(map, centre).into_iter().min().unwrap_or(0))
    }

    /// The same around another pixel, for a unit that isn't in the middle: up to the square that covers
    /// the map, and of each square what lies in the map.
    pub fn around(map: &Array2<f64>, pixel: [usize; 2]) -> Self {
        Self::up_to(map, pixel, to_borders(map, pixel).into_iter().max().unwrap_or(0))
    }

    /// The squares by which a result's map is described.
    pub fn of_result(result: &ErfResult, map: &Array2<f64>) -> Self {
        result.around.map_or_else(|| Self::of(map), |pixel| Self::around(map, pixel))
    }

    fn up_to(map: &Array2<f64>, pixel: [usize; 2], largest: usize) -> Self {
        let total: f64 = map.sum();
        let (mut inside, mut pixels) = (0.0, 0);
        let squares = (0..=largest)
            .map(|i| {
                let (sum, count) = ring(map, pixel, i);
                inside += sum;
                pixels += count;
                Square { pixels, share: if total > 0.0 { inside / total } else { 0.0 } }
            })
            .collect();
        CentredSquares { area: map.len() as f64, squares }
    }

    /// Area of the smallest square of index i >= 1 that holds more than `threshold` (0 to 1) of the
    /// sum, as a share of the map's area (Ding et al. 2022, section 4.3 and table 9). Where no
    /// square does, the side is absent and the ratio 1: "whole map".
    pub fn area_ratio(&self, threshold: f64) -> AreaRatio {
        let index = (1..self.squares.len()).find(|&i| self.squares[i].share > threshold);
        let side = index.map(|i| 2 * i + 1);
        let ratio = index.map_or(1.0, |i| self.squares[i].pixels as f64 / self.area);
        AreaRatio { threshold, side, ratio, interval: None }
    }

    /// Area, as a share of the map's, at which the share of the sum reaches `threshold`, between two
    /// squares linearly; 1 where no square holds more. Unlike [`area_ratio`](Self::area_ratio) it
    /// moves with every change of the map, and so tells how far that would scatter.
    pub fn crossing(&self, threshold: f64) -> f64 {
        let mut below = Square::default();
        for square in &self.squares {
            if square.share > threshold {
                let part = (threshold - below.share) / (square.share - below.share);
                let pixels = below.pixels as f64;
                return (pixels + part * (square.pixels as f64 - pixels)) / self.area;
            }
            below = *square;
        }
        1.0
    }

    /// Side of each square in pixels, and the share of the sum that it holds.
    pub fn profile(&self) -> impl Iterator<Item = (usize, f64)> {
        self.squares.iter().enumerate().map(|(i, square)| (2 * i + 1, square.share))
    }
}

/// Pixels between a pixel and the borders of the map: above, left, below, right.
fn to_borders(map: &Array2<f64>, [row, column]: [usize; 2]) -> [usize; 4] {
    let (height, width) = map.dim();
    [row, column, height - 1 - row, width - 1 - column]
}

/// Sum over that part of the border of the square of index `i` which lies in the map, and its pixels.
fn ring(map: &Array2<f64>, [row, column]: [usize; 2], i: usize) -> (f64, usize) {
    if i == 0 {
        return (map[[row, column]], 1);
    }
    let [above, left, below, right] = to_borders(map, [row, column]);
    let (mut sum, mut count) = (0.0, 0);
    let mut add = |row: usize, column: usize| {
        sum += map[[row, column]];
        count += 1;
    };
    let columns = column - i.min(left)..=column + i.min(right);
    for c in columns {
        if i <= above {
            add(row - i, c);
        }
        if i <= below {
            add(row + i, c);
        }
    }
    let rows = row - (i - 1).min(above)..=row + (i - 1).min(below);
    for r in rows {
        if i <= left {
            add(r, column - i);
        }
        if i <= right {
            add(r, column + i);
        }
    }
    (sum, count)
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

    #[test]
    fn squares_around_another_pixel_end_at_the_border() {
        // 4 x 4 ones around (0, 1): 1 pixel, then 2 x 3, 3 x 4, and all.
        let squares = CentredSquares::around(&Array2::ones((4, 4)), [0, 1]);
        let shares: Vec<_> = squares.profile().map(|(_, share)| share * 16.0).collect();
        assert_eq!(shares, [1.0, 6.0, 12.0, 16.0]);
        assert_eq!(squares.area_ratio(0.5).ratio, 12.0 / 16.0);
        assert_eq!(squares.area_ratio(0.99).side, Some(7));
    }

    #[test]
    fn around_the_middle_the_squares_are_the_same() {
        let map = Array2::from_shape_fn((9, 11), |(r, c)| (r * 11 + c) as f64);
        let (of, around) = (CentredSquares::of(&map), CentredSquares::around(&map, [4, 5]));
        assert_eq!(of.squares, around.squares[..of.squares.len()]);
    }

    #[test]
    fn the_crossing_of_a_flat_map_is_the_threshold() {
        let squares = CentredSquares::of(&Array2::ones((11, 11)));
        for threshold in [0.001, 0.2, 0.5, 0.99] {
            assert!((squares.crossing(threshold) - threshold).abs() < 1e-12);
        }
        assert_eq!(CentredSquares::of(&Array2::ones((4, 4))).crossing(0.99), 1.0);
        assert_eq!(CentredSquares::of(&Array2::zeros((5, 5))).crossing(0.2), 1.0);
    }
}
