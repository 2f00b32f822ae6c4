//! Acknowledgements: how far each producer has come, in memory that survives it.

use std::io;
use std::path::Path;

use radiosonde_record::AckCounter;

/// Most producers of one process.
pub const PRODUCERS_MAX: usize = 16;

/// The acknowledgements of one producer. Its calls are numbered from 1.
#[derive(Debug)]
pub struct Acks {
    begun: AckCounter,
    returned: AckCounter,
}

/// How far a producer had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The last call that was begun.
    pub begun: u64,
    /// The last call that returned; the one before `begun`, or the same.
    pub returned: u64,
}

impl Acks {
    /// The acknowledgements of producer `index` in `file`.
    ///
    /// # Errors
    /// The file cannot be mapped, or there are not so many producers.
    pub fn open(file: &Path, index: usize) -> io::Result<Self> {
        let begun = AckCounter::open(file, 2 * index)?;
        Ok(Self { begun, returned: AckCounter::open(file, 2 * index + 1)? })
    }

    /// Runs call `number`, with a note before it and one after.
    pub fn around(&self, number: u64, call: impl FnOnce()) {
        self.begun.store(number);
        call();
        self.returned.store(number);
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
    let (pairs, _) = counters.as_chunks::<2>();
    let reached = pairs.iter().map(|&[begun, returned]| Reached { begun, returned });
    Ok(reached.take(PRODUCERS_MAX).collect())
}
