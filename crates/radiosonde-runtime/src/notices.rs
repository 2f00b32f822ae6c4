//! What the drain has to tell, as problems.

use std::sync::{Mutex, PoisonError};

use radiosonde_events::ConsoleFormat;
use radiosonde_record::Notice;

use crate::console::ConsoleWriter;
use crate::console::skipped::Voice;
use crate::house::Files;
use crate::panic_hook;
use crate::problem::{Problem, Problems};

/// Makes problems of what the drain has to tell.
pub(crate) fn notices(
    problems: Problems,
    files: Files,
    // Where a problem is said at once.
    console: Option<(ConsoleWriter, Voice)>,
) -> Box<dyn Fn(Notice) + Send> {
    let blocked: Mutex<Option<Problem>> = Mutex::default();
    Box::new(move |notice| match notice {
        Notice::Blocked(error) => {
            let problem = Problem::new(
                format!("day files cannot be written: {error}; records wait in their rings"),
                "make room or repair the disk; writing is tried again by itself",
            );
            // The log waits for the disk as well: the console must say it now.
            if let Some((writer, voice)) = &console {
                writer.say(spoken(&problem, voice));
            }
            *blocked.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem.clone());
            problems.add(problem);
        }
        Notice::Unblocked => {
            if let Some(problem) = blocked.lock().unwrap_or_else(PoisonError::into_inner).take() {
                problems.retract(&problem);
            }
        }
        Notice::Refused { records, bytes } => problems.say(
            format!("{records} records and {bytes} bytes of rings could not be encoded"),
            "report it with the version of radiosonde: this should not happen",
        ),
        Notice::Restarted { restarts } => problems.say(
            format!(
                "the drain panicked{} and went on where it was; panics so far: {restarts}",
                panic_hook::place()
            ),
            "report it with the version of radiosonde: this should not happen",
        ),
        Notice::Unstaged(error) => {
            files.set_unstaged();
            problems.say(
                format!("no stage: {error}; a kill can tear or repeat lines"),
                "make room in the telemetry directory and restart",
            );
        }
        Notice::Moved { slot } => {
            problems.say(
                format!(
                    "the lock of our slot was removed or the telemetry directory moved away; lines \
                     go on in the files of slot {}, and pending records may die with the process",
                    slot.number()
                ),
                "leave inst/ alone while programs run; restart this one to be safe again",
            );
            files.move_to(slot);
        }
        Notice::Misplaced { file } => problems.say(
            format!("a day file's name is taken by something else; lines are in {file}"),
            "remove what has the name: a directory, a link, or a file of another user",
        ),
        Notice::ExportsLost { .. } => problems.say(
            "records could not be handed to the spool, and are not sent over OTLP",
            "report it with the version of radiosonde: this should not happen",
        ),
        _ => {}
    })
}

/// A problem as a line of its own on the console.
fn spoken(problem: &Problem, voice: &Voice) -> Vec<u8> {
    let meta = serde_json::json!({"fix": problem.fix});
    match voice.format {
        ConsoleFormat::Json => voice.line("telemetry.problem", &problem.what, &meta),
        _ => voice.line("telemetry.problem", &format!("radiosonde: {problem}"), &meta),
    }
}
