//! `fieldscope fetch` from a network that reaches the world through a proxy only.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use predicates::str::contains;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{contents, sha256};
use crate::common::fieldscope;

/// A name that only the proxy knows.
const HOST: &str = "files.fieldscope.example";

/// The lines of a request's head.
fn head(stream: impl Read) -> Vec<String> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).collect()
}

/// Serves the file over TLS, with a certificate for [`HOST`] that is signed by one which goes to
/// `authority`. Gives the port.
fn serve(authority: &Path) -> u16 {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(authority, issuer.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new([HOST.to_owned()]).unwrap();
    let certificate = CertificateDer::from(parameters.signed_by(&key, &issuer).unwrap());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that doesn't trust the certificate hangs up.
            let _ = answer(StreamOwned::new(connection, stream));
        }
    });
    port
}

fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>) -> std::io::Result<()> {
    head(&mut stream);
    let bytes = contents();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", bytes.len())?;
    stream.write_all(b"connection: close\r\n\r\n")?;
    stream.write_all(&bytes)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// A proxy that connects whatever it is asked for to `port` of this machine. Gives its address, and
/// the first lines of what it is asked.
fn proxy(port: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::default();
    let noted: Arc<Mutex<Vec<String>>> = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let line = head(&client).swap_remove(0);
            noted.lock().unwrap().push(line);
            let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
            let _ = std::io::copy(&mut server, &mut client);
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
    });
    (address, asked)
}

fn fetch(place: &Path, port: u16, variables: &[(&str, &str)]) -> assert_cmd::assert::Assert {
    let table = place.join("table.csv");
    let sha256 = &sha256(&contents())[..8];
    let row = format!("file,,https://{HOST}:{port}/file-1.pth,{sha256},none,nobody");
    let header = "name,architecture,url,sha256,licence,citation";
    std::fs::write(&table, format!("{header}\n{row}\n")).unwrap();
    let mut command = fieldscope();
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
    command
        .args(["fetch", "file", "--patience", "5", "--quiet", "--table"])
        .arg(&table)
        .arg("--folder")
        .arg(place.join("cache"))
        .env_remove("SSL_CERT_FILE")
        .envs(variables.iter().copied())
        .assert()
}

#[test]
fn a_proxy_that_signs_itself_is_passed_with_its_certificates() {
    let place = tempfile::tempdir().unwrap();
    let authority = place.path().join("authority.pem");
    let port = serve(&authority);
    let (address, asked) = proxy(port);
    let trusted = authority.to_str().unwrap();
    let variables = [("HTTPS_PROXY", address.as_str()), ("SSL_CERT_FILE", trusted)];
    fetch(place.path(), port, &variables).success();
    let file = place.path().join("cache/file-1.pth");
    assert!(std::fs::read(&file).unwrap() == contents());
    assert_eq!(*asked.lock().unwrap(), [format!("CONNECT {HOST}:{port} HTTP/1.1")]);

    std::fs::remove_file(&file).unwrap();
    fetch(place.path(), port, &variables[..1])
        .code(1)
        .stderr(contains(format!("through the proxy {}", &address["http://".len()..])))
        .stderr(contains("set SSL_CERT_FILE"));
    assert!(!file.exists());
}

#[test]
fn certificates_that_are_none_are_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("authority.pem");
    std::fs::write(&file, "no certificate").unwrap();
    fetch(place.path(), 1, &[("SSL_CERT_FILE", file.to_str().unwrap())])
        .code(1)
        .stderr(contains("authority.pem, which SSL_CERT_FILE names: it holds no certificate"));
}
