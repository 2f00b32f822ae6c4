//! `tail`, `logs --follow` and `events --follow`, until they are ended.

mod paced;
#[path = "../../../../radiosonde-events/tests/processes/mod.rs"]
mod processes;
mod proof;

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::{Dir, Ran, command, event, lines, run};

const FILE: &str = "events-2025-10-06.jsonl";

/// The command, while it runs.
struct Following {
    child: Child,
    out: Output,
    err: Receiver<String>,
    told: String,
}

/// What it prints.
enum Output {
    Read { lines: Receiver<String>, read: Vec<String> },
    Unread(ChildStdout),
    Closed,
}

impl Following {
    fn start(args: &str, dir: &Path) -> Self {
        Self::start_unread(args, dir).reading()
    }

    /// With nobody who reads what it prints.
    fn start_unread(args: &str, dir: &Path) -> Self {
        let mut split: Vec<&str> = args.split(' ').collect();
        split.extend(["--dir", dir.to_str().unwrap()]);
        let mut command = command(&split);
        Self::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn of(mut child: Child) -> Self {
        let out = Output::Unread(child.stdout.take().unwrap());
        let err = read_lines(child.stderr.take().unwrap());
        Self { child, out, err, told: String::new() }
    }

    fn reading(mut self) -> Self {
        let Output::Unread(out) = std::mem::replace(&mut self.out, Output::Closed) else {
            panic!("it is read")
        };
        self.out = Output::Read { lines: read_lines(out), read: Vec::new() };
        self
    }

    /// Waits until it has said so.
    fn tells(&mut self, text: &str) {
        while !self.told.contains(text) {
            let line = self.err.recv_timeout(PATIENCE);
            self.told += &line.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.told));
            self.told.push('\n');
        }
    }

    /// Waits until it has printed so many lines in all.
    fn prints(&mut self, count: usize) -> &[String] {
        let Output::Read { lines, read } = &mut self.out else { panic!("it is not read") };
        while read.len() < count {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => read.push(line),
                Err(_) => panic!("{} of {count} lines; {:?}", read.len(), read.last()),
            }
        }
        read
    }

    /// Interrupts it as Ctrl-C does.
    fn interrupt(self) -> Ran {
        self.signal(Signal::INT);
        self.end()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    fn end(mut self) -> Ran {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(5));
        };
        self.told.extend(self.err.iter().map(|line| line + "\n"));
        let out = match &mut self.out {
            Output::Read { lines, read } => {
                read.extend(lines.iter());
                read.iter().map(|line| format!("{line}\n")).collect()
            }
            Output::Unread(_) | Output::Closed => String::new(),
        };
        Ran { status, out, err: std::mem::take(&mut self.told) }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    let _ = thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn numbered(number: u32) -> String {
    let msg = format!("line {number}");
    lines(&[event(number, &format!("{number:02}.000000"), "info", "log", &msg, &[], "{}")])
}

#[test]
fn it_begins_with_the_newest_lines_and_goes_on_until_it_is_interrupted() {
    for (args, first) in [("tail --tail 2", 2), ("logs -f", 3), ("logs -f --since 2025-10-06", 3)] {
        let dir = Dir::empty();
        (1..4).for_each(|number| append(&dir.path().join(FILE), &numbered(number)));
        let mut following = Following::start(args, dir.path());
        // A day comes before the lines.
        let shown = following.prints(first + 1).to_vec();
        assert!(shown[0].contains("2025-10-06") && shown[first].ends_with("line 3"), "{shown:?}");
        append(&dir.path().join(FILE), &numbered(4));
        assert!(following.prints(first + 2)[first + 1].ends_with("line 4"));
        let ran = following.interrupt().exits(0);
        assert_eq!(ran.out.lines().count(), first + 2, "{args}");
        assert_eq!(ran.err, "", "{args}");
    }
}

#[test]
fn events_are_followed_without_log_lines_and_only_those_that_fit() {
    let dir = Dir::story();
    let mut following = Following::start("events -f --tail 0 --level error --json", dir.path());
    // Until it has begun, which nothing says, an event comes again under another number.
    let mut number = 100;
    let add = |number: &mut u32| {
        for (evt, level) in [("log", "error"), ("a.failed", "error"), ("a.done", "info")] {
            *number += 1;
            append(
                &dir.path().join(FILE),
                &lines(&[event(*number, "59.000000", level, evt, "m", &[], "{}")]),
            );
        }
    };
    let deadline = Instant::now() + PATIENCE;
    let shown = loop {
        add(&mut number);
        let Output::Read { lines, .. } = &following.out else { unreachable!() };
        if let Ok(line) = lines.recv_timeout(Duration::from_millis(200)) {
            break line;
        }
        assert!(Instant::now() < deadline, "nothing comes");
    };
    assert!(shown.contains("a.failed"), "{shown}");
    let ran = following.interrupt().exits(0);
    assert!(ran.out.lines().all(|line| line.contains("a.failed")), "{}", ran.out);
    following = Following::start("tail --tail 5 --evt nothing.such", dir.path());
    kill_when_begun(&following, FILE);
    let ran = following.end().omits(&["{"]);
    // It may have gone through what is there by now.
    assert!([1, 130].contains(&ran.status), "{}", ran.status);
}

/// Interrupts once it has opened a file, so that it has its handlers.
fn kill_when_begun(following: &Following, file: &str) {
    let pid = Pid::from_child(&following.child);
    let fds = format!("/proc/{}/fd", pid.as_raw_nonzero());
    let deadline = Instant::now() + PATIENCE;
    let is_open = || {
        let entries = fs::read_dir(&fds).into_iter().flatten().flatten();
        entries.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|to| to.ends_with(file))
    };
    while cfg!(target_os = "linux") && !is_open() {
        assert!(Instant::now() < deadline, "it does not begin");
        thread::sleep(Duration::from_millis(5));
    }
    kill_process(pid, Signal::INT).unwrap();
}

#[test]
fn what_was_missed_is_said_at_once_and_at_the_end() {
    let dir = Dir::empty();
    let file = dir.path().join(FILE);
    append(&file, &(numbered(1) + &numbered(2)));
    let mut following = Following::start("tail --json", dir.path());
    let _ = following.prints(2);
    append(&file, "no line\n");
    following.tells(&format!("{FILE}: byte"));
    fs::write(&file, "").unwrap();
    following.tells("became shorter");
    append(&file, &numbered(3));
    assert!(following.prints(3)[2].contains("line 3"));
    following
        .interrupt()
        .exits(3)
        .tells(&["3 lines shown, and lines may be missing: 1 file", "1 stretch that is no line"]);
}

#[test]
fn a_directory_that_is_not_there_yet_is_waited_for() {
    let dir = Dir::empty();
    let root = dir.path().join("telemetry");
    let mut following = Following::start("logs -f -o json", &root);
    following.tells("is not there, waiting for it");
    fs::create_dir(&root).unwrap();
    append(&root.join(FILE), &numbered(1));
    assert!(following.prints(1)[0].contains("line 1"));
    let ran = following.interrupt().exits(0).tells(&["is there again"]);
    assert_eq!(ran.err.lines().count(), 2, "{}", ran.err);
    // The same of one that a variable names.
    let root = dir.path().join("later");
    let mut command = command(&["tail", "--json"]);
    let child = command.env("RADIOSONDE_DIR", &root).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut following = Following::of(child.spawn().unwrap()).reading();
    following.tells("is not there, waiting for it");
    following.interrupt().exits(1);
    // Without --follow it is a mistake.
    dir.run("logs --dir nowhere").exits(2);
}

#[test]
fn what_nothing_is_written_to_later_is_not_followed() {
    let dir = Dir::empty();
    dir.write("notes.jsonl", numbered(1));
    let file = dir.path().join("notes.jsonl");
    let file = file.to_str().unwrap();
    run(command(&["logs", "--dir", file])).exits(0);
    for dir in [file, "-"] {
        let refused = run(command(&["tail", "--dir", dir])).exits(2);
        let _ = refused.tells(&["cannot be followed", &format!("radiosonde logs -n 10 {dir}")]);
    }
    let refused = dir.run("trace -f").exits(2);
    let _ = refused.tells(&["radiosonde logs --follow"]);
}

#[test]
fn it_ends_when_nobody_reads_any_more_also_while_no_line_comes() {
    let dir = Dir::empty();
    append(&dir.path().join(FILE), &numbered(1));
    let mut following = Following::start_unread("tail --tail 0", dir.path());
    following.out = Output::Closed;
    following.end().exits(0);
}

#[test]
fn it_is_interrupted_also_while_it_shows_what_was_there() {
    let dir = Dir::empty();
    let all = 20_000;
    let text: String = (0..all).map(|number| numbered(number % 60)).collect();
    append(&dir.path().join(FILE), &text.replace("\"id\"", "\"no\""));
    let mut following = Following::start_unread("logs -f --since 2025-10-01 -o raw", dir.path());
    let Output::Unread(out) = &mut following.out else { unreachable!() };
    // It has begun, and goes on when somebody reads more than a pipe holds.
    out.read_exact(&mut [0]).unwrap();
    kill_process(Pid::from_child(&following.child), Signal::INT).unwrap();
    let ran = following.reading().end().exits(0);
    let shown = ran.out.lines().count();
    assert!(shown > 0 && shown < all as usize / 2, "{shown}");
}

#[cfg(target_os = "linux")]
#[test]
fn it_is_interrupted_also_while_it_finds_nothing_in_what_was_there() {
    // 3 GB of lines without anything in them, which takes a minute, optimized or not.
    let member = crate::formats::gzip(&"\n".repeat(16 << 20));
    for args in ["tail --evt nothing.such", "logs -f --since 1d"] {
        let dir = Dir::empty();
        let packed = format!("{FILE}.gz");
        dir.write(&packed, member.repeat(200));
        let following = Following::start(args, dir.path());
        kill_when_begun(&following, &packed);
        let began = Instant::now();
        // Of a shell: 128 and the number of the signal.
        following.end().exits(130);
        assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
    }
}

#[test]
fn it_ends_when_nothing_that_fits_can_come() {
    let dir = Dir::empty();
    append(&dir.path().join(FILE), &numbered(1));
    let soon = in_two_seconds();
    let following = Following::start(&format!("tail --until {soon} --json"), dir.path());
    let ran = following.end().exits(0);
    assert_eq!(ran.out.lines().count(), 1);
}

fn in_two_seconds() -> String {
    let soon = std::time::SystemTime::now() + Duration::from_secs(2);
    jiff::Timestamp::try_from(soon).unwrap().to_string()
}

#[test]
fn what_is_written_before_it_is_interrupted_comes() {
    let dir = Dir::empty();
    append(&dir.path().join(FILE), &numbered(1));
    let mut following = Following::start("tail -o raw", dir.path());
    let _ = following.prints(1);
    // It has no time for another look before.
    following.signal(Signal::STOP);
    append(&dir.path().join(FILE), &numbered(2));
    following.signal(Signal::INT);
    following.signal(Signal::CONT);
    let ran = following.end().exits(0);
    assert!(ran.out.contains("line 2"), "{}", ran.out);
}

#[test]
fn why_nothing_comes_and_why_it_follows_is_said() {
    let dir = Dir::empty();
    let mut following = Following::start("tail --since 2999-01-01", dir.path());
    following.tells("holds no telemetry yet, waiting for it");
    following.tells("--since is in the future");
    // Nothing came, and it may have looked at what is there by now.
    let status = following.interrupt().status;
    assert!([1, 130].contains(&status), "{status}");
    append(&dir.path().join(FILE), &numbered(1));
    for (value, status) in [("maybe", 2), ("no", 0), ("", 0)] {
        let mut command = command(&["logs", "-n", "1"]);
        let _ = command.env("RADIOSONDE_CLI_FOLLOW", value).env("RADIOSONDE_DIR", dir.path());
        let _ = run(command).exits(status);
    }
    let mut command = command(&["logs"]);
    let command = command.env("RADIOSONDE_CLI_FOLLOW", "yes").env("RADIOSONDE_DIR", dir.path());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut following = Following::of(child).reading();
    following.tells("following, by RADIOSONDE_CLI_FOLLOW=yes");
    let _ = following.prints(2);
    following.interrupt().exits(0);
}

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

#[cfg(target_os = "linux")]
#[test]
fn more_directories_are_followed_than_there_are_descriptors_for() {
    let dir = Dir::empty();
    let name = |number: u32| format!("m{}/events-2025-10-06.{}.jsonl", number % 6, number + 1);
    let line = |seq: u32| {
        let at = format!("{:02}.{seq:06}", seq % 60);
        lines(&[event(seq, &at, "info", "log", &format!("said {seq}"), &[], "{}")])
    };
    (0..6).for_each(|number| fs::create_dir(dir.path().join(format!("m{number}"))).unwrap());
    (0..60).for_each(|number| dir.write(&name(number), line(number)));
    let all = dir.path().join("m*");
    let mut command = crate::fixture::few_descriptors("tail --tail 60 -o raw", &all);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut following = Following::of(child).reading();
    let _ = following.prints(60);
    for round in 1..3 {
        for number in 0..60 {
            append(&dir.path().join(name(number)), &line(60 * round + number));
        }
        let mut given = following.prints(60 + 60 * round as usize).to_vec();
        given.sort();
        given.dedup();
        assert_eq!(given.len(), 60 + 60 * round as usize);
    }
    let ran = following.interrupt().exits(0);
    assert_eq!(ran.err, "");
}

#[cfg(target_os = "linux")]
#[test]
fn more_files_are_followed_than_there_are_descriptors() {
    let dir = Dir::empty();
    let name = |slot: u32| format!("events-2025-10-06.{slot}.jsonl");
    let line = |seq: u32| {
        let at = format!("{:02}.{seq:06}", seq % 60);
        lines(&[event(seq, &at, "info", "log", &format!("said {seq}"), &[], "{}")])
    };
    for slot in 1..=60 {
        dir.write(&name(slot), line(slot));
    }
    let mut command = crate::fixture::few_descriptors("tail --tail 60 -o raw", dir.path());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut following = Following::of(child).reading();
    let _ = following.prints(60);
    for slot in 1..=60 {
        let path = dir.path().join(name(slot));
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(line(60 + slot).as_bytes()).unwrap();
    }
    for slot in 61..=80 {
        dir.write(&name(slot), line(60 + slot));
    }
    let mut given = following.prints(140).to_vec();
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 140);
    // Sealed at once, with a line each that nobody has read, when most are closed.
    for slot in 1..=60 {
        let path = dir.path().join(name(slot));
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(line(140 + slot).as_bytes()).unwrap();
        let sealed = dir.path().join(name(slot) + ".zst");
        let options = radiosonde_store::sealed::SealOptions::default();
        let _ = radiosonde_store::sealed::seal(&path, &sealed, &options, &mut || true).unwrap();
        fs::remove_file(path).unwrap();
    }
    let mut given = following.prints(200).to_vec();
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 200);
    let ran = following.interrupt();
    assert!(!ran.err.contains("open files"), "{}", ran.err);
}
