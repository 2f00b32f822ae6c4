//! Counting what came: what is there once, what came again.

use crate::Signal;
use crate::received::{Attributes, Point, Received};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// What makes two records the same one. A record without the key counts as one of its own each time it
/// comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Key {
    /// What the signal offers: `log.record.uid` of a log record, trace and span id of a span, and of
    /// a data point its origin, metric, attributes and times.
    #[default]
    Identity,
    /// The value of this attribute, of whichever signal.
    Attribute(String),
}

/// How many records came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// All of them.
    pub received: u64,
    /// Without those that came again.
    pub unique: u64,
}

impl Counts {
    /// Records that had come before.
    pub fn duplicates(&self) -> u64 {
        self.received - self.unique
    }
}

/// The counts of a receiver so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    key: Key,
    counts: [Counts; 3],
    seen: HashSet<(Signal, String)>,
}

impl Tally {
    pub(crate) fn new(key: Key) -> Tally {
        Tally { key, ..Tally::default() }
    }

    pub(crate) fn of(&self, signal: Signal) -> Counts {
        self.counts[signal as usize]
    }

    pub(crate) fn all(&self) -> Counts {
        self.counts.iter().fold(Counts::default(), |sum, counts| Counts {
            received: sum.received + counts.received,
            unique: sum.unique + counts.unique,
        })
    }

    pub(crate) fn forget(&mut self) {
        *self = Tally::new(std::mem::take(&mut self.key));
    }

    pub(crate) fn add(&mut self, received: &Received) {
        for log in &received.logs {
            let key = self.key_of(&log.attributes, || {
                log.attributes.text("log.record.uid").map(str::to_owned)
            });
            self.count(Signal::Logs, key);
        }
        for span in &received.spans {
            let key = self
                .key_of(&span.attributes, || Some(format!("{}/{}", span.trace_id, span.span_id)));
            self.count(Signal::Traces, key);
        }
        for point in &received.points {
            let key = self.key_of(&point.attributes, || Some(identity(point)));
            self.count(Signal::Metrics, key);
        }
    }

    fn key_of(
        &self,
        attributes: &Attributes,
        identity: impl FnOnce() -> Option<String>,
    ) -> Option<String> {
        match &self.key {
            Key::Identity => identity(),
            Key::Attribute(name) => attributes.find(name).map(ToString::to_string),
        }
    }

    fn count(&mut self, signal: Signal, key: Option<String>) {
        let is_new = key.is_none_or(|key| self.seen.insert((signal, key)));
        let counts = &mut self.counts[signal as usize];
        counts.received += 1;
        counts.unique += u64::from(is_new);
    }
}

/// What the data model calls a point of one stream: attributes in any order.
fn identity(point: &Point) -> String {
    let mut attributes: Vec<String> =
        point.attributes.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
    attributes.sort();
    let mut hasher = DefaultHasher::new();
    (point.origin.resource.to_string(), &point.origin.scope).hash(&mut hasher);
    let origin = hasher.finish();
    let (name, start, time) = (&point.name, point.start_ns, point.time_ns);
    format!("{origin:x} {name} {start} {time} {}", attributes.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::received::{Log, Span, Value};

    fn log(uid: Option<&str>) -> Log {
        let attributes = uid.map(|uid| ("log.record.uid".to_owned(), Value::from(uid)));
        Log { attributes: Attributes(attributes.into_iter().collect()), ..Log::default() }
    }

    #[test]
    fn what_comes_again_is_counted_as_such_for_each_signal() {
        let span = Span { trace_id: "1".into(), span_id: "2".into(), ..Span::default() };
        let other = Span { span_id: "3".into(), ..span.clone() };
        let point = |time_ns| Point { name: "runs".into(), time_ns, ..Point::default() };
        let received = Received {
            logs: vec![log(Some("a")), log(Some("a")), log(Some("b")), log(None), log(None)],
            spans: vec![span.clone(), other, span],
            points: vec![point(1), point(2), point(2)],
        };
        let mut tally = Tally::default();
        tally.add(&received);
        for (signal, received, unique) in
            [(Signal::Logs, 5, 4), (Signal::Traces, 3, 2), (Signal::Metrics, 3, 2)]
        {
            assert_eq!(tally.of(signal), Counts { received, unique }, "{signal:?}");
        }
        assert_eq!(tally.all().duplicates(), 3);
        tally.forget();
        assert_eq!(tally.all(), Counts::default());
    }

    #[test]
    fn an_attribute_can_be_the_key() {
        let numbered = |seq: i64| Span {
            attributes: Attributes(vec![("seq".into(), Value::Int(seq))]),
            ..Span::default()
        };
        let spans = vec![numbered(1), numbered(1), numbered(2)];
        let mut tally = Tally::new(Key::Attribute("seq".into()));
        tally.add(&Received { spans, ..Received::default() });
        assert_eq!(tally.of(Signal::Traces), Counts { received: 3, unique: 2 });
    }
}
