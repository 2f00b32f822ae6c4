//! URLs without their secrets.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::OnceLock;

use http::Uri;
use radiosonde_redact::{REDACTED, Rules};
use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};

/// Parameters of queries that the rules for keys do not know: signatures of object stores, which the
/// conventions name, and what signs a user in, sessions of the usual frameworks with it. `code` is hidden
/// whatever it is: that of OAuth stands alone where the client sent no `state`.
const SECRET_NAMES: [&str; 22] = [
    "asp.net_sessionid",
    "assertion",
    "awsaccesskeyid",
    "client_assertion",
    "code",
    "connect.sid",
    "jsessionid",
    "key",
    "key-pair-id",
    "phpsessid",
    "policy",
    "samlresponse",
    "sessionid",
    "sid",
    "sig",
    "signature",
    "ticket",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-goog-credential",
    "x-goog-signature",
];

/// How often keys and values are decoded to look into them; what is encoded more often is hidden.
const DECODINGS_MAX: usize = 4;

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
    if query.split('&').all(is_plain) {
        return Cow::Borrowed(query);
    }
    let by_key = if query.split('&').any(is_secret) {
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            _ if !is_secret(pair) => Cow::Borrowed(pair),
            Some((key, _)) if !key_hides_secret(key) => Cow::Owned(format!("{key}={REDACTED}")),
            _ => Cow::Borrowed(REDACTED),
        });
        Cow::Owned(pairs.collect::<Vec<_>>().join("&"))
    } else {
        Cow::Borrowed(query)
    };
    redacted_text(by_key)
}

/// A path without what is a secret wherever it stands, as whoever receives it reads it: a segment
/// that hides one goes as a whole.
pub(crate) fn redacted_path(path: &str) -> Cow<'_, str> {
    // Most have neither something coded nor a `=`, without which the rules let a short text through.
    let is_read = |byte: &u8| matches!(byte, b'%' | b'{' | b'[');
    if !path.as_bytes().iter().any(is_read) && !rules().may_match(path) {
        return Cow::Borrowed(path);
    }
    let is_suspicious = |segment: &str| segment.contains(['%', '=', '{', '[']);
    let hides = |segment: &str| is_suspicious(segment) && hides_secret("", segment);
    let shown = if path.split('/').any(hides) {
        let segments = path.split('/').map(|text| if hides(text) { REDACTED } else { text });
        Cow::Owned(segments.collect::<Vec<_>>().join("/"))
    } else {
        Cow::Borrowed(path)
    };
    let shown = redacted_text(shown);
    // One that reaches over a border of segments cannot be told from the rest.
    match rules().redact(&decoded(&shown), &mut |_| ()) {
        Some(_) => Cow::Borrowed(REDACTED),
        None => shown,
    }
}

/// A text without what is a secret wherever it stands.
fn redacted_text(text: Cow<'_, str>) -> Cow<'_, str> {
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
    url.push_str(&redacted_path(uri.path()));
    if let Some(query) = uri.query() {
        url.push('?');
        url.push_str(&redacted_query(query));
    }
    url
}

/// Whether a parameter is of words, such as `page=2`, none of which a rule could be for. The rules for
/// values read whatever has a `=` in it, which every query has, as closely as they can.
fn is_plain(pair: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let is_word = |text: &str| text.bytes().all(is_part) && !rules().may_match(text);
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    is_word(key) && is_word(value) && (value.is_empty() || known(key) == Name::Plain)
}

/// What a parameter is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    #[default]
    Plain,
    /// Whether its value is a secret depends on how it looks.
    Suspicious,
    Secret,
}

impl Name {
    fn of(key: &str) -> Self {
        // Looks random, and is no secret by itself.
        const VALUE: &str = "q7ZkP3nX9wLm2vRt8sYd";
        if names_secret(key) {
            Self::Secret
        } else if rules().matches(&format!("a=1&{key}={VALUE}")) {
            Self::Suspicious
        } else {
            Self::Plain
        }
    }
}

/// Whether the value of a parameter must not be shown.
fn is_secret(pair: &str) -> bool {
    let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !is_json_like(key)) else {
        return hides_secret("", pair);
    };
    if key_hides_secret(key) {
        return true;
    }
    let is_named = key.len() > KEY_BYTES_MAX || known(key) == Name::Secret;
    !value.is_empty() && (is_named || hides_secret(key, value))
}

/// Whether what stands before the first `=` is no name, but hides a secret once it is decoded, or is
/// the beginning of JSON that does.
fn key_hides_secret(key: &str) -> bool {
    is_json_like(key) || key.contains('%') && hides_secret("", key)
}

/// Whether a text looks like an object or an array of JSON, however often its first character is
/// encoded.
fn is_json_like(text: &str) -> bool {
    let text = text.trim_start_matches([' ', '+']);
    let coded = text.strip_prefix('%').map(|rest| rest.trim_start_matches("25").as_bytes());
    text.starts_with(['{', '[']) || matches!(coded, Some([b'5' | b'7', b'b' | b'B', ..]))
}

/// Whether a value is a secret, or a URL or JSON with one in it, once it is decoded.
fn hides_secret(key: &str, value: &str) -> bool {
    let mut value = Cow::Borrowed(value);
    for _ in 0..DECODINGS_MAX {
        let has_secret = |part: &str| match part.split_once('=') {
            Some((key, value)) => !value.is_empty() && known(key) == Name::Secret,
            None => false,
        };
        if value.contains('=') && value.split(['?', '&', '#', ';']).any(has_secret) {
            return true;
        }
        if is_json_like(&value) && rules().redact_json("", &value, &mut |_| ()).is_some() {
            return true;
        }
        let decoded = decoded(&value);
        if decoded == value {
            return false;
        }
        if rules().matches(&decoded) || rules().matches(&format!("a=1&{key}={decoded}")) {
            return true;
        }
        value = Cow::Owned(decoded.into_owned());
    }
    true
}

thread_local! {
    static KNOWN: RefCell<Vec<(String, Name)>> = const { RefCell::new(Vec::new()) };
}

/// What a key is, as this thread has found out before.
fn known(key: &str) -> Name {
    if key.len() > KEPT_BYTES_MAX {
        return Name::of(key);
    }
    let find = |known: &RefCell<Vec<(String, Name)>>| {
        let mut known = known.try_borrow_mut().ok()?;
        if known.is_empty() {
            known.resize_with(PLACES, Default::default);
        }
        let hash = rapidhash_v3_inline::<true, false, false>(key.as_bytes(), &SECRETS);
        let (text, name) = known.get_mut(hash as usize % PLACES)?;
        // An empty place answers for the empty key, which names nothing.
        if text != key {
            *name = Name::of(key);
            text.clear();
            text.push_str(key);
        }
        Some(*name)
    };
    // An error means that the thread is ending.
    let found = KNOWN.try_with(find).ok().flatten();
    found.unwrap_or_else(|| Name::of(key))
}

fn names_secret(key: &str) -> bool {
    let mut key = Cow::Borrowed(key);
    for _ in 0..=DECODINGS_MAX {
        let name = key.trim();
        if SECRET_NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
            || rules().rule_for_key(name).is_some()
        {
            return true;
        }
        let decoded = decoded(&key);
        if decoded == key {
            return false;
        }
        key = Cow::Owned(decoded.into_owned());
    }
    true
}

/// A text of a query as whoever receives it reads it: `%74oken` is `token`, and `+` a space.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match code.filter(|_| *byte == b'%') {
            Some(code) => {
                bytes.push(code);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *byte == b'+' { b' ' } else { *byte });
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
            ("AWSAccessKeyId=AB&Signature=ab", "AWSAccessKeyId=[redacted]&Signature=[redacted]"),
            ("X-Goog-Credential=a&Policy=b", "X-Goog-Credential=[redacted]&Policy=[redacted]"),
            ("code=ab12&state=1", "code=[redacted]&state=1"),
            ("code=ab12", "code=[redacted]"),
            ("key=ab&Key-Pair-Id=1", "key=[redacted]&Key-Pair-Id=[redacted]"),
            ("SAMLResponse=PHN&sessionid=1", "SAMLResponse=[redacted]&sessionid=[redacted]"),
            ("+token=abc", "+token=[redacted]"),
            ("card=4111%201111+1111%201111", "card=[redacted]"),
            ("4111+1111+1111+1111", "[redacted]"),
            ("next=%2Fcb%3Ftoken%3DSECRET&a=1", "next=[redacted]&a=1"),
            ("next=%252Fcb%253Ftoken%253DSECRET", "next=[redacted]"),
            ("next=/cb?sig=SECRET", "next=[redacted]"),
            ("next=%2Fcb%3Fpage%3D2", "next=%2Fcb%3Fpage%3D2"),
            ("q=hello+world%21", "q=hello+world%21"),
            ("q=100%", "q=100%"),
            ("q=%2525252525", "q=[redacted]"),
            ("Sig=abc&x=1", "Sig=[redacted]&x=1"),
            ("X-Amz-Signature=0f", "X-Amz-Signature=[redacted]"),
            ("token=", "token="),
            ("token", "token"),
            ("token_count=3", "token_count=3"),
            ("a=b=c&&=&%", "a=b=c&&=&%"),
            ("token=a=b", "token=[redacted]"),
            ("token%3Dabc=1&a=1", "[redacted]&a=1"),
            ("token%3Dabc=", "[redacted]"),
            ("a=1%26token%3Dabc", "a=[redacted]"),
            ("a%26token%253Dabc=1", "[redacted]"),
            ("4111%201111%201111%201111=1", "[redacted]"),
            ("a%20b=1", "a%20b=1"),
            ("%2574oken=abc&a=1", "%2574oken=[redacted]&a=1"),
            ("%25252574oken=abc", "[redacted]"),
            ("variables=%7B%22password%22%3A%22abc%22%7D&a=1", "variables=[redacted]&a=1"),
            ("variables=%257B%22password%22%3A%22abc%22%7D", "variables=[redacted]"),
            ("variables={\"password\":\"abc\"}", "variables=[redacted]"),
            ("v=%20[{\"in\":{\"api_key\":\"abc\"}}]", "v=[redacted]"),
            ("{\"password\":\"abc\"}", "[redacted]"),
            ("{\"password\":\"a=b\"}&a=1", "[redacted]&a=1"),
            ("%7B%22password%22%3A%22a=b%22%7D", "[redacted]"),
            ("%7B%22password%22%3A%22a%3Db%22%7D", "[redacted]"),
            ("+%255b%7b%22password%22:%22a=b%22%7D]", "[redacted]"),
            ("variables=%7B%22page%22%3A2%7D", "variables=%7B%22page%22%3A2%7D"),
            ("query={user{name}}", "query={user{name}}"),
            ("ids[]=1&filter[name]=x", "ids[]=1&filter[name]=x"),
            ("jsessionid=abc&PHPSESSID=abc", "jsessionid=[redacted]&PHPSESSID=[redacted]"),
            ("sid=abc&ticket=ST-1", "sid=[redacted]&ticket=[redacted]"),
            (
                "assertion=abc&client_assertion=abc",
                "assertion=[redacted]&client_assertion=[redacted]",
            ),
            (
                "connect.sid=abc&ASP.NET_SessionId=1",
                "connect.sid=[redacted]&ASP.NET_SessionId=[redacted]",
            ),
            ("side=left&tickets=2", "side=left&tickets=2"),
            ("", ""),
        ];
        for (query, shown) in table {
            assert_eq!(redacted_query(query), shown, "{query}");
        }
        let jwt =
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
        for dot in [".", "%2E", "%2e", "%252E"] {
            let shown = redacted_query(&format!("a={}", jwt.replace('.', dot))).into_owned();
            assert!(!shown.contains("dozjg"), "{shown}");
        }
        let long = format!("{}=secret", "k".repeat(KEY_BYTES_MAX + 1));
        assert!(!redacted_query(&long).contains("secret"));
    }

    #[test]
    fn what_is_let_through_at_once_is_what_the_rules_let_through() {
        let keys = ["page", "code", "sig", "signature", "token", "pwd", "key", "state", "x.token"];
        let values = ["2", "name", "a-b_c.d", "q7ZkP3nX9wLm2vRt8sYd", "4111-1111-1111-1111"];
        let mut plain = 0;
        for key in keys {
            for value in values {
                for query in [format!("{key}={value}"), format!("a=1&{key}={value}&b=2")] {
                    if query.split('&').all(is_plain) {
                        plain += 1;
                        assert!(!names_secret(key) && !rules().matches(&query), "{query}");
                        assert!(!rules().matches(&format!("/path?{query}")), "{query}");
                    }
                }
            }
        }
        assert!(plain > 0);
        for query in ["", "page=2&sort=name&limit=50", "q", "q=", "a=1&&b=2"] {
            assert!(query.split('&').all(is_plain), "{query}");
        }
        assert!(!rules().matches("q7ZkP3nX9wLm2vRt8sYd"), "only with a name");
    }

    #[test]
    fn secrets_of_a_path_are_hidden_with_their_segment() {
        let table = [
            ("/", "/"),
            ("*", "*"),
            ("/users/4711", "/users/4711"),
            ("/a%20b/%E4/c%2Fd", "/a%20b/%E4/c%2Fd"),
            ("/100%/%/%2", "/100%/%/%2"),
            ("/page=2/x", "/page=2/x"),
            ("/cards/4111%201111%201111%201111/x", "/cards/[redacted]/x"),
            ("/cards/4111%2D1111%2D1111%2D1111", "/cards/[redacted]"),
            ("/cb%3Ftoken%3Dabc/x", "/[redacted]/x"),
            ("/cb%253Ftoken%253Dabc", "/[redacted]"),
            ("/cb%3Ftoken=abc", "/[redacted]"),
            ("/a;sig=abc/x", "/[redacted]/x"),
            ("/x%2525252525", "/[redacted]"),
            ("/a;jsessionid=abc", "/[redacted]"),
            ("/a;JSESSIONID=abc/x", "/[redacted]/x"),
            ("/a%3Bjsessionid%3Dabc/x", "/[redacted]/x"),
            ("/q/%7B%22password%22%3A%22abc%22%7D", "/q/[redacted]"),
            ("/q/{\"password\":\"abc\"}/x", "/q/[redacted]/x"),
            ("/q/%7B%22page%22%3A2%7D", "/q/%7B%22page%22%3A2%7D"),
            ("/cb%253F%252574oken=abc", "/[redacted]"),
            ("/fetch/http%3A%2F%2Fme:pw@example.org/x", "/fetch/[redacted]/x"),
            ("/fetch/http:/%2Fme:pw@example.org/x", "[redacted]"),
        ];
        for (path, shown) in table {
            assert_eq!(redacted_path(path), shown, "{path}");
        }
        let jwt =
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
        for dot in [".", "%2E", "%252e"] {
            let shown = redacted_path(&format!("/reset/{}/x", jwt.replace('.', dot))).into_owned();
            assert!(!shown.contains("dozjg") && shown.starts_with("/reset/"), "{shown}");
        }
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
            ("http://example.org/cb%3Ftoken%3Dabc?a=1", "http://example.org/[redacted]?a=1"),
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
