//! What can go wrong between an architecture's name and a network that can run.

use std::fmt;

use thiserror::Error;

use crate::nn::NnError;
use crate::weights::WeightsError;

/// Errors of the zoo.
#[derive(Debug, Error)]
pub enum ZooError {
    /// A name that no family has.
    #[error(
        "there is no architecture called {name}; the nearest are {nearest} (`fieldscope models` lists all)"
    )]
    UnknownArchitecture {
        /// The name asked for.
        name: String,
        /// The nearest names.
        nearest: String,
    },
    /// A `--model` argument that can't be read.
    #[error(
        "--model {argument}: {reason}; write [LABEL:]ARCH[=CHECKPOINT], for example \"ResNet-101:resnet101=r101.pth\""
    )]
    Specification {
        /// The argument.
        argument: String,
        /// What is wrong.
        reason: String,
    },
    /// The checkpoint can't be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The checkpoint belongs to another network.
    #[error("{path} doesn't fit {architecture}:\n{mismatch}")]
    Misfit {
        /// The checkpoint.
        path: String,
        /// The architecture.
        architecture: String,
        /// What doesn't fit.
        mismatch: Box<Mismatch>,
    },
    /// A TorchScript file that can't be loaded or lacks what is needed.
    #[error("TorchScript network {path}: {reason}")]
    TorchScript {
        /// The file.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The network can't be run.
    #[error(transparent)]
    Nn(#[from] NnError),
}

/// How a checkpoint differs from the entries that a graph needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Entries that the graph needs and the checkpoint lacks.
    pub missing: Vec<String>,
    /// Entries that the graph has no use for.
    pub unexpected: Vec<String>,
    /// Entries of another shape: "name: 10 x 512 in the file, 1000 x 512 expected".
    pub wrong_shape: Vec<String>,
}

impl Mismatch {
    /// True where everything fits.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.wrong_shape.is_empty()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("of another shape", &self.wrong_shape),
        ];
        for (what, entries) in lists.into_iter().filter(|(_, entries)| !entries.is_empty()) {
            let count = entries.len();
            let noun = if count == 1 { "entry" } else { "entries" };
            writeln!(f, "  {count} {noun} {what}:")?;
            for entry in entries.iter().take(10) {
                writeln!(f, "    {entry}")?;
            }
            if count > 10 {
                writeln!(f, "    ... and {} more", count - 10)?;
            }
        }
        write!(f, "  check the architecture's name; `fieldscope models` lists all")
    }
}
