//! Proxies, as their variables say.

use std::fmt;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

/// What `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in upper or lower case; the lower
/// one counts first, as with curl.
///
/// A proxy is `http://host:port`, `https://…` or `socks5://…`, with `user:password@` if it wants them.
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
    pub(super) fn on_the_way(&self, to: &Uri) -> Option<Intercept> {
        if to.host().is_none_or(is_this_machine) {
            return None;
        }
        let matcher = Matcher::builder().all(self.all.as_str()).http(self.http.as_str());
        let matcher = matcher.https(self.https.as_str()).no(self.no.as_str()).build();
        matcher.intercept(to)
    }
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
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    match address {
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
            (&[("ALL_PROXY", "nonsense://p")], "http://h/", None),
        ] {
            let proxies = Proxies::from(&|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            });
            let found = proxies.on_the_way(&to.parse().expect("a URL"));
            let found = found.map(|found| found.uri().to_string());
            assert_eq!(found.as_deref(), expected, "{variables:?} {to}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let proxies = Proxies::from(&|_| Some("http://user:hunter2@p".to_owned()));
        let shown = format!("{:?}", Proxies { no: String::new(), ..proxies });
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
