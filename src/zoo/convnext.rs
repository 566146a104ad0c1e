//! ConvNeXt (Liu et al. 2022, "A ConvNet for the 2020s", CVPR, figure 4 and table 9), with timm's
//! parameter names.

use super::architecture::{Architecture, Defaults, Form, Naming};
use crate::image::Interpolation;
use crate::nn::layer::{Convolution, Layer};
use crate::nn::{Builder, Graph, NodeId};
use crate::weights::Checkpoint;

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

/// The released checkpoints of Facebook Research: stem and downsampling layers in one list, the
/// final norm beside the head.
const FACEBOOK: Naming = Naming {
    name: "Facebook Research",
    recognise: |checkpoint: &Checkpoint| {
        checkpoint.tensors.keys().any(|name| name.starts_with("downsample_layers."))
    },
    defaults: None,
    rename: |name| {
        if let Some(rest) = name.strip_prefix("downsample_layers.") {
            let (stage, layer) = rest.split_once('.')?;
            return Some(match stage {
                "0" => format!("stem.{layer}"),
                _ => format!("stages.{stage}.downsample.{layer}"),
            });
        }
        if let Some(rest) = name.strip_prefix("stages.") {
            let mut parts = rest.splitn(3, '.');
            let (stage, block, entry) = (parts.next()?, parts.next()?, parts.next()?);
            let entry = entry
                .replace("dwconv", "conv_dw")
                .replace("pwconv1", "mlp.fc1")
                .replace("pwconv2", "mlp.fc2");
            return Some(format!("stages.{stage}.blocks.{block}.{entry}"));
        }
        if let Some(entry) = name.strip_prefix("norm.") {
            return Some(format!("head.norm.{entry}"));
        }
        let classifier = name.strip_prefix("head.").map(|entry| format!("head.fc.{entry}"));
        Some(classifier.unwrap_or_else(|| name.to_owned()))
    },
};

/// torchvision: stem, stages and the layers between them numbered in one list.
const TORCHVISION: Naming = Naming {
    name: "torchvision",
    recognise: |checkpoint: &Checkpoint| {
        checkpoint.tensors.keys().any(|name| name.starts_with("features.0."))
    },
    defaults: None,
    rename: |name| {
        if let Some(entry) = name.strip_prefix("classifier.") {
            let (layer, entry) = entry.split_once('.')?;
            let layer = if layer == "0" { "norm" } else { "fc" };
            return Some(format!("head.{layer}.{entry}"));
        }
        let Some(rest) = name.strip_prefix("features.") else { return Some(name.to_owned()) };
        let (place, entry) = rest.split_once('.')?;
        let place: usize = place.parse().ok()?;
        if place == 0 {
            return Some(format!("stem.{entry}"));
        }
        if place.is_multiple_of(2) {
            return Some(format!("stages.{}.downsample.{entry}", place / 2));
        }
        let (block, entry) = entry.split_once('.')?;
        let entry = match entry.split_once("block.") {
            Some((_, entry)) => {
                let (layer, entry) = entry.split_once('.')?;
                let layer = match layer {
                    "0" => "conv_dw",
                    "2" => "norm",
                    "3" => "mlp.fc1",
                    "5" => "mlp.fc2",
                    other => other,
                };
                format!("{layer}.{entry}")
            }
            None => entry.replace("layer_scale", "gamma"),
        };
        Some(format!("stages.{}.blocks.{block}.{entry}", place / 2))
    },
};

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
            .namings("timm", &[FACEBOOK, TORCHVISION])
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facebook_names_become_timm_s() {
        for (released, timm) in [
            ("downsample_layers.0.0.weight", "stem.0.weight"),
            ("downsample_layers.0.1.bias", "stem.1.bias"),
            ("downsample_layers.2.1.weight", "stages.2.downsample.1.weight"),
            ("stages.2.8.dwconv.weight", "stages.2.blocks.8.conv_dw.weight"),
            ("stages.0.1.norm.bias", "stages.0.blocks.1.norm.bias"),
            ("stages.3.0.pwconv1.weight", "stages.3.blocks.0.mlp.fc1.weight"),
            ("stages.3.0.pwconv2.bias", "stages.3.blocks.0.mlp.fc2.bias"),
            ("stages.1.2.gamma", "stages.1.blocks.2.gamma"),
            ("norm.weight", "head.norm.weight"),
            ("head.weight", "head.fc.weight"),
        ] {
            assert_eq!((FACEBOOK.rename)(released).as_deref(), Some(timm));
        }
    }

    #[test]
    fn torchvision_names_become_timm_s() {
        for (torchvision, timm) in [
            ("features.0.0.weight", "stem.0.weight"),
            ("features.1.0.layer_scale", "stages.0.blocks.0.gamma"),
            ("features.1.2.block.0.bias", "stages.0.blocks.2.conv_dw.bias"),
            ("features.4.1.weight", "stages.2.downsample.1.weight"),
            ("features.5.8.block.2.weight", "stages.2.blocks.8.norm.weight"),
            ("features.7.0.block.3.weight", "stages.3.blocks.0.mlp.fc1.weight"),
            ("features.7.0.block.5.bias", "stages.3.blocks.0.mlp.fc2.bias"),
            ("classifier.0.weight", "head.norm.weight"),
            ("classifier.2.bias", "head.fc.bias"),
        ] {
            assert_eq!((TORCHVISION.rename)(torchvision).as_deref(), Some(timm));
        }
    }
}
