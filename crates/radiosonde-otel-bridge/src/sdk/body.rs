//! The body of a request, unpacked and within bounds.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, StatusCode};
use opentelemetry_http::{Bytes, Request};

use super::reason;

/// Bytes of a body, as it comes and unpacked. Stock exporters send no larger ones.
pub(super) const BODY_MAX: usize = 64 * 1024 * 1024;
/// Memory that unpacking may take besides, as a power of two: what a frame of zstd may refer back to.
const ZSTD_WINDOW_LOG_MAX: u32 = 26;

/// Why a body is refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) reason: &'static str,
    /// For people; nothing of the body is in it.
    pub(super) text: String,
    /// Records that were in it; one, where that is not known.
    pub(super) records: u64,
}

impl Refused {
    pub(super) fn new(status: StatusCode, reason: &'static str, text: impl Into<String>) -> Self {
        Self { status, reason, text: text.into(), records: 1 }
    }
}

/// The protobuf in a request.
pub(super) fn unpacked(request: &Request<Bytes>) -> Result<Cow<'_, [u8]>, Refused> {
    let unsupported = |reason, text| Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason, text);
    let content_type = text(request.headers(), &CONTENT_TYPE);
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-protobuf") {
        let text = "the body is no application/x-protobuf: use the protocol http/protobuf";
        return Err(unsupported(reason::CONTENT_TYPE, text));
    }
    let body = request.body().as_ref();
    if body.len() > BODY_MAX {
        return Err(too_large());
    }
    match text(request.headers(), &CONTENT_ENCODING).trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Cow::Borrowed(body)),
        "gzip" => read(MultiGzDecoder::new(body)),
        "zstd" => {
            let limited = |mut decoder: zstd::Decoder<'static, _>| {
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map(|()| decoder)
            };
            read(zstd::Decoder::with_buffer(body).and_then(limited).map_err(|_| malformed())?)
        }
        _ => {
            let text = "the body is packed by neither gzip nor zstd";
            Err(unsupported(reason::CONTENT_ENCODING, text))
        }
    }
}

/// Unpacks up to the largest body, and a byte more tells that there is more.
fn read(unpacking: impl Read) -> Result<Cow<'static, [u8]>, Refused> {
    let mut bytes = Vec::new();
    let read = unpacking.take(BODY_MAX as u64 + 1).read_to_end(&mut bytes);
    match read {
        Ok(length) if length > BODY_MAX => Err(too_large()),
        Ok(_) => Ok(Cow::Owned(bytes)),
        Err(_) => Err(malformed()),
    }
}

fn too_large() -> Refused {
    let text = format!("the body has more than {BODY_MAX} bytes: export smaller batches");
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, reason::TOO_LARGE, text)
}

fn malformed() -> Refused {
    let text = "the body cannot be unpacked";
    Refused::new(StatusCode::BAD_REQUEST, reason::MALFORMED, text)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
