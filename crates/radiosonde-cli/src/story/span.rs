//! A span as its line tells it, or as the event of one that had no end does.
//!
//! What is not of the type it should be is left out, and lists end early: lines may say anything.

use jiff::Timestamp;
use radiosonde_store::line::Line;
use serde_json::Value;

/// The event of a span that was open when its process died.
pub(crate) const INTERRUPTED: &str = "span.interrupted";

/// Where a span's line says why it was kept though its trace was not sampled.
pub(crate) const KEPT: &str = "kept";

/// Links and events of one span that are shown; more are counted.
const LINKS_MAX: usize = 4;
const MOMENTS_MAX: usize = 128;

#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) duration_us: u64,
    pub(crate) kind: String,
    pub(crate) failed: bool,
    pub(crate) ok: bool,
    /// Whether it had no end: its process died. It was open for that long at least.
    pub(crate) interrupted: bool,
    /// Why it was kept though its trace was not sampled.
    pub(crate) kept: Option<String>,
    pub(crate) status_message: Option<String>,
    pub(crate) attributes: Vec<(String, Value)>,
    pub(crate) links: Vec<Link>,
    /// Links that are not among those.
    pub(crate) links_more: usize,
    /// Whether it is only here because others happened inside it.
    pub(crate) context: bool,
    pub(crate) line: Line,
}

/// A span of the same trace or of another one that this one has to do with.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
}

/// Something that happened in a span and stands in its line.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, Value)>,
}

impl Span {
    pub(super) fn of(line: Line, context: bool) -> Self {
        let interrupted = is_interrupted(&line);
        let meta = &line.meta;
        let text = |key: &str| meta.text(key).map(str::to_owned);
        let number = |key: &str| meta.value(key).and_then(Value::as_u64).unwrap_or(0);
        let linked = links(&line);
        let links = linked.iter().take(LINKS_MAX).filter_map(|link| {
            let id = |key: &str| Some(link.get(key)?.as_str()?.to_owned());
            Some(Link { trace_id: id("trace_id")?, span_id: id("span_id").unwrap_or_default() })
        });
        let attributes = match interrupted {
            true => meta
                .value("thread")
                .map(|name| ("thread".to_owned(), name.clone()))
                .into_iter()
                .collect(),
            false => fields(meta.value("attributes")),
        };
        Self {
            name: name(&line),
            duration_us: number(if interrupted { "open_us" } else { "duration_us" }),
            kind: text("kind").filter(|kind| kind != "internal").unwrap_or_default(),
            failed: meta.text("status") == Some("error"),
            ok: meta.text("status") == Some("ok"),
            interrupted,
            kept: text(KEPT),
            status_message: text("status_message").filter(|message| !message.is_empty()),
            attributes,
            links: links.collect(),
            links_more: linked.len().saturating_sub(LINKS_MAX),
            context,
            line,
        }
    }

    /// What happened in it, as its line tells, and how much more there was.
    pub(super) fn moments(&self) -> (Vec<(Option<Timestamp>, Moment)>, usize) {
        let all = list(self.line.meta.value("events"));
        let moment = |event: &Value| {
            let text = |key: &str| event.get(key).and_then(Value::as_str);
            let at = text("ts").and_then(|ts| ts.parse().ok());
            let name = text("name")?.to_owned();
            Some((at, Moment { name, attributes: fields(event.get("attributes")) }))
        };
        let shown = all.iter().take(MOMENTS_MAX).filter_map(moment).collect();
        (shown, all.len().saturating_sub(MOMENTS_MAX))
    }
}

/// Whether the line is of a span that was open when its process died, and says which one.
pub(crate) fn is_interrupted(line: &Line) -> bool {
    line.evt == INTERRUPTED && line.trace_id.is_some() && line.span_id.is_some()
}

/// What a span is called.
pub(super) fn name(line: &Line) -> String {
    line.meta.text("name").or(line.msg.as_deref()).unwrap_or_default().to_owned()
}

/// What a span links to.
pub(super) fn links(line: &Line) -> &[Value] {
    list(line.meta.value("links"))
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn fields(value: Option<&Value>) -> Vec<(String, Value)> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields.map(|(key, value)| (key.clone(), value.clone())).collect()
}
