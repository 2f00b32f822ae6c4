//! Who recorded a line, and in which context: the members from `service` to `meta`, encoded once
//! for all lines that share them.

use radiosonde_context::packed::unpack;

use crate::digits::hexadecimal;
use crate::json;
use crate::line::Piece;
use crate::owner::Owner;
use crate::site::SPREAD;

/// Contexts that are kept: threads at work take turns.
const KEPT_BITS: u32 = 4;
const KEPT: usize = 1 << KEPT_BITS;

const META: &[u8] = b",\"meta\":{";

/// The members that tell where a line comes from: `","service":"…", … ,"meta":{`, with the quote
/// that ends the message before them.
#[derive(Debug)]
pub(crate) struct Identity {
    /// `","service":"…"`
    service: Vec<u8>,
    /// `,"machine_id":"…"`, or nothing.
    machine: Vec<u8>,
    /// The members of the empty context.
    nobody: Piece,
    kept: Box<[Kept; KEPT]>,
    buffer: Vec<u8>,
}

/// A packed context and its members.
#[derive(Debug, Default)]
struct Kept {
    packed: Vec<u8>,
    members: Piece,
}

impl Identity {
    pub(crate) fn new(owner: &Owner) -> Self {
        let mut service = b"\",\"service\":".to_vec();
        json::string(&mut service, &owner.service);
        let mut machine = Vec::new();
        if let Some(id) = &owner.machine_id {
            machine.extend_from_slice(b",\"machine_id\":");
            json::string(&mut machine, id);
        }
        let nobody = Piece::new(&[&service, &machine, META].concat());
        Self { service, machine, nobody, kept: Default::default(), buffer: Vec::new() }
    }

    /// The members of a line with this packed context.
    #[inline(always)]
    pub(crate) fn members(&mut self, packed: &[u8]) -> &Piece {
        // Also because comparing with nothing is slow: glibc's `memcmp` on AVX-512 takes a fault,
        // which it suppresses, at the address an empty vector has.
        if packed.is_empty() {
            return &self.nobody;
        }
        let at = place(packed);
        if self.kept[at].packed != packed {
            self.encode(at, packed);
        }
        &self.kept[at].members
    }

    #[inline(never)]
    fn encode(&mut self, at: usize, packed: &[u8]) {
        let context = unpack(packed);
        let out = &mut self.buffer;
        out.clear();
        out.extend_from_slice(&self.service);
        let id = |out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>| {
            if let Some(value) = value {
                out.extend_from_slice(key);
                // Ids are of an alphabet that needs no escapes.
                out.extend_from_slice(value);
                out.push(b'"');
            }
        };
        let trace_id: Option<[u8; 32]> = context.trace_id.map(|id| hexadecimal(id.to_bytes()));
        let span_id: Option<[u8; 16]> = context.span_id.map(|id| hexadecimal(id.to_bytes()));
        id(out, b",\"trace_id\":\"", trace_id.as_ref().map(<[u8; 32]>::as_slice));
        id(out, b",\"span_id\":\"", span_id.as_ref().map(<[u8; 16]>::as_slice));
        id(out, b",\"job_id\":\"", context.job_id.map(str::as_bytes));
        out.extend_from_slice(&self.machine);
        id(out, b",\"worker_id\":\"", context.worker_id.map(str::as_bytes));
        id(out, b",\"session_id\":\"", context.session_id.map(str::as_bytes));
        out.extend_from_slice(META);
        let kept = &mut self.kept[at];
        kept.members.set(out);
        kept.packed.clear();
        kept.packed.extend_from_slice(packed);
    }
}

/// What stands behind `meta` up to the sequence number: `},"id":"….4.`
#[derive(Debug)]
pub(crate) struct Tails {
    instance: String,
    /// By the lowest bits of the ring's number.
    kept: Vec<(u32, Piece)>,
}

/// Rings whose tails are kept, at least; a power of two.
const TAILS: u32 = 64;

impl Tails {
    pub(crate) fn new(instance: &str) -> Self {
        let kept = (0..TAILS).map(|ring| (ring, tail(instance, ring))).collect();
        Self { instance: instance.to_owned(), kept }
    }

    /// The tail of a ring's lines.
    #[inline(always)]
    pub(crate) fn of(&mut self, ring: u32) -> &Piece {
        let kept = &mut self.kept[(ring % TAILS) as usize];
        if kept.0 != ring {
            *kept = (ring, tail(&self.instance, ring));
        }
        &kept.1
    }
}

#[cold]
fn tail(instance: &str, ring: u32) -> Piece {
    Piece::new(format!("}},\"id\":\"{instance}.{ring}.").as_bytes())
}

/// Where a context is kept. Contexts of one job differ in their spans, so these bytes count.
#[inline(always)]
fn place(packed: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // The span's id, behind the trace's, when there is one; the end of what there is otherwise.
    let span = packed.get(SPAN_ID..).and_then(|rest| rest.first_chunk());
    let mixed = word(span) ^ word(packed.last_chunk()).rotate_left(32);
    (mixed.wrapping_mul(SPREAD) >> (u64::BITS - KEPT_BITS)) as usize
}

/// Where the span's id stands in a packed context that has one.
const SPAN_ID: usize = 20;
