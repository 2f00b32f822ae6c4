//! What a test expects, and a message one can act on where it is not so.

use radiosonde_record::{Level, ToValue, Value};

use super::asked::{Asked, Condition, at_level, named, none, saying, with};
use super::entry::{Event, Span};
use super::pipeline::Captured;
use crate::words::counted;

impl Captured {
    /// There is an event of that name, and what is asked of it besides is asked of the same one.
    ///
    /// ```
    /// # use radiosonde_runtime::testing::capture;
    /// # use radiosonde_events::event;
    /// capture(|t| {
    ///     event!("user.action", type = "click", "clicked");
    ///     t.assert_event("user.action").with("type", "click").once();
    /// });
    /// ```
    ///
    /// # Panics
    /// When there is none: with the events there are, those that come closest first, and what is
    /// different in them. So does everything that is asked besides.
    #[track_caller]
    pub fn assert_event(&self, name: &str) -> EventAssertion {
        let look = self.look();
        let all = look.events.iter().filter(|event| !event.is_log()).cloned().collect();
        let mut asked = Asked::new("event", all, &look, self);
        asked.require(named(name));
        EventAssertion(asked)
    }

    /// There is a log line, of `tracing` or `log`, whose message contains this. As
    /// [`Captured::assert_event`].
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn assert_log(&self, message: &str) -> EventAssertion {
        let look = self.look();
        let all = look.events.iter().filter(|event| event.is_log()).cloned().collect();
        let mut asked = Asked::new("log line", all, &look, self);
        asked.require(saying(message));
        EventAssertion(asked)
    }

    /// There is a span of that name that has ended. As [`Captured::assert_event`].
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn assert_span(&self, name: &str) -> SpanAssertion {
        let look = self.look();
        let mut asked = Asked::new("span", look.spans.clone(), &look, self);
        let open = self.open_spans().iter().filter(|span| span.name == name).count() as u64;
        let is_open =
            || format!("{} of that name open: ask when it has ended", counted(open, "span"));
        asked.hint((open > 0).then(is_open));
        asked.require(named(name));
        SpanAssertion(asked)
    }

    /// There is no event of that name.
    ///
    /// # Panics
    /// When there is one, and when something is not here that may be one.
    #[track_caller]
    pub fn assert_no_event(&self, name: &str) {
        let look = self.look();
        let is_it = |event: &Event| !event.is_log() && event.name() == name;
        none(&format!("an event `{name}`"), look.events.iter().filter(|e| is_it(e)), &look);
    }

    /// There is no event and no log line of that level or above.
    ///
    /// # Panics
    /// When there is one, and when something is not here that may be one.
    #[track_caller]
    pub fn assert_none_at(&self, level: Level) {
        let look = self.look();
        let found = look.events.iter().filter(|event| event.level() >= level);
        none(&format!("an event of level {level} or above"), found, &look);
    }

    /// No write to a metric was refused or folded.
    ///
    /// # Panics
    /// When one was, with the sentence of the report for each metric and reason.
    #[track_caller]
    pub fn assert_no_refusals(&self) {
        let refused = self.refusals();
        let texts: String = refused.iter().map(|one| format!("\n  {}", one.text)).collect();
        assert!(refused.is_empty(), "writes to metrics were refused:{texts}");
    }
}

/// An event or log line that is there. What is asked of it is asked of one and the same.
#[derive(Debug)]
pub struct EventAssertion(Asked<Event>);

/// A span that is there. What is asked of it is asked of one and the same.
#[derive(Debug)]
pub struct SpanAssertion(Asked<Span>);

macro_rules! common {
    ($($assertion:ident: $record:ident)*) => {$(
        impl $assertion {
            /// With that value of a field, or of `job_id`, `worker_id` or `session_id`.
            #[track_caller]
            pub fn with(mut self, key: &str, value: impl ToValue) -> Self {
                self.0.require(with(key, &value.to_value()));
                self
            }

            /// Of that level.
            #[track_caller]
            pub fn at_level(mut self, level: Level) -> Self {
                self.0.require(at_level(level));
                self
            }

            /// In the span of that name, or in one inside of it.
            #[track_caller]
            pub fn in_span(mut self, name: &str) -> Self {
                self.0.require_inside(name);
                self
            }

            /// Of that job.
            #[track_caller]
            pub fn of_job(mut self, job: &str) -> Self {
                self.0.require(with("job_id", &Value::Str(job)));
                self
            }

            /// So many of them.
            #[track_caller]
            pub fn times(self, count: usize) -> Self {
                self.0.require_count(count);
                self
            }

            /// One, and no other.
            #[track_caller]
            pub fn once(self) -> Self {
                self.times(1)
            }

            /// The first of them.
            pub fn first(self) -> $record {
                self.0.first()
            }
        }
    )*};
}

common! { EventAssertion: Event  SpanAssertion: Span }

impl EventAssertion {
    /// With a message that contains this.
    #[track_caller]
    pub fn saying(mut self, part: &str) -> Self {
        self.0.require(saying(part));
        self
    }
}

impl SpanAssertion {
    /// Directly in the span of that name, which may be open still.
    #[track_caller]
    pub fn is_child_of(mut self, parent: &str) -> Self {
        self.0.require_child_of(parent);
        self
    }

    /// Without a parent.
    #[track_caller]
    pub fn is_root(mut self) -> Self {
        self.0.require_root();
        self
    }

    /// With the status `error`.
    #[track_caller]
    pub fn failed(self) -> Self {
        self.status("error")
    }

    /// With that status: `unset`, `ok` or `error`.
    #[track_caller]
    pub fn status(mut self, status: &str) -> Self {
        let asked = status.to_owned();
        self.0.require(Condition {
            what: format!("with the status `{status}`"),
            holds: Box::new(move |span| span.status_word() == asked),
            instead: Box::new(|span| format!("has the status `{}`", span.status_word())),
        });
        self
    }
}
