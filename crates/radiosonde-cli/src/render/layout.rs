//! How the columns of a screen are shared out over the parts of a row: times are always whole, names
//! are what is read, and so bars and indentation give way to them.

use crate::render::Screen;
use crate::render::waterfall::{DURATION_WIDTH, View};
use crate::story::{GUIDES_MAX, Row};

/// Columns of the parts of each row of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) bar: usize,
    /// Of the name of its place; 0 where rows have none.
    pub(crate) places: usize,
    /// By which a row stands to the right of the one it hangs on.
    indent: usize,
    /// What lies deeper is drawn no further to the right.
    depth_max: usize,
}

impl Layout {
    pub(crate) fn of(rows: &[Row], dated: bool, view: &View, screen: Screen) -> Self {
        let depth = rows.iter().map(|row| row.depth).max().unwrap_or(0).min(GUIDES_MAX);
        let places = view.places.as_ref().map_or(0, |places| places.width);
        let bar = match screen.width {
            ..NARROW => BAR_WIDTH_MIN,
            width if places == 0 => (width / 4).min(BAR_WIDTH_MAX),
            // The names of the places take some of it.
            width => (width / 6).min(BAR_WIDTH_MAX),
        };
        let whole = Self { bar, places, indent: 3, depth_max: GUIDES_MAX };
        let Some(edge) = screen.edge() else { return whole };
        let time = if dated { DATED_WIDTH } else { TIME_WIDTH };
        let mark = if view.path.is_some() { 2 } else { 1 };
        whole.within(edge.saturating_sub(time + mark + DURATION_WIDTH), edge, depth)
    }

    /// The first of those that leave room for names, in so many columns beside times and marks.
    fn within(self, columns: usize, edge: usize, depth: usize) -> Self {
        let wanted = NAME_WIDTH.min(edge * 2 / 5);
        let narrower = |indent, bar, places| Self {
            bar: self.bar.min(bar),
            places: self.places.min(places),
            indent,
            depth_max: GUIDES_MAX,
        };
        let all = usize::MAX;
        let mut layout = self;
        for next in [
            self,
            narrower(2, all, all),
            narrower(2, BAR_NARROW, all),
            narrower(1, BAR_NARROW, all),
            narrower(1, BAR_NARROW, PLACES_NARROW),
            narrower(1, BAR_LEAST, PLACES_NARROW),
        ] {
            layout = next;
            if layout.left_of_name(depth) + wanted <= columns {
                return layout;
            }
        }
        let fits = |depth: &usize| layout.left_of_name(*depth) + wanted <= columns;
        let depth_max = (1..depth).rev().find(fits).unwrap_or(1);
        Self { depth_max, ..layout }
    }

    /// Columns before the name of a row, beside its times and its mark.
    fn left_of_name(self, depth: usize) -> usize {
        let place = if self.places > 0 { 1 + self.places } else { 0 };
        place + 1 + self.bar + 1 + self.tree(depth)
    }

    fn tree(self, depth: usize) -> usize {
        match (depth, self.indent) {
            (0, _) => 0,
            // A blank stands before the name.
            (_, 1) => depth + 1,
            (_, indent) => depth * indent,
        }
    }

    /// The lines of the tree left of a row.
    pub(crate) fn guides(self, row: &Row) -> String {
        let [through, nothing, last, more] = match self.indent {
            1 => ["│", " ", "└ ", "├ "],
            2 => ["│ ", "  ", "└ ", "├ "],
            _ => ["│  ", "   ", "└─ ", "├─ "],
        };
        let mut guides = String::new();
        // Roots have nothing to hang on.
        for open in row.open.iter().take(self.depth_max).skip(1) {
            guides.push_str(if *open { through } else { nothing });
        }
        if row.depth > 0 {
            guides.push_str(if row.last { last } else { more });
        }
        guides
    }
}

/// Columns of a name, and of what stands behind it of how it ended.
const NAME_WIDTH: usize = 28;
/// A screen of fewer columns has them for text.
const NARROW: usize = 100;
const BAR_WIDTH_MIN: usize = 10;
const BAR_WIDTH_MAX: usize = 40;
const BAR_NARROW: usize = 6;
const BAR_LEAST: usize = 4;
const PLACES_NARROW: usize = 8;
/// `11:50:02.113`, and with the day before it.
const TIME_WIDTH: usize = 12;
const DATED_WIDTH: usize = 23;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text::columns;

    fn row(depth: usize) -> Row {
        Row { node: 0, parent: None, depth, last: false, open: vec![true; depth.min(GUIDES_MAX)] }
    }

    #[test]
    fn names_have_room_on_any_screen_and_whatever_the_depth() {
        for edge in [40, 60, 80, 100, 200] {
            for places in [0, 5, 16] {
                for depth in [0, 1, 6, 12, 60] {
                    let rows = [row(0), row(depth)];
                    let whole =
                        Layout::of(&rows, false, &View::default(), Screen::of_width(edge, false));
                    let beside = edge - TIME_WIDTH - 1 - DURATION_WIDTH;
                    let layout =
                        Layout { places, ..whole }.within(beside, edge, depth.min(GUIDES_MAX));
                    let left = TIME_WIDTH
                        + usize::from(places > 0)
                        + layout.places
                        + 1
                        + layout.bar
                        + 1
                        + DURATION_WIDTH
                        + 1
                        + columns(&layout.guides(&rows[1]));
                    let least = if edge == 40 && places > 0 { 3 } else { edge * 3 / 10 };
                    assert!(
                        left + least.min(NAME_WIDTH) <= edge,
                        "{edge} {places} {depth}: {left}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_has_room_is_drawn_as_it_is_without_an_edge() {
        let view = View::default();
        let rows = [row(0), row(3)];
        for width in [80, 100, 160] {
            let wide = Layout::of(&rows, false, &view, Screen::of_width(width, true));
            assert_eq!(Layout::of(&rows, false, &view, Screen::of_width(width, false)), wide);
        }
        assert_eq!(
            Layout::of(&rows, false, &view, Screen::of_width(80, true)).guides(&rows[1]),
            "│  │  ├─ "
        );
    }
}
