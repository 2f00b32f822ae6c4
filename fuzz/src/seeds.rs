//! Inputs to begin with: whole and ordinary ones, which mutations then damage.

use radiosonde_record::fuzzing::{self, Front};
use radiosonde_record::{Descriptor, Kind, Level, Site, SpanPart, Value};

use super::dice::Dice;
use super::image::{RAW, SEALED, UNSEALED};
use super::stage;

/// Bytes with their length before them, as inputs have them.
pub(super) fn counted(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_le_bytes()[..], bytes].concat()
}

fn site() -> Descriptor {
    Descriptor {
        name: "user.action".into(),
        source: "shop::cart".into(),
        file: "src/cart.rs".into(),
        line: 42,
        message: "clicked".into(),
        keys: ["items", "user", "password"].map(str::to_owned).to_vec(),
    }
}

/// A context with every part: trace, span, job, worker, session.
fn context() -> Vec<u8> {
    let parts: [(u8, &[u8]); 5] =
        [(1, &[7; 16]), (2, &[9; 8]), (3, b"job-123"), (4, b"w-1"), (5, b"s-1")];
    parts.map(|(tag, bytes)| [&[tag, bytes.len() as u8], bytes].concat()).concat()
}

/// Records of every kind, with every type of value.
fn records() -> Vec<Vec<u8>> {
    let context = context();
    let timestamp_ns = 1_759_758_190_123_456_789;
    let front = |kind| Front { kind, level: Level::Warning, timestamp_ns, context: &context };
    let mut records = Vec::new();
    for site in [Site::Registered(1), Site::from(site())] {
        records.push(fuzzing::record(front(Kind::Event), &site, |record| {
            record.message(Value::Str("rendered \"site\"\n"));
            record.field(0, Value::U64(120));
            record.field(1, Value::Str("größe"));
            record.field(2, Value::Str("secret"));
        }));
        records.push(fuzzing::record(front(Kind::Span), &site, |record| {
            record.span(&SpanPart {
                parent: 5,
                start_ns: timestamp_ns - 9,
                kind: 2,
                status: 1,
                kept: 0,
            });
            record.message(Value::Str("failed"));
            record.field(0, Value::I64(-1));
            record.field_named("ratio", Value::F64(0.5));
            record.field_named("none", Value::Null);
            record.field_named("yes", Value::Bool(true));
            record.field_named("bytes", Value::Bytes(&[0, 0x7f, 0xff]));
            record.field_named("list", Value::Marked("[\"\\u0000bAH//\",\"\\u0000dNaN\"]"));
        }));
        records.push(fuzzing::record(front(Kind::Metric), &site, |record| {
            record.message(Value::Str("shop_orders"));
            record.field(0, Value::Json("{\"zone\":\"eu\"}"));
            record.field(1, Value::F64(f64::NAN));
        }));
    }
    // Past a sector there is a checksum.
    records.push(fuzzing::record(front(Kind::Event), &Site::Registered(1), |record| {
        record.message(Value::Str(&"long ".repeat(200)));
    }));
    records
}

/// One input: call sites and a ring with records of each kind.
pub fn ring_image() -> Vec<Vec<u8>> {
    let callsites = [vec![1], counted(&fuzzing::descriptor(&site()))].concat();
    let input = |how: u8, shift: u8, records: &[Vec<u8>]| {
        let mut input = [&callsites[..], &[0, shift]].concat();
        // Number, tail, a shift of the tail, busy, and what is counted beside the records.
        input.extend_from_slice(&3_u32.to_le_bytes());
        input.extend_from_slice(&40_u32.to_le_bytes());
        input.extend_from_slice(&[3]);
        input.extend_from_slice(&[0; 8]);
        input.push(0);
        for record in records {
            input.push(how);
            input.extend_from_slice(&counted(record));
        }
        input
    };
    let all = records();
    let wraps: Vec<Vec<u8>> = all.iter().cycle().take(40).cloned().collect();
    let raw_ring = [&callsites[..], &[7], &[0; 4], &96_u64.to_le_bytes(), &[0; 16], &all[0]];
    let mut inputs: Vec<Vec<u8>> =
        all.iter().map(|record| input(SEALED, 0, std::slice::from_ref(record))).collect();
    inputs.extend([input(SEALED, 1, &all), input(SEALED, 2, &wraps), input(UNSEALED, 0, &all)]);
    inputs.extend([input(RAW, 0, &all), input(3, 0, &all[..1]), raw_ring.concat()]);
    inputs
}

/// Whole records, to be sealed anew and not.
pub fn record_decode() -> Vec<Vec<u8>> {
    let with =
        |first: u8| records().into_iter().map(move |record| [&[first], &record[..]].concat());
    with(0).chain(with(7)).collect()
}

/// A batch, heads alone, and a whole file.
pub fn stage_contents() -> Vec<Vec<u8>> {
    let name = counted(b"events-2026-11-21.jsonl");
    let place = [&5_u64.to_le_bytes()[..], &9_u64.to_le_bytes(), &[1]].concat();
    let target = [&name[..], &counted(b"{}\n{}\n"), &place, &[0]].concat();
    let of_version = |version| [&[version, 1][..], &[3; 12], &[2], &target, &target].concat();
    let exports = [&[3, 2, 0, 0, 0, 0xaa, 0xbb][..], &[0, 1, 0, 0, 0, 0xcc]].concat();
    let exports = [&[1][..], &7_u64.to_le_bytes(), &counted(&exports)].concat();
    let built = [of_version(stage::BUILT), exports].concat();
    let no_lines = [&[0; 8][..], &[0; 4], &fuzzing::checksum(&[]).to_le_bytes()].concat();
    let heads = [&[0; 4][..], &1_u32.to_le_bytes(), &name, &place, &no_lines, &[0; 4]].concat();
    let whole = stage::file(&mut Dice(&built));
    let short = stage::with_heads(b"RSNDSTG3", &heads);
    vec![
        built,
        of_version(stage::BUILT_BEFORE),
        [&[stage::HEADS], &heads[..]].concat(),
        [&[stage::RAW], &whole[..4400]].concat(),
        [&[stage::RAW], &short[..]].concat(),
    ]
}

/// An empty table, and one with a span of each state.
pub fn open_spans() -> Vec<Vec<u8>> {
    let callsites = [vec![1], counted(&fuzzing::descriptor(&site()))].concat();
    let name = [&7_u64.to_le_bytes()[..], b"worker-1"].concat();
    let slot = |state: u64, start: u64, context: &[u8]| {
        let state = 1 << 16 | (context.len() as u64) << 8 | state;
        // Of the first call site, by the first thread.
        let words = [state, start, 77, 1 | 1 << 32].map(u64::to_le_bytes).concat();
        counted(&[&words, context].concat())
    };
    let ids = [&[1, 16][..], &[7; 16], &[2, 8], &[9; 8], &[3, 5], b"job-1"].concat();
    let slots = [slot(2, 2_000, &ids), slot(0, 1, &[]), slot(3, 3_000, &ids), slot(1, 4, &ids)];
    let front = [&callsites[..], &9_000_u64.to_le_bytes(), &[1], &counted(&name), &[1]].concat();
    vec![front.clone(), [&front[..], &slots.concat()].concat()]
}

/// Entries, and a whole file.
pub fn callsites_lookup() -> Vec<Vec<u8>> {
    let entry = counted(&fuzzing::descriptor(&site()));
    let entries = [&[2][..], &entry, &entry].concat();
    let whole = super::image::callsites(&mut Dice(&entries));
    vec![[&[0], &entries[..]].concat(), [&[7], &whole[..]].concat()]
}

/// Texts with everything that has an escape, at the lengths where the encoder changes its way.
pub fn json_escape() -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = [1, 3, 7, 8, 15, 16, 31, 32, 33, 64, 65, 500, 1024]
        .into_iter()
        .flat_map(|length| ["x", "\"", "ä", "x\\\n"].map(|text| text.repeat(length).into_bytes()))
        .collect();
    texts.push(vec![b'x'; 5000]);
    texts.push((0..0x80).collect());
    texts.push("\u{0}\u{7f}\u{80}\u{2028}\u{2029}\u{feff}\u{ffff}🦀".into());
    texts
}

/// A secret of each rule, put together so that nobody takes this file for one that has some, and
/// what each of them is made of.
pub fn redact_text() -> Vec<Vec<u8>> {
    let long = "aZ3kD9fLq2Rt7YwB4nM8cV1pX6sG5hJ0";
    let texts = [
        format!("sent Bearer {long} and bearer {long}"),
        "Authorization: Basic cm9vdDpyb290, basic dXNlci1vZi10aGUtZGF5OnB3".to_owned(),
        format!(
            "gh{} sk{} xox{}",
            ["p_", long, "abcd"].concat(),
            "-".to_owned() + long,
            "b-1-".to_owned() + long
        ),
        format!("AK{}QX7ZKLMNOP2K5LMA, SG.{}.{long}{long}", "IA", &long[..22]),
        format!("{}.{}.{long}", "eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiI3In0"),
        format!("-----BEGIN {} KEY-----\n{long}{long}\n-----END {} KEY-----", "PRIVATE", "PRIVATE"),
        "card 4111 1111 1111 1111 12/27, 4111-1111-1111-1111, 378282246310005".to_owned(),
        "postgres://app:hunter2@db/x?password=a&key=b#access_token=c;Pwd=d".to_owned(),
        "[redacted] Bearer [redacted] a://u:[redacted]@h %3D \\n \\t".to_owned(),
        r#"{"password":{"a":[1,"]"]},"b":1.50,"c":"ftp://a:b@c","d":null}"#.to_owned(),
    ];
    texts.map(String::into_bytes).to_vec()
}

/// A call of each way.
pub fn encode_record() -> Vec<Vec<u8>> {
    let front = [&[0, 2][..], &1_759_758_190_u64.to_le_bytes(), &counted(&context())].concat();
    let texts =
        ["user.action", "shop", "cart.rs", "", "items", "user"].map(|t| counted(t.as_bytes()));
    let [name, source, file, message, first, second] = &texts;
    let built = |site: u8| {
        let site_of: [&[u8]; 9] =
            [&front, &[42, 0, 0, 0], name, source, file, message, &[2], first, second];
        let fields: [&[u8]; 7] =
            [&[8, 3], &[120; 8], &[0, 6], name, &[1, 4], &0.5_f64.to_le_bytes(), &[4, 0, 0, 0]];
        [&[0], &site_of.concat()[..], &[site], message, &fields.concat()[..]].concat()
    };
    let plain = [&[3], &front[..], name, source, &[1; 8], &[2; 8], &[3; 8], &[1]].concat();
    vec![built(0), built(1), plain]
}

/// Directives as users write them, and as they should not.
pub fn filter_parse() -> Vec<Vec<u8>> {
    let texts = [
        "info",
        "warn,my_app=debug,hyper::proto=off",
        "a=,b=5, c = trace ,off",
        "a[s{x=1,debug}]=info,b=error/regex",
        "=trace,a=b=c,größe=1,,",
    ];
    let target = counted(b"my_app::inner");
    texts.map(|text| [&[2], &target[..], text.as_bytes()].concat()).to_vec()
}

/// Conditions as users write them, each with a line it is about.
pub fn condition_parse() -> Vec<Vec<u8>> {
    let line = br#"{"ts":"2025-10-06T13:43:10Z","level":"error","msg":"m","meta":{"status":429,"a":{"b":["x",null]},"attributes":{"c_ms":9007199254740993}}}"#;
    let texts = [
        "status>=400",
        "a.b~=^x$",
        "c_ms<1.5h",
        "level!=warn",
        "ts>2025-10-06T13:00:00Z",
        "!meta.status?",
        "\"a.b\" == \"x\\u0000\"",
    ];
    texts.map(|text| [&counted(text.as_bytes())[..], &line[..]].concat()).to_vec()
}

/// A sealed file as it is, one with an index made by hand, and sealed ones with damage.
pub fn sealed_reader() -> Vec<Vec<u8>> {
    let whole = super::sealed::sealed(&super::sealed::lines(&[1, 2, 3, 4, 5]));
    let number = |number: u64| number.to_le_bytes();
    let totals: Vec<u8> = [0, 0, 0, u64::MAX >> 1, 1 << 63, 0].map(number).concat();
    let run =
        [&[0; 8][..], &24_u32.to_le_bytes(), &[1, 0, 0, 0], &[0; 8], &[4, 0, 0, 0, 4, 0, 0, 0]];
    let index = [&counted(&totals)[..], &counted(&[]), &counted(&[]), &counted(&run.concat())];
    vec![
        [&[0], &whole[..]].concat(),
        [&[1, 0, 0], &index.concat()[..]].concat(),
        [&[2], &counted(&[1, 2, 3, 4, 5, 6, 7, 8])[..], &[0, 40, 0, 1]].concat(),
        [&[3], &counted(&[200, 201, 1, 1, 9])[..], &[1, 200, 0, 255, 20, 1, 3]].concat(),
    ]
}
