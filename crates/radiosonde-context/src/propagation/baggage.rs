//! `baggage` (W3C Baggage), and the ids that travel in it.

use super::ignored::{What, count};
use super::{Extract, Inject, filter};
use crate::baggage::{member, read, write};
use crate::{Context, CorrelationId};

const BAGGAGE: &str = "baggage";
pub(super) const FIELDS: [&str; 1] = [BAGGAGE];
const JOB_ID: &str = "job_id";
const WORKER_ID: &str = "worker_id";
const SESSION_ID: &str = "session_id";

/// The context with the baggage and the ids of the carrier, or as it was.
pub(super) fn extract(context: Context, from: &impl Extract) -> Context {
    let mut headers: Vec<Vec<u8>> = Vec::new();
    from.each(BAGGAGE, &mut |value| headers.push(value.to_vec()));
    if headers.is_empty() {
        return context;
    }
    let headers: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
    let read = read(&headers);
    count(What::BaggageMalformed, read.malformed);
    count(What::BaggageDuplicate, read.duplicate);
    count(What::BaggageMembers, read.too_many);
    count(What::BaggageLong, read.too_long);
    let mut baggage = read.baggage;
    let [job, worker, session] = [JOB_ID, WORKER_ID, SESSION_ID].map(|name| {
        let id = CorrelationId::parse(baggage.get(name)?);
        // Ours by name: either it is an id of the context, or it is nothing.
        baggage = baggage.without(name);
        count(What::BaggageId, u64::from(id.is_err()));
        id.ok()
    });
    let context = if baggage.is_empty() { context } else { context.with_baggage(baggage) };
    context.with_ids(job, worker, session)
}

pub(super) fn inject(context: &Context, allowed: bool, into: &mut impl Inject) {
    if !allowed {
        into.remove(BAGGAGE);
        return;
    }
    let ids = [
        (JOB_ID, context.job_id()),
        (WORKER_ID, context.worker_id()),
        (SESSION_ID, context.session_id()),
    ];
    let own: Vec<_> = ids.iter().filter_map(|(name, id)| id.map(|id| member(name, id))).collect();
    // An id of the context wins over a member of its name, and ids come first: they are the last
    // to be left out.
    let others = context.baggage().members().iter();
    let others = others.filter(|member| own.iter().all(|own| own.key != member.key));
    let filter = filter::of_process();
    let mut kept_back = 0;
    let others = others.filter(|member| {
        let metadata = member.metadata();
        let may_leave = filter.as_ref().is_none_or(|may_leave| {
            may_leave(&member.key, &member.value)
                && (metadata.is_empty() || may_leave(&member.key, metadata))
        });
        kept_back += u64::from(!may_leave);
        may_leave
    });
    let written = write(own.iter().chain(others));
    count(What::BaggageFiltered, kept_back);
    count(What::BaggageMembers, written.too_many);
    count(What::BaggageLong, written.too_long);
    if written.text.is_empty() { into.remove(BAGGAGE) } else { into.set(BAGGAGE, &written.text) }
}
