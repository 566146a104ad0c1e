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

/// Resamples behind an interval or p-value, unless asked otherwise.
pub const RESAMPLES: usize = 10_000;

/// Resamples that one thread draws at a time; their counts stay in its cache.
const BLOCK: usize = 64;

/// An interval is given where at most this share of the resamples leaves its figure undefined.
const MOST_UNDEFINED: f64 = 0.05;

/// How an observer (or several, pooled) answered each stimulus of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CueCounts {
    /// Answers for the shape, one entry a stimulus.
    pub shape: Vec<i16>,
    /// Answers for the texture, one entry a stimulus.
    pub texture: Vec<i16>,
}

/// Shape bias over the resamples; NaN where a resample holds no decided trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BiasDistribution {
    /// Over all stimuli, one entry a resample.
    pub overall: Vec<f64>,
    /// Over each range of stimuli, one entry a resample.
    pub ranges: Vec<Vec<f64>>,
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
    /// Calls `figures` on blocks of resamples, `stimuli` draw counts a resample, on all threads;
    /// the results are in order.
    fn blocks<T: Send>(&self, stimuli: usize, figures: impl Fn(&[i16]) -> T + Sync) -> Vec<T> {
        let starts: Vec<usize> = (0..self.resamples).step_by(BLOCK).collect();
        let draw = |start: usize| {
            let rows = BLOCK.min(self.resamples - start);
            let mut counts = vec![0; rows * stimuli];
            for (row, counts) in counts.chunks_exact_mut(stimuli.max(1)).enumerate() {
                self.draw(start + row, counts);
            }
            figures(&counts)
        };
        starts.into_par_iter().map(draw).collect()
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

    /// The shape bias of each observer in each resample, overall and on each range of the stimuli
    /// (a shape category, where they are sorted by it). All observers share the resamples, so that
    /// differences between them are paired.
    ///
    /// # Panics
    /// Where a range or an observer's counts reach beyond `stimuli`.
    pub fn shape_bias(
        &self,
        stimuli: usize,
        observers: &[CueCounts],
        ranges: &[Range<usize>],
    ) -> Vec<BiasDistribution> {
        let everything = 0..stimuli;
        let blocks = self.blocks(stimuli, |block| {
            let mut figures = Vec::new();
            for observer in observers {
                for range in std::iter::once(&everything).chain(ranges) {
                    for counts in block.chunks_exact(stimuli.max(1)) {
                        figures.push(bias_of(counts, observer, range));
                    }
                }
            }
            figures
        });
        let mut figures = deal(&blocks, observers.len() * (1 + ranges.len())).into_iter();
        observers
            .iter()
            .map(|_| BiasDistribution {
                overall: figures.next().unwrap_or_default(),
                ranges: figures.by_ref().take(ranges.len()).collect(),
            })
            .collect()
    }

    /// Cohen's kappa of each two observers (first < second, in order) in each resample, from which
    /// stimuli each got right (1, else 0); NaN where a resample leaves it undefined.
    ///
    /// # Panics
    /// Where an observer has other than `stimuli` entries.
    pub fn kappa(&self, stimuli: usize, right: &[Vec<i16>]) -> Vec<Vec<f64>> {
        let pairs = right.len() * right.len().saturating_sub(1) / 2;
        let blocks = self.blocks(stimuli, |block| {
            let rows = block.len() / stimuli.max(1);
            let mut figures = vec![f64::NAN; pairs * rows];
            let mut drawn = vec![0; stimuli];
            for (row, counts) in block.chunks_exact(stimuli.max(1)).enumerate() {
                let totals: Vec<usize> = right.iter().map(|right| dot(counts, right)).collect();
                let mut pair = 0;
                for (first, right_first) in right.iter().enumerate() {
                    multiply(counts, right_first, &mut drawn);
                    for second in first + 1..right.len() {
                        let agreement = Agreement {
                            stimuli,
                            first_right: totals[first],
                            second_right: totals[second],
                            both_right: dot(&drawn, &right[second]),
                        };
                        figures[pair * rows + row] = agreement.kappa().unwrap_or(f64::NAN);
                        pair += 1;
                    }
                }
            }
            figures
        });
        deal(&blocks, pairs)
    }
}

/// The 2.5 % and 97.5 % percentiles (linear between order statistics) of the defined values;
/// `None` where more than 5 % are undefined (NaN).
pub fn percentile_interval(values: &[f64]) -> Option<[f64; 2]> {
    let mut defined: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let undefined = values.len() - defined.len();
    if defined.is_empty() || undefined as f64 > MOST_UNDEFINED * values.len() as f64 {
        return None;
    }
    Some([quantile(&mut defined, 0.025), quantile(&mut defined, 0.975)])
}

/// Two-sided p-value of "the difference is 0" from bootstrapped differences: twice the smaller
/// share on either side of 0, where a difference of 0 counts on both. One is added to count and
/// number, so that no p-value is smaller than the number of resamples can tell (Davison and
/// Hinkley 1997, section 4.2).
pub fn two_sided_p(differences: &[f64]) -> f64 {
    let defined = differences.iter().filter(|value| !value.is_nan()).count();
    let below = differences.iter().filter(|&&value| value <= 0.0).count();
    let above = differences.iter().filter(|&&value| value >= 0.0).count();
    let tail = (below.min(above) + 1) as f64 / (defined + 1) as f64;
    (2.0 * tail).min(1.0)
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

/// Blocks of `series` runs each -> the series, each over all blocks.
fn deal(blocks: &[Vec<f64>], series: usize) -> Vec<Vec<f64>> {
    (0..series)
        .map(|index| {
            let part = |block: &Vec<f64>| {
                let rows = block.len() / series;
                block[index * rows..(index + 1) * rows].to_vec()
            };
            blocks.iter().flat_map(part).collect()
        })
        .collect()
}

/// Reorders `values`, which hold no NaN and are not empty.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    let place = share * (values.len() - 1) as f64;
    let below = place.floor() as usize;
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    low + (place - place.floor()) * (high - low)
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

    fn overall(bootstrap: Bootstrap, outcomes: &[u8]) -> Vec<f64> {
        bootstrap.shape_bias(outcomes.len(), &[counts(outcomes)], &[]).remove(0).overall
    }

    #[test]
    fn resamples_are_as_large_as_the_set_and_seeded() {
        let sums = SMALL.blocks(50, |block| {
            block
                .chunks_exact(50)
                .map(|row| row.iter().map(|&count| i64::from(count)).sum::<i64>())
                .collect::<Vec<_>>()
        });
        let sums: Vec<_> = sums.concat();
        assert_eq!(sums, vec![50; 1000]);
        let all = |seed| Bootstrap { resamples: 10, seed }.blocks(50, <[i16]>::to_vec).concat();
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
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
        let found = SMALL.shape_bias(8, &[counts(&outcomes)], &[0..4, 4..8]).remove(0);
        assert!(found.ranges[0].iter().all(|bias| bias.is_nan() || *bias == 1.0));
        assert!(found.ranges[1].iter().all(|bias| bias.is_nan() || *bias == 0.0));
        let mean = found.overall.iter().sum::<f64>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }

    #[test]
    fn interval_matches_the_binomial() {
        // 400 decided trials at 0.25: standard error sqrt(0.25 * 0.75 / 400) = 0.02165.
        let outcomes: Vec<u8> = (0..400).map(|index| if index % 4 == 0 { 1 } else { 2 }).collect();
        let bootstrap = Bootstrap { resamples: RESAMPLES, seed: 0 };
        let [low, high] = percentile_interval(&overall(bootstrap, &outcomes)).unwrap();
        assert!((low - (0.25 - 1.96 * 0.02165)).abs() < 0.003, "{low}");
        assert!((high - (0.25 + 1.96 * 0.02165)).abs() < 0.003, "{high}");
    }

    #[test]
    fn percentiles_by_hand() {
        let values: Vec<f64> = (0..=40).rev().map(f64::from).collect();
        assert_eq!(percentile_interval(&values), Some([1.0, 39.0]));
        assert_eq!(percentile_interval(&[2.0, 1.0]), Some([1.025, 1.975]));
        assert_eq!(percentile_interval(&[0.5]), Some([0.5, 0.5]));
        assert_eq!(percentile_interval(&[]), None);
        assert_eq!(percentile_interval(&[0.5, f64::NAN]), None);
    }

    #[test]
    fn p_values_by_hand() {
        let far: Vec<f64> = vec![0.1; 99];
        assert_eq!(two_sided_p(&far), 0.02);
        assert_eq!(two_sided_p(&[0.0; 99]), 1.0);
        let mut some = vec![1.0; 96];
        some.extend([-1.0; 3]);
        assert_eq!(two_sided_p(&some), 0.08);
    }

    #[test]
    fn kappa_resamples_surround_the_estimate() {
        let first: Vec<i16> = (0..300).map(|index| i16::from(index % 3 == 0)).collect();
        let second: Vec<i16> = (0..300).map(|index| i16::from(index % 6 < 3)).collect();
        let agreement =
            Agreement { stimuli: 300, first_right: 100, second_right: 150, both_right: 50 };
        let distributions = SMALL.kappa(300, &[first.clone(), second, first]);
        assert_eq!(distributions.len(), 3);
        let [low, high] = percentile_interval(&distributions[0]).unwrap();
        let kappa = agreement.kappa().unwrap();
        assert!(low < kappa && kappa < high && high - low < 0.3, "{low} {kappa} {high}");
        assert!(distributions[1].iter().all(|kappa| (kappa - 1.0).abs() < 1e-12));
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
                let [low, high] = percentile_interval(&overall(bootstrap, &outcomes)).unwrap();
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
