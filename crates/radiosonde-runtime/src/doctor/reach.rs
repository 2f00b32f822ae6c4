//! Whether the destinations of OTLP answer.

use std::time::Duration;

use radiosonde_otlp::{Destination, Protocol, Proxies, Signal, probe};

use super::Finding;
use crate::settings::Settings;
use crate::words::{base, listed, spent};

const SUBJECT: &str = "otlp";

/// Signals that go to one receiver, and how it is about them.
struct Way {
    signals: Vec<&'static str>,
    to: String,
    answer: Answer,
    took: Duration,
}

#[derive(PartialEq)]
enum Answer {
    NotAsked,
    Taken,
    Refused(String),
}

pub(super) fn look(settings: &Settings, offline: bool, findings: &mut Vec<Finding>) {
    let Some(destinations) = &settings.otlp.destinations else {
        findings.push(Finding::ok(
            SUBJECT,
            "no endpoint is set here: nothing is sent, unless the code of a program names one",
        ));
        return;
    };
    let mut unsent = Vec::new();
    let mut ways: Vec<Way> = Vec::new();
    for signal in Signal::ALL {
        let Some(to) = destinations.inner().of(signal) else {
            unsent.push(signal.name());
            continue;
        };
        let (answer, took) =
            if offline { (Answer::NotAsked, Duration::ZERO) } else { ask(signal, to) };
        let to = told(signal, to);
        // One cause is one finding.
        match ways.iter_mut().find(|way| (&way.to, &way.answer) == (&to, &answer)) {
            Some(way) => {
                way.signals.push(signal.name());
                way.took = way.took.max(took);
            }
            None => ways.push(Way { signals: vec![signal.name()], to, answer, took }),
        }
    }
    findings.extend(ways.into_iter().map(Way::finding));
    if !unsent.is_empty() {
        findings.push(Finding::ok(SUBJECT, format!("{} are not sent", listed(&unsent))));
    }
}

/// An empty request, by the client that sends.
fn ask(signal: Signal, to: &Destination) -> (Answer, Duration) {
    let proxies = Proxies::from(&|name| std::env::var(name).ok());
    let answer = probe(to, signal, proxies);
    (if answer.is_taken { Answer::Taken } else { Answer::Refused(answer.text) }, answer.took)
}

impl Way {
    fn finding(self) -> Finding {
        let (signals, to, took) = (listed(&self.signals), self.to, spent(self.took));
        match self.answer {
            Answer::NotAsked => Finding::ok(SUBJECT, format!("{signals} go to {to}")),
            Answer::Taken => {
                Finding::ok(SUBJECT, format!("{signals} are taken by {to}, in {took}"))
            }
            Answer::Refused(text) => Finding::fail(
                SUBJECT,
                format!("{signals} are not taken by {to}: {text} (after {took})"),
                "mend the endpoint, its headers or its certificates (OTEL_EXPORTER_OTLP_*), or the \
                 receiver; until then what is recorded waits on disk",
            ),
        }
    }
}

/// `http://collector:4318 (http/protobuf, TLS, headers api-key)`
fn told(signal: Signal, to: &Destination) -> String {
    let mut words = vec![to.protocol.name().to_owned()];
    if to.protocol == Protocol::Grpc {
        // This command speaks both; whether the program does is not known here.
        words.push("for which a program needs the feature otlp-grpc".to_owned());
    }
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
    format!("{} ({})", base(&to.shown(), signal.name()), words.join(", "))
}
