//! What is wrong with the value of a label, for whoever asks before writing.

use std::fmt;

use crate::fault::{Fault, quoted};

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
#[derive(Clone, Debug)]
pub struct UnfitValue(Fault<'static>);

impl UnfitValue {
    pub(crate) fn new(fault: Fault<'static>) -> Self {
        Self(fault)
    }

    /// The reason, as it stands in the label `reason` of `radiosonde_metric_writes_refused_total`.
    pub fn reason(&self) -> &'static str {
        self.0.reason().as_str()
    }
}

impl fmt::Display for UnfitValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match &self.0 {
            Fault::LabelShape { .. } => f.write_str(
                "; each such value would make a series of its own: put it into an event or a span",
            ),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for UnfitValue {}
