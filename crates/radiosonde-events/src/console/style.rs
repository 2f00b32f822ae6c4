//! Colours by meaning: the eight that every terminal has, for dark and light backgrounds alike.
//! Nothing that matters is told by colour alone, or is merely dim.

use radiosonde_record::Level;

/// How text is painted: the parameters of one escape (ECMA-48, "select graphic rendition").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style(&'static str);

impl Style {
    /// Appends text, painted. It must be clean already.
    pub(crate) fn paint(self, out: &mut String, text: &str) {
        if self == PLAIN {
            return out.push_str(text);
        }
        for part in ["\x1b[", self.0, "m", text, "\x1b[0m"] {
            out.push_str(part);
        }
    }
}

/// What is there to be looked up, not read.
pub(crate) const DIM: Style = Style("2");
/// The name of an event.
pub(crate) const NAME: Style = Style("1");
/// Everything else.
pub(crate) const PLAIN: Style = Style("");

/// Bold and red.
const BAD: Style = Style("1;31");
/// Bold and red, with foreground and background swapped: that stands out on any background.
const WORSE: Style = Style("1;7;31");
const GOOD: Style = Style("32");
/// Bold and yellow.
const WARNING: Style = Style("1;33");

/// The word of a level, and its style.
pub(crate) fn level(level: Level) -> (&'static str, Style) {
    match level {
        Level::Trace => ("TRACE", DIM),
        Level::Debug => ("DEBUG", DIM),
        Level::Info => ("INFO", GOOD),
        Level::Warning => ("WARN", WARNING),
        Level::Error => ("ERROR", BAD),
        Level::Critical => ("CRIT", WORSE),
    }
}

/// The style of a message.
pub(crate) fn message(level: Level) -> Style {
    if level >= Level::Error { BAD } else { PLAIN }
}

/// What stands at the left edge of each line of an event: errors are found without colour too.
pub(crate) fn mark(level: Level) -> Option<(&'static str, Style)> {
    match level {
        Level::Critical => Some(("█", BAD)),
        Level::Error => Some(("▌", BAD)),
        _ => None,
    }
}
