//! Every path and plan against sums in f64, and the adjointness of the two directions.

use proptest::prelude::*;

use super::path::Path;
use super::{Algorithm, DepthwiseKernel, ForwardExtras, GradientExtras, Padding};

/// Reproducible numbers in -1..1 (a linear congruential generator; quality doesn't matter here).
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// A random problem.
#[derive(Clone, Debug)]
struct Problem {
    images: usize,
    channels: usize,
    kernel: (usize, usize),
    input: (usize, usize),
    padding: Padding,
    stride: usize,
    seed: u64,
    /// Whether weights are made positive.
    absolute: bool,
}

impl Problem {
    fn weights(&self) -> Vec<f32> {
        let weights = numbers(self.channels * self.kernel.0 * self.kernel.1, self.seed);
        weights.into_iter().map(|w| if self.absolute { w.abs() } else { w }).collect()
    }
    fn output(&self) -> (usize, usize) {
        let Padding { top, left, bottom, right } = self.padding;
        (
            (self.input.0 + top + bottom - self.kernel.0) / self.stride + 1,
            (self.input.1 + left + right - self.kernel.1) / self.stride + 1,
        )
    }
    fn input_len(&self) -> usize {
        self.images * self.channels * self.input.0 * self.input.1
    }
    fn output_len(&self) -> usize {
        self.images * self.channels * self.output().0 * self.output().1
    }

    /// Calls `visit` with the index of every input, weight and output that meet.
    fn visit(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let ((height, width), (oh, ow), (kh, kw)) = (self.input, self.output(), self.kernel);
        for plane in 0..self.images * self.channels {
            for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                for (u, v) in (0..kh).flat_map(|u| (0..kw).map(move |v| (u, v))) {
                    let row = (y * self.stride + u).wrapping_sub(self.padding.top);
                    let column = (x * self.stride + v).wrapping_sub(self.padding.left);
                    if row < height && column < width {
                        visit(
                            (plane * height + row) * width + column,
                            ((plane / self.images) * kh + u) * kw + v,
                            (plane * oh + y) * ow + x,
                        );
                    }
                }
            }
        }
    }

    /// Forward without bias, in f64.
    fn forward(&self, input: &[f32]) -> Vec<f64> {
        let weights = self.weights();
        let mut output = vec![0.0; self.output_len()];
        self.visit(|i, w, o| output[o] += f64::from(input[i]) * f64::from(weights[w]));
        output
    }

    /// Input gradient, in f64.
    fn backward(&self, gradient: &[f32]) -> Vec<f64> {
        let weights = self.weights();
        let mut input = vec![0.0; self.input_len()];
        self.visit(|i, w, o| input[i] += f64::from(gradient[o]) * f64::from(weights[w]));
        input
    }

    /// The same problem with absolute values of numbers and weights.
    fn magnitudes(&self, numbers: &[f32], way: impl Fn(&Problem, &[f32]) -> Vec<f64>) -> Vec<f64> {
        let absolute: Vec<f32> = numbers.iter().map(|value| value.abs()).collect();
        way(&Problem { absolute: true, ..self.clone() }, &absolute)
    }

    /// A kernel for each path, with each plan that the stride knows.
    fn kernels(&self, bias: Option<&[f32]>) -> Vec<(String, DepthwiseKernel)> {
        let (height, width) = self.kernel;
        let mut kernels = Vec::new();
        for path in Path::available() {
            for algorithm in [Algorithm::Direct, Algorithm::Spectral, Algorithm::Across] {
                let mut kernel =
                    DepthwiseKernel::new(&self.weights(), bias, self.channels, height, width)
                        .with_algorithm(algorithm);
                kernel.path = path;
                kernels.push((format!("{path:?}, {algorithm:?}"), kernel));
            }
        }
        kernels
    }
}

prop_compose! {
    fn problem()(kernel in (1usize..=15, 1usize..=15), stride in 1usize..=3)(
        input in (1usize..=40, 1usize..=40),
        padding in (0..kernel.0, 0..kernel.1, 0..kernel.0, 0..kernel.1),
        images in 1usize..=2,
        channels in 1usize..=18,
        kernel in Just(kernel),
        stride in Just(stride),
        seed in any::<u64>(),
    ) -> Problem {
        let padding =
            Padding { top: padding.0, left: padding.1, bottom: padding.2, right: padding.3 };
        let least = |size: usize, zeros: usize, kernel: usize| size.max((kernel).saturating_sub(zeros)).max(1);
        let input = (
            least(input.0, padding.top + padding.bottom, kernel.0),
            least(input.1, padding.left + padding.right, kernel.1),
        );
        Problem { images, channels, kernel, input, padding, stride, seed, absolute: false }
    }
}

/// The largest difference, relative to the largest sum of absolute values of what was added up: the error
/// of a sum is bounded by that, not by its result, which may be small because terms cancel (Higham
/// 2002, "Accuracy and Stability of Numerical Algorithms", section 4.2).
fn relative_error(found: &[f32], expected: &[f64], magnitudes: &[f64]) -> f64 {
    let largest = magnitudes.iter().fold(1e-3, |most: f64, value| most.max(*value));
    let differences = found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs());
    differences.fold(0.0, f64::max) / largest
}

const TOLERANCE: f64 = 1e-6;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn both_directions_equal_sums_in_f64(problem in problem()) {
        let input = numbers(problem.input_len(), problem.seed ^ 1);
        let gradient = numbers(problem.output_len(), problem.seed ^ 2);
        let (forward, backward) = (problem.forward(&input), problem.backward(&gradient));
        let forward_sizes = problem.magnitudes(&input, Problem::forward);
        let backward_sizes = problem.magnitudes(&gradient, Problem::backward);
        let (height, width) = problem.input;
        for (name, kernel) in problem.kernels(None) {
            let mut output = vec![f32::NAN; problem.output_len()];
            kernel.forward(
                &input, problem.images, height, width, problem.padding, problem.stride,
                ForwardExtras::default(), &mut output,
            );
            let error = relative_error(&output, &forward, &forward_sizes);
            prop_assert!(error < TOLERANCE, "{name}: forward {error}");
            let mut result = vec![f32::NAN; problem.input_len()];
            kernel.input_gradient(
                &gradient, problem.images, height, width, problem.padding, problem.stride,
                GradientExtras::default(), &mut result,
            );
            let error = relative_error(&result, &backward, &backward_sizes);
            prop_assert!(error < TOLERANCE, "{name}: gradient {error}");
            // <conv(x), y> = <x, gradient(y)>
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let (one, other) = (dot(&output, &gradient), dot(&input, &result));
            let size = dot(&output, &output).sqrt() * dot(&gradient, &gradient).sqrt();
            prop_assert!((one - other).abs() < 1e-5 * size.max(1e-3), "{name}: {one} {other}");
        }
    }

    #[test]
    fn extras_equal_separate_passes(problem in problem()) {
        let bias = numbers(problem.channels, problem.seed ^ 3);
        let input = numbers(problem.input_len(), problem.seed ^ 1);
        let gradient = numbers(problem.output_len(), problem.seed ^ 2);
        let (height, width) = problem.input;
        let Problem { images, padding, stride, .. } = problem;
        for (name, kernel) in problem.kernels(Some(&bias)) {
            let mut plain = vec![f32::NAN; problem.output_len()];
            kernel.forward(&input, images, height, width, padding, stride, ForwardExtras::default(), &mut plain);
            let plane = problem.output().0 * problem.output().1;
            let mut expected = problem.forward(&input);
            for (index, value) in expected.iter_mut().enumerate() {
                *value += f64::from(bias[index / plane / images]);
            }
            let mut sizes = problem.magnitudes(&input, Problem::forward);
            for (index, value) in sizes.iter_mut().enumerate() {
                *value += f64::from(bias[index / plane / images].abs());
            }
            prop_assert!(relative_error(&plain, &expected, &sizes) < TOLERANCE, "{name}: bias");
            let mut signs = vec![7; plain.len()];
            let mut output = vec![f32::NAN; plain.len()];
            let extras = ForwardExtras { relu: true, signs: Some(&mut signs) };
            kernel.forward(&input, images, height, width, padding, stride, extras, &mut output);
            let wanted: Vec<f32> = plain.iter().map(|value| value.max(0.0)).collect();
            prop_assert_eq!(&output, &wanted, "{}: relu", name);
            let wanted: Vec<u8> = plain.iter().map(|value| u8::from(*value > 0.0)).collect();
            prop_assert_eq!(&signs, &wanted, "{}: signs", name);

            let input_signs: Vec<u8> = input.iter().map(|value| u8::from(*value > 0.2)).collect();
            let mut masked = vec![f32::NAN; input.len()];
            let extras = GradientExtras { output_signs: Some(&signs), input_signs: Some(&input_signs) };
            kernel.input_gradient(&gradient, images, height, width, padding, stride, extras, &mut masked);
            let kept: Vec<f32> = gradient.iter().zip(&signs).map(|(g, s)| if *s == 0 { 0.0 } else { *g }).collect();
            let mut expected = vec![f32::NAN; input.len()];
            kernel.input_gradient(&kept, images, height, width, padding, stride, GradientExtras::default(), &mut expected);
            for (value, sign) in expected.iter_mut().zip(&input_signs) {
                *value = if *sign == 0 { 0.0 } else { *value };
            }
            prop_assert_eq!(&masked, &expected, "{}: masks", name);
        }
    }
}
