//! Trains the demo's miniature networks: `cargo run --release --example train_demo`.
//!
//! Every architecture is trained from several seeds on pictures in which shape and texture agree,
//! by AdamW with a one-cycle learning rate (Smith and Topin 2019, "Super-convergence"). Batch norms
//! are folded and parallel kernels merged before a checkpoint is written, and its accuracy is
//! measured on the file as it was written, on pictures that no network learned from.
//!
//! Arguments, all optional: names of architectures (`replknet_31`, `vit`, ...), `--steps N`,
//! `--seeds N`, `--out DIR`.

mod adamw;
mod checkpoint;
mod pictures;

use std::error::Error;
use std::f64::consts::PI;
use std::path::{Path, PathBuf};
use std::time::Instant;

use adamw::AdamW;
use fieldscope::demo::CATEGORIES;
use fieldscope::nn::{Mode, Network, Role, forward};
use fieldscope::zoo::{Architecture, Form, architectures, init};
use pictures::Pictures;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

/// How an architecture is trained.
struct Recipe {
    name: &'static str,
    steps: usize,
    rate: f64,
    pictures: u32,
}

const RECIPES: [Recipe; 5] = [
    Recipe { name: "replknet_3", steps: 900, rate: 1e-2, pictures: 4_096 },
    Recipe { name: "replknet_13", steps: 900, rate: 1e-2, pictures: 4_096 },
    Recipe { name: "replknet_31", steps: 900, rate: 1e-2, pictures: 4_096 },
    Recipe { name: "resnet", steps: 500, rate: 4e-3, pictures: 4_096 },
    Recipe { name: "vit", steps: 6000, rate: 1.5e-3, pictures: 98_304 },
];

const BATCH: usize = 32;
const WEIGHT_DECAY: f64 = 0.05;
const TEST_PICTURES: u32 = 512;

struct Arguments {
    only: Vec<String>,
    steps: Option<usize>,
    seeds: u64,
    out: PathBuf,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut parsed =
        Arguments { only: Vec::new(), steps: None, seeds: 3, out: PathBuf::from("data/demo") };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--steps" => parsed.steps = Some(value()?.parse()?),
            "--seeds" => parsed.seeds = value()?.parse()?,
            "--out" => parsed.out = value()?.into(),
            _ => parsed.only.push(argument),
        }
    }
    Ok(parsed)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    std::fs::create_dir_all(&arguments.out)?;
    let started = Instant::now();
    let wanted = |recipe: &&Recipe| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == recipe.name)
    };
    let most = RECIPES.iter().filter(wanted).map(|recipe| recipe.pictures).max().unwrap_or(0);
    let training = Pictures::training(most);
    let test = Pictures::test(TEST_PICTURES);
    eprintln!("pictures drawn in {:.0} s", started.elapsed().as_secs_f64());
    println!("network,seed,parameters,steps,accuracy,seconds");
    for seed in 0..arguments.seeds {
        for recipe in RECIPES.iter().filter(wanted) {
            let steps = arguments.steps.unwrap_or(recipe.steps);
            train(recipe, steps, seed, &training, &test, &arguments.out)?;
        }
    }
    Ok(())
}

/// Trains one network, writes it and prints its line.
fn train(
    recipe: &Recipe,
    steps: usize,
    seed: u64,
    training: &Pictures,
    test: &Pictures,
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let architecture = find(recipe.name)?;
    let mut network = init::random(architecture.graph(&Form::fresh_with(CATEGORIES.len())), seed);
    let started = Instant::now();
    let mut optimiser = AdamW::new(trainable(&mut network)?);
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let logits = network.graph.logits.ok_or("the network has no classifier")?;
    for step in 0..steps {
        let indices: Vec<i64> =
            (0..BATCH).map(|_| generator.random_range(0..i64::from(recipe.pictures))).collect();
        let (images, labels) = training.batch(&indices, &architecture);
        // A mirrored object is of the same category.
        let images = if step % 2 == 1 { images.flip([3]) } else { images };
        let scores =
            forward(&network.graph, &network.parameters, &images, &[logits], Mode::Training)?
                .remove(0);
        let loss = scores.cross_entropy_for_logits(&labels);
        loss.backward();
        optimiser.step(recipe.rate * one_cycle(step, steps));
        if step % 50 == 49 {
            eprintln!(
                "{} seed {seed} step {}: loss {:.3}, {:.0} s",
                recipe.name,
                step + 1,
                loss.double_value(&[]),
                started.elapsed().as_secs_f64()
            );
        }
    }
    let path = out.join(format!("{}_seed{seed}.safetensors", recipe.name));
    checkpoint::write(network, &path)?;
    let shipped = checkpoint::read(&architecture, &path)?;
    println!(
        "{},{seed},{},{steps},{:.4},{:.0}",
        recipe.name,
        parameters(&shipped),
        accuracy(&architecture, &shipped, test)?,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn find(name: &str) -> Result<Architecture, String> {
    architectures()
        .into_iter()
        .find(|architecture| architecture.name == format!("demo_{name}"))
        .ok_or_else(|| format!("no miniature {name}"))
}

/// Makes the network's parameters record gradients, and lists them with their weight decay: only
/// matrices and kernels decay.
fn trainable(network: &mut Network) -> Result<Vec<(Tensor, f64)>, Box<dyn Error>> {
    let mut values = Vec::new();
    for parameter in network.graph.parameters() {
        if parameter.role.is_buffer() {
            continue;
        }
        let value = network.parameters.get(&parameter.name)?.set_requires_grad(true);
        let decay = if parameter.role == Role::Weight { WEIGHT_DECAY } else { 0.0 };
        values.push((value.shallow_clone(), decay));
        network.parameters.insert(parameter.name, value);
    }
    Ok(values)
}

/// Learning rate as a share of the highest: up over the first quarter, down to nothing along half a
/// cosine.
fn one_cycle(step: usize, steps: usize) -> f64 {
    let done = (step + 1) as f64 / steps as f64;
    if done < 0.25 { done / 0.25 } else { 0.5 + 0.5 * (PI * (done - 0.25) / 0.75).cos() }
}

fn parameters(network: &Network) -> usize {
    let parameters = network.graph.parameters();
    parameters.iter().filter(|p| !p.role.is_buffer()).map(|p| p.count()).sum()
}

/// Share of the pictures that the network puts into their category.
fn accuracy(
    architecture: &Architecture,
    network: &Network,
    pictures: &Pictures,
) -> Result<f64, Box<dyn Error>> {
    let logits = network.graph.logits.ok_or("the network has no classifier")?;
    let all: Vec<i64> = (0..pictures.len()).collect();
    let mut correct = 0;
    for indices in all.chunks(64) {
        let (images, labels) = pictures.batch(indices, architecture);
        let run =
            || forward(&network.graph, &network.parameters, &images, &[logits], Mode::Evaluation);
        let scores = tch::no_grad(run)?.remove(0);
        let right = scores.argmax(1, false).eq_tensor(&labels).sum(Kind::Int64);
        correct += right.int64_value(&[]);
    }
    Ok(correct as f64 / pictures.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::one_cycle;

    #[test]
    fn one_cycle_rises_and_falls() {
        assert_eq!(one_cycle(0, 400), 0.01);
        assert_eq!(one_cycle(99, 400), 1.0);
        assert!((one_cycle(249, 400) - 0.5).abs() < 1e-12);
        assert!(one_cycle(399, 400).abs() < 1e-12);
    }
}
