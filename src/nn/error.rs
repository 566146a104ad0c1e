//! What can go wrong while a network is built or run.

use thiserror::Error;

/// Errors of the layer graph and its walks.
#[derive(Debug, Error)]
pub enum NnError {
    /// An input that the layers can't take.
    #[error("layer {layer} ({kind}) can't take an input of {shape}: {reason}")]
    Shape {
        /// Name of the layer.
        layer: String,
        /// Kind of the layer.
        kind: &'static str,
        /// The input's shape.
        shape: String,
        /// Why not.
        reason: String,
    },
    /// A layer's parameter has no value.
    #[error("the network has no values for {0}")]
    MissingParameter(String),
    /// A unit outside its feature map.
    #[error(
        "unit {row},{column} lies outside the feature map of {layer}, which is {height} x {width} \
         (rows and columns count from 0)"
    )]
    UnitOutside {
        /// Row asked for.
        row: usize,
        /// Column asked for.
        column: usize,
        /// Name of the layer.
        layer: String,
        /// Height of its map.
        height: usize,
        /// Width of its map.
        width: usize,
    },
    /// A layer without positions, such as the logits.
    #[error(
        "layer {layer} gives {shape}, which has no rows and columns; choose a layer that gives a \
         feature map (`fieldscope inspect --layers` lists them)"
    )]
    NotAMap {
        /// Name of the layer.
        layer: String,
        /// Its output's shape.
        shape: String,
    },
    /// A name that no layer or stage has.
    #[error(
        "the network has no layer or stage called {0} (`fieldscope inspect --layers` lists them)"
    )]
    UnknownLayer(String),
    /// The graph has no logits.
    #[error("the network has no classifier, so it can't decide")]
    NoLogits,
    /// Worker threads can't be started.
    #[error("the worker threads can't be started: {0}")]
    Threads(String),
    /// libtorch refused an operation or ran out of memory.
    #[error("libtorch failed at {context}: {}", first_line(source))]
    Torch {
        /// What was being computed.
        context: String,
        /// libtorch's error.
        source: tch::TchError,
    },
}

impl NnError {
    /// Names what libtorch was doing when it failed.
    pub fn torch(context: impl Into<String>) -> impl FnOnce(tch::TchError) -> NnError {
        let context = context.into();
        move |source| NnError::Torch { context, source }
    }
}

/// What libtorch says first; a trace of its own calls follows.
pub(crate) fn first_line(error: &tch::TchError) -> String {
    error.to_string().lines().next().unwrap_or("no reason given").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_libtorchs_message_is_told() {
        let matrix = tch::Tensor::zeros([2, 3], (tch::Kind::Float, tch::Device::Cpu));
        let refused = matrix.f_mm(&matrix).map_err(NnError::torch("a test")).unwrap_err();
        let message = refused.to_string();
        assert!(message.starts_with("libtorch failed at a test: "), "{message}");
        assert!(message.contains("mat1 and mat2 shapes cannot be multiplied"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}
