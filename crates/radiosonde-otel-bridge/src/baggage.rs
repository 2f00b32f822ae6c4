//! Baggage of the OpenTelemetry API and of ours, which is one.
//!
//! With us `job_id`, `worker_id` and `session_id` are ids of the context; there they are members of
//! the baggage.

use opentelemetry::Context as OtelContext;
use opentelemetry::baggage::{Baggage as OtelBaggage, BaggageExt, KeyValueMetadata};
use radiosonde_context::{Baggage, Context, CorrelationId};

/// Job, worker and session, by their names in a baggage.
pub(crate) const ID_NAMES: [&str; 3] = ["job_id", "worker_id", "session_id"];

/// The ids in a baggage: job, worker, session.
pub(crate) type Ids = [Option<CorrelationId>; 3];

/// The ids in a baggage; those that are none are passed over, as those out of a header are.
pub(crate) fn ids(baggage: &OtelBaggage) -> Ids {
    if baggage.is_empty() {
        return Ids::default();
    }
    ID_NAMES.map(|name| CorrelationId::parse(baggage.get(name)?.as_str()).ok())
}

/// The context with the baggage of `to`, where that is another one than in `from`, which may be none.
/// `given` are the ids of the baggage that what is inside began with: others came later.
pub(crate) fn inside(
    context: Context,
    from: Option<&OtelContext>,
    to: &OtelContext,
    given: Option<&Ids>,
) -> Context {
    let theirs = to.baggage();
    let is_unchanged = match from.map(BaggageExt::baggage) {
        // Contexts made from one another share it.
        Some(before) => std::ptr::eq(before, theirs) || before.is_empty() && theirs.is_empty(),
        None => theirs.is_empty(),
    };
    if is_unchanged {
        return context;
    }
    let none = Ids::default();
    let [job, worker, session] = differing(ids(theirs), given.unwrap_or(&none));
    let context = context.with_ids(job, worker, session);
    if is_same(context.baggage(), theirs) {
        return context;
    }
    context.with_baggage(ours(theirs))
}

/// The context of the API with all that ours passes on.
pub(crate) fn outside(cx: OtelContext, context: &Context) -> OtelContext {
    let ids = [context.job_id(), context.worker_id(), context.session_id()];
    let ids = ID_NAMES.into_iter().zip(ids).filter_map(|(name, id)| Some((name, id?)));
    let ids = ids.map(|(name, id)| KeyValueMetadata::new(name, id.to_owned(), ""));
    let members = context.baggage().iter().map(|(key, value, metadata)| {
        KeyValueMetadata::new(key.to_owned(), value.to_owned(), metadata)
    });
    // The first ones are the last to be left out.
    let members: Vec<_> = ids.chain(members).collect();
    match (members.is_empty(), cx.baggage().is_empty()) {
        (true, true) => cx,
        (true, false) => cx.with_cleared_baggage(),
        (false, _) => cx.with_baggage(members),
    }
}

/// Those that are others than before.
fn differing(ids: Ids, before: &Ids) -> Ids {
    let mut ids = ids;
    for (id, before) in ids.iter_mut().zip(before) {
        if id == before {
            *id = None;
        }
    }
    ids
}

/// Whether both say the same, the ids aside.
fn is_same(ours: &Baggage, theirs: &OtelBaggage) -> bool {
    let others = theirs.iter().filter(|(key, _)| !ID_NAMES.contains(&key.as_str()));
    let mut count = 0;
    for (key, (value, metadata)) in others {
        let is_there = ours.iter().any(|(own, text, properties)| {
            own == key.as_str() && text == value.as_str() && properties == metadata.as_str()
        });
        if !is_there {
            return false;
        }
        count += 1;
    }
    count == ours.len()
}

/// Without the ids, and without what does not fit: keys that are no tokens, members past the limits.
fn ours(theirs: &OtelBaggage) -> Baggage {
    let members = theirs.iter().filter(|(key, _)| !ID_NAMES.contains(&key.as_str()));
    members.fold(Baggage::default(), |baggage, (key, (value, metadata))| {
        let with = baggage
            .with_metadata(key.as_str(), value.as_str(), metadata.as_str())
            .or_else(|_| baggage.with(key.as_str(), value.as_str()));
        with.unwrap_or(baggage)
    })
}
