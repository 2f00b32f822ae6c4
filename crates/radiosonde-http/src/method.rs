//! Request methods as telemetry names them.

/// What stands for a method that HTTP does not have.
pub(crate) const OTHER: &str = "_OTHER";

/// The methods of RFC 9110, and PATCH of RFC 5789: those the conventions know.
const KNOWN: [&str; 9] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// A method, and its text when it is none of the known ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method<'m> {
    /// `http.request.method`.
    pub(crate) name: &'static str,
    /// `http.request.method_original`.
    pub(crate) original: Option<&'m str>,
}

impl<'m> Method<'m> {
    pub(crate) fn of(method: &'m http::Method) -> Self {
        let text = method.as_str();
        match KNOWN.into_iter().find(|known| *known == text) {
            Some(name) => Self { name, original: None },
            None => Self { name: OTHER, original: Some(text) },
        }
    }
}

/// What a span is called: the conventions say `HTTP` for a method that is none.
pub(crate) fn in_span_name(name: &'static str) -> &'static str {
    if name == OTHER { "HTTP" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_of_http_have_a_name() {
        let table = [
            ("GET", "GET", None),
            ("PATCH", "PATCH", None),
            ("get", OTHER, Some("get")),
            ("PROPFIND", OTHER, Some("PROPFIND")),
            ("X", OTHER, Some("X")),
        ];
        for (text, name, original) in table {
            let method: http::Method = text.parse().expect("a token");
            let found = Method::of(&method);
            assert_eq!((found.name, found.original), (name, original), "{text}");
            assert_eq!((in_span_name(found.name) == "HTTP"), original.is_some(), "{text}");
        }
    }
}
