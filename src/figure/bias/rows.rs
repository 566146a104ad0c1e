//! Where the markers of a row of the shape-bias chart stand.

use super::{BiasObserver, BiasSpec};
use crate::figure::axes::Axis;
use crate::figure::style::MARKER;

/// Distance between lanes of a row, and between markers in one lane, that keeps shapes readable.
pub(super) const LANE: f64 = 2.0 * MARKER;

/// Where the markers of one row stand: x, and lanes above or below the middle of the row.
pub(super) struct Row {
    pub(super) places: Vec<Option<(f64, f64)>>,
    pub(super) lanes: usize,
}

impl Row {
    /// Puts each marker into the first lane where it covers no other.
    pub(super) fn new(
        spec: &BiasSpec,
        value: impl Fn(&BiasObserver) -> Option<f64>,
        axis: &Axis,
        left: f64,
        right: f64,
    ) -> Self {
        let mut sorted: Vec<(usize, f64)> = spec
            .observers
            .iter()
            .enumerate()
            .filter_map(|(index, observer)| {
                Some((index, axis.place(1.0 - value(observer)?, left, right)))
            })
            .collect();
        sorted.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        let mut ends: Vec<f64> = Vec::new();
        let mut lane_of = Vec::with_capacity(sorted.len());
        for (_, x) in &sorted {
            let lane = ends.iter().position(|end| *x - end >= LANE).unwrap_or(ends.len());
            if lane == ends.len() {
                ends.push(*x);
            } else {
                ends[lane] = *x;
            }
            lane_of.push(lane);
        }
        let mut places = vec![None; spec.observers.len()];
        for ((index, x), lane) in sorted.into_iter().zip(lane_of) {
            places[index] = Some((x, lane_offset(lane)));
        }
        Self { places, lanes: ends.len().max(1) }
    }
}

/// Lanes from the middle of the row, in turn below and above it: 0, 1, -1, 2, -2.
fn lane_offset(lane: usize) -> f64 {
    let distance = lane.div_ceil(2) as f64;
    if lane % 2 == 1 { distance } else { -distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_spread_from_the_middle() {
        assert_eq!([0, 1, 2, 3, 4].map(lane_offset), [0.0, 1.0, -1.0, 2.0, -2.0]);
    }
}
