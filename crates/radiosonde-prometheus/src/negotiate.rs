//! What a client wants, by its `Accept` and `Accept-Encoding`.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AsHeaderName};

use crate::format::Format;

/// A format and the version of it that was agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) format: Format,
    pub(crate) content_type: &'static str,
}

const TEXT: Agreed = Agreed { format: Format::Text, content_type: Format::Text.content_type() };

const OPEN: Agreed =
    Agreed { format: Format::OpenMetrics, content_type: Format::OpenMetrics.content_type() };

/// The draft: the same text, which older scrapers know by this version.
const OPEN_DRAFT: Agreed = Agreed {
    format: Format::OpenMetrics,
    content_type: "application/openmetrics-text; version=0.0.1; charset=utf-8",
};

/// What there is, in the order of preference among ranges that name them.
const OFFERS: [(Agreed, Media); 3] = [
    (OPEN, Media { media_type: "application", subtype: "openmetrics-text", version: "1.0.0" }),
    (
        OPEN_DRAFT,
        Media { media_type: "application", subtype: "openmetrics-text", version: "0.0.1" },
    ),
    (TEXT, Media { media_type: "text", subtype: "plain", version: "0.0.4" }),
];

struct Media {
    media_type: &'static str,
    subtype: &'static str,
    version: &'static str,
}

/// How exactly a range names what it allows, from `*/*` to a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Nothing,
    Type,
    Subtype,
    Version,
}

/// The format the client likes best; 0.0.4 when it says nothing, or nothing we have: a scraper that
/// asks in a way of its own still reads it.
pub(crate) fn format(headers: &HeaderMap) -> Agreed {
    let mut best = (0, Named::Nothing, TEXT);
    for (agreed, media) in OFFERS {
        // Of the ranges that allow it the most exact one has the say.
        let matched = values(headers, ACCEPT).flat_map(|value| split(value, ','));
        let matched =
            matched.filter_map(|range| media.matched(range)).max_by_key(|(named, _)| *named);
        let Some((named, quality)) = matched.filter(|(_, quality)| *quality > 0) else { continue };
        // Who takes anything gets what everything reads.
        let wildcard = named < Named::Subtype && best.1 == named && agreed.format == Format::Text;
        if (quality, named) > (best.0, best.1) || (quality == best.0 && wildcard) {
            best = (quality, named, agreed);
        }
    }
    best.2
}

impl Media {
    /// How exactly the range names it, and its quality in thousandths.
    fn matched(&self, range: &str) -> Option<(Named, u16)> {
        let mut parts = split(range, ';').map(str::trim);
        let (media_type, subtype) = parts.next()?.split_once('/')?;
        let (media_type, subtype) = (media_type.trim(), subtype.trim());
        let mut named = if media_type == "*" && subtype == "*" {
            Named::Nothing
        } else if !media_type.eq_ignore_ascii_case(self.media_type) {
            return None;
        } else if subtype == "*" {
            Named::Type
        } else if subtype.eq_ignore_ascii_case(self.subtype) {
            Named::Subtype
        } else {
            return None;
        };
        let mut quality = QUALITY_MAX;
        for parameter in parts {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = parse_quality(value)?,
                "version" if value == self.version => named = named.max(Named::Version),
                "version" => return None,
                // `escaping` and `charset`: our names need no escaping, and the text is UTF-8.
                _ => {}
            }
        }
        Some((named, quality))
    }
}

/// Whether the client wants gzip.
pub(crate) fn gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for coding in values(headers, ACCEPT_ENCODING).flat_map(|value| split(value, ',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let Some(quality) = quality.map_or(Some(QUALITY_MAX), parse_quality) else { continue };
        match name.as_str() {
            "gzip" | "x-gzip" => gzip = gzip.max(Some(quality)),
            "*" => any = Some(quality),
            "identity" => identity = Some(quality),
            _ => {}
        }
    }
    let quality = gzip.or(any).unwrap_or(0);
    quality > 0 && quality >= identity.unwrap_or(0)
}

/// Whether JSON is among what is accepted by name; `*/*` gets text.
pub(crate) fn json(headers: &HeaderMap) -> bool {
    values(headers, ACCEPT).flat_map(|value| split(value, ',')).any(|range| {
        let json = Media { media_type: "application", subtype: "json", version: "" };
        json.matched(range).is_some_and(|(named, quality)| named >= Named::Subtype && quality > 0)
    })
}

const QUALITY_MAX: u16 = 1000;

/// `0`, `0.5`, `1.000` in thousandths; nothing else is a quality.
fn parse_quality(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{part:0<3}").parse::<u16>().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(QUALITY_MAX),
        _ => None,
    }
}

fn values(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// The parts between separators that do not stand in quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        if escaped {
            escaped = false;
        } else if c == '\\' && quoted {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        }
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests;
