//! What people see, written down as they should see it.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use radiosonde_record::{Level, Value};
use unicode_width::UnicodeWidthStr as _;

use super::entry::Entry;
use super::page::Paper;
use super::{Console, ConsoleFormat, Portion};

const FILE: &str = "events-2026-11-21.jsonl";
const ID: &str = "k3f9q2xw.4.1871";

fn entry<'a>() -> Entry<'a> {
    Entry {
        time: "13:43:10.123Z",
        level: Level::Info,
        name: None,
        path: &[],
        message: "ready",
        fields: &[],
        ids: &[],
        source: "shop",
        kept: Some((FILE, ID)),
    }
}

fn written(entry: &Entry<'_>, width: Option<usize>, color: bool) -> String {
    let mut out = String::new();
    entry.write(&mut out, Paper { color, width, may_cut: true });
    out
}

#[track_caller]
fn check(entry: &Entry<'_>, width: usize, expected: &str) {
    let seen = written(entry, Some(width), false);
    assert_eq!(seen, expected, "\nseen:\n{seen}\nexpected:\n{expected}");
    let painted = written(entry, Some(width), true);
    assert_eq!(without_colour(&painted), seen);
}

/// The text between our own colours. Fails at any other escape, or one that goes on past its line.
fn without_colour(text: &str) -> String {
    let mut plain = String::new();
    for line in text.split_inclusive('\n') {
        let mut parts = line.split("\x1b[");
        plain.push_str(parts.next().unwrap_or_default());
        let mut painted = false;
        for part in parts {
            let (code, rest) = part.split_once('m').unwrap_or_else(|| panic!("{line:?}"));
            assert!(["0", "1", "2", "32", "1;31", "1;33", "1;7;31"].contains(&code), "{line:?}");
            painted = code != "0";
            plain.push_str(rest);
        }
        assert!(!painted, "{line:?}");
    }
    plain
}

#[test]
fn an_event_is_one_line_where_there_is_room_and_goes_on_below_where_there_is_not() {
    let entry = Entry {
        name: Some("order.paid"),
        path: &["http.request", "load_order"],
        message: "order paid",
        fields: &[("order", Value::U64(17)), ("method", Value::Str("credit card"))],
        ids: &[("job", "job-123"), ("trace", "0edadbc0"), ("worker", "w-3")],
        source: "shop::orders",
        ..entry()
    };
    check(
        &entry,
        200,
        " 13:43:10.123Z INFO  order.paid  http.request > load_order: order paid  order=17  \
         method=\"credit card\"  job=job-123  trace=0edadbc0  worker=w-3  (shop::orders)\n",
    );
    check(
        &entry,
        100,
        concat!(
            " 13:43:10.123Z INFO  order.paid  http.request > load_order: order paid  order=17\n",
            "               method=\"credit card\"  job=job-123  trace=0edadbc0  worker=w-3  (shop::orders)\n",
        ),
    );
    check(
        &entry,
        60,
        concat!(
            " 13:43:10.123Z INFO  order.paid  … > load_order: order paid\n",
            "    order=17  method=\"credit card\"  job=job-123\n",
            "    trace=0edadbc0  worker=w-3  (shop::orders)\n",
        ),
    );
}

#[test]
fn colours_tell_what_the_words_tell_as_well() {
    let painted = |level| written(&Entry { level, ..entry() }, Some(100), true);
    let line = |level: &str, message: &str| {
        format!("\x1b[2m13:43:10.123Z\x1b[0m {level}{message}  \x1b[2m(shop)\x1b[0m\n")
    };
    let red = "\x1b[1;31m";
    let message = format!(" {red}ready\x1b[0m");
    for (level, expected) in [
        (Level::Trace, format!(" {}", line("\x1b[2mTRACE\x1b[0m", " ready"))),
        (Level::Debug, format!(" {}", line("\x1b[2mDEBUG\x1b[0m", " ready"))),
        (Level::Info, format!(" {}", line("\x1b[32mINFO\x1b[0m", "  ready"))),
        (Level::Warning, format!(" {}", line("\x1b[1;33mWARN\x1b[0m", "  ready"))),
        (Level::Error, format!("{red}▌\x1b[0m{}", line(&format!("{red}ERROR\x1b[0m"), &message))),
        (
            Level::Critical,
            format!("{red}█\x1b[0m{}", line("\x1b[1;7;31mCRIT\x1b[0m", &format!(" {message}"))),
        ),
    ] {
        assert_eq!(painted(level), expected, "{level:?}");
    }
    let named = Entry { name: Some("app.ready"), path: &["boot"], ..entry() };
    assert!(
        written(&named, None, true)
            .contains(" \x1b[1mapp.ready\x1b[0m  \x1b[2mboot:\x1b[0m ready  ")
    );
}

#[test]
fn an_error_stands_out_without_colour_and_has_its_reasons_below() {
    let entry = Entry {
        level: Level::Error,
        name: Some("payment.failed"),
        path: &["http.request", "pay"],
        message: "gave up",
        fields: &[
            ("attempts", Value::U64(3)),
            (
                "error",
                Value::Str("charging card: tcp connect error: Connection refused (os error 111)"),
            ),
            ("query", Value::Str("SELECT id\r\n\tFROM orders\n\n\tWHERE id = $1\n")),
        ],
        ids: &[("job", "job-123")],
        source: "billing",
        ..entry()
    };
    check(
        &entry,
        100,
        concat!(
            "▌13:43:10.123Z ERROR payment.failed  http.request > pay: gave up  attempts=3  job=job-123  (billing)\n",
            "▌              error: charging card: tcp connect error: Connection refused (os error 111)\n",
            "▌              query:\n",
            "▌                SELECT id\n",
            "▌                    FROM orders\n",
            "▌\n",
            "▌                    WHERE id = $1\n",
        ),
    );
    check(
        &entry,
        60,
        concat!(
            "▌13:43:10.123Z ERROR payment.failed  http.request > pay:\n",
            "▌   gave up  attempts=3  job=job-123  (billing)\n",
            "▌   error: charging card: tcp connect error: Connection\n",
            "▌     refused (os error 111)\n",
            "▌   query:\n",
            "▌     SELECT id\n",
            "▌         FROM orders\n",
            "▌\n",
            "▌         WHERE id = $1\n",
        ),
    );
    let critical = Entry {
        level: Level::Critical,
        message: "out of disk\nsecond line",
        ..super::tests::entry()
    };
    check(
        &critical,
        100,
        concat!("█13:43:10.123Z CRIT  out of disk  (shop)\n", "█                second line\n",),
    );
}

#[test]
fn what_is_too_long_is_cut_and_says_where_all_of_it_is() {
    let body = "0123456789".repeat(482);
    let entry = Entry {
        message: "answer received",
        fields: &[
            ("status", Value::U64(200)),
            ("body", Value::Str(&body)),
            ("ok", Value::Bool(true)),
        ],
        ..entry()
    };
    check(
        &entry,
        60,
        concat!(
            " 13:43:10.123Z INFO  answer received  status=200\n",
            "    body=012345678901234567890123456789012345… (4,820 bytes)\n",
            "    ok=true  (shop)\n",
            "    … whole in events-2026-11-21.jsonl, id k3f9q2xw.4.1871\n",
        ),
    );
    // Where nothing else has the rest, nothing is cut.
    let lost = Entry { kept: None, ..entry };
    let seen = written(&lost, Some(60), false).replace("\n    ", "");
    assert!(seen.contains(&format!("status=200body={body}  ok=true  (shop)")), "{seen}");
}

#[test]
fn nothing_is_cut_where_there_is_no_terminal() {
    let body = "word ".repeat(2_000);
    let entry = Entry {
        message: &body,
        fields: &[("body", Value::Str(&body)), ("lines", Value::Str("1\n2"))],
        ..entry()
    };
    let seen = written(&entry, None, false);
    let message = body.trim_end();
    let expected = format!(
        " 13:43:10.123Z INFO  {message}  body=\"{body}\"  (shop)\n               lines:\n                 1\n                 2\n"
    );
    assert_eq!(seen, expected);
}

#[test]
fn a_stack_trace_has_forty_lines_and_a_message_ten() {
    let trace: String = (0..60).map(|line| format!("at frame {line}\n")).collect();
    let entry = Entry { message: "x", fields: &[("stack", Value::Str(&trace))], ..entry() };
    let seen = written(&entry, Some(100), false);
    assert_eq!(seen.lines().count(), 2 + 40 + 2, "{seen}");
    assert!(seen.contains("at frame 39\n") && !seen.contains("at frame 40\n"), "{seen}");
    assert!(seen.contains("\n                 … 20 lines more (710 bytes in all)\n"), "{seen}");
    let words = "word ".repeat(1_000);
    let seen = written(&Entry { message: &words, fields: &[], ..entry }, Some(100), false);
    assert_eq!(seen.lines().count(), 10 + 2, "{seen}");
    assert!(seen.contains(" word… (4,999 bytes)\n               (shop)\n"), "{seen}");
}

#[test]
fn wide_characters_take_their_columns() {
    let entry = Entry {
        message: "注文を受け付けました",
        fields: &[
            ("品名", Value::Str("りんご三十個入りの大きな木箱とみかん箱")),
            ("mood", Value::Str("🎈🎈")),
        ],
        ..entry()
    };
    check(
        &entry,
        60,
        concat!(
            " 13:43:10.123Z INFO  注文を受け付けました\n",
            "    品名=りんご三十個入りの大きな木箱とみかん箱  mood=🎈🎈\n",
            "    (shop)\n",
        ),
    );
}

#[test]
fn text_without_width_does_not_push_the_gap_before_it_over_the_edge() {
    let name = "n".repeat(39);
    let entry = Entry { name: Some(&name), message: "\u{301}", ..entry() };
    check(
        &entry,
        60,
        concat!(
            " 13:43:10.123Z INFO  nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\n",
            "    \u{301}  (shop)\n",
        ),
    );
}

#[test]
fn what_acts_on_a_terminal_is_shown_wherever_it_stands() {
    let entry = Entry {
        name: Some("evil\x1b]0;name\x07"),
        path: &["span\u{9b}2J"],
        message: "a\rb\u{202e}c",
        fields: &[("k\ney", Value::Str("v\x1b[31m")), ("json", Value::Json("[\"\u{85}\"]"))],
        ids: &[("job", "j\x1b")],
        source: "src\x08",
        ..entry()
    };
    check(
        &entry,
        200,
        concat!(
            " 13:43:10.123Z INFO  evil\\u{1b}]0;name\\u{7}  span\\u{9b}2J: a\\rb\\u{202e}c  ",
            "k\\ney=v\\u{1b}[31m  json=[\"\\u{85}\"]  job=j\\u{1b}  (src\\u{8})\n",
        ),
    );
}

/// A console, and what it has handed over.
fn console(format: ConsoleFormat) -> (Console, Arc<Mutex<Vec<u8>>>) {
    let out = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&out);
    let write = move |portion: &Portion<'_>| {
        into.lock().expect("no panic before").extend_from_slice(portion.text);
        true
    };
    (Console::new(format, Box::new(write)), out)
}

#[test]
fn a_new_day_is_said_once_and_not_for_those_who_are_late() {
    let (mut console, _) = console(ConsoleFormat::Pretty { color: false });
    let paper = Paper { color: false, width: Some(100), may_cut: true };
    for day in ["2026-11-21", "2026-11-21", "2026-11-22", "2026-11-21", "2026-11-22", "2026-11-23"]
    {
        console.begin_day(day, paper);
    }
    assert_eq!(console.text, " 2026-11-22 (UTC)\n 2026-11-23 (UTC)\n");
}

#[test]
fn a_line_for_programs_does_not_act_on_a_terminal_and_is_as_it_is_elsewhere() {
    let line = "{\"msg\":\"\u{9b}2J\"}\n";
    for (is_terminal, expected) in [(false, line), (true, "{\"msg\":\"\\u009b2J\"}\n")] {
        let (console, out) = console(ConsoleFormat::Json);
        let mut console = if is_terminal { console.on_terminal(|| 80) } else { console };
        console.line(line.as_bytes(), Level::Info);
        assert!(console.flush());
        assert_eq!(out.lock().expect("no panic before").as_slice(), expected.as_bytes());
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z \"=\\\\]{0,80}",
        "[\\x00-\\x1f\\u{7f}-\\u{9f}\\u{202a}-\\u{202e}a]{0,40}",
        "([a-z 日🎈é\u{301}\u{fe0f}]{0,30}\n){0,50}",
        "(word |wide|日本){0,2000}",
        "(\u{301}){0,3000}",
    ]
}

/// As much of the text as is left when whatever may move or be rewritten is taken away.
fn bones(text: &str) -> String {
    bones_of_seen(&super::text::clean(text))
}

fn bones_of_seen(text: &str) -> String {
    text.chars().filter(|c| !" ▌█\\\"\n".contains(*c)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 120 }, ..ProptestConfig::default() })]

    #[test]
    fn any_event_fits_and_nothing_goes_missing(
        message in any_text(),
        name in any_text(),
        source in "[a-z:\\x1b\n]{0,60}",
        fields in prop::collection::vec((any_text(), any_text()), 0..6),
        level in prop::sample::select(Level::ALL.to_vec()),
        width in 40_usize..220,
    ) {
        let values: Vec<(&str, Value<'_>)> =
            fields.iter().map(|(key, value)| (key.as_str(), Value::Str(value))).collect();
        let entry = Entry {
            level, name: Some(&name), path: &["outer", "inner"], message: &message,
            fields: &values, ids: &[("job", "job-1")], source: &source, ..entry()
        };
        let painted = written(&entry, Some(width), true);
        let seen = without_colour(&painted);
        prop_assert_eq!(&seen, &written(&entry, Some(width), false));
        prop_assert!(!seen.replace('\n', "").chars().any(char::is_control), "{:?}", seen);
        for line in seen.lines() {
            prop_assert!(line.width() <= width, "{} of {width}: {line:?}", line.width());
            // Text without width is bounded as well, for each of its parts.
            prop_assert!(line.len() < (fields.len() + 3) * 5_000, "{}", line.len());
        }
        // A field that is cut stands there with its length.
        let is_cut = seen.contains("… whole in");
        prop_assert_eq!(seen.contains(" bytes)") || seen.contains(" bytes in all)"), is_cut);
        // Without an edge everything is there, in its order.
        let whole = bones_of_seen(&written(&entry, None, false));
        let first = message.split('\n').next().unwrap_or_default();
        prop_assert!(whole.contains(&bones(first.trim_end())), "{first:?} in {whole:?}");
        for (key, value) in &fields {
            prop_assert!(whole.contains(&bones(key)), "{key:?} in {whole:?}");
            // In the line, or below it, where a tab is so many spaces.
            let below: String =
                value.trim_end().lines().map(|line| bones(&line.replace('\t', ""))).collect();
            let is_there = whole.contains(&bones(value)) || whole.contains(&below);
            prop_assert!(is_there, "{value:?} in {whole:?}");
        }
        // What fits beside the edge is there as well.
        if !is_cut {
            let here = bones_of_seen(&seen);
            for (key, _) in &fields {
                prop_assert!(here.contains(&bones(key)), "{key:?} in {here:?}");
            }
        }
    }
}
