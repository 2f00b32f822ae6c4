//! What is wrong with a write, in words for people.

use std::borrow::Cow;
use std::fmt;

use radiosonde_registry::MetricType;

use crate::refusal::Reason;

/// Characters of a foreign text that a message repeats.
const QUOTED_CHARS_MAX: usize = 64;

/// Why a write is refused. Cheap to make: the words are put together only for the first of a kind.
#[derive(Clone, Debug)]
pub(crate) enum Fault<'a> {
    Computed,
    ForeignSource,
    LabelCount(usize),
    LabelMissing(&'a str),
    LabelName(&'a str),
    LabelRepeated(Cow<'a, str>),
    LabelShape { label: Cow<'a, str>, kind: &'static str },
    LabelUndeclared(&'a str),
    LabelValue { label: Cow<'a, str>, value: Cow<'a, str>, allowed: String },
    LabelValues { label: Cow<'a, str>, max: usize },
    NamespaceCap { path: String, cap: usize },
    SeriesCap(usize),
    TypeMismatch(MetricType),
}

impl Fault<'_> {
    /// The reason of a write that is lost. Where a write is folded instead, it is
    /// [`Fault::reason_to_fold`].
    pub(crate) fn reason(&self) -> Reason {
        match self.reason_to_fold() {
            // What can be folded was.
            reason if reason.is_folded() => Reason::GaugeCap,
            reason => reason,
        }
    }

    pub(crate) fn reason_to_fold(&self) -> Reason {
        match self {
            Self::Computed => Reason::Computed,
            Self::ForeignSource => Reason::ForeignSource,
            Self::LabelCount(_) => Reason::LabelCount,
            Self::LabelMissing(_) => Reason::LabelMissing,
            Self::LabelName(_) => Reason::LabelName,
            Self::LabelRepeated(_) => Reason::LabelRepeated,
            Self::LabelShape { .. } => Reason::LabelShape,
            Self::LabelUndeclared(_) => Reason::LabelUndeclared,
            Self::LabelValue { .. } => Reason::LabelValue,
            Self::LabelValues { .. } | Self::SeriesCap(_) => Reason::SeriesCap,
            Self::NamespaceCap { .. } => Reason::NamespaceCap,
            Self::TypeMismatch(_) => Reason::TypeMismatch,
        }
    }

    /// The label whose limit of values is the reason.
    pub(crate) fn full_label(&self) -> Option<&str> {
        match self {
            Self::LabelValues { label, .. } => Some(label),
            _ => None,
        }
    }
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Computed => f.write_str("radiosonde computes it"),
            Self::ForeignSource => {
                f.write_str("the registry says that this process does not write it")
            }
            Self::LabelCount(count) => write!(f, "{count} labels on one series"),
            Self::LabelMissing(label) => write!(f, "label `{label}` is missing"),
            Self::LabelName(label) => {
                write!(f, "label name `{}` is reserved or empty", quoted(label))
            }
            Self::LabelRepeated(label) => write!(f, "label `{}` is given twice", quoted(label)),
            Self::LabelShape { label, kind } => write!(f, "label `{label}` looks like {kind}"),
            Self::LabelUndeclared(label) => write!(f, "label `{}` is not declared", quoted(label)),
            Self::LabelValue { label, value, allowed } => {
                write!(f, "label `{label}` is `{}`, but should be {allowed}", quoted(value))
            }
            Self::LabelValues { label, max } => {
                write!(f, "label `{label}` has its {max} different values")
            }
            Self::NamespaceCap { path, cap } => {
                write!(f, "the metrics of `{}` have their {cap} series together", quoted(path))
            }
            Self::SeriesCap(cap) => write!(f, "the metric has its {cap} series"),
            Self::TypeMismatch(registered) => write!(f, "the metric is a {registered}"),
        }
    }
}

/// A foreign text, cut, and without anything that could disturb a terminal.
pub(crate) fn quoted(text: &str) -> String {
    let mut chars = text.chars();
    let head = chars.by_ref().take(QUOTED_CHARS_MAX);
    let mut quoted: String = head.map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if chars.next().is_some() {
        quoted.push('…');
    }
    quoted
}
