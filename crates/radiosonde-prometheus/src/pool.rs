//! Memory of texts: used again, and bounded while slow clients hold it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::format::Format;
use crate::trouble::Trouble;
use crate::writer::Writer;

/// Writers, and memory of texts, that are kept for the next scrape.
const KEPT_MAX: usize = 2;

/// Memory that is kept whatever the last text needed, in bytes.
const KEPT_BYTES_MIN: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<Idle>,
    /// Bytes of texts that are not sent yet.
    held: AtomicUsize,
    /// Bytes that one text may have, and beyond which held ones keep others from being written.
    limit: usize,
}

#[derive(Debug, Default)]
struct Idle {
    writers: Vec<Writer>,
    texts: Vec<String>,
}

impl Pool {
    pub(crate) fn new(limit: usize) -> Self {
        Self { idle: Mutex::default(), held: AtomicUsize::new(0), limit }
    }

    /// What `expose` writes. No lock is held meanwhile. `told` hears what is missing.
    pub(crate) fn render(
        self: &Arc<Self>,
        format: Format,
        expose: impl FnOnce(&mut Writer),
        told: impl FnOnce(&Trouble),
    ) -> Result<Held<String>, Trouble> {
        if self.held.load(Ordering::Relaxed) > self.limit {
            return Err(Trouble::Busy { limit: self.limit });
        }
        let (writer, memory) = {
            let mut idle = self.idle();
            (idle.writers.pop(), idle.texts.pop().unwrap_or_default())
        };
        let mut writer = writer.unwrap_or_else(|| Writer::new(format).with_limit(self.limit));
        drop(writer.exchange(memory));
        writer.begin(format);
        expose(&mut writer);
        let outcome = writer.finish().map(drop);
        let text = self.hold(writer.exchange(String::new()));
        if let Some(family) = writer.first_left_out() {
            told(&Trouble::LeftOut { family: family.to_owned(), count: writer.left_out() });
        }
        let mut idle = self.idle();
        if idle.writers.len() < KEPT_MAX {
            idle.writers.push(writer);
        }
        drop(idle);
        outcome?;
        Ok(text)
    }

    /// Counts memory until it is dropped.
    pub(crate) fn hold<M: Memory>(self: &Arc<Self>, memory: M) -> Held<M> {
        let bytes = memory.bytes();
        let _ = self.held.fetch_add(bytes, Ordering::Relaxed);
        Held { memory, bytes, pool: self.clone() }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory that an answer is in.
pub(crate) trait Memory: AsRef<[u8]> + Default {
    /// How much it is.
    fn bytes(&self) -> usize;
    /// Keeps it for the next scrape, or does not.
    fn keep(self, _pool: &Pool) {}
}

impl Memory for Vec<u8> {
    fn bytes(&self) -> usize {
        self.capacity()
    }
}

impl Memory for String {
    fn bytes(&self) -> usize {
        self.capacity()
    }

    fn keep(mut self, pool: &Pool) {
        // A process whose metrics have become fewer does not hold what they once needed.
        if self.capacity() > KEPT_BYTES_MIN.max(self.len() * 4) {
            return;
        }
        self.clear();
        let mut idle = pool.idle();
        if idle.texts.len() < KEPT_MAX {
            idle.texts.push(self);
        }
    }
}

/// Memory of an answer, counted until it is sent; then it goes back.
#[derive(Debug)]
pub(crate) struct Held<M: Memory> {
    memory: M,
    bytes: usize,
    pool: Arc<Pool>,
}

impl<M: Memory> AsRef<[u8]> for Held<M> {
    fn as_ref(&self) -> &[u8] {
        self.memory.as_ref()
    }
}

impl<M: Memory> Drop for Held<M> {
    fn drop(&mut self) {
        let _ = self.pool.held.fetch_sub(self.bytes, Ordering::Relaxed);
        std::mem::take(&mut self.memory).keep(&self.pool);
    }
}

#[cfg(test)]
mod tests {
    use radiosonde_metrics::Snapshot;

    use super::*;

    fn render(pool: &Arc<Pool>, snapshot: &Snapshot) -> Result<Held<String>, Trouble> {
        pool.render(Format::Text, |writer| snapshot.expose(writer), |trouble| panic!("{trouble}"))
    }

    fn series(count: usize) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for n in 0..count {
            snapshot.gauge("a", &[("n", &n.to_string())], 1.0);
        }
        snapshot
    }

    #[test]
    fn memory_comes_back_and_is_used_again() {
        let pool = Arc::new(Pool::new(1 << 20));
        let text = render(&pool, &series(1000)).unwrap();
        let place = text.as_ref().as_ptr();
        assert!(pool.held.load(Ordering::Relaxed) >= text.as_ref().len());
        drop(text);
        assert_eq!(pool.held.load(Ordering::Relaxed), 0);
        let again = render(&pool, &series(1000)).unwrap();
        assert_eq!(again.as_ref().as_ptr(), place);
        assert!(again.as_ref().starts_with(b"# TYPE a gauge\na{n=\"0\"} 1.0\n"));
        let texts: Vec<_> = (0..5).map(|_| render(&pool, &series(10)).unwrap()).collect();
        drop((again, texts));
        let idle = pool.idle();
        assert_eq!((idle.texts.len(), idle.writers.len()), (KEPT_MAX, 1));
    }

    #[test]
    fn memory_that_is_not_needed_any_more_is_let_go() {
        let pool = Arc::new(Pool::new(1 << 24));
        drop(render(&pool, &series(100_000)).unwrap());
        assert!(pool.idle().texts[0].capacity() > 1 << 20);
        drop(render(&pool, &series(1)).unwrap());
        assert!(pool.idle().texts.is_empty());
    }

    #[test]
    fn what_slow_clients_hold_is_bounded() {
        let pool = Arc::new(Pool::new(50_000));
        let mut held = Vec::new();
        let refused = loop {
            match render(&pool, &series(1000)) {
                Ok(text) => held.push(text),
                Err(trouble) => break trouble,
            }
            assert!(held.len() < 100);
        };
        assert!(matches!(refused, Trouble::Busy { limit: 50_000 }), "{refused}");
        held.clear();
        assert!(render(&pool, &series(1000)).is_ok());
    }

    #[test]
    fn a_text_that_is_too_large_leaves_nothing_behind() {
        let pool = Arc::new(Pool::new(10_000));
        let trouble = render(&pool, &series(100_000)).unwrap_err();
        assert!(matches!(trouble, Trouble::TooLarge { limit: 10_000 }), "{trouble}");
        assert_eq!(pool.held.load(Ordering::Relaxed), 0);
        // It ended with the series that was too much.
        assert!(pool.idle().texts.iter().all(|text| text.capacity() < 30_000));
        assert!(render(&pool, &series(10)).is_ok());
    }
}
