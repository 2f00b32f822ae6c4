//! The call sites of records of the `log` crate. They have no static of their own, so they are known
//! by what they say: target, file, line and level.

use std::sync::OnceLock;

use crate::descriptor::Descriptor;
use crate::format::Site;
use crate::journal::Journal;
use crate::level::Level;
use crate::rate::RateLimit;

/// Where a record of the `log` crate is from, by whichever way it comes.
#[derive(Clone, Copy, Debug)]
pub struct LogOrigin<'a> {
    target: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    level: Level,
}

/// Places of the table, as a power of two. A target made at run time takes one each time it is new.
const SLOTS_BITS: u32 = 10;
/// Places looked at before a call site is one too many.
const PROBES: usize = 32;

/// Made beforehand, and never within a record: an allocator may be what logs.
static SITES: OnceLock<Box<[Slot]>> = OnceLock::new();

type Slot = OnceLock<Box<LogSite>>;

/// What is kept of a call site for the life of the process.
#[derive(Debug)]
struct LogSite {
    target: String,
    file: Option<String>,
    line: Option<u32>,
    level: Level,
    limit: RateLimit,
}

impl<'a> LogOrigin<'a> {
    /// The origin of a record with this target, of this place in the code.
    pub fn new(target: &'a str, file: Option<&'a str>, line: Option<u32>, level: Level) -> Self {
        Self { target, file, line, level }
    }

    /// Makes room for the call sites of the process, 1,024 of them, unless there is. Whoever takes
    /// records does so before the first one: nothing else of this allocates but a new call site.
    pub fn prepare() {
        let _slots = SITES.get_or_init(|| (0..1 << SLOTS_BITS).map(|_| Slot::new()).collect());
    }

    /// The target of the record.
    pub fn target(&self) -> &'a str {
        self.target
    }

    /// Whether the filter of a journal lets the record through: a look at a few targets, less than
    /// knowing the call site, and it takes none of its places.
    pub fn is_allowed(&self, journal: &Journal) -> bool {
        journal.allows(self.target, self.level)
    }

    /// The call site of a record that the filter lets through; `None` when its rate limit does not,
    /// which is counted. Past the call sites there is room for, each record carries its own.
    pub fn site(&self, journal: &Journal) -> Option<Site> {
        if let Some(known) = self.find() {
            let passes = known.passes(journal);
            return passes.then(|| journal.site(known.key(), || known.origin().describe()));
        }
        let describe = || self.describe();
        journal.passes(self.level, self.hash(), describe).then(|| Site::from(describe()))
    }

    /// The call site, when there is room for it. Allocates only for its first record.
    fn find(&self) -> Option<&'static LogSite> {
        let slots = SITES.get()?;
        let first = self.hash() >> (usize::BITS - SLOTS_BITS);
        (0..PROBES)
            .map(|step| &slots[(first + step) & (slots.len() - 1)])
            .map(|slot| match slot.get() {
                Some(site) => site,
                None => {
                    // Made before the cell is locked, see above.
                    let site = Box::new(LogSite::new(self));
                    slot.get_or_init(|| site)
                }
            })
            .find(|site| site.is_of(self))
            .map(|site| &**site)
    }

    /// Tells call sites apart, not against somebody who wants them to meet: then they have no room.
    fn hash(&self) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let numbers = u64::from(self.line.unwrap_or(0)) << 3 | self.level as u64;
        let fold = |hash: u64, bytes: &[u8]| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(ODD)
        };
        let target = self.target.as_bytes().chunks(8);
        let hash = target.fold(numbers.wrapping_mul(ODD), fold);
        // The upper bits are the mixed ones, also where addresses are shorter.
        (hash >> (u64::BITS - usize::BITS)) as usize
    }

    fn describe(&self) -> Descriptor {
        Descriptor {
            name: "log".to_owned(),
            source: self.target.to_owned(),
            file: self.file.unwrap_or_default().to_owned(),
            line: self.line.unwrap_or_default(),
            ..Descriptor::default()
        }
    }
}

impl LogSite {
    fn new(origin: &LogOrigin<'_>) -> Self {
        Self {
            target: origin.target.to_owned(),
            file: origin.file.map(str::to_owned),
            line: origin.line,
            level: origin.level,
            limit: RateLimit::new(),
        }
    }

    fn is_of(&self, origin: &LogOrigin<'_>) -> bool {
        (self.line, self.level) == (origin.line, origin.level)
            && self.target == origin.target
            && self.file.as_deref() == origin.file
    }

    /// Whether the limit for the level lets one more record through.
    fn passes(&'static self, journal: &Journal) -> bool {
        let describe = || self.origin().describe();
        journal.passes_own(&self.limit, None, self.level, self.key(), describe)
    }

    /// Identifies the call site within the process.
    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn origin(&self) -> LogOrigin<'_> {
        LogOrigin::new(&self.target, self.file.as_deref(), self.line, self.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(target: &str, line: u32) -> LogOrigin<'_> {
        LogOrigin::new(target, Some("src/a.rs"), Some(line), Level::Info)
    }

    #[test]
    fn a_call_site_is_known_again_and_others_are_others() {
        LogOrigin::prepare();
        let site = origin("known again", 1).find().unwrap();
        assert_eq!(origin("known again", 1).find().unwrap().key(), site.key());
        let others = [
            origin("known again", 2),
            origin("known", 1),
            LogOrigin { file: None, ..origin("known again", 1) },
            LogOrigin { level: Level::Error, ..origin("known again", 1) },
        ];
        let mut keys: Vec<_> = others.iter().map(|other| other.find().unwrap().key()).collect();
        keys.push(site.key());
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), others.len() + 1);
        assert_eq!(site.origin().describe(), origin("known again", 1).describe());
    }
}
