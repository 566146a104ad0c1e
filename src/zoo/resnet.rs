//! ResNet (He et al. 2016, "Deep residual learning for image recognition", CVPR, table 1), with
//! torchvision's parameter names and its stride in the 3 x 3 convolution of a bottleneck.

use super::architecture::{Architecture, Form};
use crate::nn::layer::{Convolution, MaxPool};
use crate::nn::{Builder, Graph, NodeId};

/// Depths and block kind of a ResNet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Blocks in each of the four stages.
    pub depths: [usize; 4],
    /// Whether blocks are bottlenecks (1 x 1, 3 x 3, 1 x 1) or basic (3 x 3, 3 x 3).
    pub bottleneck: bool,
    /// Channels of the stem and of the first stage's 3 x 3 convolutions; they double each stage.
    pub width: usize,
}

impl Config {
    /// Depths of the paper's table 1, width 64.
    pub fn new(depths: [usize; 4], bottleneck: bool) -> Self {
        Config { depths, bottleneck, width: 64 }
    }

    /// A basic block in each stage, width 12, for the demo.
    pub fn miniature() -> Self {
        Config { width: 12, ..Config::new([1; 4], false) }
    }

    /// The layer graph. Features: the output of `layer4`.
    pub fn graph(&self, form: &Form) -> Graph {
        let (mut b, input) = Builder::new(3);
        let conv1 = Convolution::new("conv1", 3, self.width, 7).stride(2);
        let x = b.convolution("conv1", input, conv1);
        let x = b.batch_norm("bn1", x, self.width);
        let x = b.relu("relu", x);
        let mut x = b.max_pool("maxpool", x, MaxPool { kernel: 3, stride: 2, padding: 1 });
        b.stage("stem", x);
        let mut channels = self.width;
        for (stage, &depth) in self.depths.iter().enumerate() {
            for block in 0..depth {
                let name = format!("layer{}.{block}", stage + 1);
                let width = self.width << stage;
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                x = self.block(&mut b, &name, x, channels, width, stride);
                channels = width * self.expansion();
            }
            b.stage(format!("layer{}", stage + 1), x);
        }
        let logits = form.classes("fc.weight").map(|classes| {
            let pooled = b.global_average_pool("avgpool", x);
            b.linear("fc", pooled, channels, classes)
        });
        b.finish(x, logits)
    }

    fn expansion(&self) -> usize {
        if self.bottleneck { 4 } else { 1 }
    }

    /// Residual block: convolutions with batch norms, the identity (or a strided 1 x 1 projection)
    /// added, then ReLU.
    fn block(
        &self,
        b: &mut Builder,
        name: &str,
        input: NodeId,
        channels: usize,
        width: usize,
        stride: usize,
    ) -> NodeId {
        let out = width * self.expansion();
        // (kernel, channels out, stride) of each convolution on the residual branch.
        let convolutions = if self.bottleneck {
            vec![(1, width, 1), (3, width, stride), (1, out, 1)]
        } else {
            vec![(3, width, stride), (3, out, 1)]
        };
        let mut x = input;
        let mut from = channels;
        for (index, &(kernel, to, stride)) in convolutions.iter().enumerate() {
            let conv = format!("{name}.conv{}", index + 1);
            x = b.convolution(&conv, x, Convolution::new(&conv, from, to, kernel).stride(stride));
            x = b.batch_norm(&format!("{name}.bn{}", index + 1), x, to);
            if index + 1 < convolutions.len() {
                x = b.relu(&format!("{name}.relu{}", index + 1), x);
            }
            from = to;
        }
        let shortcut = if stride != 1 || channels != out {
            let conv = format!("{name}.downsample.0");
            let layer = Convolution::new(&conv, channels, out, 1).stride(stride);
            let projected = b.convolution(&conv, input, layer);
            b.batch_norm(&format!("{name}.downsample.1"), projected, out)
        } else {
            input
        };
        let sum = b.sum(&format!("{name}.sum"), x, shortcut);
        b.relu(&format!("{name}.relu"), sum)
    }
}

const CITATION: &str = "he2016resnet";

/// ResNet-18 to ResNet-152.
pub fn architectures() -> Vec<Architecture> {
    [
        (18, Config::new([2, 2, 2, 2], false)),
        (34, Config::new([3, 4, 6, 3], false)),
        (50, Config::new([3, 4, 6, 3], true)),
        (101, Config::new([3, 4, 23, 3], true)),
        (152, Config::new([3, 8, 36, 3], true)),
    ]
    .into_iter()
    .map(|(layers, config)| {
        let blocks = if config.bottleneck { "bottleneck" } else { "basic" };
        let summary = format!("{layers} layers, {blocks} blocks {:?}", config.depths);
        let build = move |form: &Form| config.graph(form);
        Architecture::new(&format!("resnet{layers}"), "ResNet", summary, CITATION, build)
    })
    .collect()
}

/// The miniature.
pub fn miniatures() -> Vec<Architecture> {
    let config = Config::miniature();
    let summary = format!("ResNet, basic blocks {:?}, width {}", config.depths, config.width);
    let build = move |form: &Form| config.graph(form);
    vec![Architecture::miniature("resnet", summary, CITATION, build)]
}
