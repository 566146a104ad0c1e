//! How a loaded network is run: the fast engine, libtorch's autograd, or a TorchScript module.

use tch::{Device, Tensor};

use super::ZooError;
use super::model::{Body, Model};
use super::torchscript::TorchScript;
use crate::nn::autograd::{Reference, Unit, gradient_of_positive_part, grid};
use crate::nn::engine::{Engine, Options};
use crate::nn::shape::shapes;
use crate::nn::{Network, NnError, NodeId};

/// How a network of the zoo is computed. TorchScript modules always run in libtorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Single precision; on the CPU batch norms and parallel kernels are folded, and for a gradient
    /// only what reaches the unit is computed.
    Fast,
    /// Double precision through libtorch's autograd, nothing folded or left out.
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

/// A network that is ready to run.
pub enum Runner {
    /// Folded, with a reverse mode of its own; CPU only.
    Engine(Box<Engine>),
    /// libtorch, layer by layer.
    Reference(Reference),
    /// A TorchScript module.
    TorchScript(TorchScript),
}

impl Runner {
    /// Prepares a network. `keep` are layers whose units will be asked for, besides the features, the
    /// logits and the stages.
    ///
    /// # Errors
    ///
    /// [`ZooError`] where a parameter has no value.
    pub fn new(body: Body, path: Path, device: Device, keep: &[NodeId]) -> Result<Self, ZooError> {
        Ok(match (body, path) {
            (Body::TorchScript(module), _) => Runner::TorchScript(module),
            (Body::Graph(network), Path::Exact) => Runner::Reference(Reference::new(&network)),
            (Body::Graph(network), Path::Fast) if device == Device::Cpu => {
                Runner::Engine(Box::new(Engine::prepare(network, keep, Options::default())?))
            }
            (Body::Graph(network), Path::Fast) => Runner::Reference(Reference::single(network)),
        })
    }

    /// ds/dx, 3 x H x W, for s = sum over channels of relu(F[:, row, column]) at the unit, for the
    /// image `input` (1 x 3 x H x W).
    ///
    /// # Errors
    ///
    /// [`ZooError`] where the network can't take the image.
    pub fn input_gradient(&self, input: &Tensor, unit: Unit) -> Result<Tensor, ZooError> {
        match self {
            Runner::Engine(engine) => Ok(engine.input_gradient(input, unit)?),
            Runner::Reference(reference) => Ok(reference.input_gradient(input, unit)?),
            Runner::TorchScript(module) => torchscript_gradient(module, input, unit),
        }
    }

    /// Logits of a batch (N x 3 x H x W), N x classes.
    ///
    /// # Errors
    ///
    /// [`ZooError`] where the network has no classifier or can't take the images.
    pub fn logits(&self, input: &Tensor) -> Result<Tensor, ZooError> {
        match self {
            Runner::Engine(engine) => Ok(engine.logits(input)?),
            Runner::Reference(reference) => Ok(reference.logits(input)?),
            Runner::TorchScript(module) => module.logits(input),
        }
    }
}

/// The unit of `layer` (a stage or layer by name; the last feature map where absent) at a row and
/// column (the centre where absent), for images of `size` (height, width).
///
/// # Errors
///
/// [`ZooError`] where the network has no such layer or unit, or can't take images of that size.
pub fn find_unit(
    model: &Model,
    layer: Option<&str>,
    unit: Option<[usize; 2]>,
    size: [usize; 2],
    device: Device,
) -> Result<(Unit, [usize; 2]), ZooError> {
    match &model.body {
        Body::Graph(network) => Ok(unit_of_graph(network, layer, unit, size)?),
        Body::TorchScript(module) if layer.is_none() => {
            let [height, width] = size.map(|side| side as i64);
            let probe = Tensor::zeros([1, 3, height, width], (tch::Kind::Float, device));
            let features = tch::no_grad(|| module.features(&probe))?.size();
            let [height, width] = [features[2] as usize, features[3] as usize];
            let [row, column] = unit.unwrap_or([height / 2, width / 2]);
            let layer = "forward_features".to_owned();
            if row >= height || column >= width {
                return Err(NnError::UnitOutside { row, column, layer, height, width }.into());
            }
            // The layer's place means nothing to a module; there is only one map.
            Ok((Unit { layer: NodeId(0), row, column }, [height, width]))
        }
        Body::TorchScript(_) => Err(ZooError::TorchScript {
            path: model.checkpoint.as_ref().map(|file| file.path.clone()).unwrap_or_default(),
            reason: "has no named layers: --layer needs an architecture of the zoo".into(),
        }),
    }
}

fn unit_of_graph(
    network: &Network,
    layer: Option<&str>,
    unit: Option<[usize; 2]>,
    size: [usize; 2],
) -> Result<(Unit, [usize; 2]), NnError> {
    shapes(&network.graph, size[0], size[1])?;
    let name = layer.unwrap_or("features");
    let node = network.graph.find(name).ok_or_else(|| NnError::UnknownLayer(name.to_owned()))?;
    let grid = grid(network, node, size[0], size[1])?;
    let unit = match unit {
        None => Unit::centre(network, node, size[0], size[1]),
        Some(unit) => Unit::at(network, node, unit, size),
    };
    Ok((unit?, grid))
}

fn torchscript_gradient(
    module: &TorchScript,
    input: &Tensor,
    unit: Unit,
) -> Result<Tensor, ZooError> {
    let input = input.detach().set_requires_grad(true);
    let features = module.features(&input)?;
    let gradient = features
        .f_select(3, unit.column as i64)
        .and_then(|line| line.f_select(2, unit.row as i64))
        .and_then(|channels| gradient_of_positive_part(&channels, &input));
    Ok(gradient.map_err(NnError::torch("the input gradient"))?)
}
