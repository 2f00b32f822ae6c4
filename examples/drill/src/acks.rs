//! Acknowledgements: how far each producer has come, in memory that survives it.

use std::io;
use std::path::Path;

use radiosonde_record::AckCounter;

/// Most producers of one process.
pub const PRODUCERS_MAX: usize = 16;

/// Counters of one producer: of its calls, and of its spans.
const COUNTERS: usize = 2 + 4 * SPANS;
/// Kinds of spans: see [`Spans`].
const SPANS: usize = 2;

/// The acknowledgements of one producer. Its calls are numbered from 1.
#[derive(Debug)]
pub struct Acks {
    calls: Noted,
    opened: [Noted; SPANS],
    closed: [Noted; SPANS],
}

/// A note before each call of a kind, and one after.
#[derive(Debug)]
struct Noted {
    begun: AckCounter,
    returned: AckCounter,
}

/// The spans of a producer, each kind numbered from 1. They close in the order they were opened in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spans {
    /// Some are open at any time.
    Held,
    /// One is open at most.
    Steps,
}

/// How far a producer had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The last call that was begun.
    pub begun: u64,
    /// The last call that returned; the one before `begun`, or the same.
    pub returned: u64,
    /// Its spans, by kind.
    pub spans: [SpansReached; SPANS],
}

/// How far a producer had come with its spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpansReached {
    /// Spans it began to open, and those of them that were open when the call returned.
    pub opened: [u64; 2],
    /// Spans it began to close, and those of them that were closed when the call returned.
    pub closed: [u64; 2],
}

impl SpansReached {
    /// Numbers of spans that may have been open.
    #[must_use]
    pub fn perhaps_open(&self) -> std::ops::RangeInclusive<u64> {
        self.closed[1] + 1..=self.opened[0]
    }

    /// Numbers of spans that were open for certain.
    #[must_use]
    pub fn open(&self) -> std::ops::RangeInclusive<u64> {
        self.closed[0] + 1..=self.opened[1]
    }
}

impl Acks {
    /// The acknowledgements of producer `index` in `file`.
    ///
    /// # Errors
    /// The file cannot be mapped, or there are not so many producers.
    pub fn open(file: &Path, index: usize) -> io::Result<Self> {
        let first = COUNTERS * index;
        let noted = |nth: usize| Noted::open(file, first + 2 * nth);
        Ok(Self {
            calls: noted(0)?,
            opened: [noted(1)?, noted(2)?],
            closed: [noted(3)?, noted(4)?],
        })
    }

    /// Runs call `number`, with a note before it and one after.
    pub fn around(&self, number: u64, call: impl FnOnce()) {
        self.calls.around(number, call);
    }

    /// Opens a span, with a note before it and one after.
    pub fn opening<R>(&self, spans: Spans, number: u64, open: impl FnOnce() -> R) -> R {
        self.opened[spans as usize].around(number, open)
    }

    /// Closes a span, with a note before it and one after.
    pub fn closing(&self, spans: Spans, number: u64, close: impl FnOnce()) {
        self.closed[spans as usize].around(number, close);
    }
}

impl Noted {
    fn open(file: &Path, first: usize) -> io::Result<Self> {
        let begun = AckCounter::open(file, first)?;
        Ok(Self { begun, returned: AckCounter::open(file, first + 1)? })
    }

    fn around<R>(&self, number: u64, call: impl FnOnce() -> R) -> R {
        self.begun.store(number);
        let result = call();
        self.returned.store(number);
        result
    }
}

/// How far the producers had come; none when the process had not even begun.
///
/// # Errors
/// As from the system, but for a file that is not there.
pub fn read(file: &Path) -> io::Result<Vec<Reached>> {
    let counters = match AckCounter::read_all(file) {
        Ok(counters) => counters,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        // Created, and not yet of its size.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let (producers, _) = counters.as_chunks::<COUNTERS>();
    let reached = producers.iter().map(|&[begun, returned, ref spans @ ..]| {
        let (pairs, _) = spans.as_chunks::<2>();
        let (opened, closed) = pairs.split_at(SPANS);
        let spans = |kind| SpansReached { opened: opened[kind], closed: closed[kind] };
        Reached { begun, returned, spans: [spans(0), spans(1)] }
    });
    Ok(reached.take(PRODUCERS_MAX).collect())
}
