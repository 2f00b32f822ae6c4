//! One process: started, watched, brought to its end, and looked at afterwards.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use drill::acks::{self, Reached};
use drill::books::{self, Signal};
use drill::order::Order;
use radiosonde_record::Kind;
use radiosonde_record::recovery::{Left, look};
use rustix::process::{Pid, Signal as UnixSignal, kill_process};

use crate::directory::{self, Place};
use crate::plan::{Death, Moment, Plan};

/// How long a process may take for anything before the proof gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a file may stay as it is before the process dies all the same.
const GROWTH_WITHIN: Duration = Duration::from_secs(2);
/// Looks at a file's length between two looks at what else may have happened.
const LOOKS: usize = 2_000;

/// A directory under proof, and what the proof keeps beside it.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) telemetry: PathBuf,
    pub(crate) notes: PathBuf,
}

/// A process that runs.
pub(crate) struct Life<'a> {
    scene: &'a Scene,
    plan: Plan,
    child: Child,
}

/// What is known of a process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) plan: Plan,
    pub(crate) reached: Vec<Reached>,
    /// What its own directory holds; `None` when it had not come that far, had ended in order, or
    /// somebody had recovered it before it could be looked at.
    pub(crate) left: Option<Left>,
    /// What it left in writing.
    pub(crate) books: Option<[Signal; 3]>,
    /// Batches of earlier processes it had not brought to their end.
    pub(crate) inherited: Vec<Left>,
    /// What it was told; `None` when a signal ended it.
    pub(crate) order: Option<Order>,
}

impl<'a> Life<'a> {
    pub(crate) fn start(scene: &'a Scene, plan: Plan) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drill"));
        command
            .args([note(scene, &plan, "acks"), note(scene, &plan, "books")])
            .args([plan.paced.to_string(), plan.eager.to_string()])
            .env("RADIOSONDE_DIR", &scene.telemetry)
            .env("RADIOSONDE_STDERR", "off")
            .env("OTEL_SERVICE_NAME", &plan.service)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // The messages of panics, which are ordered.
            .stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("drill does not start: {error}"))?;
        Ok(Self { scene, plan, child })
    }

    /// Waits for the moment.
    pub(crate) fn wait(&mut self) -> Result<(), String> {
        let place = self.until("has a slot", |life| {
            Ok(directory::place_of(&life.scene.telemetry, &life.plan.service))
        })?;
        match self.plan.moment {
            Moment::Recovering(after) => std::thread::sleep(after),
            Moment::Recording(after) => {
                self.wait_for_load()?;
                std::thread::sleep(after);
            }
            Moment::Writing { signal, after } => {
                self.wait_for_load()?;
                std::thread::sleep(after);
                wait_for_growth(&self.scene.telemetry, &place, signal)
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Waits until every producer has recorded.
    pub(crate) fn wait_for_load(&mut self) -> Result<(), String> {
        let producers = self.plan.paced + self.plan.eager;
        self.until("records", |life| {
            let reached = acks::read(&note(life.scene, &life.plan, "acks"))?;
            let recording = reached.iter().filter(|producer| producer.returned > 0).count();
            Ok((recording >= producers).then_some(()))
        })
    }

    fn until<R>(
        &mut self,
        what: &str,
        look: impl Fn(&Self) -> io::Result<Option<R>>,
    ) -> Result<R, String> {
        let service = self.plan.service.clone();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self).map_err(|error| format!("{service}: {error}"))? {
                return Ok(found);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{service} has ended ({status}) before it {what}"));
            }
            if Instant::now() > deadline {
                return Err(format!("{service}: not yet after {PATIENCE:?} that it {what}"));
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Brings about the planned death, or another end, and looks at what is left.
    pub(crate) fn end(mut self, other: Option<Order>) -> Result<Ended, String> {
        let order = other.or(self.plan.death.order());
        let told = match order {
            Some(order) => self.tell(order),
            None => self.signal(),
        };
        let service = self.plan.service.clone();
        told.map_err(|error| format!("{service} cannot be told to end: {error}"))?;
        let status = self.reap()?;
        if !is_as_ordered(status, order, self.plan.death) {
            return Err(format!("{service}: {:?} was ordered, not {status}", self.plan.death));
        }
        self.examine(order).map_err(|error| format!("{service} cannot be looked at: {error}"))
    }

    fn tell(&mut self, order: Order) -> io::Result<()> {
        let stdin = self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(&[order.letter()])
    }

    fn signal(&mut self) -> io::Result<()> {
        if self.plan.death == Death::Kill {
            return self.child.kill();
        }
        let pid = Pid::from_child(&self.child);
        kill_process(pid, UnixSignal::TERM).map_err(io::Error::from)
    }

    fn reap(&mut self) -> Result<ExitStatus, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_micros(100));
                }
                Ok(None) => return Err(format!("{} does not end", self.plan.service)),
                Err(error) => return Err(format!("{}: {error}", self.plan.service)),
            }
        }
    }

    fn examine(&self, order: Option<Order>) -> io::Result<Ended> {
        let root = &self.scene.telemetry;
        let place = directory::place_of(root, &self.plan.service);
        // An error, or no owner after the look, says that somebody was about to remove it.
        let of = |path: &Path| look(root, path).ok().filter(|_| path.join("owner.json").exists());
        let left = place.as_ref().and_then(|place| of(&place.path));
        let others = place.iter().flat_map(directory::others).collect::<Vec<_>>();
        Ok(Ended {
            plan: self.plan.clone(),
            reached: acks::read(&note(self.scene, &self.plan, "acks"))?,
            left,
            books: books::read(&note(self.scene, &self.plan, "books"))?,
            inherited: others.iter().filter_map(|path| of(path)).collect(),
            order,
        })
    }
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        // Ended already, unless the proof has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn note(scene: &Scene, plan: &Plan, what: &str) -> PathBuf {
    scene.notes.join(format!("{}.{what}", plan.service))
}

fn is_as_ordered(status: ExitStatus, order: Option<Order>, death: Death) -> bool {
    match (order, death) {
        (Some(Order::Abort), _) => status.signal() == Some(UnixSignal::ABORT.as_raw()),
        (Some(Order::Exit), _) => status.code() == Some(7),
        (Some(Order::PanicInMain), _) => status.code() == Some(101),
        (Some(Order::PanicInWorker), _) => status.code() == Some(3),
        (Some(Order::Return), _) => status.success(),
        (None, Death::Kill) => status.signal() == Some(UnixSignal::KILL.as_raw()),
        (None, _) => status.signal() == Some(UnixSignal::TERM.as_raw()),
    }
}

/// Waits until the file of a signal grows, without a pause between the looks: a batch takes a
/// fraction of a millisecond. Another file after midnight is waited for in vain, but not for long.
fn wait_for_growth(root: &Path, place: &Place, signal: Kind) -> io::Result<()> {
    let deadline = Instant::now() + GROWTH_WITHIN;
    let file = loop {
        match directory::day_file(root, place.slot, signal) {
            Some(path) => break fs::File::open(path)?,
            None if Instant::now() > deadline => return Ok(()),
            None => std::thread::yield_now(),
        }
    };
    let length = file.metadata()?.len();
    while Instant::now() < deadline {
        for _ in 0..LOOKS {
            if file.metadata()?.len() != length {
                return Ok(());
            }
        }
    }
    Ok(())
}
