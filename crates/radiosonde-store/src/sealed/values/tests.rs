//! Bitmaps of values, held against the lines.

use super::*;
use crate::query::Query;

fn peek(machine: Option<&str>, evt: &str) -> String {
    let machine = machine.map(|id| format!(r#","machine_id":"{id}""#)).unwrap_or_default();
    format!(r#"{{"ts":"2025-10-06T13:43:10.000000Z","level":"info","evt":"{evt}"{machine}}}"#)
}

/// A section of frames, each with these lines.
fn section(frames: &[Vec<String>]) -> Vec<u8> {
    let mut values = Values::new();
    for lines in frames {
        for line in lines {
            values.add(&crate::peek::facts(line.as_bytes()).unwrap());
        }
        values.end_frame();
    }
    values.encode().unwrap()
}

/// The frames that are left of so many.
fn left(section: &[u8], frames: usize, ask: impl FnOnce(&mut Query)) -> Option<Vec<usize>> {
    let mut query = Query::new(Vec::new());
    ask(&mut query);
    let mut chosen = vec![true; frames];
    sift(section, &Wanted::of(&query), &mut chosen)?;
    Some((0..frames).filter(|frame| chosen[*frame]).collect())
}

#[test]
fn a_frame_is_left_where_every_field_asked_for_may_fit() {
    let mut frames = vec![Vec::new(); 20];
    frames[1] = vec![peek(Some("m-1"), "a"), peek(Some("m-2"), "b")];
    frames[9] = vec![peek(Some("m-1"), "b")];
    frames[17] = vec![peek(None, "")];
    let section = section(&frames);
    type Ask = fn(&mut Query);
    let cases: [(Ask, &[usize]); 8] = [
        (|_| {}, &(0..20).collect::<Vec<_>>()),
        (|query| query.machine = Some("m-1".to_owned()), &[1, 9]),
        (|query| query.machine = Some("m-3".to_owned()), &[]),
        (|query| query.evt = vec!["a".to_owned()], &[1]),
        (|query| query.evt = vec!["a".to_owned(), "b".to_owned()], &[1, 9]),
        (|query| query.evt = vec![String::new()], &[17]),
        (|query| query.level = Some(crate::Level::Info), &[1, 9, 17]),
        (|query| query.level = Some(crate::Level::Warning), &[]),
    ];
    for (number, (ask, expected)) in cases.into_iter().enumerate() {
        assert_eq!(left(&section, 20, ask).unwrap(), expected, "case {number}");
    }
    let both = |query: &mut Query| {
        query.machine = Some("m-2".to_owned());
        query.evt = vec!["b".to_owned()];
        query.level = Some(crate::Level::Debug);
    };
    assert_eq!(left(&section, 20, both).unwrap(), [1]);
}

#[test]
fn what_is_not_told_apart_may_be_wherever_there_was_more() {
    let long = "m".repeat(VALUE_BYTES_MAX + 1);
    let mut frames: Vec<Vec<String>> =
        (0..VALUES_MAX).map(|n| vec![peek(Some(&format!("m-{n}")), "e")]).collect();
    frames.push(vec![peek(Some("one-too-many"), "e"), peek(Some("m-7"), "e")]);
    frames.push(vec![peek(Some("m-8"), "e")]);
    frames.push(vec![peek(Some(&long), "e")]);
    let section = section(&frames);
    for (machine, expected) in [
        ("m-7", &[7, VALUES_MAX, VALUES_MAX + 2][..]),
        ("one-too-many", &[VALUES_MAX, VALUES_MAX + 2]),
        (&long, &[VALUES_MAX, VALUES_MAX + 2]),
    ] {
        let ask = |query: &mut Query| query.machine = Some(machine.to_owned());
        assert_eq!(left(&section, frames.len(), ask).unwrap(), expected, "{machine}");
    }
}

#[test]
fn a_level_we_do_not_know_may_be_any() {
    let line = r#"{"ts":"2025-10-06T13:43:10.000000Z","level":"emergency"}"#.to_owned();
    let section = section(&[vec![peek(None, "e")], vec![line]]);
    let ask = |query: &mut Query| query.level = Some(crate::Level::Critical);
    assert_eq!(left(&section, 2, ask).unwrap(), [1]);
}

#[test]
fn too_many_to_tell_are_not_told() {
    let mut values = Values::new();
    for n in 0..VALUES_MAX {
        values.add(&crate::peek::facts(peek(Some(&n.to_string()), "e").as_bytes()).unwrap());
    }
    let frames = 8 * BITMAPS_BYTES_MAX / VALUES_MAX;
    (0..frames).for_each(|_| values.end_frame());
    assert_eq!(values.encode(), None);
}

#[test]
fn a_section_of_impossible_lengths_is_refused() {
    let frames = vec![vec![peek(Some("m-1"), "a")]; 9];
    let section = section(&frames);
    let any = |section: &[u8]| left(section, 9, |query| query.machine = Some("m-1".to_owned()));
    assert_eq!(any(&section).unwrap().len(), 9);
    // What ends between two fields is one with fewer fields.
    let ends = (0..section.len()).filter(|length| any(&section[..*length]).is_some()).count();
    assert_eq!(ends, Field::ALL.len());
    for at in 0..section.len() {
        for byte in [0xff, 0x80, 1] {
            let mut section = section.clone();
            section[at] ^= byte;
            let _ = any(&section);
        }
    }
    let huge = [1_u32.to_le_bytes(), u32::MAX.to_le_bytes()].concat();
    assert_eq!(any(&huge), None);
    // A field of a later version is passed over.
    let later = [99_u32.to_le_bytes(), 0_u32.to_le_bytes()].concat();
    assert_eq!(any(&[&later[..], &[0, 0], &section].concat()).unwrap().len(), 9);
}
