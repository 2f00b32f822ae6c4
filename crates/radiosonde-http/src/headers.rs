//! The headers of a request, looked through once for all that every request is asked for.

use http::{HeaderMap, HeaderValue};
use radiosonde_context::propagation::Extract;

/// The headers of a request. To look one up costs as much as to pass by ten of them, so those that
/// each request is asked for are noted in one go.
pub(crate) struct Headers<'h> {
    all: &'h HeaderMap,
    pub(crate) host: Option<&'h HeaderValue>,
    pub(crate) user_agent: Option<&'h HeaderValue>,
    traceparent: Sent<'h>,
    tracestate: Sent<'h>,
    baggage: Sent<'h>,
}

/// The values of a header.
#[derive(Clone, Copy)]
enum Sent<'h> {
    None,
    Once(&'h HeaderValue),
    Often,
}

impl<'h> Headers<'h> {
    pub(crate) fn of(all: &'h HeaderMap) -> Self {
        let (mut host, mut user_agent) = (None, None);
        let (mut traceparent, mut tracestate, mut baggage) = (Sent::None, Sent::None, Sent::None);
        for (name, value) in all {
            match name.as_str() {
                "host" => host = host.or(Some(value)),
                "user-agent" => user_agent = user_agent.or(Some(value)),
                "traceparent" => traceparent.add(value),
                "tracestate" => tracestate.add(value),
                "baggage" => baggage.add(value),
                _ => {}
            }
        }
        Self { all, host, user_agent, traceparent, tracestate, baggage }
    }
}

impl<'h> Sent<'h> {
    fn add(&mut self, value: &'h HeaderValue) {
        *self = match self {
            Self::None => Self::Once(value),
            Self::Once(_) | Self::Often => Self::Often,
        };
    }
}

impl Extract for Headers<'_> {
    fn each(&self, name: &str, value: &mut dyn FnMut(&[u8])) {
        let sent = match name {
            "traceparent" => self.traceparent,
            "tracestate" => self.tracestate,
            "baggage" => self.baggage,
            _ => Sent::Often,
        };
        match sent {
            Sent::None => {}
            Sent::Once(text) => value(text.as_bytes()),
            Sent::Often => self.all.each(name, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn they_say_what_the_map_says() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("TraceParent", "one"),
            ("host", "a.example"),
            ("baggage", "a=1"),
            ("accept", "*/*"),
            ("Baggage", "b=2"),
            ("host", "b.example"),
            ("b3", "0"),
        ] {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
        let found = Headers::of(&headers);
        let all = |from: &dyn Extract, name: &str| {
            let mut all = Vec::new();
            from.each(name, &mut |value| all.push(value.to_vec()));
            all
        };
        for name in ["traceparent", "tracestate", "baggage", "b3", "x-b3-traceid"] {
            assert_eq!(all(&found, name), all(&headers, name), "{name}");
        }
        assert_eq!(all(&found, "baggage"), [b"a=1", b"b=2"]);
        assert_eq!((found.host, found.user_agent), (headers.get("host"), None));
    }
}
