//! Whether the destinations of OTLP answer.

use radiosonde_otlp::{Destination, Proxies, Signal, probe};

use super::Finding;
use crate::settings::Settings;
use crate::words::spent;

const SUBJECT: &str = "otlp";

pub(super) fn look(settings: &Settings, offline: bool, findings: &mut Vec<Finding>) {
    let Some(destinations) = &settings.otlp.destinations else {
        findings.push(Finding::ok(
            SUBJECT,
            "no endpoint is set here: nothing is sent, unless the code of a program names one",
        ));
        return;
    };
    for signal in Signal::ALL {
        findings.push(match destinations.inner().of(signal) {
            None => Finding::ok(SUBJECT, format!("{signal} are not sent")),
            Some(to) if offline => Finding::ok(SUBJECT, format!("{signal} go to {}", told(to))),
            Some(to) => ask(signal, to),
        });
    }
}

/// An empty request, by the client that sends.
fn ask(signal: Signal, to: &Destination) -> Finding {
    let proxies = Proxies::from(&|name| std::env::var(name).ok());
    let answer = probe(to, signal, proxies);
    let (to, took) = (told(to), spent(answer.took));
    if answer.is_taken {
        return Finding::ok(SUBJECT, format!("{signal} are taken by {to}, in {took}"));
    }
    Finding::fail(
        SUBJECT,
        format!("{signal} are not taken by {to}: {} (after {took})", answer.text),
        "mend the endpoint, its headers or its certificates (OTEL_EXPORTER_OTLP_*), or the receiver; \
         until then what is recorded waits on disk",
    )
}

/// `http://collector:4318/v1/logs (http/protobuf, TLS, headers api-key)`
fn told(to: &Destination) -> String {
    let mut words = vec![to.protocol.name().to_owned()];
    if to.endpoint.starts_with("https://") {
        words.push(match (&to.certificate, &to.client_certificate) {
            (None, None) => "TLS with the system's certificates".to_owned(),
            (Some(path), None) => format!("TLS with the certificates in {}", path.display()),
            (None, Some(path)) => format!("TLS, showing {}", path.display()),
            (Some(trusted), Some(own)) => {
                format!("TLS with {}, showing {}", trusted.display(), own.display())
            }
        });
    }
    let names: Vec<&str> = to.headers.iter().map(|(name, _)| name.as_str()).collect();
    if !names.is_empty() {
        words.push(format!("headers {}", names.join(", ")));
    }
    format!("{} ({})", to.shown(), words.join(", "))
}
