//! The URL of an endpoint, taken apart once.

/// The parts of `scheme://user@host:port/path?query` that matter here.
// Without `Debug`: it may carry a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// Lowercase; none for `host:port`.
    pub(crate) scheme: Option<String>,
    /// User and password, as they stand there.
    pub(crate) user: Option<String>,
    /// Host, or host and port; brackets around IPv6.
    pub(crate) authority: String,
    /// Empty, or from its slash on.
    pub(crate) path: String,
    /// Without the question mark.
    pub(crate) query: Option<String>,
}

impl Url {
    /// What a text says, or what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has blanks, control characters or letters beyond ASCII in it");
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        check_authority(authority)?;
        // What RFC 3986 has in no URL: the library that sends refuses some of it.
        let is_of_none = |byte: u8| b"\"<>\\^`{|}".contains(&byte);
        if [path, query.as_deref().unwrap_or_default()].concat().bytes().any(is_of_none) {
            return Err("has characters in its path or query that have to be percent-encoded");
        }
        Ok(Self {
            scheme,
            user: user.map(str::to_owned),
            authority: authority.to_owned(),
            path: path.to_owned(),
            query,
        })
    }

    /// Without path and query.
    pub(crate) fn origin(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.authority)
    }

    /// Whole, with this path.
    pub(crate) fn with_path(&self, scheme: &str, path: &str) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}"));
        format!("{}{path}{}", self.origin(scheme), query.unwrap_or_default())
    }
}

fn check_authority(authority: &str) -> Result<(), &'static str> {
    let is_of_address = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'%');
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else {
                return Err("opens a bracket that it does not close");
            };
            if address.is_empty() || !address.bytes().all(is_of_address) {
                return Err("has no IPv6 address in its brackets");
            }
            (address, port)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            if !host.bytes().all(is_of_name) {
                return Err("has a host that is none");
            }
            (host, port)
        }
    };
    if host.is_empty() {
        return Err("names no host");
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some(port) if port.parse::<u16>().is_ok_and(|port| port > 0) => Ok(()),
        _ => Err("has a port that is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_says_is_read() {
        for (text, scheme, authority, path, query) in [
            ("http://h:4318", Some("http"), "h:4318", "", None),
            ("HTTPS://h/", Some("https"), "h", "/", None),
            ("h:4317", None, "h:4317", "", None),
            ("http://[::1]:4318/a/b?k=v#x", Some("http"), "[::1]:4318", "/a/b", Some("k=v")),
            ("http://user:word@h/p", Some("http"), "h", "/p", None),
        ] {
            let Ok(url) = Url::parse(text) else { panic!("{text}") };
            assert_eq!(url.scheme.as_deref(), scheme, "{text}");
            assert_eq!(url.authority, authority, "{text}");
            assert_eq!((url.path.as_str(), url.query.as_deref()), (path, query), "{text}");
            assert_eq!(url.user.is_some(), text.contains('@'), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "http://",
            "http:///path",
            "http://h:0",
            "http://h:70000",
            "http://h:",
            "http://h:4318x",
            "http://[::1",
            "http://[]:1",
            "http://[::1]4318",
            "http://h h",
            "http://h\u{7}",
            "http://exämple",
            "http://a,b:1",
            "http://h/a>b",
            "http://h/{tenant}/v1/logs",
            "http://h/?key=a^b",
            "",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?}");
        }
    }
}
