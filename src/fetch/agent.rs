//! Connections through what stands between an institute and the world: proxies, and proxies that sign
//! with certificates of their own.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

use super::FetchError;
use crate::store::StoreError;

/// Names a file of certificates to trust in place of Mozilla's, as it does for curl and OpenSSL.
const CERTIFICATES: &str = "SSL_CERT_FILE";

/// An agent that gives up a connection which brings nothing for `patience`. Proxies are those of the
/// environment.
///
/// # Errors
///
/// [`FetchError`] where `SSL_CERT_FILE` names a file that can't be used.
pub fn agent(patience: Duration) -> Result<Agent, FetchError> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(patience))
        .timeout_recv_response(Some(patience))
        .timeout_per_read(Some(patience))
        .user_agent(concat!("fieldscope/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity");
    if let Some(path) = std::env::var_os(CERTIFICATES).filter(|path| !path.is_empty()) {
        let trusted = certificates(Path::new(&path))?;
        let roots = RootCerts::new_with_certs(&trusted);
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    Ok(config.build().new_agent())
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, FetchError> {
    let wrong = |problem: String| FetchError::Certificates { path: PathBuf::from(path), problem };
    let text = std::fs::read(path).map_err(|cause| StoreError::io("read", path, cause))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(error.to_string()))? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(wrong("it holds no certificate in the PEM format".to_owned()));
    }
    Ok(found)
}

/// What went wrong with a connection to `url`, and what stood in between.
pub fn cause(agent: &Agent, url: &str, error: &ureq::Error) -> String {
    // Without the word by which the library marks errors of the system.
    let mut cause = match error {
        ureq::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    };
    let target = url.parse().ok();
    let proxy: Option<&Proxy> = agent.config().proxy();
    if let Some(proxy) = proxy.filter(|proxy| !target.is_some_and(|uri| proxy.is_no_proxy(&uri))) {
        cause += &format!(" (through the proxy {}:{})", proxy.host(), proxy.port());
    }
    if is_distrust(error) {
        cause += &format!(
            "; if a proxy of your network signs connections, set {CERTIFICATES} to the file of its \
             certificates"
        );
    }
    cause
}

/// Whether the server's certificate was refused, which another attempt doesn't change.
pub fn is_distrust(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Io(error) if error.kind() == ErrorKind::InvalidData)
}
