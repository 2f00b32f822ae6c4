//! Programs of a test: copies of this one, with an environment of their own.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use radiosonde::{Config, Guard, Profile, Service};
use serde_json::Value;

use crate::books;
use crate::process::{fork, wait_for};

/// Longer than anything here takes, on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The directory of a program, for its telemetry and for what it says.
const DIRECTORY: &str = "OTLP_TEST_DIRECTORY";
/// What it does.
const PLAN: &str = "OTLP_TEST_PLAN";

/// What a program does.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Plan {
    pub(crate) service: String,
    /// Of its report, and of what it accepted.
    pub(crate) name: String,
    /// Numbers of its events: from, and how many.
    pub(crate) from: u64,
    pub(crate) events: u64,
    /// Whether it records spans and metrics as well.
    pub(crate) everything: bool,
    /// Bytes of a field that only makes events larger.
    pub(crate) padding: usize,
    pub(crate) cli: bool,
    /// Milliseconds for a flush up to the receiver, before the end.
    pub(crate) flush_ms: u64,
    pub(crate) end: End,
    /// The endpoint in its code.
    pub(crate) endpoint: Option<String>,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum End {
    /// Without dropping its guard.
    Exit,
    /// It forks, and the child says something of its own.
    Fork,
    /// At the end of `main`.
    Return,
    /// By `shutdown`, with so many milliseconds.
    Shutdown(u64),
    /// It records until it is killed.
    Work,
    /// It waits to be killed.
    Wait,
}

impl Plan {
    pub(crate) fn new(events: u64, end: End) -> Self {
        Self {
            service: "shop".to_owned(),
            name: "program".to_owned(),
            from: 0,
            events,
            everything: false,
            padding: 0,
            cli: false,
            flush_ms: 0,
            end,
            endpoint: None,
        }
    }
}

/// A program that was started. Killed when it is dropped.
pub(crate) struct Program {
    process: Child,
    directory: PathBuf,
    name: String,
}

impl Program {
    pub(crate) fn start(directory: &Path, plan: &Plan, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "--nocapture",
            "--test-threads=1",
            "program::a_program_of_a_test",
        ]);
        // What the machine has set is not what is tested.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")) {
            command.env_remove(name);
        }
        command.env("NO_PROXY", "127.0.0.1").env("RADIOSONDE_STDERR", "off");
        command.env(DIRECTORY, directory).env(PLAN, serde_json::to_string(plan).unwrap());
        command.envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let process = command.spawn().unwrap();
        Self { process, directory: directory.to_owned(), name: plan.name.clone() }
    }

    /// Runs it to its own end, which must be a good one.
    pub(crate) fn run(directory: &Path, plan: &Plan, variables: &[(&str, &str)]) -> Self {
        let mut program = Self::start(directory, plan, variables);
        program.join();
        program
    }

    pub(crate) fn join(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "a program does not end");
            std::thread::sleep(Duration::from_millis(2));
        };
        assert!(status.success(), "{status}");
        self.look_at_what_is_left();
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until it says so.
    pub(crate) fn hear(&self, what: &str) -> String {
        let path = said(&self.directory, &self.name, what);
        let deadline = Instant::now() + PATIENCE;
        while !path.exists() {
            assert!(Instant::now() < deadline, "{what}: never said");
            std::thread::sleep(Duration::from_millis(2));
        }
        std::fs::read_to_string(path).unwrap()
    }

    /// Its report after the shutdown.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.hear("report")).unwrap()
    }

    /// Looks that what it left is what its last report says.
    fn look_at_what_is_left(&self) {
        let path = said(&self.directory, &self.name, "report");
        let Ok(report) = std::fs::read_to_string(path) else { return };
        let report: Value = serde_json::from_str(&report).unwrap();
        if !report["otlp"].is_null() {
            books::are_left(&report, &telemetry(&self.directory));
        }
    }

    /// How many events it had recorded, at least, of which it knew.
    pub(crate) fn accepted(&self) -> u64 {
        let path = said(&self.directory, &self.name, "accepted");
        let mut bytes = [0; 8];
        let file = std::fs::File::open(path);
        file.map_or(0, |file| {
            file.read_exact_at(&mut bytes, 0).map_or(0, |()| u64::from_le_bytes(bytes))
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where telemetry of a test's programs is.
pub(crate) fn telemetry(directory: &Path) -> PathBuf {
    directory.join("telemetry")
}

fn said(directory: &Path, name: &str, what: &str) -> PathBuf {
    directory.join(format!("{name}.{what}"))
}

/// The program itself; nothing when it is run as a test.
#[test]
fn a_program_of_a_test() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let plan: Plan = serde_json::from_str(&std::env::var(PLAN).unwrap()).unwrap();
    let service: &'static str = plan.service.clone().leak();
    let mut config = Config::new(Service::new(service, "1.0.0"))
        .dir(telemetry(&directory))
        .prometheus("127.0.0.1:0");
    if plan.cli {
        config = config.profile(Profile::Cli);
    }
    if let Some(endpoint) = &plan.endpoint {
        config = config.otlp(endpoint);
    }
    let guard = config.init();
    let say = |what: &str, text: &str| {
        let draft = said(&directory, &plan.name, "draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, said(&directory, &plan.name, what)).unwrap();
    };
    let accepted = std::fs::File::create(said(&directory, &plan.name, "accepted")).unwrap();
    let count = |number: u64| accepted.write_all_at(&number.to_le_bytes(), 0).unwrap();
    let mut numbers = 0..plan.events;
    if plan.end == End::Work {
        numbers = 0..u64::MAX;
        say("ready", "");
    }
    for number in numbers {
        record(&plan, number);
        count(number + 1);
        if plan.end == End::Work {
            std::thread::sleep(Duration::from_micros(200));
        }
        if plan.padding > 0 && number.is_multiple_of(4) {
            // No ring is to be full.
            let _report = guard.flush(PATIENCE);
        }
    }
    if plan.flush_ms > 0 {
        let report = guard.flush_otlp(Duration::from_millis(plan.flush_ms));
        books::add_up(&serde_json::from_str(&report.to_json()).unwrap());
        books::agree(&guard, &telemetry(&directory));
    }
    finish(&plan, guard, &say);
}

fn record(plan: &Plan, number: u64) {
    let number = plan.from + number;
    if plan.everything && number.is_multiple_of(10) {
        let span = tracing::info_span!("order", number);
        let _entered = span.enter();
        radiosonde::event!("order.placed", number, "an order");
        metrics::counter!("orders_total", "outcome" => "placed").increment(1);
    } else if plan.padding > 0 {
        radiosonde::event!("order.placed", number, padding = "x".repeat(plan.padding), "an order");
    } else {
        radiosonde::event!("order.placed", number, "an order");
    }
}

fn finish(plan: &Plan, guard: Guard, say: &dyn Fn(&str, &str)) {
    match plan.end {
        End::Exit => std::process::exit(0),
        End::Fork => {
            fork_and_record();
            say("report", &guard.shutdown(Duration::from_secs(2)).to_json());
        }
        End::Return => drop(guard),
        End::Shutdown(millis) => {
            let began = Instant::now();
            let report = guard.shutdown(Duration::from_millis(millis));
            let took = began.elapsed();
            let mut report: Value = serde_json::from_str(&report.to_json()).unwrap();
            books::add_up(&report);
            report["shutdown_ms"] = u64::try_from(took.as_millis()).unwrap().into();
            say("report", &report.to_string());
        }
        End::Wait | End::Work => {
            say("report", &guard.report().to_json());
            say("ready", "");
            let _ = std::io::stdin().read(&mut [0]);
        }
    }
    let _ = std::io::stdout().flush();
}

/// The child of a fork records nothing, sends nothing, and waits for nothing.
fn fork_and_record() {
    let child = fork(|| radiosonde::event!("order.placed", number = 999_999, "of the child"));
    assert!(wait_for(child), "it failed");
}
