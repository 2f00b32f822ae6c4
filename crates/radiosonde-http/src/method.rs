//! Request methods as telemetry names them.

use std::sync::OnceLock;

/// What stands for a method that HTTP does not have.
pub(crate) const OTHER: &str = "_OTHER";

/// The methods of RFC 9110, and PATCH of RFC 5789: those the conventions know.
const KNOWN: [&str; 9] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// Names the methods that are known instead, separated by commas. As the conventions have it, they
/// are case-sensitive, and the list replaces the usual one.
const KNOWN_METHODS: &str = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";

/// Names that a list may have: with [`OTHER`], as many values as the label has.
const LISTED_MAX: usize = 31;

/// Methods that are known to a layer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known(Option<&'static [&'static str]>);

impl Known {
    /// These and no others, unless the environment names some.
    pub(crate) fn only(methods: &'static [&'static str]) -> Self {
        Self(Some(methods.get(..LISTED_MAX).unwrap_or(methods)))
    }

    fn methods(self) -> &'static [&'static str] {
        of_environment().or(self.0).unwrap_or(&KNOWN)
    }
}

/// Those the environment named when they were first asked for. It wins over the code, as with all
/// settings.
fn of_environment() -> Option<&'static [&'static str]> {
    static LISTED: OnceLock<Vec<&'static str>> = OnceLock::new();
    let listed = LISTED.get_or_init(|| listed(&std::env::var(KNOWN_METHODS).unwrap_or_default()));
    (!listed.is_empty()).then_some(listed)
}

/// The methods of a list. Texts live as long as the process, which reads one list.
fn listed(list: &str) -> Vec<&'static str> {
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let usual = |name: &str| KNOWN.into_iter().find(|known| *known == name);
    let names = names.take(LISTED_MAX);
    names.map(|name| usual(name).unwrap_or_else(|| Box::leak(Box::<str>::from(name)))).collect()
}

/// A method, and its text when it is none of the known ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method<'m> {
    /// `http.request.method`.
    pub(crate) name: &'static str,
    /// `http.request.method_original`.
    pub(crate) original: Option<&'m str>,
}

impl<'m> Method<'m> {
    pub(crate) fn of(method: &'m http::Method, known: Known) -> Self {
        let text = method.as_str();
        match known.methods().iter().copied().find(|known| *known == text) {
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
            let found = Method::of(&method, Known::default());
            assert_eq!((found.name, found.original), (name, original), "{text}");
            assert_eq!((in_span_name(found.name) == "HTTP"), original.is_some(), "{text}");
        }
    }

    #[test]
    fn a_layer_may_know_other_methods() {
        let known = Known::only(&["PROPFIND", "GET"]);
        for (text, name) in [("GET", "GET"), ("PROPFIND", "PROPFIND"), ("POST", OTHER)] {
            let method: http::Method = text.parse().expect("a token");
            assert_eq!(Method::of(&method, known).name, name);
            assert_eq!(Method::of(&method, Known::only(&[])).name, OTHER);
        }
    }

    #[test]
    fn a_list_replaces_the_known_methods() {
        let table: [(&str, &[&str]); 4] =
            [("", &[]), (" , ", &[]), ("GET, PROPFIND,", &["GET", "PROPFIND"]), ("get", &["get"])];
        for (list, known) in table {
            assert_eq!(listed(list), known, "{list}");
        }
    }

    #[test]
    fn a_list_has_as_many_names_as_the_label_has_values() {
        let names: Vec<&'static str> =
            (0..=LISTED_MAX).map(|n| &*Box::leak(format!("M{n}").into_boxed_str())).collect();
        let expected = &names[..LISTED_MAX];
        assert_eq!(listed(&names.join(",")), expected);
        assert_eq!(Known::only(names.clone().leak()).0, Some(expected));
        assert_eq!(Known::only(&["GET"]).0, Some(&["GET"][..]));
    }
}
