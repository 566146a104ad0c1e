//! A network that is ready to be measured: what it is called, where it comes from, what runs.

use tch::Device;

use super::architecture::{Defaults, Form};
use super::torchscript::TorchScript;
use super::{ModelSpec, ZooError, find, fit, init};
use crate::nn::Network;
use crate::store::digest;
use crate::store::provenance::InputFile;
use crate::weights::Checkpoint;

/// The architecture name that stands for a TorchScript file.
pub const TORCHSCRIPT: &str = "torchscript";

/// What stands in for a checkpoint where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Random values from a seed.
    Random(u64),
    /// Values from a formula of parameter names.
    Formula,
}

/// What runs.
#[derive(Debug)]
pub enum Body {
    /// A layer graph with its values.
    Graph(Network),
    /// A TorchScript module.
    TorchScript(TorchScript),
}

/// A loaded network.
#[derive(Debug)]
pub struct Model {
    /// Name in tables and figures.
    pub label: String,
    /// Name in the zoo, or `torchscript`.
    pub architecture: String,
    /// True where no checkpoint stands behind it.
    pub untrained: bool,
    /// The checkpoint.
    pub checkpoint: Option<InputFile>,
    /// Whose parameter names the checkpoint has; absent without one.
    pub naming: Option<&'static str>,
    /// Preprocessing that the checkpoint was trained with, as far as its spelling tells; without one,
    /// that of the architecture's released checkpoints.
    pub defaults: Defaults,
    /// What runs.
    pub body: Body,
}

impl Model {
    /// Loads the network that `spec` means. `init` stands in where it names no checkpoint.
    ///
    /// # Errors
    ///
    /// [`ZooError`]: unknown architecture, no checkpoint and no `init`, unreadable checkpoint, one
    /// of another network.
    pub fn load(spec: &ModelSpec, init: Option<Init>, device: Device) -> Result<Self, ZooError> {
        check(spec, init)?;
        if spec.architecture == TORCHSCRIPT {
            return Self::load_torchscript(spec, device);
        }
        let architecture = find(&spec.architecture)?;
        let (mut network, fitted, checkpoint) = match (&spec.checkpoint, init) {
            (Some(path), _) => {
                let checkpoint = Checkpoint::open(path)?;
                let path = path.display().to_string();
                let file = InputFile { path: path.clone(), sha256: checkpoint.sha256.clone() };
                let fitted = fit(&architecture, checkpoint, &path)?;
                (fitted.network, Some((fitted.naming, fitted.defaults)), Some(file))
            }
            (None, Some(Init::Random(seed))) => {
                (init::random(architecture.graph(&Form::fresh()), seed), None, None)
            }
            (None, _) => (init::formula(architecture.graph(&Form::fresh())), None, None),
        };
        if device != Device::Cpu {
            network.parameters = network.parameters.to_device(device);
        }
        Ok(Model {
            label: spec.label.clone(),
            architecture: spec.architecture.clone(),
            untrained: spec.checkpoint.is_none(),
            checkpoint,
            naming: fitted.map(|(naming, _)| naming),
            defaults: fitted.map_or(architecture.defaults, |(_, defaults)| defaults),
            body: Body::Graph(network),
        })
    }

    fn load_torchscript(spec: &ModelSpec, device: Device) -> Result<Self, ZooError> {
        let path = spec.checkpoint.clone().unwrap_or_default();
        let module = TorchScript::open(&path, device)?;
        let sha256 = digest::sha256_file(&path).map_err(|error| ZooError::TorchScript {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(Model {
            label: spec.label.clone(),
            architecture: TORCHSCRIPT.to_owned(),
            untrained: false,
            checkpoint: Some(InputFile { path: path.display().to_string(), sha256 }),
            naming: None,
            defaults: Defaults::IMAGENET,
            body: Body::TorchScript(module),
        })
    }
}

/// What can be said against a specification before anything is loaded: an unknown architecture, no
/// checkpoint where one is needed.
///
/// # Errors
///
/// [`ZooError::UnknownArchitecture`] or [`ZooError::Specification`].
pub fn check(spec: &ModelSpec, init: Option<Init>) -> Result<(), ZooError> {
    let refuse = |reason: String| {
        Err(ZooError::Specification { argument: spec.architecture.clone(), reason })
    };
    let is_torchscript = spec.architecture == TORCHSCRIPT;
    if !is_torchscript {
        find(&spec.architecture)?;
    }
    if spec.checkpoint.is_some() {
        Ok(())
    } else if is_torchscript {
        refuse("a TorchScript network needs its file (torchscript=FILE)".into())
    } else if init.is_none() {
        refuse(
            "no checkpoint is given (for an untrained network, say so with --init random)".into(),
        )
    } else {
        Ok(())
    }
}
