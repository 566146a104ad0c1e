//! Swin Transformer (Liu et al. 2021, "Swin Transformer: hierarchical vision transformer using
//! shifted windows", ICCV, figure 3 and table 7), with timm's parameter names.
//!
//! The window is read off a checkpoint's bias tables, so that one trained with windows of 12 runs
//! under the name of the network with windows of 7 as well.

use super::architecture::{Architecture, Defaults, Form, Naming};
use crate::image::Interpolation;
use crate::nn::layer::{Convolution, Layer, Linear, WindowAttention};
use crate::nn::{Builder, Graph, NodeId};
use crate::weights::Checkpoint;

/// Epsilon of every layer norm.
const EPSILON: f64 = 1e-5;

/// Sizes of a Swin Transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Blocks in each stage.
    pub depths: [usize; 4],
    /// Channels of the first stage; they double each stage.
    pub channels: usize,
    /// Side of a window.
    pub window: usize,
}

impl Config {
    /// Windows of 7 and 32 channels a head.
    pub fn new(depths: [usize; 4], channels: usize) -> Self {
        Config { depths, channels, window: 7 }
    }

    /// The same with windows of another side.
    pub fn window(self, window: usize) -> Self {
        Config { window, ..self }
    }

    /// The layer graph. Features: the map after the final norm.
    pub fn graph(&self, form: &Form) -> Graph {
        let (mut b, input) = Builder::new(3);
        let stem = Convolution::new("patch_embed.proj", 3, self.channels, 4).stride(4).padding(0);
        let x = b.convolution("patch_embed.proj", input, stem.with_bias());
        let x = b.add("patch_embed.to_channels_last", Layer::ToChannelsLast, &[x]);
        let mut x = b.layer_norm("patch_embed.norm", x, self.channels, EPSILON);
        b.stage("stem", x);
        let mut channels = self.channels;
        for (stage, &depth) in self.depths.iter().enumerate() {
            if stage > 0 {
                x = merge(&mut b, &format!("layers.{stage}.downsample"), x, channels);
                channels *= 2;
            }
            for index in 0..depth {
                let name = format!("layers.{stage}.blocks.{index}");
                x = self.block(&mut b, &name, x, channels, index % 2 == 1, form);
            }
            b.stage(format!("stage{}", stage + 1), x);
        }
        let normed = b.layer_norm("norm", x, channels, EPSILON);
        let features = b.add("features", Layer::ToChannelsFirst, &[normed]);
        let logits = form.classes("head.fc.weight").map(|classes| {
            let pooled = b.global_average_pool("head.global_pool", features);
            b.linear("head.fc", pooled, channels, classes)
        });
        b.finish(features, logits)
    }

    /// Pre-norm block: window attention and a two-layer perceptron, each with a shortcut. Windows of
    /// every other block are shifted by half their side.
    fn block(
        &self,
        b: &mut Builder,
        name: &str,
        input: NodeId,
        channels: usize,
        shifted: bool,
        form: &Form,
    ) -> NodeId {
        let qkv = format!("{name}.attn.qkv");
        let table = format!("{name}.attn.relative_position_bias_table");
        // A table has (2 window - 1)^2 rows.
        let window = form
            .shape(&table)
            .and_then(|shape| shape.first())
            .map_or(self.window, |rows| rows.isqrt().div_ceil(2).max(1));
        let x = b.layer_norm(&format!("{name}.norm1"), input, channels, EPSILON);
        let x = b.linear(&qkv, x, channels, 3 * channels);
        let attention = WindowAttention {
            channels,
            heads: channels / 32,
            window,
            shifted,
            table,
            padding: format!("{qkv}.bias"),
        };
        let x = b.add(&format!("{name}.attn"), Layer::WindowAttention(attention), &[x]);
        let x = b.linear(&format!("{name}.attn.proj"), x, channels, channels);
        let middle = b.sum(&format!("{name}.sum1"), input, x);
        let x = b.layer_norm(&format!("{name}.norm2"), middle, channels, EPSILON);
        let x = b.linear(&format!("{name}.mlp.fc1"), x, channels, 4 * channels);
        let x = b.gelu(&format!("{name}.mlp.act"), x);
        let x = b.linear(&format!("{name}.mlp.fc2"), x, 4 * channels, channels);
        b.sum(&format!("{name}.sum2"), middle, x)
    }
}

/// Patch merging: 2 x 2 neighbours side by side, layer norm, a linear layer to twice the channels.
fn merge(b: &mut Builder, name: &str, input: NodeId, channels: usize) -> NodeId {
    let x = b.add(name, Layer::MergePatches, &[input]);
    let x = b.layer_norm(&format!("{name}.norm"), x, 4 * channels, EPSILON);
    let reduction = format!("{name}.reduction");
    let layer = Linear::new(&reduction, 4 * channels, 2 * channels).without_bias();
    b.add(&reduction, Layer::Linear(layer), &[x])
}

/// Preprocessing of the released checkpoints: ImageNet's mean and standard deviation, bicubic, a
/// crop of 224 from 256.
const DEFAULTS: Defaults = Defaults { interpolation: Interpolation::Bicubic, ..Defaults::IMAGENET };

/// Preprocessing of the checkpoints for 384 x 384: no crop.
const DEFAULTS_384: Defaults = Defaults { size: 384, short_side: 384, ..DEFAULTS };

/// The released checkpoints of Microsoft: patches are merged at the end of a stage, not at the start
/// of the next.
const MICROSOFT: Naming = Naming {
    name: "Microsoft",
    recognise: |checkpoint: &Checkpoint| {
        checkpoint.tensors.keys().any(|name| name.starts_with("layers.0.downsample."))
    },
    defaults: None,
    rename: |name| {
        if let Some(entry) = name.strip_prefix("head.") {
            return Some(format!("head.fc.{entry}"));
        }
        let Some((stage, entry)) =
            name.strip_prefix("layers.").and_then(|rest| rest.split_once(".downsample."))
        else {
            return Some(name.to_owned());
        };
        let stage: usize = stage.parse().ok()?;
        Some(format!("layers.{}.downsample.{entry}", stage + 1))
    },
};

/// torchvision: patch embedding, stages and the merging between them numbered in one list.
const TORCHVISION: Naming = Naming {
    name: "torchvision",
    recognise: |checkpoint: &Checkpoint| {
        checkpoint.tensors.keys().any(|name| name.starts_with("features.0."))
    },
    defaults: None,
    rename: |name| {
        if let Some(entry) = name.strip_prefix("head.") {
            return Some(format!("head.fc.{entry}"));
        }
        let Some(rest) = name.strip_prefix("features.") else { return Some(name.to_owned()) };
        let (place, entry) = rest.split_once('.')?;
        let place: usize = place.parse().ok()?;
        if place == 0 {
            let (layer, entry) = entry.split_once('.')?;
            let layer = if layer == "0" { "proj" } else { "norm" };
            return Some(format!("patch_embed.{layer}.{entry}"));
        }
        if place.is_multiple_of(2) {
            return Some(format!("layers.{}.downsample.{entry}", place / 2));
        }
        let (block, entry) = entry.split_once('.')?;
        let entry = entry.replace("mlp.0.", "mlp.fc1.").replace("mlp.3.", "mlp.fc2.");
        Some(format!("layers.{}.blocks.{block}.{entry}", place / 2))
    },
};

/// Swin-T to Swin-L, and the networks with windows of 12 for 384 x 384.
pub fn architectures() -> Vec<Architecture> {
    let base = Config::new([2, 2, 18, 2], 128);
    let large = Config::new([2, 2, 18, 2], 192);
    [
        ("swin_tiny", Config::new([2, 2, 6, 2], 96), DEFAULTS),
        ("swin_small", Config::new([2, 2, 18, 2], 96), DEFAULTS),
        ("swin_base", base, DEFAULTS),
        ("swin_large", large, DEFAULTS),
        ("swin_base_384", base.window(12), DEFAULTS_384),
        ("swin_large_384", large.window(12), DEFAULTS_384),
    ]
    .into_iter()
    .map(|(name, config, defaults)| {
        let Config { depths, channels, window } = config;
        let summary =
            format!("blocks {depths:?}, {channels} channels at first, windows of {window}");
        let build = move |form: &Form| config.graph(form);
        Architecture::new(name, "Swin", summary, "liu2021swin", build)
            .defaults(defaults)
            .namings("timm", &[MICROSOFT, TORCHVISION])
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microsoft_names_become_timm_s() {
        for (released, timm) in [
            ("patch_embed.proj.weight", "patch_embed.proj.weight"),
            ("layers.0.downsample.norm.weight", "layers.1.downsample.norm.weight"),
            ("layers.2.downsample.reduction.weight", "layers.3.downsample.reduction.weight"),
            ("layers.2.blocks.5.attn.qkv.bias", "layers.2.blocks.5.attn.qkv.bias"),
            ("norm.bias", "norm.bias"),
            ("head.weight", "head.fc.weight"),
        ] {
            assert_eq!((MICROSOFT.rename)(released).as_deref(), Some(timm));
        }
    }

    #[test]
    fn torchvision_names_become_timm_s() {
        for (torchvision, timm) in [
            ("features.0.0.weight", "patch_embed.proj.weight"),
            ("features.0.2.bias", "patch_embed.norm.bias"),
            (
                "features.1.0.attn.relative_position_bias_table",
                "layers.0.blocks.0.attn.relative_position_bias_table",
            ),
            ("features.2.reduction.weight", "layers.1.downsample.reduction.weight"),
            ("features.5.3.mlp.0.weight", "layers.2.blocks.3.mlp.fc1.weight"),
            ("features.7.1.mlp.3.bias", "layers.3.blocks.1.mlp.fc2.bias"),
            ("norm.weight", "norm.weight"),
            ("head.bias", "head.fc.bias"),
        ] {
            assert_eq!((TORCHVISION.rename)(torchvision).as_deref(), Some(timm));
        }
    }
}
