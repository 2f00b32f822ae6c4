//! Colours by meaning.

use anstyle::{AnsiColor, Style};
use radiosonde_store::Level;

/// Puts colours around text, or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    pub(crate) on: bool,
}

impl Paint {
    /// `text` in `style`. The text must be clean already.
    pub(crate) fn with(self, style: Style, text: &str) -> String {
        if self.on && !text.is_empty() && style != PLAIN {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// What is there to be looked up, not read.
    pub(crate) fn dim(self, text: &str) -> String {
        self.with(DIM, text)
    }
}

/// The style of a level's word.
pub(crate) const fn level(level: Level) -> Style {
    match level {
        Level::Trace | Level::Debug => DIM,
        Level::Warning => WARNING,
        Level::Error | Level::Critical => BAD,
        _ => GOOD,
    }
}

pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const BAR: Style = AnsiColor::Cyan.on_default();
pub(crate) const BAR_BAD: Style = AnsiColor::Red.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const METRIC: Style = AnsiColor::Magenta.on_default();
pub(crate) const NAME: Style = Style::new().bold();
pub(crate) const PLAIN: Style = Style::new();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
