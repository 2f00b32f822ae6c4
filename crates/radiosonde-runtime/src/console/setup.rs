//! From settings to a console.

use radiosonde_context::SpanId;
use radiosonde_events::{Console, ConsoleFormat, SpanNames};
use radiosonde_tracing::OpenSpans;

use crate::console::skipped::Voice;
use crate::console::{ConsoleWriter, screen};
use crate::settings::{ConsoleSettings, Settings};

/// What the drain copies events to.
pub(crate) fn console(
    writer: ConsoleWriter,
    asked: ConsoleSettings,
    open_spans: Option<OpenSpans>,
    has_files: bool,
) -> Console {
    let mut console = Console::new(asked.format, Box::new(move |portion| writer.write(portion)));
    if asked.is_terminal {
        console = console.on_terminal(screen::columns(asked.columns));
    }
    if let Some(open_spans) = open_spans {
        console = console.with_spans(Names(open_spans));
    }
    if has_files { console } else { console.without_files() }
}

/// In which form the console speaks.
pub(crate) fn voice(settings: &Settings) -> Option<Voice> {
    let format = settings.console?.format;
    Some(Voice { format, service: settings.service.clone() })
}

/// A table of spans, when people look at the console.
pub(crate) fn open_spans(settings: &Settings) -> Option<OpenSpans> {
    let is_pretty = matches!(settings.console?.format, ConsoleFormat::Pretty { .. });
    is_pretty.then(OpenSpans::default)
}

/// Names of spans, from the layer to the console.
pub(crate) struct Names(pub(crate) OpenSpans);

impl SpanNames for Names {
    fn path(&mut self, span: SpanId, names: &mut Vec<&'static str>) {
        self.0.path(span, names);
    }

    fn ended(&mut self, span: SpanId) {
        self.0.ended(span);
    }
}
