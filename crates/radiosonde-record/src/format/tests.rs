//! Records read back as they were written; hostile fields and bytes cost only themselves.

use std::fmt;

use proptest::prelude::*;

use super::*;
use crate::level::{Kind, Level};
use crate::value::Value;

fn build(site: &Site, build: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    build_kind(Kind::Event, site, build)
}

fn build_kind(kind: Kind, site: &Site, build: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    let mut buffer = Buffer::take();
    let mut builder = Builder::new(&mut buffer, kind, Level::Warning, 42, site);
    builder.context(b"ctx");
    build(&mut builder);
    builder.finish();
    let mut bytes = buffer.written().to_vec();
    // What this record has left there may not show in the next one.
    buffer.give();
    seal(&mut bytes, Stamp { sequence: 7, accepted: 5 });
    bytes
}

/// Both ways to read fields see the same, up to a key that stands in the record, or to bytes.
fn assert_raw_agrees(record: &Record<'_>) {
    let mut raw = record.raw_fields();
    assert_eq!(record.fields_size().0, record.fields().count());
    for (key, value) in record.fields() {
        let Key::Index(index) = key else {
            assert_eq!((raw.key(), raw.is_indexed()), (None, false));
            return;
        };
        assert_eq!(raw.key(), Some(index));
        let raw = raw.value();
        if let Value::Bytes(_) | Value::Marked(_) = value {
            // They stand otherwise in a line, which is written with care then.
            assert_eq!(raw, None);
            return;
        }
        match (value, raw.unwrap()) {
            (Value::Null, RawValue::Null) => {}
            (Value::Bool(value), RawValue::Bool(raw)) => assert_eq!(value, raw),
            (Value::I64(value), RawValue::I64(raw)) => assert_eq!(value, raw),
            (Value::U64(value), RawValue::U64(raw)) => assert_eq!(value, raw),
            (Value::F64(value), RawValue::F64(raw)) => assert_eq!(value.to_bits(), raw.to_bits()),
            (Value::Str(value), RawValue::Text(raw)) => assert_eq!(value.as_bytes(), raw),
            (Value::Json(value), RawValue::Json(raw)) => assert_eq!(value.as_bytes(), raw),
            (value, raw) => panic!("{value:?} is {raw:?}"),
        }
    }
    assert_eq!((raw.key(), raw.is_indexed()), (None, true));
}

fn text<'a>(value: &Value<'a>) -> &'a str {
    match value {
        Value::Str(text) => text,
        other => panic!("{other:?} is no text"),
    }
}

#[test]
fn every_part_reads_back() {
    let bytes = build(&Site::Registered(9), |builder| {
        builder.message(Value::Str("hello"));
        builder.field(0, Value::I64(-5));
        builder.field_named("größe", Value::F64(1.5));
        builder.field(1, Value::Bool(true));
        builder.field(2, Value::U64(u64::MAX));
        builder.field(3, Value::Null);
        builder.field(4, Value::Bytes(b"a\xffb\0"));
    });
    let record = Record::decode_whole(&bytes).unwrap();
    assert_eq!((record.sequence, record.timestamp_ns, record.site), (7, 42, 9));
    assert_eq!(
        (record.message, record.context, record.level),
        ("hello", &b"ctx"[..], Level::Warning)
    );
    let fields: Vec<(Key<'_>, String)> =
        record.fields().map(|(key, value)| (key, format!("{value:?}"))).collect();
    let expected = [
        (Key::Index(0), "-5"),
        (Key::Name("größe"), "1.5"),
        (Key::Index(1), "true"),
        (Key::Index(2), "18446744073709551615"),
        (Key::Index(3), "null"),
        (Key::Index(4), "\"Yf9iAA==\""),
    ];
    assert_eq!(fields, expected.map(|(key, value)| (key, value.to_owned())));
    assert_raw_agrees(&record);
    assert!(!record.truncated);
}

#[test]
fn a_second_message_is_a_field_and_garbles_nothing() {
    let bytes = build(&Site::Registered(1), |builder| {
        builder.message(Value::Str("first"));
        builder.message(Value::Str("the second one"));
        builder.field(0, Value::I64(1));
    });
    let record = Record::decode_whole(&bytes).unwrap();
    assert_eq!(record.message, "first");
    let fields: Vec<_> = record.fields().map(|(key, value)| (key, format!("{value:?}"))).collect();
    let expected = [(Key::Name("message"), "\"the second one\""), (Key::Index(0), "1")];
    assert_eq!(fields, expected.map(|(key, value)| (key, value.to_owned())));
}

#[test]
fn a_second_context_is_left_out_and_garbles_nothing() {
    let bytes = build(&Site::Registered(1), |builder| {
        builder.context(b"another");
        builder.message(Value::Str("message"));
    });
    let record = Record::decode_whole(&bytes).unwrap();
    assert_eq!((record.context, record.message), (&b"ctx"[..], "message"));
    assert!(record.truncated);
}

#[test]
fn what_a_record_has_left_in_the_buffer_does_not_show() {
    let one = || build(&Site::Registered(1), |builder| builder.message(Value::Str("message")));
    let before = one();
    let large = "x".repeat(MESSAGE_MAX);
    build(&Site::Registered(1), |builder| {
        builder.message(Value::Str(&large));
        (0..100).for_each(|index| builder.field(index, Value::Str(&large)));
    });
    assert_eq!(one(), before);
}

#[test]
fn a_megabyte_is_cut_with_a_marker_and_said() {
    let huge = "ä".repeat(512 * 1024);
    let bytes = build(&Site::Registered(1), |builder| {
        builder.message(Value::Str(&huge));
        for index in 0..10 {
            builder.field(index, Value::Display(&huge));
        }
    });
    assert!(bytes.len() <= RECORD_MAX);
    let record = Record::decode_whole(&bytes).unwrap();
    assert!(record.truncated);
    assert!(
        record.message.ends_with("…[cut, 1048576 bytes in all]"),
        "{:?}",
        &record.message[24_000..]
    );
    assert!(record.fields().all(|(_, value)| text(&value).ends_with("…[cut]")));
    assert!(record.fields().count() >= 2, "what fits is kept");
}

#[test]
fn bytes_read_back_and_are_cut_where_they_are_too_long() {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let marked = r#"["\u0000bAAH/"]"#;
    let mut collected = EncodedFields::default();
    collected.push(0, Value::Bytes(&all));
    collected.push_named("list", Value::Marked(marked));
    collected.push(2, Value::Bytes(&[]));
    for bytes in [
        build(&Site::Registered(1), |builder| {
            builder.field(0, Value::Bytes(&all));
            builder.field_named("list", Value::Marked(marked));
            builder.field(2, Value::Bytes(&[]));
        }),
        build(&Site::Registered(1), |builder| builder.encoded_fields(&collected)),
    ] {
        let record = Record::decode_whole(&bytes).unwrap();
        assert_raw_agrees(&record);
        let fields: Vec<_> = record.fields().map(|(_, value)| value).collect();
        let [Value::Bytes(first), Value::Marked(list), Value::Bytes([])] = fields[..] else {
            panic!("{fields:?}");
        };
        assert_eq!((first, list, record.truncated), (&*all, marked, false));
    }
    for (length, kept) in [(FIELD_MAX, FIELD_MAX), (FIELD_MAX + 1, FIELD_MAX), (1 << 20, FIELD_MAX)]
    {
        let long: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let bytes = build(&Site::Registered(1), |builder| builder.field(0, Value::Bytes(&long)));
        let record = Record::decode_whole(&bytes).unwrap();
        let Some((_, Value::Bytes(found))) = record.fields().next() else { panic!("no bytes") };
        assert_eq!((found, record.truncated), (&long[..kept], length > kept));
    }
}

/// What an older reader does with bytes, which it does not know.
#[test]
fn a_record_with_an_unknown_type_is_refused_and_nothing_else_of_it_guessed() {
    let record = |kind: u8| {
        let mut bytes = build(&Site::Registered(1), |builder| builder.field(0, Value::Bytes(b"x")));
        let at = HEADER_SIZE + b"ctx".len();
        assert_eq!(bytes[at..at + 2], [0, BYTES]);
        bytes[at + 1] = kind;
        seal(&mut bytes, Stamp { sequence: 7, accepted: 5 });
        bytes
    };
    for kind in MARKED + 1..=u8::MAX {
        let bytes = record(kind);
        let refused = Record::decode_whole(&bytes).unwrap_err();
        assert_eq!(refused, DecodeError::Malformed("field"), "{kind}");
    }
    assert!(Record::decode_whole(&record(BYTES)).is_ok());
}

#[test]
fn bytes_that_are_cut_say_how_many_there_were() {
    let cases: [(&[u8], usize, &str); 5] = [
        (b"12345678", 8, "12345678"),
        (b"12345678", 7, "1234567…[cut, 8 bytes in all]"),
        (&[b'x'; 1000], 3, "xxx…[cut, 1000 bytes in all]"),
        ("éééééééé".as_bytes(), 5, "éé…[cut, 16 bytes in all]"),
        (b"ok\xff", 5, "ok\u{fffd}"),
    ];
    for (bytes, max, expected) in cases {
        let (text, is_cut) = text_within(Value::Bytes(bytes), max);
        assert_eq!((text.as_str(), is_cut), (expected, expected.contains("[cut")));
    }
}

#[test]
fn formatters_that_panic_fail_or_never_end_cost_their_value() {
    struct Panics;
    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in Display")
        }
    }
    struct Fails;
    impl fmt::Display for Fails {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("again and ")?;
            }
        }
    }
    let before = format_panics();
    let bytes = build(&Site::Registered(1), |builder| {
        builder.message(Value::Display(&Panics));
        builder.field(0, Value::Display(&Fails));
        builder.field(1, Value::Display(&Endless));
        builder.field(2, Value::I64(3));
    });
    let record = Record::decode_whole(&bytes).unwrap();
    assert_eq!(record.message, "[panicked while formatting]");
    let fields: Vec<_> = record.fields().map(|(_, value)| value).collect();
    assert_eq!(text(&fields[0]), "[formatting failed]");
    assert!(text(&fields[1]).ends_with("…[cut]"));
    assert!(matches!(fields[2], Value::I64(3)), "the fields after them are whole");
    assert!(format_panics() > before);
}

#[test]
fn the_largest_inline_site_fits_with_a_full_message() {
    let keys = vec!["k".repeat(5000); 300];
    let long = "n".repeat(5000);
    let site = Descriptor {
        name: long.clone(),
        source: long.clone(),
        file: long,
        line: 1,
        keys,
        ..Descriptor::default()
    };
    let huge = "x".repeat(100_000);
    let bytes = build(&Site::from(site), |builder| builder.message(Value::Str(&huge)));
    assert!(bytes.len() <= RECORD_MAX, "{}", bytes.len());
    assert_eq!(Record::decode_whole(&bytes).unwrap().inline_site.unwrap().keys.len(), 254);
}

#[test]
fn extras_of_a_span_read_back_and_damage_is_refused() {
    let mut attributes = EncodedFields::default();
    attributes.push_named("items", Value::U64(3));
    let mut extras = SpanExtras::default();
    assert!(extras.link([1; 16], [2; 8], "b=2", &attributes));
    assert!(extras.event(77, "paid", &attributes));
    extras.trace_state("a=1");
    extras.dropped(4, 5, 6);
    let part = SpanPart { parent: 9, start_ns: 8, kind: 2, status: 1, kept: 2 };
    let bytes = build_kind(Kind::Span, &Site::Registered(1), |builder| {
        builder.span_with(&part, "checkout {id}", &extras);
        builder.message(Value::Str("message"));
        builder.field(0, Value::Bool(true));
    });
    let record = Record::decode_whole(&bytes).unwrap();
    assert_eq!((record.span, record.message), (Some(part), "message"));
    assert_eq!(record.name, "checkout {id}");
    assert_eq!(record.fields().count(), 1);
    let items = |fields: Fields<'_>| {
        let fields: Vec<_> = fields.map(|(key, value)| format!("{key:?} {value:?}")).collect();
        assert_eq!(fields, ["Name(\"items\") 3"]);
    };
    let found: Vec<_> = record.extras().collect();
    let [
        Extra::TraceState("a=1"),
        Extra::Link { trace_id, span_id, trace_state: "b=2", attributes: of_link },
        Extra::Event { timestamp_ns: 77, name: "paid", attributes: of_event },
        Extra::Dropped { attributes: 4, events: 5, links: 6 },
    ] = &found[..]
    else {
        panic!("{found:?}");
    };
    assert_eq!((trace_id, span_id), (&[1; 16], &[2; 8]));
    items(of_link.clone());
    items(of_event.clone());
    // Any byte of them changed reads as something, or as damage, and never panics.
    for at in HEADER_SIZE..bytes.len() - TRAILER_SIZE {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        if let Ok(record) = Record::decode_whole(&damaged) {
            assert!(record.extras().count() <= 40 && record.fields().count() <= 40);
        }
    }
}

#[test]
fn extras_have_a_bound() {
    let mut extras = SpanExtras::default();
    let name = "x".repeat(5_000);
    let fitting = (0..1_000).take_while(|_| extras.event(1, &name, &EncodedFields::default()));
    // A name is cut at 512 bytes.
    let fitting = fitting.count();
    assert!((30..45).contains(&fitting), "{fitting}");
    assert!(extras.as_bytes().len() < EXTRAS_MAX);
    // Both are said at the end, and are there however much came before.
    let state = format!("a={}", "x".repeat(510));
    extras.trace_state(&state);
    extras.dropped(1, 2, 3);
    let bytes = build_kind(Kind::Span, &Site::Registered(1), |builder| {
        builder.span_with(&SpanPart::default(), "", &extras);
    });
    let record = Record::decode_whole(&bytes).unwrap();
    let found: Vec<_> = record.extras().collect();
    assert!(matches!(&found[0], Extra::TraceState(found) if *found == state), "{:?}", found[0]);
    assert_eq!(found.len(), fitting + 2);
    assert!(matches!(found[fitting + 1], Extra::Dropped { attributes: 1, events: 2, links: 3 }));
}

#[test]
fn an_event_says_that_something_of_it_was_cut() {
    let long = "x".repeat(FIELD_MAX + 1);
    let mut cut = EncodedFields::default();
    cut.push_named("body", Value::Str(&long));
    let mut said = EncodedFields::default();
    said.push_named("truncated", Value::Str("by hand"));
    said.set_truncated();
    let mut extras = SpanExtras::default();
    assert!(extras.event(1, "cut", &cut) && extras.event(2, "said", &said));
    let bytes = build_kind(Kind::Span, &Site::Registered(1), |builder| {
        builder.span_with(&SpanPart::default(), "", &extras);
    });
    let record = Record::decode_whole(&bytes).unwrap();
    let of_events = record.extras().map(|extra| match extra {
        Extra::Event { attributes, .. } => attributes,
        other => panic!("{other:?}"),
    });
    let found: Vec<Vec<String>> = of_events
        .map(|fields| fields.skip_while(|(key, _)| *key == Key::Name("body")))
        .map(|fields| fields.map(|(key, value)| format!("{key:?} {value:?}")).collect())
        .collect();
    assert_eq!(found, [["Name(\"truncated\") true"], ["Name(\"truncated\") \"by hand\""]]);
}

/// A span as it was written before spans had extras and a reason to be kept: six bytes of zeroes stood
/// where both are now.
#[test]
fn a_span_of_an_older_version_is_read() {
    let mut bytes = vec![0; HEADER_SIZE];
    bytes.extend_from_slice(b"ctx");
    bytes.extend_from_slice(&9_u64.to_le_bytes());
    bytes.extend_from_slice(&8_u64.to_le_bytes());
    bytes.extend_from_slice(&[2, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(b"why");
    bytes.extend_from_slice(&[0, U64, 3, 0, 0, 0, 0, 0, 0, 0]);
    bytes.resize(bytes.len().next_multiple_of(8) + TRAILER_SIZE, 0);
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[16..24].copy_from_slice(&42_u64.to_le_bytes());
    bytes[24..28].copy_from_slice(&5_u32.to_le_bytes());
    bytes[28..30].copy_from_slice(&[Kind::Span as u8, Level::Info as u8]);
    bytes[32..34].copy_from_slice(&3_u16.to_le_bytes());
    bytes[34..36].copy_from_slice(&1_u16.to_le_bytes());
    bytes[36..40].copy_from_slice(&3_u32.to_le_bytes());
    seal(&mut bytes, Stamp { sequence: 7, accepted: 5 });
    let record = Record::decode_whole(&bytes).unwrap();
    let part = SpanPart { parent: 9, start_ns: 8, kind: 2, status: 1, kept: 0 };
    assert_eq!((record.span, record.name, record.message), (Some(part), "", "why"));
    assert_eq!((record.context, record.site, record.timestamp_ns), (&b"ctx"[..], 5, 42));
    assert!(!record.has_extras() && !record.truncated);
    let fields: Vec<_> = record.fields().map(|(key, value)| format!("{key:?} {value:?}")).collect();
    assert_eq!(fields, ["Index(0) 3"]);
}

#[test]
fn of_fields_recorded_over_and_over_the_last_value_stays() {
    let mut fields = EncodedFields::default();
    for number in 0..10_000 {
        fields.push(0, Value::U64(number));
        fields.push(1, Value::Str(if number % 2 == 0 { "even" } else { "odd" }));
        fields.push(2, Value::Null);
    }
    let bytes = build(&Site::Registered(1), |builder| builder.encoded_fields(&fields));
    assert!(bytes.len() < RECORD_MAX / 10, "{}", bytes.len());
    let record = Record::decode_whole(&bytes).unwrap();
    let last = |key| record.fields().filter(|(found, _)| *found == key).last();
    let found = [0, 1, 2].map(|at| format!("{:?}", last(Key::Index(at)).unwrap().1));
    assert_eq!(found, ["9999", "\"odd\"", "null"]);
}

proptest! {
    /// Whatever the bytes, decoding ends with a record or an error.
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), fix in any::<bool>()) {
        if fix && bytes.len() >= 40 {
            bytes.truncate(bytes.len() / 8 * 8);
            let length = bytes.len() as u32;
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            seal(&mut bytes, Stamp { sequence: 1, accepted: 1 });
        }
        if let Ok(record) = Record::decode_whole(&bytes) {
            assert_raw_agrees(&record);
        }
    }

    /// Whatever the fields: what has room is there, in order, and what has not is said.
    #[test]
    fn fields_are_there_whole_or_said_to_be_cut(sizes in prop::collection::vec(0usize..16_000, 0..40)) {
        let long = "x".repeat(16_000);
        let given: Vec<_> = sizes.iter().enumerate().map(|(at, &size)| match at % 4 {
            0 => Value::Str(&long[..size]),
            1 => Value::U64(size as u64),
            2 => Value::Display(&sizes[at]),
            _ => Value::Debug(&sizes[at]),
        }).collect();
        let mut collected = EncodedFields::default();
        let bytes = build(&Site::Registered(1), |builder| {
            for (at, value) in given.iter().enumerate() {
                builder.field(at, *value);
                collected.push(at, *value);
            }
        });
        prop_assert!(bytes.len() <= RECORD_MAX && bytes.len() % 8 == 0);
        let record = Record::decode_whole(&bytes).unwrap();
        assert_raw_agrees(&record);
        let mut all_there = true;
        let mut found = record.fields().peekable();
        for (at, given) in given.iter().enumerate() {
            let Some((_, value)) = found.next_if(|(key, _)| *key == Key::Index(at)) else {
                all_there = false;
                continue;
            };
            let expected = match given {
                Value::Str(text) if text.len() > FIELD_MAX => {
                    all_there = false;
                    continue;
                }
                Value::Display(_) | Value::Debug(_) => format!("\"{given:?}\""),
                given => format!("{given:?}"),
            };
            prop_assert_eq!(format!("{value:?}"), expected);
        }
        prop_assert!(found.next().is_none());
        prop_assert_eq!(record.truncated, !all_there);

        // The same fields, collected before their record is begun.
        let bytes = build(&Site::Registered(1), |builder| builder.encoded_fields(&collected));
        let again = Record::decode_whole(&bytes).unwrap();
        prop_assert!(again.fields().count() <= given.len());
        prop_assert!(again.truncated || again.fields().count() == given.len());
    }

    /// A sector that did not reach the disk shows: whatever record of an earlier lap is under it,
    /// and wherever the boundary between the two falls.
    #[test]
    fn records_of_two_laps_are_refused(length in 0usize..3000, old_lap in 1u64..9, cut in 1usize..60) {
        let lap = |accepted, letter: &str| {
            let mut bytes = build(&Site::Registered(1), |builder| {
                builder.message(Value::Str(&letter.repeat(length)));
            });
            seal(&mut bytes, Stamp { sequence: accepted, accepted });
            bytes
        };
        let (old, new) = (lap(old_lap, "a"), lap(old_lap + 100, "b"));
        prop_assert!(Record::decode_whole(&new).is_ok());
        let cut = cut * 8 % new.len();
        prop_assume!(cut > 0);
        let first_missing = [&old[..cut], &new[cut..]].concat();
        let last_missing = [&new[..cut], &old[cut..]].concat();
        for torn in [first_missing, last_missing] {
            prop_assert_eq!(Record::decode_whole(&torn).unwrap_err(), DecodeError::Check);
        }
    }

    /// In records past a sector a single flipped bit is found.
    #[test]
    fn a_flipped_bit_is_refused(at in 0usize..1000, bit in 0u8..8) {
        let mut bytes = build(&Site::Registered(1), |builder| {
            builder.message(Value::Str(&"some message ".repeat(60)));
        });
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(Record::decode_whole(&bytes).is_err());
    }
}
