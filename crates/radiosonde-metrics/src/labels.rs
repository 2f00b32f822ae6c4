//! Label rules, and the labels of one write brought into order.

use std::borrow::Cow;
use std::sync::Arc;

use metrics::Key;
use radiosonde_redact::REDACTED;
use radiosonde_registry::{LabelSpec, MetricType};
use regex_lite::Regex;

use crate::family::OVERFLOW_LABEL;
use crate::fault::Fault;
use crate::redaction::Redactor;
use crate::shape::VALUE_BYTES_MAX;

/// Labels a series may have when there is no registry.
const OBSERVED_LABELS_MAX: usize = 32;

/// Declared labels of most metrics: of so many the values need no memory of their own.
const FEW: usize = 8;

/// Ends a part of an encoded label set. No UTF-8 text contains this byte, so that different label
/// sets never have the same encoding.
const END: u8 = 0xff;

/// What a declared label may be.
#[derive(Debug)]
pub(crate) struct LabelRule {
    name: Arc<str>,
    /// The list of values, if there is one.
    values: Option<Box<[Arc<str>]>>,
    /// The pattern as written, and compiled.
    pattern: Option<(String, Regex)>,
    /// Different values the label may have.
    pub(crate) max_values: Option<usize>,
    /// The redaction rule that applies to the name, if any.
    redacted: Option<Box<str>>,
}

impl LabelRule {
    /// The rule of a label; and the pattern when it is none.
    pub(crate) fn new(
        name: &str,
        spec: Option<&LabelSpec>,
        redactor: &Redactor,
    ) -> (Self, Option<String>) {
        let written = spec.and_then(|spec| spec.pattern.clone());
        // Grouped, so that an alternative at the top does not escape the anchors.
        let compiled = written.as_ref().map(|text| Regex::new(&format!("^(?:{text})$")));
        let (pattern, broken) = match (written, compiled) {
            (Some(text), Some(Ok(regex))) => (Some((text, regex)), None),
            (broken, _) => (None, broken),
        };
        let values = spec.and_then(|spec| spec.values.as_ref());
        let rule = Self {
            name: Arc::from(name),
            values: values.map(|values| values.iter().map(|v| Arc::from(v.as_str())).collect()),
            pattern,
            max_values: spec.and_then(|spec| spec.max_values),
            redacted: redactor.rule(name).map(Box::from),
        };
        (rule, broken)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// The values there are, when they are known and stored as they come.
    pub(crate) fn values(&self) -> Option<&[Arc<str>]> {
        self.values.as_deref().filter(|_| self.redacted.is_none())
    }

    /// Whether the label can only have values known beforehand.
    pub(crate) fn is_closed(&self) -> bool {
        self.values.is_some() || self.redacted.is_some()
    }

    /// Whether its values are replaced, and that is counted with each write.
    pub(crate) fn is_redacted(&self) -> bool {
        self.redacted.is_some()
    }

    /// Whether nothing but the series there are could be against a value, and there is nothing in it to
    /// hide.
    pub(crate) fn is_fine(&self, value: &str, redactor: &Redactor) -> bool {
        !self.is_redacted()
            && self.values.as_deref().is_none_or(|values| values.iter().any(|v| **v == *value))
            && value.len() <= VALUE_BYTES_MAX
            && !redactor.may_hide(value)
    }

    pub(crate) fn matches_pattern(&self, value: &str) -> bool {
        self.pattern.as_ref().is_none_or(|(_, regex)| regex.is_match(value))
    }

    pub(crate) fn pattern_fault(&self, value: &str) -> Fault<'static> {
        let pattern = self.pattern.as_ref().map_or("", |(text, _)| text);
        let allowed = format!("a match of `{pattern}`");
        Fault::LabelValue {
            label: self.name.to_string().into(),
            value: value.to_owned().into(),
            allowed,
        }
    }

    /// What is checked on every write: cheap, and independent of the series there are.
    fn check<'k>(&'k self, value: &'k str, redactor: &Redactor) -> Result<&'k str, Fault<'k>> {
        if let Some(rule) = &self.redacted {
            redactor.count(rule);
            return Ok(REDACTED);
        }
        match &self.values {
            Some(values) if values.iter().any(|v| **v == *value) => Ok(value),
            Some(values) => Err(Fault::LabelValue {
                label: Cow::Borrowed(&self.name),
                value: redactor.shown(&self.name, value),
                allowed: one_of(values),
            }),
            // Could never become a series, and should not be copied to find that out.
            None if value.len() > VALUE_BYTES_MAX => Err(Fault::LabelShape {
                label: Cow::Borrowed(&self.name),
                kind: "a text of more than 128 bytes",
            }),
            None => Ok(value),
        }
    }
}

/// The labels of a write, sorted by name, with the values they are stored with.
#[derive(Debug)]
pub(crate) struct Pairs<'k> {
    pairs: Vec<(Cow<'k, str>, Cow<'k, str>)>,
}

impl<'k> Pairs<'k> {
    /// Puts the labels of a key in the order of the rules.
    pub(crate) fn declared(
        rules: &'k [LabelRule],
        key: &'k Key,
        redactor: &Redactor,
    ) -> Result<Self, Fault<'k>> {
        let (mut few, mut many) = ([None; FEW], Vec::new());
        let values: &mut [Option<&str>] = match few.get_mut(..rules.len()) {
            Some(few) => few,
            None => {
                many.resize(rules.len(), None);
                &mut many
            }
        };
        for label in key.labels() {
            let position = rules.iter().position(|rule| *rule.name == *label.key());
            let Some((rule, slot)) = position.and_then(|i| rules.get(i).zip(values.get_mut(i)))
            else {
                return Err(Fault::LabelUndeclared(label.key()));
            };
            if slot.is_some() {
                return Err(Fault::LabelRepeated(Cow::Borrowed(label.key())));
            }
            *slot = Some(rule.check(label.value(), redactor)?);
        }
        let mut pairs = Vec::with_capacity(rules.len());
        for (rule, value) in rules.iter().zip(values) {
            let value = (*value).ok_or(Fault::LabelMissing(&rule.name))?;
            pairs.push((Cow::Borrowed(&*rule.name), Cow::Borrowed(value)));
        }
        Ok(Self { pairs })
    }

    /// From values that are known to be allowed, in the order of the rules.
    pub(crate) fn of_declared(pairs: impl Iterator<Item = (&'k str, &'k str)>) -> Self {
        let pairs = pairs.map(|(name, value)| (name.into(), value.into())).collect();
        Self { pairs }
    }

    /// The same with what may be shown of the values, when that is not all of them. Asked for new
    /// label sets only: what has a series may be shown. The rules that replaced something are to be
    /// counted.
    pub(crate) fn redacted<'r>(
        &self,
        redactor: &'r Redactor,
        hits: &mut Vec<&'r str>,
    ) -> Option<Pairs<'_>> {
        if !self.pairs.iter().any(|(_, value)| redactor.may_hide(value)) {
            return None;
        }
        let look = |(name, value): &(Cow<'_, str>, Cow<'_, str>)| {
            if *value == REDACTED { None } else { redactor.redact(name, value, hits) }
        };
        let looks: Vec<Option<String>> = self.pairs.iter().map(look).collect();
        if looks.iter().all(Option::is_none) {
            return None;
        }
        let pairs = self.pairs.iter().zip(looks).map(|((name, value), redacted)| {
            let value = redacted.map_or(Cow::Borrowed(value.as_ref()), Cow::Owned);
            (Cow::Borrowed(name.as_ref()), value)
        });
        Some(Pairs { pairs: pairs.collect() })
    }

    /// Whether a value was replaced because of the name of its label.
    pub(crate) fn has_hidden(&self) -> bool {
        self.pairs.iter().any(|(_, value)| *value == REDACTED)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// All of it in one text that no other label set has.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut encoded = Vec::new();
        for text in self.iter().flat_map(|(name, value)| [name, value]) {
            encoded.extend_from_slice(text.as_bytes());
            encoded.push(END);
        }
        encoded
    }
}

/// The labels of a metric nobody declared: names made fit for Prometheus, sorted; labels without a
/// value left out, as to Prometheus they are the same as no label.
pub(crate) fn observed_pairs<'k>(
    metric_type: MetricType,
    key: &'k Key,
    redactor: &Redactor,
) -> Result<Pairs<'k>, Fault<'k>> {
    let labels = key.labels().filter(|label| !label.value().is_empty());
    let mut pairs = Vec::with_capacity(key.labels().len().min(OBSERVED_LABELS_MAX));
    for label in labels {
        let name = fit_name(label.key(), false);
        if is_reserved(&name, metric_type) || name.len() > VALUE_BYTES_MAX {
            return Err(Fault::LabelName(label.key()));
        }
        if pairs.len() == OBSERVED_LABELS_MAX {
            return Err(Fault::LabelCount(key.labels().len()));
        }
        let value = match redactor.rule(label.key()) {
            Some(rule) => {
                redactor.count(rule);
                REDACTED
            }
            None if label.value().len() > VALUE_BYTES_MAX => {
                let kind = "a text of more than 128 bytes";
                return Err(Fault::LabelShape { label: name, kind });
            }
            None => label.value(),
        };
        pairs.push((name, Cow::Borrowed(value)));
    }
    pairs.sort_unstable();
    if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
        return Err(Fault::LabelRepeated(twice[0].0.clone()));
    }
    Ok(Pairs { pairs })
}

/// A name in the characters of Prometheus; others become `_`. Colons are for metrics only.
pub(crate) fn fit_name(name: &str, metric: bool) -> Cow<'_, str> {
    let fits = |(i, c): (usize, char)| {
        c == '_' || c.is_ascii_alphabetic() || (i > 0 && c.is_ascii_digit()) || (metric && c == ':')
    };
    if name.char_indices().all(fits) {
        return Cow::Borrowed(name);
    }
    let digit_first = name.starts_with(|c: char| c.is_ascii_digit());
    let fitted = name.chars().map(|c| if fits((1, c)) { c } else { '_' });
    Cow::Owned(digit_first.then_some('_').into_iter().chain(fitted).collect())
}

fn is_reserved(name: &str, metric_type: MetricType) -> bool {
    name.is_empty()
        || name.starts_with("__")
        || name == OVERFLOW_LABEL
        || (name == "le" && metric_type == MetricType::Histogram)
        || (name == "quantile" && metric_type == MetricType::Summary)
}

fn one_of(values: &[Arc<str>]) -> String {
    const NAMED: usize = 8;
    let mut text = String::from("one of ");
    for (i, value) in values.iter().take(NAMED).enumerate() {
        text.push_str(if i == 0 { "`" } else { ", `" });
        text.push_str(value);
        text.push('`');
    }
    if values.len() > NAMED {
        text.push_str(", …");
    }
    text
}
