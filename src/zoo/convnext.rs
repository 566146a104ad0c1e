//! ConvNeXt (Liu et al. 2022, "A ConvNet for the 2020s", CVPR, figure 4 and table 9), with timm's
//! parameter names.

use super::architecture::{Architecture, Defaults, Form};
use crate::image::Interpolation;
use crate::nn::layer::{Convolution, Layer};
use crate::nn::{Builder, Graph, NodeId};

/// Epsilon of every layer norm.
const EPSILON: f64 = 1e-6;

/// Sizes of a ConvNeXt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Blocks in each stage.
    pub depths: [usize; 4],
    /// Channels of each stage.
    pub channels: [usize; 4],
}

impl Config {
    /// Depths of each stage, and channels that start at `width` and double.
    pub fn new(depths: [usize; 4], width: usize) -> Self {
        Config { depths, channels: [0, 1, 2, 3].map(|stage| width << stage) }
    }

    /// The layer graph. Features: the last stage's output, before the head's norm.
    pub fn graph(&self, form: &Form) -> Graph {
        let (mut b, input) = Builder::new(3);
        let stem = Convolution::new("stem.0", 3, self.channels[0], 4).stride(4).padding(0);
        let x = b.convolution("stem.0", input, stem.with_bias());
        let mut x = channels_first_norm(&mut b, "stem.1", x, self.channels[0]);
        b.stage("stem", x);
        for (stage, (&depth, &channels)) in self.depths.iter().zip(&self.channels).enumerate() {
            if stage > 0 {
                x = downsample(&mut b, stage, x, self.channels[stage - 1], channels);
            }
            for index in 0..depth {
                x = block(&mut b, &format!("stages.{stage}.blocks.{index}"), x, channels, form);
            }
            b.stage(format!("stage{}", stage + 1), x);
        }
        let last = self.channels[3];
        let logits = form.classes("head.fc.weight").map(|classes| {
            let pooled = b.global_average_pool("head.global_pool", x);
            let normed = b.layer_norm("head.norm", pooled, last, EPSILON);
            b.linear("head.fc", normed, last, classes)
        });
        b.finish(x, logits)
    }
}

/// Depthwise 7 x 7, layer norm, 1 x 1 to four times the channels, GELU, 1 x 1 back, layer scale,
/// with a shortcut around it all.
fn block(b: &mut Builder, name: &str, input: NodeId, channels: usize, form: &Form) -> NodeId {
    let conv = format!("{name}.conv_dw");
    let depthwise = Convolution::new(&conv, channels, channels, 7).depthwise().with_bias();
    let x = b.convolution(&conv, input, depthwise);
    let x = b.add(&format!("{name}.to_channels_last"), Layer::ToChannelsLast, &[x]);
    let x = b.layer_norm(&format!("{name}.norm"), x, channels, EPSILON);
    let x = b.linear(&format!("{name}.mlp.fc1"), x, channels, 4 * channels);
    let x = b.gelu(&format!("{name}.mlp.act"), x);
    let mut x = b.linear(&format!("{name}.mlp.fc2"), x, 4 * channels, channels);
    let gamma = format!("{name}.gamma");
    if form.has(&gamma, true) {
        x = b.add(&gamma, Layer::ChannelScale { channels, weight: gamma.clone() }, &[x]);
    }
    let x = b.add(&format!("{name}.to_channels_first"), Layer::ToChannelsFirst, &[x]);
    b.sum(&format!("{name}.sum"), x, input)
}

/// Between stages: layer norm, then 2 x 2 of stride 2.
fn downsample(b: &mut Builder, stage: usize, input: NodeId, from: usize, to: usize) -> NodeId {
    let x = channels_first_norm(b, &format!("stages.{stage}.downsample.0"), input, from);
    let conv = format!("stages.{stage}.downsample.1");
    let layer = Convolution::new(&conv, from, to, 2).stride(2).padding(0).with_bias();
    b.convolution(&conv, x, layer)
}

/// Layer norm over the channels of a C x H x W map.
fn channels_first_norm(b: &mut Builder, name: &str, input: NodeId, channels: usize) -> NodeId {
    let x = b.add(&format!("{name}.to_channels_last"), Layer::ToChannelsLast, &[input]);
    let x = b.layer_norm(name, x, channels, EPSILON);
    b.add(&format!("{name}.to_channels_first"), Layer::ToChannelsFirst, &[x])
}

/// Preprocessing of the released checkpoints: ImageNet's mean and standard deviation, bicubic, a
/// crop of 224 from 256.
const DEFAULTS: Defaults = Defaults { interpolation: Interpolation::Bicubic, ..Defaults::IMAGENET };

/// ConvNeXt-T to ConvNeXt-L.
pub fn architectures() -> Vec<Architecture> {
    [
        ("convnext_tiny", Config::new([3, 3, 9, 3], 96)),
        ("convnext_small", Config::new([3, 3, 27, 3], 96)),
        ("convnext_base", Config::new([3, 3, 27, 3], 128)),
        ("convnext_large", Config::new([3, 3, 27, 3], 192)),
    ]
    .into_iter()
    .map(|(name, config)| {
        let summary = format!("blocks {:?}, channels {:?}", config.depths, config.channels);
        let build = move |form: &Form| config.graph(form);
        Architecture::new(name, "ConvNeXt", summary, "liu2022convnext", build)
            .defaults(DEFAULTS)
            .namings("timm", &[])
    })
    .collect()
}
