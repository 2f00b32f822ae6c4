//! `OTEL_EXPORTER_OTLP_*`: what the specification of the OTLP exporter lets one set.
//!
//! Each variable exists for all signals and, as `OTEL_EXPORTER_OTLP_LOGS_…`, for one; the latter
//! replaces the former whole. An empty value counts as not set.

mod headers;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use crate::endpoint::Url;
use crate::{Compression, Destination, Destinations, Protocol, Signal};

/// The longest `OTEL_EXPORTER_OTLP_TIMEOUT`, in milliseconds: an attempt that hangs holds up what
/// waits behind it.
const TIMEOUT_MS_MAX: u64 = Destination::TIMEOUT_MS_MAX;

/// Something that is set wrongly. No value of a header is in its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Complaint {
    /// The variable.
    pub variable: String,
    /// What is wrong, and what is done instead; begins with the variable.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; fix: {}", self.what, self.fix)
    }
}

/// What the environment says about OTLP, `lookup` being the environment, and what is wrong with it.
///
/// No destinations when no endpoint is set, and none is asked for: telemetry then stays on the disk.
/// `OTEL_LOGS_EXPORTER=otlp` and its like ask for the default endpoint of the specification, which is
/// `http://localhost:4318`, or `http://localhost:4317` for gRPC; any other exporter, `none` among
/// them, keeps the signal from being sent.
///
/// `OTEL_EXPORTER_OTLP_PROTOCOL` is `http/protobuf` by default; `http/json` is not spoken.
/// `_COMPRESSION` is `gzip`, `none` (the default) or, beyond the specification, `zstd`.
/// `RADIOSONDE_STRICT_OTLP=true` sets [`Destinations::strict`]. Files of certificates are looked at, and read
/// when they are needed.
pub fn settings_from(
    lookup: &dyn Fn(&str) -> Option<String>,
) -> (Option<Destinations>, Vec<Complaint>) {
    let mut reader = Reader { lookup, complaints: Vec::new() };
    let mut destinations = Destinations::default();
    for signal in Signal::ALL {
        let destination = reader.destination(signal);
        destinations.set(signal, destination);
    }
    destinations.strict = reader.flag("RADIOSONDE_STRICT_OTLP").unwrap_or_default();
    let found = (!destinations.is_empty()).then_some(destinations);
    (found, reader.complaints)
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    complaints: Vec<Complaint>,
}

/// A variable that is set.
struct Setting {
    name: String,
    value: String,
    /// Whether it is for one signal alone.
    is_own: bool,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    }

    /// The variable of the signal, or else the one of all.
    fn setting(&self, signal: Signal, what: &str) -> Option<Setting> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.variable());
        let general = format!("OTEL_EXPORTER_OTLP_{what}");
        let set = |name: String, is_own| Some(Setting { value: self.text(&name)?, name, is_own });
        set(own, true).or_else(|| set(general, false))
    }

    /// A variable of all signals is complained of once.
    fn complain(&mut self, variable: &str, what: &str, fix: impl Into<String>) {
        let what = format!("{variable} {what}");
        let complaint = Complaint { variable: variable.to_owned(), what, fix: fix.into() };
        if !self.complaints.contains(&complaint) {
            self.complaints.push(complaint);
        }
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.text(name)?;
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => {
                self.complain(
                    name,
                    "is neither true nor false; false is used",
                    format!("set {name}=true or {name}=false"),
                );
                None
            }
        }
    }

    /// Whether OTLP is asked for by name; none when nothing is said about exporters.
    fn asked(&self, signal: Signal) -> Option<bool> {
        let list = self.text(&format!("OTEL_{}_EXPORTER", signal.variable()))?;
        Some(list.split(',').any(|name| name.trim().eq_ignore_ascii_case("otlp")))
    }

    fn destination(&mut self, signal: Signal) -> Option<Destination> {
        let asked = self.asked(signal);
        if asked == Some(false) {
            return None;
        }
        let protocol = self.protocol(signal)?;
        let endpoint = match self.setting(signal, "ENDPOINT") {
            Some(setting) => self.endpoint(signal, protocol, &setting)?,
            None if asked.is_some() => default_endpoint(signal, protocol),
            None => return None,
        };
        let mut destination = Destination::new(endpoint, protocol);
        destination.headers = match self.setting(signal, "HEADERS") {
            Some(setting) => self.headers(&setting),
            None => Vec::new(),
        };
        destination.timeout_ms = self.timeout_ms(signal);
        destination.compression = self.compression(signal);
        self.certificates(signal, &mut destination);
        Some(destination)
    }

    /// The protocol; none when it is one that this build does not have.
    fn protocol(&mut self, signal: Signal) -> Option<Protocol> {
        let Some(setting) = self.setting(signal, "PROTOCOL") else {
            return Some(Protocol::default());
        };
        let name = setting.name.as_str();
        match setting.value.to_ascii_lowercase().as_str() {
            "grpc" if cfg!(not(feature = "grpc")) && cfg!(feature = "http") => {
                self.complain(
                    name,
                    "is grpc, which this program was built without; nothing is sent",
                    "build it with the feature otlp-grpc, or set http/protobuf and the endpoint of it",
                );
                None
            }
            "grpc" => Some(Protocol::Grpc),
            "http/protobuf" => Some(Protocol::Http),
            "http/json" => {
                self.complain(
                    name,
                    "is http/json, which is not spoken; http/protobuf is used",
                    format!("set {name}=http/protobuf: every receiver of OTLP over HTTP has it"),
                );
                Some(Protocol::Http)
            }
            _ => {
                self.complain(
                    name,
                    "is no protocol of OTLP; http/protobuf is used",
                    format!("set {name}=http/protobuf or {name}=grpc"),
                );
                Some(Protocol::Http)
            }
        }
    }

    fn endpoint(&mut self, signal: Signal, protocol: Protocol, from: &Setting) -> Option<String> {
        let name = from.name.as_str();
        let url = match Url::parse(&from.value) {
            Ok(url) => url,
            Err(why) => {
                self.complain(
                    name,
                    &format!("{why}; nothing is sent there"),
                    format!("set {name} to a URL such as {}", default_general(protocol)),
                );
                return None;
            }
        };
        if url.user.is_some() {
            self.complain(
                name,
                "carries a user or a password, which are not sent",
                "send them as OTEL_EXPORTER_OTLP_HEADERS=authorization=Basic%20<base64 of user:password>",
            );
        }
        let scheme = self.scheme(signal, protocol, name, &url)?;
        if protocol == Protocol::Grpc {
            if !matches!(url.path.as_str(), "" | "/") || url.query.is_some() {
                self.complain(
                    name,
                    "has a path, which gRPC has no use for; host and port are used",
                    format!("set {name} to {}", url.origin(scheme)),
                );
            }
            return Some(url.origin(scheme));
        }
        let has_path = |signal: &Signal| url.path.trim_end_matches('/').ends_with(signal.path());
        if let Some(of) = Signal::ALL.into_iter().find(has_path).filter(|_| !from.is_own) {
            let base = url.path.trim_end_matches('/').trim_end_matches(of.path());
            self.complain(
                name,
                &format!(
                    "ends in {}, behind which the paths of all signals are appended",
                    of.path()
                ),
                format!(
                    "set {name} to {}, or OTEL_EXPORTER_OTLP_{}_ENDPOINT to this, whole",
                    url.with_path(scheme, base),
                    of.variable()
                ),
            );
        }
        let path = match (from.is_own, url.path.as_str()) {
            (true, "") => "/".to_owned(),
            (true, path) => path.to_owned(),
            (false, path) => format!("{}{}", path.trim_end_matches('/'), signal.path()),
        };
        Some(url.with_path(scheme, &path))
    }

    fn scheme(
        &mut self,
        signal: Signal,
        protocol: Protocol,
        name: &str,
        url: &Url,
    ) -> Option<&'static str> {
        let insecure = self.setting(signal, "INSECURE");
        match (url.scheme.as_deref(), protocol) {
            (Some("http"), _) => Some("http"),
            (Some("https"), _) => Some("https"),
            (None, Protocol::Grpc) => {
                let is_insecure = insecure.and_then(|setting| self.flag(&setting.name));
                Some(if is_insecure.unwrap_or_default() { "http" } else { "https" })
            }
            (None, Protocol::Http | Protocol::Unknown) => {
                self.complain(
                    name,
                    "has no scheme; nothing is sent there",
                    format!("write http:// or https:// in front of {}", url.authority),
                );
                None
            }
            (Some(_), _) => {
                self.complain(
                    name,
                    "has a scheme that is neither http nor https; nothing is sent there",
                    format!("set {name} to a URL such as {}", default_general(protocol)),
                );
                None
            }
        }
    }

    fn headers(&mut self, from: &Setting) -> Vec<(String, String)> {
        let (headers, wrong) = headers::parse(&from.value);
        for (place, why) in wrong {
            self.complain(
                &from.name,
                &format!("{why}, in its entry {place}; the entry is left out"),
                "write name=value, entries apart by commas, values percent-encoded",
            );
        }
        headers
    }

    fn timeout_ms(&mut self, signal: Signal) -> u64 {
        let Some(setting) = self.setting(signal, "TIMEOUT") else { return Destination::TIMEOUT_MS };
        match setting.value.parse::<u64>() {
            Ok(timeout @ 1..=TIMEOUT_MS_MAX) => timeout,
            Ok(0) | Err(_) => {
                self.complain(
                    &setting.name,
                    &format!(
                        "is no number of milliseconds from 1 to {TIMEOUT_MS_MAX}; {} is used",
                        Destination::TIMEOUT_MS
                    ),
                    format!("set {}={}", setting.name, Destination::TIMEOUT_MS),
                );
                Destination::TIMEOUT_MS
            }
            Ok(_) => {
                self.complain(
                    &setting.name,
                    &format!(
                        "is more than {TIMEOUT_MS_MAX} milliseconds; {TIMEOUT_MS_MAX} is used"
                    ),
                    format!("set {}={TIMEOUT_MS_MAX} or less", setting.name),
                );
                TIMEOUT_MS_MAX
            }
        }
    }

    fn compression(&mut self, signal: Signal) -> Compression {
        let Some(setting) = self.setting(signal, "COMPRESSION") else {
            return Compression::default();
        };
        match setting.value.to_ascii_lowercase().as_str() {
            "gzip" => Compression::Gzip,
            "none" => Compression::None,
            "zstd" => Compression::Zstd,
            _ => {
                self.complain(
                    &setting.name,
                    "is no compression of OTLP; none is used",
                    format!("set {}=gzip or {0}=none", setting.name),
                );
                Compression::None
            }
        }
    }

    fn certificates(&mut self, signal: Signal, destination: &mut Destination) {
        let certificate = self.setting(signal, "CERTIFICATE");
        let client_certificate = self.setting(signal, "CLIENT_CERTIFICATE");
        let client_key = self.setting(signal, "CLIENT_KEY");
        if destination.endpoint.starts_with("http:") {
            for setting in [certificate, client_certificate, client_key].into_iter().flatten() {
                self.complain(
                    &setting.name,
                    "is not used: the endpoint is http, without TLS",
                    format!("set an endpoint of https, or unset {}", setting.name),
                );
            }
            return;
        }
        let alone = match (&client_certificate, &client_key) {
            (Some(alone), None) => Some((alone, "CLIENT_KEY")),
            (None, Some(alone)) => Some((alone, "CLIENT_CERTIFICATE")),
            _ => None,
        };
        if let Some((alone, missing)) = alone {
            self.complain(
                &alone.name,
                &format!("is set without OTEL_EXPORTER_OTLP_{missing}; no certificate is shown"),
                format!("set OTEL_EXPORTER_OTLP_{missing} as well"),
            );
        }
        let is_whole = alone.is_none();
        destination.certificate = self.file(certificate);
        let client_certificate = self.file(client_certificate.filter(|_| is_whole));
        let client_key = self.file(client_key.filter(|_| is_whole));
        if let Some((certificate, key)) = client_certificate.zip(client_key) {
            destination.client_certificate = Some(certificate);
            destination.client_key = Some(key);
        }
    }

    /// A file that is read at each connection. Whether it can be is known now. The value is not quoted: some
    /// set the key itself.
    fn file(&mut self, setting: Option<Setting>) -> Option<PathBuf> {
        let Setting { name, value, .. } = setting?;
        let fix = format!("set {name} to the path of a file of PEM that this user may read");
        if value.contains("-----BEGIN") || value.contains(char::is_control) {
            self.complain(&name, "is no path of a file, and is not used", fix);
            return None;
        }
        let path = PathBuf::from(value);
        // What is no file, such as a pipe, might never open.
        let read = path.metadata().and_then(|found| match found.is_file() {
            true => File::open(&path).map(drop),
            false => Err(io::Error::other("it is no file")),
        });
        if let Err(error) = read {
            let what =
                format!("names a file that cannot be read: {error}; until it can be, all waits");
            self.complain(&name, &what, fix);
        }
        Some(path)
    }
}

fn default_general(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Grpc => "http://localhost:4317",
        Protocol::Http | Protocol::Unknown => "http://localhost:4318",
    }
}

fn default_endpoint(signal: Signal, protocol: Protocol) -> String {
    match protocol {
        Protocol::Grpc => default_general(protocol).to_owned(),
        Protocol::Http | Protocol::Unknown => {
            format!("{}{}", default_general(protocol), signal.path())
        }
    }
}
