//! One file that is followed, in whichever form it is.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Instant, SystemTime};

use crate::follow::packed::Packed;
use crate::names::{DayFile, Form};
use crate::reader::{Damage, LINE_BYTES_MAX, open_plain};
use crate::sealed::{Wanted, read_exact_at};

/// A file, and how far it was read.
#[derive(Debug)]
pub(super) struct Followed {
    /// Its name, as a day file.
    pub(super) day: DayFile,
    /// The form in which it is read.
    pub(super) form: Form,
    /// Which file it is, whatever its name; `None` for a compressed one.
    pub(super) identity: Option<Identity>,
    content: Content,
    /// Where reading goes on: behind the last whole line.
    pub(super) position: u64,
    /// Where it was begun, which in a file that was there before is not its beginning.
    begun_at: u64,
    /// How it begins.
    head: Vec<u8>,
    /// The last bytes before the position.
    mark: Vec<u8>,
    /// How long it was when it was looked at, or read to its end, and when it had been changed.
    length: u64,
    changed: Option<SystemTime>,
    /// The same of when it was read to its end.
    read_to: Option<u64>,
    read_of: Option<SystemTime>,
    /// A line has been too long, and its end has not been found.
    is_in_overlong: bool,
    /// Nobody writes to it any more: no name leads to it, or it is compressed.
    is_complete: bool,
    pub(super) is_finished: bool,
    /// Somebody made it shorter, or wrote it anew.
    is_read_again: bool,
    /// That it cannot be read was said.
    pub(super) is_told: bool,
    /// When something was found in it.
    pub(super) active: Instant,
}

#[derive(Debug)]
enum Content {
    Closed,
    Plain(File),
    Packed(Packed),
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
    /// What had been read is not there any more, but something else.
    Rewritten {
        from: u64,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
        Self { identity, length: found.len(), ..Self::new(day, Form::Plain, Content::Closed, now) }
    }

    /// A compressed file, of which nothing was read before this place of what it holds.
    ///
    /// # Errors
    /// As [`Packed::open`].
    pub(super) fn packed(
        (day, form): (DayFile, Form),
        path: &Path,
        position: u64,
        wanted: &Wanted,
        now: Instant,
    ) -> io::Result<Self> {
        let content = Content::Packed(Packed::open(path, form, wanted)?);
        Ok(Self { position, is_complete: true, ..Self::new(day, form, content, now) })
    }

    fn new(day: DayFile, form: Form, content: Content, active: Instant) -> Self {
        Self {
            day,
            form,
            identity: None,
            content,
            position: 0,
            begun_at: 0,
            head: Vec::new(),
            mark: Vec::new(),
            length: 0,
            changed: None,
            read_to: None,
            read_of: None,
            is_in_overlong: false,
            is_complete: false,
            is_finished: false,
            is_read_again: false,
            is_told: false,
            active,
        }
    }

    /// Goes on behind the last whole line there is now. Returns where that is.
    pub(super) fn skip_to_end(&mut self, path: &Path) -> io::Result<u64> {
        let (file, length) = open_plain(path)?;
        // Before anything is read: what is changed afterwards is looked at again.
        self.changed = file.metadata()?.modified().ok();
        self.read_of = self.changed;
        self.position = end_of_lines(&file, length)?;
        (self.begun_at, self.length, self.head) = (self.position, length, head_of(&file)?);
        self.mark = vec![0; MARK_BYTES.min(usize::try_from(self.position).unwrap_or(MARK_BYTES))];
        read_exact_at(&file, self.position - self.mark.len() as u64, &mut self.mark)?;
        self.content = Content::Plain(file);
        Ok(self.position)
    }

    /// A look at the file by its name.
    pub(super) fn found_as(&mut self, day: DayFile, found: &Metadata) {
        (self.day, self.is_complete) = (day, false);
        if !self.is_open() {
            (self.length, self.changed) = (found.len(), found.modified().ok());
        }
    }

    /// No name leads to it any more.
    pub(super) fn lost_its_name(&mut self) {
        self.is_complete = true;
        // It may have been shorter when it was read.
        if let Content::Plain(file) = &self.content
            && self.head.len() < HEAD_BYTES
            && let Ok(head) = head_of(file)
            && head.starts_with(&self.head)
        {
            self.head = head;
        }
    }

    /// It is there in its sealed form now, maybe as another part, and goes on where it was.
    ///
    /// # Errors
    /// As [`Packed::open`].
    pub(super) fn go_on_sealed(
        &mut self,
        day: DayFile,
        path: &Path,
        wanted: &Wanted,
    ) -> io::Result<()> {
        self.content = Content::Packed(Packed::open(path, Form::Sealed, wanted)?);
        (self.day, self.form) = (day, Form::Sealed);
        (self.identity, self.read_to) = (None, None);
        self.is_complete = true;
        Ok(())
    }

    pub(super) fn is_packed(&self) -> bool {
        matches!(self.content, Content::Packed(_))
    }

    /// How it began.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// What was read of it.
    pub(super) fn beginning(&self) -> Beginning {
        let Self { position, begun_at, .. } = *self;
        Beginning { position, begun_at, head: self.head.clone(), mark: self.mark.clone() }
    }

    /// Whether nothing of it was looked at so far.
    pub(super) fn is_fresh(&self) -> bool {
        self.form == Form::Plain && self.head.is_empty() && self.read_to.is_none()
    }

    /// Goes on where another file was read to, if it begins as that did. Whether it does.
    ///
    /// # Errors
    /// As [`Followed::read`].
    pub(super) fn go_on_behind(&mut self, path: &Path, other: &Beginning) -> io::Result<bool> {
        self.open_again(path)?;
        let Content::Plain(file) = &self.content else { return Ok(false) };
        if !other.is_of(file)? {
            return Ok(false);
        }
        let Beginning { position, begun_at, head, mark } = other.clone();
        (self.position, self.begun_at, self.head, self.mark) = (position, begun_at, head, mark);
        Ok(true)
    }

    /// Opens it by its name.
    fn open_again(&mut self, path: &Path) -> io::Result<()> {
        if self.is_open() {
            return Ok(());
        }
        let (file, _) = open_plain(path)?;
        if self.identity != Some(Identity::of(&file.metadata()?)) {
            // Another one has its name by now, which the next look tells.
            return Err(io::ErrorKind::NotFound.into());
        }
        self.content = Content::Plain(file);
        Ok(())
    }

    /// How long it was, when it was read to its end or looked at.
    pub(super) fn length(&self) -> u64 {
        self.read_to.unwrap_or(self.length)
    }

    /// How far it was read, in bytes as they are stored.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.content {
            Content::Packed(packed) => packed.bytes_read(),
            Content::Plain(_) | Content::Closed => self.position,
        }
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
            (self.content, self.changed) = (Content::Closed, self.read_of);
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
            let is_as_it_was = self.length == 0 || self.changed == self.read_of;
            let read_to = self.read_to.unwrap_or(self.position);
            if read_to == self.length && is_as_it_was {
                return Ok(Ended::AtEnd);
            }
            self.open_again(path)?;
        }
        let mut content = std::mem::replace(&mut self.content, Content::Closed);
        let ended = match &mut content {
            Content::Closed => Ok(Ended::AtEnd),
            Content::Plain(file) => self.read_plain(file, bytes, buffer, each),
            Content::Packed(packed) => self.read_packed(packed, bytes, each),
        };
        // Where damage ends it, nothing more of it can be read.
        let is_foreign = matches!(&content, Content::Packed(packed) if packed.is_foreign());
        self.is_finished |= is_foreign && ended.is_err();
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
        let found = file.metadata()?;
        (self.length, self.changed) = (found.len(), found.modified().ok());
        let is_read = self.read_to == Some(self.length) && self.read_of == self.changed;
        if is_read && !self.is_complete {
            return Ok(Ended::AtEnd);
        }
        if self.length < self.position {
            each(Piece::Truncated { from: self.position, to: self.length });
            self.begin_again(file)?;
        } else if !self.is_as_it_was(file)? {
            each(Piece::Rewritten { from: self.position });
            self.begin_again(file)?;
        } else if self.head.len() < HEAD_BYTES && self.head.len() as u64 != self.length {
            self.head = head_of(file)?;
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
                let old_until = if self.is_read_again { self.begun_at } else { 0 };
                each(Piece::Lines { offset, bytes, old_until });
                self.pass(end + 1, buffer);
            } else if buffer.len() > LINE_BYTES_MAX && buffer.starts_with(&[0, 0]) {
                // What was not written, as in front of what somebody appends who does not know that
                // the file was cut. One of them stays, so that a line of nothing else is told.
                let nuls = buffer.iter().take_while(|byte| **byte == 0).count() - 1;
                each(Piece::Passed { bytes: nuls as u64 });
                self.pass(nuls, buffer);
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

    /// Whether what was read is there still, as far as its beginning and its last bytes tell.
    fn is_as_it_was(&self, file: &File) -> io::Result<bool> {
        let mark_at = self.position - self.mark.len() as u64;
        holds(file, [(0, &self.head), (mark_at, &self.mark)])
    }

    /// Goes back to the beginning.
    fn begin_again(&mut self, file: &File) -> io::Result<()> {
        let head = head_of(file)?;
        if head.is_empty() || !self.head.starts_with(&head) {
            // Nothing of what was there when following began is there still.
            self.begun_at = 0;
        }
        (self.head, self.mark, self.position, self.read_to) = (head, Vec::new(), 0, None);
        (self.is_in_overlong, self.is_read_again) = (false, true);
        Ok(())
    }

    fn pass(&mut self, bytes: usize, buffer: &mut Vec<u8>) {
        let kept = bytes.saturating_sub(MARK_BYTES);
        self.mark.extend_from_slice(&buffer[kept..bytes]);
        let _ = self.mark.drain(..self.mark.len().saturating_sub(MARK_BYTES));
        let _ = buffer.drain(..bytes);
        self.position += bytes as u64;
    }

    /// What is left is a line that is being written, or will never be.
    fn at_end(&mut self, rest: &[u8], each: &mut dyn FnMut(Piece<'_>)) {
        self.read_to = Some(self.position + rest.len() as u64);
        self.read_of = self.changed;
        self.is_finished = self.is_complete;
        if self.is_complete && !rest.is_empty() {
            each(Piece::HalfLine(rest));
        }
    }
}

/// What was read of a file, as far as it is remembered.
#[derive(Clone, Debug)]
pub(super) struct Beginning {
    pub(super) position: u64,
    begun_at: u64,
    pub(super) head: Vec<u8>,
    mark: Vec<u8>,
}

impl Beginning {
    /// Whether a file begins so, as far as its first bytes and the last ones of these tell.
    pub(super) fn is_of(&self, file: &File) -> io::Result<bool> {
        let mark_at = self.position - self.mark.len() as u64;
        Ok(self.position > 0 && holds(file, [(0, &self.head), (mark_at, &self.mark)])?)
    }
}

/// Whether a file has these bytes at these places.
fn holds(file: &File, all: [(u64, &Vec<u8>); 2]) -> io::Result<bool> {
    for (at, bytes) in all {
        let mut now = vec![0; bytes.len()];
        match read_exact_at(file, at, &mut now) {
            Ok(()) if now == *bytes => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            Ok(()) | Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// The first bytes: the time and the id of a first line are its own.
fn head_of(mut file: &File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let _ = file.seek(SeekFrom::Start(0))?;
    let _ = file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
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
/// Of how a file begins: its first line, or most of it.
pub(super) const HEAD_BYTES: usize = 256;
const MARK_BYTES: usize = 256;
