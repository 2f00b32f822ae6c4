//! Where telemetry goes, and how it gets there.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Signal;
use crate::endpoint::Url;

/// The destinations of the three signals; a signal without one is not exported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Destinations {
    /// Of logs and business events.
    pub logs: Option<Destination>,
    /// Of metrics.
    pub metrics: Option<Destination>,
    /// Of spans.
    pub traces: Option<Destination>,
    /// Whether what a collector refuses is dropped at once, as the letter of the specification says:
    /// `RADIOSONDE_STRICT_OTLP`. Default: no, it is held, or searched for what is wrong with it.
    pub strict: bool,
}

impl Destinations {
    /// That of a signal.
    pub fn of(&self, signal: Signal) -> Option<&Destination> {
        match signal {
            Signal::Logs => self.logs.as_ref(),
            Signal::Metrics => self.metrics.as_ref(),
            Signal::Traces => self.traces.as_ref(),
        }
    }

    /// Sets that of a signal.
    pub fn set(&mut self, signal: Signal, destination: Option<Destination>) {
        match signal {
            Signal::Logs => self.logs = destination,
            Signal::Metrics => self.metrics = destination,
            Signal::Traces => self.traces = destination,
        }
    }

    /// Whether no signal has one.
    pub fn is_empty(&self) -> bool {
        Signal::ALL.into_iter().all(|signal| self.of(signal).is_none())
    }
}

/// Where one signal goes. Its `Debug` shows neither the values of headers nor the query of the
/// endpoint: both carry secrets.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Destination {
    /// The URL that requests go to, whole: `http://127.0.0.1:4318/v1/logs`. Over gRPC without path.
    #[serde(default)]
    pub endpoint: String,
    /// Default: [`Protocol::Http`].
    #[serde(default, deserialize_with = "known_protocol")]
    pub protocol: Protocol,
    /// Sent with each request; names are lowercase.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// How long one attempt may take, connecting included, in milliseconds. Default: 10,000.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Default: [`Compression::None`]; also for one that only a later version knows.
    #[serde(default, deserialize_with = "known_compression")]
    pub compression: Compression,
    /// PEM file of the certificates that are trusted instead of the system's.
    pub certificate: Option<PathBuf>,
    /// PEM file of the certificate that this program shows, with its chain.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the private key to it.
    pub client_key: Option<PathBuf>,
}

impl Destination {
    /// The default of `OTEL_EXPORTER_OTLP_TIMEOUT`, in milliseconds.
    pub const TIMEOUT_MS: u64 = 10_000;
    /// How long an attempt may take at most, whatever is set: five minutes, in milliseconds.
    pub(crate) const TIMEOUT_MS_MAX: u64 = 300_000;

    /// One with the defaults. The endpoint is taken as it is; [`settings_from`](crate::settings_from)
    /// is what checks one.
    pub fn new(endpoint: impl Into<String>, protocol: Protocol) -> Self {
        Self {
            endpoint: endpoint.into(),
            protocol,
            headers: Vec::new(),
            timeout_ms: Self::TIMEOUT_MS,
            compression: Compression::default(),
            certificate: None,
            client_certificate: None,
            client_key: None,
        }
    }

    /// How long one attempt may take: five minutes at most.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.min(Self::TIMEOUT_MS_MAX))
    }

    /// The segments of the path that look like tokens.
    #[cfg(feature = "http")]
    pub(crate) fn tokens(&self) -> Vec<String> {
        let path = Url::parse(&self.endpoint).map(|url| url.path).unwrap_or_default();
        path.split('/').filter(|segment| is_token(segment)).map(str::to_owned).collect()
    }

    /// The endpoint for people: without user, password and query, and with `…` for what looks like a token
    /// in its path: a segment of 16 or more bytes with both letters and digits, as some vendors have it.
    pub fn shown(&self) -> String {
        match Url::parse(&self.endpoint) {
            Ok(Url { scheme: Some(scheme), authority, path, .. }) => {
                let shown = |segment| if is_token(segment) { "…" } else { segment };
                let path: Vec<&str> = path.split('/').map(shown).collect();
                format!("{scheme}://{authority}{}", path.join("/"))
            }
            _ => "an endpoint that is no URL".to_owned(),
        }
    }
}

/// Shorter segments of a path are no tokens.
const TOKEN_MIN: usize = 16;

/// Whether a segment of a path looks like a secret.
fn is_token(segment: &str) -> bool {
    let has = |is_it: fn(&u8) -> bool| segment.as_bytes().iter().any(is_it);
    segment.len() >= TOKEN_MIN && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Destination")
            .field("endpoint", &self.shown())
            .field("protocol", &self.protocol)
            .field("headers", &names)
            .field("timeout_ms", &self.timeout_ms)
            .field("compression", &self.compression)
            .field("certificate", &self.certificate)
            .field("client_certificate", &self.client_certificate)
            .field("client_key", &self.client_key)
            .finish()
    }
}

fn timeout_ms() -> u64 {
    Destination::TIMEOUT_MS
}

/// Whatever stands there, it is no reason not to read the rest.
fn known_compression<'de, D: Deserializer<'de>>(from: D) -> Result<Compression, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(Compression::deserialize(value).unwrap_or_default())
}

/// As [`known_compression`]; what is sent in another way than that which was meant, nobody may take.
fn known_protocol<'de, D: Deserializer<'de>>(from: D) -> Result<Protocol, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(Protocol::deserialize(value).unwrap_or(Protocol::Unknown))
}

/// How requests travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC over HTTP/2.
    #[serde(rename = "grpc")]
    Grpc,
    /// Protobuf over HTTP/1.1.
    #[default]
    #[serde(rename = "http/protobuf")]
    Http,
    /// One that only another version of radiosonde knows, in a manifest that it wrote: what would go that
    /// way is held, and told.
    #[serde(rename = "unknown")]
    Unknown,
}

impl Protocol {
    /// As `OTEL_EXPORTER_OTLP_PROTOCOL` has it; or `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http/protobuf",
            Self::Unknown => "unknown",
        }
    }
}

/// How requests are made smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Compression {
    /// gzip.
    Gzip,
    /// Not at all.
    #[default]
    None,
    /// zstd: an extension of ours, which not every collector understands.
    Zstd,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_the_path_is_not_shown() {
        for (path, shown) in [
            ("/v1/logs", "/v1/logs"),
            ("/api/otlp-http-receiver/v1/logs", "/api/otlp-http-receiver/v1/logs"),
            ("/1234567890123456/v1/logs", "/1234567890123456/v1/logs"),
            ("/receiver/v1/otlp/ZaVnC4dhaV39Tn37XX==/v1/logs", "/receiver/v1/otlp/…/v1/logs"),
            ("/v1/traces/0123456789abcdef", "/v1/traces/…"),
            ("/b5c3a0e2-1f4d-4f7e-9a55-0c6a8d1f2b3c/", "/…/"),
        ] {
            let destination = Destination::new(format!("https://h:1{path}"), Protocol::Http);
            assert_eq!(destination.shown(), format!("https://h:1{shown}"));
            let text = format!("{destination:?}");
            assert_eq!(text.contains(path), path == shown, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut destination =
            Destination::new("https://user:hunter1@h:1/v1/logs?key=hunter2", Protocol::Http);
        destination.headers.push(("authorization".to_owned(), "Bearer hunter3".to_owned()));
        let mut destinations = Destinations::default();
        destinations.set(Signal::Logs, Some(destination));
        let text = format!("{destinations:?}");
        assert!(!text.contains("hunter"), "{text}");
        assert!(text.contains("https://h:1/v1/logs") && text.contains("authorization"), "{text}");
    }
}
