//! Which spans are open, by their ids: a context of the OpenTelemetry API tells no more of its span.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use radiosonde_context::{SpanId, is_forked_child};
use radiosonde_tracing::{SpanNumber, Spans};

use crate::baggage::Ids;

/// An open span.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) spans: Spans,
    pub(crate) number: SpanNumber,
    /// The ids in the baggage it began with, which those of its attributes stand over.
    pub(crate) given: Option<Arc<Ids>>,
}

type Opens = HashMap<u64, Open, BuildHasherDefault<Random>>;

/// Locks, so that threads at work seldom meet at one.
const SHARDS: usize = 16;

/// As many as spans are open, which their store bounds.
static OPEN: [Mutex<Opens>; SHARDS] =
    [const { Mutex::new(HashMap::with_hasher(BuildHasherDefault::new())) }; SHARDS];

pub(crate) fn insert(span: SpanId, open: Open) {
    if let Some((mut shard, id)) = shard(span) {
        let _none = shard.insert(id, open);
    }
}

pub(crate) fn remove(span: SpanId) {
    // What it held goes after the lock does.
    let _removed = shard(span).and_then(|(mut shard, id)| shard.remove(&id));
}

pub(crate) fn find(span: SpanId) -> Option<Open> {
    let (shard, id) = shard(span)?;
    shard.get(&id).cloned()
}

/// Nothing in a forked child: threads it has not got may have held the lock.
fn shard(span: SpanId) -> Option<(MutexGuard<'static, Opens>, u64)> {
    let id = u64::from_be_bytes(span.to_bytes());
    let shard = OPEN.get(id as usize % SHARDS).filter(|_| !is_forked_child())?;
    Some((shard.lock().unwrap_or_else(PoisonError::into_inner), id))
}

/// Ids of ours are random already.
#[derive(Default)]
struct Random(u64);

impl Hasher for Random {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}
