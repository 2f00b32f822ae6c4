//! TLS for a receiver, and a certificate authority for the length of a test.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use std::io;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// What connections are accepted with.
pub(crate) type Acceptor = TlsAcceptor;

/// A certificate authority that nobody else trusts, and whose key is gone with it.
#[derive(Debug)]
pub struct TestCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, both as PEM.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key, in PKCS #8.
    pub key: String,
}

/// How a receiver speaks TLS.
#[derive(Clone)]
pub struct ServerTls {
    pub(crate) acceptor: Acceptor,
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

impl TestCa {
    /// A new one.
    ///
    /// # Errors
    /// No random numbers to be had.
    pub fn new() -> io::Result<TestCa> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a certificate authority for tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        Ok(TestCa { issuer })
    }

    /// Its certificate as PEM: what `OTEL_EXPORTER_OTLP_CERTIFICATE` names a file of.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a client of this name.
    ///
    /// # Errors
    /// No random numbers to be had.
    pub fn client(&self, name: &str) -> io::Result<Identity> {
        let (certificate, key) = self.leaf(name, &[], ExtendedKeyUsagePurpose::ClientAuth)?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// TLS for a receiver, with a certificate for `localhost` and 127.0.0.1.
    ///
    /// # Errors
    /// No random numbers to be had.
    pub fn server(&self) -> io::Result<ServerTls> {
        self.serve(false)
    }

    /// The same, for clients only that have a certificate of this authority.
    ///
    /// # Errors
    /// No random numbers to be had.
    pub fn server_for_its_clients(&self) -> io::Result<ServerTls> {
        self.serve(true)
    }

    fn serve(&self, asks_clients: bool) -> io::Result<ServerTls> {
        let names = ["localhost", "127.0.0.1"];
        let usage = ExtendedKeyUsagePurpose::ServerAuth;
        let (certificate, key) = self.leaf("a receiver for tests", &names, usage)?;
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = if asks_clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).map_err(io::Error::other)?;
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(verifier.map_err(io::Error::other)?)
        } else {
            config.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = config
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(ServerTls { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    fn leaf(
        &self,
        name: &str,
        alternatives: &[&str],
        usage: ExtendedKeyUsagePurpose,
    ) -> io::Result<(rcgen::Certificate, KeyPair)> {
        let alternatives: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(alternatives).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        Ok((certificate, key))
    }
}
