//! Proxies, as their variables say.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use radiosonde_record::base64;

use crate::endpoint::Url;
use crate::percent::decoded;

/// What `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in upper or lower case; the lower
/// one counts first, as with curl.
///
/// A proxy is `http://host:port`, with `user:password@` if it wants them; what goes to https, or is gRPC,
/// goes through a tunnel in it (`CONNECT`). Of another kind (`https://…`, `socks5://…`) is an error that
/// is said, and nothing goes past it.
/// What stands in `NO_PROXY` is reached directly: hosts with all below them, addresses, networks, `*`.
/// The machine itself (`localhost`, `127.0.0.0/8`, `::1`) always is. `HTTP_PROXY` does not count where
/// `REQUEST_METHOD` is set: in a CGI program it is a header that a client sends.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    all: String,
    http: String,
    https: String,
    no: String,
}

impl Proxies {
    /// What the environment says, `lookup` being the environment.
    pub fn from(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let either = |lower: &str, upper: &str| {
            let set = [lower, upper].into_iter().filter_map(lookup).find(|text| !text.is_empty());
            set.unwrap_or_default()
        };
        let is_cgi = lookup("REQUEST_METHOD").is_some_and(|method| !method.is_empty());
        let upper = if is_cgi { "http_proxy" } else { "HTTP_PROXY" };
        Self {
            all: either("all_proxy", "ALL_PROXY"),
            http: either("http_proxy", upper),
            https: either("https_proxy", "HTTPS_PROXY"),
            no: either("no_proxy", "NO_PROXY"),
        }
    }

    /// The proxy on the way there, if there is one.
    pub(super) fn on_the_way(&self, to: &Uri) -> Option<Proxy> {
        let host = to.host()?.trim_start_matches('[').trim_end_matches(']');
        if is_this_machine(host) || self.passes(host) {
            return None;
        }
        let own = if to.scheme_str() == Some("https") { &self.https } else { &self.http };
        Proxy::parse(own).or_else(|| Proxy::parse(&self.all))
    }

    /// Whether a host is reached without proxy, as `NO_PROXY` has it.
    fn passes(&self, host: &str) -> bool {
        let address = host.parse::<IpAddr>().ok();
        self.no.split(',').map(str::trim).any(|entry| match address {
            _ if entry == "*" => true,
            Some(address) => is_in(address, entry),
            None => is_below(host, entry.trim_start_matches('.')),
        })
    }
}

/// A proxy.
pub(super) struct Proxy {
    /// With scheme and authority alone.
    pub(super) uri: Uri,
    /// User and password.
    pub(super) user: Option<(String, String)>,
}

impl Proxy {
    /// Without scheme it is one of HTTP.
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let scheme = url.scheme.as_deref().unwrap_or("http");
        let uri = format!("{}/", url.origin(scheme)).parse().ok()?;
        let user = url.user.as_deref().map(|user| {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            let plain = |text: &str| decoded(text).unwrap_or_else(|| text.to_owned());
            (plain(user), plain(password))
        });
        Some(Self { uri, user })
    }

    /// The header that shows user and password.
    pub(super) fn authorization(&self) -> Option<http::HeaderValue> {
        let (user, password) = self.user.as_ref()?;
        let basic = base64::encoded(format!("{user}:{password}").as_bytes());
        let mut value = http::HeaderValue::try_from(format!("Basic {basic}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Whether an address is this one, or in this network: `10.0.0.0/8`.
fn is_in(address: IpAddr, entry: &str) -> bool {
    let (network, length) = match entry.split_once('/') {
        Some((network, length)) => (network, length.parse::<u32>().ok()),
        None => (entry, Some(128)),
    };
    let Some(length) = length else { return false };
    let network = network.trim_start_matches('[').trim_end_matches(']').parse();
    // Compared as numbers whose high bits are those of the address.
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    let rest = 128_u32.saturating_sub(length);
    let mask = u128::MAX.checked_shl(rest).unwrap_or_default();
    network.is_ok_and(|network: IpAddr| {
        network.is_ipv4() == address.is_ipv4() && (bits(network) ^ bits(address)) & mask == 0
    })
}

/// Whether a host is this domain, or below it. A port in the entry does not count.
fn is_below(host: &str, domain: &str) -> bool {
    let domain = domain.split(':').next().unwrap_or_default();
    let Some(at) = host.len().checked_sub(domain.len()) else { return false };
    let is_end = host.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(domain));
    !domain.is_empty() && is_end && (at == 0 || host.as_bytes()[at - 1] == b'.')
}

impl fmt::Debug for Proxies {
    /// Only which are set: a proxy may carry a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("all", &!self.all.is_empty())
            .field("http", &!self.http.is_empty())
            .field("https", &!self.https.is_empty())
            .field("no", &self.no)
            .finish()
    }
}

fn is_this_machine(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_on_the_way_is_the_one_that_is_set() {
        for (variables, to, expected) in [
            (&[("HTTPS_PROXY", "http://p:1")][..], "https://h/", Some("http://p:1/")),
            (&[("https_proxy", "p:1"), ("HTTPS_PROXY", "q:1")], "https://h/", Some("http://p:1/")),
            (&[("HTTPS_PROXY", "http://p:1")], "http://h/", None),
            (&[("HTTP_PROXY", "http://p:1")], "http://h/", Some("http://p:1/")),
            (&[("HTTP_PROXY", "http://p:1"), ("REQUEST_METHOD", "GET")], "http://h/", None),
            (&[("ALL_PROXY", "socks5://p:1")], "http://h/", Some("socks5://p:1/")),
            (&[("ALL_PROXY", "http://p:1"), ("NO_PROXY", "x, h")], "http://h/", None),
            (&[("ALL_PROXY", "http://p:1"), ("NO_PROXY", "h")], "http://a.h/", None),
            (&[("ALL_PROXY", "http://p:1"), ("NO_PROXY", "h")], "http://ah/", Some("http://p:1/")),
            (&[("ALL_PROXY", "http://p:1"), ("NO_PROXY", "10.0.0.0/8")], "http://10.1.2.3/", None),
            (&[("ALL_PROXY", "http://p:1"), ("no_proxy", "*")], "http://h/", None),
            (&[("ALL_PROXY", "http://p:1")], "http://localhost:4318/", None),
            (&[("ALL_PROXY", "http://p:1")], "http://127.0.0.9/", None),
            (&[("ALL_PROXY", "http://p:1")], "http://[::1]:4318/", None),
            (&[("ALL_PROXY", "http://p:1"), ("NO_PROXY", "10.1.2.3")], "http://10.1.2.3/", None),
            (
                &[("ALL_PROXY", "p:1"), ("NO_PROXY", "10.0.0.0/9")],
                "http://10.128.0.1/",
                Some("http://p:1/"),
            ),
            (&[("ALL_PROXY", "p:1"), ("NO_PROXY", "fd00::/8")], "http://[fd12::1]:4318/", None),
            (
                &[("ALL_PROXY", "p:1"), ("NO_PROXY", "fd00::/8")],
                "http://[fe12::1]/",
                Some("http://p:1/"),
            ),
            (&[("ALL_PROXY", "p:1"), ("NO_PROXY", "0.0.0.0/0")], "http://10.1.2.3/", None),
            (
                &[("ALL_PROXY", "p:1"), ("NO_PROXY", "10.0.0.0/x")],
                "http://10.1.2.3/",
                Some("http://p:1/"),
            ),
            (&[("ALL_PROXY", "p:1"), ("NO_PROXY", ".H.example:80")], "http://a.h.Example/", None),
            (&[("ALL_PROXY", "p:1"), ("NO_PROXY", ",,")], "http://h/", Some("http://p:1/")),
            (&[("ALL_PROXY", "nonsense://p")], "http://h/", Some("nonsense://p/")),
            (&[("ALL_PROXY", "http://")], "http://h/", None),
        ] {
            let proxies = Proxies::from(&|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            });
            let found = proxies.on_the_way(&to.parse().expect("a URL"));
            let found = found.map(|found| found.uri.to_string());
            assert_eq!(found.as_deref(), expected, "{variables:?} {to}");
        }
    }

    #[test]
    fn a_password_may_be_encoded() {
        let proxies =
            Proxies { all: "http://user%40home:a%3Ab@p".to_owned(), ..Proxies::default() };
        let proxy = proxies.on_the_way(&Uri::from_static("http://h/")).expect("a proxy");
        assert_eq!(proxy.user, Some(("user@home".to_owned(), "a:b".to_owned())));
        assert_eq!(proxy.authorization().expect("a header"), "Basic dXNlckBob21lOmE6Yg==");
    }

    #[test]
    fn a_password_is_not_shown() {
        let proxies = Proxies::from(&|_| Some("http://user:hunter2@p".to_owned()));
        let shown = format!("{:?}", Proxies { no: String::new(), ..proxies });
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
