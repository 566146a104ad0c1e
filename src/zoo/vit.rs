//! Vision transformers: ViT (Dosovitskiy et al. 2021, "An image is worth 16x16 words", ICLR, section
//! 3.1 and table 1; the tiny and small ones of Steiner et al. 2022, "How to train your ViT?") and
//! DeiT (Touvron et al. 2021, "Training data-efficient image transformers", ICML, section 4 and table
//! 1), with timm's parameter names.
//!
//! The two differ in training alone, unless a DeiT was distilled: then a second token stands beside
//! the class token, and the two classifiers' scores are averaged. The form is read off the
//! checkpoint, and so is the grid that its position embeddings were learned for.

use super::architecture::{Architecture, Defaults, Form, Naming};
use crate::image::Interpolation;
use crate::nn::layer::{Attention, Convolution, Layer, PositionEmbedding, PrefixTokens};
use crate::nn::{Builder, Graph, NodeId};
use crate::weights::Checkpoint;

/// Epsilon of every layer norm.
const EPSILON: f64 = 1e-6;

/// Sizes of a vision transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Side of a patch.
    pub patch: usize,
    /// Channels of a token.
    pub channels: usize,
    /// Blocks.
    pub depth: usize,
    /// Heads of each attention.
    pub heads: usize,
    /// Input size that a fresh network's position embeddings are for.
    pub size: usize,
}

impl Config {
    /// Patches of 16, 64 channels a head, positions for 224 x 224.
    pub fn new(channels: usize, depth: usize) -> Self {
        Config { patch: 16, channels, depth, heads: channels / 64, size: 224 }
    }

    /// Four blocks of 64 channels on patches of 8, positions for 64 x 64, for the demo.
    pub fn miniature() -> Self {
        Config { patch: 8, channels: 64, depth: 4, heads: 2, size: 64 }
    }

    /// The layer graph. Features: the tokens after the final norm, laid out as a map.
    pub fn graph(&self, form: &Form) -> Graph {
        let channels = self.channels;
        let (mut b, input) = Builder::new(3);
        let distilled = form.has("dist_token", false);
        let mut x = self.embed(&mut b, input, distilled, form);
        for index in 0..self.depth {
            x = self.block(&mut b, &format!("blocks.{index}"), x);
            b.stage(format!("block{}", index + 1), x);
        }
        let tokens = b.layer_norm("norm", x, channels, EPSILON);
        let features = b.add("features", Layer::TokensToMap, &[tokens]);
        let mut head = |token: &str, index: usize, name: &str| {
            let classes = form.classes(&format!("{name}.weight"))?;
            let token = b.add(token, Layer::SelectToken { index }, &[tokens]);
            Some(b.linear(name, token, channels, classes))
        };
        let mut logits = head("class_token", 0, "head");
        if distilled && let Some(second) = head("distillation_token", 1, "head_dist") {
            logits = logits.map(|first| b.add("head_mean", Layer::Average, &[first, second]));
        }
        b.finish(features, logits)
    }

    /// Patches to tokens by a convolution, class and distillation token in front, positions added.
    fn embed(&self, b: &mut Builder, input: NodeId, distilled: bool, form: &Form) -> NodeId {
        let channels = self.channels;
        let mut tokens = vec!["cls_token".to_owned()];
        if distilled {
            tokens.push("dist_token".to_owned());
        }
        let prefix = tokens.len();
        let name = "patch_embed.proj";
        let projection = Convolution::new(name, 3, channels, self.patch)
            .stride(self.patch)
            .padding(0)
            .with_bias();
        let x = b.convolution(name, input, projection);
        b.stage("stem", x);
        let x = b.add("patch_embed.tokens", Layer::ToTokens, &[x]);
        let prefix_tokens = PrefixTokens { channels, tokens };
        let x = b.add("prefix_tokens", Layer::PrefixTokens(prefix_tokens), &[x]);
        let side = form
            .shape("pos_embed")
            .and_then(|shape| shape.get(1)?.checked_sub(prefix))
            .map_or(self.size / self.patch, usize::isqrt);
        let weight = "pos_embed".to_owned();
        let positions = PositionEmbedding { channels, prefix, grid: [side; 2], weight };
        b.add("pos_embed", Layer::PositionEmbedding(positions), &[x])
    }

    /// Pre-norm transformer block: attention and a two-layer perceptron, each with a shortcut.
    fn block(&self, b: &mut Builder, name: &str, input: NodeId) -> NodeId {
        let channels = self.channels;
        let x = b.layer_norm(&format!("{name}.norm1"), input, channels, EPSILON);
        let x = b.linear(&format!("{name}.attn.qkv"), x, channels, 3 * channels);
        let attention = Attention { channels, heads: self.heads };
        let x = b.add(&format!("{name}.attn"), Layer::Attention(attention), &[x]);
        let x = b.linear(&format!("{name}.attn.proj"), x, channels, channels);
        let middle = b.sum(&format!("{name}.sum1"), input, x);
        let x = b.layer_norm(&format!("{name}.norm2"), middle, channels, EPSILON);
        let x = b.linear(&format!("{name}.mlp.fc1"), x, channels, 4 * channels);
        let x = b.gelu(&format!("{name}.mlp.act"), x);
        let x = b.linear(&format!("{name}.mlp.fc2"), x, 4 * channels, channels);
        b.sum(&format!("{name}.sum2"), middle, x)
    }
}

/// Preprocessing of the checkpoints of Steiner et al.: mean and standard deviation 0.5, bicubic, a
/// crop of 224 from 248 (90 %).
const VIT: Defaults = Defaults {
    mean: [0.5; 3],
    std: [0.5; 3],
    size: 224,
    short_side: 248,
    interpolation: Interpolation::Bicubic,
};

/// Preprocessing of DeiT: ImageNet's mean and standard deviation, bicubic, a crop of 224 from 256.
const DEIT: Defaults = Defaults { interpolation: Interpolation::Bicubic, ..Defaults::IMAGENET };

/// torchvision: all tokens' layers under `encoder`, attention by PyTorch's own module.
const TORCHVISION: Naming = Naming {
    name: "torchvision",
    recognise: |checkpoint: &Checkpoint| {
        checkpoint.tensors.keys().any(|name| name.starts_with("encoder.layers."))
    },
    // Unlike the original networks, which timm's copies are, torchvision's were trained with ImageNet's
    // mean and standard deviation.
    defaults: Some(Defaults::IMAGENET),
    rename: |name| {
        if let Some(rest) = name.strip_prefix("encoder.layers.encoder_layer_") {
            let (block, entry) = rest.split_once('.')?;
            // The perceptron's layers were called linear_1 and linear_2 at first.
            let entry = entry
                .replace("ln_1.", "norm1.")
                .replace("ln_2.", "norm2.")
                .replace("self_attention.in_proj_", "attn.qkv.")
                .replace("self_attention.out_proj.", "attn.proj.")
                .replace("mlp.0.", "mlp.fc1.")
                .replace("mlp.3.", "mlp.fc2.")
                .replace("mlp.linear_1.", "mlp.fc1.")
                .replace("mlp.linear_2.", "mlp.fc2.");
            return Some(format!("blocks.{block}.{entry}"));
        }
        let renamed = match name {
            "class_token" => "cls_token".to_owned(),
            "encoder.pos_embedding" => "pos_embed".to_owned(),
            _ => name
                .replace("conv_proj.", "patch_embed.proj.")
                .replace("encoder.ln.", "norm.")
                .replace("heads.head.", "head."),
        };
        Some(renamed)
    },
};

const VIT_CITATION: &str = "dosovitskiy2021vit";

/// ViT-Ti/16 to ViT-L/16 and DeiT-Ti to DeiT-B.
pub fn architectures() -> Vec<Architecture> {
    let tiny = Config::new(192, 12);
    let small = Config::new(384, 12);
    let base = Config::new(768, 12);
    let large = Config::new(1024, 24);
    let vit = [("tiny", tiny), ("small", small), ("base", base), ("large", large)]
        .map(|(size, config)| ("vit", "ViT", VIT_CITATION, VIT, size, config));
    let deit = [("tiny", tiny), ("small", small), ("base", base)]
        .map(|(size, config)| ("deit", "DeiT", "touvron2021deit", DEIT, size, config));
    vit.into_iter()
        .chain(deit)
        .map(|(prefix, family, citation, defaults, size, config)| {
            let Config { patch, channels, depth, heads, .. } = config;
            let summary =
                format!("{depth} blocks, {channels} channels, {heads} heads, patches of {patch}");
            let build = move |form: &Form| config.graph(form);
            Architecture::new(&format!("{prefix}_{size}_patch16"), family, summary, citation, build)
                .defaults(defaults)
                .namings("timm", &[TORCHVISION])
        })
        .collect()
}

/// The miniature.
pub fn miniatures() -> Vec<Architecture> {
    let config = Config::miniature();
    let Config { patch, channels, depth, .. } = config;
    let summary = format!("ViT, {depth} blocks, {channels} channels, patches of {patch}");
    let build = move |form: &Form| config.graph(form);
    vec![Architecture::miniature("vit", summary, VIT_CITATION, build).namings("timm", &[])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torchvision_names_become_timm_s() {
        for (torchvision, timm) in [
            ("class_token", "cls_token"),
            ("conv_proj.weight", "patch_embed.proj.weight"),
            ("encoder.pos_embedding", "pos_embed"),
            ("encoder.layers.encoder_layer_11.ln_1.bias", "blocks.11.norm1.bias"),
            (
                "encoder.layers.encoder_layer_0.self_attention.in_proj_weight",
                "blocks.0.attn.qkv.weight",
            ),
            (
                "encoder.layers.encoder_layer_0.self_attention.out_proj.bias",
                "blocks.0.attn.proj.bias",
            ),
            ("encoder.layers.encoder_layer_3.mlp.0.weight", "blocks.3.mlp.fc1.weight"),
            ("encoder.layers.encoder_layer_3.mlp.linear_2.bias", "blocks.3.mlp.fc2.bias"),
            ("encoder.ln.weight", "norm.weight"),
            ("heads.head.bias", "head.bias"),
        ] {
            assert_eq!((TORCHVISION.rename)(torchvision).as_deref(), Some(timm));
        }
    }
}
