//! Which authorities are believed to say who a server is: the same for AWS and both vendors.

use std::fmt;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};

use crate::settings::{SettingError, Settings};

/// The authorities, and the sessions of the connections that were made with them. Cheap to clone: clones share the sessions.
#[derive(Clone)]
pub struct Tls(ClientConfig);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self::mozilla()
    }
}

impl Tls {
    /// Mozilla's authorities, which are compiled in: reading a machine's own is most of what a function's start takes.
    pub fn mozilla() -> Self {
        Self::trusting(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// Those of `SSL_CERT_FILE` and `SSL_CERT_DIR` where one of them is set, such as for a proxy that looks into connections; else Mozilla's.
    ///
    /// # Errors
    /// [`SettingError`] if there are none.
    pub fn read<L: Fn(&str) -> Option<String>>(settings: &Settings<L>) -> Result<Self, SettingError> {
        let (file, folder) = (settings.optional("SSL_CERT_FILE"), settings.optional("SSL_CERT_DIR"));
        let name = match (&file, &folder) {
            (None, None) => return Ok(Self::mozilla()),
            (Some(_), _) => "SSL_CERT_FILE",
            (None, Some(_)) => "SSL_CERT_DIR",
        };
        let found = load_certs_from_paths(file.as_deref().map(Path::new), folder.as_deref().map(Path::new));
        let wrong = || SettingError::Malformed { name: name.to_owned(), expected: "the path of root certificates in PEM" };
        Self::of(found.certs).ok_or_else(wrong)
    }

    /// Those that this machine trusts, for people's computers: their companies may have authorities of their own. Mozilla's if it has none.
    pub fn of_machine() -> Self {
        Self::of(load_native_certs().certs).unwrap_or_default()
    }

    /// `None` if none of these can be an authority.
    fn of(certificates: Vec<CertificateDer<'static>>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(certificates);
        (usable > 0).then(|| Self::trusting(roots))
    }

    fn trusting(roots: RootCertStore) -> Self {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let versions = ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions();
        Self(versions.expect("aws-lc-rs has suites for TLS 1.2 and 1.3").with_root_certificates(roots).with_no_client_auth())
    }

    /// For a client that speaks these protocols, the preferred one first.
    pub(crate) fn offering(&self, protocols: &[&str]) -> ClientConfig {
        let mut config = self.0.clone();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }
}
