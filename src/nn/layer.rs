//! What a layer is: its kind, its sizes and the names of its parameters. No numbers are held here.

/// What a parameter is for; decides how it is initialised and whether it counts as a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weight of a convolution or linear layer.
    Weight,
    /// Multiplies normalised values, channel by channel; 1 in a fresh network.
    Scale,
    /// Is added, channel by channel; 0 in a fresh network.
    Shift,
    /// Running mean of a batch norm: a buffer, not a parameter.
    RunningMean,
    /// Running variance of a batch norm: a buffer, not a parameter.
    RunningVariance,
    /// Token, position embedding or position bias: small values in a fresh network.
    Embedding,
    /// Layer scale (Touvron et al. 2021, "Going deeper with image transformers"): 1e-6 in a fresh
    /// network.
    LayerScale,
}

impl Role {
    /// Whether the entry is a buffer that training's optimiser doesn't touch.
    pub fn is_buffer(self) -> bool {
        matches!(self, Role::RunningMean | Role::RunningVariance)
    }
}

/// Name, shape and purpose of one entry of a state dict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name in the checkpoint.
    pub name: String,
    /// Shape, as PyTorch stores it.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

impl Parameter {
    fn new(name: impl Into<String>, shape: &[usize], role: Role) -> Self {
        Parameter { name: name.into(), shape: shape.to_vec(), role }
    }

    /// Number of elements.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A 2-D convolution (cross-correlation) over an N x C x H x W map, with zero padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Step along height and width.
    pub stride: [usize; 2],
    /// Zeros added on each side, along height and width.
    pub padding: [usize; 2],
    /// Groups; `in_channels` for a depthwise convolution.
    pub groups: usize,
    /// Name of the weight, out x in/groups x height x width.
    pub weight: String,
    /// Name of the bias, if there is one.
    pub bias: Option<String>,
}

impl Convolution {
    /// A square convolution named `name`, stride 1, "same" padding (kernel / 2), no bias.
    pub fn new(name: &str, in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Convolution {
            in_channels,
            out_channels,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [kernel / 2; 2],
            groups: 1,
            weight: format!("{name}.weight"),
            bias: None,
        }
    }

    /// The same with another stride.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = [stride; 2];
        self
    }

    /// The same with another padding.
    pub fn padding(mut self, padding: usize) -> Self {
        self.padding = [padding; 2];
        self
    }

    /// One kernel a channel.
    pub fn depthwise(mut self) -> Self {
        self.groups = self.in_channels;
        self
    }

    /// The same with a bias, named beside the weight.
    pub fn with_bias(mut self) -> Self {
        let stem = self.weight.strip_suffix(".weight").unwrap_or(&self.weight);
        self.bias = Some(format!("{stem}.bias"));
        self
    }

    /// True where every channel has a kernel of its own.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels && self.groups == self.out_channels
    }

    /// True for a 1 x 1 convolution of stride 1 without padding: a matrix product.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0] && self.groups == 1
    }
}

/// Batch normalisation with its running statistics, over the channels of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Channels.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f64,
    /// Names start with this: `{prefix}.weight`, `.bias`, `.running_mean`, `.running_var`.
    pub prefix: String,
}

/// Layer normalisation over the last axis (channels), of tokens or of a channels-last map.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    /// Channels.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f64,
    /// Names start with this: `{prefix}.weight`, `{prefix}.bias`.
    pub prefix: String,
}

/// A linear layer over the last axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Size of the last axis before.
    pub in_features: usize,
    /// Size of the last axis after.
    pub out_features: usize,
    /// Name of the weight, out x in.
    pub weight: String,
    /// Name of the bias, if there is one.
    pub bias: Option<String>,
}

impl Linear {
    /// A linear layer with a bias, parameters named after `name`.
    pub fn new(name: &str, in_features: usize, out_features: usize) -> Self {
        Linear {
            in_features,
            out_features,
            weight: format!("{name}.weight"),
            bias: Some(format!("{name}.bias")),
        }
    }

    /// The same without a bias.
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }
}

/// Max pooling over an N x C x H x W map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step.
    pub stride: usize,
    /// Padding (with minus infinity) on each side.
    pub padding: usize,
}

/// Tokens put in front of a sequence: a class token, a distillation token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixTokens {
    /// Channels.
    pub channels: usize,
    /// Names of the tokens, each 1 x 1 x channels, in order.
    pub tokens: Vec<String>,
}

/// A learned embedding of each token's position, added to the tokens. For an image of another grid
/// than `grid` the rows and columns are resampled; the prefix tokens' rows stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionEmbedding {
    /// Channels.
    pub channels: usize,
    /// Prefix tokens that have an embedding.
    pub prefix: usize,
    /// Rows and columns that the embedding was learned for.
    pub grid: [usize; 2],
    /// Name of the embedding, 1 x (prefix + rows x columns) x channels.
    pub weight: String,
}

/// Multi-head self-attention of every token to every token (Vaswani et al. 2017, "Attention is all
/// you need", section 3.2), on tokens that hold query, key and value side by side (3 x channels).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Channels of the output, of which each head has an equal share.
    pub channels: usize,
    /// Heads.
    pub heads: usize,
}

/// Self-attention within windows of a map, with a learned bias for each relative position (Liu et
/// al. 2021, "Swin Transformer", ICCV, section 3.2 and equation 4), on an H x W map that holds query,
/// key and value side by side (3 x channels).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowAttention {
    /// Channels of the output, of which each head has an equal share.
    pub channels: usize,
    /// Heads.
    pub heads: usize,
    /// Side of a window. Along an axis that is no longer than this, one window takes all.
    pub window: usize,
    /// Whether windows are shifted cyclically by half their side.
    pub shifted: bool,
    /// Name of the bias table, (2 window - 1)^2 x heads, row by row over relative positions.
    pub table: String,
    /// Name of the bias of the layer that computes query, key and value: what it gives for the
    /// zeros by which a map is padded to whole windows.
    pub padding: String,
}

/// One layer of a network.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// The image, N x channels x H x W, normalised.
    Input {
        /// Colour channels.
        channels: usize,
    },
    /// 2-D convolution.
    Convolution(Convolution),
    /// Batch normalisation (evaluation mode).
    BatchNorm(BatchNorm),
    /// Layer normalisation over channels.
    LayerNorm(LayerNorm),
    /// max(x, 0).
    Relu,
    /// x Phi(x), with the error function (Hendrycks and Gimpel 2016), not its tanh approximation.
    Gelu,
    /// Max pooling.
    MaxPool(MaxPool),
    /// Mean over all positions: map -> vector.
    GlobalAveragePool,
    /// Sum of two equal shapes.
    Add,
    /// Linear layer over channels.
    Linear(Linear),
    /// Multiplies each channel (the last axis) by a learned factor (layer scale).
    ChannelScale {
        /// Channels.
        channels: usize,
        /// Name of the factors.
        weight: String,
    },
    /// N x C x H x W -> N x H x W x C.
    ToChannelsLast,
    /// N x H x W x C -> N x C x H x W.
    ToChannelsFirst,
    /// N x C x H x W -> N x (H W) x C, row by row.
    ToTokens,
    /// Tokens -> N x C x H x W; prefix tokens are dropped.
    TokensToMap,
    /// Tokens put in front of the others.
    PrefixTokens(PrefixTokens),
    /// Adds an embedding of the positions.
    PositionEmbedding(PositionEmbedding),
    /// Self-attention over all tokens.
    Attention(Attention),
    /// Self-attention within windows of a channels-last map.
    WindowAttention(WindowAttention),
    /// One token: tokens -> vector.
    SelectToken {
        /// Place of the token, prefix tokens first.
        index: usize,
    },
    /// Puts each 2 x 2 neighbourhood of a channels-last map side by side: H x W x C ->
    /// ceil(H/2) x ceil(W/2) x 4C, in the order (0,0), (1,0), (0,1), (1,1) of (row, column), with
    /// zeros beyond the edge.
    MergePatches,
    /// Mean of two equal shapes.
    Average,
}

impl Layer {
    /// Short name of the kind, for tables.
    pub fn kind(&self) -> &'static str {
        match self {
            Layer::Input { .. } => "input",
            Layer::Convolution(c) if c.is_depthwise() => "depthwise convolution",
            Layer::Convolution(_) => "convolution",
            Layer::BatchNorm(_) => "batch norm",
            Layer::LayerNorm(_) => "layer norm",
            Layer::Relu => "ReLU",
            Layer::Gelu => "GELU",
            Layer::MaxPool(_) => "max pooling",
            Layer::GlobalAveragePool => "global average pooling",
            Layer::Add => "sum",
            Layer::Linear(_) => "linear",
            Layer::ChannelScale { .. } => "layer scale",
            Layer::ToChannelsLast => "to channels last",
            Layer::ToChannelsFirst => "to channels first",
            Layer::ToTokens => "to tokens",
            Layer::TokensToMap => "tokens to map",
            Layer::PrefixTokens(_) => "prefix tokens",
            Layer::PositionEmbedding(_) => "position embedding",
            Layer::Attention(_) => "attention",
            Layer::WindowAttention(w) if w.shifted => "shifted window attention",
            Layer::WindowAttention(_) => "window attention",
            Layer::SelectToken { .. } => "token",
            Layer::MergePatches => "patch merging",
            Layer::Average => "average",
        }
    }

    /// The state-dict entries that the layer reads, in PyTorch's order.
    pub fn parameters(&self) -> Vec<Parameter> {
        match self {
            Layer::Convolution(c) => {
                let [height, width] = c.kernel;
                let shape = [c.out_channels, c.in_channels / c.groups, height, width];
                let weight = Parameter::new(&c.weight, &shape, Role::Weight);
                with_bias(weight, c.bias.as_deref(), c.out_channels)
            }
            Layer::Linear(l) => {
                let shape = [l.out_features, l.in_features];
                let weight = Parameter::new(&l.weight, &shape, Role::Weight);
                with_bias(weight, l.bias.as_deref(), l.out_features)
            }
            Layer::BatchNorm(b) => {
                let entry = |suffix: &str, role| {
                    Parameter::new(format!("{}.{suffix}", b.prefix), &[b.channels], role)
                };
                vec![
                    entry("weight", Role::Scale),
                    entry("bias", Role::Shift),
                    entry("running_mean", Role::RunningMean),
                    entry("running_var", Role::RunningVariance),
                ]
            }
            Layer::LayerNorm(l) => vec![
                Parameter::new(format!("{}.weight", l.prefix), &[l.channels], Role::Scale),
                Parameter::new(format!("{}.bias", l.prefix), &[l.channels], Role::Shift),
            ],
            Layer::ChannelScale { channels, weight } => {
                vec![Parameter::new(weight, &[*channels], Role::LayerScale)]
            }
            Layer::PrefixTokens(p) => {
                let token = |name| Parameter::new(name, &[1, 1, p.channels], Role::Embedding);
                p.tokens.iter().map(token).collect()
            }
            Layer::PositionEmbedding(p) => {
                let shape = [1, p.prefix + p.grid[0] * p.grid[1], p.channels];
                vec![Parameter::new(&p.weight, &shape, Role::Embedding)]
            }
            Layer::WindowAttention(w) => {
                let positions = (2 * w.window - 1).pow(2);
                vec![Parameter::new(&w.table, &[positions, w.heads], Role::Embedding)]
            }
            Layer::Input { .. }
            | Layer::Relu
            | Layer::Gelu
            | Layer::MaxPool(_)
            | Layer::GlobalAveragePool
            | Layer::Add
            | Layer::ToChannelsLast
            | Layer::ToChannelsFirst
            | Layer::ToTokens
            | Layer::TokensToMap
            | Layer::Attention(_)
            | Layer::SelectToken { .. }
            | Layer::MergePatches
            | Layer::Average => Vec::new(),
        }
    }
}

fn with_bias(weight: Parameter, bias: Option<&str>, channels: usize) -> Vec<Parameter> {
    let bias = bias.map(|name| Parameter::new(name, &[channels], Role::Shift));
    std::iter::once(weight).chain(bias).collect()
}
