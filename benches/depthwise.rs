//! Depthwise convolutions at the shapes of RepLKNet-31B (at 1024 and 224 pixels) and ConvNeXt: this
//! crate's three algorithms, forward and input gradient, against libtorch's `conv2d` and
//! `conv_transpose2d` (with which libtorch computes the same sums faster than by its own forward).
//!
//! One thread on both sides, so that a busy second core disturbs little. Pin it: `taskset -c 1 cargo
//! bench --bench depthwise`; a shape's name as an argument selects it, and
//! `SHAPE/forward/across` a single measurement.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use fieldscope::nn::depthwise::{
    Algorithm, DepthwiseKernel, ForwardExtras, GradientExtras, Padding,
};
use tch::{Device, Kind, Tensor};

/// Name, images, channels, height = width, kernel, stride.
type Shape = (&'static str, usize, usize, usize, usize, usize);

const SHAPES: [Shape; 21] = [
    ("replknet-1024-stem1", 1, 128, 512, 3, 1),
    ("replknet-1024-stem2", 1, 128, 512, 3, 2),
    ("replknet-1024-stage1", 1, 128, 256, 31, 1),
    ("replknet-1024-transition1", 1, 256, 256, 3, 2),
    ("replknet-1024-stage2", 1, 256, 128, 29, 1),
    ("replknet-1024-stage3", 1, 512, 64, 27, 1),
    ("replknet-1024-stage4", 1, 1024, 32, 13, 1),
    ("replknet-224-stage1", 1, 128, 56, 31, 1),
    ("replknet-224-stage2", 1, 256, 28, 29, 1),
    ("replknet-224-stage3", 1, 512, 14, 27, 1),
    ("replknet-224-stage4", 1, 1024, 7, 13, 1),
    ("replknet-224-batch32-stage1", 32, 128, 56, 31, 1),
    ("replknet-224-batch32-stage2", 32, 256, 28, 29, 1),
    ("replknet-224-batch32-stage3", 32, 512, 14, 27, 1),
    ("replknet-224-batch32-stage4", 32, 1024, 7, 13, 1),
    ("kernel13", 1, 512, 64, 13, 1),
    ("convnext-1024-stage1", 1, 96, 256, 7, 1),
    ("convnext-1024-stage3", 1, 384, 64, 7, 1),
    ("convnext-224-stage1", 1, 96, 56, 7, 1),
    ("convnext-224-stage3", 1, 384, 14, 7, 1),
    ("convnext-224-stage4", 1, 768, 7, 7, 1),
];

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|index| (index % 251) as f32 / 251.0 - 0.5).collect()
}

fn tensor(values: &[f32], sizes: [usize; 4]) -> Tensor {
    Tensor::from_slice(values).view(sizes.map(|size| size as i64))
}

/// Seconds of so many calls by a worker thread, where the engine makes them: going over to it takes
/// as long as the smallest convolutions.
fn on_a_worker(count: u64, mut call: impl FnMut() + Send) -> Duration {
    rayon::scope(|_| {
        let start = Instant::now();
        (0..count).for_each(|_| call());
        start.elapsed()
    })
}

fn bench_shape(criterion: &mut Criterion, (name, images, channels, side, size, stride): Shape) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(200));
    group.measurement_time(Duration::from_millis(500));
    let padding = Padding::uniform(size / 2);
    let weights = numbers(channels * size * size);
    let input = numbers(images * channels * side * side);
    let auto = || DepthwiseKernel::new(&weights, None, channels, size, size);
    let (height, width) = auto().output_size(side, side, padding, stride);
    let gradient = numbers(images * channels * height * width);
    let mut kernels = vec![("chosen", auto())];
    if stride == 1 {
        kernels.push(("direct", auto().with_algorithm(Algorithm::Direct)));
        kernels.push(("spectral", auto().with_algorithm(Algorithm::Spectral)));
        kernels.push(("across", auto().with_algorithm(Algorithm::Across)));
    }
    for (algorithm, kernel) in &kernels {
        let mut output = vec![0.0; gradient.len()];
        group.bench_function(format!("forward/{algorithm}"), |bencher| {
            bencher.iter_custom(|count| {
                on_a_worker(count, || {
                    let extras = ForwardExtras::default();
                    kernel.forward(
                        &input,
                        images,
                        side,
                        side,
                        padding,
                        stride,
                        extras,
                        &mut output,
                    );
                    black_box(&mut output);
                })
            })
        });
        let mut result = vec![0.0; input.len()];
        group.bench_function(format!("gradient/{algorithm}"), |bencher| {
            bencher.iter_custom(|count| {
                on_a_worker(count, || {
                    let extras = GradientExtras::default();
                    kernel.input_gradient(
                        &gradient,
                        images,
                        side,
                        side,
                        padding,
                        stride,
                        extras,
                        &mut result,
                    );
                    black_box(&mut result);
                })
            })
        });
    }
    let weights = tensor(&weights, [channels, 1, size, size]);
    let input = tensor(&input, [images, channels, side, side]);
    let gradient = tensor(&gradient, [images, channels, height, width]);
    let (stride, pad, groups) = (stride as i64, (size / 2) as i64, channels as i64);
    let none: Option<Tensor> = None;
    group.bench_function("forward/libtorch conv2d", |bencher| {
        bencher
            .iter(|| input.conv2d(&weights, none.as_ref(), [stride; 2], [pad; 2], [1; 2], groups))
    });
    let rest = if stride == 1 { 0 } else { (side - 1) % stride as usize } as i64;
    group.bench_function("gradient/libtorch conv_transpose2d", |bencher| {
        bencher.iter(|| {
            let (stride, pad, rest) = ([stride; 2], [pad; 2], [rest; 2]);
            let result = gradient.conv_transpose2d(
                &weights,
                none.as_ref(),
                stride,
                pad,
                rest,
                groups,
                [1; 2],
            );
            assert_eq!(result.kind(), Kind::Float);
            result
        })
    });
    group.finish();
}

fn depthwise(criterion: &mut Criterion) {
    tch::set_num_threads(1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build_global();
    assert!(pool.is_ok() && Tensor::zeros([1], (Kind::Float, Device::Cpu)).device() == Device::Cpu);
    let guard = tch::no_grad_guard();
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for shape in SHAPES {
        if wanted.is_empty()
            || wanted
                .iter()
                .any(|word| shape.0.contains(word.as_str()) || word.starts_with(shape.0))
        {
            bench_shape(criterion, shape);
        }
    }
    drop(guard);
}

criterion_group!(benches, depthwise);
criterion_main!(benches);
