//! What the bootstrap's figures say once they are drawn: percentile interval and p-value, of which
//! neither needs more than the ends of a distribution, so that no more is kept of it.

/// Share of the values on either side of a 95 % interval.
const TAIL: f64 = 0.025;

/// An interval is given where at most this share of the resamples leaves its figure undefined.
const MOST_UNDEFINED: f64 = 0.05;

/// A figure over the resamples: its smallest and largest values, and counts of the others.
#[derive(Clone, Debug)]
pub struct Distribution {
    smallest: Least,
    /// The largest ones, with their signs turned.
    largest: Least,
    values: usize,
    defined: usize,
    at_most_zero: usize,
    at_least_zero: usize,
}

impl Distribution {
    /// Of no value yet; at most `values` will be added.
    pub fn new(values: usize) -> Self {
        // The two order statistics around the percentile, and one for what rounding does to its place.
        let kept = (TAIL * values as f64) as usize + 3;
        Self {
            smallest: Least::new(kept),
            largest: Least::new(kept),
            values: 0,
            defined: 0,
            at_most_zero: 0,
            at_least_zero: 0,
        }
    }

    /// Adds the figure of a resample; NaN where it is undefined.
    pub fn add(&mut self, value: f64) {
        self.values += 1;
        if value.is_nan() {
            return;
        }
        self.defined += 1;
        self.at_most_zero += usize::from(value <= 0.0);
        self.at_least_zero += usize::from(value >= 0.0);
        self.smallest.add(value);
        self.largest.add(-value);
    }

    /// The 2.5 % and 97.5 % percentiles (linear between order statistics) of the defined values;
    /// `None` where more than 5 % are undefined.
    pub fn interval(&self) -> Option<[f64; 2]> {
        let undefined = self.values - self.defined;
        if self.defined == 0 || undefined as f64 > MOST_UNDEFINED * self.values as f64 {
            return None;
        }
        let (smallest, largest) = (self.smallest.sorted(), self.largest.sorted());
        let order_statistic = |index: usize| match smallest.get(index) {
            Some(&value) => value,
            None => -largest[self.defined - 1 - index],
        };
        let percentile = |share: f64| {
            let place = share * (self.defined - 1) as f64;
            let below = place.floor() as usize;
            let low = order_statistic(below);
            let high = order_statistic((below + 1).min(self.defined - 1));
            low + (place - place.floor()) * (high - low)
        };
        Some([percentile(TAIL), percentile(1.0 - TAIL)])
    }

    /// Two-sided p-value of "the difference is 0" from bootstrapped differences: twice the smaller
    /// share on either side of 0, where a difference of 0 counts on both. One is added to count and
    /// number, so that no p-value is smaller than the number of resamples can tell (Davison and
    /// Hinkley 1997, section 4.2).
    pub fn two_sided_p(&self) -> f64 {
        let tail =
            (self.at_most_zero.min(self.at_least_zero) + 1) as f64 / (self.defined + 1) as f64;
        (2.0 * tail).min(1.0)
    }
}

/// The least of many values.
#[derive(Clone, Debug)]
struct Least {
    /// How many of them are wanted.
    wanted: usize,
    /// Those, and some more of late.
    values: Vec<f64>,
    /// Not among those wanted are values from this one on.
    limit: f64,
}

impl Least {
    fn new(wanted: usize) -> Self {
        Self { wanted, values: Vec::new(), limit: f64::INFINITY }
    }

    fn add(&mut self, value: f64) {
        if value >= self.limit {
            return;
        }
        self.values.push(value);
        if self.values.len() >= self.wanted + self.wanted / 4 + 8 {
            let (_, &mut last, _) =
                self.values.select_nth_unstable_by(self.wanted - 1, f64::total_cmp);
            self.values.truncate(self.wanted);
            self.limit = last;
        }
    }

    /// In rising order, and at least as many as are wanted where there were so many.
    fn sorted(&self) -> Vec<f64> {
        let mut values = self.values.clone();
        values.sort_unstable_by(f64::total_cmp);
        values
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> Distribution {
        let mut distribution = Distribution::new(values.len());
        values.iter().for_each(|&value| distribution.add(value));
        distribution
    }

    #[test]
    fn percentiles_by_hand() {
        let values: Vec<f64> = (0..=40).rev().map(f64::from).collect();
        assert_eq!(of(&values).interval(), Some([1.0, 39.0]));
        assert_eq!(of(&[2.0, 1.0]).interval(), Some([1.025, 1.975]));
        assert_eq!(of(&[0.5]).interval(), Some([0.5, 0.5]));
        assert_eq!(of(&[]).interval(), None);
        assert_eq!(of(&[0.5, f64::NAN]).interval(), None);
    }

    #[test]
    fn p_values_by_hand() {
        assert_eq!(of(&[0.1; 99]).two_sided_p(), 0.02);
        assert_eq!(of(&[0.0; 99]).two_sided_p(), 1.0);
        let mut some = vec![1.0; 96];
        some.extend([-1.0; 3]);
        assert_eq!(of(&some).two_sided_p(), 0.08);
    }

    /// Only the ends are in memory.
    #[test]
    fn the_middle_is_not_kept() {
        let values: Vec<f64> = (0..10_000).map(|index| f64::from(index * 7919 % 10_000)).collect();
        let distribution = of(&values);
        for end in [&distribution.smallest, &distribution.largest] {
            assert!((253..=324).contains(&end.values.len()), "{}", end.values.len());
        }
        let [low, high] = distribution.interval().unwrap();
        assert!((low - 249.975).abs() < 1e-9 && (high - 9749.025).abs() < 1e-9, "{low} {high}");
    }

    proptest! {
        /// The ends say what all values, sorted, would say.
        #[test]
        fn intervals_are_those_of_all_values(
            mut values in prop::collection::vec(-1.0..1.0f64, 1..2000),
            undefined in 0usize..100,
        ) {
            let mut given = values.clone();
            for index in 0..undefined {
                given.insert(index * given.len() / 100, f64::NAN);
            }
            values.sort_unstable_by(f64::total_cmp);
            let percentile = |share: f64| {
                let place = share * (values.len() - 1) as f64;
                let below = place.floor() as usize;
                let high = values.get(below + 1).copied().unwrap_or(values[below]);
                values[below] + (place - place.floor()) * (high - values[below])
            };
            let wanted = (undefined as f64 <= 0.05 * given.len() as f64)
                .then(|| [percentile(0.025), percentile(0.975)]);
            prop_assert_eq!(of(&given).interval(), wanted);
        }
    }
}
