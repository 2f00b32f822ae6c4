//! What a file is, by its first bytes.

use std::io;
use std::path::Path;

use crate::foreign::input::Input;

/// A form that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Gzip,
    Zstd,
    /// Or anything else that nothing is known of.
    Text,
}

impl Format {
    /// That of what begins like this; an error for what is not read, which says what to do.
    pub(crate) fn of(head: &[u8]) -> io::Result<Self> {
        let refused = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        match head {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            _ => match packed(head) {
                Some((by, unpack)) => refused(format!(
                    "is compressed by {by}, which is not read: `{unpack} FILE | radiosonde logs -`"
                )),
                None if matches!(head, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) => refused(
                    "is UTF-16: convert it to UTF-8, as by `iconv -f UTF-16 -t UTF-8`".to_owned(),
                ),
                None => Ok(Self::Text),
            },
        }
    }

    /// That of a file that can be looked at; text where it cannot.
    pub(crate) fn of_file(path: &Path) -> Self {
        let input = Input::found(path);
        input.and_then(|input| input.format()).unwrap_or(Self::Text)
    }
}

/// Which other program compressed what begins like this, and what takes it apart.
fn packed(head: &[u8]) -> Option<(&'static str, &'static str)> {
    Some(match head {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("xz", "xz -dc"),
        // What follows are six digits, of pi or of its square root.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, ..] => ("bzip2", "bzip2 -dc"),
        [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => ("lz4", "lz4 -dc"),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => {
            ("zip", "unzip -p")
        }
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => ("7-Zip", "7z x -so"),
        [b'L', b'Z', b'I', b'P', 0 | 1, ..] => ("lzip", "lzip -dc"),
        [0x5d, 0, 0, ..] => ("lzma", "xz -dc"),
        [0x89, b'L', b'Z', b'O', 0, ..] => ("lzop", "lzop -dc"),
        [0x1f, 0x9d, ..] => ("compress", "gzip -dc"),
        [0xff, 6, 0, 0, b's', b'N', b'a', b'P', ..] => ("Snappy", "snzip -dc"),
        _ => return None,
    })
}

/// As many of the first bytes as tell what a file is.
pub(super) const HEAD_BYTES: usize = 8;
