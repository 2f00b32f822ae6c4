//! Which frames of a sealed file may hold what is wanted, by its index.
//!
//! What costs least is asked first: the times of the whole file, the filters of runs and the values of
//! frames, which rule out most files before the entries of their frames are read; then the times and
//! the filters of single frames. What is damaged rules out nothing.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;

use crate::sealed::filter::{self, Filter, Key, PRINT_BYTES, Shape};
use crate::sealed::frames::is_overlong;
use crate::sealed::index::{
    FRAME_FILTERS, Fields, Index, PAGES, RUN_FILTERS, Unusable, VALUES, damaged,
};
use crate::sealed::pages::{Pages, Run};
use crate::sealed::values;
use crate::sealed::wanted::Wanted;

/// Which frames of a file may hold what is wanted.
#[derive(Debug)]
pub(super) struct Choice {
    /// Whether it may, for each frame.
    pub(super) frames: Vec<bool>,
    /// What of the index is damaged and was not used.
    pub(super) problems: Vec<String>,
    pages: Option<Pages>,
}

impl Choice {
    /// By what is known without the entries of the frames.
    pub(super) fn of_file(index: &mut Index, file: &File, wanted: &Wanted) -> io::Result<Self> {
        // As many as there are entries, which were counted when the index was opened.
        let frames = usize::try_from(index.totals.frames).unwrap_or_default();
        let knows_all = index.totals.knows_all;
        let may_hold = !knows_all || wanted.overlaps(index.totals.ts);
        let mut choice = Self { frames: vec![may_hold; frames], problems: Vec::new(), pages: None };
        if !knows_all {
            return Ok(choice);
        }
        let wanted = &*wanted_of(index, wanted);
        if wanted.has_keys() && choice.is_open() {
            choice.pages = choice.tolerate(pages(index, file))?.flatten();
            choice.step(|choice, frames| choice.sift_runs(index, file, wanted, frames))?;
        }
        if wanted.has_values() && choice.is_open() && index.has(VALUES) {
            choice.step(|_, frames| {
                let section = index.section(file, VALUES)?;
                match values::sift(&section, wanted, frames) {
                    Some(()) => Ok(()),
                    None => damaged("the values of its index are impossible"),
                }
            })?;
        }
        Ok(choice)
    }

    /// By the entries of the frames as well, which were read.
    pub(super) fn narrow(
        &mut self,
        index: &mut Index,
        file: &File,
        wanted: &Wanted,
    ) -> io::Result<()> {
        if !index.totals.knows_all {
            return Ok(());
        }
        let wanted = &*wanted_of(index, wanted);
        for (chosen, frame) in self.frames.iter_mut().zip(&index.frames) {
            *chosen &= wanted.overlaps(frame.ts);
        }
        if wanted.has_keys() && self.is_open() {
            self.step(|choice, frames| choice.sift_frames(index, file, wanted, frames))?;
        }
        for (chosen, frame) in self.frames.iter_mut().zip(&index.frames) {
            *chosen |= is_overlong(frame.lines, frame.raw);
        }
        Ok(())
    }

    /// Whether any frame may hold what is wanted.
    pub(super) fn is_open(&self) -> bool {
        self.frames.contains(&true)
    }

    /// Takes a step, or leaves the frames as they were where what it needs is damaged.
    fn step(
        &mut self,
        sift: impl FnOnce(&Self, &mut [bool]) -> Result<(), Unusable>,
    ) -> io::Result<()> {
        let mut frames = self.frames.clone();
        let result = sift(self, &mut frames);
        if self.tolerate(result)?.is_some() {
            self.frames = frames;
        }
        Ok(())
    }

    fn tolerate<T>(&mut self, result: Result<T, Unusable>) -> io::Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Unusable::Io(error)) => Err(error),
            Err(Unusable::Damaged(what)) => {
                self.problems.push(what);
                Ok(None)
            }
        }
    }

    /// Takes off the runs whose filters hold nothing of what is wanted.
    fn sift_runs(
        &self,
        index: &mut Index,
        file: &File,
        wanted: &Wanted,
        frames: &mut [bool],
    ) -> Result<(), Unusable> {
        if let Some(pages) = self.pages.as_ref().filter(|_| wanted.keys() <= PROBES_MAX) {
            for run in &pages.runs {
                // Inside, as was looked at when the pages were read.
                let Some(frames) = frames.get_mut(run.frames.clone()) else { continue };
                let may_hold = wanted.holds(|key| match &run.shape {
                    Some(shape) => probe(index, file, pages, run, shape, key),
                    None => Ok(false),
                });
                if !may_hold? {
                    frames.fill(false);
                }
            }
            return Ok(());
        }
        let section = index.section(file, RUN_FILTERS)?;
        let mut runs = Fields(&section);
        while !runs.0.is_empty() {
            let Some((range, filter)) = runs.run() else {
                return damaged("a filter of its index is impossible");
            };
            let Some(frames) = frames.get_mut(range) else {
                return damaged("a filter of its index is for frames that are not there");
            };
            if !may_hold(filter, wanted)? {
                frames.fill(false);
            }
        }
        Ok(())
    }

    /// Takes off the frames whose filters hold nothing of what is wanted.
    fn sift_frames(
        &self,
        index: &mut Index,
        file: &File,
        wanted: &Wanted,
        frames: &mut [bool],
    ) -> Result<(), Unusable> {
        let mut asked: Vec<(usize, Range<u64>)> = Vec::new();
        let mut at = 0_u64;
        for (number, frame) in index.frames.iter().enumerate() {
            let Some(length) = frame.filter else { continue };
            let filter = at..at + u64::from(length);
            at = filter.end;
            if frames.get(number) == Some(&true) {
                asked.push((number, filter));
            }
        }
        if at != index.length(FRAME_FILTERS)? {
            return damaged("the filters of its index are not those of its frames");
        }
        let Some(pages) = &self.pages else {
            let section = index.section(file, FRAME_FILTERS)?;
            return ask(&asked, 0, &section, wanted, frames);
        };
        let mut asked = asked.as_slice();
        while let [(_, first), ..] = asked {
            let is_near = |pair: &&[(usize, Range<u64>)]| {
                let [(_, before), (_, after)] = pair else { return false };
                after.start - before.end <= GAP_BYTES && after.end - first.start <= GROUP_BYTES
            };
            let (group, behind) = asked.split_at(1 + asked.windows(2).take_while(is_near).count());
            asked = behind;
            let end = group.last().map_or(first.end, |(_, last)| last.end);
            let (start, bytes) = match first.start == end {
                true => (end, Vec::new()),
                false => index.stretch(file, FRAME_FILTERS, &pages.of_frames, first.start..end)?,
            };
            ask(group, start, &bytes, wanted, frames)?;
        }
        Ok(())
    }
}

/// What of it the filters of a file can judge.
fn wanted_of<'a>(index: &Index, wanted: &'a Wanted) -> Cow<'a, Wanted> {
    if index.totals.knows_capitals {
        return Cow::Borrowed(wanted);
    }
    Cow::Owned(wanted.without_traces())
}

/// What is known of the filters, where the file tells.
fn pages(index: &mut Index, file: &File) -> Result<Option<Pages>, Unusable> {
    if !index.has(PAGES) {
        return Ok(None);
    }
    let section = index.section(file, PAGES)?;
    let (of_frames, of_runs) = (index.length(FRAME_FILTERS)?, index.length(RUN_FILTERS)?);
    let frames = usize::try_from(index.totals.frames).unwrap_or_default();
    match Pages::parse(&section, frames, of_frames, of_runs) {
        Some(pages) => Ok(Some(pages)),
        None => damaged("the pages of its index are impossible"),
    }
}

/// Whether a run of frames may hold an id, by the pages that have its fingerprints.
fn probe(
    index: &mut Index,
    file: &File,
    pages: &Pages,
    run: &Run,
    shape: &Shape,
    key: Key,
) -> Result<bool, Unusable> {
    let probe = shape.probe(key);
    let place = |print: u32| run.prints_at + PRINT_BYTES as u64 * u64::from(print);
    let [first, _, last] = probe.places;
    let stretch = place(first)..place(last) + PRINT_BYTES as u64;
    let (start, bytes) = index.stretch(file, RUN_FILTERS, &pages.of_runs, stretch)?;
    Ok(probe.is_met(|print| filter::print_at(&bytes, (place(print) - start) as usize)))
}

/// Asks the filters of some frames, each where it stands in its section, of which the bytes from
/// `start` on are given.
fn ask(
    filters: &[(usize, Range<u64>)],
    start: u64,
    bytes: &[u8],
    wanted: &Wanted,
    frames: &mut [bool],
) -> Result<(), Unusable> {
    for (number, place) in filters {
        let inside = (place.start - start) as usize..(place.end - start) as usize;
        let Some(filter) = bytes.get(inside) else {
            return damaged("the filters of its index end early");
        };
        frames[*number] = may_hold(filter, wanted)?;
    }
    Ok(())
}

/// Whether a filter lets through what is wanted.
fn may_hold(filter: &[u8], wanted: &Wanted) -> Result<bool, Unusable> {
    if filter.is_empty() {
        return wanted.holds(|_| Ok(false));
    }
    match Filter::parse(filter) {
        Some(filter) => wanted.holds(|key| Ok(filter.may_hold(key))),
        None => damaged("a filter of its index is impossible"),
    }
}

/// For more ids than these the filters of runs are read whole.
const PROBES_MAX: usize = 8;
/// Between two filters that are read at once. Passing over it costs less than another read.
const GAP_BYTES: u64 = 16 << 10;
/// Of filters that are read at once. What is longer takes new memory each time, and to be given it
/// costs more than another read.
const GROUP_BYTES: u64 = 64 << 10;
