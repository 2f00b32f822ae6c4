//! The fields of a log line or event, as people read them.

use radiosonde_events::clean_for_terminal as clean;
use radiosonde_store::line::{Fields, Line};
use serde_json::{Map, Value};

use crate::render::color::Paint;
use crate::render::line::field;
use crate::render::metric::quantity;
use crate::render::text::value;

/// `  key=value  key=value`, each with two spaces before it. Objects are taken apart: what is in one
/// has its key with a point, and the innermost ones stand together, `books.events={dropped=0 offered=7}`.
pub(crate) fn of(line: &Line, paint: Paint) -> String {
    let mut told =
        Told { is_own: line.source.as_deref() == Some(OWN_SOURCE), paint, told: String::new() };
    // Ours have none beside `meta`.
    let beside = if line.process().is_none() { line.beside() } else { Fields::default() };
    for (key, val) in line.meta.iter().chain(beside.iter()) {
        match val.as_object().filter(|object| is_small(object)) {
            Some(object) => told.object(key, object),
            None => told.tell(key, &told.shown(key, val)),
        }
    }
    told.told
}

struct Told {
    /// Whether the event is one of radiosonde, whose keys end with their units.
    is_own: bool,
    paint: Paint,
    told: String,
}

impl Told {
    fn tell(&mut self, key: &str, value: &str) {
        self.told.push_str(&field(key, value, self.paint));
    }

    fn object(&mut self, key: &str, object: &Map<String, Value>) {
        let (deeper, flat): (Vec<_>, Vec<_>) = object
            .iter()
            .partition(|(_, val)| val.as_object().is_some_and(|inner| !inner.is_empty()));
        if !flat.is_empty() || deeper.is_empty() {
            let flat = flat
                .into_iter()
                .map(|(key, val)| format!("{}={}", clean(key), self.shown(key, val)));
            self.tell(key, &format!("{{{}}}", flat.collect::<Vec<_>>().join(" ")));
        }
        for (inner, val) in deeper {
            if let Some(object) = val.as_object() {
                self.object(&format!("{key}.{inner}"), object);
            }
        }
    }

    fn shown(&self, key: &str, val: &Value) -> String {
        let unit = UNITS.iter().find(|(end, _)| self.is_own && key.ends_with(end));
        match (unit, val.as_f64()) {
            (Some((_, unit)), Some(number)) => quantity(number, Some(unit)),
            _ => value(val),
        }
    }
}

/// Whether an object is one to be taken apart: those with many values, or deep ones, stay as they are.
fn is_small(object: &Map<String, Value>) -> bool {
    let (mut values, mut level) = (0, vec![object]);
    for _ in 0..DEPTH_MAX {
        values += level.iter().map(|object| object.len()).sum::<usize>();
        if values > VALUES_MAX {
            return false;
        }
        level =
            level.iter().flat_map(|object| object.values()).filter_map(Value::as_object).collect();
    }
    level.is_empty()
}

/// The source of radiosonde's own events.
const OWN_SOURCE: &str = "radiosonde";
/// How their keys end, and what that means.
const UNITS: [(&str, &str); 2] = [("_bytes", "bytes"), ("_s", "seconds")];
/// Values of an object that is taken apart, and how deep it is.
const VALUES_MAX: usize = 32;
const DEPTH_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str, meta: &str) -> String {
        let text = format!(r#"{{"ts":"2025-10-06T10:00:00Z","source":"{source}","meta":{meta}}}"#);
        of(&Line::parse(text.as_bytes()).unwrap(), Paint { on: false })
    }

    #[test]
    fn lines_of_others_have_their_fields_beside_meta() {
        let of = |text: &str| of(&Line::parse(text.as_bytes()).unwrap(), Paint { on: false });
        let rest = r#""level":"info","msg":"m","status":205,"user":{"name":"a b"},"meta":{"n":1}"#;
        let line = format!(r#"{{"ts":"2025-10-06T10:00:00Z",{rest}}}"#);
        assert_eq!(of(&line), r#"  n=1  status=205  user={name="a b"}"#);
        // Of ours a later version may have more, which has a place of its own there.
        let ours = line.replace(r#""level""#, r#""id":"aaaaaaaa.1.2","level""#);
        assert_eq!(of(&ours), "  n=1");
    }

    #[test]
    fn objects_are_taken_apart_and_own_numbers_have_their_units() {
        let wide = format!(
            "{{{}}}",
            (0..40).map(|nth| format!(r#""k{nth:02}":1"#)).collect::<Vec<_>>().join(",")
        );
        let deep = r#"{"a":{"b":{"c":{"d":{"e":1}}}}}"#;
        for (source, meta, expect) in [
            ("app", r#"{"a":1,"b":"x y"}"#, r#"  a=1  b="x y""#),
            ("app", r#"{"a":{"b":1,"c":"x y"},"d":[1,2]}"#, r#"  a={b=1 c="x y"}  d=[1,2]"#),
            ("app", r#"{"a":{},"b":{"c":{}}}"#, "  a={}  b={c={}}"),
            ("app", r#"{"a":{"z":{"y":1},"b":2}}"#, "  a={b=2}  a.z={y=1}"),
            ("app", r#"{"body_bytes":1000000,"age_s":7200}"#, "  body_bytes=1000000  age_s=7200"),
            (
                "radiosonde",
                r#"{"disk_free_bytes":53048119296,"uptime_s":7200,"of_bytes":"many","books":{"events":{"dropped":0,"offered":98}},"workers":{"busy":1}}"#,
                "  disk_free_bytes=49 GiB  uptime_s=7200 s (2h 00m)  of_bytes=many  books.events={dropped=0 offered=98}  workers={busy=1}",
            ),
            ("app", &format!(r#"{{"a":{wide}}}"#), &format!("  a={wide}")),
            ("app", deep, "  a.b.c.d={e=1}"),
            ("app", &format!(r#"{{"z":{deep}}}"#), &format!("  z={deep}")),
        ] {
            assert_eq!(told(source, meta), expect, "{meta}");
        }
    }
}
