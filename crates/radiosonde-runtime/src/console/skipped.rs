//! Lines that a terminal was too slow for, and the sentence about them.

use radiosonde_events::{ConsoleFormat, Portion, clean_for_terminal};

use crate::words::grouped;

/// In which form a console speaks, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    pub(crate) format: ConsoleFormat,
    pub(crate) service: String,
}

impl Voice {
    /// A line of our own. `meta` only stands in lines for programs.
    pub(crate) fn line(&self, evt: &str, text: &str, meta: &serde_json::Value) -> Vec<u8> {
        let line = match self.format {
            ConsoleFormat::Json => serde_json::json!({
                "ts": format!("{:.6}", jiff::Timestamp::now()),
                "level": "warning",
                "evt": evt,
                "source": "radiosonde",
                "msg": text,
                "service": self.service,
                "meta": meta,
            })
            .to_string(),
            _ => clean_for_terminal(text).into_owned(),
        };
        format!("{line}\n").into_bytes()
    }
}

/// What was not shown since that was told.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    events: u64,
    errors: u64,
    /// The first file that has them, and the last.
    files: Option<[String; 2]>,
}

impl Skipped {
    pub(crate) fn is_some(&self) -> bool {
        self.events > 0
    }

    pub(crate) fn add(&mut self, portion: &Portion<'_>) {
        self.events += portion.events;
        self.errors += portion.errors;
        let Some(file) = portion.file else { return };
        match &mut self.files {
            Some([_, last]) if last == file => {}
            Some([_, last]) => file.clone_into(last),
            files => *files = Some([file.to_owned(), file.to_owned()]),
        }
    }

    /// The sentence about it, once.
    pub(crate) fn take(&mut self, voice: &Voice) -> Option<Vec<u8>> {
        let Self { events, errors, files } = std::mem::take(self);
        if events == 0 {
            return None;
        }
        let lines = if events == 1 { "line" } else { "lines" };
        let mut text = format!("{} {lines} not shown", grouped(events));
        if errors > 0 {
            text.push_str(&format!(" ({} of them of level error or worse)", grouped(errors)));
        }
        text.push_str(&match &files {
            None => ": no file has them".to_owned(),
            Some([first, last]) if first == last => format!(", they are in {first}"),
            Some([first, last]) => format!(", they are in {first} to {last}"),
        });
        if voice.format != ConsoleFormat::Json {
            text.insert_str(0, " … ");
        }
        let mut files: Vec<String> = files.into_iter().flatten().collect();
        files.dedup();
        let meta = serde_json::json!({"lines": events, "errors": errors, "files": files});
        Some(voice.line("telemetry.console_skipped", &text, &meta))
    }
}
