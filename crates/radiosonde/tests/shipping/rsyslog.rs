//! rsyslog as a process of the test: the example configuration, with the test's own paths and port.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::process::{dies_with_this_thread, signal, wait_until};

const EXAMPLE: &str = include_str!("../../../../docs/shipping/rsyslog.conf");

/// A message as the server behind rsyslog gets it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Message {
    pub(crate) priority: u8,
    pub(crate) ts: String,
    pub(crate) service: String,
    /// The line of the day file.
    pub(crate) line: String,
}

impl Message {
    /// Reads `<priority>1 ts host service - - - line`.
    fn parse(text: &str) -> Self {
        let parsed = || {
            let (priority, rest) = text.strip_prefix('<')?.split_once(">1 ")?;
            let mut rest = rest.splitn(7, ' ');
            let (ts, _host, service) = (rest.next()?, rest.next()?, rest.next()?);
            let line = rest.nth(3)?;
            Some(Self {
                priority: priority.parse().ok()?,
                ts: ts.to_owned(),
                service: service.to_owned(),
                line: line.to_owned(),
            })
        };
        parsed().unwrap_or_else(|| panic!("no message of the template: {text}"))
    }
}

/// rsyslog that follows a directory, and the server it sends to. Killed when dropped.
pub(crate) struct Follower {
    process: Child,
    received: Arc<Mutex<Vec<Message>>>,
    home: tempfile::TempDir,
}

impl Follower {
    /// Follows `directory`. `None`, said on stderr, where there is no rsyslog and none is required.
    pub(crate) fn start(directory: &Path) -> Option<Self> {
        let installed = find()?;
        let home = tempfile::tempdir().unwrap();
        // A copy: where AppArmor knows the installed one, it may read the system's logs only.
        let program = home.path().join("rsyslogd");
        std::fs::copy(installed, &program).unwrap();
        let (port, received) = serve();
        let config = home.path().join("rsyslog.conf");
        std::fs::write(&config, adapted(directory, home.path(), port)).unwrap();
        let mut command = Command::new(program);
        command.args(["-n", "-f"]).arg(&config).arg("-i").arg(home.path().join("pid"));
        let process = dies_with_this_thread(command.stdin(Stdio::null())).spawn().unwrap();
        Some(Self { process, received, home })
    }

    /// What has arrived until now.
    pub(crate) fn received(&self) -> Vec<Message> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// Waits until at least so many lines have arrived.
    pub(crate) fn wait_for(&self, lines: usize) {
        wait_until(&format!("{lines} lines have arrived"), || self.count() >= lines);
    }

    /// From here on it does not run, as on a machine that is busy with other things.
    pub(crate) fn pause(&self) {
        signal(self.process.id() as i32, libc::SIGSTOP);
    }

    pub(crate) fn resume(&self) {
        signal(self.process.id() as i32, libc::SIGCONT);
    }

    /// Ends it in order: it sends what it has read. What has arrived altogether.
    pub(crate) fn finish(mut self) -> Vec<Message> {
        signal(self.process.id() as i32, libc::SIGTERM);
        let process = &mut self.process;
        wait_until("rsyslog ends", || process.try_wait().unwrap().is_some());
        let _home = &self.home;
        self.received()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The example, with everything of this test in the place of what a user would change.
fn adapted(directory: &Path, home: &Path, port: u16) -> String {
    let mut config = EXAMPLE.to_owned();
    for (theirs, ours) in [
        ("\"/var/spool/rsyslog\"", format!("\"{}\"", home.display())),
        ("\"/var/lib/shop/telemetry/", format!("\"{}/", directory.display())),
        ("port=\"5140\"", format!("port=\"{port}\"")),
    ] {
        assert!(config.contains(theirs), "the example no longer says {theirs}");
        config = config.replace(theirs, &ours);
    }
    config
}

/// A syslog server on the loopback: lines, each a message.
fn serve() -> (u16, Arc<Mutex<Vec<Message>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&received);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            for line in BufReader::new(connection.unwrap()).lines() {
                shared.lock().unwrap().push(Message::parse(&line.unwrap()));
            }
        }
    });
    (port, received)
}

/// The program, by `RSYSLOGD` or on the path.
fn find() -> Option<PathBuf> {
    let without = std::env::var("XTASK_WITHOUT").unwrap_or_default();
    if without.split(',').any(|part| part.trim() == "rsyslogd") {
        eprintln!("not run: XTASK_WITHOUT names rsyslogd");
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Not on everybody's path.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let named = std::env::var_os("RSYSLOGD").map(PathBuf::from);
    let mut places = named.into_iter().chain(folders.map(|folder| folder.join("rsyslogd")));
    let found = places.find(|place| place.is_file());
    if found.is_none() {
        let required = std::env::var("XTASK_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
        assert!(!required, "no rsyslogd: install the package `rsyslog`, or set RSYSLOGD");
        eprintln!("not run: no rsyslogd on the path and none in RSYSLOGD");
    }
    found
}
