//! A trained network as a file: re-parameterised, in half precision, as safetensors.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;

use fieldscope::nn::fold::fold;
use fieldscope::nn::{Layer, Network};
use fieldscope::weights::Checkpoint;
use fieldscope::zoo::{Architecture, fit};
use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use tch::{Kind, Tensor};

/// Writes the network's values to `path`. Of a RepLKNet, the large kernel, the parallel small one and
/// their batch norms become one kernel with a bias.
pub fn write(network: Network, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut entries = BTreeMap::new();
    for parameter in network.graph.parameters() {
        if !parameter.name.contains(".large_kernel.") {
            entries
                .insert(parameter.name.clone(), network.parameters.get(&parameter.name)?.detach());
        }
    }
    let folded = tch::no_grad(|| fold(network, &[]))?.network;
    for node in &folded.graph.nodes {
        if let Layer::Convolution(convolution) = &node.layer
            && let Some((block, _)) = node.name.split_once(".large_kernel.")
        {
            let merged = format!("{block}.large_kernel.lkb_reparam");
            let bias = convolution.bias.as_ref().ok_or("a merged kernel without bias")?;
            let value = |name: &str| Ok::<_, Box<dyn Error>>(folded.parameters.get(name)?.detach());
            entries.insert(format!("{merged}.weight"), value(&convolution.weight)?);
            entries.insert(format!("{merged}.bias"), value(bias)?);
        }
    }
    let stored = entries
        .iter()
        .map(|(name, value)| Ok((name.as_str(), shape(value), half_bytes(value)?)))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let views = stored
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F16, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    safetensors::serialize_to_file(views, None::<HashMap<String, String>>, path)?;
    Ok(())
}

/// Reads what [`write`] wrote.
pub fn read(architecture: &Architecture, path: &Path) -> Result<Network, Box<dyn Error>> {
    Ok(fit(architecture, Checkpoint::open(path)?, &path.display().to_string())?.network)
}

fn shape(value: &Tensor) -> Vec<usize> {
    value.size().into_iter().map(|size| size as usize).collect()
}

fn half_bytes(value: &Tensor) -> Result<Vec<u8>, Box<dyn Error>> {
    let values = Vec::<f32>::try_from(value.to_kind(Kind::Float).contiguous().reshape([-1]))?;
    Ok(values.into_iter().flat_map(|value| f16::from_f32(value).to_le_bytes()).collect())
}
