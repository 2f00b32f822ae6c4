//! Hosts, ports and addresses, as they stand in headers and URIs.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HeaderName};
use http::{HeaderMap, Version};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The address of the client that sent a request: put it into the request's extensions where no
/// framework does, and the server layer makes it `client.address`.
///
/// With the feature `axum`, `ConnectInfo<SocketAddr>` does the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub SocketAddr);

/// Host and port of `example.org:80`, `[::1]:80`, or either without a port.
// In one go: the texts are short, and searchers take longer to be made than to search them.
pub(crate) fn host_and_port(authority: &str) -> (&str, Option<u16>) {
    let (mut begin, mut colon) = (0, None);
    for (at, byte) in authority.bytes().enumerate() {
        match byte {
            b'@' => (begin, colon) = (at + 1, None),
            b':' if colon.is_none() => colon = Some(at),
            _ => {}
        }
    }
    let port = |text: Option<&str>| text?.parse().ok();
    let Some(rest) = authority.get(begin..).and_then(|text| text.strip_prefix('[')) else {
        let end = colon.unwrap_or(authority.len());
        return (authority.get(begin..end).unwrap_or_default(), port(authority.get(end + 1..)));
    };
    match rest.split_once(']') {
        Some((host, rest)) => (host, port(rest.strip_prefix(':'))),
        None => (rest, None),
    }
}

/// Host and port of an authority that has a host: a port alone is nobody's.
pub(crate) fn named(authority: &str) -> Option<(&str, Option<u16>)> {
    Some(host_and_port(authority)).filter(|(host, _)| !host.is_empty())
}

/// What a proxy in front of this server says about the request it passed on.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Forwarded<'h> {
    pub(crate) client: Option<IpAddr>,
    pub(crate) host: Option<&'h str>,
    pub(crate) scheme: Option<&'h str>,
}

impl<'h> Forwarded<'h> {
    /// From `Forwarded` (RFC 7239), and what it does not say from the `X-Forwarded-` headers. The
    /// first element of each is the one nearest to the client.
    pub(crate) fn of(headers: &'h HeaderMap) -> Self {
        let mut found = Self::default();
        let text = |name: &HeaderName| headers.get(name)?.to_str().ok();
        for pair in text(&FORWARDED).map_or("", first).split(';') {
            let Some((key, value)) = pair.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match key.trim().to_ascii_lowercase().as_str() {
                "for" => found.client = address(value),
                "host" => found.host = Some(value).filter(|host| !host.is_empty()),
                "proto" => found.scheme = Some(value),
                _ => {}
            }
        }
        found.client = found.client.or_else(|| address(first(text(&FORWARDED_FOR)?)));
        let host = || Some(first(text(&FORWARDED_HOST)?)).filter(|host| !host.is_empty());
        found.host = found.host.or_else(host);
        found.scheme = found.scheme.or_else(|| Some(first(text(&FORWARDED_PROTO)?)));
        found
    }
}

/// The first element of a list.
fn first(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}

/// An address with or without a port. Names and `unknown`, which RFC 7239 allows, are none.
fn address(text: &str) -> Option<IpAddr> {
    let whole = text.parse().ok();
    whole.or_else(|| host_and_port(text).0.parse().ok())
}

/// `network.protocol.version`.
pub(crate) fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_09 => Some("0.9"),
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_have_a_host_and_maybe_a_port() {
        let table = [
            ("example.org", "example.org", None),
            ("example.org:8080", "example.org", Some(8080)),
            ("[::1]:80", "::1", Some(80)),
            ("[::1]", "::1", None),
            ("user:pass@example.org:1", "example.org", Some(1)),
            ("example.org:", "example.org", None),
            ("example.org:99999", "example.org", None),
            ("[::1", "::1", None),
            ("", "", None),
        ];
        for (authority, host, port) in table {
            assert_eq!(host_and_port(authority), (host, port), "{authority}");
        }
    }

    #[test]
    fn proxies_say_who_asked() {
        type Case<'c> =
            (&'c [(&'c str, &'c str)], Option<&'c str>, Option<&'c str>, Option<&'c str>);
        let table: &[Case<'_>] = &[
            (&[("x-forwarded-for", "192.0.2.1, 10.0.0.1")], Some("192.0.2.1"), None, None),
            (&[("x-forwarded-for", "192.0.2.1:4711")], Some("192.0.2.1"), None, None),
            (&[("x-forwarded-for", "unknown")], None, None, None),
            (&[("x-forwarded-for", "")], None, None, None),
            (
                &[("forwarded", "For=\"[2001:db8::1]:4711\";proto=https;host=a.b, for=10.0.0.1")],
                Some("2001:db8::1"),
                Some("a.b"),
                Some("https"),
            ),
            (
                &[("forwarded", "proto=https"), ("x-forwarded-for", "192.0.2.9")],
                Some("192.0.2.9"),
                None,
                Some("https"),
            ),
            (&[("forwarded", "for=_hidden;;=;by")], None, None, None),
            (&[("forwarded", "host=\"\"")], None, None, None),
            (&[("x-forwarded-host", "")], None, None, None),
            (&[("forwarded", "host="), ("x-forwarded-host", "a.b")], None, Some("a.b"), None),
        ];
        for (headers, client, host, scheme) in table {
            let mut map = HeaderMap::new();
            for (name, value) in *headers {
                map.append(*name, value.parse().expect("a value"));
            }
            let found = Forwarded::of(&map);
            let client = client.map(|text| text.parse().expect("an address"));
            assert_eq!(found, Forwarded { client, host: *host, scheme: *scheme }, "{headers:?}");
        }
    }
}
