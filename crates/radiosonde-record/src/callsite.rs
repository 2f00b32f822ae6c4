//! Call sites of `event!`, and the number each has in the journal of the process.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::descriptor::Descriptor;
use crate::level::Level;

/// A call site of `event!`: one static per macro invocation.
#[derive(Debug)]
pub struct Callsite {
    text: CallsiteText,
    /// Its number in the journal of the process; 0 before it has one.
    id: AtomicU32,
}

/// The constant part of a call site.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "built by the macro, field by field")]
pub struct CallsiteText {
    /// The event's name.
    pub name: &'static str,
    /// What the level filter looks at; the module path by default.
    pub target: &'static str,
    /// `source` in the line; the target by default.
    pub source: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Line in `file`.
    pub line: u32,
    /// The level of its events.
    pub level: Level,
    /// The keys of its fields, in order.
    pub keys: &'static [&'static str],
    /// Its message, when that has no arguments.
    pub message: Option<&'static str>,
}

impl Callsite {
    /// A call site nobody has reached yet.
    pub const fn new(text: CallsiteText) -> Self {
        Self { text, id: AtomicU32::new(0) }
    }

    /// The constant part.
    pub fn text(&self) -> &CallsiteText {
        &self.text
    }

    /// Identifies the call site within the process.
    pub fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Its number in the journal of the process; 0 before it has one.
    #[inline]
    pub(crate) fn id(&self) -> u32 {
        self.id.load(Ordering::Acquire)
    }

    pub(crate) fn set_id(&self, id: u32) {
        self.id.store(id, Ordering::Release);
    }

    /// What records of it refer to.
    pub fn describe(&self) -> Descriptor {
        let text = &self.text;
        Descriptor {
            name: text.name.to_owned(),
            source: text.source.to_owned(),
            file: text.file.to_owned(),
            line: text.line,
            message: text.message.unwrap_or_default().to_owned(),
            keys: text.keys.iter().map(|key| key.trim_start_matches("r#").to_owned()).collect(),
        }
    }
}

/// The message, when it is the same at each call: when it has no arguments, nor braces to be
/// unescaped, nor is longer than a call site keeps. `event!` asks at compile time.
#[must_use]
pub const fn constant_message(message: &'static str) -> Option<&'static str> {
    let bytes = message.as_bytes();
    if bytes.len() > crate::descriptor::TEXT_MAX {
        return None;
    }
    let mut at = 0;
    while at < bytes.len() {
        if matches!(bytes[at], b'{' | b'}') {
            return None;
        }
        at += 1;
    }
    Some(message)
}
