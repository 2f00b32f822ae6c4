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
    /// Process id, for people: whether the process lives, its lock says.
    pub pid: u32,
    /// The boot of the machine it runs in, where the system tells (Linux does).
    pub boot_id: Option<String>,
    /// Redaction rules.
    pub redact: Rules,
    /// Whether its records go to a spool as well: then they are recovered by a program that has one,
    /// and left alone by others. Default: `false`.
    pub exports: bool,
    /// Which kinds of records have lines in day files, by their number. Default: all. See
    /// [`DaySink::lines_of`](crate::DaySink::lines_of).
    pub lines: [bool; 3],
}

impl Owner {
    /// This process.
    pub fn new(service: &str, version: &str, machine_id: Option<&str>, redact: Rules) -> Self {
        Self {
            service: service.to_owned(),
            version: version.to_owned(),
            machine_id: machine_id.map(str::to_owned),
            pid: std::process::id(),
            boot_id: boot_id(),
            redact,
            exports: false,
            lines: [true; 3],
        }
    }

    /// Whether the machine is known to have been restarted since: then a power cut may have been
    /// the end of this owner.
    pub fn is_of_another_boot(&self) -> bool {
        self.boot_id.is_some() && boot_id().is_some_and(|now| self.boot_id != Some(now))
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
            boot_id: None,
            redact: Rules::standard(),
            exports: false,
            lines: [true; 3],
        }
    }
}

fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}
