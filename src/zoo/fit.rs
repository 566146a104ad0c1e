//! Fitting a checkpoint to an architecture: spelling, form, shapes, values.

use tch::Tensor;

use super::architecture::{Architecture, Defaults, Form};
use super::error::{Mismatch, ZooError};
use crate::nn::{Graph, Network, Parameters};
use crate::weights::{Checkpoint, NamedTensor};

/// Bookkeeping entries that a checkpoint may hold or lack without any effect on the outputs.
const BOOKKEEPING: [&str; 3] = ["num_batches_tracked", "relative_position_index", "attn_mask"];

/// A network with a checkpoint's values, and the spelling that the checkpoint had.
pub struct Fitted {
    /// The network.
    pub network: Network,
    /// Whose parameter names the checkpoint has.
    pub naming: &'static str,
    /// Preprocessing that it was trained with.
    pub defaults: Defaults,
}

/// Builds `architecture` in the form that the checkpoint has (merged kernels, number of classes, no
/// head) and fills it with the checkpoint's values.
///
/// # Errors
///
/// [`ZooError::Misfit`] with every missing, unexpected and wrongly shaped entry. `path` is only
/// named in it.
pub fn fit(
    architecture: &Architecture,
    mut checkpoint: Checkpoint,
    path: &str,
) -> Result<Fitted, ZooError> {
    let (naming, defaults) = rename(architecture, &mut checkpoint);
    let graph = architecture.graph(&Form::of(&checkpoint));
    let mismatch = compare(&graph, &checkpoint);
    if !mismatch.is_empty() {
        return Err(ZooError::Misfit {
            path: path.to_owned(),
            architecture: architecture.name.clone(),
            mismatch: Box::new(mismatch),
        });
    }
    let mut parameters = Parameters::new();
    for wanted in graph.parameters() {
        // Taken out one by one, so that the values are in memory once, not twice.
        if let Some(found) = checkpoint.tensors.remove(&wanted.name) {
            let shape: Vec<i64> = wanted.shape.iter().map(|&size| size as i64).collect();
            parameters.insert(wanted.name, Tensor::from_slice(&found.values).reshape(shape));
        }
    }
    Ok(Fitted { network: Network { graph, parameters }, naming, defaults })
}

/// Brings the checkpoint's names into the graph's spelling and drops bookkeeping entries; returns
/// whose spelling it was, and the preprocessing of those checkpoints.
fn rename(architecture: &Architecture, checkpoint: &mut Checkpoint) -> (&'static str, Defaults) {
    let is_bookkeeping =
        |name: &str| BOOKKEEPING.contains(&name.rsplit('.').next().unwrap_or(name));
    checkpoint.tensors.retain(|name, _| !is_bookkeeping(name));
    let Some(naming) = architecture.namings.iter().find(|n| (n.recognise)(checkpoint)) else {
        return (architecture.own_naming, architecture.defaults);
    };
    checkpoint.tensors = std::mem::take(&mut checkpoint.tensors)
        .into_iter()
        .filter_map(|(name, tensor)| (naming.rename)(&name).map(|name| (name, tensor)))
        .collect();
    (naming.name, naming.defaults.unwrap_or(architecture.defaults))
}

/// The differences between what the graph needs and what the checkpoint holds.
pub fn compare(graph: &Graph, checkpoint: &Checkpoint) -> Mismatch {
    let wanted = graph.parameters();
    let mut mismatch = Mismatch::default();
    for parameter in &wanted {
        match checkpoint.tensors.get(&parameter.name) {
            None => {
                let shape = dimensions(&parameter.shape);
                mismatch.missing.push(format!("{} ({shape})", parameter.name));
            }
            Some(found) if found.values.is_empty() => {
                let shape = dimensions(&found.shape);
                mismatch.wrong_shape.push(format!("{}: {shape}, no numbers", parameter.name));
            }
            Some(found) if !same_shape(found, &parameter.shape) => {
                mismatch.wrong_shape.push(format!(
                    "{}: {} in the file, {} expected",
                    parameter.name,
                    dimensions(&found.shape),
                    dimensions(&parameter.shape)
                ));
            }
            Some(_) => {}
        }
    }
    let names: std::collections::HashSet<&str> = wanted.iter().map(|p| p.name.as_str()).collect();
    mismatch.unexpected = checkpoint
        .tensors
        .iter()
        .filter(|(name, _)| !names.contains(name.as_str()))
        .map(|(name, tensor)| format!("{name} ({})", dimensions(&tensor.shape)))
        .collect();
    mismatch
}

/// Shapes are the same if they differ only by axes of size 1: a layer scale may be stored as C or
/// as C x 1 x 1, a 1 x 1 convolution as a matrix.
fn same_shape(found: &NamedTensor, wanted: &[usize]) -> bool {
    let without_ones =
        |shape: &[usize]| shape.iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
    without_ones(&found.shape) == without_ones(wanted)
}

fn dimensions(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "a single number".into();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}
