//! A program on a terminal: what the person in front of it sees of spans, events and errors.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::error::Error;
use std::fs::File;
use std::io::{self, Read as _};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;

/// Set in the program on the terminal, which is this one, in another process.
const PROGRAM: &str = "XTASK_CONSOLE_PROGRAM";

/// What the program records.
fn program() {
    let telemetry = radiosonde::init!(service = "shop");
    let _scope = radiosonde::scope().job("job-123").worker("w-3").enter();
    let request = tracing::info_span!("http.request", method = "POST");
    let failed = request.in_scope(|| {
        tracing::info_span!("load_order", order = 17).in_scope(|| {
            tracing::info!(items = 3, cached = true, "loaded");
            radiosonde::event!("order.paid", order = 17, token = "secret", "paid");
        });
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let failed = io::Error::other(Failed(refused));
        tracing::error!(attempts = 3, error = &failed as &dyn Error, "gave up");
        tracing::info_span!("below")
    });
    // The span it is in has ended before anybody has looked at the event.
    failed.in_scope(|| log::warn!("from log\nsecond line \x1b[2J"));
    drop((failed, request));
    radiosonde::event!("bye", level: critical, "the end");
    let _report = telemetry.flush(std::time::Duration::from_secs(20));
}

#[derive(Debug)]
struct Failed(io::Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("charging card")
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// What stands on a terminal of so many columns after the program.
fn seen(columns: u16, variables: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let person = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&person).unwrap();
    rustix::pty::unlockpt(&person).unwrap();
    let mut size = rustix::termios::tcgetwinsize(&person).unwrap();
    size.ws_col = columns;
    rustix::termios::tcsetwinsize(&person, size).unwrap();
    let name = rustix::pty::ptsname(&person, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_person_sees_what_the_program_does", "--nocapture"])
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("RUST_LOG")
        .env("TERM", "xterm")
        .env(PROGRAM, "1")
        .env("RADIOSONDE_DIR", directory.path())
        .env("RADIOSONDE_STDERR", "pretty")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(terminal)
        .spawn()
        .unwrap();
    let mut bytes = Vec::new();
    // The end is an error, here: nobody has the other side any more.
    let end = File::from(person).read_to_end(&mut bytes).unwrap_err();
    assert_eq!(end.raw_os_error(), Some(libc::EIO));
    assert!(child.wait().unwrap().success());
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

/// The lines without what differs from run to run: times and traces.
fn same(text: &str) -> String {
    let mut same = String::new();
    for line in text.lines() {
        let chars: Vec<char> = line.chars().collect();
        let is_first = chars.get(13) == Some(&'Z');
        let rest: String = chars[if is_first { 14 } else { 0 }..].iter().collect();
        if is_first {
            same.push(chars[0]);
            same.push_str("hh:mm:ss.mmmZ");
        }
        match rest.split_once("trace=") {
            Some((before, after)) => {
                same.push_str(&format!("{before}trace=12345678{}", &after[8..]));
            }
            None => same.push_str(&rest),
        }
        same.push('\n');
    }
    same
}

#[test]
fn a_person_sees_what_the_program_does() {
    if std::env::var_os(PROGRAM).is_some() {
        return program();
    }
    let _watchdog = common::Watchdog::start("a program on a terminal");
    let plain = seen(100, &[("NO_COLOR", "1")]);
    let expected = "\
\u{20}hh:mm:ss.mmmZ INFO  http.request > load_order: loaded  items=3  cached=true  job=job-123
               trace=12345678  worker=w-3  (console)
\u{20}hh:mm:ss.mmmZ INFO  order.paid  http.request > load_order: paid  order=17  token=[redacted]
               job=job-123  trace=12345678  worker=w-3  (console)
▌hh:mm:ss.mmmZ ERROR http.request: gave up  attempts=3  job=job-123  trace=12345678  worker=w-3
▌              (console)
▌              error: charging card: connection refused
\u{20}hh:mm:ss.mmmZ WARN  http.request > below: from log  job=job-123  trace=12345678  worker=w-3
               (console)
                 second line \\u{1b}[2J
█hh:mm:ss.mmmZ CRIT  bye  the end  job=job-123  worker=w-3  (console)
";
    assert_eq!(same(&plain), expected, "{plain}");
    let colored = seen(100, &[]);
    assert!(colored.contains("\x1b[2mhttp.request > load_order:\x1b[0m loaded  "), "{colored}");
    assert!(!colored.contains("\x1b[2J"), "{colored}");
    // COLUMNS goes before the window.
    let narrow = seen(100, &[("NO_COLOR", "1"), ("COLUMNS", "60")]);
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    assert!(narrow.contains("\n    job=job-123"), "{narrow}");
    // A terminal that shows lines for programs is not acted on by them either.
    let json = seen(100, &[("RADIOSONDE_STDERR", "json")]);
    assert_eq!(json.lines().count(), 5, "{json}");
    assert!(json.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}
