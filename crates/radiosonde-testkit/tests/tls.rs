//! TLS: who trusts the test's authority gets through, who does not is not served.
#![cfg(feature = "tls")]

mod common;

use common::{WITHIN, logs};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use radiosonde_testkit::{Receiver, TestCa};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// Whether two log records got through.
fn export(receiver: &Receiver, config: ClientTlsConfig) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let endpoint = Endpoint::new(receiver.grpc_endpoint()).expect("an endpoint");
        let channel = endpoint.tls_config(config).expect("a configuration").connect().await;
        let Ok(channel) = channel else { return false };
        LogsServiceClient::new(channel).export(logs()).await.is_ok()
    })
}

#[test]
fn only_who_trusts_the_authority_gets_through() {
    let ca = TestCa::new().expect("an authority");
    let receiver = Receiver::builder().tls(ca.server().expect("TLS")).start().expect("a receiver");
    assert!(receiver.grpc_endpoint().starts_with("https://localhost:"));
    let trusting =
        |ca: &TestCa| ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca.pem()));
    let other = TestCa::new().expect("another one");
    assert!(!export(&receiver, trusting(&other)));
    assert!(receiver.received().is_empty());
    assert!(export(&receiver, trusting(&ca)));
    assert_eq!(receiver.wait_for(2, WITHIN).expect("two records").logs.len(), 2);
}

#[test]
fn a_client_without_a_certificate_is_not_served_where_one_is_asked_for() {
    let ca = TestCa::new().expect("an authority");
    let tls = ca.server_for_its_clients().expect("TLS");
    let receiver = Receiver::builder().tls(tls).start().expect("a receiver");
    let trusting = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca.pem()));
    assert!(!export(&receiver, trusting.clone()));
    let foreign = TestCa::new().expect("another one").client("a stranger").expect("a certificate");
    let with =
        |found: radiosonde_testkit::Identity| Identity::from_pem(found.certificate, found.key);
    assert!(!export(&receiver, trusting.clone().identity(with(foreign))));
    let ours = ca.client("one of ours").expect("a certificate");
    assert!(export(&receiver, trusting.identity(with(ours))));
    assert_eq!(receiver.received().len(), 2);
}
