//! RepLKNet (Ding et al. 2022, "Scaling up your kernels to 31x31", CVPR, section 4 and figure 4),
//! with the parameter names of the released checkpoints.
//!
//! A network in training form has, beside each large kernel, a parallel 5 x 5 one, both with batch
//! norms; in merged form one large kernel with a bias (`lkb_reparam`) stands for the two. The form
//! is read off the checkpoint.

use super::architecture::{Architecture, Defaults, Form, Naming};
use crate::nn::layer::Convolution;
use crate::nn::{Builder, Graph, NodeId};
use crate::weights::Checkpoint;

/// Sizes of a RepLKNet.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Side of the depthwise kernel in each stage.
    pub kernels: Vec<usize>,
    /// Pairs of RepLK block and ConvFFN in each stage.
    pub depths: Vec<usize>,
    /// Channels of each stage.
    pub channels: Vec<usize>,
    /// Side of the parallel small kernel, if there is one.
    pub small_kernel: Option<usize>,
    /// Channels of the depthwise convolutions, as a multiple of the stage's channels.
    pub depthwise_ratio: f64,
}

impl Config {
    /// The base network (depths 2, 2, 18, 2; channels 128 to 1024; 5 x 5 beside each large kernel)
    /// with other kernels, such as `[31, 29, 27, 13]`.
    pub fn with_kernels(kernels: [usize; 4]) -> Self {
        Config {
            kernels: kernels.to_vec(),
            depths: vec![2, 2, 18, 2],
            channels: vec![128, 256, 512, 1024],
            small_kernel: if kernels.iter().all(|&kernel| kernel <= 5) { None } else { Some(5) },
            depthwise_ratio: 1.0,
        }
    }

    /// RepLKNet-31L: the large kernels of 31B on 192 to 1536 channels.
    pub fn large() -> Self {
        let channels = vec![192, 384, 768, 1536];
        Config { channels, ..Config::with_kernels([31, 29, 27, 13]) }
    }

    /// RepLKNet-XL: kernels 27, 27, 27, 13 on 256 to 2048 channels, depthwise 1.5 times as wide, no
    /// parallel small kernel.
    pub fn extra_large() -> Self {
        Config {
            channels: vec![256, 512, 1024, 2048],
            small_kernel: None,
            depthwise_ratio: 1.5,
            ..Config::with_kernels([27, 27, 27, 13])
        }
    }

    /// A network of some 200,000 parameters with the kernels of a large one, for the demo.
    pub fn miniature(kernels: [usize; 4]) -> Self {
        Config {
            depths: vec![1; 4],
            channels: vec![24, 40, 64, 96],
            ..Config::with_kernels(kernels)
        }
    }

    /// The layer graph. Features: the last stage's output, before the final norm.
    pub fn graph(&self, form: &Form) -> Graph {
        let (mut b, input) = Builder::new(3);
        let mut x = self.stem(&mut b, input);
        b.stage("stem", x);
        for (stage, (&channels, &depth)) in self.channels.iter().zip(&self.depths).enumerate() {
            for block in 0..depth {
                let name = |block| format!("stages.{stage}.blocks.{block}");
                x = self.replk_block(
                    &mut b,
                    &name(2 * block),
                    x,
                    channels,
                    self.kernels[stage],
                    form,
                );
                x = conv_ffn(&mut b, &name(2 * block + 1), x, channels);
            }
            b.stage(format!("stage{}", stage + 1), x);
            if let Some(&next) = self.channels.get(stage + 1) {
                x = transition(&mut b, &format!("transitions.{stage}"), x, channels, next);
            }
        }
        let last = self.channels.last().copied().unwrap_or(0);
        let logits = form.classes("head.weight").map(|classes| {
            let normed = b.batch_norm("norm", x, last);
            let pooled = b.global_average_pool("avgpool", normed);
            b.linear("head", pooled, last, classes)
        });
        b.finish(x, logits)
    }

    /// Four convolutions: 3 x 3 stride 2, depthwise 3 x 3, 1 x 1, depthwise 3 x 3 stride 2.
    fn stem(&self, b: &mut Builder, input: NodeId) -> NodeId {
        let channels = self.channels[0];
        let x = conv_bn(b, "stem.0", input, ConvBn::dense(3, channels, 3).stride(2).relu());
        let x = conv_bn(b, "stem.1", x, ConvBn::depthwise(channels, 3).relu());
        let x = conv_bn(b, "stem.2", x, ConvBn::dense(channels, channels, 1).relu());
        conv_bn(b, "stem.3", x, ConvBn::depthwise(channels, 3).stride(2).relu())
    }

    /// Batch norm, 1 x 1, ReLU, large depthwise kernel, ReLU, 1 x 1, with a shortcut around it all.
    fn replk_block(
        &self,
        b: &mut Builder,
        name: &str,
        input: NodeId,
        channels: usize,
        kernel: usize,
        form: &Form,
    ) -> NodeId {
        let width = (channels as f64 * self.depthwise_ratio) as usize;
        let x = b.batch_norm(&format!("{name}.prelkb_bn"), input, channels);
        let x = conv_bn(b, &format!("{name}.pw1"), x, ConvBn::dense(channels, width, 1).relu());
        let x = self.large_kernel(b, &format!("{name}.large_kernel"), x, width, kernel, form);
        let x = b.relu(&format!("{name}.lk_nonlinear"), x);
        let x = conv_bn(b, &format!("{name}.pw2"), x, ConvBn::dense(width, channels, 1));
        b.sum(&format!("{name}.sum"), input, x)
    }

    /// The re-parameterisable large kernel, in the form that the checkpoint has.
    fn large_kernel(
        &self,
        b: &mut Builder,
        name: &str,
        input: NodeId,
        channels: usize,
        kernel: usize,
        form: &Form,
    ) -> NodeId {
        let merged = format!("{name}.lkb_reparam");
        if form.has(&format!("{merged}.weight"), false) {
            let layer = Convolution::new(&merged, channels, channels, kernel).depthwise();
            return b.convolution(&merged, input, layer.with_bias());
        }
        let large = ConvBn::depthwise(channels, kernel);
        let large = conv_bn(b, &format!("{name}.lkb_origin"), input, large);
        let small = format!("{name}.small_conv");
        match self.small_kernel {
            Some(side) if form.has(&format!("{small}.conv.weight"), true) => {
                let small = conv_bn(b, &small, input, ConvBn::depthwise(channels, side));
                b.sum(&format!("{name}.sum"), large, small)
            }
            _ => large,
        }
    }
}

/// Batch norm, 1 x 1 to four times the channels, GELU, 1 x 1 back, with a shortcut around it all.
fn conv_ffn(b: &mut Builder, name: &str, input: NodeId, channels: usize) -> NodeId {
    let x = b.batch_norm(&format!("{name}.preffn_bn"), input, channels);
    let x = conv_bn(b, &format!("{name}.pw1"), x, ConvBn::dense(channels, 4 * channels, 1));
    let x = b.gelu(&format!("{name}.nonlinear"), x);
    let x = conv_bn(b, &format!("{name}.pw2"), x, ConvBn::dense(4 * channels, channels, 1));
    b.sum(&format!("{name}.sum"), input, x)
}

/// Between stages: 1 x 1 to the next stage's channels, then depthwise 3 x 3 of stride 2.
fn transition(b: &mut Builder, name: &str, input: NodeId, from: usize, to: usize) -> NodeId {
    let x = conv_bn(b, &format!("{name}.0"), input, ConvBn::dense(from, to, 1).relu());
    conv_bn(b, &format!("{name}.1"), x, ConvBn::depthwise(to, 3).stride(2).relu())
}

/// Convolution without bias, batch norm, perhaps ReLU: `conv`, `bn`, `nonlinear` under one name.
struct ConvBn {
    from: usize,
    to: usize,
    kernel: usize,
    stride: usize,
    depthwise: bool,
    relu: bool,
}

impl ConvBn {
    fn dense(from: usize, to: usize, kernel: usize) -> Self {
        ConvBn { from, to, kernel, stride: 1, depthwise: false, relu: false }
    }

    fn depthwise(channels: usize, kernel: usize) -> Self {
        ConvBn { depthwise: true, ..ConvBn::dense(channels, channels, kernel) }
    }

    fn stride(self, stride: usize) -> Self {
        ConvBn { stride, ..self }
    }

    fn relu(self) -> Self {
        ConvBn { relu: true, ..self }
    }
}

fn conv_bn(b: &mut Builder, name: &str, input: NodeId, layer: ConvBn) -> NodeId {
    let conv = format!("{name}.conv");
    let convolution =
        Convolution::new(&conv, layer.from, layer.to, layer.kernel).stride(layer.stride);
    let convolution = if layer.depthwise { convolution.depthwise() } else { convolution };
    let x = b.convolution(&conv, input, convolution);
    let x = b.batch_norm(&format!("{name}.bn"), x, layer.to);
    if layer.relu { b.relu(&format!("{name}.nonlinear"), x) } else { x }
}

/// OpenMMLab's copies of the released checkpoints: everything under `backbone.`, the final norm
/// inside the last stage, the classifier as `head.fc`.
const OPENMMLAB: Naming = Naming {
    name: "OpenMMLab",
    recognise: |checkpoint: &Checkpoint| {
        checkpoint.tensors.keys().any(|name| name.starts_with("backbone.stem."))
    },
    defaults: None,
    rename: |name| {
        if let Some(rest) = name.strip_prefix("head.fc.") {
            return Some(format!("head.{rest}"));
        }
        let rest = name.strip_prefix("backbone.").unwrap_or(name);
        // "stages.3.norm.weight" is the norm that follows the last stage.
        match rest.strip_prefix("stages.").and_then(|rest| rest.split_once(".norm.")) {
            Some((stage, entry)) if stage.parse::<usize>().is_ok() => Some(format!("norm.{entry}")),
            _ => Some(rest.to_owned()),
        }
    },
};

const CITATION: &str = "ding2022replknet";

/// RepLKNet-3 to RepLKNet-XL.
pub fn architectures() -> Vec<Architecture> {
    [
        ("replknet_3", Config::with_kernels([3; 4]), Defaults::IMAGENET),
        ("replknet_7", Config::with_kernels([7; 4]), Defaults::IMAGENET),
        ("replknet_13", Config::with_kernels([13; 4]), Defaults::IMAGENET),
        ("replknet_25", Config::with_kernels([25, 25, 25, 13]), Defaults::IMAGENET),
        ("replknet_31b", Config::with_kernels([31, 29, 27, 13]), Defaults::IMAGENET),
        ("replknet_31l", Config::large(), Defaults::IMAGENET),
        // Alone trained with other values, says the release.
        ("replknet_xl", Config::extra_large(), Defaults::SYMMETRIC),
    ]
    .into_iter()
    .map(|(name, config, defaults)| {
        let summary = format!("kernels {:?}, channels {:?}", config.kernels, config.channels);
        let build = move |form: &Form| config.graph(form);
        Architecture::new(name, "RepLKNet", summary, CITATION, build)
            .defaults(defaults)
            .namings("released", &[OPENMMLAB])
    })
    .collect()
}

/// The miniatures: kernels of RepLKNet-3, -13 and -31B.
pub fn miniatures() -> Vec<Architecture> {
    [("3", [3; 4]), ("13", [13; 4]), ("31", [31, 29, 27, 13])]
        .into_iter()
        .map(|(kernel, kernels)| {
            let config = Config::miniature(kernels);
            let summary = format!("RepLKNet, kernels {kernels:?}, channels {:?}", config.channels);
            let build = move |form: &Form| config.graph(form);
            Architecture::miniature(&format!("replknet_{kernel}"), summary, CITATION, build)
                .namings("released", &[OPENMMLAB])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_alone_was_trained_with_other_means() {
        for architecture in architectures() {
            let symmetric = architecture.name == "replknet_xl";
            assert_eq!(architecture.defaults.mean == [0.5; 3], symmetric, "{}", architecture.name);
        }
    }
}
