//! What is allocated, counted by an allocator around the system's: only with the feature `heap`, as it
//! makes each allocation slower, and with it whoever allocates.

#[cfg(feature = "heap")]
#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// What all threads together have asked the allocator for so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heap {
    /// Bytes in use, as asked for: what the allocator rounds them up to is not counted.
    pub(crate) in_use: i64,
    /// Allocations, and changes of their size.
    pub(crate) allocations: u64,
    /// Bytes that were ever asked for.
    pub(crate) allocated: u64,
}

impl Heap {
    /// Now.
    ///
    /// # Errors
    /// Nobody counts, in words that say what to do.
    #[cfg(feature = "heap")]
    pub(crate) fn now() -> Result<Heap, String> {
        let stats = ALLOCATOR.stats();
        Ok(Heap {
            in_use: stats.bytes_allocated as i64 - stats.bytes_deallocated as i64,
            allocations: (stats.allocations + stats.reallocations) as u64,
            allocated: stats.bytes_allocated as u64,
        })
    }

    /// Nobody counts.
    #[cfg(not(feature = "heap"))]
    pub(crate) fn now() -> Result<Heap, String> {
        Err("this counts what is allocated: \
             cargo run --release -p radiosonde-benches --features heap -- memory"
            .into())
    }

    /// What has come since then.
    pub(crate) fn since(self, then: Heap) -> Heap {
        Heap {
            in_use: self.in_use - then.in_use,
            allocations: self.allocations - then.allocations,
            allocated: self.allocated - then.allocated,
        }
    }
}

#[cfg(all(test, feature = "heap"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_and_what_was_asked_for_are_told_apart() {
        let now = || Heap::now().unwrap_or_else(|wrong| panic!("{wrong}"));
        let before = now();
        let kept = std::hint::black_box(vec![1_u8; 1 << 20]);
        drop(std::hint::black_box(vec![1_u8; 1 << 20]));
        let since = now().since(before);
        // Other tests allocate at the same time, but not that much.
        assert!((1 << 20..3 << 19).contains(&since.in_use), "{since:?}");
        assert!(since.allocated >= 2 << 20 && since.allocations >= 2, "{since:?}");
        drop(kept);
    }
}
