//! What can go wrong while released files are fetched.

use std::path::PathBuf;

use thiserror::Error;

use crate::store::StoreError;

/// Errors of fetching.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The table of released files is wrong.
    #[error("cannot read the table of released files {table}: {problem}")]
    Table {
        /// The table.
        table: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing of that name is in the table.
    #[error("{name} is not in the table of released files; there are: {known}")]
    Unknown {
        /// The name.
        name: String,
        /// All names, separated by commas.
        known: String,
    },
    /// There is no place to keep files.
    #[error("there is no folder to keep fetched files in: set FIELDSCOPE_CACHE to one")]
    NoFolder,
    /// It is to be used, and hasn't been fetched.
    #[error("{name} has not been fetched: {} is not there; run `fieldscope fetch {name}`", path.display())]
    NotFetched {
        /// The name.
        name: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// A file of that name, with other contents, is there already.
    #[error(
        "{} exists, but its SHA-256 is {found} and not {expected}...; it is left as it is: move it \
         away to fetch the released file", path.display()
    )]
    InTheWay {
        /// The file.
        path: PathBuf,
        /// SHA-256 of the file.
        found: String,
        /// How it should begin.
        expected: String,
    },
    /// Another process fetches the same file.
    #[error("{} is locked: another process is fetching it", .0.display())]
    Busy(PathBuf),
    /// The server refused.
    #[error("cannot fetch {url}: the server answers with status {status}")]
    Status {
        /// The address.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The server answered with a page.
    #[error(
        "cannot fetch {url}: the answer is a web page and not the file (a login page of the network, \
         or an error page); open the address in a browser to see it"
    )]
    Page {
        /// The address.
        url: String,
    },
    /// The connection broke again and again.
    #[error(
        "cannot fetch {url}: {cause}; {kept} bytes are kept, and the same command goes on from there"
    )]
    Broken {
        /// The address.
        url: String,
        /// The last cause.
        cause: String,
        /// Bytes that are there.
        kept: u64,
    },
    /// What was fetched isn't what was released.
    #[error(
        "{url} gave a file whose SHA-256 is {found} and not {expected}...; it was removed: fetch it \
         again, or report it if that happens twice"
    )]
    Wrong {
        /// The address.
        url: String,
        /// SHA-256 of what came.
        found: String,
        /// How it should begin.
        expected: String,
    },
    /// Asked to stop.
    #[error("stopped; {kept} bytes of {url} are kept, and the same command goes on from there")]
    Stopped {
        /// The address.
        url: String,
        /// Bytes that are there.
        kept: u64,
    },
    /// The certificates to trust can't be used.
    #[error("cannot use the certificates of {}, which SSL_CERT_FILE names: {problem}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
