//! Networks of any kind, exported as TorchScript: `forward` gives logits (N x classes) or a feature
//! map, `forward_features` the last feature map (N x C x h x w).

use std::path::{Path, PathBuf};

use tch::{CModule, Device, Tensor};

use super::ZooError;
use super::tokens::tokens_to_map;
use crate::nn::engine::keep_large_blocks;
use crate::nn::first_line;

/// A TorchScript module.
#[derive(Debug)]
pub struct TorchScript {
    module: CModule,
    path: PathBuf,
    lays_tokens_out: bool,
}

impl TorchScript {
    /// Loads a module in evaluation mode. Nothing but libtorch's own operators can run.
    ///
    /// # Errors
    ///
    /// [`ZooError::TorchScript`] where the file isn't a TorchScript archive.
    pub fn open(path: &Path, device: Device) -> Result<Self, ZooError> {
        let refuse =
            |reason: String| ZooError::TorchScript { path: path.display().to_string(), reason };
        if let Err(error) = std::fs::File::open(path) {
            return Err(refuse(format!("can't be read ({error}); check the path")));
        }
        keep_large_blocks();
        // Profiling would compile other kernels after a few images, whose rounding differs.
        tch::jit::set_graph_executor_optimize(false);
        let mut module = CModule::load_on_device(path, device).map_err(|error| {
            let reason = first_line(&error);
            refuse(format!(
                "isn't a TorchScript archive ({reason}); export it with torch.jit.trace_module"
            ))
        })?;
        module.f_set_eval().map_err(|error| refuse(first_line(&error)))?;
        Ok(TorchScript { module, path: path.to_owned(), lays_tokens_out: false })
    }

    /// The last feature map of a batch, N x C x h x w: what `forward_features` returns, or else
    /// `forward`, if that is 4-D.
    ///
    /// # Errors
    ///
    /// [`ZooError::TorchScript`] where neither is a map.
    pub fn features(&self, input: &Tensor) -> Result<Tensor, ZooError> {
        let (method, output) = match self.module.method_ts("forward_features", &[input]) {
            Ok(output) => ("forward_features", output),
            Err(error) if is_missing(&error) => {
                let output = self.module.forward_ts(&[input]);
                ("forward", output.map_err(|error| self.failed("forward", input, &error))?)
            }
            Err(error) => return Err(self.failed("forward_features", input, &error)),
        };
        match output.dim() {
            4 => Ok(output),
            3 if self.lays_tokens_out => {
                let size = input.size();
                let map = tokens_to_map(&output, [size[2], size[3]]);
                map.map_err(|error| self.refuse(format!("{method} returns tokens, but {error}")))
            }
            3 => Err(self.refuse(format!(
                "{method} returns {:?}; if these are tokens of N x L x C, lay them out with \
                 --tokens-to-map",
                output.size()
            ))),
            _ => Err(self.refuse(format!(
                "{method} returns {:?}, not a feature map of N x C x h x w; export the module with \
                 a method forward_features that returns one",
                output.size()
            ))),
        }
    }

    /// Lets [`TorchScript::features`] take tokens, N x L x C, as a map (see [`tokens_to_map`]).
    pub fn lay_tokens_out(&mut self) {
        self.lays_tokens_out = true;
    }

    /// Logits of a batch, N x classes.
    ///
    /// # Errors
    ///
    /// [`ZooError::TorchScript`] where `forward` returns anything else.
    pub fn logits(&self, input: &Tensor) -> Result<Tensor, ZooError> {
        let output = tch::no_grad(|| self.module.forward_ts(&[input]))
            .map_err(|error| self.failed("forward", input, &error))?;
        match output.dim() {
            2 => Ok(output),
            _ => Err(self.refuse(format!(
                "forward returns {:?}, not logits of N x classes; export the whole classifier",
                output.size()
            ))),
        }
    }

    fn refuse(&self, reason: String) -> ZooError {
        ZooError::TorchScript { path: self.path.display().to_string(), reason }
    }

    fn failed(&self, method: &str, input: &Tensor, error: &tch::TchError) -> ZooError {
        self.refuse(format!(
            "{method} failed on an input of {:?} ({}); a traced module may only take the size that \
             it was traced at: try --size with that",
            input.size(),
            last_line(error)
        ))
    }
}

fn is_missing(error: &tch::TchError) -> bool {
    let message = error.to_string();
    message.contains("forward_features") && message.contains("is not defined")
}

/// libtorch puts the reason after a traceback of the module's code.
fn last_line(error: &tch::TchError) -> String {
    let message = error.to_string();
    let reason = message.lines().rev().find(|line| line.contains("Error:"));
    reason.unwrap_or_else(|| message.lines().next().unwrap_or("no reason given")).trim().to_owned()
}
