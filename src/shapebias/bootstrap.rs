//! The bootstrap over stimuli (Efron and Tibshirani 1993, An Introduction to the Bootstrap,
//! chapters 13 and 16): how far shape bias, kappa and differences would move on other stimuli.
//!
//! A resample is kept as the number of times that each stimulus was drawn, so that one draw serves
//! every observer of the same stimuli, and what a resample adds up to is a product of small whole
//! numbers.

use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::consistency::Agreement;
use super::distribution::Distribution;

/// Resamples behind an interval or p-value, unless asked otherwise.
pub const RESAMPLES: usize = 10_000;

/// Resamples whose figures are in memory before they go into their distributions.
const WAVE: usize = 1024;

/// Figures of a resample that are read at once: a line of the processor's cache.
const LINE: usize = 8;

/// How an observer (or several, pooled) answered each stimulus of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CueCounts {
    /// Answers for the shape, one entry a stimulus.
    pub shape: Vec<i16>,
    /// Answers for the texture, one entry a stimulus.
    pub texture: Vec<i16>,
}

/// Shape bias over the resamples; undefined where a resample holds no decided trial.
#[derive(Clone, Debug)]
pub struct BiasDistribution {
    /// Over all stimuli.
    pub overall: Distribution,
    /// Over each range of stimuli.
    pub ranges: Vec<Distribution>,
}

/// Shape bias of several observers over the same resamples.
#[derive(Clone, Debug)]
pub struct BiasDistributions {
    /// One entry an observer.
    pub observers: Vec<BiasDistribution>,
    /// Overall bias of the first minus that of the second, of each two observers in the order of
    /// [`pairs`].
    pub differences: Vec<Distribution>,
}

/// Resampling of a set of stimuli: seeded, and the same on any number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// How many resamples are drawn.
    pub resamples: usize,
    /// Seed; resample k is drawn from stream k of this ChaCha8 generator.
    pub seed: u64,
}

impl Bootstrap {
    /// The distributions of the `series` figures that `figures` gives for the draw counts of each
    /// resample (one a stimulus), on all threads.
    fn distributions(
        &self,
        stimuli: usize,
        series: usize,
        figures: impl Fn(&[i16]) -> Vec<f64> + Sync,
    ) -> Vec<Distribution> {
        let mut distributions = vec![Distribution::new(self.resamples); series];
        for start in (0..self.resamples).step_by(WAVE) {
            let rows = self.map(stimuli, start..self.resamples.min(start + WAVE), &figures);
            distributions.par_chunks_mut(LINE).enumerate().for_each(|(chunk, distributions)| {
                for row in &rows {
                    let figures = &row[chunk * LINE..];
                    distributions.iter_mut().zip(figures).for_each(|(all, &one)| all.add(one));
                }
            });
        }
        distributions
    }

    /// What `figures` gives for the draw counts of each of these resamples, in order.
    fn map<T: Send>(
        &self,
        stimuli: usize,
        resamples: Range<usize>,
        figures: impl Fn(&[i16]) -> T + Sync,
    ) -> Vec<T> {
        let draw = |counts: &mut Vec<i16>, resample| {
            counts.fill(0);
            self.draw(resample, counts);
            figures(counts)
        };
        resamples.into_par_iter().map_init(|| vec![0; stimuli], draw).collect()
    }

    /// Draws as many stimuli as there are, with replacement, and counts each.
    fn draw(&self, resample: usize, counts: &mut [i16]) {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(resample as u64);
        // u32 rather than usize, so that every machine draws the same.
        let stimuli = counts.len() as u32;
        for _ in 0..stimuli {
            counts[random.random_range(0..stimuli) as usize] += 1;
        }
    }

    /// The shape bias of each observer, overall and on each range of the stimuli (a shape category,
    /// where they are sorted by it). All observers share the resamples, so that differences between
    /// them are paired.
    ///
    /// # Panics
    /// Where a range or an observer's counts reach beyond `stimuli`.
    pub fn shape_bias(
        &self,
        stimuli: usize,
        observers: &[CueCounts],
        ranges: &[Range<usize>],
    ) -> BiasDistributions {
        let everything = 0..stimuli;
        let per_observer = 1 + ranges.len();
        let pairs = pairs(observers.len());
        let series = observers.len() * per_observer + pairs.len();
        let figures = |counts: &[i16]| {
            let mut figures = Vec::with_capacity(series);
            for observer in observers {
                let ranges = std::iter::once(&everything).chain(ranges);
                figures.extend(ranges.map(|range| bias_of(counts, observer, range)));
            }
            for &(first, second) in &pairs {
                figures.push(figures[first * per_observer] - figures[second * per_observer]);
            }
            figures
        };
        let mut found = self.distributions(stimuli, series, figures);
        let differences = found.split_off(observers.len() * per_observer);
        let mut found = found.into_iter();
        let mut by_observer = Vec::with_capacity(observers.len());
        while let Some(overall) = found.next() {
            let ranges = found.by_ref().take(ranges.len()).collect();
            by_observer.push(BiasDistribution { overall, ranges });
        }
        BiasDistributions { observers: by_observer, differences }
    }

    /// Cohen's kappa of each two observers in the order of [`pairs`], from which stimuli each got
    /// right (1, else 0); undefined where there is nothing to explain.
    ///
    /// # Panics
    /// Where an observer has other than `stimuli` entries.
    pub fn kappa(&self, stimuli: usize, right: &[Vec<i16>]) -> Vec<Distribution> {
        let pairs = pairs(right.len()).len();
        self.distributions(stimuli, pairs, |counts| {
            let mut figures = Vec::with_capacity(pairs);
            let mut drawn = vec![0; stimuli];
            let totals: Vec<usize> = right.iter().map(|right| dot(counts, right)).collect();
            for (first, right_first) in right.iter().enumerate() {
                multiply(counts, right_first, &mut drawn);
                for second in first + 1..right.len() {
                    let agreement = Agreement {
                        stimuli,
                        first_right: totals[first],
                        second_right: totals[second],
                        both_right: dot(&drawn, &right[second]),
                    };
                    figures.push(agreement.kappa().unwrap_or(f64::NAN));
                }
            }
            figures
        })
    }
}

/// Each two of so many, the first below the second, in order.
pub fn pairs(count: usize) -> Vec<(usize, usize)> {
    (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect()
}

fn bias_of(counts: &[i16], observer: &CueCounts, range: &Range<usize>) -> f64 {
    let counts = &counts[range.clone()];
    let shape = dot(counts, &observer.shape[range.clone()]) as f64;
    let texture = dot(counts, &observer.texture[range.clone()]) as f64;
    shape / (shape + texture)
}

fn dot(a: &[i16], b: &[i16]) -> usize {
    let products = a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b));
    products.sum::<i32>() as usize
}

fn multiply(a: &[i16], b: &[i16], product: &mut [i16]) {
    for ((product, a), b) in product.iter_mut().zip(a).zip(b) {
        *product = a * b;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Bootstrap = Bootstrap { resamples: 1000, seed: 7 };

    fn counts(outcomes: &[u8]) -> CueCounts {
        let is = |cue| outcomes.iter().map(|&outcome| i16::from(outcome == cue)).collect();
        CueCounts { shape: is(1), texture: is(2) }
    }

    /// Shape bias in each resample.
    fn overall(bootstrap: Bootstrap, outcomes: &[u8]) -> Vec<f64> {
        let (stimuli, counts) = (outcomes.len(), counts(outcomes));
        bootstrap
            .map(stimuli, 0..bootstrap.resamples, |drawn| bias_of(drawn, &counts, &(0..stimuli)))
    }

    fn interval(bootstrap: Bootstrap, outcomes: &[u8]) -> [f64; 2] {
        let found = bootstrap.shape_bias(outcomes.len(), &[counts(outcomes)], &[]);
        found.observers[0].overall.interval().unwrap()
    }

    #[test]
    fn resamples_are_as_large_as_the_set_and_seeded() {
        let size = |counts: &[i16]| counts.iter().map(|&count| i64::from(count)).sum::<i64>();
        assert_eq!(SMALL.map(50, 0..1000, size), vec![50; 1000]);
        let all = |seed| Bootstrap { resamples: 10, seed }.map(50, 0..10, <[i16]>::to_vec);
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
    }

    /// More than are in memory at a time.
    #[test]
    fn no_resample_is_lost_between_waves() {
        let bootstrap = Bootstrap { resamples: 2 * WAVE + 100, seed: 3 };
        let outcomes = [1, 2, 1, 0, 2, 1, 1, 1];
        let mut wanted = Distribution::new(bootstrap.resamples);
        overall(bootstrap, &outcomes).into_iter().for_each(|bias| wanted.add(bias));
        assert_eq!(Some(interval(bootstrap, &outcomes)), wanted.interval());
    }

    #[test]
    fn draws_do_not_depend_on_the_number_of_threads_or_resamples() {
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let outcomes = [1, 2, 1, 0, 2, 1, 1, 1];
        let single = one.install(|| overall(SMALL, &outcomes));
        assert_eq!(single, overall(SMALL, &outcomes));
        let fewer = overall(Bootstrap { resamples: 100, ..SMALL }, &outcomes);
        assert_eq!(fewer, single[..100]);
    }

    #[test]
    fn ranges_are_resampled_with_the_whole() {
        let outcomes = [1, 1, 1, 1, 2, 2, 2, 2];
        let found = SMALL.shape_bias(8, &[counts(&outcomes)], &[0..4, 4..8]).observers.remove(0);
        assert_eq!(found.ranges[0].interval(), Some([1.0, 1.0]));
        assert_eq!(found.ranges[1].interval(), Some([0.0, 0.0]));
        let mean = overall(SMALL, &outcomes).iter().sum::<f64>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }

    #[test]
    fn interval_matches_the_binomial() {
        // 400 decided trials at 0.25: standard error sqrt(0.25 * 0.75 / 400) = 0.02165.
        let outcomes: Vec<u8> = (0..400).map(|index| if index % 4 == 0 { 1 } else { 2 }).collect();
        let bootstrap = Bootstrap { resamples: RESAMPLES, seed: 0 };
        let [low, high] = interval(bootstrap, &outcomes);
        assert!((low - (0.25 - 1.96 * 0.02165)).abs() < 0.003, "{low}");
        assert!((high - (0.25 + 1.96 * 0.02165)).abs() < 0.003, "{high}");
    }

    #[test]
    fn differences_are_paired() {
        let observers = [counts(&[1, 1, 1, 1]), counts(&[2, 2, 2, 2]), counts(&[1, 1, 1, 1])];
        let found = SMALL.shape_bias(4, &observers, &[]);
        let intervals: Vec<_> = found.differences.iter().map(Distribution::interval).collect();
        assert_eq!(intervals, [Some([1.0, 1.0]), Some([0.0, 0.0]), Some([-1.0, -1.0])]);
        assert_eq!(found.differences[1].two_sided_p(), 1.0);
    }

    #[test]
    fn kappa_resamples_surround_the_estimate() {
        let first: Vec<i16> = (0..300).map(|index| i16::from(index % 3 == 0)).collect();
        let second: Vec<i16> = (0..300).map(|index| i16::from(index % 6 < 3)).collect();
        let agreement =
            Agreement { stimuli: 300, first_right: 100, second_right: 150, both_right: 50 };
        let distributions = SMALL.kappa(300, &[first.clone(), second, first]);
        assert_eq!(distributions.len(), 3);
        let [low, high] = distributions[0].interval().unwrap();
        let kappa = agreement.kappa().unwrap();
        assert!(low < kappa && kappa < high && high - low < 0.3, "{low} {kappa} {high}");
        let [low, high] = distributions[1].interval().unwrap();
        assert!((low - 1.0).abs() < 1e-12 && (high - 1.0).abs() < 1e-12, "{low} {high}");
    }

    /// Of 95 % intervals about 95 % hold the truth: 1,000 simulated observers with a known bias.
    #[test]
    fn intervals_cover_the_truth() {
        for (seed, decided, bias) in [(1, 0.6, 0.25), (2, 0.8, 0.5), (3, 0.5, 0.8)] {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut covered = 0;
            for simulation in 0..1000 {
                let outcomes: Vec<u8> = (0..300)
                    .map(|_| match (random.random_bool(decided), random.random_bool(bias)) {
                        (false, _) => 0,
                        (true, true) => 1,
                        (true, false) => 2,
                    })
                    .collect();
                let bootstrap = Bootstrap { resamples: 400, seed: simulation };
                let [low, high] = interval(bootstrap, &outcomes);
                covered += usize::from(low <= bias && bias <= high);
            }
            // The percentile method covers 94.5 % at this size; three standard errors of that share
            // in 1,000 are 2.2 %.
            assert!((923..=967).contains(&covered), "{covered} of 1000");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// With shape and texture exchanged, shape bias and its interval are mirrored.
        #[test]
        fn bias_is_mirrored_when_cues_are_exchanged(outcomes in prop::collection::vec(0u8..3, 20..80), seed: u64) {
            let bootstrap = Bootstrap { resamples: 100, seed };
            let exchanged: Vec<u8> = outcomes.iter().map(|outcome| (3 - outcome) % 3).collect();
            for (a, b) in overall(bootstrap, &outcomes).iter().zip(overall(bootstrap, &exchanged)) {
                prop_assert!((a.is_nan() && b.is_nan()) || (a + b - 1.0).abs() < 1e-12);
            }
        }
    }
}
