//! TLS: whom the sender trusts, and what it shows.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use radiosonde_otlp::{Destination, Protocol, Proxies, Signal, State, probe};
use radiosonde_testkit::{Receiver, TestCa};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::common::*;

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// Waits until it is held, and what is said.
fn held(bed: &mut Bed, destination: &Destination) -> String {
    bed.append(10);
    let sender = bed.send(destination);
    let found = status(&sender, |status| status.state == State::Held);
    assert_eq!(bed.books(), (0, 0, 10), "{found:?}");
    found.last_error.unwrap_or_default()
}

#[test]
fn a_collector_that_is_trusted_gets_everything() {
    for protocol in PROTOCOLS {
        let ca = TestCa::new().unwrap();
        let tls = ca.server_for_its_clients().unwrap();
        let receiver = Receiver::builder().tls(tls).start().unwrap();
        let mut bed = Bed::new();
        let identity = ca.client("shop").unwrap();
        write(&bed.path("ca.pem"), &ca.pem());
        write(&bed.path("own.pem"), &identity.certificate);
        write(&bed.path("own.key"), &identity.key);
        let mut destination = to(&receiver, protocol);
        destination.certificate = Some(bed.path("ca.pem"));
        destination.client_certificate = Some(bed.path("own.pem"));
        destination.client_key = Some(bed.path("own.key"));
        assert!(destination.endpoint.starts_with("https://"));
        bed.append(300);
        let sender = bed.send(&destination);
        assert!(sender.flush(LONG), "{:?}", sender.status());
        assert_eq!((receiver.counts().unique, receiver.counts().duplicates()), (300, 0));
    }
}

#[test]
fn a_collector_that_is_not_trusted_gets_nothing() {
    for protocol in PROTOCOLS {
        let (ca, other) = (TestCa::new().unwrap(), TestCa::new().unwrap());
        let receiver = Receiver::builder().tls(ca.server().unwrap()).start().unwrap();
        for pem in [Some(other.pem()), None] {
            let mut bed = Bed::new();
            let mut destination = to(&receiver, protocol);
            if let Some(pem) = pem {
                write(&bed.path("ca.pem"), &pem);
                destination.certificate = Some(bed.path("ca.pem"));
            }
            let text = held(&mut bed, &destination);
            // A system without certificates says that instead.
            let is_bare = destination.certificate.is_none() && text.contains("ca-certificates");
            assert!(text.contains("invalid peer certificate") || is_bare, "{protocol:?}: {text}");
        }
        assert_eq!(receiver.request_count(), 0);
    }
}

#[test]
fn a_collector_that_wants_a_certificate_says_so() {
    for protocol in PROTOCOLS {
        let ca = TestCa::new().unwrap();
        let tls = ca.server_for_its_clients().unwrap();
        let receiver = Receiver::builder().tls(tls).start().unwrap();
        let mut bed = Bed::new();
        write(&bed.path("ca.pem"), &ca.pem());
        let mut destination = to(&receiver, protocol);
        destination.certificate = Some(bed.path("ca.pem"));
        let text = held(&mut bed, &destination);
        assert!(text.contains("CLIENT_CERTIFICATE"), "{protocol:?}: {text}");
    }
}

#[test]
fn files_that_are_no_good_are_named() {
    let ca = TestCa::new().unwrap();
    let receiver = Receiver::builder().tls(ca.server().unwrap()).start().unwrap();
    let identity = ca.client("shop").unwrap();
    let stranger = ca.client("other").unwrap();
    for (own, key, mode, said) in [
        (identity.certificate.as_str(), "nonsense", 0o600, "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
        ("", identity.key.as_str(), 0o600, "no certificate in it"),
        (&identity.certificate, &stranger.key, 0o600, "do not work together"),
        (&identity.certificate, &identity.key, 0o000, "cannot be read"),
    ] {
        let mut bed = Bed::new();
        write(&bed.path("ca.pem"), &ca.pem());
        write(&bed.path("own.pem"), own);
        write(&bed.path("own.key"), key);
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(bed.path("own.key"), permissions).unwrap();
        if mode == 0 && std::fs::read(bed.path("own.key")).is_ok() {
            eprintln!("not run: this user reads every file");
            continue;
        }
        let mut destination = to(&receiver, Protocol::Http);
        destination.certificate = Some(bed.path("ca.pem"));
        destination.client_certificate = Some(bed.path("own.pem"));
        destination.client_key = Some(bed.path("own.key"));
        let text = held(&mut bed, &destination);
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn a_certificate_that_is_over_or_of_another_is_no_good() {
    for (name, year, said) in
        [("127.0.0.1", 2001, "xpired"), ("elsewhere.test", 4000, "not valid for name")]
    {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let address = serve(certificate.der().clone(), &key);
        let mut bed = Bed::new();
        write(&bed.path("ca.pem"), &certificate.pem());
        let mut destination =
            Destination::new(format!("https://{address}/v1/logs"), Protocol::Http);
        destination.certificate = Some(bed.path("ca.pem"));
        let text = held(&mut bed, &destination);
        assert!(text.contains(said), "{name}: {text}");
    }
}

#[test]
fn what_speaks_no_tls_is_held_as_that() {
    let receiver = Receiver::start().unwrap();
    let ca = TestCa::new().unwrap();
    for protocol in PROTOCOLS {
        let mut bed = Bed::new();
        write(&bed.path("ca.pem"), &ca.pem());
        let mut destination = to(&receiver, protocol);
        destination.endpoint = destination.endpoint.replace("http://", "https://");
        destination.certificate = Some(bed.path("ca.pem"));
        bed.append(10);
        let sender = bed.send(&destination);
        let found = status(&sender, |status| status.last_error.is_some());
        assert_eq!(bed.books(), (0, 0, 10), "{found:?}");
        let text = found.last_error.unwrap_or_default();
        assert!(text.contains("http://"), "{protocol:?}: {text}");
    }
}

#[test]
fn what_speaks_tls_is_told_as_that() {
    let ca = TestCa::new().unwrap();
    let with_tls = Receiver::builder().tls(ca.server().unwrap()).start().unwrap();
    for protocol in PROTOCOLS {
        let endpoint = to(&with_tls, protocol).endpoint.replace("https://", "http://");
        let destination = Destination::new(endpoint, protocol);
        let text = probe(&destination, Signal::Logs, Proxies::default()).text;
        let names = |what: &str| text.contains(what);
        let is_said = names("OTEL_EXPORTER_OTLP_PROTOCOL") && names("https://") && names("4317");
        assert!(is_said, "{protocol:?}: {text}");
    }
}

/// Handshakes with whoever comes, as often as they come.
fn serve(
    certificate: rustls::pki_types::CertificateDer<'static>,
    key: &KeyPair,
) -> std::net::SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
        }
    });
    address
}
