//! How things look for people.

pub(crate) mod color;
pub(crate) mod line;
pub(crate) mod metric;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod waterfall;

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::IsTerminal;

use crate::args::{Color, Show};
use crate::render::color::Paint;

/// What is printed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Whether colours are used.
    pub(crate) paint: Paint,
    /// Columns.
    pub(crate) width: usize,
    /// Whether lines may be longer than that.
    whole: bool,
}

impl Screen {
    /// The screen behind standard output, as the options and the environment have it.
    /// Lines fit a terminal unless they are asked to be `wide`.
    pub(crate) fn new(show: &Show, wide: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR");
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = std::io::stdout().is_terminal();
        let on = wants_color(show.color, no_color.as_deref(), terminal && !dumb);
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = terminal_width().or(columns).unwrap_or(WIDTH).max(WIDTH_MIN);
        Self { paint: Paint { on }, width, whole: wide || !terminal }
    }

    /// A painted line as it is printed here, so many columns being left for more.
    pub(crate) fn fit(self, line: &str, left: usize) -> Cow<'_, str> {
        match self.whole {
            true => Cow::Borrowed(line),
            false => text::fit(line, self.width.saturating_sub(left)),
        }
    }
}

/// `NO_COLOR` counts when it is set to anything, and gives way to `--color always`.
fn wants_color(choice: Color, no_color: Option<&OsStr>, terminal: bool) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && no_color.is_none_or(OsStr::is_empty),
    }
}

#[cfg(unix)]
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

#[cfg(not(unix))]
fn terminal_width() -> Option<usize> {
    None
}

/// Where output is no terminal.
const WIDTH: usize = 100;
/// Bars need some room to say anything.
const WIDTH_MIN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_unless_somebody_says_otherwise() {
        let set = Some(OsStr::new("1"));
        for (choice, no_color, terminal, expect) in [
            (Color::Auto, None, true, true),
            (Color::Auto, None, false, false),
            (Color::Auto, set, true, false),
            (Color::Auto, Some(OsStr::new("")), true, true),
            (Color::Always, set, false, true),
            (Color::Never, None, true, false),
        ] {
            assert_eq!(wants_color(choice, no_color, terminal), expect, "{choice:?} {no_color:?}");
        }
    }
}
