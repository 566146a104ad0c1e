//! The shape of each layer's output for a given input size.

use std::fmt;

use super::NnError;
use super::graph::{Graph, Node};
use super::layer::Layer;

/// Shape of one image's output, without the batch axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// C x H x W.
    Map {
        /// Channels.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// H x W x C.
    ChannelsLast {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Channels.
        channels: usize,
    },
    /// L x C: prefix tokens, then the patches of an H x W grid row by row.
    Tokens {
        /// Tokens in front of the patches.
        prefix: usize,
        /// Rows of patches.
        height: usize,
        /// Columns of patches.
        width: usize,
        /// Channels.
        channels: usize,
    },
    /// C.
    Vector {
        /// Channels.
        channels: usize,
    },
}

impl Shape {
    /// Channels.
    pub fn channels(&self) -> usize {
        match *self {
            Shape::Map { channels, .. }
            | Shape::ChannelsLast { channels, .. }
            | Shape::Tokens { channels, .. }
            | Shape::Vector { channels } => channels,
        }
    }

    /// Rows and columns, where the shape has any.
    pub fn grid(&self) -> Option<[usize; 2]> {
        match *self {
            Shape::Map { height, width, .. }
            | Shape::ChannelsLast { height, width, .. }
            | Shape::Tokens { height, width, .. } => Some([height, width]),
            Shape::Vector { .. } => None,
        }
    }

    /// Rows and columns that hold all positions: those of the grid, or one row for tokens (which may
    /// have a prefix) and vectors.
    pub fn frame(&self) -> [usize; 2] {
        match *self {
            Shape::Map { height, width, .. } | Shape::ChannelsLast { height, width, .. } => {
                [height, width]
            }
            Shape::Tokens { .. } | Shape::Vector { .. } => [1, self.positions()],
        }
    }

    /// Place in the frame of the unit at a row and column of the grid.
    pub fn place(&self, row: usize, column: usize) -> [usize; 2] {
        match *self {
            Shape::Tokens { prefix, width, .. } => [0, prefix + row * width + column],
            _ => [row, column],
        }
    }

    /// Number of positions: rows x columns, and prefix tokens; 1 for a vector.
    pub fn positions(&self) -> usize {
        let prefix = if let Shape::Tokens { prefix, .. } = self { *prefix } else { 0 };
        self.grid().map_or(1, |[height, width]| height * width + prefix)
    }

    /// Number of values.
    pub fn count(&self) -> usize {
        self.channels() * self.positions()
    }

    /// The same with other channels.
    pub fn with_channels(self, channels: usize) -> Self {
        match self {
            Shape::Map { height, width, .. } => Shape::Map { channels, height, width },
            Shape::ChannelsLast { height, width, .. } => {
                Shape::ChannelsLast { height, width, channels }
            }
            Shape::Tokens { prefix, height, width, .. } => {
                Shape::Tokens { prefix, height, width, channels }
            }
            Shape::Vector { .. } => Shape::Vector { channels },
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Map { channels, height, width } => write!(f, "{channels} x {height} x {width}"),
            Shape::ChannelsLast { height, width, channels } => {
                write!(f, "{height} x {width} x {channels}")
            }
            Shape::Tokens { prefix: 0, height, width, channels } => {
                write!(f, "({height} x {width}) tokens x {channels}")
            }
            Shape::Tokens { prefix, height, width, channels } => {
                write!(f, "({prefix} + {height} x {width}) tokens x {channels}")
            }
            Shape::Vector { channels } => write!(f, "{channels}"),
        }
    }
}

/// Output size of a kernel of size `kernel`: floor((size + 2 padding - kernel) / stride) + 1, or
/// nothing where the kernel doesn't fit.
pub fn output_size(size: usize, kernel: usize, stride: usize, padding: usize) -> Option<usize> {
    Some((size + 2 * padding).checked_sub(kernel)? / stride + 1)
}

/// The shape of each layer's output for an image of `height` x `width`.
///
/// # Errors
///
/// [`NnError::Shape`] where a layer can't take its input: channels that don't match, a map smaller
/// than the kernel.
pub fn shapes(graph: &Graph, height: usize, width: usize) -> Result<Vec<Shape>, NnError> {
    let mut shapes: Vec<Shape> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let inputs: Vec<Shape> = node.inputs.iter().map(|input| shapes[input.0]).collect();
        shapes.push(output_shape(node, &inputs, height, width)?);
    }
    Ok(shapes)
}

fn output_shape(
    node: &Node,
    inputs: &[Shape],
    height: usize,
    width: usize,
) -> Result<Shape, NnError> {
    let refuse = |reason: String| NnError::Shape {
        layer: node.name.clone(),
        kind: node.layer.kind(),
        shape: inputs.iter().map(Shape::to_string).collect::<Vec<_>>().join(" and "),
        reason,
    };
    let expect_channels = |expected: usize| match inputs[0].channels() {
        found if found == expected => Ok(inputs[0]),
        found => Err(refuse(format!("it has {found} channels where {expected} are expected"))),
    };
    let slide = |channels: usize, kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]| {
        let Shape::Map { height, width, .. } = inputs[0] else {
            return Err(refuse("it needs a map of C x H x W".into()));
        };
        let size = |axis: usize, size: usize| {
            output_size(size, kernel[axis], stride[axis], padding[axis]).ok_or_else(|| {
                refuse("the map is smaller than the kernel; use a larger image".into())
            })
        };
        Ok(Shape::Map { channels, height: size(0, height)?, width: size(1, width)? })
    };
    match &node.layer {
        Layer::Input { channels } => Ok(Shape::Map { channels: *channels, height, width }),
        Layer::Convolution(c) => {
            expect_channels(c.in_channels)?;
            slide(c.out_channels, c.kernel, c.stride, c.padding)
        }
        Layer::MaxPool(p) => {
            slide(inputs[0].channels(), [p.kernel; 2], [p.stride; 2], [p.padding; 2])
        }
        Layer::BatchNorm(b) => expect_channels(b.channels),
        Layer::LayerNorm(l) => match expect_channels(l.channels)? {
            Shape::Map { .. } => Err(refuse("it needs channels last".into())),
            shape => Ok(shape),
        },
        Layer::ChannelScale { channels, .. } => match expect_channels(*channels)? {
            Shape::Map { .. } => Err(refuse("it needs channels last".into())),
            shape => Ok(shape),
        },
        Layer::Relu | Layer::Gelu => Ok(inputs[0]),
        Layer::Add | Layer::Average if inputs[0] == inputs[1] => Ok(inputs[0]),
        Layer::Add | Layer::Average => Err(refuse("the two shapes differ".into())),
        Layer::GlobalAveragePool => match inputs[0] {
            Shape::Map { channels, .. } => Ok(Shape::Vector { channels }),
            _ => Err(refuse("it needs a map of C x H x W".into())),
        },
        Layer::Linear(l) => match expect_channels(l.in_features)? {
            Shape::Map { .. } => Err(refuse("it needs channels last".into())),
            shape => Ok(shape.with_channels(l.out_features)),
        },
        Layer::ToChannelsLast => match inputs[0] {
            Shape::Map { channels, height, width } => {
                Ok(Shape::ChannelsLast { height, width, channels })
            }
            _ => Err(refuse("it needs a map of C x H x W".into())),
        },
        Layer::ToChannelsFirst => match inputs[0] {
            Shape::ChannelsLast { height, width, channels } => {
                Ok(Shape::Map { channels, height, width })
            }
            _ => Err(refuse("it needs a map of H x W x C".into())),
        },
        Layer::MergePatches => match inputs[0] {
            Shape::ChannelsLast { height, width, channels } => Ok(Shape::ChannelsLast {
                height: height.div_ceil(2),
                width: width.div_ceil(2),
                channels: 4 * channels,
            }),
            _ => Err(refuse("it needs a map of H x W x C".into())),
        },
        Layer::WindowAttention(w) => match expect_channels(3 * w.channels)? {
            shape @ Shape::ChannelsLast { .. } => Ok(shape.with_channels(w.channels)),
            _ => Err(refuse("it needs a map of H x W x C".into())),
        },
        Layer::ToTokens
        | Layer::TokensToMap
        | Layer::PrefixTokens(_)
        | Layer::PositionEmbedding(_)
        | Layer::Attention(_)
        | Layer::SelectToken { .. } => token_shape(&node.layer, inputs[0]).map_err(refuse),
    }
}

/// Output shape of a layer that makes, takes or turns tokens; where it can't, why not.
fn token_shape(layer: &Layer, input: Shape) -> Result<Shape, String> {
    if let Layer::ToTokens = layer {
        let Shape::Map { channels, height, width } = input else {
            return Err("it needs a map of C x H x W".into());
        };
        return Ok(Shape::Tokens { prefix: 0, height, width, channels });
    }
    let Shape::Tokens { prefix, height, width, channels } = input else {
        return Err("it needs tokens".into());
    };
    let expected = match layer {
        Layer::PrefixTokens(p) => p.channels,
        Layer::PositionEmbedding(p) => p.channels,
        Layer::Attention(a) => 3 * a.channels,
        _ => channels,
    };
    if channels != expected {
        return Err(format!("it has {channels} channels where {expected} are expected"));
    }
    match layer {
        Layer::PrefixTokens(p) => {
            Ok(Shape::Tokens { prefix: prefix + p.tokens.len(), height, width, channels })
        }
        Layer::PositionEmbedding(p) if p.prefix != prefix => {
            Err(format!("it has embeddings for {} prefix tokens, not {prefix}", p.prefix))
        }
        Layer::Attention(a) => Ok(input.with_channels(a.channels)),
        Layer::SelectToken { .. } => Ok(Shape::Vector { channels }),
        Layer::TokensToMap => Ok(Shape::Map { channels, height, width }),
        _ => Ok(input),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::graph::Builder;
    use crate::nn::layer::Convolution;

    #[test]
    fn output_sizes_follow_the_formula() {
        assert_eq!(output_size(224, 7, 2, 3), Some(112));
        assert_eq!(output_size(5, 2, 2, 0), Some(2));
        assert_eq!(output_size(2, 3, 1, 0), None);
        assert_eq!(output_size(2, 3, 1, 1), Some(2));
    }

    #[test]
    fn a_map_smaller_than_the_kernel_is_named() {
        let (mut builder, input) = Builder::new(3);
        let conv = builder.convolution("conv", input, Convolution::new("conv", 3, 4, 7).padding(0));
        let graph = builder.finish(conv, None);
        let message = shapes(&graph, 5, 9).unwrap_err().to_string();
        assert!(message.contains("conv") && message.contains("3 x 5 x 9"), "{message}");
        assert_eq!(
            shapes(&graph, 7, 9).unwrap()[1],
            Shape::Map { channels: 4, height: 1, width: 3 }
        );
    }
}
