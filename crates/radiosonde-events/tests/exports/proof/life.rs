//! One process: it recovers what is there, records with two threads, and is killed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use radiosonde_events::recover::{Host, RecoveryReport, recover_slot};
use radiosonde_events::{DaySink, Filing, Live, Owner, Redactions};
use radiosonde_record::{
    AckCounter, Descriptor, Drain, Filter, Journal, Kind, Lease, Level, Notice, Placement, Sink,
    Slot, SpanPart, Unsynced, Value, patiently,
};
use radiosonde_redact::Rules;

use super::end::{End, Point};
use crate::queue::{describe, sink};

/// Threads that record.
pub(crate) const THREADS: usize = 2;
const ROOT: &str = "RADIOSONDE_TEST_EXPORTS_ROOT";
const LIFE: &str = "RADIOSONDE_TEST_EXPORTS_LIFE";
const END: &str = "RADIOSONDE_TEST_EXPORTS_END";

/// How a process is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kill {
    /// From outside, so long after its start.
    After(Duration),
    /// By itself, at a point of the batch of this number.
    At(u32, Point),
}

/// Where everything of the proof is.
#[derive(Clone, Debug)]
pub(crate) struct Scene(pub(crate) PathBuf);

impl Scene {
    pub(crate) fn telemetry(&self) -> PathBuf {
        self.0.join("telemetry")
    }

    /// How far the threads of a life came.
    pub(crate) fn acks(&self, life: u32) -> PathBuf {
        self.0.join(format!("acks-{life}"))
    }

    /// What a life has to say against itself.
    pub(crate) fn faults(&self, life: u32) -> PathBuf {
        self.0.join(format!("faults-{life}"))
    }
}

/// Who recovers: each dead owner has its queue where its spool would be.
pub(crate) struct Recoverer(pub(crate) Option<End>);

impl Host for Recoverer {
    fn sink(&mut self, sink: DaySink, owner: &Owner, instance: &Path) -> io::Result<Box<dyn Sink>> {
        assert!(owner.exports, "every owner here exports");
        crate::queue::sink(sink, owner, instance, true, self.0.clone())
    }
}

/// Runs a life until it is killed. Whether it did that itself.
pub(crate) fn run(scene: &Scene, life: u32, kill: Kill) -> bool {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "a_process_that_is_killed", "--ignored", "--nocapture"]);
    command.env(ROOT, &scene.0).env(LIFE, life.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let within = match kill {
        Kill::After(time) => time,
        Kill::At(call, point) => {
            let place = Point::ALL.iter().position(|it| *it == point).unwrap_or_default();
            command.env(END, format!("{call},{place}"));
            // One whose load makes few batches is killed all the same.
            Duration::from_secs(2)
        }
    };
    let mut child = command.spawn().expect("a process");
    let by_itself = has_ended(&mut child, within);
    child.kill().expect("a process can be killed");
    let _killed = child.wait().expect("a process ends");
    by_itself
}

fn has_ended(child: &mut Child, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        if child.try_wait().expect("a child can be asked").is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

/// The process itself; nothing when it was not started as one.
pub(crate) fn live() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let scene = Scene(PathBuf::from(root));
    let life: u32 = std::env::var(LIFE).expect("which").parse().expect("a number");
    let end = std::env::var(END).ok().map(|end| {
        let (call, point) = end.split_once(',').expect("two numbers");
        let (call, point) = (call.parse().expect("a number"), point.parse::<usize>());
        End {
            call,
            point: Point::ALL[point.expect("a number")],
            calls: Arc::new(AtomicU32::new(0)),
        }
    });
    if let Err(fault) = record_for_ever(&scene, life, end) {
        std::fs::write(scene.faults(life), fault).expect("room for a fault");
    }
}

fn record_for_ever(scene: &Scene, life: u32, end: Option<End>) -> Result<(), String> {
    let root = scene.telemetry();
    let filing = Filing::new(&root, &Live::default());
    let slot = Slot::take(&root, &mut |_, _| {}).map_err(|error| error.to_string())?;
    let mut report = RecoveryReport::default();
    let mut host = Recoverer(end.clone());
    recover_slot(&slot, &filing, &Redactions::default(), &mut report, &mut host);
    check(&report)?;
    let mut owner = Owner::new("proof", "1.0.0", None, Rules::standard());
    (owner.exports, owner.lines) = (true, [true, false, true]);
    let instance = slot.create_instance(&owner.to_json()).map_err(|error| error.to_string())?;
    let _made = slot.place_for_spool(&instance.id).map_err(|error| error.to_string())?;
    let placement = Placement::Directory(instance.files.clone());
    let journal = Journal::open(placement, Filter::at(Level::Trace));
    let journal = journal.map_err(|error| error.to_string())?;
    let (id, redactions) = (&instance.id, Redactions::default());
    let lines = DaySink::new(owner.clone(), id, slot.number(), redactions, None);
    let lines = lines.filing(filing).lines_of(&[Kind::Event, Kind::Metric]);
    let sink = sink(lines, &owner, &instance.path, false, end);
    let sink = sink.map_err(|error| error.to_string())?;
    let faults = scene.faults(life);
    let notify = Box::new(move |notice: Notice| {
        let _write = std::fs::write(&faults, format!("{notice:?}"));
    });
    let lease = Some(Lease::new(&root, slot));
    let drain = Drain::new(&journal, lease, &Unsynced::default(), sink, notify);
    std::thread::scope(|scope| {
        scope.spawn(|| drain.run());
        for thread in 0..THREADS {
            let (journal, acks) = (&journal, scene.acks(life));
            scope.spawn(move || produce(journal, life, thread, &acks));
        }
    });
    Err("nobody has killed it".to_owned())
}

/// What a recovery after kills must not say.
pub(crate) fn check(report: &RecoveryReport) -> Result<(), String> {
    let wrong = |found: &radiosonde_events::recover::RecoveredInstance| {
        let found = &found.recovered;
        let lost = found.rejected + found.lost_bytes + found.exports_lost;
        lost + found.maybe_duplicates > 0 || found.quarantined.is_some()
    };
    let bad = !report.failed.is_empty()
        || !report.quarantined.is_empty()
        || report.instances.iter().any(wrong);
    if bad { Err(format!("{report:?}")) } else { Ok(()) }
}

/// Records at full speed, events, spans and metrics in turn, and waits where the ring is full.
fn produce(journal: &Journal, life: u32, thread: usize, acks: &Path) {
    let acks = AckCounter::open(acks, thread).expect("a counter");
    let sites = [0, 1, 2].map(|number| {
        let describe =
            || Descriptor { name: describe(number).2.to_owned(), ..Descriptor::default() };
        journal.site(16 * (1 + number as usize), describe)
    });
    for number in 0.. {
        let message = message(life, thread, number);
        let ((kind, level, _), site) = (describe(number), &sites[(number % 3) as usize]);
        patiently(Duration::from_secs(60), || {
            journal.record(kind, level, site, &[], |record| {
                if kind == Kind::Span {
                    record.span(&SpanPart::default());
                }
                record.message(Value::Str(&message));
            });
        });
        acks.store(number + 1);
        // Of a breath now and then there are many small batches.
        if number % 64 == 63 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

pub(crate) fn message(life: u32, thread: usize, number: u64) -> String {
    format!("{life}.{thread}.{number}")
}
