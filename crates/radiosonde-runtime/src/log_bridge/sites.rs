//! The call sites of `log` records. They have no static of their own, so they are known by what
//! they say: target, file, line and level.

use std::sync::OnceLock;

use radiosonde_record::{Descriptor, Journal, Level, RateLimit};

/// Places of the table, as a power of two. A target made at run time takes one each time it is new.
const SLOTS_BITS: u32 = 10;
/// Places looked at before a call site is one too many.
const PROBES: usize = 32;

/// Made by the first bridge, and never within a record: an allocator may be what logs.
static SITES: OnceLock<Box<[Slot]>> = OnceLock::new();

type Slot = OnceLock<Box<LogSite>>;

/// What is kept of a call site for the life of the process.
#[derive(Debug)]
pub(super) struct LogSite {
    target: String,
    file: Option<String>,
    line: Option<u32>,
    level: log::Level,
    limit: RateLimit,
}

pub(super) fn prepare() {
    let _slots = SITES.get_or_init(|| (0..1 << SLOTS_BITS).map(|_| Slot::new()).collect());
}

/// The call site of a record; `None` when there is no room for it. Allocates only for its first
/// record.
pub(super) fn find(record: &log::Record<'_>) -> Option<&'static LogSite> {
    let slots = SITES.get()?;
    let first = hash(record) >> (usize::BITS - SLOTS_BITS);
    (0..PROBES)
        .map(|step| &slots[(first + step) & (slots.len() - 1)])
        .map(|slot| match slot.get() {
            Some(site) => site,
            None => {
                // Made before the cell is locked, see above.
                let site = Box::new(LogSite::new(record));
                slot.get_or_init(|| site)
            }
        })
        .find(|site| site.is_of(record))
        .map(|site| &**site)
}

/// Tells call sites apart, not against somebody who wants them to meet: then they have no room.
pub(super) fn hash(record: &log::Record<'_>) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let numbers = u64::from(record.line().unwrap_or(0)) << 3 | record.level() as u64;
    let fold = |hash: u64, bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(ODD)
    };
    let target = record.target().as_bytes().chunks(8);
    let hash = target.fold(numbers.wrapping_mul(ODD), fold);
    // The upper bits are the mixed ones, also where addresses are shorter.
    (hash >> (u64::BITS - usize::BITS)) as usize
}

impl LogSite {
    fn new(record: &log::Record<'_>) -> Self {
        Self {
            target: record.target().to_owned(),
            file: record.file().map(str::to_owned),
            line: record.line(),
            level: record.level(),
            limit: RateLimit::new(),
        }
    }

    fn is_of(&self, record: &log::Record<'_>) -> bool {
        (self.line, self.level) == (record.line(), record.level())
            && self.target == record.target()
            && self.file.as_deref() == record.file()
    }

    /// Whether the limit for the level lets one more record through.
    pub(super) fn passes(&'static self, journal: &Journal, level: Level) -> bool {
        journal.passes_own(&self.limit, None, level, self.key(), || self.describe())
    }

    /// Identifies the call site within the process.
    pub(super) fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(super) fn describe(&self) -> Descriptor {
        super::describe(&self.target, self.file.as_deref(), self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(target: &'a str, line: u32) -> log::Record<'a> {
        log::Record::builder().target(target).file(Some("src/a.rs")).line(Some(line)).build()
    }

    #[test]
    fn a_call_site_is_known_again_and_others_are_others() {
        prepare();
        let site = find(&record("known again", 1)).unwrap();
        assert_eq!(find(&record("known again", 1)).unwrap().key(), site.key());
        let others = [
            record("known again", 2),
            record("known", 1),
            log::Record::builder().target("known again").line(Some(1)).build(),
            log::Record::builder()
                .target("known again")
                .file(Some("src/a.rs"))
                .line(Some(1))
                .level(log::Level::Error)
                .build(),
        ];
        let mut keys: Vec<_> = others.iter().map(|record| find(record).unwrap().key()).collect();
        keys.push(site.key());
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), others.len() + 1);
        assert_eq!(
            site.describe(),
            super::super::describe("known again", Some("src/a.rs"), Some(1))
        );
    }
}
