//! TLS: rustls with ring; the certificates of the system, or those of a file.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, ClientConfig, RootCertStore};

use crate::destination::Destination;

/// What a connection to this destination needs; the files are read. `protocol` is that of ALPN. The
/// error tells which variable to look at.
pub(super) fn config(destination: &Destination, protocol: &[u8]) -> Result<ClientConfig, String> {
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
    let builder = builder.with_root_certificates(roots(destination.certificate.as_deref())?);
    let own = destination.client_certificate.as_deref().zip(destination.client_key.as_deref());
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")?;
            let key = private_key(key)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                format!(
                    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY do not \
                     work together: {error}"
                )
            })?
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

fn roots(certificate: Option<&Path>) -> Result<RootCertStore, String> {
    const FILE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
    let mut roots = RootCertStore::empty();
    let Some(path) = certificate else {
        let (added, _) =
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if added == 0 {
            return Err(format!(
                "this system has no certificates to trust: install ca-certificates, or set {FILE}"
            ));
        }
        return Ok(roots);
    };
    for certificate in certificates(path, FILE)? {
        let added = roots.add(certificate);
        added.map_err(|error| {
            format!("{FILE}: {} has no good certificate: {error}", path.display())
        })?;
    }
    Ok(roots)
}

fn certificates(path: &Path, variable: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let cannot =
        |error: &dyn Error| format!("{variable}: {shown} cannot be read: {}", chain(error));
    let read = CertificateDer::pem_file_iter(path).map_err(|error| cannot(&error))?;
    let read: Result<Vec<_>, _> = read.collect();
    let certificates = read.map_err(|error| cannot(&error))?;
    if certificates.is_empty() {
        return Err(format!("{variable}: {shown} has no certificate in it; it has to be PEM"));
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        let shown = path.display();
        format!("OTEL_EXPORTER_OTLP_CLIENT_KEY: {shown} cannot be read as a key: {}", chain(&error))
    })
}

/// What TLS says in an error, if it says anything: why, and whether it stays that way until somebody
/// changes something.
pub(super) fn trouble(error: &(dyn Error + 'static)) -> Option<(String, bool)> {
    let found = find(error)?;
    let stays = match found {
        rustls::Error::AlertReceived(alert) => !matches!(
            alert,
            AlertDescription::CloseNotify
                | AlertDescription::InternalError
                | AlertDescription::UserCanceled
        ),
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::InvalidCertRevocationList(_)
        | rustls::Error::InvalidMessage(_)
        | rustls::Error::NoApplicationProtocol
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::PeerIncompatible(_)
        | rustls::Error::UnsupportedNameType => true,
        _ => false,
    };
    let advice = match found {
        rustls::Error::InvalidMessage(_) => " (does it speak TLS at all? Without, it is http://)",
        rustls::Error::InvalidCertificate(_) => {
            " (OTEL_EXPORTER_OTLP_CERTIFICATE names whom to trust)"
        }
        rustls::Error::AlertReceived(_) => {
            " (OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY are what is shown to it)"
        }
        _ => "",
    };
    Some((format!("TLS: {found}{advice}"), stays))
}

fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An error of input and output keeps what is in it to itself.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// An error with its causes.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        // Some show their cause themselves.
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}
