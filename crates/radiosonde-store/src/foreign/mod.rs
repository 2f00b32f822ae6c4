//! Files of other programs: compressed whole by `gzip` or `zstd`, under any name, or standard input.
//!
//! What a file is, its first bytes tell and not its name: gzip, zstd, or text. It is read once, from
//! the beginning on, and given out as the other readers do, with places in what it holds. Nothing
//! inside is unpacked again.
//!
//! # Formats
//!
//! | format | read | refused |
//! | --- | --- | --- |
//! | gzip (feature `gzip`) | any number of members, zeros behind them | other bytes behind them |
//! | zstd | any number of frames, of any length, with or without checksums, and skippable ones | windows over 128 MiB, dictionaries |
//! | text | UTF-8, with or without a mark for the order of bytes, lines ended by LF or CR LF | UTF-16 |
//! | of xz, bzip2, lz4, zip, 7-Zip, lzip, lzma, lzop, compress, Snappy | | all, with what unpacks it |
//!
//! Nobody writes on in these files: a last line without its break is a line like any other, and one
//! that was cut off is told. So is the first line where it is no text, whatever is looked for: nobody
//! knows what such a file holds. A day file in plain form is read by its first bytes as well.
//!
//! A zstd file that has an index of ours, or that is made of frames of 17 MiB at most, goes to
//! [`sealed::Reader`](crate::sealed::Reader), which passes over a damaged frame. Here, damage ends it:
//! what stands before is given out, and the error says at which byte of the compressed file. Either
//! has its checksum at the end of a member or frame: a byte that was changed may be noticed no sooner
//! than there, when the lines were given out.
//!
//! # What is named, and what is found
//!
//! | | named in [`Query::dirs`](crate::Query::dirs) | found in a directory |
//! | --- | --- | --- |
//! | file | read, whatever its name | read, if its name is one of a day file |
//! | symbolic link | followed | to a file, under such a name: refused |
//! | directory | its files are read; one behind a link as well | passed over; under such a name: refused |
//! | pipe (`--dir <(ssh host cat file)`) | read, waiting for who writes | refused, never waited for |
//! | `-` | standard input, once in a process | |
//! | device, socket | refused | refused |
//! | file without a length, as in `/proc` | its first 64 MiB | empty |
//! | nothing, or nothing that may be read | refused | refused, but for day files that were just removed |
//!
//! What is refused is named in [`Reading::unreadable`](crate::query::Reading::unreadable), with the
//! reason, and everything else is read. A file that is replaced while it is read was read as it was;
//! one that is cut off meanwhile is named with the place where it ended. Files are read one after the
//! other, whatever the limit of open ones.
//!
//! A directory that is named twice counts once, also by another path. Where a day file stands beside
//! one that `gzip` made of it, the lines are given out once: the two are compared. Where they differ,
//! both are read; one that ends early and is the same up to there is that of a `gzip` at work.
//!
//! # Memory and work
//!
//! Two blocks of 256 KiB, the longest line, and of zstd the window, 128 MiB at most and as a rule 8.
//! A file is given up, with the lines before, where a GiB has no line break, and where it holds more
//! than a GiB and two thousand times what it takes: no telemetry is that alike.

mod format;
#[cfg(feature = "gzip")]
mod gzip;
mod input;
mod reader;
mod same;
mod unpack;
mod zstd;

pub use crate::foreign::reader::Reader;

pub(crate) use crate::foreign::format::Format;
pub(crate) use crate::foreign::input::{Named, resolve};
pub(crate) use crate::foreign::same::{Same, holds_the_same};

#[cfg(feature = "gzip")]
#[cfg(test)]
mod tests;
