//! A file as a carrier: for those who come later, or are started by somebody else.
//!
//! A line for each field, as headers are written: `traceparent: 00-…`. Lines that are empty or
//! begin with `#` are for people.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{extract, inject};
use crate::{Context, TraceId};

/// The largest file that is read: every field at its limit takes a quarter of it.
const BYTES_MAX: u64 = 64 * 1024;
/// Names that are tried for the file that is moved: they are random, and one is nearly always free.
const TRIES: usize = 16;

/// Writes a context to a file that only its owner may read.
///
/// The file is there whole or not at all: it is written beside its place and moved there. A
/// symbolic link in its place is replaced, not followed.
///
/// ```
/// use radiosonde_context::{Context, propagation, scope};
///
/// # let dir = std::env::temp_dir().join(format!("radiosonde-context-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir).unwrap();
/// # let path = dir.join("nightly.context");
/// scope().job("nightly").run(|| propagation::write_file(&path, &Context::current()))?;
/// // Whoever goes on with it:
/// let context = propagation::read_file(&path)?;
/// assert_eq!(context.job_id(), Some("nightly"));
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), propagation::FileError>(())
/// ```
///
/// # Errors
/// [`FileError`] with the path, when it cannot be written.
pub fn write_file(path: &Path, context: &Context) -> Result<(), FileError> {
    let mut fields: Vec<(String, String)> = Vec::new();
    inject(context, &mut fields);
    let mut text = String::new();
    for (name, value) in fields {
        text.push_str(&name);
        text.push_str(": ");
        text.push_str(&value);
        text.push('\n');
    }
    let written = replace(path, text.as_bytes(), || beside(path));
    written.map_err(|error| FileError::of(path, Cause::Write(error)))
}

/// The context of a file that [`write_file`] wrote, or somebody by hand; empty when the file says
/// nothing.
///
/// # Errors
/// [`FileError`] with the path, and the line where there is one: when it cannot be read, is no
/// regular file or a symbolic link, has more than 64 KiB, or a line that is no `name: value`.
/// Fields whose value is invalid are ignored and counted, as those of a header are.
pub fn read_file(path: &Path) -> Result<Context, FileError> {
    let error = |cause| FileError::of(path, cause);
    let file = open(path).map_err(error)?;
    let mut text = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut text).map_err(|cause| error(Cause::Read(cause)))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(error(Cause::TooLarge));
    }
    let mut fields: Vec<(&str, &[u8])> = Vec::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = crate::trace_state::trimmed(line.strip_suffix(b"\r").unwrap_or(line));
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let field = field(line).ok_or_else(|| error(Cause::Line(number)))?;
        fields.push(field);
    }
    Ok(extract(&fields.as_slice()))
}

/// Why a file of a context was not written or read.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Line(usize),
    NotRegular,
    Read(io::Error),
    TooLarge,
    Write(io::Error),
}

impl FileError {
    fn of(path: &Path, cause: Cause) -> Self {
        Self { path: path.to_owned(), cause }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The line that is no field, from 1.
    pub fn line(&self) -> Option<usize> {
        match self.cause {
            Cause::Line(number) => Some(number),
            _ => None,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.cause {
            Cause::Line(number) => {
                write!(f, "{path}, line {number}: no `name: value`, such as `traceparent: 00-…`")
            }
            Cause::NotRegular => write!(f, "{path} is no regular file: name the file itself"),
            Cause::Read(_) => write!(f, "{path} cannot be read"),
            Cause::TooLarge => write!(f, "{path} has more than 64 KiB: it is no context"),
            Cause::Write(_) => write!(f, "{path} cannot be written"),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Read(error) | Cause::Write(error) => Some(error),
            Cause::Line(_) | Cause::NotRegular | Cause::TooLarge => None,
        }
    }
}

/// `name: value`
fn field(line: &[u8]) -> Option<(&str, &[u8])> {
    let end = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..end]).ok()?.trim_end();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!name.is_empty() && name.bytes().all(is_name)).then_some((name, &line[end + 1..]))
}

/// Writes a file under another name in the same directory and moves it. What others have under that
/// name is left alone.
fn replace(path: &Path, text: &[u8], names: impl FnMut() -> PathBuf) -> io::Result<()> {
    let (temporary, mut file) = create_one_of(names)?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    let moved = written.and_then(|()| fs::rename(&temporary, path));
    if moved.is_err() {
        // Ours since nobody else had the name: what is left of a failure is nobody's context.
        let _ = fs::remove_file(&temporary);
    }
    moved
}

/// A new file under the first of the names that is free.
fn create_one_of(mut names: impl FnMut() -> PathBuf) -> io::Result<(PathBuf, File)> {
    let mut tries = 0;
    loop {
        let name = names();
        tries += 1;
        match create(&name) {
            Ok(file) => return Ok((name, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

/// A name in the same directory that nobody else has: processes of two containers that share a folder
/// may have the same number.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", TraceId::random()));
    name.into()
}

/// A new file; what is there by that name, a link too, is an error.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens a regular file, and nothing that a link leads to or that has to be waited for.
fn open(path: &Path) -> Result<File, Cause> {
    // A device is not even opened: some do something then.
    let seen = fs::symlink_metadata(path).map_err(Cause::Read)?;
    if !seen.file_type().is_file() {
        return Err(Cause::NotRegular);
    }
    open_seen(path)
}

/// Opens what was a regular file a moment ago. Somebody may have put a link or a pipe there since:
/// neither is followed nor waited for.
fn open_seen(path: &Path) -> Result<File, Cause> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| match error {
        error if is_of_a_link(&error) => Cause::NotRegular,
        error => Cause::Read(error),
    })?;
    let opened = file.metadata().map_err(Cause::Read)?;
    if opened.is_file() { Ok(file) } else { Err(Cause::NotRegular) }
}

#[cfg(unix)]
fn is_of_a_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(not(unix))]
fn is_of_a_link(_error: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Baggage, SpanId, TraceFlags, TraceState};

    fn context() -> Context {
        let state = TraceState::parse("rojo=1,congo=t61rcWkgMzE").unwrap();
        let baggage = Baggage::default().with("tenant", "Käse, und mehr").unwrap();
        Context::default()
            .with_remote_span(TraceId::random(), SpanId::random(), TraceFlags::SAMPLED, Some(state))
            .with_baggage(baggage)
    }

    #[test]
    fn what_is_written_reads_back_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.context");
        for context in [context(), Context::default(), context()] {
            write_file(&path, &context).unwrap();
            let back = read_file(&path).unwrap();
            assert_eq!(back.trace_id(), context.trace_id());
            assert_eq!(back.span_id(), context.span_id());
            assert_eq!(back.trace_state(), context.trace_state());
            assert_eq!(back.baggage(), context.baggage());
            assert_eq!(back.is_empty(), context.is_empty());
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_another_process_is_writing_beside_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let (path, theirs) = (at("job.context"), at("theirs"));
        fs::write(&theirs, "half of").unwrap();
        let left = || (fs::read(&theirs).unwrap(), fs::read_dir(dir.path()).unwrap().count());

        let refused = replace(&path, b"ours", || theirs.clone()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(left(), (b"half of".to_vec(), 1), "a failure removes only its own");

        let mut names = [theirs.clone(), theirs.clone(), at("ours")].into_iter();
        replace(&path, b"ours", || names.next().unwrap()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ours");
        assert_eq!(left(), (b"half of".to_vec(), 2));

        // The move fails.
        fs::create_dir(at("folder")).unwrap();
        assert!(replace(&at("folder"), b"ours", || at("ours")).is_err());
        assert_eq!(left(), (b"half of".to_vec(), 3), "what was not moved is removed");

        assert_ne!(beside(&path), beside(&path));
        assert_eq!(beside(&path).parent(), path.parent());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_by_writing_and_refused_by_reading() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "traceparent: mine\n").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let refused = read_file(&link).unwrap_err();
        assert!(refused.to_string().contains("link is no regular file"), "{refused}");
        write_file(&link, &context()).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "traceparent: mine\n");
        assert!(read_file(&link).unwrap().is_remote());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_takes_a_files_place_while_it_is_opened_is_neither_followed_nor_waited_for() {
        use std::time::Duration;

        use rustix::fs::{CWD, Mode, mkfifoat};

        let dir = tempfile::tempdir().unwrap();
        let (file, pipe, link) =
            (dir.path().join("file"), dir.path().join("pipe"), dir.path().join("link"));
        write_file(&file, &context()).unwrap();
        mkfifoat(CWD, &pipe, Mode::from_raw_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open_seen(&file).is_ok());
        for path in [pipe, link, dir.path().to_owned()] {
            let (sender, receiver) = std::sync::mpsc::channel();
            let opened = path.clone();
            std::thread::spawn(move || sender.send(open_seen(&opened)));
            let opened = receiver.recv_timeout(Duration::from_secs(20)).expect("no waiting");
            assert!(matches!(opened, Err(Cause::NotRegular)), "{}: {opened:?}", path.display());
            assert!(read_file(&path).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let traceparent = format!("traceparent: 00-{:032x}-{:016x}-01", 7, 9);
        let cases: [(String, Option<usize>); 5] = [
            (format!("# by hand\r\n\r\n{traceparent}\r\n"), None),
            (format!("{traceparent}\nno field\n"), Some(2)),
            (format!("{traceparent}\n\n: value\n"), Some(3)),
            ("two words: value\n".to_owned(), Some(1)),
            ("traceparent = 00".to_owned(), Some(1)),
        ];
        for (text, line) in cases {
            fs::write(&path, &text).unwrap();
            match (read_file(&path), line) {
                (Ok(context), None) => assert!(context.is_remote(), "{text:?}"),
                (Err(error), Some(line)) => {
                    assert_eq!(error.line(), Some(line), "{text:?}");
                    let named = format!("{}, line {line}:", path.display());
                    assert!(error.to_string().starts_with(&named), "{error}");
                }
                (found, _) => panic!("{text:?}: {found:?}"),
            }
        }
        fs::write(&path, vec![b'#'; BYTES_MAX as usize]).unwrap();
        assert!(read_file(&path).unwrap().is_empty());
        fs::write(&path, vec![b'#'; BYTES_MAX as usize + 1]).unwrap();
        let error = read_file(&path).unwrap_err();
        assert!(error.to_string().contains("64 KiB"), "{error}");
        assert!(read_file(dir.path()).is_err(), "a directory");
        let missing = read_file(&dir.path().join("none")).unwrap_err();
        assert!(std::error::Error::source(&missing).is_some(), "the system's reason is kept");
        assert!(write_file(&dir.path().join("none/f"), &context()).is_err());
    }
}
