//! URLs without their secrets.

use std::borrow::Cow;
use std::sync::OnceLock;

use http::Uri;
use radiosonde_redact::{REDACTED, Rules};

/// Signatures of object stores, which the conventions name and the rules for keys do not know.
const SIGNATURES: [&str; 5] =
    ["x-amz-signature", "x-amz-credential", "x-amz-security-token", "sig", "x-goog-signature"];

/// Keys longer than this are hidden unread: no parameter is called so.
const KEY_BYTES_MAX: usize = 256;

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(Rules::standard)
}

/// A query without the values of parameters whose names say that they are secret, and without what
/// is a secret wherever it stands.
pub(crate) fn redacted_query(query: &str) -> Cow<'_, str> {
    let by_key = if query.split('&').any(is_secret) {
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((key, _)) if is_secret(pair) => Cow::Owned(format!("{key}={REDACTED}")),
            _ => Cow::Borrowed(pair),
        });
        Cow::Owned(pairs.collect::<Vec<_>>().join("&"))
    } else {
        Cow::Borrowed(query)
    };
    redacted_text(by_key)
}

/// A text without what is a secret wherever it stands.
pub(crate) fn redacted_text(text: Cow<'_, str>) -> Cow<'_, str> {
    match rules().redact(&text, &mut |_| ()) {
        Some(redacted) => Cow::Owned(redacted),
        None => text,
    }
}

/// `url.full` of a request: without user and password, and with its query redacted.
pub(crate) fn redacted_url(uri: &Uri) -> String {
    let mut url = String::with_capacity(128);
    if let Some(scheme) = uri.scheme_str() {
        url.push_str(scheme);
        url.push_str("://");
    }
    if let Some(authority) = uri.authority() {
        let authority = authority.as_str();
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                url.push_str(REDACTED);
                url.push('@');
                url.push_str(host);
            }
            None => url.push_str(authority),
        }
    }
    url.push_str(&redacted_text(Cow::Borrowed(uri.path())));
    if let Some(query) = uri.query() {
        url.push('?');
        url.push_str(&redacted_query(query));
    }
    url
}

/// Whether the value of a parameter must not be shown.
fn is_secret(pair: &str) -> bool {
    let Some((key, value)) = pair.split_once('=') else { return false };
    if value.is_empty() {
        return false;
    }
    if key.len() > KEY_BYTES_MAX {
        return true;
    }
    let key = decoded(key);
    SIGNATURES.iter().any(|name| name.eq_ignore_ascii_case(&key))
        || rules().rule_for_key(&key).is_some()
}

/// A key with its percent signs resolved: `%74oken` is `token` to whoever receives it.
fn decoded(key: &str) -> Cow<'_, str> {
    if !key.contains('%') {
        return Cow::Borrowed(key);
    }
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let [byte, after @ ..] = rest {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match code.filter(|_| *byte == b'%') {
            Some(code) => {
                bytes.push(code);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_query_are_hidden_and_nothing_else() {
        let table = [
            ("page=2&sort=name", "page=2&sort=name"),
            ("token=abc&page=2", "token=[redacted]&page=2"),
            ("page=2&api_key=abc", "page=2&api_key=[redacted]"),
            ("%74oken=abc", "%74oken=[redacted]"),
            ("%74%6F%6b%65%6e=abc", "%74%6F%6b%65%6e=[redacted]"),
            ("Sig=abc&x=1", "Sig=[redacted]&x=1"),
            ("X-Amz-Signature=0f", "X-Amz-Signature=[redacted]"),
            ("token=", "token="),
            ("token", "token"),
            ("token_count=3", "token_count=3"),
            ("a=b=c&&=&%", "a=b=c&&=&%"),
            ("token=a=b", "token=[redacted]"),
            ("", ""),
        ];
        for (query, shown) in table {
            assert_eq!(redacted_query(query), shown, "{query}");
        }
        let long = format!("{}=secret", "k".repeat(KEY_BYTES_MAX + 1));
        assert!(!redacted_query(&long).contains("secret"));
    }

    #[test]
    fn a_url_keeps_its_host_and_loses_its_password() {
        let table = [
            ("http://example.org/a?b=c", "http://example.org/a?b=c"),
            ("http://user:pw@example.org:81/a", "http://[redacted]@example.org:81/a"),
            (
                "https://example.org/?access_token=x&y=1",
                "https://example.org/?access_token=[redacted]&y=1",
            ),
            ("/only/path", "/only/path"),
        ];
        for (uri, shown) in table {
            assert_eq!(redacted_url(&uri.parse().expect("a URI")), shown);
        }
    }

    #[test]
    fn a_key_that_is_not_utf_8_is_no_trouble() {
        for key in ["%ff%fe", "%", "%2", "%zz", "%e4%f6"] {
            let _shown = redacted_query(&format!("{key}=1"));
        }
    }
}
