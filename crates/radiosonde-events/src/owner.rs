//! Who wrote a record: what is the same for all lines of a process.

use std::io;

use radiosonde_redact::Rules;
use serde::{Deserialize, Serialize};

/// The owner of a slot, as it stands in `owner.json` beside the rings, so that whoever recovers
/// them writes the same lines and applies the same redaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Owner {
    /// `service` of the lines.
    pub service: String,
    /// Version of the service.
    pub version: String,
    /// `machine_id` of the lines.
    pub machine_id: Option<String>,
    /// Process id, for people.
    pub pid: u32,
    /// Redaction rules.
    pub redact: Rules,
}

impl Owner {
    /// This process.
    pub fn new(service: &str, version: &str, machine_id: Option<&str>, redact: Rules) -> Self {
        Self {
            service: service.to_owned(),
            version: version.to_owned(),
            machine_id: machine_id.map(str::to_owned),
            pid: std::process::id(),
            redact,
        }
    }

    /// The contents of `owner.json`.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and the rules: nothing here can fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads `owner.json`. An empty object is an unknown owner with the standard rules.
    ///
    /// # Errors
    /// `InvalidData` for a damaged one, or rules of another version: records must not be recovered
    /// with fewer rules than their owner had.
    pub fn from_json(bytes: &[u8]) -> io::Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            let what = format!(
                "owner.json cannot be used ({error}), so the redaction rules are not known; repair \
                 it, or write {{}} into it to recover with the standard rules"
            );
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }
}

impl Default for Owner {
    fn default() -> Self {
        Self {
            service: "unknown".to_owned(),
            version: String::new(),
            machine_id: None,
            pid: 0,
            redact: Rules::standard(),
        }
    }
}
