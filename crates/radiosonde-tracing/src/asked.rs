//! Who asks for a part of another layer that is not there.
//!
//! Crates that extend the API of `tracing`, such as tracing-opentelemetry with `set_parent`, ask the
//! subscriber for a type that only their own layer knows, and do nothing when nobody has it. That type
//! is private. What can be seen is that somebody asks for one that nobody here knows: through
//! `downcast_raw`, which is an `unsafe fn`. This is the only place for it in the crate.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::OnceLock;

use tracing_core::subscriber::{NoSubscriber, Subscriber};
use tracing_core::{Dispatch, Metadata, dispatcher};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as AnyLayer, Registry};

use crate::counts::SpanCounts;
use crate::layer::Layer;
use crate::tracker::Tracker;

thread_local! {
    /// Others are being asked on this thread whether they know a type.
    static ASKING: Cell<bool> = const { Cell::new(false) };
    /// What `tracing-subscriber` asks a layer for, while that is found out.
    static HEARD: RefCell<Vec<TypeId>> = const { RefCell::new(Vec::new()) };
}

/// Answers with the type itself; tells `unknown`, a method, what else is asked for.
macro_rules! answers {
    ($unknown:ident) => {
        #[expect(unsafe_code, reason = "the trait has it so; nothing in it is unsafe")]
        // SAFETY: the pointer that is returned is one to a value of the type that was asked for,
        // which lives as long as `self` is borrowed.
        unsafe fn downcast_raw(&self, id: std::any::TypeId) -> Option<*const ()> {
            if id == std::any::TypeId::of::<Self>() {
                return Some(std::ptr::from_ref(self).cast());
            }
            self.$unknown(id);
            None
        }
    };
}

pub(crate) use answers;

/// Whether others know a type; `None` where they are not to be found.
pub(crate) type Knows = fn(&Dispatch, TypeId) -> Option<bool>;

/// Whether the subscriber that a layer of ours is on knows a type.
#[expect(unsafe_code, reason = "only the answer counts")]
pub(crate) fn subscriber_knows<S: Subscriber>(dispatch: &Dispatch, id: TypeId) -> Option<bool> {
    let subscriber = dispatch.downcast_ref::<S>()?;
    // SAFETY: whether there is a pointer is all that is asked; it is not followed.
    Some(unsafe { subscriber.downcast_raw(id) }.is_some())
}

/// Whether layers that a layer of ours is one of know a type.
#[expect(unsafe_code, reason = "only the answer counts")]
pub(crate) fn layers_know<L: AnyLayer<Registry>>(dispatch: &Dispatch, id: TypeId) -> Option<bool> {
    let layers = dispatch.downcast_ref::<L>()?;
    // SAFETY: whether there is a pointer is all that is asked; it is not followed.
    Some(unsafe { layers.downcast_raw(id) }.is_some())
}

/// A request for a part of another layer, that nobody could answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unanswered {
    /// The call site of the span in which it was asked, if there was one.
    pub inside: Option<&'static Metadata<'static>>,
}

impl fmt::Display for Unanswered {
    /// `inside consume at src/worker.rs:41`, `outside of spans`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(span) = self.inside else { return f.write_str("outside of spans") };
        write!(f, "inside {}", span.name())?;
        match (span.file(), span.line()) {
            (Some(file), Some(line)) => write!(f, " at {file}:{line}"),
            _ => Ok(()),
        }
    }
}

/// Somebody asks for a type that is not ours. Counted, unless one of `others` knows it, or it cannot
/// be told whether they do.
pub(crate) fn unknown(tracker: &Tracker, id: TypeId, others: &[Option<Knows>]) {
    // Asked often, by layers with filters of their own, and found by whoever looks further.
    if id == TypeId::of::<Registry>() || ASKING.get() {
        return;
    }
    if is_ours(id) || own_questions().contains(&id) {
        return;
    }
    if others.iter().flatten().all(|knows| nobody(*knows, id)) {
        count(&tracker.counts, tracker);
    }
}

/// What this crate asks for itself.
fn is_ours(id: TypeId) -> bool {
    [TypeId::of::<crate::Subscriber>(), TypeId::of::<Layer>()].contains(&id)
}

fn nobody(knows: Knows, id: TypeId) -> bool {
    struct Asked;
    impl Drop for Asked {
        fn drop(&mut self) {
            ASKING.set(false);
        }
    }
    ASKING.set(true);
    let _asked = Asked;
    dispatcher::get_default(|dispatch| knows(dispatch, id)) == Some(false)
}

#[cold]
fn count(counts: &SpanCounts, tracker: &Tracker) {
    let inside = tracker.current().map(|(_, metadata)| metadata);
    counts.unanswered(Unanswered { inside });
}

/// The types that `tracing-subscriber` itself asks each layer for, to learn what kind of layer it is:
/// they are private, so it is made to ask.
fn own_questions() -> &'static [TypeId] {
    static HEARD_ALL: OnceLock<Vec<TypeId>> = OnceLock::new();
    HEARD_ALL.get_or_init(|| {
        let probed = NoSubscriber::default().with(Probe).with(Probe);
        let _hint = Subscriber::max_level_hint(&probed);
        HEARD.try_with(RefCell::take).unwrap_or_default()
    })
}

/// A layer that writes down what it is asked for.
struct Probe;

impl Probe {
    fn hear(&self, id: TypeId) {
        let _of_a_thread_that_ends = HEARD.try_with(|heard| heard.borrow_mut().push(id));
    }
}

impl<S: Subscriber> AnyLayer<S> for Probe {
    answers!(hear);
}
