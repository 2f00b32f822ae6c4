//! Records as they may be shown, part by part, for who writes them in another form than lines: the same
//! rules take out the same secrets. Not for users.

use radiosonde_record::{Descriptor, Key, Kind, Record, Value};
use radiosonde_redact::{REDACTED, Rules, may_match};

use crate::encode::{Looked, is_foreign_metric, look};
use crate::fields::{self, Field, How};
use crate::redactions::{Counter, Redactions, Secrets};
use crate::site::{SiteText, Sites};

pub use crate::extras::{ShownAttribute, ShownEvent, ShownExtras, ShownLink};

/// Takes the parts of a record.
pub trait View {
    /// A record begins. What came of it so far, if anything, was not to be shown, and is forgotten.
    fn begin(&mut self, head: &Head<'_>);

    /// One of its fields. Each key comes once.
    fn field(&mut self, key: &str, value: Value<'_>);

    /// What few spans have.
    fn extras(&mut self, extras: &ShownExtras<'_>);
}

/// What a record says besides its fields.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "not for users")]
pub struct Head<'a> {
    /// `log`, the name of an event, or that of a span.
    pub name: &'a str,
    /// Where it comes from.
    pub source: &'a str,
    /// The message; of a span what its status says.
    pub message: &'a str,
}

/// Shows the records of one owner.
#[derive(Debug)]
pub struct Viewer {
    secrets: Secrets,
    sites: Sites,
    /// What stands as finished JSON in a record was not written by this process.
    checks_json: bool,
}

impl Viewer {
    /// Takes out what these rules call secret, and counts it with `redactions`.
    pub fn new(rules: Rules, redactions: Redactions) -> Self {
        let secrets = Secrets::new(rules, redactions);
        Self { secrets, sites: Sites::default(), checks_json: false }
    }

    /// The same for what a dead process has left: nothing in its records is taken for JSON without a
    /// look, and of callbacks those of this process are asked.
    pub fn of_dead_process(rules: Rules, redactions: Redactions) -> Self {
        let rules = redactions.complete(rules);
        Self { checks_json: true, ..Self::new(rules, redactions) }
    }

    /// Shows a record. What is taken out of it is counted if `counts` says so: not when its line has
    /// counted it. Rules of the user are asked in any case.
    pub fn view(
        &mut self,
        record: &Record<'_>,
        site: &Descriptor,
        counts: bool,
        to: &mut impl View,
    ) {
        let looks = self.secrets.looks_at_everything() || record.has_extras();
        if !looks && self.view_plain(record, site, counts, to) {
            return;
        }
        let text = self.sites.text(record, site, &self.secrets);
        let looked = look(record, site, text, &mut self.secrets, self.checks_json);
        let Looked { fields, message, extras, hits } = &looked;
        to.begin(&head(record, site, text, message));
        show(record, fields, to);
        if let Some(extras) = extras {
            to.extras(extras);
        }
        if counts {
            hits.iter().for_each(Counter::add_one);
            count_constant(text);
        }
    }

    /// Shows a record as it is, but for values that are hidden for their keys. Whether it could:
    /// otherwise there is a secret in it.
    #[inline]
    fn view_plain(
        &mut self,
        record: &Record<'_>,
        site: &Descriptor,
        counts: bool,
        to: &mut impl View,
    ) -> bool {
        let Self { secrets, sites, checks_json } = self;
        let suspects_json =
            *checks_json || record.kind != Kind::Metric || is_foreign_metric(record, site);
        let text = sites.text(record, site, secrets);
        to.begin(&head(record, site, text, record.message));
        let mut suspect = may_match(record.message.as_bytes());
        let is_plain = !record.truncated && text.is_distinct && !*checks_json;
        let listed = match is_plain {
            true => listed_fields(record, text, suspects_json, &mut suspect, to),
            false => None,
        };
        let is_redacted = match listed {
            Some(is_redacted) => is_redacted,
            None => {
                to.begin(&head(record, site, text, record.message));
                let how = How { checks_json: *checks_json, looks: false };
                let (mut fields, hits) = fields::resolve(record, site, text, secrets, how);
                if text.hidden.is_some() {
                    // It may be a key of the call site, which is counted with the rest of that.
                    fields.iter_mut().for_each(|field| field.hide_key(secrets));
                }
                suspect |= fields.iter().any(|field| {
                    may_match(field.key.as_bytes()) || is_suspect(field.shown(), suspects_json)
                });
                show(record, &fields, to);
                !hits.is_empty()
            }
        };
        if suspect && secrets.are_in(record, suspects_json) {
            return false;
        }
        if counts {
            if is_redacted {
                fields::count_redacted(record, text, secrets);
            }
            count_constant(text);
        }
        true
    }
}

/// Shows the fields when each stands at its place in the call site's list. Whether one was hidden for
/// its key; `None` when they stand otherwise or one of them is bytes, and then some may have been shown. Whether one of them may
/// have a secret in it, `suspect` says.
#[inline]
fn listed_fields(
    record: &Record<'_>,
    text: &SiteText,
    suspects_json: bool,
    suspect: &mut bool,
    to: &mut impl View,
) -> Option<bool> {
    let (mut next, mut redacted) = (0, false);
    for (key, value) in record.fields() {
        let Key::Index(index) = key else { return None };
        let key = text.keys.get(index).filter(|_| index >= next)?;
        next = index + 1;
        if matches!(value, Value::Bytes(_) | Value::Marked(_)) {
            // All are looked at, as for their line.
            *suspect = true;
            return None;
        }
        if key.redacted.is_some() && !matches!(value, Value::Null) {
            redacted = true;
            to.field(&key.name, Value::Str(REDACTED));
        } else {
            *suspect |= is_suspect(value, suspects_json);
            to.field(&key.name, value);
        }
    }
    Some(redacted)
}

fn is_suspect(value: Value<'_>, suspects_json: bool) -> bool {
    match value {
        Value::Str(text) => may_match(text.as_bytes()),
        Value::Json(json) => suspects_json || may_match(json.as_bytes()),
        Value::Marked(_) => true,
        Value::Bytes(bytes) => may_match(bytes),
        _ => false,
    }
}

fn head<'a>(
    record: &Record<'_>,
    site: &'a Descriptor,
    text: &'a SiteText,
    message: &'a str,
) -> Head<'a> {
    let (name, source, constant) = match &text.hidden {
        Some(shown) => (&shown.name, &shown.source, &shown.message),
        None => (&site.name, &site.source, &site.message),
    };
    let message = if record.message_at_site { constant } else { message };
    Head { name, source, message }
}

fn show(record: &Record<'_>, fields: &[Field<'_>], to: &mut impl View) {
    for field in fields {
        to.field(&field.key, field.shown());
    }
    if record.truncated && !fields.iter().any(|field| field.key == "truncated") {
        to.field("truncated", Value::Bool(true));
    }
}

fn count_constant(text: &SiteText) {
    if let Some(hidden) = &text.hidden {
        hidden.count();
    }
}
