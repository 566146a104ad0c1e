//! Files on disk: atomic writes, .npy arrays, digests, result folders and where results come from.

pub mod provenance;

pub use provenance::Provenance;
