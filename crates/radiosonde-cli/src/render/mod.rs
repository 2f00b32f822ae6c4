//! How things look for people.

pub(crate) mod attributes;
pub(crate) mod color;
pub(crate) mod fields;
pub(crate) mod labels;
pub(crate) mod layout;
pub(crate) mod line;
pub(crate) mod metric;
pub(crate) mod places;
pub(crate) mod spark;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod waterfall;

use std::borrow::Cow;
use std::io::IsTerminal;
use std::sync::OnceLock;

use crate::args::{Color, Show};
use crate::render::color::Paint;
use crate::render::text::columns;

/// What is printed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Whether colours are used.
    pub(crate) paint: Paint,
    /// Columns.
    pub(crate) width: usize,
    /// Whether everything is asked for.
    pub(crate) wide: bool,
    /// Whether lines may be longer than that.
    whole: bool,
}

impl Screen {
    /// The screen behind standard output, as the options and the environment have it.
    /// Lines fit a terminal unless they are asked to be `wide`.
    pub(crate) fn new(show: &Show, wide: bool) -> Self {
        let is_set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let no_color = is_set("NO_COLOR").is_some();
        let force = is_set("CLICOLOR_FORCE").is_some_and(|force| force != "0");
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = is_terminal();
        let on = wants_color(show.color, no_color, force, terminal && !dumb);
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = terminal_width().or(columns).unwrap_or(WIDTH).max(WIDTH_MIN);
        Self { paint: Paint { on }, width, wide, whole: wide || !terminal }
    }

    /// One without colours.
    #[cfg(test)]
    pub(crate) fn of_width(width: usize, wide: bool) -> Self {
        Self { paint: Paint { on: false }, width, wide, whole: wide }
    }

    /// Columns that lines may have; `None` where they may be of any length.
    pub(crate) fn edge(self) -> Option<usize> {
        (!self.whole).then_some(self.width)
    }

    /// Parts of a line, on as many lines as they need here. A list that needs more than one goes on
    /// behind a comma; ids are not cut.
    pub(crate) fn fold(self, parts: &[String], between: &str) -> String {
        let edge = self.edge().unwrap_or(usize::MAX);
        let mut folded = String::new();
        let mut used = 0;
        for part in parts {
            let width = columns(part);
            if !folded.is_empty() && used + columns(between) + width <= edge {
                folded.push_str(between);
                folded.push_str(part);
                used += columns(between) + width;
                continue;
            }
            if !folded.is_empty() {
                folded.push_str("\n  ");
                used = 2;
            }
            if used + width <= edge {
                folded.push_str(part);
                used += width;
                continue;
            }
            for (number, item) in part.split(", ").enumerate() {
                // The comma of the next one has room as well.
                if number > 0 && used + 2 + columns(item) + 1 > edge {
                    folded.push_str(",\n    ");
                    used = 4;
                } else if number > 0 {
                    folded.push_str(", ");
                    used += 2;
                }
                folded.push_str(item);
                used += columns(item);
            }
        }
        folded
    }

    /// A text that begins in this column, with further lines of it below its beginning where the screen
    /// has an edge. A word without room is not cut.
    pub(crate) fn wrap(self, text: &str, indent: usize) -> String {
        let Some(room) = self.edge().map(|edge| edge.saturating_sub(indent).max(WRAP_MIN)) else {
            return text.to_owned();
        };
        let mut wrapped = String::with_capacity(text.len());
        let mut used = 0;
        for word in text.split(' ') {
            let width = columns(word);
            if used > 0 && used + 1 + width > room {
                wrapped.push('\n');
                wrapped.push_str(&" ".repeat(indent));
                used = 0;
            } else if used > 0 {
                wrapped.push(' ');
                used += 1;
            }
            wrapped.push_str(word);
            used += width;
        }
        wrapped
    }

    /// A painted line as it is printed here, so many columns being left for more.
    pub(crate) fn fit(self, line: &str, left: usize) -> Cow<'_, str> {
        match self.whole {
            true => Cow::Borrowed(line),
            false => text::fit(line, self.width.saturating_sub(left)),
        }
    }
}

/// `--color` goes first, then `NO_COLOR`, then `CLICOLOR_FORCE`, as the console of the library has it.
fn wants_color(choice: Color, no_color: bool, force: bool, terminal: bool) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => !no_color && (force || terminal),
    }
}

/// Whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    static IS_TERMINAL: OnceLock<bool> = OnceLock::new();
    *IS_TERMINAL.get_or_init(|| std::io::stdout().is_terminal())
}

/// Columns of the terminal behind standard output.
fn terminal_width() -> Option<usize> {
    terminal_size().map(|(columns, _)| columns)
}

/// Columns and rows of the terminal behind standard output.
#[cfg(unix)]
pub(crate) fn terminal_size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then(|| (usize::from(size.ws_col), usize::from(size.ws_row)))
}

#[cfg(not(unix))]
pub(crate) fn terminal_size() -> Option<(usize, usize)> {
    None
}

/// Where output is no terminal.
const WIDTH: usize = 100;
/// Bars need some room to say anything.
const WIDTH_MIN: usize = 40;
/// However far in a text begins, so much of it stands side by side.
const WRAP_MIN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_have_no_room_on_a_line_are_on_the_next() {
        let parts = ["trace 0edadbc0", "shop, packing", "UTC"].map(str::to_owned);
        for (width, expect) in [
            (40, "trace 0edadbc0 · shop, packing · UTC"),
            (36, "trace 0edadbc0 · shop, packing · UTC"),
            (35, "trace 0edadbc0 · shop, packing\n  UTC"),
            (21, "trace 0edadbc0\n  shop, packing · UTC"),
            (15, "trace 0edadbc0\n  shop, packing\n  UTC"),
            (14, "trace 0edadbc0\n  shop,\n    packing\n  UTC"),
        ] {
            assert_eq!(Screen::of_width(width, false).fold(&parts, " · "), expect, "{width}");
            let wide = Screen::of_width(width, true).fold(&parts, " · ");
            assert_eq!(wide, parts.join(" · "));
        }
    }

    #[test]
    fn a_text_goes_on_below_its_beginning() {
        let text = "nothing waits in /var/lib/shop/telemetry/events of it";
        let narrow = "nothing waits in\n      /var/lib/shop/telemetry/events\n      of it";
        for (width, expect) in [(59, text), (38, narrow), (10, narrow)] {
            assert_eq!(Screen::of_width(width, false).wrap(text, 6), expect, "{width}");
            assert_eq!(Screen::of_width(width, true).wrap(text, 6), text);
        }
    }

    #[test]
    fn a_list_that_is_longer_than_a_line_goes_on_behind_a_comma() {
        let list = "machine machine-1, machine-2, machine-3 and 1 more";
        let dim = |text: &str| Paint { on: true }.dim(text);
        for list in [list.to_owned(), dim(list)] {
            let parts = ["job j".to_owned(), list, "worker w".to_owned()];
            for width in 24..60 {
                let folded = Screen::of_width(width, false).fold(&parts, "  ");
                assert!(folded.lines().all(|line| columns(line) <= width), "{width}: {folded}");
                let words = |text: &str| -> Vec<String> {
                    text.split_whitespace().map(str::to_owned).collect()
                };
                assert_eq!(words(&folded), words(&parts.join("  ")), "nothing is lost");
            }
        }
        let folded = Screen::of_width(30, false).fold(&[list.to_owned(), "end".to_owned()], "  ");
        assert_eq!(folded, "machine machine-1, machine-2,\n    machine-3 and 1 more  end");
    }

    #[test]
    fn colour_is_for_terminals_unless_somebody_says_otherwise() {
        for (choice, no_color, force, terminal, expect) in [
            (Color::Auto, false, false, true, true),
            (Color::Auto, false, false, false, false),
            (Color::Auto, false, true, false, true),
            (Color::Auto, true, false, true, false),
            (Color::Auto, true, true, true, false),
            (Color::Always, true, false, false, true),
            (Color::Never, false, true, true, false),
        ] {
            let on = wants_color(choice, no_color, force, terminal);
            assert_eq!(on, expect, "{choice:?} {no_color} {force} {terminal}");
        }
    }
}
