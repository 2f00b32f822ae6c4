//! Lines that a level leaves out because nobody knows how serious they are.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use radiosonde_store::names::StoredFile;
use radiosonde_store::query::Condition;
use radiosonde_store::{Line, Query};
use serde::Deserialize;
use serde_json::Value;

use crate::nothing::{can_be_read_again, look, of_own};
use crate::render::text::{many, shown};

/// Says on stderr how many lines of other programs were left out only for that. Ours have levels that
/// are known.
pub(crate) fn tell_left_out(query: &Query) {
    let is_of_others = |path: &&PathBuf| {
        let name = || path.file_name()?.to_str().and_then(StoredFile::parse);
        path.is_file() && name().is_none()
    };
    let files: Vec<PathBuf> = query.dirs.iter().filter(is_of_others).cloned().collect();
    if asks(query) && !files.is_empty() {
        left_out(query, files).iter().for_each(|told| eprintln!("radiosonde: {told}"));
    }
}

/// `7 lines have no level that is known ("eror", "FTL"): left out`
fn left_out(query: &Query, files: Vec<PathBuf>) -> Option<String> {
    let mut all = query.clone();
    all.dirs = files;
    all.level = None;
    all.conditions.retain(|condition| !is_of_level(condition));
    all.bytes_max = Some(LEFT_OUT_BYTES_MAX);
    let (mut lines, mut words) = (0_u64, Words::default());
    let reading = all.scan(&mut |found| {
        if found.line.level.is_none() {
            lines += 1;
            words.take(&found.line);
        }
    });
    let (have, least) = (
        if lines == 1 { "has" } else { "have" },
        if reading.is_cut_off { "at least " } else { "" },
    );
    let what = match words.told() {
        None => "no `level`".to_owned(),
        Some(told) => format!("no level that is known ({told})"),
    };
    (lines > 0).then(|| format!("{least}{} {have} {what}: left out", many(lines, "line")))
}

/// That no line has a level, or which levels there are that nobody knows. `None` where some level is known,
/// or nobody asked for one.
pub(crate) fn without(query: &Query) -> Option<String> {
    if !asks(query) {
        return None;
    }
    let mut all = look(query);
    all.level = None;
    let (mut lines, mut words) = (0_u64, Words::default());
    let mut has_known = false;
    let _ = all.stream(&mut |line| {
        lines += 1;
        has_known = line.level.is_some();
        words.take(line);
        if has_known { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match (has_known || lines == 0, words.told()) {
        (true, _) => None,
        (false, None) => Some("no line looked at has `level`".to_owned()),
        (false, Some(words)) => Some(format!("no level of the lines looked at is known: {words}")),
    }
}

/// Whether lines without a level that is known are left out, and can be looked at again.
fn asks(query: &Query) -> bool {
    let asks = query.level.is_some() || query.conditions.iter().any(is_of_level);
    asks && can_be_read_again(&query.dirs)
}

/// Whether it is about the level, and no line without one fits.
fn is_of_level(condition: &Condition) -> bool {
    condition.key() == LEVEL && of_own(condition).is_some()
}

/// Levels that nobody knows, as they are written.
#[derive(Debug, Default)]
struct Words {
    of: BTreeSet<String>,
    has_more: bool,
    /// Lines that were taken apart for them.
    looked: u32,
}

impl Words {
    fn take(&mut self, line: &Line) {
        if self.has_more || self.looked >= LOOKED_MAX {
            return;
        }
        self.looked += 1;
        if let Some(word) = word_of_level(&line.raw).filter(|word| !self.of.contains(word)) {
            self.has_more = self.of.len() >= WORDS_MAX;
            if !self.has_more {
                let _ = self.of.insert(word);
            }
        }
    }

    fn told(&self) -> Option<String> {
        let more = if self.has_more { ", …" } else { "" };
        let words: Vec<String> = self.of.iter().map(|word| shown(word)).collect();
        (!words.is_empty()).then(|| words.join(", ") + more)
    }
}

/// What a line has for its level, as it is written.
fn word_of_level(text: &str) -> Option<String> {
    Some(level_of(text)?.to_string().chars().take(WORD_CHARS_MAX).collect())
}

/// The level of a line, if that is what the key asks for and nobody knows which it is.
pub(crate) fn unknown(line: &Line, key: &str) -> Option<Value> {
    (key == LEVEL && line.level.is_none()).then(|| level_of(&line.raw))?
}

fn level_of(text: &str) -> Option<Value> {
    #[derive(Deserialize)]
    struct OfLevel {
        level: Value,
    }
    let of: OfLevel = serde_json::from_str(text).ok()?;
    Some(of.level).filter(|level| !level.is_null())
}

/// The key of a line's level.
pub(crate) const LEVEL: &str = "level";
/// So much is read once more where something was found.
const LEFT_OUT_BYTES_MAX: u64 = 4 << 20;
/// Levels that are named, and of each so much.
const WORDS_MAX: usize = 3;
const WORD_CHARS_MAX: usize = 24;
/// Lines in which levels are looked for: what is written often stands in some of the first.
const LOOKED_MAX: u32 = 10_000;
