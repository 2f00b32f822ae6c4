//! What each variable does, and what is said of one that is wrong.

use super::*;

fn from(variables: &[(&str, &str)]) -> (Option<Destinations>, Vec<Complaint>) {
    settings_from(&|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn endpoint(variables: &[(&str, &str)], signal: Signal) -> Option<String> {
    from(variables).0?.of(signal).map(|destination| destination.endpoint.clone())
}

#[test]
fn without_an_endpoint_nothing_is_sent() {
    for variables in [
        &[][..],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "  ")],
        &[("OTEL_EXPORTER_OTLP_HEADERS", "a=b"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
    ] {
        assert_eq!(from(variables), (None, Vec::new()), "{variables:?}");
    }
}

#[test]
fn paths_follow_the_specification() {
    const GENERAL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const OWN: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const PROTOCOL: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    for (variables, expected) in [
        (&[(GENERAL, "http://h:4318")][..], "http://h:4318/v1/traces"),
        (&[(GENERAL, "http://h:4318/")], "http://h:4318/v1/traces"),
        (&[(GENERAL, "https://h/base")], "https://h/base/v1/traces"),
        (&[(GENERAL, "https://h/base/")], "https://h/base/v1/traces"),
        (&[(GENERAL, "http://h?key=1")], "http://h/v1/traces?key=1"),
        (&[(OWN, "http://h:4318")], "http://h:4318/"),
        (&[(OWN, "http://h:4318/mine")], "http://h:4318/mine"),
        (&[(GENERAL, "http://a"), (OWN, "http://b/x")], "http://b/x"),
        (&[(GENERAL, "http://a"), (OWN, "")], "http://a/v1/traces"),
        (&[PROTOCOL, (GENERAL, "http://h:4317")], "http://h:4317"),
        (&[PROTOCOL, (GENERAL, "h:4317")], "https://h:4317"),
        (
            &[PROTOCOL, (GENERAL, "h:4317"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")],
            "http://h:4317",
        ),
        (
            &[PROTOCOL, (GENERAL, "https://h:1"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")],
            "https://h:1",
        ),
    ] {
        assert_eq!(endpoint(variables, Signal::Traces).as_deref(), Some(expected), "{variables:?}");
        let complaints: Vec<_> = from(variables).1;
        assert!(complaints.is_empty() || cfg!(not(feature = "grpc")), "{complaints:?}");
    }
}

#[test]
fn an_exporter_is_chosen_by_name() {
    const GENERAL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:1");
    for (value, with, without) in [
        ("otlp", Some("http://h:1/v1/logs"), Some("http://localhost:4318/v1/logs")),
        ("console, OTLP", Some("http://h:1/v1/logs"), Some("http://localhost:4318/v1/logs")),
        ("none", None, None),
        ("console", None, None),
        ("", Some("http://h:1/v1/logs"), None),
    ] {
        let chosen = ("OTEL_LOGS_EXPORTER", value);
        assert_eq!(endpoint(&[GENERAL, chosen], Signal::Logs).as_deref(), with, "{value}");
        assert_eq!(endpoint(&[chosen], Signal::Logs).as_deref(), without, "{value}");
        assert!(endpoint(&[GENERAL, chosen], Signal::Traces).is_some(), "{value}");
    }
}

#[test]
fn each_signal_can_be_set_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, "").expect("a file");
        path.to_str().expect("text").to_owned()
    };
    let [ca, own, key, other] = ["ca.pem", "own.pem", "own.key", "other.pem"].map(file);
    let (found, complaints) = from(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=2"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", &ca),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &own),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &key),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "c=3"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "7"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", &other),
        ("RADIOSONDE_STRICT_OTLP", "true"),
    ]);
    assert_eq!(complaints, Vec::new());
    let found = found.expect("destinations");
    assert!(found.strict);
    let logs = found.of(Signal::Logs).expect("logs");
    let metrics = found.of(Signal::Metrics).expect("metrics");
    assert_eq!((logs.headers.len(), logs.timeout_ms), (2, 500));
    assert_eq!((metrics.headers.len(), metrics.timeout_ms), (1, 7));
    assert_eq!((logs.compression, metrics.compression), (Compression::Gzip, Compression::None));
    assert_eq!(logs.certificate.as_deref(), Some(ca.as_ref()));
    assert_eq!(metrics.certificate.as_deref(), Some(other.as_ref()));
    assert_eq!(metrics.client_key, logs.client_key);
    assert_eq!(found.of(Signal::Traces), Some(&traces_of(logs)));
}

/// The destination of logs, with the path of traces.
fn traces_of(logs: &Destination) -> Destination {
    let endpoint = logs.endpoint.replace("/v1/logs", "/v1/traces");
    Destination { endpoint, ..logs.clone() }
}

/// What is wrong, with a part of what is said and what is done instead.
#[test]
fn what_is_wrong_is_said_once_with_the_fix() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h:1");
    for (name, value, said, still_sent) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf is used", true),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "thrift", "is no protocol", true),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "10000 is used", true),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "10000 is used", true),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1", "10000 is used", true),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "99999999", "300000 is used", true),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", "none is used", true),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2", "no equals sign", true),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b,k=hunter2%0a", "in its entry 2", true),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k", "without OTEL_EXPORTER_OTLP_CLIENT_CERT", true),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c", "without OTEL_EXPORTER_OTLP_CL", true),
        (
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            "/nowhere/ca.pem",
            "a file that cannot be read: No",
            true,
        ),
        ("OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", "/dev/null", "it is no file", true),
        ("RADIOSONDE_STRICT_OTLP", "perhaps", "neither true nor false", true),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "has no scheme", false),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://h", "neither http nor https", false),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "unix:///run/x", "names no host", false),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:port", "has a port that is none", false),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:hunter2@h", "which are not sent", true),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://h/base/v1/logs/",
            "to http://h/base, or OTEL",
            true,
        ),
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "x", "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT is no", true),
    ] {
        let (found, complaints) = from(&[(name, value), endpoint]);
        assert_eq!(found.is_some(), still_sent, "{name}={value}");
        let [complaint] = complaints.as_slice() else { panic!("{name}={value}: {complaints:?}") };
        let text = complaint.to_string();
        assert!(text.contains(said) && text.starts_with(&complaint.variable), "{text}");
        assert_eq!(complaint.variable, name);
        assert!(!complaint.fix.is_empty() && !text.contains("hunter"), "{text}");
        assert!(!format!("{found:?}").contains("hunter"), "{found:?}");
    }
}

#[test]
fn certificates_of_an_endpoint_without_tls_are_said_to_do_nothing() {
    let (found, complaints) = from(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:1"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
    ]);
    assert_eq!(found.expect("sent").of(Signal::Logs).expect("logs").certificate, None);
    assert!(complaints[0].what.contains("without TLS"), "{complaints:?}");
}

#[test]
fn a_key_in_the_place_of_its_path_is_shown_nowhere() {
    let key = "-----BEGIN PRIVATE KEY-----\nhunter2";
    let (found, complaints) = from(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h:1"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/dev/null"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", key),
    ]);
    let logs = found.and_then(|found| found.of(Signal::Logs).cloned()).expect("logs");
    assert_eq!((&logs.client_certificate, &logs.client_key), (&None, &None));
    let said = format!("{complaints:?} {logs:?}");
    assert!(said.contains("is no path") && !said.contains("hunter2"), "{said}");
}

#[test]
fn grpc_is_said_to_be_missing_where_it_was_not_built_in() {
    let (found, complaints) = from(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4317/path"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ]);
    let said = complaints.iter().map(ToString::to_string).collect::<String>();
    if cfg!(all(feature = "http", not(feature = "grpc"))) {
        assert!(found.is_none() && said.contains("built without"), "{said}");
    } else {
        let logs = found.and_then(|found| found.of(Signal::Logs).cloned()).expect("logs");
        assert_eq!(logs.endpoint, "http://h:4317");
        assert!(said.contains("has a path"), "{said}");
    }
}

proptest::proptest! {
    /// Whatever stands in the variables: no panic, and what is kept can be sent.
    #[test]
    fn hostile_values_never_panic(endpoint in ".{0,60}", headers in ".{0,60}", other in ".{0,12}") {
        let (found, _) = from(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("OTEL_EXPORTER_OTLP_HEADERS", &headers),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", &other),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", &other),
        ]);
        for signal in Signal::ALL {
            let Some(found) = found.as_ref().and_then(|found| found.of(signal)) else { continue };
            proptest::prop_assert!(Url::parse(&found.endpoint).is_ok_and(|url| url.scheme.is_some()));
            let is_plain = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            proptest::prop_assert!(found.headers.iter().all(|(n, v)| is_plain(n) && is_plain(v)));
        }
    }
}
