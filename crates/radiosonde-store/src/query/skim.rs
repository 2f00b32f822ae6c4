//! Going through a large day file for bytes that few lines hold, by several threads.
//!
//! Each searches stripes of the file, and only the lines around what they find are given out, in
//! their order. What is out of the ordinary is left to the reader of the file, which goes on from
//! there: a line that is too long, the end without a line break, a file that is cut off meanwhile,
//! many lines that hold the bytes.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::blocks::{BLOCK_BYTES, PAGE_BYTES};
use crate::query::judge::Judge;
use crate::query::limits::Limits;
use crate::query::needle::Needle;
use crate::query::pass::Piece;
use crate::query::reading::Reading;
use crate::query::stop::Stop;
use crate::reader::LINE_BYTES_MAX;
use crate::sealed::read_exact_at;
use crate::stored::StoredReader;

impl StoredReader {
    /// Goes through what threads may go through of it, and leaves the rest.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn skim(
        &mut self,
        judge: &Judge<'_>,
        limits: &Limits,
        reading: &mut Reading,
        each: &mut dyn FnMut(Piece<'_>, &mut Reading),
    ) -> io::Result<()> {
        let (Self::Plain(reader), Some(needle)) = (self, judge.needle()) else { return Ok(()) };
        let (file, length) = reader.file();
        if length < limits.skim_bytes_min || needle.len() > PAGE_BYTES {
            return Ok(());
        }
        let threads = limits.threads.min(thread::available_parallelism().map_or(1, usize::from));
        // Elsewhere threads share where the file stands.
        if threads < 2 || !cfg!(unix) {
            return Ok(());
        }
        let (stripe_bytes, stop) = (limits.stripe_bytes, judge.stop());
        let skim = Skim { file, length, needle, threads, stripe_bytes, stop };
        let skimmed = skim.run(&mut |offset, bytes| each(Piece::Lines(offset, bytes), reading));
        // Where a stripe could not be read it is behind the place that a line before it reaches to.
        reading.bytes_read += skimmed.read.saturating_sub(skimmed.place);
        reader.go_on_at(skimmed.place)
    }
}

/// A file and what is looked for in it.
struct Skim<'a> {
    file: &'a File,
    length: u64,
    needle: &'a Needle,
    threads: usize,
    stripe_bytes: u64,
    stop: Option<&'a Stop>,
}

/// How far it came.
struct Skimmed {
    /// The beginning of the first line that nothing was done with.
    place: u64,
    /// Bytes read, of those before that place once at least.
    read: u64,
}

/// What was found in a stripe.
#[derive(Default)]
struct Stripe {
    /// The first and the last place of each group of hits.
    hits: Vec<(u64, u64)>,
    first_break: Option<u64>,
    last_break: Option<u64>,
}

impl Skim<'_> {
    /// Hands whole lines to `each`, all that hold the needle and others, each at most once.
    fn run(&self, each: &mut dyn FnMut(u64, &[u8])) -> Skimmed {
        // Behind the last line that was given out, and where the line begins that is open.
        let (mut given, mut line) = (0, 0);
        let (mut read, mut buffer) = (0, Vec::new());
        let stripes = self.length.div_ceil(self.stripe_bytes);
        let mut next = 0;
        while next < stripes {
            let round = next..stripes.min(next + ROUND_STRIPES);
            let mut fetched = 0;
            let found = self.round(round.clone());
            read += self.end(round.end - 1) - round.start * self.stripe_bytes;
            for (number, stripe) in found {
                let place = u64::max(given, line);
                let is_open_to = stripe.as_ref().and_then(|stripe| stripe.first_break);
                let is_open_to = is_open_to.unwrap_or(self.end(number));
                let (Some(stripe), true) = (stripe, number == next) else {
                    return Skimmed { place, read };
                };
                if is_open_to - line > LINE_BYTES_MAX as u64 {
                    return Skimmed { place, read };
                }
                for (first, last) in stripe.hits {
                    let from = u64::max(given, line);
                    if last < from {
                        continue;
                    }
                    let Some((start, bytes)) = self.lines(from, (first, last), &mut buffer) else {
                        return Skimmed { place, read };
                    };
                    each(start, bytes);
                    given = start + bytes.len() as u64;
                    fetched += bytes.len() as u64;
                }
                line = stripe.last_break.map_or(line, |at| at + 1);
                next += 1;
            }
            read += fetched;
            if next < round.end || fetched > ROUND_STRIPES * self.stripe_bytes / FEW {
                break;
            }
        }
        Skimmed { place: u64::max(given, line), read }
    }

    /// Searches some stripes; gives out what is in them by their numbers, `None` where one cannot be
    /// read.
    fn round(&self, stripes: std::ops::Range<u64>) -> Vec<(u64, Option<Stripe>)> {
        let next = AtomicU64::new(stripes.start);
        let work = || {
            let mut found = Vec::new();
            let mut room = Room::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= stripes.end || self.stop.is_some_and(Stop::is_asked) {
                    return found;
                }
                found.push((number, self.stripe(number, &mut room).ok()));
            }
        };
        let mut found = thread::scope(|scope| {
            let start = |_| {
                let name = thread::Builder::new().name("radiosonde-query".to_owned());
                name.spawn_scoped(scope, work).ok()
            };
            // Without them all is done here.
            let others: Vec<_> = (1..self.threads).map_while(start).collect();
            let own = work();
            // What one that panicked had is missing, and read again.
            let others = others.into_iter().filter_map(|other| other.join().ok());
            others.flatten().chain(own).collect::<Vec<_>>()
        });
        found.sort_unstable_by_key(|(number, _)| *number);
        found
    }

    fn end(&self, number: u64) -> u64 {
        self.length.min((number + 1) * self.stripe_bytes)
    }

    /// Searches a stripe, and as far behind it as what begins in it may reach.
    fn stripe(&self, number: u64, room: &mut Room) -> io::Result<Stripe> {
        let mut stripe = Stripe::default();
        let (mut at, end) = (number * self.stripe_bytes, self.end(number));
        let overlap = self.needle.len() - 1;
        let stop = self.length.min(end + overlap as u64);
        // Of the block before, as much as may be the beginning of a hit.
        let mut kept = 0;
        while at < stop {
            let length = (stop - at).min(BLOCK_BYTES as u64) as usize;
            let start = room.start;
            let block = &mut room.bytes[start..start + length];
            read_exact_at(self.file, at, block)?;
            let own = &block[..length.min(end.saturating_sub(at) as usize)];
            let found = |place: usize| at + place as u64;
            if stripe.first_break.is_none() {
                stripe.first_break = memchr::memchr(b'\n', own).map(found);
            }
            stripe.last_break = memchr::memrchr(b'\n', own).map(found).or(stripe.last_break);
            let text = &room.bytes[start - kept..start + length];
            self.search(text, at - kept as u64, end, &mut stripe.hits);
            let keep = overlap.min(kept + length);
            room.bytes.copy_within(start + length - keep..start + length, start - keep);
            (at, kept) = (at + length as u64, keep);
        }
        Ok(stripe)
    }

    /// Adds the hits in a text that stands at a place and that begin before `end`.
    fn search(&self, text: &[u8], place: u64, end: u64, hits: &mut Vec<(u64, u64)>) {
        let mut at = 0;
        while let Some(hit) = self.needle.find(&text[at..]) {
            let found = place + (at + hit) as u64;
            if found >= end {
                return;
            }
            match hits.last_mut() {
                Some((first, last))
                    if found - *last <= GAP_BYTES && found - *first <= BLOCK_BYTES as u64 =>
                {
                    *last = found;
                }
                _ => hits.push((found, found)),
            }
            // One of a line is enough.
            match memchr::memchr(b'\n', &text[at + hit..]) {
                Some(length) => at += hit + length + 1,
                None => return,
            }
        }
    }

    /// The whole lines from the one with the first hit to the one with the last, where a line before
    /// begins at `from`. `None` where they cannot be had.
    fn lines<'b>(
        &self,
        from: u64,
        (first, last): (u64, u64),
        buffer: &'b mut Vec<u8>,
    ) -> Option<(u64, &'b [u8])> {
        let first = first.max(from);
        let mut reach = PAGE_BYTES as u64;
        loop {
            let start = first.saturating_sub(reach).max(from);
            let end = self.length.min(last + reach);
            buffer.resize((end - start) as usize, 0);
            read_exact_at(self.file, start, buffer).ok()?;
            let before = memchr::memrchr(b'\n', &buffer[..(first - start) as usize]);
            let begin = before.map(|at| at + 1).or((start == from).then_some(0));
            let behind = (last - start) as usize;
            let length = memchr::memchr(b'\n', &buffer[behind..]);
            if let (Some(begin), Some(length)) = (begin, length) {
                let lines = begin..behind + length + 1;
                // One of them may be too long.
                return (lines.len() <= LINE_BYTES_MAX)
                    .then_some((start + begin as u64, &buffer[lines]));
            }
            let is_half = length.is_none() && end == self.length;
            if is_half || reach >= LINE_BYTES_MAX as u64 {
                return None;
            }
            reach *= 8;
        }
    }
}

/// Room for a block that begins where a page does, with a page before it.
struct Room {
    bytes: Vec<u8>,
    start: usize,
}

impl Room {
    fn new() -> Self {
        let bytes = vec![0; BLOCK_BYTES + 2 * PAGE_BYTES];
        let start = PAGE_BYTES + (PAGE_BYTES - bytes.as_ptr().addr() % PAGE_BYTES) % PAGE_BYTES;
        Self { bytes, start }
    }
}

/// Stripes that are searched before what they hold is given out.
const ROUND_STRIPES: u64 = 64;
/// Hits so near to each other are read together.
const GAP_BYTES: u64 = 32 << 10;
/// Where more than a part in so many is given out, reading all in its order costs less.
const FEW: u64 = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::Query;

    const NEEDLE: &str = "job-7";

    /// What is given out of a file, and where the rest begins.
    fn skim(content: &[u8], stripe_bytes: u64, threads: usize) -> (Vec<(u64, Vec<u8>)>, u64) {
        let file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut &file, content).unwrap();
        let query = Query { job: Some(NEEDLE.to_owned()), ..Query::default() };
        let needle = Needle::of(&query).unwrap();
        let length = content.len() as u64;
        let (file, needle, stop) = (&file, &needle, None);
        let skim = Skim { file, length, needle, threads, stripe_bytes, stop };
        let mut given = Vec::new();
        let skimmed = skim.run(&mut |offset, bytes| given.push((offset, bytes.to_vec())));
        assert!(skimmed.place <= skimmed.read && skimmed.place <= length);
        (given, skimmed.place)
    }

    /// The places of the lines that hold the needle.
    fn hits(bytes: &[u8], start: u64) -> Vec<u64> {
        let mut at = start;
        let mut hits = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            hits.extend(String::from_utf8_lossy(line).contains(NEEDLE).then_some(at));
            at += line.len() as u64;
        }
        hits
    }

    proptest! {
        #[test]
        fn every_line_before_the_rest_that_holds_it_is_given_once_and_in_its_order(
            lines in proptest::collection::vec((0..400_usize, 0..30_usize), 0..300),
            is_whole: bool,
            stripe_bytes in prop_oneof![1..100_u64, 100..20_000_u64],
            threads in 1..4_usize,
        ) {
            let mut content = Vec::new();
            for (length, place) in lines {
                let mut line = vec![b'x'; length];
                // Most do not hold it.
                if let Some(room) = line.get_mut(place * 7..place * 7 + NEEDLE.len()).filter(|_| place < 3) {
                    room.copy_from_slice(NEEDLE.as_bytes());
                }
                content.extend(line);
                content.push(b'\n');
            }
            if !is_whole {
                let _ = content.pop();
            }
            let (given, place) = skim(&content, stripe_bytes, threads);
            let is_edge = |at: u64| at == 0 || content[at as usize - 1] == b'\n';
            let mut behind = 0;
            let mut found = Vec::new();
            for (offset, bytes) in &given {
                let end = offset + bytes.len() as u64;
                prop_assert!(*offset >= behind && is_edge(*offset) && bytes.ends_with(b"\n"));
                prop_assert!(content[*offset as usize..end as usize] == **bytes);
                found.extend(hits(bytes, *offset));
                behind = end;
            }
            prop_assert!(behind <= place && is_edge(place));
            prop_assert_eq!(found, hits(&content[..place as usize], 0));
        }
    }

    #[test]
    fn few_hits_leave_only_the_half_line_at_the_end() {
        let mut content = "a line of somebody else\n".repeat(1_000).into_bytes();
        let hit = content.len() as u64;
        content.extend(b"job-7\n");
        content.extend("a line of somebody else\n".repeat(1_000).into_bytes());
        let whole = content.len() as u64;
        content.extend(b"job, hal");
        for stripe_bytes in [64, 1_000, 1 << 20] {
            let (given, place) = skim(&content, stripe_bytes, 2);
            let found = given.iter().flat_map(|(at, bytes)| hits(bytes, *at));
            assert_eq!((found.collect(), place), (vec![hit], whole));
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_left_to_the_reader_with_all_behind_it() {
        for (length, is_left) in [(LINE_BYTES_MAX, false), (LINE_BYTES_MAX + 1, true)] {
            for hit in [0, length / 2, length - NEEDLE.len()] {
                let mut content = b"short\n".to_vec();
                content.resize(6 + length, b'x');
                content[6 + hit..6 + hit + NEEDLE.len()].copy_from_slice(NEEDLE.as_bytes());
                content.extend(b"\nlast\n");
                let (given, place) = skim(&content, 1 << 20, 2);
                let given: Vec<u64> =
                    given.iter().flat_map(|(at, bytes)| hits(bytes, *at)).collect();
                if is_left {
                    assert_eq!((given, place <= 6), (Vec::new(), true));
                } else {
                    assert_eq!(given.is_empty(), place <= 6, "given, or left to the reader");
                }
            }
        }
    }
}
