//! How the program is told to end: one line on its stdin.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::time::Duration;

use crate::watch::Aim;

/// Between the parts of a line; a path that has one in it cannot be told.
const BETWEEN: u8 = b'\t';

/// An end the program brings about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// `abort()`.
    Abort,
    /// `exit(7)` from a thread, without dropping anything.
    Exit,
    /// A panic in `main`: the guard is dropped while producers record.
    PanicInMain,
    /// A panic in a thread, upon which `main` exits without dropping anything.
    PanicInWorker,
    /// `main` returns; the guard is dropped while producers record.
    Return,
}

impl Order {
    const ALL: [(Self, u8); 5] = [
        (Self::Abort, b'a'),
        (Self::Exit, b'e'),
        (Self::PanicInMain, b'm'),
        (Self::PanicInWorker, b'w'),
        (Self::Return, b'r'),
    ];

    /// The order as a line, with what to wait for before it is obeyed.
    #[must_use]
    pub fn line(self, aim: Option<&Aim>) -> Vec<u8> {
        let letter = Self::ALL.into_iter().find(|(order, _)| *order == self);
        let mut line = vec![letter.map_or(b'?', |(_, letter)| letter)];
        if let Some(Aim { stages, day_file, after }) = aim {
            line.push(BETWEEN);
            line.extend(after.as_micros().to_string().into_bytes());
            line.push(BETWEEN);
            line.extend(day_file.iter().flat_map(|path| path.as_os_str().as_bytes()));
            for stage in stages {
                line.push(BETWEEN);
                line.extend(stage.as_os_str().as_bytes());
            }
        }
        line.push(b'\n');
        line
    }

    /// What a line says.
    ///
    /// # Errors
    /// `InvalidData` when it says nothing.
    pub fn of_line(line: &[u8]) -> io::Result<(Self, Option<Aim>)> {
        Self::parse(line).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn parse(line: &[u8]) -> Option<(Self, Option<Aim>)> {
        let mut parts = line.strip_suffix(b"\n")?.split(|byte| *byte == BETWEEN);
        let [letter] = parts.next()? else { return None };
        let (order, _) = Self::ALL.into_iter().find(|(_, known)| known == letter)?;
        let Some(after) = parts.next() else { return Some((order, None)) };
        let after = Duration::from_micros(std::str::from_utf8(after).ok()?.parse().ok()?);
        let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        let day_file = Some(parts.next()?).filter(|bytes| !bytes.is_empty()).map(path);
        let aim = Aim { stages: parts.map(path).collect(), day_file, after };
        Some((order, Some(aim)))
    }

    /// Whether the guard is dropped on the way: then the program leaves its books.
    #[must_use]
    pub fn is_orderly(self) -> bool {
        matches!(self, Self::PanicInMain | Self::Return)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_told_whole() {
        let stages = vec!["a b/stage".into(), "c/stage".into()];
        let day_file = Some("metrics.jsonl".into());
        let aims = [
            Aim { after: Duration::from_micros(170), ..Aim::default() },
            Aim { stages: stages.clone(), ..Aim::default() },
            Aim { stages, day_file, after: Duration::ZERO },
        ];
        for (order, _) in Order::ALL {
            for aim in aims.iter().map(Some).chain([None]) {
                let line = order.line(aim);
                assert_eq!(Order::of_line(&line).unwrap(), (order, aim.cloned()));
                // The line feed is missing.
                assert!(Order::of_line(&line[..line.len() - 1]).is_err());
            }
        }
        for line in [&b"?\n"[..], b"\n", b"", b"ab\n", b"a\tsoon\t\n", b"a\t1\n"] {
            assert!(Order::of_line(line).is_err(), "{line:?}");
        }
    }
}
