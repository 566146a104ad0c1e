//! A network made ready for the input gradients of one unit at one input size.

use tch::{Device, Tensor};

use crate::nn::autograd::{Reference, Unit, gradient_of_positive_part};
use crate::nn::shape::shapes;
use crate::nn::{Network, NnError};
use crate::zoo::torchscript::TorchScript;
use crate::zoo::{Body, Model, ZooError};

/// How gradients are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Folded, windowed, single precision.
    Fast,
    /// Nothing folded, autograd in double precision.
    Exact,
}

impl Path {
    /// Name in the provenance.
    pub fn name(self) -> &'static str {
        match self {
            Path::Fast => "fast",
            Path::Exact => "exact",
        }
    }
}

/// The unit whose receptive field is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of a stage or layer; the last feature map where absent.
    pub layer: Option<String>,
    /// Row and column; the centre (h/2, w/2) where absent.
    pub unit: Option<[usize; 2]>,
}

/// Computes maps of single images: one network, one unit, one input size.
pub struct Differentiator {
    body: Prepared,
    device: Device,
    /// Row and column of the unit.
    pub unit: [usize; 2],
    /// Name of the layer; `features` for the last feature map.
    pub layer: String,
}

enum Prepared {
    Reference(Reference, Unit),
    TorchScript(TorchScript),
}

impl Differentiator {
    /// Prepares `model` for images of `size` (height, width).
    ///
    /// # Errors
    ///
    /// [`ZooError`] where the network has no such layer or unit, or can't take images of that size.
    pub fn new(
        model: Model,
        target: &Target,
        size: [usize; 2],
        path: Path,
        device: Device,
    ) -> Result<Self, ZooError> {
        let layer = target.layer.clone().unwrap_or_else(|| "features".to_owned());
        match model.body {
            Body::Graph(network) => {
                let unit = unit_of(&network, &layer, target.unit, size)?;
                let body = match path {
                    Path::Fast | Path::Exact => Prepared::Reference(Reference::new(&network), unit),
                };
                Ok(Differentiator { body, device, unit: [unit.row, unit.column], layer })
            }
            Body::TorchScript(module) => {
                if target.layer.is_some() || target.unit.is_some() {
                    let path = model.checkpoint.map(|file| file.path).unwrap_or_default();
                    let reason = "has no named layers: --layer and --unit need an architecture of \
                                  the zoo";
                    return Err(ZooError::TorchScript { path, reason: reason.into() });
                }
                let [height, width] = size.map(|side| side as i64);
                let kind = (tch::Kind::Float, device);
                let probe = Tensor::zeros([1, 3, height, width], kind);
                let features = tch::no_grad(|| module.features(&probe))?.size();
                let unit = [features[2] as usize / 2, features[3] as usize / 2];
                let body = Prepared::TorchScript(module);
                Ok(Differentiator { body, device, unit, layer })
            }
        }
    }

    /// The ERF map of one image: relu(ds/dx) summed over the colour channels, H x W row-major.
    /// `image` is 3 x H x W, normalised.
    ///
    /// # Errors
    ///
    /// [`ZooError`] where libtorch fails.
    pub fn map(&self, image: &[f32], [height, width]: [usize; 2]) -> Result<Vec<f32>, ZooError> {
        let shape = [1, 3, height as i64, width as i64];
        let input = Tensor::from_slice(image).reshape(shape).to_device(self.device);
        let gradient = match &self.body {
            Prepared::Reference(reference, unit) => reference.input_gradient(&input, *unit)?,
            Prepared::TorchScript(module) => torchscript_gradient(module, &input, self.unit)?,
        };
        gradient
            .f_relu()
            .and_then(|positive| positive.f_sum_dim_intlist([0i64].as_slice(), false, None))
            .and_then(|map| map.f_to_kind(tch::Kind::Float)?.f_reshape([-1]))
            .and_then(|map| Vec::<f32>::try_from(map.to_device(Device::Cpu)))
            .map_err(NnError::torch("the sum over colour channels"))
            .map_err(ZooError::from)
    }
}

fn unit_of(
    network: &Network,
    layer: &str,
    unit: Option<[usize; 2]>,
    size: [usize; 2],
) -> Result<Unit, NnError> {
    shapes(&network.graph, size[0], size[1])?;
    let node = network.graph.find(layer).ok_or_else(|| NnError::UnknownLayer(layer.to_owned()))?;
    match unit {
        None => Unit::centre(network, node, size[0], size[1]),
        Some(unit) => Unit::at(network, node, unit, size),
    }
}

fn torchscript_gradient(
    module: &TorchScript,
    input: &Tensor,
    [row, column]: [usize; 2],
) -> Result<Tensor, ZooError> {
    let input = input.detach().set_requires_grad(true);
    let features = module.features(&input)?;
    let gradient = features
        .f_select(3, column as i64)
        .and_then(|line| line.f_select(2, row as i64))
        .and_then(|channels| gradient_of_positive_part(&channels, &input));
    Ok(gradient.map_err(NnError::torch("the input gradient"))?)
}
