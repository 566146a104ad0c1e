//! The architectures: name -> layer graph, preprocessing defaults, names in checkpoints.
//!
//! A family is one file: a configuration with a constructor a variant, the graph it stands for, and
//! the spellings of its parameters in released checkpoints. Everything else about a network is a
//! walk over its graph.

pub mod architecture;
pub mod convnext;
mod error;
mod fit;
pub mod init;
pub mod inspection;
pub mod model;
pub mod replknet;
pub mod resnet;
pub mod run;
mod spec;
pub mod swin;
pub mod tokens;
pub mod torchscript;
pub mod vit;

pub use architecture::{Architecture, Defaults, Form, Naming};
pub use error::ZooError;
pub use fit::fit;
pub use model::{Body, Init, Model};
pub use spec::ModelSpec;

/// All architectures, in the order in which `fieldscope models` lists them.
pub fn architectures() -> Vec<Architecture> {
    [
        resnet::architectures(),
        replknet::architectures(),
        convnext::architectures(),
        swin::architectures(),
        vit::architectures(),
        replknet::miniatures(),
        resnet::miniatures(),
        vit::miniatures(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The architecture called `name`.
///
/// # Errors
///
/// [`ZooError::UnknownArchitecture`], with the nearest names.
pub fn find(name: &str) -> Result<Architecture, ZooError> {
    let all = architectures();
    if let Some(index) = all.iter().position(|architecture| architecture.name == name) {
        return Ok(all.into_iter().nth(index).unwrap_or_else(|| unreachable!("index is in range")));
    }
    let mut names: Vec<String> = all.into_iter().map(|a| a.name).collect();
    names.sort_by(|a, b| strsim::jaro_winkler(b, name).total_cmp(&strsim::jaro_winkler(a, name)));
    names.truncate(3);
    Err(ZooError::UnknownArchitecture { name: name.to_owned(), nearest: names.join(", ") })
}
