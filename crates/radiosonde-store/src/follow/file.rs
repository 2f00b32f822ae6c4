//! One file that is followed, in whichever form it is.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Instant, SystemTime};

use crate::names::DayFile;
use crate::reader::{Chunk, Damage, LINE_BYTES_MAX, open_plain};
use crate::sealed::{self, Wanted};

/// A file, and how far it was read.
#[derive(Debug)]
pub(super) struct Followed {
    /// Its name, as a day file.
    pub(super) day: DayFile,
    /// Which file it is, whatever its name; `None` for a sealed one.
    pub(super) identity: Option<Identity>,
    content: Content,
    /// Where reading goes on: behind the last whole line.
    position: u64,
    /// Where it was begun, which in a file that was there before is not its beginning.
    begun_at: u64,
    /// How it began then.
    head: Vec<u8>,
    /// How long it was when it was looked at, or read to its end.
    length: u64,
    /// How long it was when it was read to its end.
    read_to: Option<u64>,
    /// A line has been too long, and its end has not been found.
    is_in_overlong: bool,
    /// Nobody writes to it any more: no name leads to it, or it is sealed.
    is_complete: bool,
    is_finished: bool,
    /// Somebody made it shorter.
    is_truncated: bool,
    /// That it cannot be read was said.
    pub(super) is_told: bool,
    /// When something was found in it.
    pub(super) active: Instant,
}

#[derive(Debug)]
enum Content {
    Closed,
    Plain(File),
    Sealed(Box<sealed::Reader>),
}

/// A part of a file.
pub(super) enum Piece<'a> {
    Damaged(Damage),
    /// The end of a file nobody writes to any more.
    HalfLine(&'a [u8]),
    Lines {
        offset: u64,
        bytes: &'a [u8],
        /// Lines before this place may have been given out before following began.
        old_until: u64,
    },
    Overlong {
        offset: u64,
    },
    /// Of a line that is too long.
    Passed {
        bytes: u64,
    },
    /// The file got shorter than it had been read.
    Truncated {
        from: u64,
        to: u64,
    },
}

/// How a reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// There is more.
    Early,
    /// There is nothing more now.
    AtEnd,
}

/// What tells one file from another of its name: where it is, and since when, as numbers of files are
/// given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    number: u64,
    created: Option<SystemTime>,
}

impl Identity {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let (device, number) = (metadata.dev(), metadata.ino());
        Self { device, number, created: metadata.created().ok() }
    }

    #[cfg(not(unix))]
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: 0, number: 0, created: metadata.created().ok() }
    }
}

impl Followed {
    /// A plain file of which nothing was read.
    pub(super) fn plain(day: DayFile, found: &Metadata, now: Instant) -> Self {
        let identity = Some(Identity::of(found));
        Self { identity, length: found.len(), ..Self::new(day, Content::Closed, now) }
    }

    /// A sealed file.
    ///
    /// # Errors
    /// As [`sealed::Reader::open`].
    pub(super) fn sealed(
        day: DayFile,
        path: &Path,
        wanted: &Wanted,
        now: Instant,
    ) -> io::Result<Self> {
        let content = Content::Sealed(open_sealed(path, wanted)?);
        Ok(Self { is_complete: true, ..Self::new(day, content, now) })
    }

    fn new(day: DayFile, content: Content, active: Instant) -> Self {
        Self {
            day,
            identity: None,
            content,
            position: 0,
            begun_at: 0,
            head: Vec::new(),
            length: 0,
            read_to: None,
            is_in_overlong: false,
            is_complete: false,
            is_finished: false,
            is_truncated: false,
            is_told: false,
            active,
        }
    }

    /// Goes on behind the last whole line there is now. Returns where that is.
    pub(super) fn skip_to_end(&mut self, path: &Path) -> io::Result<u64> {
        let (file, length) = open_plain(path)?;
        self.position = end_of_lines(&file, length)?;
        (self.begun_at, self.length, self.head) = (self.position, length, head_of(&file)?);
        self.content = Content::Plain(file);
        Ok(self.position)
    }

    /// A look at the file by its name.
    pub(super) fn found_as(&mut self, day: DayFile, found: &Metadata) {
        (self.day, self.is_complete) = (day, false);
        if !self.is_open() {
            self.length = found.len();
        }
    }

    /// No name leads to it any more.
    pub(super) fn lost_its_name(&mut self) {
        self.is_complete = true;
    }

    /// It is there in its sealed form now, and goes on where it was.
    ///
    /// # Errors
    /// As [`sealed::Reader::open`].
    pub(super) fn go_on_sealed(&mut self, path: &Path, wanted: &Wanted) -> io::Result<()> {
        self.content = Content::Sealed(open_sealed(path, wanted)?);
        (self.identity, self.read_to) = (None, None);
        Ok(())
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self.content, Content::Closed)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// How far it was read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Whether something of it is known that was not read.
    pub(super) fn has_unread(&self) -> bool {
        self.read_to.unwrap_or(self.position) < self.length
    }

    /// The length of the open plain file.
    pub(super) fn plain_length(&self) -> Option<u64> {
        match &self.content {
            Content::Plain(file) => file.metadata().ok().map(|found| found.len()),
            _ => None,
        }
    }

    /// Whether it holds a descriptor, and has its name still.
    pub(super) fn may_close(&self) -> bool {
        matches!(self.content, Content::Plain(_)) && !self.is_complete
    }

    /// Lets go of the descriptor of a file that has its name still.
    pub(super) fn close(&mut self) -> bool {
        let closes = self.may_close();
        if closes {
            self.content = Content::Closed;
        }
        closes
    }

    /// Reads so many bytes, or one piece more.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::NotFound`] where the name leads nowhere any more.
    pub(super) fn read(
        &mut self,
        path: &Path,
        bytes: u64,
        buffer: &mut Vec<u8>,
        each: &mut dyn FnMut(Piece<'_>),
    ) -> io::Result<Ended> {
        if matches!(self.content, Content::Closed) && !self.is_complete {
            if self.read_to.unwrap_or(self.position) == self.length {
                return Ok(Ended::AtEnd);
            }
            let (file, _) = open_plain(path)?;
            if self.identity != Some(Identity::of(&file.metadata()?)) {
                // Another one has its name by now, which the next look tells.
                return Err(io::ErrorKind::NotFound.into());
            }
            self.content = Content::Plain(file);
        }
        let mut content = std::mem::replace(&mut self.content, Content::Closed);
        let ended = match &mut content {
            Content::Closed => Ok(Ended::AtEnd),
            Content::Plain(file) => self.read_plain(file, bytes, buffer, each),
            Content::Sealed(reader) => self.read_sealed(reader, bytes, each),
        };
        self.content = content;
        ended
    }

    fn read_plain(
        &mut self,
        mut file: &File,
        bytes: u64,
        buffer: &mut Vec<u8>,
        each: &mut dyn FnMut(Piece<'_>),
    ) -> io::Result<Ended> {
        self.length = file.metadata()?.len();
        if self.length < self.position {
            let (from, to) = (self.position, self.length);
            let head = head_of(file)?;
            if head.is_empty() || !self.head.starts_with(&head) {
                // Nothing of what was there when following began is there still.
                self.begun_at = 0;
            }
            (self.position, self.is_in_overlong, self.is_truncated) = (0, false, true);
            each(Piece::Truncated { from, to });
        } else if self.read_to == Some(self.length) && !self.is_complete {
            return Ok(Ended::AtEnd);
        }
        buffer.clear();
        if buffer.capacity() > 2 * BLOCK_BYTES {
            // A line that was long is no reason to keep the room.
            buffer.shrink_to(BLOCK_BYTES);
        }
        let until = self.position.saturating_add(bytes);
        loop {
            let from = self.position + buffer.len() as u64;
            let _ = file.seek(SeekFrom::Start(from))?;
            if file.take(BLOCK_BYTES as u64).read_to_end(buffer)? == 0 {
                break;
            }
            if self.is_in_overlong {
                let end = memchr::memchr(b'\n', buffer);
                let passed = end.map_or(buffer.len(), |at| at + 1);
                self.pass(passed, buffer);
                self.is_in_overlong = end.is_none();
                each(Piece::Passed { bytes: passed as u64 });
            }
            if self.is_in_overlong {
                // It may go on for as long as there is room.
            } else if let Some(end) = memchr::memrchr(b'\n', buffer) {
                let (offset, bytes) = (self.position, &buffer[..=end]);
                let old_until = if self.is_truncated { self.begun_at } else { 0 };
                each(Piece::Lines { offset, bytes, old_until });
                self.pass(end + 1, buffer);
            } else if buffer.len() > LINE_BYTES_MAX {
                self.is_in_overlong = true;
                each(Piece::Overlong { offset: self.position });
                each(Piece::Passed { bytes: buffer.len() as u64 });
                self.pass(buffer.len(), buffer);
            }
            if self.position >= until {
                return Ok(Ended::Early);
            }
        }
        self.at_end(buffer, each);
        Ok(Ended::AtEnd)
    }

    fn pass(&mut self, bytes: usize, buffer: &mut Vec<u8>) {
        let _ = buffer.drain(..bytes);
        self.position += bytes as u64;
    }

    /// What is left is a line that is being written, or will never be.
    fn at_end(&mut self, rest: &[u8], each: &mut dyn FnMut(Piece<'_>)) {
        self.read_to = Some(self.position + rest.len() as u64);
        self.is_finished = self.is_complete;
        if self.is_complete && !rest.is_empty() {
            each(Piece::HalfLine(rest));
        }
    }

    fn read_sealed(
        &mut self,
        reader: &mut sealed::Reader,
        bytes: u64,
        each: &mut dyn FnMut(Piece<'_>),
    ) -> io::Result<Ended> {
        let until = self.position.saturating_add(bytes);
        while self.position < until {
            // What was read of the plain form comes again.
            let rest = |offset: u64, bytes: usize| {
                let known = usize::try_from(self.position.saturating_sub(offset));
                known.unwrap_or(usize::MAX).min(bytes)
            };
            match reader.next_chunk()? {
                Some(Chunk::Lines { offset, bytes }) => {
                    let known = rest(offset, bytes.len());
                    let offset = offset + known as u64;
                    if known < bytes.len() {
                        let bytes = &bytes[known..];
                        each(Piece::Lines { offset, bytes, old_until: 0 });
                        self.position = offset + bytes.len() as u64;
                    }
                }
                Some(Chunk::HalfLine { offset, bytes }) if offset >= self.position => {
                    each(Piece::HalfLine(bytes));
                    self.position = offset + bytes.len() as u64;
                }
                Some(Chunk::Overlong { offset }) if offset >= self.position => {
                    each(Piece::Overlong { offset });
                }
                Some(Chunk::HalfLine { .. } | Chunk::Overlong { .. }) => {}
                Some(Chunk::Damaged(damage)) => each(Piece::Damaged(damage)),
                None => {
                    self.is_finished = true;
                    return Ok(Ended::AtEnd);
                }
            }
        }
        Ok(Ended::Early)
    }
}

fn open_sealed(path: &Path, wanted: &Wanted) -> io::Result<Box<sealed::Reader>> {
    let mut reader = sealed::Reader::open(path)?;
    reader.narrow(wanted)?;
    Ok(Box::new(reader))
}

/// The first bytes: the time and the id of a first line are its own.
fn head_of(mut file: &File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let _ = file.seek(SeekFrom::Start(0))?;
    let _ = file.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// The place behind the last line break; of a last line that is longer than lines may be, within it.
fn end_of_lines(mut file: &File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut block = Vec::new();
    while end > 0 && length - end <= LINE_BYTES_MAX as u64 {
        let from = end.saturating_sub(BLOCK_BYTES as u64);
        let _ = file.seek(SeekFrom::Start(from))?;
        block.clear();
        let _ = file.take(end - from).read_to_end(&mut block)?;
        if let Some(at) = memchr::memrchr(b'\n', &block) {
            return Ok(from + at as u64 + 1);
        }
        end = from;
    }
    Ok(end)
}

/// As of [`crate::reader::Reader`].
const BLOCK_BYTES: usize = 256 << 10;
const HEAD_BYTES: u64 = 256;
