//! The processes of a cell: started, killed, waited for, and what each of them had handed over.

use super::arrivals::PROCESS;
use super::case::{End, Pace, Signal, Transport};
use super::emitter::{CALLS, POINTS, Plan};
use crate::harness::{Round, Size, child};
use radiosonde::__private::AckCounter;
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A process that has not done what it is to do by then hangs.
pub(super) const WITHIN: Duration = Duration::from_secs(120);
/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// Between two snapshots of the metrics, for both sides: the default is a minute, longer than a run.
const METRICS_EVERY_MS: &str = "1000";

/// Starts processes that send to one receiver, one after the other.
pub(super) struct Processes<'a> {
    round: &'a Round,
    transport: Transport,
    signal: Signal,
    endpoint: String,
    environment: Vec<(&'static str, String)>,
    /// What each process was to begin with, and where it counts.
    started: Vec<(u64, PathBuf)>,
}

/// One process. It dies with the watcher's interest.
pub(super) struct Running(Child);

impl<'a> Processes<'a> {
    pub(super) fn new(
        round: &'a Round,
        (signal, transport): (Signal, Transport),
        endpoint: String,
    ) -> Self {
        Processes {
            round,
            transport,
            signal,
            endpoint,
            environment: Vec::new(),
            started: Vec::new(),
        }
    }

    /// A variable for all processes from now on.
    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        self.environment.push((name, value.to_owned()));
    }

    /// Starts the next one, for so many events behind those of the ones before.
    pub(super) fn start(
        &mut self,
        events: u64,
        pace: Pace,
        end: End,
        times: Option<PathBuf>,
    ) -> Result<Running, String> {
        // One number is left out: its call may have been on its way when the process died.
        let first = self.ranges()?.last().map_or(0, |range| range.end + 1);
        let acknowledged = self.round.folder.join(format!("acknowledged-{}", self.started.len()));
        let plan = Plan {
            signal: self.signal,
            transport: self.transport,
            first,
            events,
            pace,
            end,
            acknowledged: acknowledged.clone(),
            dropped: self.dropped_path(),
            times,
        };
        let text = serde_json::to_string(&plan).map_err(|error| error.to_string())?;
        std::fs::write(Plan::path(&self.round.folder), text)
            .map_err(|error| format!("cannot write the plan: {error}"))?;
        let names = [0, 1, 2].map(|at| self.round.names[at].as_str());
        let arguments = child::arguments(names, Size::Bursts(1), &self.round.folder);
        let mut command = child::command(&arguments)?;
        let protocol = match self.transport {
            Transport::Grpc => "grpc",
            Transport::Http => "http/protobuf",
        };
        if self.signal == Signal::Metrics && events > 0 {
            // Who only sends what others left has points of its own, that nobody waits for.
            let process = format!("{PROCESS}={}", self.started.len());
            command.env("OTEL_RESOURCE_ATTRIBUTES", process);
        }
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_METRIC_EXPORT_INTERVAL", METRICS_EVERY_MS)
            .env("OTEL_SERVICE_NAME", "benches")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let process = command.spawn().map_err(|error| format!("cannot start: {error}"))?;
        self.started.push((first, acknowledged));
        Ok(Running(process))
    }

    /// The numbers whose call had returned, of all processes so far.
    pub(super) fn ranges(&self) -> Result<Vec<Range<u64>>, String> {
        let range = |(first, path): &(u64, PathBuf)| {
            let count = if path.exists() { read(path)?[CALLS] } else { 0 };
            Ok(*first..*first + count)
        };
        self.started.iter().map(range).collect()
    }

    /// The points of the snapshots that each process so far has taken.
    pub(super) fn points(&self) -> Result<Vec<u64>, String> {
        let points = |(_, path): &(u64, PathBuf)| match path.exists() {
            true => Ok(read(path)?[POINTS]),
            false => Ok(0),
        };
        self.started.iter().map(points).collect()
    }

    fn dropped_path(&self) -> PathBuf {
        self.round.folder.join("dropped")
    }

    /// What the last process that was shut down says it dropped; none where it did not get to that.
    pub(super) fn dropped(&self) -> Option<u64> {
        std::fs::read_to_string(self.dropped_path()).ok()?.parse().ok()
    }

    /// How many calls have returned.
    pub(super) fn emitted(&self) -> Result<u64, String> {
        Ok(self.ranges()?.iter().map(|range| range.end - range.start).sum())
    }

    /// Waits until the newest process has handed over its first event.
    pub(super) fn wait_for_the_first(&self, process: &mut Running) -> Result<(), String> {
        let (_, path) = self.started.last().ok_or("no process")?;
        let started = Instant::now();
        loop {
            if read(path).is_ok_and(|counts| counts[CALLS] > 0) {
                return Ok(());
            }
            if process.ended()?.is_some() {
                return process.wait().map(|_| ());
            }
            if started.elapsed() > WITHIN {
                return Err(format!("no first event within {WITHIN:?}"));
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u64>, String> {
    AckCounter::read_all(path).map_err(|error| format!("no acknowledgements: {error}"))
}

impl Running {
    /// SIGKILL, now.
    pub(super) fn kill(mut self) -> Result<(), String> {
        if let Some(status) = self.ended()? {
            return Err(format!("ended before it was killed: {status}: {}", self.said()));
        }
        self.0.kill().map_err(|error| format!("cannot kill: {error}"))?;
        self.0.wait().map(|_| ()).map_err(|error| error.to_string())
    }

    /// Tells it to end, if it waits for that.
    pub(super) fn tell(&mut self) {
        self.0.stdin.take();
    }

    /// Waits for its end, which must be one in order.
    pub(super) fn wait(&mut self) -> Result<(), String> {
        let started = Instant::now();
        loop {
            match self.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("ended with {status}: {}", self.said())),
                None if started.elapsed() > WITHIN => {
                    return Err(format!("no end within {WITHIN:?}"));
                }
                None => std::thread::sleep(LOOK),
            }
        }
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, String> {
        self.0.try_wait().map_err(|error| error.to_string())
    }

    /// What stands on its stderr, once it has ended.
    fn said(&mut self) -> String {
        use std::io::Read as _;
        let mut text = String::new();
        if let Some(mut stderr) = self.0.stderr.take() {
            // What is no text is of no use here.
            let _ = stderr.read_to_string(&mut text);
        }
        text.trim().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended by itself otherwise.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
