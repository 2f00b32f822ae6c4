//! Conditions, by hand and held against a plain evaluation of the JSON.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

mod keys;

fn condition(text: &str) -> Condition {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn line(text: &str) -> Line {
    Line::parse(text.as_bytes()).unwrap()
}

const LINE: &str = r#"{"ts":"2025-10-06T13:43:10.5Z","level":"warning","evt":"rate","msg":"429, later","service":"shop","trace_id":"0edadbc0a1b2c3d4e5f60718293a4b5c","job_id":"job-7","meta":{"status":429,"code":"rate_limited","ok":true,"ratio":0.5,"big":9007199254740993,"max":18446744073709551615,"huge":123456789012345678901234567890,"text":"429","empty":"","nothing":null,"tags":["a","b",3],"level":"deep","duration_us":750000,"http.response.status_code":503,"http":{"response":{"status_code":1,"size":9},"route":"/x"},"a=b":1," quoted ":2,"attributes":{"provider":"acme","code":"hidden","x.y":1},"labels":{"route":"/l","http.route":"/m"}}}"#;

#[test]
fn what_holds_for_a_line() {
    let line = line(LINE);
    for (holds, conditions) in [
        (true, "status=429|status==429|status = 429|status=429.0|status=4.29e2|status!=430"),
        (false, "status=430|status!=429|status=\"429\"|status=four|status<429|status>429"),
        (true, "status>=400|status<=429|status>428.5|status<429.5|status<1e300|status>-1e300"),
        // Between neighbours above 2^53, and beyond a signed integer.
        (true, "big=9007199254740993|big>9007199254740992|big!=9007199254740992"),
        (false, "big=9007199254740992|big<=9007199254740992|big=9007199254740992.0"),
        (true, "max=18446744073709551615|max>18446744073709551614|max<18446744073709551616"),
        (true, "ratio=0.5|ratio<1|ratio=5e-1|ok=true|ok!=false|text=429|text=\"429\""),
        (false, "ok=\"true\"|ok>=\"true\"|ok=1|text=429.0"),
        // Text is compared by its bytes.
        (true, "code>=\"rate\"|code<\"s\"|code>\"Z\"|text>=42|text<500|empty=|empty=\"\"|empty!=x"),
        (true, "code~=^rate_|code~=lim|code!~=^lim|status~=^4..$|ok~=tr|msg~=\\d+, l"),
        (false, "code~=^lim|code!~=lim|missing~=.*|object~="),
        // Beyond 64 bits a line's are rounded, and so is what they are compared to.
        (
            true,
            "huge=123456789012345678901234567890|huge>1e29|huge<=123456789012345678901234567890",
        ),
        // What is missing fits what denies alone; null is as missing.
        (true, "missing!=x|missing!~=x|!missing?|nothing!=null|!nothing?|!session_id?"),
        (
            false,
            "missing=|missing=x|missing>0|missing<0|missing?|nothing=null|nothing?|session_id?",
        ),
        (true, "status?|empty?|tags?|http?|attributes?|code ?|job_id?"),
        (false, "!status?|!empty?|!tags?|!job_id?"),
        (true, "tags=a|tags=3|tags~=^b$|tags>=3|tags!=c"),
        (false, "tags!=a|tags=c|http=x|http~=x|http>0"),
        // Of the line itself, unless `meta.` is in front.
        (true, "msg=429, later|service=shop|evt=rate|job_id=job-7|trace_id~=^0edadbc0"),
        (true, "service>\"shoo\"|service<\"shoq\"|job_id>=\"job-6\""),
        (false, "job_id=job|job_id=job-70|service=sho|span_id=0"),
        // A trace by how it begins, as it is shown; in quotes by the whole id.
        (
            true,
            "trace=0edadbc0|trace_id=0EDADBC0|trace_id=0|trace=0edadbc0a1b2c3d4e5f60718293a4b5c",
        ),
        (true, "trace_id=\"0edadbc0a1b2c3d4e5f60718293a4b5c\"|trace!=1|trace_id!=\"0edadbc0\""),
        (
            false,
            "trace=edadbc0|trace!=0edadbc0|trace_id=\"0edadbc0\"|trace_id=0edadbc0a1b2c3d4e5f60718293a4b5c0",
        ),
        (
            false,
            "meta.trace_id=0edadbc0|trace=|trace=0x|trace=\"0EDADBC0A1B2C3D4E5F60718293A4B5C\"",
        ),
        (true, "level=warning|level=WARN|level>=info|level<error|level!=error|level~=warn"),
        (false, "level=info|level>=error|level>warning|meta.service?|meta.job_id=job-7"),
        (true, "meta.level=deep|meta.status>=400|meta.http.route=/x|meta.attributes.provider=acme"),
        (true, "ts>=2025-10-06T13:43:10Z|ts=2025-10-06T15:43:10.500+02:00|ts~=^2025-10-06T13"),
        (false, "ts<2025-10-06T13:43:10Z|ts>2025-10-06T13:43:10.5Z"),
        // The whole key first, then by its points; then attributes, then labels.
        (true, "http.response.status_code=503|http.response.size=9|http.route=/x|route=/l"),
        (true, "provider=acme|code=rate_limited|x.y=1|attributes.code=hidden|labels.http.route=/m"),
        (true, "\"a=b\"=1|\" quoted \">1|\"status\">=400"),
        // Times in other units than the key's.
        (
            true,
            "duration_us>=500ms|duration_us=0.75s|duration_us<1m|duration_us=750000|duration_us>749us",
        ),
        (false, "duration_us>1s|duration_us>=751 ms|text<5|status>=400ms|status<500h"),
    ] {
        for text in conditions.split('|') {
            assert_eq!(condition(text).matches(&line), holds, "{text}");
            assert_eq!(condition(text).to_string(), text);
        }
    }
}

#[test]
fn what_is_no_condition_is_told_with_its_place() {
    for (text, at, told) in [
        ("", 0, "key is missing"),
        ("   ", 3, "key is missing"),
        ("=400", 0, "key is missing"),
        ("!=400", 0, "key is missing"),
        ("?", 0, "key is missing before `?`"),
        ("status??", 6, "one `?` is enough"),
        ("!status? ?", 7, "one `?` is enough"),
        ("\"status\"??", 8, "operator is missing"),
        ("!\"status?", 1, "quote is not closed"),
        ("\"a\\x\"?", 0, "text of JSON"),
        ("status", 6, "operator is missing"),
        ("status 400", 6, "operator is missing"),
        ("\"status\" 400", 9, "operator is missing"),
        ("status!400", 6, "no operator begins like this"),
        ("status~400", 6, "no operator begins like this"),
        ("status=~4", 6, "write ~="),
        ("status>=", 8, "value is missing"),
        ("status> ", 8, "value is missing"),
        ("\"status=4", 0, "quote is not closed"),
        ("\"a\\x\"=4", 0, "text of JSON"),
        ("a=\"b", 2, "text of JSON"),
        ("a=\"b\" c", 2, "nothing follows"),
        ("code~=(", 6, "no regular expression"),
        ("code~=a{1000}{1000}", 6, "MiB"),
        ("code~=(?=x)", 6, "no regular expression"),
        ("level>=loud", 7, "meta.level"),
        ("level=", 6, "meta.level"),
        ("ts>=yesterday", 4, "--since"),
        // What would find nothing, whatever there is.
        ("status<1e400", 7, "no number is as large"),
        ("status=>400", 6, "write <= or >="),
        ("status=<400", 6, "write <= or >="),
        ("status>=abc", 8, "status>=\"abc\" compares texts, status~=abc finds those"),
        ("status >  abc", 10, "status>\"abc\" compares texts"),
        ("meta.code<rate limit", 10, "meta.code<\"rate limit\" compares texts"),
        ("\"a=b\"<=c/d", 7, "KEY<=\"TEXT\" compares texts"),
        ("job_id>=job-7", 8, "job_id>=\"job-7\" compares texts"),
        ("status>=-x", 8, "this is no number"),
        ("ok>=true", 4, "this is no number"),
        ("status>=4OO", 8, "no length of time, whose units"),
        ("status>=5 %", 8, "this is no number"),
        ("status>=1,200", 8, "status>=\"TEXT\" compares texts"),
        ("resident_bytes>=20M", 16, "nor a size, with B kB MB"),
        ("resident>=20MiB", 10, "keys that end with _bytes: resident>=\"20MiB\" compares"),
        ("duration_us>=500MS", 13, "duration_us>=\"500MS\" compares texts"),
        ("duration_us>=1m30", 13, "no length of time"),
        // As other languages have them.
        ("code='rate limit'", 5, "double quotes"),
        ("code!=''", 6, "double quotes"),
        ("code<'x'", 5, "double quotes"),
        ("code~=\"rate\"", 6, "no quotes around it"),
        ("code!~= 'rate'", 8, "no quotes around it"),
        ("status>=400 && ok=true", 12, "for each --where"),
        ("status=400 or ok=true", 11, "for each --where"),
    ] {
        let error = text.parse::<Condition>().expect_err(text);
        assert_eq!(error.at(), at, "{text}: {error}");
        let message = error.to_string();
        assert!(message.contains(told) && message.contains("'status>=400'"), "{text}: {message}");
        if !text.is_empty() {
            let mut lines = message
                .lines()
                .skip_while(|row| row.trim_end() != format!("    {text}").trim_end());
            assert!(lines.next().is_some(), "{message}");
            let mark = lines.next().and_then(|row| row.find('^'));
            assert_eq!(mark, Some(at + 4), "{message}");
        }
    }
    let long = format!("a={}", "x".repeat(5_000));
    let error = long.parse::<Condition>().unwrap_err().to_string();
    assert!(error.contains("at most 4096 bytes") && error.len() < 300, "{error}");
    // What would act on a terminal, or stand in other columns, is not repeated.
    let error = "\u{1b}[2J".parse::<Condition>().unwrap_err().to_string();
    assert!(!error.contains('\u{1b}') && !error.contains('^'), "{error}");
}

#[test]
fn a_number_is_compared_to_numbers_alone_and_texts_may_hold_anything() {
    let line = |status: &str| {
        let text = format!(r#"{{"ts":"2025-10-06T10:00:00Z","meta":{{"status":{status}}}}}"#);
        Line::parse(text.as_bytes()).unwrap()
    };
    for (text, status, holds) in [
        ("status>=400", r#""ok""#, false),
        ("status<400", r#""""#, false),
        ("status>=400", r#""429""#, true),
        ("status>=400", r#""1000""#, true),
        ("status>=\"400\"", r#""ok""#, true),
        ("status>=2", r#""2.1.0""#, true),
        ("status<2026", r#""2025-10-07""#, true),
        ("status>=2.0.0", r#""2.1.0""#, true),
        ("status>=2025-10-06", r#""2025-10-07""#, true),
        ("status>=\"abc\"", r#""abd""#, true),
        ("status>=\"abc\"", r#""abb""#, false),
        ("status=this and that", r#""this and that""#, true),
        ("status=\"a && b=1\"", r#""a && b=1""#, true),
        ("status=\">4\"", r#"">4""#, true),
        ("status=500ms", r#""500ms""#, true),
        ("status='", r#""'""#, true),
        ("status~=\\\"x\\\"", r#""\"x\"""#, true),
        ("status~=\"", r#""\"x\"""#, true),
        ("status=\"'x'\"", r#""'x'""#, true),
    ] {
        assert_eq!(condition(text).matches(&line(status)), holds, "{text}, {status}");
    }
}

/// The texts of `values` for which a condition holds.
fn fitting<'a>(text: &str, key: &str, values: &[&'a str]) -> Vec<&'a str> {
    let condition = condition(text);
    let fits = |value: &&&str| {
        let raw = json!({"ts": "2025-10-06T10:00:00Z", "meta": {key: value}}).to_string();
        condition.matches(&line(&raw))
    };
    values.iter().filter(fits).copied().collect()
}

#[test]
fn a_number_is_no_part_of_a_length_of_time_which_is_compared_to_its_like() {
    let values = [
        "9ms",
        "100ms",
        "20ms",
        "2s",
        "19999.9us",
        "1m30s",
        "1.5",
        "n/a",
        "10",
        "30",
        "1,200",
        "5 %",
        "",
        "2025-10-06",
        "2.1.0",
        "10:30",
    ];
    for (text, expect) in [
        ("dur>=20", &["30", "2025-10-06"][..]),
        ("dur<20", &["1.5", "10", "2.1.0", "10:30"]),
        ("dur>=20ms", &["100ms", "20ms", "2s", "1m30s"]),
        ("dur<20 ms", &["9ms", "19999.9us"]),
        ("dur>=1m", &["1m30s"]),
        ("dur>\"20\"", &["9ms", "20ms", "2s", "n/a", "30", "5 %", "2025-10-06"]),
        ("dur>=2.0.0", &["2025-10-06", "2.1.0"]),
        ("dur<2025-11-01", &["2025-10-06", "2.1.0", "10:30"]),
        ("dur>=09:00", &["2025-10-06", "2.1.0", "10:30"]),
    ] {
        // Quoted, all of them go by their bytes.
        let expect: Vec<&str> = match text {
            "dur>\"20\"" => values.iter().filter(|value| **value > "20").copied().collect(),
            _ => expect.to_vec(),
        };
        assert_eq!(fitting(text, "dur", &values), expect, "{text}");
    }
    // Where the key says which unit its numbers have.
    assert_eq!(fitting("dur_ms>=20", "dur_ms", &values), ["100ms", "20ms", "2s", "1m30s", "30"]);
    assert_eq!(fitting("dur_ms<20ms", "dur_ms", &values), ["9ms", "19999.9us", "1.5", "10"]);
    for (text, needs_units, compares_text) in [
        ("dur>=20ms", true, false),
        ("dur_ms>=1s", false, false),
        ("dur>=20", false, false),
        ("dur>=2.0.0", false, true),
        ("dur>=\"20ms\"", false, false),
        ("dur=20ms", false, false),
    ] {
        let condition = condition(text);
        let told = (condition.needs_units(), condition.compares_text());
        assert_eq!(told, (needs_units, compares_text), "{text}");
    }
}

#[test]
fn what_is_null_is_looked_for_further_on() {
    let line = line(
        r#"{"ts":"2025-10-06T10:00:00Z","status":500,"meta":{"status":null,"a.b":null,"a":{"b":1},"code":null,"attributes":{"code":null},"labels":{"code":"x"}}}"#,
    );
    for text in ["status>=500", "status?", "a.b=1", "code=x", "!meta.status?", "meta.status!=500"] {
        assert!(condition(text).matches(&line), "{text}");
    }
    assert_eq!(value_of(&line, "status"), Some(json!(500)));
}

#[test]
fn a_number_beyond_all_hides_nothing_that_stands_beside_it() {
    let line = line(r#"{"ts":"2025-10-06T13:43:10.5Z","ratio":1E400,"id":7,"status":500}"#);
    for holds in ["status>=500", "ratio=1E400", "id=7", "ratio?"] {
        assert!(condition(holds).matches(&line), "{holds}");
    }
    let beside: Vec<_> = line.beside().iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(beside, ["ratio", "status"]);
}

#[test]
fn a_number_beyond_all_is_more_than_any_other_or_less() {
    let raw = r#"{"ts":"2025-10-06T13:43:10.5Z","meta":{"x":1E400,"took_ms":1e999},"neg":-1E400}"#;
    let line = line(raw);
    for (holds, conditions) in [
        (true, "x>1|x>=1e308|x>18446744073709551615|took_ms>1h|neg<0|neg<=-1e308|neg<-1.5"),
        (false, "x<1|x<=1e308|took_ms<1h|neg>0|neg>=-1e308|x=1e308|x>\"2\""),
    ] {
        for text in conditions.split('|') {
            let condition = condition(text);
            assert_eq!(condition.matches(&line), holds, "{text}");
            let needle = condition.needle().filter(|_| holds);
            assert!(needle.is_none_or(|needle| raw.contains(needle)), "{text}");
        }
    }
}

#[test]
fn a_short_word_is_the_id_or_a_field_of_that_name() {
    let line = line(
        r#"{"ts":"2025-10-06T10:00:00Z","worker_id":"worker-1","job_id":"j3","trace":"t","trace_id":"0edadbc0a1b2c3d4e5f60718293a4b5c","meta":{"worker":"worker-2","job":"j1"}}"#,
    );
    for (holds, conditions) in [
        (
            true,
            "worker=worker-1|worker=worker-2|job~=3$|job=j1|worker!=worker-3|worker_id=worker-1",
        ),
        (false, "worker!=worker-1|worker!=worker-2|worker=worker-3|job!~=j|meta.worker=worker-1"),
        (true, "trace=0eda|trace!=t|!machine?|meta.job=j1"),
    ] {
        for text in conditions.split('|') {
            assert_eq!(condition(text).matches(&line), holds, "{text}");
        }
    }
}

#[test]
fn the_bytes_a_condition_needs() {
    for (text, needle) in [
        ("code=rate_limited", Some("rate_limited")),
        ("job_id=job-7", Some("job-7")),
        ("msg=two words", Some("two words")),
        // Others call it `message`.
        ("msg~=two words", None),
        ("msg?", None),
        ("msg=5", None),
        ("code=\"429\"", Some("429")),
        // A number and a quote are written in more than one way; their keys are not.
        ("status=429", Some("status")),
        ("http.response.status_code>=500", Some("status_code")),
        ("meta.code~=x", Some("code")),
        ("code=a/b", Some("code")),
        ("code=é", Some("code")),
        ("job_id?", Some("job_id")),
        ("a/b=c/d", None),
        ("\"a.\"=c/d", None),
        // A level may be spelled otherwise, and a line without a key fits what denies.
        ("level>=error", None),
        ("level=error", None),
        // Whatever else stands under a key, an id is its text.
        ("trace_id=0edadbc0", Some("0edadbc0")),
        ("trace=0edadbc0", Some("0edadbc0")),
        // In either case.
        ("trace_id=0EDADBC0", Some("0edadbc0")),
        ("trace=0EDADBC0", Some("0edadbc0")),
        ("trace_id=\"0EDADBC0\"", Some("0EDADBC0")),
        ("ts>=2025-10-06T13:43:10Z", None),
        ("code!=x", None),
        ("code!~=x", None),
        ("!code?", None),
    ] {
        assert_eq!(condition(text).needle(), needle, "{text}");
    }
}

#[test]
fn the_value_of_a_column() {
    let line = line(LINE);
    for (key, expect) in [
        ("status", json!(429)),
        ("level", json!("warning")),
        ("meta.level", json!("deep")),
        ("ts", json!("2025-10-06T13:43:10.500000Z")),
        ("http.route", json!("/x")),
        ("route", json!("/l")),
        ("tags", json!(["a", "b", 3])),
    ] {
        assert_eq!(value_of(&line, key), Some(expect), "{key}");
    }
    assert_eq!(value_of(&line, "nobody"), None);
}

/// Every value below an object with the names on the way to it.
fn all<'a>(
    object: &'a Map<String, Value>,
    found: &mut Vec<(Vec<&'a str>, &'a Value)>,
    way: &[&'a str],
) {
    for (name, value) in object {
        let way = [way, &[name.as_str()]].concat();
        if let Some(inner) = value.as_object() {
            all(inner, found, &way);
        }
        found.push((way, value));
    }
}

/// The value of a key, of all ways whose names give it: the one that takes the most at its beginning
/// where it ends, else the least.
fn plain_value(meta: &Value, key: &str) -> Option<Value> {
    let Value::Object(meta) = meta else { return None };
    for within in ["", "attributes", "labels"] {
        let object = match within {
            "" => Some(meta),
            name => meta.get(name).and_then(Value::as_object),
        };
        let mut found = Vec::new();
        if let Some(object) = object {
            all(object, &mut found, &[]);
        }
        found.retain(|(way, value)| way.join(".") == key && !value.is_null());
        let rank = |way: &[&str]| -> Vec<usize> {
            let last = way.len() - 1;
            way.iter()
                .enumerate()
                .map(|(at, name)| if at == last { 0 } else { name.len() })
                .collect()
        };
        if let Some((_, value)) = found.into_iter().min_by_key(|(way, _)| rank(way)) {
            return Some(value.clone());
        }
    }
    None
}

/// The same answer by the shortest way, for numbers that a float holds and patterns that are words.
fn plainly(found: Option<&Value>, operator: &str, value: &str) -> bool {
    let compare = |found: &Value| -> Option<Ordering> {
        match found {
            Value::Number(number) => number.as_f64()?.partial_cmp(&value.parse().ok()?),
            Value::String(text) if operator == "=" => Some(text.as_str().cmp(value)),
            Value::String(text) => match (text.parse::<f64>(), value.parse::<f64>()) {
                (Ok(found), Ok(value)) => found.partial_cmp(&value),
                (Err(_), Ok(_)) if !text.starts_with('2') => None,
                _ => Some(text.as_str().cmp(value)),
            },
            _ => None,
        }
    };
    let one = |found: &Value| match (operator, found) {
        (_, Value::Null | Value::Object(_) | Value::Array(_)) => false,
        ("=", Value::Bool(word)) => word.to_string() == value,
        ("=", found) => compare(found) == Some(Ordering::Equal),
        ("~=", Value::String(text)) => text.contains(value),
        ("~=", found) => found.to_string().contains(value),
        ("<", found) => compare(found).is_some_and(Ordering::is_lt),
        ("<=", found) => compare(found).is_some_and(Ordering::is_le),
        (">", found) => compare(found).is_some_and(Ordering::is_gt),
        (">=", found) => compare(found).is_some_and(Ordering::is_ge),
        _ => panic!("{operator}"),
    };
    match (operator, found) {
        ("!=", found) => !plainly(found, "=", value),
        ("!~=", found) => !plainly(found, "~=", value),
        ("?", found) => found.is_some_and(|found| !found.is_null()),
        (_, Some(Value::Array(values))) => values.iter().any(one),
        (_, Some(found)) => one(found),
        (_, None) => false,
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "a.b", "b.a", "a.b.a", "attributes", "labels"])
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (-3i64..4).prop_map(Value::from),
        (-6i32..7).prop_map(|n| Value::from(f64::from(n) / 2.0)),
        prop::sample::select(vec![
            "",
            "x",
            "xy",
            "1",
            "-2",
            "0.5",
            "2.1.0",
            "true",
            "é",
            "a\"b\\c\n"
        ])
        .prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..5).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn a_condition_holds_where_a_plain_evaluation_says_so(
        fields in prop::collection::vec((name(), value()), 0..6),
        key in prop::sample::select(vec!["a", "b", "a.b", "a.b.a", "b.a", "a.a", "attributes.a", "labels.b"]),
        operator in prop::sample::select(vec!["=", "!=", "~=", "!~=", "<", "<=", ">", ">=", "?"]),
        operand in prop::sample::select(vec!["x", "xy", "1", "-2", "0.5", "2.0", "true", "false", "é"]),
    ) {
        let meta: Value = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let raw = json!({"ts": "2025-10-06T13:43:10Z", "meta": meta}).to_string();
        let is_ordered_word = operator.starts_with(['<', '>']) && operand.parse::<f64>().is_err();
        let text = match operator {
            "?" => format!("{key}?"),
            _ if is_ordered_word => format!("{key}{operator}\"{operand}\""),
            _ => format!("{key}{operator}{operand}"),
        };
        let (condition, line) = (condition(&text), line(&raw));
        // An array in an array is nothing to compare, for both.
        let expect = plainly(plain_value(&meta, key).as_ref(), operator, operand);
        prop_assert_eq!(condition.matches(&line), expect, "{} of {}", text, raw);
        if let Some(needle) = condition.needle().filter(|_| expect) {
            prop_assert!(raw.contains(needle), "{} needs {} of {}", text, needle, raw);
        }
        let is_left_out = condition.sieve().is_some_and(|sieve| sieve.rules_out(raw.as_bytes()));
        prop_assert!(!(is_left_out && expect), "{} leaves out {}", text, raw);
    }

    #[test]
    fn any_text_is_a_condition_or_refused_with_a_place_in_it(text in "[a-z.\"?!=~<>\\\\ é(\u{1b}0-9{}*-]{0,24}") {
        match text.parse::<Condition>() {
            Ok(condition) => {
                let _ = condition.matches(&line(LINE));
                prop_assert_eq!(condition.to_string(), text);
            }
            Err(error) => {
                prop_assert!(error.at() <= text.len() && text.is_char_boundary(error.at()));
                let _ = error.to_string();
            }
        }
    }

    /// A look tells what taking the line apart tells, wherever it tells anything.
    #[test]
    fn a_look_at_a_line_tells_the_same(
        ids in prop::collection::vec(
            (prop::sample::select(vec!["evt", "id", "job_id", "machine_id", "service", "session_id",
                "span_id", "trace_id", "worker_id", "level", "msg"]),
            prop::sample::select(vec!["", "a", "ab", "0", "0a", "0A", "7", "info", "error", "WARN"])),
            0..8,
        ),
        key in prop::sample::select(vec!["evt", "id", "job_id", "machine_id", "service", "session_id",
            "span_id", "trace_id", "worker_id", "level", "msg", "trace", "job"]),
        operator in prop::sample::select(vec!["=", "!=", "~=", "!~=", ">=", "<", "?"]),
        operand in prop::sample::select(vec!["a", "\"a\"", "0", "0A", "\"0A\"", "7", "7.0", "info", "warning", "\"\""]),
    ) {
        let text = if operator == "?" { format!("!{key}?") } else { format!("{key}{operator}{operand}") };
        // Some levels are none, and some words are not ordered.
        let Ok(condition) = text.parse::<Condition>() else { return Ok(()) };
        let fields: std::collections::BTreeMap<_, _> = ids.into_iter().collect();
        let fields: String = fields.iter().map(|(key, id)| format!(",\"{key}\":\"{id}\"")).collect();
        let raw = format!(r#"{{"ts":"2025-10-06T13:43:10.000000Z"{fields}}}"#);
        let line = line(&raw);
        let facts = crate::peek::facts(raw.as_bytes()).unwrap();
        let told = condition.look(&facts);
        let expect = condition.matches(&line);
        prop_assert!(told.is_none_or(|told| told == expect), "{} of {}: {:?}", text, raw, told);
        let is_seen = !matches!(key, "msg" | "trace" | "job");
        prop_assert_eq!((told.is_some(), condition.is_seen()), (is_seen, is_seen), "{}", text);
        if let Some((_, id)) = condition.id().filter(|_| expect) {
            let raw = if text.starts_with("trace") { raw.to_ascii_lowercase() } else { raw };
            prop_assert!(raw.contains(id), "{} of {}", text, raw);
        }
    }
}
