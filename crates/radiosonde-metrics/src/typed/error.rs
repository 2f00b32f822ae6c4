//! What is wrong with the value of a label, for whoever asks before writing.

use std::fmt;

use crate::fault::{Fault, quoted};
use crate::refusal::Reason;

/// A text that is no value of an enumerated label.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownValue {
    /// The label.
    pub label: &'static str,
    /// The text, cut to 64 characters.
    pub value: String,
    /// The values there are.
    pub values: &'static [&'static str],
}

impl UnknownValue {
    pub(crate) fn new(label: &'static str, value: &str, values: &'static [&'static str]) -> Self {
        Self { label, value: quoted(value), values }
    }
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, value, values } = self;
        write!(f, "`{value}` is not a value of the label `{label}`; use ")?;
        for (index, value) in values.iter().enumerate() {
            let before = match index {
                0 => "",
                _ if index + 1 == values.len() => " or ",
                _ => ", ",
            };
            write!(f, "{before}`{value}`")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownValue {}

/// Why writes with a value would be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfitValue {
    reason: Reason,
    what: String,
}

impl UnfitValue {
    pub(crate) fn new(fault: &Fault<'_>) -> Self {
        let fix = match fault {
            Fault::LabelShape { .. } => {
                "; each such value would make a series of its own: put it into an event or a span"
            }
            _ => "",
        };
        Self { reason: fault.reason(), what: format!("{fault}{fix}") }
    }

    /// The reason, as it stands in the label `reason` of `radiosonde_metric_writes_refused_total`.
    pub fn reason(&self) -> &'static str {
        self.reason.as_str()
    }
}

impl fmt::Display for UnfitValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for UnfitValue {}
