//! Sums of the maps of single images: the total and a sum a jackknife group.

use ndarray::Array2;

use super::jackknife::GROUPS;

/// Adds maps up so that neither the order of images nor the way they were split over machines
/// changes the result: the total is kept as a pair of f64 (about 106 bits; Knuth, The Art of Computer
/// Programming, volume 2, section 4.2.2, theorem B), so that its rounding to f32 doesn't depend on
/// the order of summation.
#[derive(Clone, Debug, PartialEq)]
pub struct Accumulator {
    size: [usize; 2],
    high: Vec<f64>,
    low: Vec<f64>,
    groups: Vec<Group>,
}

/// Sum and count of one jackknife group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Images in the sum.
    pub count: u64,
    /// Sum of their maps, row-major; empty while there is none.
    pub sum: Vec<f64>,
}

/// A single image's map holds a NaN or an infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFinite;

impl Accumulator {
    /// Nothing yet, for maps of `size` (height, width).
    pub fn new(size: [usize; 2]) -> Self {
        let group = Group { count: 0, sum: Vec::new() };
        let area = size[0] * size[1];
        Accumulator {
            size,
            high: vec![0.0; area],
            low: vec![0.0; area],
            groups: vec![group; GROUPS],
        }
    }

    /// Height and width of the maps.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Images in the sum.
    pub fn count(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum()
    }

    /// Adds the map of the image at place `index` of the list of images; its jackknife group is
    /// `index` modulo 10.
    ///
    /// # Errors
    ///
    /// [`NotFinite`], with nothing added, for a map with a NaN or an infinity.
    pub fn add(&mut self, index: usize, map: &[f32]) -> Result<(), NotFinite> {
        debug_assert_eq!(map.len(), self.high.len());
        if !map.iter().all(|value| value.is_finite()) {
            return Err(NotFinite);
        }
        let group = &mut self.groups[index % GROUPS];
        if group.sum.is_empty() {
            group.sum = vec![0.0; map.len()];
        }
        group.count += 1;
        for (sum, value) in group.sum.iter_mut().zip(map) {
            *sum += f64::from(*value);
        }
        for ((high, low), value) in self.high.iter_mut().zip(&mut self.low).zip(map) {
            add_to_pair(high, low, f64::from(*value), 0.0);
        }
        Ok(())
    }

    /// Adds all that `other` holds.
    pub fn merge(&mut self, other: &Accumulator) {
        debug_assert_eq!(self.size, other.size);
        for (index, (high, low)) in self.high.iter_mut().zip(&mut self.low).enumerate() {
            add_to_pair(high, low, other.high[index], other.low[index]);
        }
        for (mine, theirs) in self.groups.iter_mut().zip(&other.groups) {
            mine.count += theirs.count;
            if mine.sum.is_empty() {
                mine.sum.clone_from(&theirs.sum);
            } else {
                for (sum, value) in mine.sum.iter_mut().zip(&theirs.sum) {
                    *sum += value;
                }
            }
        }
    }

    /// The mean map; nothing before the first image.
    pub fn mean(&self) -> Option<Array2<f64>> {
        let count = self.count();
        (count > 0).then(|| self.array(self.high.iter().map(|sum| sum / count as f64).collect()))
    }

    /// The mean map without each group in turn; empty where fewer than two groups hold images.
    pub fn means_without_groups(&self) -> impl Iterator<Item = Array2<f64>> + '_ {
        let filled = self.groups.iter().filter(|group| group.count > 0);
        let enough = filled.clone().count() >= 2;
        filled.filter(move |_| enough).map(|group| {
            let count = (self.count() - group.count) as f64;
            let rest = self.high.iter().zip(&group.sum);
            self.array(rest.map(|(total, sum)| (total - sum).max(0.0) / count).collect())
        })
    }

    fn array(&self, values: Vec<f64>) -> Array2<f64> {
        let [height, width] = self.size;
        Array2::from_shape_fn((height, width), |(row, column)| values[row * width + column])
    }

    /// The pairs of the total (high, low) and the groups, for storing.
    pub fn parts(&self) -> (&[f64], &[f64], &[Group]) {
        (&self.high, &self.low, &self.groups)
    }

    /// An accumulator from stored parts; nothing where their lengths don't fit.
    pub fn from_parts(
        size: [usize; 2],
        high: Vec<f64>,
        low: Vec<f64>,
        groups: Vec<Group>,
    ) -> Option<Self> {
        let area = size[0].checked_mul(size[1])?;
        let fits = high.len() == area
            && low.len() == area
            && groups.len() == GROUPS
            && groups.iter().all(|g| g.sum.len() == if g.count > 0 { area } else { 0 });
        fits.then_some(Accumulator { size, high, low, groups })
    }
}

/// (high + low) += (value + small), renormalised so that `high` is the sum rounded to f64.
fn add_to_pair(high: &mut f64, low: &mut f64, value: f64, small: f64) {
    let sum = *high + value;
    let virtual_value = sum - *high;
    let error = (*high - (sum - virtual_value)) + (value - virtual_value);
    let rest = *low + small + error;
    *high = sum + rest;
    *low = rest - (*high - sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_mean_of_two_maps() {
        let mut sum = Accumulator::new([1, 2]);
        assert!(sum.mean().is_none());
        sum.add(0, &[1.0, 2.0]).unwrap();
        sum.add(1, &[3.0, 6.0]).unwrap();
        assert_eq!(sum.mean().unwrap().as_slice().unwrap(), &[2.0, 4.0]);
        let without: Vec<_> = sum.means_without_groups().collect();
        assert_eq!(without[0].as_slice().unwrap(), &[3.0, 6.0]);
        assert_eq!(without[1].as_slice().unwrap(), &[1.0, 2.0]);
    }

    #[test]
    fn a_map_with_nan_leaves_no_trace() {
        let mut sum = Accumulator::new([1, 2]);
        sum.add(0, &[1.0, 2.0]).unwrap();
        assert_eq!(sum.add(1, &[f32::NAN, 2.0]), Err(NotFinite));
        assert_eq!(sum.add(1, &[1.0, f32::INFINITY]), Err(NotFinite));
        assert_eq!(sum.count(), 1);
        assert_eq!(sum.mean().unwrap().as_slice().unwrap(), &[1.0, 2.0]);
    }

    proptest! {
        /// Shards merge to the whole, in any order and split, to the last bit of the mean.
        #[test]
        fn shards_merge_to_the_whole(
            values in prop::collection::vec(0.0f32..1e6, 2..40),
            scales in prop::collection::vec(-20i32..5, 40),
            shards in 1usize..7,
            rotation in 0usize..7,
        ) {
            let maps: Vec<[f32; 1]> = values
                .iter()
                .zip(&scales)
                .map(|(value, scale)| [value * 10f32.powi(*scale)])
                .collect();
            let mut whole = Accumulator::new([1, 1]);
            let mut parts = vec![Accumulator::new([1, 1]); shards];
            for (index, map) in maps.iter().enumerate() {
                whole.add(index, map).unwrap();
                parts[index % shards].add(index, map).unwrap();
            }
            parts.rotate_left(rotation % shards);
            let mut merged = Accumulator::new([1, 1]);
            for part in &parts {
                merged.merge(part);
            }
            prop_assert_eq!(merged.count(), whole.count());
            prop_assert_eq!(merged.mean().unwrap(), whole.mean().unwrap());
        }
    }
}
