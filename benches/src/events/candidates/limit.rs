//! The limit: copying a finished line into memory of this thread. Nobody can hand over an event for
//! less without handing over less.

use crate::events::lines::of_events;
use crate::events::subject::{Ended, Fields, Subject};
use crate::harness::{Overflow, Role};
use std::cell::RefCell;
use std::hint::black_box;
use std::marker::PhantomData;
use std::path::Path;

/// Size of the ring: between the smallest and the largest of ours.
const RING_BYTES: usize = 256 * 1024;
/// Different lines.
const LINES: u64 = 64;

thread_local! {
    static RING: RefCell<(Vec<u8>, usize)> = const { RefCell::new((Vec::new(), 0)) };
}

/// Copies lines as `S` writes them.
pub(crate) struct Memory<S> {
    lines: Vec<Vec<u8>>,
    subject: PhantomData<S>,
}

impl<S: Subject> Subject for Memory<S> {
    const NAME: &'static str = "limit";
    const ROLE: Role = Role::Limit;
    const OVERFLOW: Overflow = Overflow::Writes;
    const PACKAGES: &'static [&'static str] = &[];

    fn start(folder: &Path) -> Result<Self, String> {
        let lines = lines_of::<S>(folder)?;
        // Written to, not only asked for: a page's first use costs more than ten events.
        RING.with_borrow_mut(|(ring, _)| ring.resize(RING_BYTES, 1));
        Ok(Self { lines, subject: PhantomData })
    }

    #[inline]
    fn event(&self, fields: &Fields) {
        let line = black_box(&self.lines[(fields.items % LINES) as usize]);
        RING.with_borrow_mut(|(ring, head)| {
            let start = if *head + line.len() <= ring.len() { *head } else { 0 };
            ring[start..start + line.len()].copy_from_slice(line);
            *head = start + line.len();
            black_box(&ring[start]);
        });
    }

    /// A load and a branch.
    #[inline]
    fn disabled(&self, fields: &Fields) {
        use std::sync::atomic::{AtomicBool, Ordering};
        static ENABLED: AtomicBool = AtomicBool::new(false);
        if black_box(&ENABLED).load(Ordering::Relaxed) {
            self.event(fields);
        }
    }

    fn finish(self) -> Result<Ended, String> {
        Ok(Ended::now(None))
    }
}

/// The lines that `S` writes for its first events, with the ends of lines: what a limit copies and
/// writes has the length of the real thing.
pub(crate) fn lines_of<S: Subject>(folder: &Path) -> Result<Vec<Vec<u8>>, String> {
    let wrong = |error: std::io::Error| format!("cannot use {}: {error}", folder.display());
    // Below the folder of the round: what stands here is not counted.
    let folder = folder.join("sample");
    std::fs::create_dir_all(&folder).map_err(wrong)?;
    let subject = S::start(&folder)?;
    for number in 0..LINES {
        subject.event(&Fields::of(number));
    }
    let _ended = subject.finish()?;
    let text = of_events(&folder)?;
    let lines: Vec<Vec<u8>> =
        text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.len() as u64 == LINES { Ok(lines) } else { Err(format!("{} lines", lines.len())) }
}
