//! Asking the HTTP API of a Prometheus.

use std::time::Duration;

use radiosonde_events::clean_for_terminal as clean;
use serde::Deserialize;
use serde_json::Value;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Error};

use crate::outcome::Stop;
use crate::render::text::shown;

/// A server, and what is sent with every question.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    url: String,
    headers: Vec<(String, String)>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The question is wrong.
    Question(String),
    /// The server, or the way to it.
    Server(String),
}

/// What it answered, and what it said besides.
#[derive(Debug, Default)]
pub(super) struct Answered {
    pub(super) series: Vec<Series>,
    pub(super) remarks: Vec<String>,
}

/// A series, by its labels, with its name as one of them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Series {
    #[serde(default)]
    pub(super) metric: std::collections::BTreeMap<String, String>,
    /// Seconds since 1970, and a number as text.
    #[serde(default)]
    pub(super) values: Vec<(f64, String)>,
}

#[derive(Debug, Default, Deserialize)]
struct Answer {
    #[serde(default)]
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Data {
    #[serde(default)]
    result: Vec<Series>,
}

impl Client {
    /// One for the server at an address.
    pub(super) fn new(url: &str, headers: &[String]) -> Result<Self, Stop> {
        let wrong = |what: &str| Stop::Usage(format!("{}: {what}", shown(url)));
        let is_tls = url.starts_with("https://");
        let rest = url.strip_prefix(if is_tls { "https://" } else { "http://" });
        let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
            return Err(wrong("the address of a Prometheus begins with http:// or https://"));
        };
        if rest.contains(['?', '#']) {
            return Err(wrong("write the address without what follows ? or #"));
        }
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            // Not repeated: it is a password.
            return Err(Stop::Usage(
                "an address with a password is seen by others: leave it out, and give --header \
                 'Authorization: Basic …'"
                    .to_owned(),
            ));
        }
        let headers = headers.iter().map(|header| parse(header)).collect::<Result<_, _>>()?;
        // Redirects are told, not followed: what goes with a question is for nobody else.
        let mut config = Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_global(Some(ANSWER_MAX))
            .user_agent(concat!("radiosonde/", env!("CARGO_PKG_VERSION")));
        if is_tls {
            config = config.tls_config(tls());
        }
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.build().new_agent(), url, headers })
    }

    /// The values of a query over a span of time, in seconds since 1970, so many seconds apart.
    pub(super) fn range(
        &self,
        query: &str,
        (from, to): (f64, f64),
        step: f64,
    ) -> Result<Answered, Refusal> {
        let form = [
            ("query", query.to_owned()),
            ("start", format!("{from:.3}")),
            ("end", format!("{to:.3}")),
            ("step", format!("{step:.3}")),
        ];
        let (status, location, body) = self.post("/api/v1/query_range", &form)?;
        self.judge(status, location.as_deref(), &body)
    }

    fn post(
        &self,
        path: &str,
        form: &[(&str, String)],
    ) -> Result<(StatusCode, Option<String>, Vec<u8>), Refusal> {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let form = form.iter().map(|(name, value)| (*name, value.as_str()));
        let mut response = request.send_form(form).map_err(|error| self.failed(&error))?;
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        let location = location.map(str::to_owned);
        let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
        Ok((response.status(), location, body.map_err(|error| self.failed(&error))?))
    }

    fn judge(
        &self,
        status: StatusCode,
        location: Option<&str>,
        body: &[u8],
    ) -> Result<Answered, Refusal> {
        let server = |what: String| Err(Refusal::Server(format!("{}: {what}", shown(&self.url))));
        if status.is_redirection() {
            let to = location.map_or(String::new(), |to| format!(" to {}", shown(to)));
            return server(format!("redirects{to}, which is not followed: give that address"));
        }
        let answer: Answer = match serde_json::from_slice(body) {
            Ok(answer) => answer,
            // An object of another shape, or none.
            Err(_) => {
                let is_json = serde_json::from_slice::<Value>(body).is_ok();
                let what = if is_json { "an answer that is not understood" } else { "no JSON" };
                let hint = hint(status).unwrap_or("is that the address of a Prometheus?");
                return server(format!("status {}, {what}: {hint}", status.as_u16()));
            }
        };
        let said = match answer.error_type.as_str() {
            "" => answer.error.clone(),
            kind => format!("{kind}: {}", answer.error),
        };
        match (answer.status.as_str(), answer.data) {
            ("success", Some(data)) if status.is_success() => Ok(Answered {
                series: data.result,
                remarks: answer.warnings.into_iter().chain(answer.infos).collect(),
            }),
            ("error", _) if ["bad_data", "execution"].contains(&answer.error_type.as_str()) => {
                Err(Refusal::Question(shown(&said)))
            }
            _ => {
                let hint = hint(status).map_or(String::new(), |hint| format!(": {hint}"));
                server(format!("status {}: {}{hint}", status.as_u16(), shown(&said)))
            }
        }
    }

    /// What kept an answer away.
    fn failed(&self, error: &Error) -> Refusal {
        let what = match error {
            Error::Timeout(_) => format!(
                "no answer within {} s: ask for less, or look at the server",
                ANSWER_MAX.as_secs()
            ),
            Error::HostNotFound => "no such host: look at the address".to_owned(),
            Error::BodyExceedsLimit(_) => format!(
                "an answer of more than {} MiB: narrow the query, such as by sum or topk",
                BODY_BYTES_MAX >> 20
            ),
            Error::Http(_) => return Refusal::Question(format!("{error}: look at --header")),
            other => clean(&other.to_string()).into_owned(),
        };
        Refusal::Server(format!("{}: {what}", shown(&self.url)))
    }
}

const fn hint(status: StatusCode) -> Option<&'static str> {
    match status.as_u16() {
        401 | 403 => Some("give what it asks for, such as --header 'Authorization: Bearer …'"),
        404 => Some("is that the address of a Prometheus?"),
        _ => None,
    }
}

/// `Name: value`
fn parse(header: &str) -> Result<(String, String), Stop> {
    // The value may be a secret, and is not repeated.
    let wrong = || Stop::Usage("a header is written as --header 'Name: value'".to_owned());
    let (name, value) = header.split_once(':').ok_or_else(wrong)?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
    let is_value = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte) || byte >= 0x80;
    if name.is_empty() || !name.bytes().all(is_name) || !value.bytes().all(is_value) {
        return Err(wrong());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// TLS with the certificates that the system trusts, or `SSL_CERT_FILE`.
fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<_> =
        found.certs.iter().map(|found| Certificate::from_der(found).to_owned()).collect();
    TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .unversioned_rustls_crypto_provider(rustls::crypto::ring::default_provider().into())
        .build()
}

const CONNECT_MAX: Duration = Duration::from_secs(5);
/// From the first byte of the question to the last of the answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
const BODY_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_headers_are_checked_before_anything_is_sent() {
        for url in ["", "localhost:9090", "ftp://x", "http://", "http://x/?a=1", "http://u:pw@x"] {
            let Err(Stop::Usage(told)) = Client::new(url, &[]) else { panic!("{url}") };
            assert!(!told.contains("pw"), "{told}");
        }
        for header in ["", "secret", ": secret", "a b: secret", "a: sec\nret", "a: sec\u{1b}ret"] {
            let Err(Stop::Usage(told)) = Client::new("http://x", &[header.to_owned()]) else {
                panic!("{header}")
            };
            assert!(!told.contains("sec"), "{told}");
        }
        let client = Client::new("https://x/prom/", &["X-Scope: a:b".to_owned()]).unwrap();
        assert_eq!(client.url, "https://x/prom");
        assert_eq!(client.headers, [("X-Scope".to_owned(), "a:b".to_owned())]);
    }
}
