//! Getting a file: in as many pieces as the network makes of it, and checked before it is there.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ureq::http::{Response, header};
use ureq::{Agent, Body};

use super::{FetchError, Released, agent};
use crate::progress::{Progress, Stop};
use crate::store::{StoreError, digest};

/// Connections in a row that may bring nothing before it is given up.
const ATTEMPTS: u32 = 5;

/// The first pause before a connection is taken up again; it doubles each time.
const PAUSE: Duration = Duration::from_millis(250);

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// Whether it was there already.
    pub was_there: bool,
}

/// Fetches released files into a folder.
#[derive(Debug)]
pub struct Fetcher {
    folder: PathBuf,
    agent: Agent,
}

/// How one connection ended.
enum End {
    /// The file is complete.
    Complete,
    /// It broke, and why.
    Broke(String),
}

impl Fetcher {
    /// Files go to `folder`. A connection that brings nothing for `patience` is taken up again.
    /// Proxies are those of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`),
    /// and the certificates trusted those of `SSL_CERT_FILE`, or else Mozilla's.
    ///
    /// # Errors
    ///
    /// [`FetchError`] where `SSL_CERT_FILE` names a file that can't be used.
    pub fn new(folder: PathBuf, patience: Duration) -> Result<Self, FetchError> {
        Ok(Self { folder, agent: agent::agent(patience)? })
    }

    /// Where a file goes.
    pub fn target(&self, released: &Released) -> PathBuf {
        self.folder.join(released.file_name().unwrap_or(&released.name))
    }

    /// Fetches a file, on from where an earlier attempt broke off, and gives it its name when its
    /// SHA-256 is right. A file that is there is only checked.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; what came so far is kept, unless it is wrong.
    pub fn fetch(
        &self,
        released: &Released,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Fetched, FetchError> {
        let path = self.target(released);
        if path.exists() {
            let sha256 = digest::sha256_file(&path)?;
            if sha256.starts_with(&released.sha256) {
                return Ok(Fetched { path, sha256, was_there: true });
            }
            let expected = released.sha256.clone();
            return Err(FetchError::InTheWay { path, found: sha256, expected });
        }
        fs::create_dir_all(&self.folder)
            .map_err(|cause| StoreError::io("create the folder", &self.folder, cause))?;
        let mut part_name = path.as_os_str().to_owned();
        part_name.push(".part");
        let mut part = Part::open(PathBuf::from(part_name))?;
        progress.begin(&released.name, 0, "bytes");
        let done = self.complete(&released.url, &mut part, progress, stop);
        progress.end();
        done?;
        let sha256 = part.check(released)?;
        part.name(&path)?;
        Ok(Fetched { path, sha256, was_there: false })
    }

    /// Connects until the part is complete.
    fn complete(
        &self,
        url: &str,
        part: &mut Part,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<(), FetchError> {
        let mut fruitless = 0;
        loop {
            let before = part.length;
            let cause = match self.connect(url, part, progress, stop)? {
                End::Complete => return Ok(()),
                End::Broke(cause) => cause,
            };
            if stop.is_set() {
                return Err(FetchError::Stopped { url: url.to_owned(), kept: part.length });
            }
            fruitless = if part.length > before { 0 } else { fruitless + 1 };
            if fruitless == ATTEMPTS {
                let (url, kept) = (url.to_owned(), part.length);
                return Err(FetchError::Broken { url, cause, kept });
            }
            thread::sleep(PAUSE * 2u32.pow(fruitless));
        }
    }

    fn connect(
        &self,
        url: &str,
        part: &mut Part,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<End, FetchError> {
        let mut request = self.agent.get(url);
        if part.length > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", part.length));
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(error) => {
                let cause = agent::cause(&self.agent, url, &error);
                if agent::is_distrust(&error) {
                    return Err(FetchError::Broken {
                        url: url.to_owned(),
                        cause,
                        kept: part.length,
                    });
                }
                return Ok(End::Broke(cause));
            }
        };
        let url = url.to_owned();
        match response.status().as_u16() {
            206 if starts_at(&response) == Some(part.length) => {}
            200 if is_page(&response) => return Err(FetchError::Page { url }),
            // The server doesn't know ranges, or the part doesn't fit what it has: from the start.
            200 => part.empty()?,
            206 | 416 => {
                part.empty()?;
                return Ok(End::Broke("the server gives another range than was asked for".into()));
            }
            status @ (429 | 500..) => {
                return Ok(End::Broke(format!("the server answers with status {status}")));
            }
            status => return Err(FetchError::Status { url, status }),
        }
        let start = part.length;
        let left = response.body().content_length();
        part.append(response.into_body(), progress, stop).map(|end| match (end, left) {
            (End::Complete, Some(left)) if part.length < start + left => {
                End::Broke("the connection ended before the file did".into())
            }
            (end, _) => end,
        })
    }
}

/// Whether the answer is a web page.
fn is_page(response: &Response<Body>) -> bool {
    response.body().mime_type().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"))
}

/// The first byte that a partial answer holds.
fn starts_at(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// What has come of a file so far.
struct Part {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Part {
    /// Opens the part, or begins it, for this process alone.
    fn open(path: PathBuf) -> Result<Self, FetchError> {
        let in_writing = |cause| StoreError::io("write", &path, cause);
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(in_writing)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(FetchError::Busy(path)),
            // Some file systems know no locks; the SHA-256 tells what two processes spoilt.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let length = file.metadata().map_err(in_writing)?.len();
        Ok(Self { path, file, length })
    }

    fn empty(&mut self) -> Result<(), FetchError> {
        self.file.set_len(0).map_err(|cause| StoreError::io("write", &self.path, cause))?;
        self.length = 0;
        Ok(())
    }

    fn append(
        &mut self,
        body: Body,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<End, FetchError> {
        let mut reader = body.into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            if stop.is_set() {
                return Ok(End::Broke("stopped".into()));
            }
            let count = match reader.read(&mut buffer) {
                Ok(0) => return Ok(End::Complete),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(End::Broke(error.to_string())),
            };
            self.file
                .write_all(&buffer[..count])
                .map_err(|cause| StoreError::io("write", &self.path, cause))?;
            self.length += count as u64;
            progress.advance(count);
        }
    }

    /// The SHA-256, where it is right; else the part is removed.
    fn check(&self, released: &Released) -> Result<String, FetchError> {
        let in_reading = |cause| StoreError::io("read", &self.path, cause);
        let sha256 = digest::sha256_file(&self.path)?;
        let mut first = [0; 2];
        let begins = File::open(&self.path).and_then(|mut file| file.read_exact(&mut first));
        let is_gzip = begins.is_ok() && first == GZIP;
        let right =
            sha256.starts_with(&released.sha256) && (is_gzip || !released.url.ends_with(".gz"));
        if right {
            return Ok(sha256);
        }
        fs::remove_file(&self.path).map_err(in_reading)?;
        let url = released.url.clone();
        if first[0] == b'<' {
            return Err(FetchError::Page { url });
        }
        let expected = match released.sha256.is_empty() {
            true => "that of a gzip file".to_owned(),
            false => released.sha256.clone(),
        };
        Err(FetchError::Wrong { url, found: sha256, expected })
    }

    /// Gives the part the file's name, unless there is one of that name by now.
    fn name(self, path: &Path) -> Result<(), FetchError> {
        let in_writing = |cause| StoreError::io("write", path, cause);
        self.file.sync_all().map_err(in_writing)?;
        match fs::hard_link(&self.path, path) {
            Ok(()) => fs::remove_file(&self.path).map_err(in_writing)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(in_writing(error).into());
            }
            // Some file systems know no hard links.
            Err(_) => fs::rename(&self.path, path).map_err(in_writing)?,
        }
        Ok(())
    }
}
