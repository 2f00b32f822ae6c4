//! Which events stand in the files of a folder.

use super::subject::{EVENT, Ended};
use crate::harness::Books;
use memchr::memmem::Finder;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Buffer for reading: some thousand lines.
const BUFFER_BYTES: usize = 1 << 20;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// A bit for each event that has a line.
    known: Vec<u64>,
    /// Lines of an event that had a line already.
    pub(crate) duplicated: u64,
    /// Lines that are broken off or run into another.
    pub(crate) torn: u64,
    /// Lines of events, and their bytes with the ends of lines.
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    /// Lines of events of radiosonde's own: it says in the log what it dropped, and how it is.
    own: u64,
}

impl Seen {
    /// Reads all files of the folder itself; `events` is how many there can be. Lines of other
    /// things are passed over.
    ///
    /// # Errors
    /// A file that cannot be read, and an event nobody recorded.
    pub(crate) fn of(folder: &Path, events: u64) -> Result<Seen, String> {
        let wrong = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
        let mut seen = Seen::with_room_for(events);
        for entry in std::fs::read_dir(folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if path.is_file() {
                let file = File::open(&path).map_err(wrong)?;
                let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
                seen.read(&mut reader).map_err(|error| match error {
                    Wrong::Io(error) => wrong(error),
                    Wrong::Stranger(number) => {
                        format!("{}: event {number} of {events}", path.display())
                    }
                })?;
            }
        }
        Ok(seen)
    }

    fn with_room_for(events: u64) -> Seen {
        Seen { known: vec![0; events.div_ceil(64) as usize], ..Seen::default() }
    }

    /// Different events that have a line, among the first so many.
    pub(crate) fn distinct(&self, events: u64) -> u64 {
        let whole = (events / 64) as usize;
        let (words, rest) = self.known.split_at(whole.min(self.known.len()));
        let mask = (1_u64 << (events % 64)) - 1;
        let rest = rest.first().map_or(0, |word| word & mask);
        words.iter().chain([&rest]).map(|word| u64::from(word.count_ones())).sum()
    }

    fn read(&mut self, reader: &mut impl BufRead) -> Result<(), Wrong> {
        let name = format!("\"{EVENT}\"");
        let (name, items) = (Finder::new(&name), Finder::new("\"items\":"));
        let own = ["telemetry.", "machine.", "worker."].map(|it| format!("\"evt\":\"{it}"));
        let own = own.each_ref().map(Finder::new);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(Wrong::Io)? > 0 {
            let of_an_event = name.find(&line);
            if let Some(at) = of_an_event {
                let number = items.find(&line).and_then(|at| number(&line[at + 8..]));
                let again = name.find(&line[at + 1..]).is_some();
                match number {
                    Some(number) if line.ends_with(b"}\n") && !again => {
                        self.count(number, line.len() as u64)?;
                    }
                    _ => self.torn += 1,
                }
            } else if line.last() != Some(&b'\n') {
                self.torn += 1;
            } else if own.iter().any(|own| own.find(&line).is_some()) {
                self.own += 1;
            }
            line.clear();
        }
        Ok(())
    }

    fn count(&mut self, number: u64, bytes: u64) -> Result<(), Wrong> {
        self.lines += 1;
        self.bytes += bytes;
        let word = self.known.get_mut((number / 64) as usize).ok_or(Wrong::Stranger(number))?;
        let bit = 1 << (number % 64);
        if *word & bit == 0 {
            *word |= bit;
        } else {
            self.duplicated += 1;
        }
        Ok(())
    }

    /// The books of a round with so many events.
    ///
    /// An event of radiosonde's own can be dropped like any other: what was offered beyond our events
    /// and has no line is none of ours, and is taken out of what was counted.
    pub(crate) fn books(&self, events: u64, ended: &Ended) -> Books {
        let found = self.known.iter().map(|word| u64::from(word.count_ones())).sum();
        let own = ended.offered.map_or(0, |offered| offered.saturating_sub(events + self.own));
        Books {
            events,
            lost: events.saturating_sub(found),
            counted: ended.counted.map(|counted| counted.saturating_sub(own)),
            duplicated: self.duplicated,
            torn: self.torn,
        }
    }
}

/// The text of all lines of events in the files of the folder itself.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn of_events(folder: &Path) -> Result<Vec<u8>, String> {
    let wrong = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let name = format!("\"{EVENT}\"");
    let name = Finder::new(&name);
    let mut text = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.is_file() {
            let file = std::fs::read(&path).map_err(wrong)?;
            for line in file.split_inclusive(|byte| *byte == b'\n') {
                if name.find(line).is_some() {
                    text.extend_from_slice(line);
                }
            }
        }
    }
    Ok(text)
}

enum Wrong {
    Io(std::io::Error),
    Stranger(u64),
}

/// The number at the start, in quotes or not; a digit must be followed by something that is none.
fn number(text: &[u8]) -> Option<u64> {
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    let digits = text.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Seen {
        let mut seen = Seen::with_room_for(128);
        let read = seen.read(&mut text.as_bytes());
        assert!(read.is_ok(), "{text}");
        seen
    }

    #[test]
    fn each_event_counts_once() {
        let line = |number: u64| format!("{{\"evt\":\"user.action\",\"items\":{number}}}\n");
        let text = line(0) + &line(127) + "{\"evt\":\"other\"}\n" + &line(127);
        let found = seen(&text);
        let counts = (found.distinct(128), found.duplicated, found.torn, found.lines);
        assert_eq!(counts, (2, 1, 0, 3));
        assert_eq!((found.distinct(127), found.distinct(1), found.distinct(0)), (1, 1, 0));
        let books = found.books(5, &Ended::now(Some(3)));
        assert_eq!((books.lost, books.counted, books.duplicated), (3, Some(3), 1));
        assert_eq!(found.bytes, (line(0) + &line(127) + &line(127)).len() as u64);
        assert_eq!(seen("{\"items\":\"5\",\"evt\":\"user.action\"}\n").distinct(128), 1);
    }

    #[test]
    fn what_radiosonde_drops_of_its_own_is_not_ours() {
        let own = "{\"evt\":\"telemetry.dropped\"}\n";
        let found = seen(&format!("{{\"evt\":\"user.action\",\"items\":0}}\n{own}"));
        // Four of ours and three of its own were offered; one of each has a line.
        let ended = Ended { offered: Some(7), ..Ended::now(Some(5)) };
        let books = found.books(4, &ended);
        assert_eq!((books.lost, books.counted), (3, Some(3)));
        // An event it does not even know of is lost, and must not look counted.
        let ended = Ended { offered: Some(4), ..Ended::now(Some(2)) };
        assert_eq!(found.books(4, &ended).counted, Some(2));
    }

    #[test]
    fn a_torn_line_is_no_event() {
        for text in [
            "{\"evt\":\"user.action\",\"items\":1",
            "{\"evt\":\"user.action\",\"items\":12\n",
            "{\"evt\":\"user.action\",\"it{\"evt\":\"user.action\",\"items\":2}\n",
            "{\"evt\":\"user",
        ] {
            let found = seen(text);
            assert_eq!((found.distinct(128), found.torn), (0, 1), "{text}");
        }
    }

    #[test]
    fn an_event_that_nobody_recorded_is_an_error() {
        let text = b"{\"evt\":\"user.action\",\"items\":64}\n";
        let read = Seen::with_room_for(64).read(&mut &text[..]);
        assert!(matches!(read, Err(Wrong::Stranger(64))));
    }
}
