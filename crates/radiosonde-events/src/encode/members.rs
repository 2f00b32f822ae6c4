//! The fields of a record as members of an object in its line.

use radiosonde_record::{RawValue, Record, Value, base64, marked};
use radiosonde_redact::{REDACTED, may_match};

use super::Parts;
use crate::fields::{self, Field, How};
use crate::line::{Line, Room};

impl Parts<'_, '_> {
    /// Appends the fields of the record as members of an object. Whether one was hidden for its
    /// key.
    #[inline(always)]
    pub(super) fn members<'l, R: Room>(&mut self, mut line: Line<'l, R>) -> (Line<'l, R>, bool) {
        if self.checks_json && has_json(self.record) {
            return self.resolved_members(line);
        }
        let start = line.length();
        match self.listed_members(&mut line) {
            Some(is_redacted) => (line, is_redacted),
            None => {
                line.rewind(start);
                self.resolved_members(line)
            }
        }
    }

    /// Appends the fields when each stands at its place in the call site's list, as those of
    /// `event!` do: then no key comes twice, and all of them are encoded already. Whether one was
    /// redacted; `None` when they stand otherwise, and then some may have been appended, or when one
    /// of them is bytes, or has some in it: then all are looked at.
    #[inline(always)]
    fn listed_members(&self, line: &mut Line<'_, impl Room>) -> Option<bool> {
        if self.record.truncated || !self.text.is_distinct || self.checks_json {
            return None;
        }
        let mut next = 0;
        let mut is_redacted = false;
        let mut fields = self.record.raw_fields();
        while let Some(index) = fields.key() {
            let key = self.text.keys.get(index).filter(|_| index >= next)?;
            next = index + 1;
            line.piece(&key.text);
            // The value is read in each branch: so each of its types goes straight to its text.
            if key.redacted.is_none() {
                match fields.value() {
                    Some(value) => line.value(value),
                    None => return line.suspect(),
                }
            } else {
                match fields.value() {
                    Some(RawValue::Null) => line.literal(b"null,"),
                    Some(_) => {
                        is_redacted = true;
                        line.value(RawValue::Text(REDACTED.as_bytes()));
                    }
                    None => return line.suspect(),
                }
            }
        }
        if !fields.is_indexed() {
            return None;
        }
        if next > 0 {
            line.take_back_one();
        }
        Some(is_redacted)
    }

    /// Appends the fields of any record. Whether one was hidden for its key.
    #[inline(never)]
    fn resolved_members<'l, R: Room>(&mut self, line: Line<'l, R>) -> (Line<'l, R>, bool) {
        let how = How { checks_json: self.checks_json, looks: false };
        let (mut fields, hits) =
            fields::resolve(self.record, self.site, self.text, self.secrets, how);
        if self.text.hidden.is_some() {
            // It may be a key of the call site, which is counted with the rest of that.
            fields.iter_mut().for_each(|field| field.hide_key(self.secrets));
        }
        (self.shown_members(line, &fields), !hits.is_empty())
    }

    /// Appends resolved fields.
    #[inline(never)]
    pub(super) fn shown_members<'l, R: Room>(
        &self,
        mut line: Line<'l, R>,
        fields: &[Field<'_>],
    ) -> Line<'l, R> {
        for field in fields {
            line.literal(b"\"");
            line.text(&field.key, b"\":");
            match field.shown() {
                Value::Bytes(bytes) => {
                    let digits = format!("\"{}\"", base64::encoded(bytes));
                    line.made_value(digits.as_bytes(), may_match(bytes));
                }
                Value::Marked(json) => line.made_value(marked::shown(json).as_bytes(), true),
                value => line.value(raw(&value)),
            }
        }
        let is_said = fields.iter().any(|field| field.key == "truncated");
        if self.record.truncated && !is_said {
            line.literal(b"\"truncated\":true");
        } else if !fields.is_empty() {
            line.take_back_one();
        }
        line
    }
}

fn has_json(record: &Record<'_>) -> bool {
    record.fields().any(|(_, value)| matches!(value, Value::Json(_) | Value::Marked(_)))
}

fn raw<'a>(value: &Value<'a>) -> RawValue<'a> {
    match *value {
        Value::Bool(value) => RawValue::Bool(value),
        Value::I64(value) => RawValue::I64(value),
        Value::U64(value) => RawValue::U64(value),
        Value::F64(value) => RawValue::F64(value),
        Value::Str(text) => RawValue::Text(text.as_bytes()),
        Value::Json(text) => RawValue::Json(text.as_bytes()),
        // A record read back has no other kinds.
        _ => RawValue::Null,
    }
}
