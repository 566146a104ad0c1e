//! What can go wrong between a study and its cluster.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::store::StoreError;

/// Errors of submitting a study and of asking how it does.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// A program of Slurm isn't there.
    #[error(
        "there is no program {0}: this machine has no Slurm; `fieldscope run FILE --shards N --task \
         I` runs a task by hand or under another scheduler, and --dry-run shows the scripts"
    )]
    NoSlurm(&'static str),
    /// A program of Slurm can't be started.
    #[error("{program} can't be started: {cause}")]
    Start {
        /// The program.
        program: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// A program of Slurm says no.
    #[error("{program} failed: {message}")]
    Slurm {
        /// The program.
        program: &'static str,
        /// What it says.
        message: String,
    },
    /// Slurm doesn't take a job.
    #[error(
        "Slurm rejected {}: {message}; correct [cluster] in the analysis file or the flags of \
         submit, and submit again: what was taken before is not submitted twice", script.display()
    )]
    Rejected {
        /// The job's script.
        script: PathBuf,
        /// What sbatch says.
        message: String,
    },
    /// Something that a script can't hold.
    #[error("a job script can't hold {what}: {problem}")]
    Unwritable {
        /// What it is.
        what: String,
        /// Why not.
        problem: &'static str,
    },
    /// The submission's file is damaged.
    #[error(
        "{}, which says what was submitted, can't be read: {problem}; see with `squeue --me` that no \
         job of the study is left, and delete the file: no result is lost", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The study was submitted from another folder.
    #[error(
        "the study was submitted from {}, and this is {}: go there, for paths in results are as \
         seen from where a run was started", there.display(), here.display()
    )]
    Elsewhere {
        /// Where it was submitted.
        there: PathBuf,
        /// The current folder.
        here: PathBuf,
    },
    /// Jobs of another division of the study are in the queue.
    #[error(
        "jobs of an earlier submission with other settings or shards are in the queue: {jobs}; wait \
         until they have ended, or `scancel {jobs}`, and submit again"
    )]
    Busy {
        /// Their ids, separated by spaces.
        jobs: String,
    },
    /// A file can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A script can't be written from its template.
    #[error("the job script can't be made: {0}")]
    Template(#[from] minijinja::Error),
}
