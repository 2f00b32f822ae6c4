//! Records on their way to a spool, beside their lines.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use radiosonde_events::{Owner, Redactions};
use radiosonde_record::{
    Batch, Builder, Descriptor, Exports, Interrupted, Kind, Record, Sink, Unsynced,
};
use radiosonde_spool::{Frame, Spool};

use crate::destination::Destinations;
use crate::entry::Packer;
use crate::records::{Encoder, Reason, Unexported};
use crate::signal::Signal;
use crate::streams::Stream;

/// Exports records besides what another sink does with them.
///
/// Each record is encoded for its day file, as before, and for the spool; both stand in the same stage,
/// and reach file and spool exactly once. Log lines, business events, spans and the points of other SDKs
/// are exported. Metrics of this process are not: their snapshots are, by
/// [`SnapshotEncoder`](crate::SnapshotEncoder).
///
/// Values are redacted by the same rules as lines. What is taken out is counted once: with the line of
/// kinds that have lines ([`Owner::lines`]) or are shown on a console, otherwise here. A callback of the
/// user is asked for line and export, and should say the same both times.
pub struct OtlpSink<S> {
    inner: S,
    encoder: Encoder,
    packer: Packer,
    spool: Spool,
    /// Of which kinds nobody else counts what is redacted.
    counts: [bool; 3],
    /// Which kinds are exported.
    is_sent: [bool; 3],
    unsynced: Unsynced,
}

impl<S: Sink> OtlpSink<S> {
    /// A sink for the records of `owner`, whose id is `instance`: what `inner` does, and their entries
    /// in `spool`, whose streams are [`Stream::ALL`]. `redactions` counts what no line counts.
    pub fn new(
        inner: S,
        owner: &Owner,
        instance: &str,
        redactions: Redactions,
        spool: Spool,
    ) -> Self {
        Self::make(inner, owner, instance, redactions, spool, false)
    }

    /// A sink for what a dead process has left, whose remains are in the directory `instance`: as it
    /// would have done itself, with its own rules and under its own name, into the spool it left.
    /// Nothing in its records is taken for JSON without a look.
    pub fn of_dead_process(
        inner: S,
        owner: &Owner,
        instance: &Path,
        redactions: Redactions,
        spool: Spool,
    ) -> Self {
        let id = instance.file_name().unwrap_or_default().to_string_lossy();
        Self::make(inner, owner, &id, redactions, spool, true)
    }

    fn make(
        inner: S,
        owner: &Owner,
        instance: &str,
        redactions: Redactions,
        spool: Spool,
        is_dead: bool,
    ) -> Self {
        let (rules, machine_id) = (owner.redact.clone(), owner.machine_id.as_deref());
        let encoder = Encoder::new(rules, redactions, machine_id, instance, is_dead);
        let counts = owner.lines.map(|has_lines| !has_lines);
        Self {
            inner,
            encoder,
            packer: Packer::default(),
            spool,
            counts,
            is_sent: [true; 3],
            unsynced: Unsynced::default(),
        }
    }

    /// Exports only what has a destination. Default: everything.
    #[must_use]
    pub fn sending(mut self, destinations: &Destinations) -> Self {
        self.is_sent = Kind::ALL.map(|kind| destinations.of(signal(kind)).is_some());
        self
    }

    /// `inner` shows events on a console: what is redacted in them is counted there, whether they have
    /// lines or not.
    #[must_use]
    pub fn beside_console(mut self) -> Self {
        self.counts[Kind::Event as usize] = false;
        self
    }

    /// Wakes whoever syncs what is in `unsynced` at once, when a batch has come into the spool.
    #[must_use]
    pub fn waking(mut self, unsynced: Unsynced) -> Self {
        self.unsynced = unsynced;
        self
    }

    /// How many records could not be exported.
    pub fn unexported(&self) -> Unexported {
        self.encoder.unexported().clone()
    }
}

impl<S: Sink> Sink for OtlpSink<S> {
    fn begin(&mut self, now: SystemTime) {
        self.inner.begin(now);
    }

    fn file(&self, kind: Kind) -> &str {
        self.inner.file(kind)
    }

    fn encode(
        &mut self,
        record: &Record<'_>,
        site: &Arc<Descriptor>,
        ring: u32,
        batch: &mut Batch,
    ) {
        self.inner.encode(record, site, ring, batch);
        if !self.is_sent[record.kind as usize] {
            return;
        }
        let counts = self.counts[record.kind as usize];
        if let Some(stream) = self.encoder.encode(record, site, ring, counts) {
            batch.export(stream as u8, |entry| self.encoder.append(entry));
        }
    }

    fn interrupted(&self, span: &Interrupted, record: &mut Builder<'_>) -> bool {
        self.inner.interrupted(span, record)
    }

    fn show(&mut self, batch: &Batch) -> [bool; 3] {
        self.inner.show(batch)
    }

    fn move_to(&mut self, slot: u32) {
        self.inner.move_to(slot);
    }

    fn renamed(&self, file: &str) -> String {
        self.inner.renamed(file)
    }

    fn next_part(&mut self, is_taken: &dyn Fn(&str) -> bool) {
        self.inner.next_part(is_taken);
    }

    fn alternate(&self, file: &str, part: u32) -> String {
        self.inner.alternate(file, part)
    }

    fn exports(&self) -> bool {
        true
    }

    fn last_export(&self) -> u64 {
        self.spool.next_batch().saturating_sub(1)
    }

    /// Packs the entries into frames of their streams and appends these. Each stream knows by the number
    /// what it has of a batch already.
    fn export(&mut self, number: u64, exports: Exports<'_>) {
        self.packer.clear();
        for (stream, entry) in exports {
            // Entries in a stage are as `encode` made them: none is too large, or of another form.
            let packed = Stream::from_index(stream.into())
                .is_some_and(|stream| self.packer.push(stream, entry));
            if !packed {
                self.encoder.unexported().add_one(Reason::Malformed);
            }
        }
        for stream in Stream::ALL {
            self.packer.append_to(&self.spool, stream, number);
        }
        self.unsynced.wake();
    }
}

/// As what records of a kind are sent.
fn signal(kind: Kind) -> Signal {
    match kind {
        Kind::Event => Signal::Logs,
        Kind::Metric => Signal::Metrics,
        Kind::Span => Signal::Traces,
    }
}

impl Packer {
    /// Appends the frames of a stream to the spool, as a batch.
    pub(crate) fn append_to(&self, spool: &Spool, stream: Stream, batch: u64) {
        let frames = self.frames(stream).map(|(records, payload)| Frame { records, payload });
        let frames: Vec<Frame<'_>> = frames.collect();
        if !frames.is_empty() {
            spool.stream(stream.index()).append(batch, &frames);
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for OtlpSink<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpSink").field("inner", &self.inner).finish_non_exhaustive()
    }
}
