//! `fieldscope fetch` against a server that misbehaves in every way.

mod proxy;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assert_cmd::assert::Assert;
use predicates::str::contains;

use crate::common::fieldscope;

/// Bytes of the file that is served.
fn contents() -> Vec<u8> {
    (0..300_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// SHA-256 of [`contents`], by the program that users would check with.
fn sha256(bytes: &[u8]) -> String {
    fieldscope::store::digest::sha256_bytes(bytes)
}

/// How the server answers a request for each path.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// As it should.
    Well,
    /// Breaks off after 100,000 bytes of each answer.
    BreaksOff,
    /// Breaks off, and knows no ranges.
    BreaksOffOnce,
    /// Sends on to the good path.
    Redirects,
    /// A login page, with status 200.
    LoginPage,
    /// A login page that claims to be a file.
    DisguisedPage,
    /// Other bytes.
    Wrong,
    /// Says nothing for longer than is waited, once.
    Stalls,
    /// A little at a time.
    Slow,
    /// Always an error.
    Missing,
}

/// A request as the server saw it: path and first byte asked for.
type Requests = Arc<Mutex<Vec<(String, usize)>>>;

/// Serves `/MANNER/name`, a thread a connection, and notes the requests.
fn serve() -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let noted = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let noted = Arc::clone(&noted);
            // A client that hangs up early is no failure of the server.
            std::thread::spawn(move || stream.and_then(|stream| answer(stream, &noted)));
        }
    });
    (address, requests)
}

fn answer(mut stream: TcpStream, requests: &Requests) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let path = lines.next().unwrap()?.split(' ').nth(1).unwrap().to_owned();
    let mut start = 0;
    for line in lines {
        let line = line?.to_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let before = {
        let mut requests = requests.lock().unwrap();
        let before = requests.iter().filter(|(other, _)| *other == path).count();
        requests.push((path.clone(), start));
        before
    };
    let manner = path.split('/').nth(1).unwrap().to_owned();
    let manner = manner.as_str();
    let page = "<html><body>Please log in</body></html>";
    let mut head = |status: &str, more: &str, length: usize| {
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n"
        )
    };
    match manner {
        "Redirects" => return head("302 Found", "location: /Well/file-1.pth\r\n", 0),
        "Missing" => return head("404 Not Found", "", 0),
        "LoginPage" => head("200 OK", "content-type: text/html; charset=utf-8\r\n", page.len())?,
        "DisguisedPage" => head("200 OK", "", page.len())?,
        _ => {}
    }
    if manner.ends_with("Page") {
        return stream.write_all(page.as_bytes());
    }
    let mut bytes = contents();
    if manner == "Wrong" {
        bytes[1000] ^= 1;
    }
    let knows_ranges = manner != "BreaksOffOnce";
    if start > 0 && knows_ranges {
        let range = format!("content-range: bytes {start}-{}/{}\r\n", bytes.len() - 1, bytes.len());
        bytes.drain(..start);
        head("206 Partial Content", &range, bytes.len())?;
    } else {
        head("200 OK", "", bytes.len())?;
    }
    match manner {
        "BreaksOff" => bytes.truncate(100_000),
        "BreaksOffOnce" if before == 0 => bytes.truncate(100_000),
        "Stalls" if before == 0 => {
            stream.write_all(&bytes[..50_000])?;
            std::thread::sleep(Duration::from_secs(4));
            return Ok(());
        }
        "Slow" => {
            for piece in bytes.chunks(20_000) {
                stream.write_all(piece)?;
                std::thread::sleep(Duration::from_millis(40));
            }
            return Ok(());
        }
        _ => {}
    }
    stream.write_all(&bytes)
}

struct Case {
    place: tempfile::TempDir,
    address: String,
    requests: Requests,
}

impl Case {
    fn new() -> Self {
        let (address, requests) = serve();
        Self { place: tempfile::tempdir().unwrap(), address, requests }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.place.path().join("cache")
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder().join("file-1.pth")
    }

    /// Fetches the file from a server with these manners.
    fn fetch(&self, manner: Manner, more: &[&str]) -> Assert {
        let table = self.place.path().join("table.csv");
        let sha256 = &sha256(&contents())[..8];
        let row = format!("file,,{}/{manner:?}/file-1.pth,{sha256},none,nobody", self.address);
        let header = "name,architecture,url,sha256,licence,citation";
        std::fs::write(&table, format!("{header}\n{row}\n")).unwrap();
        fieldscope()
            .args(["fetch", "file", "--patience", "2", "--quiet", "--table"])
            .arg(&table)
            .arg("--folder")
            .arg(self.folder())
            .args(more)
            .env_remove("http_proxy")
            .env_remove("HTTP_PROXY")
            .env_remove("ALL_PROXY")
            .env_remove("all_proxy")
            .assert()
    }

    fn assert_fetched(&self) {
        assert!(std::fs::read(self.file()).unwrap() == contents(), "the file differs");
        assert_eq!(names(&self.folder()), ["file-1.pth"]);
    }

    /// First bytes asked for, in order.
    fn starts(&self) -> Vec<usize> {
        self.requests.lock().unwrap().iter().map(|(_, start)| *start).collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_good_server_gives_the_file_which_is_then_left_alone() {
    let case = Case::new();
    case.fetch(Manner::Well, &["--dry-run"]).success().stdout(contains("/Well/file-1.pth -> "));
    assert!(!case.folder().exists() && case.starts().is_empty());
    case.fetch(Manner::Well, &[]).success().stdout(contains(case.file().display().to_string()));
    case.assert_fetched();
    case.fetch(Manner::Missing, &[]).success().stdout(contains("was there"));
    std::fs::write(case.file(), "mine").unwrap();
    case.fetch(Manner::Well, &[]).code(1).stderr(contains("left as it is"));
    assert_eq!(std::fs::read(case.file()).unwrap(), b"mine");
    assert_eq!(case.starts(), [0]);
}

#[test]
fn a_connection_that_breaks_off_is_taken_up_where_it_was() {
    let case = Case::new();
    case.fetch(Manner::BreaksOff, &[]).success();
    case.assert_fetched();
    assert_eq!(case.starts(), [0, 100_000, 200_000]);
}

#[test]
fn a_server_without_ranges_is_asked_for_the_whole_again() {
    let case = Case::new();
    case.fetch(Manner::BreaksOffOnce, &[]).success();
    case.assert_fetched();
    assert_eq!(case.starts(), [0, 100_000]);
}

#[test]
fn what_an_earlier_run_left_is_gone_on_with() {
    let case = Case::new();
    std::fs::create_dir(case.folder()).unwrap();
    let part = case.folder().join("file-1.pth.part");
    std::fs::write(&part, &contents()[..123_456]).unwrap();
    case.fetch(Manner::Well, &[]).success();
    case.assert_fetched();
    assert_eq!(case.starts(), [123_456]);
}

#[test]
fn redirects_are_followed_and_slow_servers_waited_for() {
    for manner in [Manner::Redirects, Manner::Slow, Manner::Stalls] {
        let case = Case::new();
        case.fetch(manner, &[]).success();
        case.assert_fetched();
    }
}

#[test]
fn what_is_not_the_file_never_gets_its_name() {
    for (manner, message) in [
        (Manner::LoginPage, "web page"),
        (Manner::DisguisedPage, "web page"),
        (Manner::Wrong, "SHA-256"),
        (Manner::Missing, "status 404"),
    ] {
        let case = Case::new();
        case.fetch(manner, &[]).code(1).stderr(contains(message));
        assert!(!case.file().exists(), "{manner:?}");
        case.fetch(Manner::Well, &[]).success();
        case.assert_fetched();
    }
}

#[test]
fn names_that_are_not_in_the_table_are_wrong_usage() {
    fieldscope().args(["fetch", "resnet999"]).assert().code(2).stderr(contains("resnet101"));
    fieldscope().arg("fetch").assert().success().stdout(contains("replknet_31b"));
}
