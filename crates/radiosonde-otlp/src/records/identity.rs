//! What every item of an owner says of where it comes from.

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

/// Sets of ids whose attributes are kept: threads at work take turns.
const KEPT: usize = 16;

/// Who recorded.
#[derive(Debug)]
pub(super) struct Identity {
    machine_id: Option<String>,
    instance: String,
    kept: Box<[Kept; KEPT]>,
    /// A name with [`FIELDS`] before it.
    buffer: String,
    uid: Uid,
}

/// The id of a record while it is written.
#[derive(Debug, Default)]
struct Uid {
    text: String,
    /// How long it is up to the number of the record, and for records of which ring.
    of_ring: Option<(u32, usize)>,
}

/// The attributes of a context, encoded. Job, worker and session stay what they are for many records.
#[derive(Debug, Default)]
struct Kept {
    /// As a field of this number; 0 for none yet.
    field: u32,
    ids: [Option<String>; 3],
    attributes: Writer,
}

impl Kept {
    fn is_of(&self, field: u32, ids: [Option<&str>; 3]) -> bool {
        let same = |(own, id): (&Option<String>, Option<&str>)| own.as_deref() == id;
        self.field == field && self.ids.iter().zip(ids).all(same)
    }
}

impl Identity {
    pub(super) fn new(machine_id: Option<&str>, instance: &str) -> Self {
        let (machine_id, instance) = (machine_id.map(str::to_owned), instance.to_owned());
        let (kept, buffer, uid) = Default::default();
        Self { machine_id, instance, kept, buffer, uid }
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
    #[inline]
    pub(super) fn write(&mut self, out: &mut Writer, field: u32, context: &Unpacked<'_>) {
        let ids = [context.job_id, context.worker_id, context.session_id];
        let kept = &mut self.kept[place(field, ids)];
        if !kept.is_of(field, ids) {
            fill(kept, field, ids, self.machine_id.as_deref());
        }
        out.fields(kept.attributes.as_bytes());
    }

    /// The id of a record, as its line has it.
    pub(super) fn uid(&mut self, ring: u32, sequence: u64) -> &str {
        let mut digits = itoa::Buffer::new();
        let Uid { text, of_ring } = &mut self.uid;
        match of_ring {
            // Many of one ring come one after another.
            Some((of, length)) if *of == ring => text.truncate(*length),
            _ => {
                text.clear();
                text.extend([&self.instance, ".", digits.format(ring), "."]);
                *of_ring = Some((ring, text.len()));
            }
        }
        text.push_str(digits.format(sequence));
        text
    }
}

/// Encodes the attributes of a set of ids.
#[inline(never)]
fn fill(kept: &mut Kept, field: u32, ids: [Option<&str>; 3], machine_id: Option<&str>) {
    let [job, worker, session] = ids;
    kept.field = field;
    kept.ids = ids.map(|id| id.map(str::to_owned));
    kept.attributes.clear();
    let named =
        [(JOB_ID, job), (MACHINE_ID, machine_id), (WORKER_ID, worker), (SESSION_ID, session)];
    for (key, id) in named {
        if let Some(id) = id {
            text_attribute(&mut kept.attributes, field, key, id);
        }
    }
}

/// Where the attributes of these ids are kept. Ids that are counted up differ at their ends.
#[inline]
fn place(field: u32, ids: [Option<&str>; 3]) -> usize {
    let end =
        |id: Option<&str>| id.and_then(|id| id.as_bytes().last()).copied().unwrap_or_default();
    let [job, worker, session] = ids.map(end).map(usize::from);
    (job + 3 * worker + 5 * session + field as usize) % KEPT
}
