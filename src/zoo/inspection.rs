//! What can be said about a network without running it: sizes, costs, receptive fields.

use serde::Serialize;
use tch::{Kind, Tensor};

use super::architecture::{Defaults, Form};
use super::model::TORCHSCRIPT;
use super::{Architecture, ModelSpec, ZooError, find, fit};
use crate::nn::cost::{Cost, ErfCost, costs, erf_cost, total};
use crate::nn::fold::fold;
use crate::nn::receptive_field::{ReceptiveField, receptive_fields};
use crate::nn::shape::shapes;
use crate::nn::{Graph, Network, NodeId, Parameters};
use crate::store::provenance::InputFile;
use crate::weights::Checkpoint;

/// A network's sizes and costs at one input size.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// Name in tables.
    pub label: String,
    /// Name in the zoo.
    pub architecture: String,
    /// The checkpoint, if one was given; it fits.
    pub checkpoint: Option<InputFile>,
    /// Whose parameter names the checkpoint has.
    pub naming: Option<&'static str>,
    /// Side of the input, in pixels.
    pub size: usize,
    /// Cost of the network in the form that it was given in.
    pub cost: Cost,
    /// Cost once batch norms are folded and parallel kernels merged.
    pub merged: Cost,
    /// What the ERF map of the centre unit takes, in merged form.
    pub erf: ErfCost,
    /// Mean and standard deviation of each colour channel that the released checkpoints expect.
    pub mean: [f64; 3],
    /// See `mean`.
    pub std: [f64; 3],
    /// Each stage, up to its output.
    pub stages: Vec<Part>,
    /// Each layer.
    pub layers: Vec<Part>,
}

/// A stage or a layer.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Its name, as `--layer` takes it.
    pub name: String,
    /// Kind of the layer; of a stage, the kind of its last.
    pub kind: &'static str,
    /// Shape of the output of one image.
    pub output: String,
    /// Cost of the layer; of a stage, of all its layers.
    pub cost: Cost,
    /// The receptive field of the output's units; absent where it has no rows and columns.
    pub field: Option<ReceptiveField>,
}

/// Inspects the network that `spec` means, with its checkpoint if it names one.
///
/// # Errors
///
/// [`ZooError`]: unknown architecture, a checkpoint that can't be read or doesn't fit, a size that
/// the layers can't take, a TorchScript network (whose layers can't be seen).
pub fn inspect(spec: &ModelSpec, size: usize) -> Result<Inspection, ZooError> {
    if spec.architecture == TORCHSCRIPT {
        return Err(ZooError::Specification {
            argument: spec.label.clone(),
            reason: "the layers of a TorchScript file can't be inspected; name an architecture of \
                     the zoo"
                .into(),
        });
    }
    let architecture = find(&spec.architecture)?;
    let (network, naming, defaults, checkpoint) = match &spec.checkpoint {
        None => {
            let network = without_values(architecture.graph(&Form::fresh()));
            (network, None, architecture.defaults, None)
        }
        Some(path) => {
            let checkpoint = Checkpoint::open(path)?;
            let path = path.display().to_string();
            let file = InputFile { path: path.clone(), sha256: checkpoint.sha256.clone() };
            let fitted = fit(&architecture, checkpoint, &path)?;
            (fitted.network, Some(fitted.naming), fitted.defaults, Some(file))
        }
    };
    let inspection = of_network(&architecture, network, size)?;
    let label = spec.label.clone();
    let Defaults { mean, std, .. } = defaults;
    Ok(Inspection { label, naming, checkpoint, mean, std, ..inspection })
}

fn of_network(
    architecture: &Architecture,
    network: Network,
    size: usize,
) -> Result<Inspection, ZooError> {
    let graph = network.graph.clone();
    let costs = costs(&graph, size, size)?;
    let layers = layers(&graph, &costs, size)?;
    let merged = fold(network, &[])?.network.graph;
    Ok(Inspection {
        label: architecture.name.clone(),
        architecture: architecture.name.clone(),
        checkpoint: None,
        naming: None,
        size,
        cost: costs.iter().copied().sum(),
        merged: total(&merged, size, size)?,
        erf: erf_cost(&merged, size, size)?,
        mean: architecture.defaults.mean,
        std: architecture.defaults.std,
        stages: stages(&graph, &layers),
        layers,
    })
}

fn layers(graph: &Graph, costs: &[Cost], size: usize) -> Result<Vec<Part>, ZooError> {
    let shapes = shapes(graph, size, size)?;
    let fields = receptive_fields(graph, size, size)?;
    let parts = graph.nodes.iter().zip(costs).zip(shapes).zip(fields);
    Ok(parts
        .map(|(((node, &cost), shape), field)| Part {
            name: node.name.clone(),
            kind: node.layer.kind(),
            output: shape.to_string(),
            cost,
            field,
        })
        .collect())
}

/// The layers between two stages' outputs belong to the second; what follows the last is the head.
fn stages(graph: &Graph, layers: &[Part]) -> Vec<Part> {
    let last = NodeId(graph.nodes.len() - 1);
    let outputs = graph.stages.iter().map(|stage| (stage.name.clone(), stage.output));
    let mut first = 0;
    outputs
        .chain([("head".to_owned(), last)])
        .filter_map(|(name, output)| {
            let members = layers.get(first..=output.0).filter(|members| !members.is_empty())?;
            first = output.0 + 1;
            let cost = members.iter().map(|layer| layer.cost).sum();
            Some(Part { name, cost, ..layers[output.0].clone() })
        })
        .collect()
}

/// A network whose values are all zero and take no memory: enough for a rewrite of its layers.
fn without_values(graph: Graph) -> Network {
    let zero = Tensor::zeros([1], (Kind::Float, tch::Device::Cpu));
    let mut parameters = Parameters::new();
    for parameter in graph.parameters() {
        let shape: Vec<i64> = parameter.shape.iter().map(|&size| size as i64).collect();
        parameters.insert(parameter.name, zero.expand(shape, false));
    }
    Network { graph, parameters }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspection(name: &str, size: usize) -> Inspection {
        inspect(&name.parse().unwrap(), size).unwrap()
    }

    /// Parameters as the networks' authors, torchvision and timm give them.
    #[test]
    fn parameters_are_the_published_ones() {
        for (name, expected) in [
            ("resnet101", 44_549_160),
            ("resnet152", 60_192_808),
            ("replknet_31b", 79_864_168),
            ("replknet_31l", 172_671_016),
            ("replknet_xl", 335_435_752),
            ("convnext_tiny", 28_589_128),
            ("convnext_base", 88_591_464),
            ("vit_base_patch16", 86_567_656),
            ("deit_small_patch16", 22_050_664),
        ] {
            let graph = find(name).unwrap().graph(&Form::fresh());
            assert_eq!(total(&graph, 224, 224).unwrap().parameters, expected, "{name}");
        }
    }

    /// "FLOPs" in G as OpenMMLab's model zoo gives them. Those of Swin leave attention's products
    /// out, that of ViT holds them.
    #[test]
    fn macs_are_the_published_ones() {
        for (name, size, expected) in [
            ("replknet_31b", 224, 15.64),
            ("replknet_31b", 384, 45.95),
            ("replknet_31l", 384, 97.24),
            ("replknet_xl", 320, 129.57),
            ("resnet101", 224, 7.85),
            ("resnet152", 224, 11.58),
            ("swin_tiny", 224, 4.36),
            ("swin_base", 224, 15.14),
            ("vit_base_patch16", 224, 17.58),
            ("convnext_tiny", 224, 4.457),
            ("convnext_base", 224, 15.36),
        ] {
            let graph = find(name).unwrap().graph(&Form::fresh());
            let cost = total(&graph, size, size).unwrap();
            let macs = if name.starts_with("swin") { cost.weight_macs } else { cost.macs() };
            let found = macs as f64 / 1e9;
            let difference = (found - expected).abs() / expected;
            println!("{name} at {size}: {found:.3} G, published {expected}: {difference:.4}");
            assert!(difference < 0.02, "{name} at {size}: {found:.3} G, published {expected} G");
        }
    }

    /// Ding et al. 2022, table 3: from 3 x 3 to kernels of 31, 29, 27, 13 the merged network grows
    /// from 71.8 M parameters and 12.9 G FLOPs to 79.3 M and 15.3 G.
    #[test]
    fn large_kernels_cost_little() {
        let [small, large] =
            ["replknet_3", "replknet_31b"].map(|name| inspection(name, 224).merged);
        let growth = |of: fn(&Cost) -> u64| of(&large) as f64 / of(&small) as f64 - 1.0;
        let parameters = growth(|cost| cost.parameters);
        let macs = growth(|cost| cost.macs());
        assert!((parameters - 0.104).abs() < 0.01, "{parameters}");
        assert!((macs - 0.186).abs() < 0.01, "{macs}");
        assert!((large.macs() as f64 / 1e9 - 15.4).abs() < 0.3);
    }

    #[test]
    fn stages_add_up_to_the_network() {
        for name in ["resnet18", "replknet_3", "convnext_tiny", "swin_tiny", "vit_tiny_patch16"] {
            let inspection = inspection(name, 224);
            let sum: Cost = inspection.stages.iter().map(|stage| stage.cost).sum();
            assert_eq!(sum, inspection.cost, "{name}");
            let share = inspection.erf.share();
            assert!(share > 0.0 && share <= 1.0, "{name}: {share}");
        }
    }
}
