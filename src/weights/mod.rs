//! Checkpoint files: from a `.pth`, `.pt` or `.safetensors` file to named tensors.
//!
//! [`Checkpoint::open`] recognises the form by content and never by name, and reads
//!
//! * state dicts that `torch.save` wrote as a ZIP archive (PyTorch 1.6 and later) or as a stream of
//!   pickles (0.1.10 to 1.5), and
//! * safetensors files.
//!
//! Nothing in a file is ever executed. A pickle is a program for a small stack machine, and what
//! makes it dangerous is its instruction to call any Python function. Here the machine (`pickle`)
//! only writes down which call was asked for; the few calls that describe a tensor are understood
//! (`state_dict`), data that rides along is ignored, and a call of anything else is an error which
//! names the function.
//!
//! A file isn't trusted to say how much memory it needs either: every declared size is compared
//! with what the file holds before memory is asked for, and all tensors together may take no more
//! than a fixed multiple of the file's length (`budget`).
//!
//! Which names a network expects isn't this room's concern; the zoo maps names.

mod budget;
mod checkpoint;
mod dtype;
mod error;
mod form;
mod pickle;
mod safetensors_file;
mod state_dict;
mod tensor;
mod torch_legacy;
mod torch_zip;
mod view;

pub use checkpoint::{Checkpoint, read_bytes};
pub use dtype::Dtype;
pub use error::{Fault, WeightsError};
pub use form::Form;
pub use tensor::NamedTensor;
