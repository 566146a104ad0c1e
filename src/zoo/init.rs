//! Parameter values for networks without a checkpoint: random, or given by a formula.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use crate::nn::layer::Parameter;
use crate::nn::{Graph, Network, Parameters, Role};

/// A network at random initialisation. Weights are uniform with variance 1 / fan-in (LeCun et al.
/// 1998, "Efficient BackProp", section 4.6), embeddings uniform with standard deviation 0.02, scales
/// and running variances 1, shifts and running means 0, layer scales 1e-6. The values depend on the
/// seed and on each parameter's name alone.
pub fn random(graph: Graph, seed: u64) -> Network {
    fill(graph, |parameter| {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(fnv1a(&parameter.name));
        let mut uniform = |deviation: f64| {
            let bound = deviation * 3f64.sqrt();
            (0..parameter.count())
                .map(|_| (bound * (2.0 * generator.random::<f64>() - 1.0)) as f32)
                .collect()
        };
        match parameter.role {
            Role::Weight => uniform((1.0 / fan_in(&parameter.shape)).sqrt()),
            Role::Embedding => uniform(0.02),
            Role::Scale | Role::RunningVariance => vec![1.0; parameter.count()],
            Role::Shift | Role::RunningMean => vec![0.0; parameter.count()],
            Role::LayerScale => vec![1e-6; parameter.count()],
        }
    })
}

/// A network whose values come from a formula of parameter names and indices, the same in every
/// language, for comparing implementations: element i of a tensor is a SplitMix64 hash of its name
/// and i, scaled to keep activations in range.
pub fn formula(graph: Graph) -> Network {
    fill(graph, |parameter| formula_values(&parameter.name, &parameter.shape))
}

/// The values that the formula gives for the entry called `name` of the given shape.
pub fn formula_values(name: &str, shape: &[usize]) -> Vec<f32> {
    let count: usize = shape.iter().product();
    let start = fnv1a(name);
    let matrix = shape.len() >= 2 && name.ends_with("weight");
    let (base, factor) = if matrix {
        (0.0, (3.0 / fan_in(shape)).sqrt())
    } else if name.ends_with("running_var") {
        (1.0, 0.2)
    } else if shape.len() == 1 && name.ends_with("weight") {
        (1.0, 0.1)
    } else if name == "image" {
        (0.0, 1.0)
    } else {
        (0.0, 0.1)
    };
    (1..=count as u64)
        .map(|index| {
            let hash = split_mix(start.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
            let unit = (hash >> 40) as f64 / f64::from(1u32 << 23) - 1.0;
            (base + factor * unit) as f32
        })
        .collect()
}

fn fill(graph: Graph, values: impl Fn(&Parameter) -> Vec<f32>) -> Network {
    let mut parameters = Parameters::new();
    for parameter in graph.parameters() {
        let shape: Vec<i64> = parameter.shape.iter().map(|&size| size as i64).collect();
        let tensor = Tensor::from_slice(&values(&parameter)).reshape(shape);
        parameters.insert(parameter.name, tensor);
    }
    Network { graph, parameters }
}

/// Number of inputs that one output sums over.
fn fan_in(shape: &[usize]) -> f64 {
    shape.iter().skip(1).product::<usize>().max(1) as f64
}

/// 64-bit FNV-1a hash (Fowler, Noll, Vo).
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    })
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
fn split_mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}
