//! What a spool knows about itself: whose it is, and where it goes.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::Destinations;

/// Written beside the spool before its first append, so that whoever adopts it sends it where its
/// owner would have. It holds the headers, secrets among them: its file is the user's alone (0600),
/// and `Debug` shows no value of a header.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Version of this form; one that is newer is read as far as it is understood.
    pub version: u32,
    /// The name of the service.
    pub service: String,
    /// The instance that wrote the spool.
    pub instance: String,
    /// Where each signal goes.
    pub destinations: Destinations,
    /// The message `Resource`, encoded.
    #[serde(with = "hexadecimal")]
    pub resource: Vec<u8>,
}

impl Manifest {
    /// The version that this code writes.
    pub const VERSION: u32 = 1;

    /// One of this version.
    pub fn new(
        service: impl Into<String>,
        instance: impl Into<String>,
        destinations: Destinations,
        resource: Vec<u8>,
    ) -> Self {
        Self {
            version: Self::VERSION,
            service: service.into(),
            instance: instance.into(),
            destinations,
            resource,
        }
    }

    /// As the spool keeps it.
    ///
    /// # Errors
    ///
    /// When a path of a certificate is not UTF-8.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(io::Error::from)
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// When the bytes are no manifest; the message quotes none of them.
    pub fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            // The text of the error could quote a secret; place and kind cannot.
            let what = format!(
                "is no manifest of a spool ({:?} at line {} column {})",
                error.classify(),
                error.line(),
                error.column()
            );
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest")
            .field("version", &self.version)
            .field("service", &self.service)
            .field("instance", &self.instance)
            .field("destinations", &self.destinations)
            .field("resource_bytes", &self.resource.len())
            .finish()
    }
}

/// Bytes as hexadecimal digits.
mod hexadecimal {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let text: String =
            digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect();
        to.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let digit =
            |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes.ok_or_else(|| D::Error::custom("not hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compression, Destination, Protocol, Signal};

    fn manifest() -> Manifest {
        let mut destination = Destination::new("http://127.0.0.1:4318/v1/logs", Protocol::Http);
        destination.headers.push(("api-key".to_owned(), "hunter2".to_owned()));
        let mut destinations = Destinations::default();
        destinations.set(Signal::Logs, Some(destination));
        Manifest::new("shop", "0a1b", destinations, vec![0, 1, 0x7f, 0xff])
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let bytes = manifest().to_bytes().unwrap();
        assert_eq!(Manifest::from_bytes(&bytes).unwrap(), manifest());
        assert!(!format!("{:?}", manifest()).contains("hunter2"));
    }

    #[test]
    fn a_field_of_a_later_version_does_not_keep_a_manifest_from_being_read() {
        let mut value: serde_json::Value =
            serde_json::from_slice(&manifest().to_bytes().unwrap()).unwrap();
        value["version"] = 2.into();
        value["destinations"]["profiles"] = "later".into();
        let read = Manifest::from_bytes(&serde_json::to_vec(&value).unwrap()).unwrap();
        assert_eq!((read.version, read.destinations), (2, manifest().destinations));
    }

    #[test]
    fn what_a_later_version_may_write_is_read_as_far_as_it_is_understood() {
        let mut value: serde_json::Value =
            serde_json::from_slice(&manifest().to_bytes().unwrap()).unwrap();
        value["destinations"]["logs"]["compression"] = "snappy".into();
        value["destinations"]["logs"]["timeout_ms"] = u64::MAX.into();
        value["destinations"]["traces"] = value["destinations"]["logs"].clone();
        value["destinations"]["traces"]["protocol"] = "quic".into();
        value["destinations"]["traces"]["compression"] = serde_json::Value::Null;
        let read = Manifest::from_bytes(&serde_json::to_vec(&value).unwrap()).unwrap();
        let traces = read.destinations.of(Signal::Traces).unwrap();
        assert_eq!((traces.protocol, traces.compression), (Protocol::Unknown, Compression::None));
        assert_eq!(Manifest::from_bytes(&read.to_bytes().unwrap()).unwrap(), read);
        let logs = read.destinations.of(Signal::Logs).unwrap();
        assert_eq!((logs.protocol, logs.compression), (Protocol::Http, Compression::None));
        assert!(std::time::Instant::now().checked_add(logs.timeout()).is_some());
        let few = br#"{"endpoint":"http://h/v1/logs","protocol":"http/protobuf"}"#;
        value["destinations"]["logs"] = serde_json::from_slice(few).unwrap();
        let read = Manifest::from_bytes(&serde_json::to_vec(&value).unwrap()).unwrap();
        let expected = Destination::new("http://h/v1/logs", Protocol::Http);
        assert_eq!(read.destinations.of(Signal::Logs), Some(&expected));
        value["destinations"]["logs"] = serde_json::json!({});
        let read = Manifest::from_bytes(&serde_json::to_vec(&value).unwrap()).unwrap();
        assert_eq!(read.destinations.of(Signal::Logs), Some(&Destination::new("", Protocol::Http)));
    }

    #[test]
    fn what_is_no_manifest_is_an_error_that_quotes_nothing() {
        let whole = manifest().to_bytes().unwrap();
        for length in 0..whole.len() {
            assert!(Manifest::from_bytes(&whole[..length]).is_err(), "{length}");
        }
        let text = String::from_utf8(whole).unwrap();
        for (from, to) in
            [("\"hunter2\"", "[\"hunter2\"]"), ("00017fff", "00017ff"), ("00017fff", "0001zzff")]
        {
            let error = Manifest::from_bytes(text.replace(from, to).as_bytes()).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
