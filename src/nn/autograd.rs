//! The input gradient of one unit through libtorch's autograd: the reference path.

use tch::{Kind, Tensor};

use super::NnError;
use super::forward::{Mode, forward};
use super::graph::NodeId;
use super::network::Network;
use super::shape::{Shape, shapes};

/// The unit to differentiate: a layer, and a row and column of its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Layer whose output holds the unit.
    pub layer: NodeId,
    /// Row, from 0.
    pub row: usize,
    /// Column, from 0.
    pub column: usize,
}

impl Unit {
    /// The centre unit of `layer` for an image of `height` x `width`: row h/2, column w/2 of its
    /// h x w map (integer division; Ding et al. 2022).
    ///
    /// # Errors
    ///
    /// [`NnError::NotAMap`] where the layer's output has no positions.
    pub fn centre(
        network: &Network,
        layer: NodeId,
        height: usize,
        width: usize,
    ) -> Result<Self, NnError> {
        let [rows, columns] = grid(network, layer, height, width)?;
        Ok(Unit { layer, row: rows / 2, column: columns / 2 })
    }

    /// A unit by row and column.
    ///
    /// # Errors
    ///
    /// [`NnError::UnitOutside`] where the layer's map has no such unit.
    pub fn at(
        network: &Network,
        layer: NodeId,
        [row, column]: [usize; 2],
        [height, width]: [usize; 2],
    ) -> Result<Self, NnError> {
        let [rows, columns] = grid(network, layer, height, width)?;
        if row >= rows || column >= columns {
            let layer = network.graph.node(layer).name.clone();
            return Err(NnError::UnitOutside { row, column, layer, height: rows, width: columns });
        }
        Ok(Unit { layer, row, column })
    }
}

/// Rows and columns of the positions of `layer`'s output for an image of `height` x `width`.
///
/// # Errors
///
/// [`NnError::NotAMap`] where the layer's output has no positions.
pub fn grid(
    network: &Network,
    layer: NodeId,
    height: usize,
    width: usize,
) -> Result<[usize; 2], NnError> {
    let shape = shapes(&network.graph, height, width)?[layer.0];
    shape.grid().ok_or_else(|| NnError::NotAMap {
        layer: network.graph.node(layer).name.clone(),
        shape: shape.to_string(),
    })
}

/// The reference: nothing folded, nothing left out, in double precision, differentiated by libtorch.
///
/// Single precision isn't enough for a reference: where a ReLU's input is close to zero, rounding
/// (which varies with the number of threads) decides whether a path counts, and a map of
/// RepLKNet-31B moves by up to 1e-3. In double precision maps agree between machines to 1e-5.
#[derive(Debug)]
pub struct Reference {
    network: Network,
}

impl Reference {
    /// Converts the network's values to double precision.
    pub fn new(network: &Network) -> Self {
        Reference { network: network.to_kind(Kind::Double) }
    }

    /// The same walk in single precision, for devices on which double precision is slow or absent.
    pub fn single(network: Network) -> Self {
        Reference { network }
    }

    fn kind(&self) -> Kind {
        self.network.parameters.iter().next().map_or(Kind::Double, |(_, values)| values.kind())
    }

    /// The network, in double precision.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// ds/dx, 3 x H x W, for s = sum over channels of relu(F[:, row, column]), where F is the output
    /// of the unit's layer for the image `input` (1 x 3 x H x W).
    ///
    /// # Errors
    ///
    /// [`NnError`] where the layers can't take the image, or libtorch fails.
    pub fn input_gradient(&self, input: &Tensor, unit: Unit) -> Result<Tensor, NnError> {
        let Network { graph, parameters } = &self.network;
        let size = input.size();
        let shape = shapes(graph, size[2] as usize, size[3] as usize)?[unit.layer.0];
        let input = input.detach().to_kind(self.kind()).set_requires_grad(true);
        let mut outputs = forward(graph, parameters, &input, &[unit.layer], Mode::Evaluation)?;
        let map = outputs.remove(0);
        let (row, column) = (unit.row as i64, unit.column as i64);
        let channels = match shape {
            Shape::Map { .. } => map.f_select(3, column).and_then(|line| line.f_select(2, row)),
            Shape::Tokens { prefix, width, .. } => {
                map.f_select(1, prefix as i64 + row * width as i64 + column)
            }
            _ => map.f_select(2, column).and_then(|line| line.f_select(1, row)),
        };
        channels
            .and_then(|channels| gradient_of_positive_part(&channels, &input))
            .map_err(NnError::torch("the input gradient"))
    }

    /// Logits of a batch, N x classes, in double precision.
    ///
    /// # Errors
    ///
    /// [`NnError::NoLogits`] for a network without classifier; else as `input_gradient`.
    pub fn logits(&self, input: &Tensor) -> Result<Tensor, NnError> {
        let Network { graph, parameters } = &self.network;
        let logits = graph.logits.ok_or(NnError::NoLogits)?;
        let input = input.to_kind(self.kind());
        let mut outputs =
            tch::no_grad(|| forward(graph, parameters, &input, &[logits], Mode::Evaluation))?;
        Ok(outputs.remove(0))
    }
}

/// Gradient of sum(relu(values)) with respect to an image of 1 x C x H x W, as C x H x W.
///
/// # Errors
///
/// Whatever libtorch's autograd reports.
pub fn gradient_of_positive_part(values: &Tensor, input: &Tensor) -> Result<Tensor, tch::TchError> {
    let score = values.f_relu()?.f_sum(values.kind())?;
    let mut gradients = Tensor::f_run_backward(&[score], &[input], false, false)?;
    gradients.remove(0).f_squeeze_dim(0)
}
