//! What fuzz targets and property tests call. Not for users, and without any promise.

use radiosonde_events::{Owner, Redactions};
use radiosonde_record::{Descriptor, Record};

use crate::records::{Encoder, Unexported};
#[cfg(feature = "grpc")]
pub use crate::sender::fuzzing::{Said, grpc_answer, http_answer, manifest, payloads, settings};
use crate::streams::Stream;

/// Encodes records as one owner's.
#[derive(Debug)]
pub struct Encoding(Encoder);

impl Encoding {
    /// Entries of this owner; `instance` begins the ids of their records.
    pub fn new(owner: &Owner, instance: &str, redactions: Redactions) -> Self {
        Self::make(owner, instance, redactions, false)
    }

    /// The same, of records that were read from files.
    pub fn of_dead_process(owner: &Owner, instance: &str, redactions: Redactions) -> Self {
        Self::make(owner, instance, redactions, true)
    }

    fn make(owner: &Owner, instance: &str, redactions: Redactions, is_dead: bool) -> Self {
        let (rules, machine_id) = (owner.redact.clone(), owner.machine_id.as_deref());
        Self(Encoder::new(rules, redactions, machine_id, instance, is_dead))
    }

    /// Puts the entry of a record in the place of `out`. The stream it waits in, if it is exported.
    pub fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Descriptor,
        ring: u32,
        out: &mut Vec<u8>,
    ) -> Option<Stream> {
        out.clear();
        let stream = self.0.encode(record, site, ring, true)?;
        self.0.append(out);
        Some(stream)
    }

    /// What could not be encoded.
    pub fn unexported(&self) -> &Unexported {
        self.0.unexported()
    }
}
