//! Colours by meaning: the eight that every terminal has, for dark and light backgrounds alike.
//! Nothing that matters is told by colour alone, or is merely dim.

use anstyle::{AnsiColor, Style};
use radiosonde_record::Level;

/// What is there to be looked up, not read.
pub(crate) const DIM: Style = Style::new().dimmed();
/// The name of an event.
pub(crate) const NAME: Style = Style::new().bold();
/// Everything else.
pub(crate) const PLAIN: Style = Style::new();

const BAD: Style = AnsiColor::Red.on_default().bold();

/// The word of a level, and its style.
pub(crate) fn level(level: Level) -> (&'static str, Style) {
    match level {
        Level::Trace => ("TRACE", DIM),
        Level::Debug => ("DEBUG", DIM),
        Level::Info => ("INFO", AnsiColor::Green.on_default()),
        Level::Warning => ("WARN", AnsiColor::Yellow.on_default().bold()),
        Level::Error => ("ERROR", BAD),
        // Swapped colours stand out on any background.
        Level::Critical => ("CRIT", BAD.invert()),
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
