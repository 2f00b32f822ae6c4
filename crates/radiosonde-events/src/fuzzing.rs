//! What fuzz targets and property tests call. Not for users, and without any promise.

use radiosonde_record::{Descriptor, Lines, Record};

use crate::encode::Encoder;
use crate::owner::Owner;
use crate::redactions::Redactions;

/// A JSON string, quotes included.
pub fn json_string(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    crate::json::string(&mut out, text);
    out
}

/// Encodes records as one owner's.
#[derive(Debug)]
pub struct Encoding(Encoder);

impl Encoding {
    /// Lines of this owner; `instance` begins their ids.
    pub fn new(owner: Owner, instance: &str) -> Self {
        Self(Encoder::new(owner, instance, Redactions::default()))
    }

    /// The same, of records that were read from files.
    pub fn of_dead_process(owner: Owner, instance: &str) -> Self {
        Self::counting_of_dead_process(owner, instance, Redactions::default())
    }

    /// Lines of this owner, in which what is redacted is counted.
    pub fn counting(owner: Owner, instance: &str, redactions: Redactions) -> Self {
        Self(Encoder::new(owner, instance, redactions))
    }

    /// The same, of records that were read from files.
    pub fn counting_of_dead_process(owner: Owner, instance: &str, redactions: Redactions) -> Self {
        Self(Encoder::new(owner, instance, redactions).checking_json())
    }

    /// Appends the line of a record.
    pub fn append(&mut self, record: &Record<'_>, site: &Descriptor, ring: u32, out: &mut Lines) {
        self.0.encode(record, site, ring, out);
    }
}
