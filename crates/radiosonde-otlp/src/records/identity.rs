//! What every item of an owner says of where it comes from.

use std::fmt::Write as _;

use radiosonde_context::packed::Unpacked;

use crate::value::text_attribute;
use crate::wire::Writer;

/// Attributes that say where a record comes from, which belong to all of them. A field of such a name
/// goes by [`FIELDS`] and its name.
pub(super) const SOURCE: &str = "source";
pub(super) const UID: &str = "log.record.uid";
const JOB_ID: &str = "job_id";
const MACHINE_ID: &str = "machine_id";
const WORKER_ID: &str = "worker_id";
const SESSION_ID: &str = "session_id";

/// What stands before the name of a field whose own name is taken: as in lines, where the fields of an
/// event are in `meta`.
pub(super) const FIELDS: &str = "meta.";

/// Who recorded.
#[derive(Debug)]
pub(super) struct Identity {
    machine_id: Option<String>,
    instance: String,
    /// The id of a record while it is written, and a name with [`FIELDS`] before it.
    buffer: String,
}

impl Identity {
    pub(super) fn new(machine_id: Option<&str>, instance: &str) -> Self {
        let machine_id = machine_id.map(str::to_owned);
        Self { machine_id, instance: instance.to_owned(), buffer: String::new() }
    }

    /// Whether an attribute of this name comes from here.
    #[inline]
    pub(super) fn has(&self, context: &Unpacked<'_>, key: &str) -> bool {
        match key {
            SOURCE | UID => true,
            JOB_ID => context.job_id.is_some(),
            MACHINE_ID => self.machine_id.is_some(),
            WORKER_ID => context.worker_id.is_some(),
            SESSION_ID => context.session_id.is_some(),
            _ => false,
        }
    }

    /// The name a field goes by whose own is taken.
    pub(super) fn of_field(&mut self, key: &str) -> &str {
        self.buffer.clear();
        self.buffer.push_str(FIELDS);
        self.buffer.push_str(key);
        &self.buffer
    }

    /// Appends the attributes of a context.
    pub(super) fn write(&self, out: &mut Writer, field: u32, context: &Unpacked<'_>) {
        let machine_id = self.machine_id.as_deref();
        let ids = [
            (JOB_ID, context.job_id),
            (MACHINE_ID, machine_id),
            (WORKER_ID, context.worker_id),
            (SESSION_ID, context.session_id),
        ];
        for (key, id) in ids {
            if let Some(id) = id {
                text_attribute(out, field, key, id);
            }
        }
    }

    /// The id of a record, as its line has it.
    pub(super) fn uid(&mut self, ring: u32, sequence: u64) -> &str {
        self.buffer.clear();
        // Writing to a string does not fail.
        let _ = write!(self.buffer, "{}.{ring}.{sequence}", self.instance);
        &self.buffer
    }
}
