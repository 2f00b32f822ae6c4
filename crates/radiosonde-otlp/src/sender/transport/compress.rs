//! Smaller requests, and answers that were made smaller.

use std::io::{self, Read as _, Write as _};

use super::ANSWER_MAX;
use crate::destination::Compression;

/// Level of zstd: its own default costs three times as much for little.
const ZSTD_LEVEL: i32 = 1;

/// The name of the encoding, and what it makes. What cannot be compressed goes as it is.
pub(super) fn compressed(
    compression: Compression,
    body: Vec<u8>,
) -> (Option<&'static str>, Vec<u8>) {
    let made = match compression {
        Compression::None => return (None, body),
        Compression::Gzip => gzipped(&body).map(|made| ("gzip", made)),
        Compression::Zstd => zstd::encode_all(&body[..], ZSTD_LEVEL).map(|made| ("zstd", made)),
    };
    match made {
        Ok((name, made)) => (Some(name), made),
        Err(_) => (None, body),
    }
}

fn gzipped(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let made = Vec::with_capacity(bytes.len() / 4);
    let mut encoder = flate2::write::GzEncoder::new(made, flate2::Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// At most [`ANSWER_MAX`] bytes of it; more is an error.
pub(super) fn gunzipped(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut made = Vec::new();
    let most = ANSWER_MAX as u64 + 1;
    let read = flate2::read::MultiGzDecoder::new(bytes).take(most).read_to_end(&mut made)?;
    if read > ANSWER_MAX {
        return Err(io::Error::other("an answer that is too large"));
    }
    Ok(made)
}
