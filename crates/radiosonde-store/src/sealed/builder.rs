//! Making the index of a sealed file. The layout stands in the module's documentation.

use std::io::{self, Write};

use crate::sealed::filter::{self, Key};
use crate::sealed::frames::is_overlong;
use crate::sealed::index::{
    FRAME_BYTES, FRAME_FILTERS, FRAMES, HAS_FILTER, OTHERS, PAGES, RUN_FILTERS, SECTION_BYTES_MAX,
    SKIPPABLE_HEAD_BYTES, SKIPPABLE_MAGIC, TAIL_MAGIC, TOTALS, TRAILER_BYTES, Totals, VALUES,
    VERSION,
};
use crate::sealed::pages;
use crate::sealed::scan::{Facts, Others};
use crate::sealed::values::Values;

/// Collects the entries while frames are written.
#[derive(Debug)]
pub(super) struct Builder {
    totals: Totals,
    frames: Vec<u8>,
    frame_filters: Vec<u8>,
    run_filters: Vec<u8>,
    run_keys: Vec<Key>,
    run_start: u64,
    others: Vec<Others>,
    /// Of the frames so far, and of the one whose lines are looked at.
    pub(super) values: Values,
}

/// A frame that was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) offset: u64,
    pub(super) compressed: u64,
    pub(super) crc: u32,
    pub(super) raw: u64,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            totals: Totals::none(),
            frames: Vec::new(),
            frame_filters: Vec::new(),
            run_filters: Vec::new(),
            run_keys: Vec::new(),
            run_start: 0,
            others: Vec::new(),
            values: Values::new(),
        }
    }

    /// Takes bytes of the source into account, in their order.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.totals.raw += bytes.len() as u64;
        self.totals.crc = crc32c::crc32c_append(self.totals.crc, bytes);
    }

    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(super) fn frame(&mut self, written: &Written, facts: Facts) -> io::Result<()> {
        if self.frames.len() + FRAME_BYTES > SECTION_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "has more than 1 TiB"));
        }
        let filter = filter::build(&facts.keys)
            .filter(|filter| self.frame_filters.len() + filter.len() <= SECTION_BYTES_MAX);
        let out = &mut self.frames;
        for number in [written.offset, written.compressed, written.raw, facts.lines] {
            out.extend(number.to_le_bytes());
        }
        out.extend(facts.ts.0.to_le_bytes());
        out.extend(facts.ts.1.to_le_bytes());
        let length = filter.as_ref().map_or(0, |filter| filter.len() as u32);
        let flags = if filter.is_some() { HAS_FILTER } else { 0 };
        for number in [written.crc, length, flags, 0] {
            out.extend(number.to_le_bytes());
        }
        self.frame_filters.extend(filter.unwrap_or_default());

        let totals = &mut self.totals;
        totals.lines += facts.lines;
        totals.ts = (totals.ts.0.min(facts.ts.0), totals.ts.1.max(facts.ts.1));
        totals.frames += 1;
        totals.has_overlong |= is_overlong(facts.lines, written.raw);
        self.others.push(facts.others);
        self.values.end_frame();
        self.run_keys.extend(facts.keys);
        if self.run_keys.len() >= 2 * RUN_KEYS_MAX {
            self.run_keys.sort_unstable();
            self.run_keys.dedup();
            if self.run_keys.len() >= RUN_KEYS_MAX {
                self.end_run();
            }
        }
        Ok(())
    }

    /// Makes a filter of the frames since the last one.
    fn end_run(&mut self) {
        self.run_keys.sort_unstable();
        self.run_keys.dedup();
        let filter = filter::build(&self.run_keys).filter(|filter| {
            self.run_filters.len() + RUN_HEAD_BYTES + filter.len() <= SECTION_BYTES_MAX
        });
        // A run that is left out may hold anything.
        if let Some(filter) = filter {
            let end = self.totals.frames;
            for number in [self.run_start, end, filter.len() as u64, u64::from(HAS_FILTER)] {
                self.run_filters.extend((number as u32).to_le_bytes());
            }
            self.run_filters.extend(filter);
        }
        self.run_start = self.totals.frames;
        self.run_keys.clear();
    }

    /// Writes the index and tells its length.
    pub(super) fn write(mut self, out: &mut dyn Write) -> io::Result<u64> {
        if self.run_start < self.totals.frames {
            self.end_run();
        }
        let totals = self.totals.encode();
        let pages = pages::encode(&self.frame_filters, &self.run_filters);
        let values = self.values.encode();
        // What every query reads stands last, where one read gets it with the trailer.
        let mut sections: Vec<(u32, &[u8])> = vec![
            (FRAME_FILTERS, &self.frame_filters),
            (RUN_FILTERS, &self.run_filters),
            (FRAMES, &self.frames),
        ];
        let is_any = self.others.iter().any(|others| *others != Others::default());
        let others = self.others.iter().flat_map(|others| [others.no_lines, others.told]);
        let others: Vec<u8> = others.flat_map(u32::to_le_bytes).collect();
        if is_any {
            sections.insert(0, (OTHERS, &others));
        }
        sections.extend(values.as_deref().map(|values| (VALUES, values)));
        sections.extend([(PAGES, pages.as_slice()), (TOTALS, &totals)]);
        write_sections(&sections, out)
    }
}

/// Writes an index of sections, each with its kind, and tells its length.
pub(crate) fn write_sections(sections: &[(u32, &[u8])], out: &mut dyn Write) -> io::Result<u64> {
    let mut table = Vec::new();
    let mut offset = SKIPPABLE_HEAD_BYTES;
    for (kind, bytes) in sections {
        table.extend(kind.to_le_bytes());
        table.extend(crc32c::crc32c(bytes).to_le_bytes());
        table.extend(offset.to_le_bytes());
        table.extend((bytes.len() as u64).to_le_bytes());
        offset += bytes.len() as u64;
    }
    let length = offset + (table.len() + TRAILER_BYTES) as u64;
    let mut trailer = length.to_le_bytes().to_vec();
    for number in [sections.len() as u32, crc32c::crc32c(&table), VERSION] {
        trailer.extend(number.to_le_bytes());
    }
    trailer.extend(crc32c::crc32c(&trailer).to_le_bytes());
    trailer.extend(TAIL_MAGIC);

    out.write_all(&SKIPPABLE_MAGIC.to_le_bytes())?;
    // A few sections of at most 64 MiB each fit.
    out.write_all(&((length - SKIPPABLE_HEAD_BYTES) as u32).to_le_bytes())?;
    for (_, bytes) in sections {
        out.write_all(bytes)?;
    }
    out.write_all(&table)?;
    out.write_all(&trailer)?;
    Ok(length)
}

const RUN_HEAD_BYTES: usize = 16;
/// Ids in the filter of a run of frames, up to twice as many and those of a frame: building it takes
/// some 30 bytes for each.
const RUN_KEYS_MAX: usize = 64 << 10;
