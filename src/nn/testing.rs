//! Small random networks for property tests.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::graph::{Builder, NodeId};
use super::layer::{Convolution, MaxPool, Role};
use super::network::{Network, Parameters};

/// A part of a random network.
#[derive(Clone, Copy, Debug)]
pub enum Block {
    /// Convolution, batch norm, ReLU.
    ConvBnRelu { kernel: usize, stride: usize, padding: usize, out: usize },
    /// A large and a small depthwise kernel, each with its batch norm, summed.
    Parallel { large: usize, small: usize },
    /// Batch norm before a 1 x 1 convolution, inside a residual.
    NormFirst,
    /// Batch norm, 1 x 1, GELU, 1 x 1, inside a residual.
    Ffn,
    /// Batch norm before a padded convolution, which can't take it.
    NormBeforePadded,
    /// A convolution read by its batch norm and by another layer.
    SharedConvolution,
    /// Max pooling.
    Pool { kernel: usize, stride: usize, padding: usize },
    /// Strided residual block with a projected shortcut.
    Downsample { out: usize },
    /// Depthwise convolution with a stride.
    DepthwiseStride { kernel: usize },
    /// Channels last: layer norm, linear, GELU, linear, layer scale, inside a residual.
    ConvNext,
}

/// Any block.
pub fn block() -> impl Strategy<Value = Block> {
    prop_oneof![
        (1usize..=5, 1usize..=2, 0usize..=2, 2usize..=5).prop_map(
            |(kernel, stride, padding, out)| Block::ConvBnRelu {
                kernel,
                stride,
                padding: padding.min(kernel / 2),
                out
            }
        ),
        (1usize..=4, 0usize..=2)
            .prop_map(|(l, s)| Block::Parallel { large: 2 * l + 1, small: 2 * s.min(l) + 1 }),
        Just(Block::NormFirst),
        Just(Block::Ffn),
        Just(Block::NormBeforePadded),
        Just(Block::SharedConvolution),
        (2usize..=3, 1usize..=2, 0usize..=1).prop_map(|(kernel, stride, padding)| Block::Pool {
            kernel,
            stride,
            padding
        }),
        (2usize..=5).prop_map(|out| Block::Downsample { out }),
        (1usize..=2).prop_map(|k| Block::DepthwiseStride { kernel: 2 * k + 1 }),
        Just(Block::ConvNext),
    ]
}

/// A network of these blocks with random values and a classifier.
pub fn network(blocks: &[Block], seed: u64) -> Network {
    let (mut b, input) = Builder::new(3);
    let mut x = b.convolution("stem", input, Convolution::new("stem", 3, 4, 3));
    let mut channels = 4;
    for (index, block) in blocks.iter().enumerate() {
        (x, channels) = add(&mut b, &format!("b{index}"), *block, x, channels);
        b.stage(format!("stage{}", index + 1), x);
    }
    let normed = b.batch_norm("norm", x, channels);
    let pooled = b.global_average_pool("avgpool", normed);
    let logits = b.linear("head", pooled, channels, 7);
    let graph = b.finish(x, Some(logits));
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut parameters = Parameters::new();
    for parameter in graph.parameters() {
        let fan_in = parameter.shape.iter().skip(1).product::<usize>().max(1) as f64;
        let values: Vec<f32> = (0..parameter.count())
            .map(|_| {
                let uniform = 2.0 * generator.random::<f64>() - 1.0;
                let value = match parameter.role {
                    Role::Weight => uniform * (3.0 / fan_in).sqrt(),
                    Role::Scale | Role::RunningVariance | Role::LayerScale => 1.0 + 0.4 * uniform,
                    _ => 0.4 * uniform,
                };
                value as f32
            })
            .collect();
        let shape: Vec<i64> = parameter.shape.iter().map(|&size| size as i64).collect();
        parameters.insert(parameter.name, Tensor::from_slice(&values).reshape(shape));
    }
    Network { graph, parameters }
}

/// A random image of 1 x 3 x height x width.
pub fn image(seed: u64, height: usize, width: usize) -> Tensor {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> =
        (0..3 * height * width).map(|_| 2.0 * generator.random::<f32>() - 1.0).collect();
    Tensor::from_slice(&values).reshape([1, 3, height as i64, width as i64])
}

/// sum |a - b| / sum |b| over all elements; the plain sum where b is 0.
pub fn relative_l1(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let sum = |t: Tensor| f64::try_from(t.abs().sum(tch::Kind::Double)).unwrap();
    let scale = sum(expected.shallow_clone());
    sum(found - expected) / if scale > 0.0 { scale } else { 1.0 }
}

fn add(b: &mut Builder, name: &str, block: Block, x: NodeId, channels: usize) -> (NodeId, usize) {
    let n = |part: &str| format!("{name}.{part}");
    let conv = |part: &str, from, to, kernel| Convolution::new(&n(part), from, to, kernel);
    match block {
        Block::ConvBnRelu { kernel, stride, padding, out } => {
            let layer = conv("conv", channels, out, kernel).stride(stride).padding(padding);
            let y = b.convolution(&n("conv"), x, layer);
            let y = b.batch_norm(&n("bn"), y, out);
            (b.relu(&n("relu"), y), out)
        }
        Block::Parallel { large, small } => {
            let one =
                b.convolution(&n("one"), x, conv("one", channels, channels, large).depthwise());
            let one = b.batch_norm(&n("bn1"), one, channels);
            let two =
                b.convolution(&n("two"), x, conv("two", channels, channels, small).depthwise());
            let two = b.batch_norm(&n("bn2"), two, channels);
            let sum = b.sum(&n("sum"), one, two);
            (b.relu(&n("relu"), sum), channels)
        }
        Block::NormFirst => {
            let y = b.batch_norm(&n("bn"), x, channels);
            let y = b.convolution(&n("pw"), y, conv("pw", channels, channels, 1));
            (b.sum(&n("sum"), x, y), channels)
        }
        Block::Ffn => {
            let y = b.batch_norm(&n("bn"), x, channels);
            let y = b.convolution(&n("pw1"), y, conv("pw1", channels, 3 * channels, 1));
            let y = b.batch_norm(&n("bn1"), y, 3 * channels);
            let y = b.gelu(&n("gelu"), y);
            let y = b.convolution(&n("pw2"), y, conv("pw2", 3 * channels, channels, 1).with_bias());
            let y = b.batch_norm(&n("bn2"), y, channels);
            (b.sum(&n("sum"), x, y), channels)
        }
        Block::NormBeforePadded => {
            let y = b.relu(&n("relu"), x);
            let y = b.batch_norm(&n("bn"), y, channels);
            (b.convolution(&n("conv"), y, conv("conv", channels, channels, 3)), channels)
        }
        Block::SharedConvolution => {
            let y = b.convolution(&n("conv"), x, conv("conv", channels, channels, 3));
            let z = b.batch_norm(&n("bn"), y, channels);
            let z = b.relu(&n("relu"), z);
            (b.sum(&n("sum"), y, z), channels)
        }
        Block::Pool { kernel, stride, padding } => {
            (b.max_pool(&n("pool"), x, MaxPool { kernel, stride, padding }), channels)
        }
        Block::Downsample { out } => {
            let y = b.convolution(&n("conv1"), x, conv("conv1", channels, out, 3).stride(2));
            let y = b.batch_norm(&n("bn1"), y, out);
            let y = b.relu(&n("relu1"), y);
            let y = b.convolution(&n("conv2"), y, conv("conv2", out, out, 3));
            let y = b.batch_norm(&n("bn2"), y, out);
            let z = b.convolution(&n("down"), x, conv("down", channels, out, 1).stride(2));
            let z = b.batch_norm(&n("bn3"), z, out);
            let sum = b.sum(&n("sum"), y, z);
            (b.relu(&n("relu"), sum), out)
        }
        Block::DepthwiseStride { kernel } => {
            let layer = conv("dw", channels, channels, kernel).depthwise().stride(2);
            let y = b.convolution(&n("dw"), x, layer);
            (b.batch_norm(&n("bn"), y, channels), channels)
        }
        Block::ConvNext => {
            use super::layer::Layer;
            let y = b.convolution(&n("dw"), x, conv("dw", channels, channels, 5).depthwise());
            let y = b.add(&n("last"), Layer::ToChannelsLast, &[y]);
            let y = b.layer_norm(&n("ln"), y, channels, 1e-6);
            let y = b.linear(&n("fc1"), y, channels, 2 * channels);
            let y = b.gelu(&n("gelu"), y);
            let y = b.linear(&n("fc2"), y, 2 * channels, channels);
            let scale = Layer::ChannelScale { channels, weight: n("gamma") };
            let y = b.add(&n("scale"), scale, &[y]);
            let y = b.add(&n("first"), Layer::ToChannelsFirst, &[y]);
            (b.sum(&n("sum"), x, y), channels)
        }
    }
}
