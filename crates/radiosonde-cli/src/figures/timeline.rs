//! What happened when, in a bounded number of cells of equal width.

use crate::figures::Merge;

/// Cells of time, each of the same width, which grows with the time that they cover.
///
/// Cells begin at multiples of their width, so that those of different timelines lie on each other.
#[derive(Clone, Debug)]
pub(crate) struct Timeline<T> {
    /// Which of [`WIDTHS_S`], and doubled how often behind the last of these.
    step: u32,
    /// The number of the first cell: its beginning, in widths since 1970.
    first: i64,
    cells: Vec<T>,
    most: usize,
}

impl<T: Merge> Timeline<T> {
    /// One of at most so many cells, two at least, whose width is a second at first.
    pub(crate) fn new(most: usize) -> Self {
        // What lies before 1970 and what lies behind it share no cell, however wide.
        Self { step: 0, first: 0, cells: Vec::new(), most: most.max(2) }
    }

    /// The cell of a moment, in microseconds since 1970.
    pub(crate) fn at(&mut self, us: i64) -> &mut T {
        let index = self.reach(us);
        &mut self.cells[index]
    }

    /// Shares something out over the time from one moment to another: `add` gets each cell with the
    /// part of the time that lies in it.
    pub(crate) fn spread(&mut self, from: i64, to: i64, mut add: impl FnMut(&mut T, f64)) {
        let _ = self.reach(to);
        let begin = self.reach(from);
        // The first may have moved it.
        let end = self.reach(to);
        if from >= to {
            return add(&mut self.cells[end], 1.0);
        }
        let (width, first) = (self.width_us(), self.first);
        #[expect(clippy::cast_precision_loss, reason = "parts for a picture")]
        let all = to.saturating_sub(from) as f64;
        for index in begin..=end {
            let cell = (first + i64::try_from(index).unwrap_or(i64::MAX)).saturating_mul(width);
            let inside = to.min(cell.saturating_add(width)).saturating_sub(from.max(cell));
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            let part = inside.max(0) as f64 / all;
            if part > 0.0 {
                add(&mut self.cells[index], part);
            }
        }
    }

    /// Adds the cells of another one.
    pub(crate) fn absorb(&mut self, mut other: Self) {
        let Some((from, to)) = other.covers() else { return };
        while self.step < other.step {
            self.widen();
        }
        let _ = self.reach(from);
        let _ = self.reach(to - 1);
        while other.step < self.step {
            other.widen();
        }
        // It reaches as far now.
        let before = usize::try_from(other.first - self.first).unwrap_or(0);
        self.cells.iter_mut().skip(before).zip(&other.cells).for_each(|(cell, of)| cell.merge(of));
    }

    /// The cells between those of two moments, both included, as wide as those of `axis`, which must
    /// have seen every moment that this one saw.
    pub(crate) fn on<A: Merge>(&self, axis: &Timeline<A>) -> Vec<T> {
        let mut on = self.clone();
        while on.step < axis.step {
            on.widen();
        }
        let mut cells = vec![T::default(); axis.cells.len()];
        for (index, cell) in on.cells.iter().enumerate() {
            let number = on.first + i64::try_from(index).unwrap_or(0) - axis.first;
            if let Some(place) = usize::try_from(number).ok().and_then(|at| cells.get_mut(at)) {
                place.merge(cell);
            }
        }
        cells
    }

    /// The width of a cell, in microseconds.
    pub(crate) fn width_us(&self) -> i64 {
        width_us(self.step)
    }

    /// The beginning of the first cell and the end of the last, in microseconds. `None` when there is
    /// no cell.
    pub(crate) fn covers(&self) -> Option<(i64, i64)> {
        let last = self.first.saturating_add(i64::try_from(self.cells.len()).ok()?);
        let width = self.width_us();
        let ends = (self.first.saturating_mul(width), last.saturating_mul(width));
        (!self.cells.is_empty()).then_some(ends)
    }

    /// The cells, oldest first.
    pub(crate) fn cells(&self) -> &[T] {
        &self.cells
    }

    /// Makes cells as far as to a moment, and tells the place of its own.
    fn reach(&mut self, us: i64) -> usize {
        loop {
            let number = us.div_euclid(self.width_us());
            if self.cells.is_empty() {
                self.first = number;
                self.cells.push(T::default());
                return 0;
            }
            let last = self.first + i64::try_from(self.cells.len()).unwrap_or(i64::MAX) - 1;
            let (low, high) = (self.first.min(number), last.max(number));
            let wanted = usize::try_from(high - low).unwrap_or(usize::MAX);
            if wanted < self.most {
                let before = usize::try_from(self.first - low).unwrap_or(0);
                drop(self.cells.splice(0..0, std::iter::repeat_n(T::default(), before)));
                self.cells.resize(wanted + 1, T::default());
                self.first = low;
                return usize::try_from(number - low).unwrap_or(0);
            }
            self.widen();
        }
    }

    fn widen(&mut self) {
        let before = self.width_us();
        self.step += 1;
        let times = self.width_us() / before;
        let first = self.first.div_euclid(times);
        let mut cells: Vec<T> = Vec::new();
        for (index, cell) in self.cells.iter().enumerate() {
            let number = (self.first + i64::try_from(index).unwrap_or(0)).div_euclid(times);
            let at = usize::try_from(number - first).unwrap_or(0);
            if at >= cells.len() {
                cells.resize(at + 1, T::default());
            }
            cells[at].merge(cell);
        }
        (self.first, self.cells) = (first, cells);
    }
}

fn width_us(step: u32) -> i64 {
    let step = step as usize;
    let beyond = step.saturating_sub(WIDTHS_S.len() - 1).min(DOUBLED_MAX);
    (WIDTHS_S[step.min(WIDTHS_S.len() - 1)] * 1_000_000) << beyond
}

/// Widths of cells, in seconds: each a multiple of the one before it. Days are doubled from there on.
const WIDTHS_S: [i64; 11] = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 14_400, 86_400];
/// As often as days can be doubled without leaving the number.
const DOUBLED_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn nothing_is_lost_however_wide_and_in_whatever_order() {
        for moments in [
            &[0, 1, 2, 3][..],
            &[100, 3, 50, 7, 0],
            &[1_759_000_000, 1_759_003_600, 1_600_000_000, 1_759_000_001],
            &[-62_135_596_800, 253_402_300_799, 0],
        ] {
            for most in [2, 7, 40] {
                let mut line = Timeline::<u64>::new(most);
                for moment in moments {
                    *line.at(moment * SECOND) += 1;
                }
                assert!(line.cells().len() <= most, "{moments:?} in {most}");
                assert_eq!(line.cells().iter().sum::<u64>(), moments.len() as u64);
                let (from, to) = line.covers().unwrap();
                for moment in moments {
                    assert!((from..to).contains(&(moment * SECOND)), "{moment} in {from}..{to}");
                }
            }
        }
    }

    #[test]
    fn lines_of_different_spans_lie_on_one_axis() {
        let mut axis = Timeline::<u64>::new(10);
        let mut early = Timeline::<u64>::new(10);
        let mut late = Timeline::<u64>::new(10);
        for (line, moments) in [(&mut early, [0, 3, 31]), (&mut late, [60, 61, 119])] {
            for moment in moments {
                *axis.at(moment * SECOND) += 1;
                *line.at(moment * SECOND) += 1;
            }
        }
        assert_eq!(axis.width_us(), 30 * SECOND);
        assert_eq!(axis.cells(), [2, 1, 2, 1]);
        assert_eq!(early.on(&axis), [2, 1, 0, 0]);
        assert_eq!(late.on(&axis), [0, 0, 2, 1]);
    }

    #[test]
    fn two_together_are_as_one_that_saw_all() {
        let some = [0, 3, 31];
        for other in [&[][..], &[1, 2], &[60, 61, 119], &[-7_000], &[1_759_000_000, 5]] {
            let of = |moments: &[i64]| {
                let mut line = Timeline::<u64>::new(10);
                moments.iter().for_each(|moment| *line.at(moment * SECOND) += 1);
                line
            };
            let all = of(&[&some[..], other].concat());
            for (one, two) in [(&some[..], other), (other, &some[..])] {
                let mut both = of(one);
                both.absorb(of(two));
                assert_eq!(both.width_us(), all.width_us(), "{other:?}");
                assert_eq!((both.covers(), both.cells()), (all.covers(), all.cells()), "{other:?}");
            }
        }
    }

    #[test]
    fn what_lasts_is_shared_out_by_time() {
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        struct Part(f64);
        impl Merge for Part {
            fn merge(&mut self, other: &Self) {
                self.0 += other.0;
            }
        }
        let mut line = Timeline::<Part>::new(4);
        line.spread(500_000, 2_500_000, |cell, part| cell.0 += part);
        assert_eq!(line.cells(), [Part(0.25), Part(0.5), Part(0.25)]);
        // A moment lies in one cell.
        line.spread(3_500_000, 3_500_000, |cell, part| cell.0 += part);
        assert_eq!(line.cells().last(), Some(&Part(1.0)));
    }
}
