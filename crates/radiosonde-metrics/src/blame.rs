//! Which label has more values than a metric has room for, and who writes them.
//!
//! Only writes past the cap come here, so a metric that stays within it pays nothing: neither time
//! nor memory. What is kept is of one size, about 1 KB and the names, however much is written.

use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::distinct::{Distinct, hash, seed};
use crate::fault::quoted;

/// Labels of a metric that has no declared ones; of more, the first are known.
const LABELS_MAX: usize = 8;

/// Declared labels, of which there are never that many.
const DECLARED_MAX: usize = 64;

/// Modules that are known by name; the first that write past the cap.
const MODULES_MAX: usize = 8;

/// Bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 128;

/// Writes of a module that are counted one by one. Of later ones one in [`SAMPLE`] is, for all of
/// them: threads that write past the cap at full speed must not fight over a count.
const EXACT: u64 = 256;

/// How many writes one that is drawn stands for.
const SAMPLE: u64 = 16;

/// What is known about the writes past the cap of one metric.
#[derive(Debug)]
pub(crate) struct Blame {
    declared: bool,
    labels: usize,
    seed: u64,
    kept: OnceLock<Box<Kept>>,
}

#[derive(Debug)]
struct Kept {
    labels: Box<[Label]>,
    modules: [Module; MODULES_MAX],
    /// Writes of further modules, and of unknown ones.
    other: AtomicU64,
}

#[derive(Debug, Default)]
struct Label {
    name: OnceLock<Box<str>>,
    values: Distinct,
}

#[derive(Debug, Default)]
struct Module {
    name: OnceLock<Box<str>>,
    writes: AtomicU64,
}

/// Which label of a metric has more values than there is room for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exploded {
    /// The label with the most different values in writes past the cap.
    pub label: String,
    /// About how many there are: ±13 % in two of three cases. 1 or more.
    pub values: u64,
    /// The module that makes most of these writes, and its share of them, above 0 and up to 1. None
    /// if no write said where it is, or most come from modules past the eight that are known.
    pub module: Option<(String, f64)>,
}

impl Blame {
    /// For a metric with that many declared labels; 0 stands for any labels.
    pub(crate) fn new(declared: usize) -> Self {
        Self::seeded(declared, seed())
    }

    fn seeded(declared: usize, seed: u64) -> Self {
        let labels = if declared == 0 { LABELS_MAX } else { declared.min(DECLARED_MAX) };
        Self { declared: declared > 0, labels, seed, kept: OnceLock::new() }
    }

    /// Notes one write past the cap: its labels, declared ones always in one order, and the module it
    /// is made in. Allocates for the
    /// first write, and the first of each label and module, only; nobody waits but for that.
    pub(crate) fn note<'a>(
        &self,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
        module: Option<&str>,
    ) {
        let kept = self.kept.get_or_init(|| Box::new(Kept::new(self.labels)));
        for (position, (name, value)) in labels.enumerate() {
            let label = match self.declared {
                true => kept.labels.get(position).inspect(|label| {
                    label.name.get_or_init(|| cut(name).into());
                }),
                false => kept.label(position, cut(name)),
            };
            if let Some(label) = label {
                label.values.add(hash(self.seed, value));
            }
        }
        kept.note_module(module);
    }

    /// What comes now is another flood. Names stay where they are.
    pub(crate) fn forget(&self) {
        let Some(kept) = self.kept.get() else { return };
        kept.labels.iter().for_each(|label| label.values.clear());
        let counts = kept.modules.iter().map(|module| &module.writes).chain([&kept.other]);
        counts.for_each(|writes| writes.store(0, Ordering::Relaxed));
    }

    /// The label with the most values; none before the first write past the cap.
    pub(crate) fn told(&self) -> Option<Exploded> {
        let kept = self.kept.get()?;
        let estimate = |label: &Label| Some((label.name.get()?.clone(), label.values.estimate()));
        let most = kept.labels.iter().filter_map(estimate).reduce(|most, label| {
            // Of equals the first: it is the same at every call.
            if label.1 > most.1 { label } else { most }
        });
        let (label, values) = most.filter(|(_, values)| *values > 0.0)?;
        let (label, values) = (label.into_string(), rounded(values));
        Some(Exploded { label, values, module: kept.foremost() })
    }
}

impl Kept {
    fn new(labels: usize) -> Self {
        Self {
            labels: (0..labels).map(|_| Label::default()).collect(),
            modules: Default::default(),
            other: AtomicU64::new(0),
        }
    }

    /// The label of that name. Labels mostly come in one order, so it is looked for where it would
    /// then be.
    fn label(&self, position: usize, name: &str) -> Option<&Label> {
        let at = |label: &&Label| label.name.get().is_some_and(|known| **known == *name);
        if let Some(label) = self.labels.get(position).filter(at) {
            return Some(label);
        }
        self.labels.iter().find(|label| claim(&label.name, name))
    }

    fn note_module(&self, module: Option<&str>) {
        let Some(name) = module else { return count(&self.other) };
        let name = cut(name);
        match self.modules.iter().find(|module| claim(&module.name, name)) {
            Some(module) => count(&module.writes),
            None => count(&self.other),
        }
    }

    /// The module with the most writes and its share.
    fn foremost(&self) -> Option<(String, f64)> {
        let writes = |writes: &AtomicU64| writes.load(Ordering::Relaxed);
        let other = writes(&self.other);
        let all = self
            .modules
            .iter()
            .fold(other, |all, module| all.saturating_add(writes(&module.writes)));
        let named = self
            .modules
            .iter()
            .filter_map(|module| Some((module.name.get()?, writes(&module.writes))));
        let (name, most) =
            named.reduce(|most, module| if module.1 > most.1 { module } else { most })?;
        #[expect(clippy::cast_precision_loss, reason = "a share of about 2^53 writes is as good")]
        let share = most as f64 / all.max(1) as f64;
        (most > other).then(|| (name.to_string(), share))
    }
}

/// Whether this place has that name, which an empty one takes.
fn claim(place: &OnceLock<Box<str>>, name: &str) -> bool {
    **place.get_or_init(|| name.into()) == *name
}

/// Adds a write, or what a drawn one stands for. No process lives until it wraps.
fn count(writes: &AtomicU64) {
    if writes.load(Ordering::Relaxed) < EXACT {
        writes.fetch_add(1, Ordering::Relaxed);
    } else if drawn() {
        writes.fetch_add(SAMPLE, Ordering::Relaxed);
    }
}

/// True once in [`SAMPLE`] times, in no order that loops could follow.
fn drawn() -> bool {
    thread_local! {
        static DRAWN: Cell<u64> = const { Cell::new(0x2545_f491_4f6c_dd1d) };
    }
    // Nothing in it has a destructor: it outlives the end of its thread.
    let next = DRAWN.try_with(|drawn| {
        let next = drawn.get().wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        drawn.set(next);
        next
    });
    next.is_ok_and(|next| (next >> 32) % SAMPLE == 0)
}

/// At most as many bytes of a name as are kept.
fn cut(name: &str) -> &str {
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let end = (0..=NAME_BYTES_MAX).rev().find(|end| name.is_char_boundary(*end));
    end.and_then(|end| name.get(..end)).unwrap_or_default()
}

/// No more digits than are known: all of a number below 100, two of a larger one.
fn rounded(estimate: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let whole = estimate.round().max(1.0) as u64;
    let unit = 10_u64.saturating_pow(whole.ilog10().saturating_sub(1));
    (whole.saturating_add(unit / 2) / unit).saturating_mul(unit)
}

impl fmt::Display for Exploded {
    /// Such as ``label `user` has about 960,000 different values past the cap, most of the writes
    /// from shop::cart``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.values == 1 { "value" } else { "different values" };
        write!(f, "label `{}` has about ", quoted(&self.label))?;
        grouped(f, self.values)?;
        write!(f, " {plural} past the cap")?;
        match &self.module {
            Some((module, share)) if *share > 0.995 => write!(f, ", from {}", quoted(module)),
            Some((module, share)) if *share > 0.5 => {
                write!(f, ", most of the writes from {}", quoted(module))
            }
            Some((module, share)) => {
                write!(f, ", {:.0} % of the writes from {}", share * 100.0, quoted(module))
            }
            None => Ok(()),
        }
    }
}

/// A number with a comma after every thousand.
fn grouped(f: &mut fmt::Formatter<'_>, number: u64) -> fmt::Result {
    if number < 1_000 {
        return write!(f, "{number}");
    }
    grouped(f, number / 1_000)?;
    write!(f, ",{:03}", number % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flood(blame: &Blame, users: u32, module: &str) {
        for user in 0..users {
            let user = format!("user-{user}");
            let region = format!("region-{}", user.len());
            let labels = [("region", region.as_str()), ("user", user.as_str())];
            blame.note(labels.into_iter(), Some(module));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "tens of thousands of writes")]
    fn the_label_with_the_most_values_is_named() {
        for declared in [0, 2] {
            let blame = Blame::seeded(declared, 1);
            assert_eq!(blame.told(), None);
            flood(&blame, 20_000, "shop::cart");
            let told = blame.told().expect("there were writes");
            assert_eq!(told.label, "user");
            assert!((12_000..30_000).contains(&told.values), "{told:?}");
            let text = told.to_string();
            let (before, after) = text.split_once(",000 ").expect("two digits");
            assert!(before.starts_with("label `user` has about "), "{text}");
            assert_eq!(after, "different values past the cap, from shop::cart");
        }
    }

    #[test]
    fn a_label_of_few_values_is_never_blamed_for_one_of_many() {
        for seed in 0..if cfg!(miri) { 2 } else { 200 } {
            let blame = Blame::seeded(2, seed);
            for nth in 0..400 {
                let (few, many) = (format!("few-{}", nth % 40), format!("many-{nth}"));
                let labels = [("few", few.as_str()), ("many", many.as_str())];
                blame.note(labels.into_iter(), None);
            }
            let told = blame.told().expect("there were writes");
            assert_eq!((told.label.as_str(), told.module), ("many", None));
        }
    }

    #[test]
    fn labels_are_told_apart_by_name_in_any_order_and_number() {
        let blame = Blame::seeded(0, 1);
        for nth in 0..1_000 {
            let value = format!("{nth}");
            let mut labels = vec![("a", "1"), ("b", value.as_str()), ("c", "3")];
            labels.rotate_left(nth % 3);
            labels.truncate(1 + nth % 3);
            blame.note(labels.into_iter(), None);
        }
        // Names past the ones that are kept change nothing.
        for nth in 0..1_000 {
            let name = format!("name-{nth}");
            blame.note([(name.as_str(), name.as_str())].into_iter(), None);
        }
        assert_eq!(blame.told().map(|told| told.label), Some("b".to_owned()));
        blame.note(std::iter::empty(), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "tens of thousands of writes")]
    fn the_module_that_writes_most_is_named_with_its_share() {
        let blame = Blame::seeded(0, 1);
        flood(&blame, 8_000, "shop::cart");
        flood(&blame, 24_000, "shop::search");
        let (module, share) = blame.told().and_then(|told| told.module).expect("it is known");
        assert_eq!(module, "shop::search");
        assert!((0.70..0.80).contains(&share), "{share}");
        let text = blame.told().map(|told| told.to_string()).unwrap_or_default();
        assert!(text.ends_with(", most of the writes from shop::search"), "{text}");
    }

    #[test]
    fn few_writes_are_counted_exactly() {
        let blame = Blame::seeded(0, 1);
        flood(&blame, 3, "a");
        flood(&blame, 5, "b");
        flood(&blame, 2, "c");
        let told = blame.told().expect("there were writes");
        assert_eq!(told.module, Some(("b".to_owned(), 0.5)));
        assert!(told.to_string().ends_with(", 50 % of the writes from b"), "{told}");
    }

    #[test]
    fn modules_past_those_that_are_known_blame_nobody_else() {
        let blame = Blame::seeded(0, 1);
        for nth in 0..1_000 {
            flood(&blame, 1, &format!("module-{nth}"));
        }
        assert_eq!(blame.told().and_then(|told| told.module), None);
    }

    #[test]
    fn it_is_as_large_as_stated_and_takes_no_memory_before() {
        assert!(size_of::<Blame>() <= 40);
        let blame = Blame::seeded(0, 1);
        assert!(blame.kept.get().is_none());
        blame.note([("é".repeat(500).as_str(), "1")].into_iter(), Some(&"m".repeat(5_000)));
        let kept = blame.kept.get().expect("it was written");
        assert!(size_of_val(&**kept) + size_of_val(&*kept.labels) <= 1_024);
        assert_eq!(kept.labels[0].name.get().map(|name| name.len()), Some(NAME_BYTES_MAX));
        assert_eq!(kept.modules[0].name.get().map(|name| name.len()), Some(NAME_BYTES_MAX));
        assert_eq!(Blame::new(usize::MAX).labels, DECLARED_MAX);
    }

    #[test]
    fn threads_note_side_by_side() {
        let blame = Blame::seeded(2, 1);
        std::thread::scope(|scope| {
            for module in ["a", "b", "c", "d"] {
                let blame = &blame;
                scope.spawn(move || flood(blame, 200, module));
            }
        });
        let told = blame.told().expect("there were writes");
        assert_eq!(
            (told.label.as_str(), told.module.map(|(_, share)| share)),
            ("user", Some(0.25))
        );
        assert!((100..400).contains(&told.values), "{}", told.values);
    }

    #[test]
    fn numbers_have_the_digits_that_are_known() {
        let rounds = [(0.2, 1), (7.4, 7), (99.4, 99), (128.0, 130), (1_949_000.0, 1_900_000)];
        for (estimate, expected) in rounds {
            assert_eq!(rounded(estimate), expected, "{estimate}");
        }
        assert!(rounded(f64::INFINITY) > 1 << 63);
        let told = |label: &str, values| Exploded { label: label.to_owned(), values, module: None };
        assert_eq!(
            told("a\u{1b}[2J", 1_000_010).to_string(),
            "label `a\u{fffd}[2J` has about 1,000,010 different values past the cap"
        );
        assert_eq!(told("a", 1).to_string(), "label `a` has about 1 value past the cap");
    }
}
