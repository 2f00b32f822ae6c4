//! Terminals that stand still, and pipes that nobody reads.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use radiosonde_events::{ConsoleFormat, Portion};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pipe::PipeFlags;
use rustix::pty::OpenptFlags;

use super::skipped::Voice;
use super::{BUFFER_MAX, ConsoleWriter, Output, screen};

const FILE: &str = "events-2026-11-21.jsonl";
const LIMIT: Duration = Duration::from_secs(20);

impl Output for File {
    fn wait(&self) {
        screen::wait_for_room(self);
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(self, bytes)
    }
}

fn writer(output: OwnedFd, format: ConsoleFormat) -> ConsoleWriter {
    let voice = Voice { format, service: "shop".to_owned() };
    ConsoleWriter::start_on(voice, File::from(output)).unwrap()
}

const PRETTY: ConsoleFormat = ConsoleFormat::Pretty { color: false };

/// Batches of ten events, the first of which is an error, until so many were refused; how many were
/// taken.
fn fill(writer: &ConsoleWriter, refused: u64) -> u64 {
    let mut taken = 0;
    let mut left = refused;
    while left > 0 {
        let lines: String = (0..10).map(|at| format!("event {}{:>90}\n", taken + at, "")).collect();
        let portion = Portion { text: lines.as_bytes(), events: 10, errors: 1, file: Some(FILE) };
        if writer.write(&portion) {
            taken += 10;
        } else {
            left -= 10;
        }
    }
    taken
}

/// Reads lines until there is one like that.
fn read_until(from: &mut File, is_last: impl Fn(&str) -> bool) -> Vec<String> {
    let deadline = Instant::now() + LIMIT;
    let mut seen = Vec::new();
    loop {
        let whole = seen.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = String::from_utf8_lossy(&seen[..whole]).replace('\r', "");
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.iter().any(|line| is_last(line)) {
            return lines;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs().try_into().unwrap(), tv_nsec: 1 };
        let ready = poll(&mut [PollFd::new(&from.as_fd(), PollFlags::IN)], Some(&left)).unwrap();
        assert!(ready > 0, "nothing came; seen so far: {lines:?}");
        let mut room = [0; 1 << 16];
        let length = from.read(&mut room).unwrap();
        assert!(length > 0, "the end; seen so far: {lines:?}");
        seen.extend_from_slice(&room[..length]);
    }
}

/// What was taken came whole and in order, and the rest is told once, behind it.
fn check_told(lines: &[String], taken: u64, told: &str) {
    let events: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    let expected: Vec<String> = (0..taken).map(|at| format!("event {at}")).collect();
    let (last, events) = events.split_last().unwrap();
    assert_eq!(*last, told);
    assert_eq!(events, expected);
}

#[test]
fn a_pipe_that_nobody_reads_holds_nothing_up_and_the_lines_are_counted() {
    for flags in [PipeFlags::empty(), PipeFlags::NONBLOCK] {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | flags).unwrap();
        let writer = writer(write, PRETTY);
        let taken = fill(&writer, 1_200);
        assert!(taken * 100 > BUFFER_MAX as u64 / 2, "{taken}");
        assert_eq!(writer.dropped(), 1_200);
        // Not for ever, and the lines still wait.
        writer.flush(Duration::from_millis(1));
        let told = " … 1,200 lines not shown (120 of them of level error or worse), they are in \
                    events-2026-11-21.jsonl";
        let lines = read_until(&mut File::from(read), |line| line == told);
        check_told(&lines, taken, told);
        writer.flush(LIMIT);
        assert_eq!(writer.dropped(), 1_200, "and it is told once");
    }
}

#[test]
fn programs_are_told_in_json() {
    let (read, write) = rustix::pipe::pipe().unwrap();
    let writer = writer(write, ConsoleFormat::Json);
    fill(&writer, 10);
    let lines = read_until(&mut File::from(read), |line| line.contains("not shown"));
    let told: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(told["evt"], "telemetry.console_skipped");
    assert_eq!(told["meta"]["lines"], 10);
    assert_eq!(told["meta"]["files"], serde_json::json!([FILE]));
    assert!(told["ts"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{told}");
}

/// A terminal: the side of the person, and that of the program.
fn terminal() -> (File, OwnedFd) {
    let person = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&person).unwrap();
    rustix::pty::unlockpt(&person).unwrap();
    let name = rustix::pty::ptsname(&person, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let program = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
    (File::from(person), program)
}

#[test]
fn a_terminal_stopped_by_ctrl_s_holds_nothing_up_and_goes_on_with_the_count() {
    let (mut person, program) = terminal();
    let other = program.try_clone().unwrap();
    let writer = writer(program, PRETTY);
    person.write_all(b"\x13").unwrap();
    // The terminal has read the key once it takes nothing more.
    let deadline = Instant::now() + LIMIT;
    let takes = || {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&other.as_fd(), PollFlags::OUT)], Some(&now)).unwrap() > 0
    };
    while takes() {
        assert!(Instant::now() < deadline, "the terminal does not stop");
        std::thread::yield_now();
    }
    let taken = fill(&writer, 1_200);
    assert_eq!(writer.dropped(), 1_200);
    writer.flush(Duration::from_millis(1));
    person.write_all(b"\x11").unwrap();
    let told = " … 1,200 lines not shown (120 of them of level error or worse), they are in \
                events-2026-11-21.jsonl";
    let lines = read_until(&mut person, |line| line == told);
    check_told(&lines, taken, told);
    writer.flush(LIMIT);
    // What comes now is shown as if nothing had been.
    let portion = Portion { text: b"and on\n", events: 1, errors: 0, file: Some(FILE) };
    assert!(writer.write(&portion));
    assert_eq!(read_until(&mut person, |line| line == "and on"), ["and on"]);
}

#[test]
fn a_reader_that_has_gone_costs_the_lines_and_no_more() {
    let (read, write) = rustix::pipe::pipe().unwrap();
    drop(read);
    let writer = writer(write, PRETTY);
    let portion = Portion { text: b"one\ntwo\n", events: 2, errors: 0, file: None };
    assert!(writer.write(&portion));
    writer.flush(LIMIT);
    assert_eq!(writer.dropped(), 2);
    assert!(writer.write(&portion));
    writer.flush(LIMIT);
    assert_eq!(writer.dropped(), 4);
}

#[test]
fn a_window_tells_its_width_and_what_is_none_tells_nothing() {
    let (person, program) = terminal();
    let mut size = rustix::termios::tcgetwinsize(&program).unwrap();
    size.ws_col = 132;
    rustix::termios::tcsetwinsize(&person, size).unwrap();
    assert_eq!(screen::of_window(&program), Some(132));
    let (read, _write) = rustix::pipe::pipe().unwrap();
    assert_eq!(screen::of_window(&read), None);
    assert_eq!(screen::columns(Some(77))(), 77);
}

#[test]
fn a_window_is_looked_at_again_when_a_second_has_passed() {
    let began = Instant::now();
    let mut window = screen::Window::default();
    for (after_ms, is, seen) in [
        (0, Some(80), 80),
        (999, Some(60), 80),
        (1_000, Some(60), 60),
        (1_001, Some(80), 60),
        (2_000, None, 100),
    ] {
        let now = began + Duration::from_millis(after_ms);
        assert_eq!(window.columns(now, || is), seen, "after {after_ms} ms");
    }
}
