//! URLs without their secrets.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::OnceLock;

use http::Uri;
use radiosonde_redact::{REDACTED, Rules};
use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};

/// Signatures of object stores, which the conventions name and the rules for keys do not know.
const SIGNATURES: [&str; 5] =
    ["x-amz-signature", "x-amz-credential", "x-amz-security-token", "sig", "x-goog-signature"];

/// Keys longer than this are hidden unread: no parameter is called so.
const KEY_BYTES_MAX: usize = 256;

/// Keys a thread remembers, and how long they are at most. Two that want the same place take turns.
const PLACES: usize = 128;
const KEPT_BYTES_MAX: usize = 64;

static SECRETS: RapidSecrets = RapidSecrets::seed(0x0071_7565_7279);

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
    key.len() > KEY_BYTES_MAX || known(key)
}

thread_local! {
    static KNOWN: RefCell<Vec<(String, bool)>> = const { RefCell::new(Vec::new()) };
}

/// Whether a key names a secret, as this thread has found out before.
fn known(key: &str) -> bool {
    if key.len() > KEPT_BYTES_MAX {
        return names_secret(key);
    }
    let find = |known: &RefCell<Vec<(String, bool)>>| {
        let mut known = known.try_borrow_mut().ok()?;
        if known.is_empty() {
            known.resize_with(PLACES, Default::default);
        }
        let hash = rapidhash_v3_inline::<true, false, false>(key.as_bytes(), &SECRETS);
        let (text, is_secret) = known.get_mut(hash as usize % PLACES)?;
        // An empty place answers for the empty key, which names nothing.
        if text != key {
            *is_secret = names_secret(key);
            text.clear();
            text.push_str(key);
        }
        Some(*is_secret)
    };
    // An error means that the thread is ending.
    let found = KNOWN.try_with(find).ok().flatten();
    found.unwrap_or_else(|| names_secret(key))
}

fn names_secret(key: &str) -> bool {
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
