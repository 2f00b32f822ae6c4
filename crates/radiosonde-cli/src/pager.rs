//! Standard output on a terminal: what is more than a screen goes to a pager.
//!
//! `$RADIOSONDE_PAGER`, else `$PAGER`, else `less -FRXK`, words parted at blanks. An empty one, or
//! `cat`, is none, and one that cannot be started is passed over. Quitting it early ends the command as
//! a closed pipe does.
//!
//! A flush is the end of a result: it waits until the pager was quit, so that what a command has to say
//! on stderr then is not below what the pager shows.

use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

use crate::args::Manner;
use crate::progress::Progress;
use crate::render::text::columns;
use crate::render::{is_terminal, terminal_size};

/// An output that is paged where it is long.
pub(crate) struct Paged<'a> {
    out: &'a mut dyn Write,
    state: State,
    progress: Option<Progress>,
}

enum State {
    /// Not more than a screen so far.
    Held {
        text: Vec<u8>,
        columns: usize,
        rows: usize,
    },
    Pager(Child),
    Through,
}

impl<'a> Paged<'a> {
    /// Pages where `out` is standard output, and that a terminal, whose size is known.
    pub(crate) fn new(out: &'a mut dyn Write, manner: &Manner, is_stdout: bool) -> Self {
        let size = terminal_size().filter(|_| is_stdout && manner.pager && is_terminal());
        let state = match size {
            Some((columns, rows)) if rows > 1 && pager().is_some() => {
                State::Held { text: Vec::new(), columns, rows: rows - 1 }
            }
            _ => State::Through,
        };
        let progress = (is_stdout && manner.progress).then(Progress::start).flatten();
        Self { out, state, progress }
    }

    /// Lets go of what was held: into a pager, or out.
    fn release(&mut self, to_pager: bool) -> io::Result<()> {
        // A pager that has begun stays, to be waited for.
        let State::Held { text, .. } = &mut self.state else { return Ok(()) };
        let text = std::mem::take(text);
        self.state = State::Through;
        if let Some(child) = to_pager.then(start).flatten() {
            self.state = State::Pager(child);
        }
        self.write_all(&text)
    }

    /// Waits for the pager, which has everything.
    fn finish(&mut self) -> io::Result<()> {
        if let State::Pager(child) = &mut self.state {
            drop(child.stdin.take());
            let ended = child.wait();
            self.state = State::Through;
            // How it ended is its user's matter.
            ended.map(drop)?;
        }
        Ok(())
    }
}

impl Write for Paged<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.progress = None;
        }
        match &mut self.state {
            State::Held { text, columns, rows } => {
                text.extend_from_slice(bytes);
                if text.len() > HELD_MAX || rows_of(text, *columns) > *rows {
                    self.release(true)?;
                }
                Ok(bytes.len())
            }
            State::Pager(child) => match &mut child.stdin {
                Some(stdin) => stdin.write(bytes),
                None => Err(io::ErrorKind::BrokenPipe.into()),
            },
            State::Through => self.out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.progress = None;
        self.release(false)?;
        self.finish()?;
        self.out.flush()
    }
}

impl Drop for Paged<'_> {
    fn drop(&mut self) {
        // A command that ends early has said what it found; there is nobody left to tell of an error.
        let _ = self.release(false).and_then(|()| self.finish());
    }
}

/// Rows of a terminal that lines take, those that are too long for one among them.
fn rows_of(text: &[u8], width: usize) -> usize {
    let text = String::from_utf8_lossy(text);
    text.lines().map(|line| columns(line).div_ceil(width.max(1)).max(1)).sum()
}

/// The pager and its arguments. `None` where none is wanted.
fn pager() -> Option<Vec<String>> {
    let named = |name| std::env::var(name).ok();
    let words = named("RADIOSONDE_PAGER").or_else(|| named("PAGER"));
    let words = words.unwrap_or_else(|| format!("less -{LESS}"));
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    words.first().filter(|program| *program != "cat")?;
    Some(words)
}

fn start() -> Option<Child> {
    let words = pager()?;
    let (program, args) = words.split_first()?;
    let mut command = Command::new(program);
    let _ = command.args(args).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        let _ = command.env("LESS", LESS);
    }
    if std::env::var_os("LESSCHARSET").is_none() {
        // Where the locale does not say so, what is printed is UTF-8 all the same.
        let _ = command.env("LESSCHARSET", "utf-8");
    }
    command.spawn().ok()
}

/// Ends where all fits on a screen, shows colours, leaves its last screen there, and ends with the
/// command when that is interrupted.
const LESS: &str = "FRXK";

/// Most bytes of a screen: more is counted as more than one.
const HELD_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_of_the_terminal() {
        for (text, width, expect) in [
            ("", 10, 0),
            ("one\n", 10, 1),
            ("one\n\ntwo", 10, 3),
            ("0123456789\n", 10, 1),
            ("01234567890\n", 10, 2),
            ("\u{1b}[1m0123456789\u{1b}[0m\n", 10, 1),
            ("日本語日本語\n", 10, 2),
        ] {
            assert_eq!(rows_of(text.as_bytes(), width), expect, "{text:?}");
        }
    }
}
