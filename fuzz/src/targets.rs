//! What is done with the bytes of an input, and what must hold of the result.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek as _, Write as _};

use radiosonde_events::fuzzing::{Encoding, json_string};
use radiosonde_events::{DaySink, Owner, Redactions};
use radiosonde_record::fuzzing::{self, Front};
use radiosonde_record::{
    Batch, Descriptor, FieldList, Filter, Key, Kind, Level, Lines, RawValue, Record, Site,
    SpanPart, Value, base64,
};
use radiosonde_redact::Rules;
use radiosonde_store::Line;
use radiosonde_store::query::Condition;
use serde_json::Value as Json;

use super::dice::{Dice, utf8};
use super::image::{self, lengthen};
use super::{sealed, stage};

const INSTANCE: &str = "k3f9q2xw";
/// Of a record, in bytes: its header, and with that its trailer.
const HEADER_SIZE: u64 = 40;
const RECORD_MIN: u64 = HEADER_SIZE + 8;

fn owner() -> Owner {
    Owner::new("fuzz \"quoted\"", "1.0.0", Some("m-7"), Rules::standard())
}

/// A file without a name that holds these bytes.
fn file(bytes: &[u8]) -> File {
    thread_local! {
        static FILE: File = tempfile::tempfile().expect("a temporary file");
    }
    FILE.with(|file| {
        let mut file = file.try_clone().expect("another handle");
        file.set_len(0).expect("an empty file");
        file.rewind().expect("a file can be rewound");
        file.write_all(bytes).expect("room for a small file");
        file
    })
}

/// Lines are JSON objects with the members every reader looks for, one each.
fn check_lines(lines: &[u8], count: u64) {
    let mut seen = 0;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        assert!(line.ends_with(b"\n"), "a line that does not end");
        let json: Json = serde_json::from_slice(line)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)));
        for member in ["ts", "level", "evt", "source", "msg", "service", "id"] {
            assert!(json[member].is_string(), "{member} of {json}");
        }
        seen += 1;
    }
    assert_eq!(seen, count, "one line a record");
}

/// The file of a ring, and a file of call sites, of a dead process: every record becomes a line or
/// is counted, whatever they hold, and the ring is empty then.
pub fn ring_image(data: &[u8]) {
    records_of(data);
}

/// The beginning of a table of open spans, and a file of call sites, of a dead process: every span
/// that is open there becomes a line, whatever they hold.
pub fn open_spans(data: &[u8]) {
    spans_of(data);
}

/// The same; how many spans there were.
pub fn spans_of(data: &[u8]) -> usize {
    let mut dice = Dice(data);
    let callsites = image::callsites(&mut dice);
    let table = image::open_spans(&mut dice);
    let mut sink = DaySink::of_dead_process(owner(), INSTANCE, 0, Redactions::default());
    let mut lines = 0;
    let mut each = |batch: &Batch| {
        check_lines(batch.bytes(Kind::Event), batch.records()[Kind::Event as usize]);
        lines += batch.records()[Kind::Event as usize] as usize;
    };
    let (spans, replayed) =
        fuzzing::open_spans(&table, &callsites, &mut sink, &mut each).expect("bytes fail nothing");
    assert_eq!((lines, replayed.refused, replayed.lost_bytes), (spans, 0, 0));
    spans
}

/// The same; how many records became lines, or `None` when the file is no ring.
pub fn records_of(data: &[u8]) -> Option<u64> {
    let files = image::files(&mut Dice(data));
    let ring = file(&files.ring);
    let again = ring.try_clone().expect("another handle");
    let mut sink = DaySink::of_dead_process(owner(), INSTANCE, 0, Redactions::default());
    let mut records = 0;
    let mut each = |batch: &Batch| {
        for kind in Kind::ALL {
            check_lines(batch.bytes(kind), batch.records()[kind as usize]);
        }
        records += batch.records().iter().sum::<u64>();
    };
    let replayed = fuzzing::ring(ring, &files.callsites, &mut sink, &mut each).ok()?;
    let capacity = replayed.capacity as u64;
    // A length is believed from the size of a record's header on.
    let least = RECORD_MIN * records + HEADER_SIZE * replayed.refused as u64;
    assert!(least + replayed.lost_bytes <= capacity);
    if records > 0 {
        let mut each = |_: &Batch| panic!("a record came twice");
        let second = fuzzing::ring(again, &files.callsites, &mut sink, &mut each);
        let left = second.expect("it was a ring before");
        assert!(left.refused <= replayed.refused && left.lost_bytes <= replayed.lost_bytes);
    }
    Some(records)
}

/// The bytes of one record: what is decoded can be looked at, and becomes a line.
pub fn record_decode(data: &[u8]) {
    let mut dice = Dice(data);
    let fix = dice.u8();
    let mut bytes = dice.bytes(radiosonde_record::RECORD_MAX).to_vec();
    if fix % 8 != 7 {
        lengthen(&mut bytes);
        fuzzing::seal(&mut bytes, 7, 5);
    }
    let Ok(record) = Record::decode(&bytes) else {
        assert!(Record::decode_whole(&bytes).is_err());
        return;
    };
    let _ = record.fields().count();
    let mut raw = record.raw_fields();
    while raw.key().is_some() && raw.value().is_some() {}
    let Ok(record) = Record::decode_whole(&bytes) else { return };
    check_raw_fields(&record);
    let site = record.inline_site.clone().unwrap_or_default();
    let mut line = Lines::default();
    Encoding::of_dead_process(owner(), INSTANCE).append(&record, &site, 3, &mut line);
    check_lines(&line, 1);
}

/// Both ways to read fields say the same.
fn check_raw_fields(record: &Record<'_>) {
    let mut raw = record.raw_fields();
    let mut fields = record.fields();
    while let Some(index) = raw.key() {
        let (key, value) = fields.next().expect("as many the one way as the other");
        assert_eq!(key, Key::Index(index));
        let raw = raw.value();
        if let Value::Bytes(_) | Value::Marked(_) = value {
            assert_eq!(raw, None);
            return;
        }
        match (value, raw.expect("a whole record")) {
            (Value::Null, RawValue::Null) => {}
            (Value::Bool(a), RawValue::Bool(b)) => assert_eq!(a, b),
            (Value::I64(a), RawValue::I64(b)) => assert_eq!(a, b),
            (Value::U64(a), RawValue::U64(b)) => assert_eq!(a, b),
            (Value::F64(a), RawValue::F64(b)) => assert_eq!(a.to_bits(), b.to_bits()),
            (Value::Str(a), RawValue::Text(b)) | (Value::Json(a), RawValue::Json(b)) => {
                assert_eq!(a.as_bytes(), b);
            }
            (value, raw) => panic!("{value:?} and {raw:?}"),
        }
    }
    assert_eq!(raw.is_indexed(), fields.next().is_none());
}

/// A stage file: what is ready stays within its directory and within a bound.
pub fn stage_contents(data: &[u8]) {
    let bytes = stage::file(&mut Dice(data));
    let found = fuzzing::stage(file(&bytes)).expect("a file can be read");
    let Some((targets, exports)) = found else { return };
    for (name, _) in &targets {
        assert!(!name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']));
    }
    let length: usize = targets.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(length <= 64 * 1024 * 1024 + targets.len());
    let length: usize = exports.iter().map(|(_, bytes)| 5 + bytes.len()).sum();
    assert!(length <= bytes.len(), "no export is there twice");
}

/// A file of call sites, asked for every number in it and for some that are not.
pub fn callsites_lookup(data: &[u8]) {
    let mut dice = Dice(data);
    let bytes =
        if dice.u8() % 8 == 7 { dice.0.to_vec() } else { image::callsites(&mut dice.clone()) };
    let inside = bytes.len() as u32 / 8 + 2;
    for id in (0..inside).chain([u32::MAX, u32::MAX / 8, dice.u32()]) {
        if let Some(descriptor) = fuzzing::callsite(&bytes, id) {
            let parts = [&descriptor.name, &descriptor.source, &descriptor.file];
            let length: usize = parts.into_iter().chain(&descriptor.keys).map(String::len).sum();
            assert!(length <= bytes.len());
        }
    }
}

/// Text as JSON, alone and in a line, is what `serde_json` makes of it.
pub fn json_escape(data: &[u8]) {
    let text = utf8(data);
    let expected = serde_json::to_string(text).expect("text");
    assert_eq!(utf8(&json_string(text)), expected);

    let text = cut(text, radiosonde_record::FIELD_MAX);
    let front = Front { kind: Kind::Event, level: Level::Info, timestamp_ns: 0, context: &[] };
    let site = Descriptor { name: text.to_owned(), ..Descriptor::default() };
    let bytes = fuzzing::record(front, &Site::from(site), |record| {
        record.message(Value::Str(text));
        record.field_named("k0", Value::Str(text));
    });
    let json = line(&bytes, None);
    assert_eq!(json["evt"], shown(cut(text, 512)));
    let text = shown(text);
    assert_eq!([&json["msg"], &json["meta"]["k0"]], [&text; 2]);
}

/// What of a text may be shown.
fn shown(text: &str) -> String {
    rules(|rules| rules.redact(text, &mut |_| ())).unwrap_or_else(|| text.to_owned())
}

fn rules<R>(f: impl FnOnce(&Rules) -> R) -> R {
    thread_local! {
        static RULES: Rules = Rules::standard();
    }
    RULES.with(f)
}

/// A text, and as JSON: what was redacted is not redacted again, the quick look lets nothing through
/// that a rule matches, and JSON stays JSON.
pub fn redact_text(data: &[u8]) {
    let text = utf8(data);
    let once = shown(text);
    assert_eq!(shown(&once), once);
    let (matches, may_match) =
        rules(|rules| (radiosonde_redact::fuzzing::matches(rules, text), rules.may_match(text)));
    assert!(may_match || matches == 0);
    assert!(may_match || once == *text);
    let json = serde_json::json!({"a": [text], text: {"b": text}}).to_string();
    for json in [json.as_str(), text] {
        let redacted = rules(|rules| rules.redact_json("meta", json, &mut |_| ()));
        let Some(redacted) = redacted else { continue };
        // Half a surrogate pair is JSON, and no text: strict readers refuse it as it came.
        let is_text = serde_json::from_str::<Json>(json).is_ok();
        assert!(!is_text || serde_json::from_str::<Json>(&redacted).is_ok(), "{redacted}");
        let twice = rules(|rules| rules.redact_json("meta", &redacted, &mut |_| ()));
        assert_eq!(twice, None, "{redacted}");
    }
}

/// The line of a record of this process.
fn line(bytes: &[u8], site: Option<&Descriptor>) -> Json {
    thread_local! {
        static ENCODING: RefCell<Encoding> = RefCell::new(Encoding::new(owner(), INSTANCE));
        static LINE: RefCell<Lines> = RefCell::default();
    }
    let mut line = LINE.take();
    line.clear();
    let record = Record::decode_whole(bytes).expect("what was built decodes");
    match (&record.inline_site, site) {
        (Some(site), _) => {
            ENCODING.with_borrow_mut(|encoding| encoding.append(&record, site, 3, &mut line));
        }
        // Numbers of call sites stay what they are for as long as their encoder lives.
        (None, site) => {
            let site = site.cloned().unwrap_or_default();
            Encoding::new(owner(), INSTANCE).append(&record, &site, 3, &mut line);
        }
    }
    check_lines(&line, 1);
    let json = serde_json::from_slice(&line).expect("checked before");
    LINE.set(line);
    json
}

/// Records as callers make them: what they recorded stands in the line.
pub fn encode_record(data: &[u8]) {
    let mut dice = Dice(data);
    if dice.u8() % 4 == 3 { plain_record(&mut dice) } else { built_record(&mut dice) }
}

fn front<'a>(dice: &mut Dice<'a>) -> Front<'a> {
    let (kind, level, timestamp_ns) = (dice.kind(), dice.level(), dice.u64());
    // The packed context has at most 418 bytes.
    let context = dice.counted();
    Front { kind, level, timestamp_ns, context: &context[..context.len().min(418)] }
}

fn built_record(dice: &mut Dice<'_>) {
    let front = front(dice);
    let site = dice.descriptor();
    let place =
        if dice.u8().is_multiple_of(2) { Site::Registered(9) } else { Site::from(site.clone()) };
    let message = dice.text();
    // The last value under each of the keys that no rule hides.
    let mut last: [Option<Value<'_>>; 4] = [None; 4];
    let bytes = fuzzing::record(front, &place, |record| {
        if front.kind == Kind::Span {
            let [parent, start_ns] = [dice.u64(), dice.u64()];
            record.span(&SpanPart {
                parent,
                start_ns,
                kind: dice.u8(),
                status: dice.u8(),
                kept: dice.u8(),
            });
        }
        record.message(Value::Str(message));
        while !dice.is_empty() {
            let key = usize::from(dice.u8());
            match key % 8 {
                at @ 0..4 => {
                    let value = value(dice);
                    last[at] = Some(value);
                    record.field_named(["k0", "k1", "k2", "k3"][at], value);
                }
                4 => record.field_named(dice.text(), value(dice)),
                _ => record.field(key, value(dice)),
            }
        }
    });
    assert!(bytes.len() <= radiosonde_record::RECORD_MAX);
    let record = Record::decode_whole(&bytes).expect("what was built decodes");
    check_raw_fields(&record);
    let json = line(&bytes, Some(&site));
    if record.truncated {
        return;
    }
    let is_span = front.kind == Kind::Span;
    let meta = &json["meta"];
    let fields = if is_span { &meta["attributes"] } else { meta };
    // A key of the call site may be called as ours are.
    let names = ["k0", "k1", "k2", "k3"];
    if site.keys.iter().any(|key| names.contains(&key.as_str())) {
        return;
    }
    if !is_span {
        assert_eq!(json["msg"], shown(message));
    }
    for (name, value) in names.into_iter().zip(last) {
        check_value(&fields[name], value);
    }
}

fn value<'a>(dice: &mut Dice<'a>) -> Value<'a> {
    match dice.u8() % 8 {
        0 => Value::Null,
        1 => Value::Bool(dice.u8().is_multiple_of(2)),
        2 => Value::I64(dice.u64() as i64),
        3 => Value::U64(dice.u64()),
        4 => Value::F64(f64::from_bits(dice.u64())),
        5 => Value::Bytes(dice.counted()),
        _ => Value::Str(dice.text()),
    }
}

fn check_value(json: &Json, value: Option<Value<'_>>) {
    match value {
        None | Some(Value::Null) => assert!(json.is_null()),
        Some(Value::Bool(value)) => assert_eq!(*json, value),
        Some(Value::I64(value)) => assert_eq!(*json, value),
        Some(Value::U64(value)) => assert_eq!(*json, value),
        // How `serde_json` reads the last digit is its own affair.
        Some(Value::F64(value)) => assert_eq!(json.is_string(), !value.is_finite()),
        Some(Value::Str(value)) => assert_eq!(*json, shown(value)),
        Some(Value::Bytes(value)) => check_bytes(json, value),
        Some(other) => panic!("{other:?} is not made here"),
    }
}

/// Bytes are digits in a line, unless they are a text with a secret in it.
fn check_bytes(json: &Json, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let redacted = shown(&text);
    match *redacted == *text {
        true => assert_eq!(*json, base64::encoded(bytes)),
        false => assert_eq!(*json, redacted),
    }
}

/// The short way into the ring says the same as the long one.
fn plain_record(dice: &mut Dice<'_>) {
    let front = Front { kind: Kind::Event, ..front(dice) };
    let message = dice.text();
    let (first, second, third) = (dice.text(), dice.u64(), f64::from_bits(dice.u64()));
    let (fourth, fifth) = (dice.u64() as i64, dice.u8().is_multiple_of(2));
    let fields: &dyn FieldList = &(&first, (&second, (&third, (&fourth, (&fifth, ())))));
    let Some(plain) = fuzzing::plain_record(front, 9, Some(message), fields, 5) else { return };
    let built = fuzzing::record(front, &Site::Registered(9), |record| {
        record.message(Value::Str(message));
        fields.each(0, &mut |index, value| record.field(index, value));
    });
    assert_eq!(plain, built);
}

/// A sealed file: whatever its bytes are, reading ends, and gives nothing that was not sealed where
/// that can be known.
pub fn sealed_reader(data: &[u8]) {
    let mut dice = Dice(data);
    match dice.u8() % 4 {
        0 => sealed::read_bytes(dice.0),
        1 => sealed::read_index(&mut dice),
        _ => sealed::read_damaged(&mut dice),
    }
}

/// Directives of a filter: what is not understood is given back, and a level lets through whatever
/// is more urgent.
pub fn filter_parse(data: &[u8]) {
    let mut dice = Dice(data);
    let default = dice.level();
    let target = dice.text();
    let text = utf8(dice.0);
    let (filter, refused) = Filter::parse(text, default);
    for refused in &refused {
        assert!(text.contains(refused.as_str()), "{refused:?} of {text:?}");
    }
    for target in [target, text, "a", "a::b"] {
        let allowed = Level::ALL.map(|level| filter.allows(target, level));
        assert!(allowed.is_sorted(), "{allowed:?}");
        let lowest = Level::ALL.into_iter().find(|level| filter.allows(target, *level));
        assert!(lowest.is_none() || lowest >= filter.lowest());
    }
}

/// A condition and a line: it is read or refused with a place in it; what denies it holds where it does
/// not; and a line it holds for has the bytes it says it needs.
pub fn condition_parse(data: &[u8]) {
    let mut dice = Dice(data);
    let text = dice.text();
    let raw = utf8(dice.0);
    let line = Line::parse(raw.as_bytes());
    let condition = match text.parse::<Condition>() {
        Ok(condition) => condition,
        Err(refused) => {
            assert!(text.is_char_boundary(refused.at()), "{refused:?} of {text:?}");
            assert!(!refused.to_string().is_empty());
            return;
        }
    };
    assert_eq!(condition.to_string(), text);
    let Ok(line) = line else { return };
    let holds = condition.matches(&line);
    // JSON has more than one way to write a character, of which no writer of ours takes another.
    if let Some(needle) = condition.needle().filter(|_| holds && !raw.contains("\\u")) {
        assert!(raw.contains(needle), "{needle:?} of {text:?} in {raw:?}");
    }
    if !text.contains(['!', '?', '"', '\\']) {
        for (operator, denied) in [("~=", "!~="), ("=", "!=")] {
            let Some((key, value)) = text.split_once(operator) else { continue };
            if key.contains(['<', '>', '~', '=']) || value.starts_with(['=', '~']) {
                break;
            }
            if let Ok(other) = format!("{key}{denied}{value}").parse::<Condition>() {
                assert_ne!(other.matches(&line), holds, "{text:?} of {raw:?}");
            }
            break;
        }
    }
}

/// The longest front of a text that has at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
