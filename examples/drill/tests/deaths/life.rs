//! One process: started, watched, brought to its end, and looked at afterwards.

use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use drill::acks::{self, Reached};
use drill::books::{self, Signal};
use drill::order::Order;
use drill::watch::{Aim, WITHIN};
use radiosonde_record::recovery::{Left, look};
use rustix::process::{Pid, Signal as UnixSignal, kill_process};

use crate::directory::{self, Place};
use crate::plan::{Death, Phase, Plan, Watched};

/// How long a process may take for anything before the proof gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory under proof, and what the proof keeps beside it.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) telemetry: PathBuf,
    pub(crate) notes: PathBuf,
}

/// A process that runs.
pub(crate) struct Life<'a> {
    scene: &'a Scene,
    pub(crate) plan: Plan,
    child: Child,
    order: Option<Order>,
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
    /// Files that somebody was sealing, by inode.
    pub(crate) sealing: Vec<u64>,
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
            // Small enough that every life closes some, and finds some to seal.
            .env("RADIOSONDE_ROTATE_BYTES", "8MiB")
            .env("RADIOSONDE_SEAL_AFTER", "0")
            // Nothing is removed: all of it is looked at in the end.
            .env("RADIOSONDE_RETENTION_DAYS", "0")
            .env("RADIOSONDE_RETENTION_BYTES", "0")
            .env("OTEL_SERVICE_NAME", &plan.service)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // The messages of panics, which are ordered.
            .stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("drill does not start: {error}"))?;
        Ok(Self { scene, plan, child, order: None })
    }

    /// Waits for the moment, but for what must be watched.
    pub(crate) fn wait(&mut self) -> Result<(), String> {
        self.until("has a slot", |life| Ok(life.place()))?;
        if self.plan.moment.phase == Phase::UnderLoad {
            self.wait_for_load()?;
        }
        std::thread::sleep(self.plan.moment.after);
        Ok(())
    }

    /// What is to be in the middle of a write, when that is the moment.
    fn aim(&self) -> Option<Aim> {
        let (write, place) = (self.plan.moment.write?, self.place()?);
        let root = &self.scene.telemetry;
        let deadline = Instant::now() + WITHIN;
        let mut stages = vec![place.path.join("stage")];
        if !write.asks {
            stages.clear();
        } else if self.plan.moment.phase == Phase::Recovering {
            stages.extend(directory::others(&place).iter().map(|path| path.join("stage")));
        }
        let day_file = match write.file {
            Watched::Stage => None,
            Watched::DayFile(kind) => loop {
                match directory::day_file(root, place.slot, kind) {
                    None if Instant::now() < deadline => std::thread::yield_now(),
                    found => break Some(found?),
                }
            },
        };
        Some(Aim { stages, day_file, after: write.after })
    }

    fn place(&self) -> Option<Place> {
        directory::place_of(&self.scene.telemetry, &self.plan.service)
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

    /// Brings about the planned death, at the write it is to fall into.
    pub(crate) fn die(&mut self) -> Result<(), String> {
        self.end(self.plan.death.order())
    }

    /// Brings about this end, or that by the planned signal.
    pub(crate) fn end(&mut self, order: Option<Order>) -> Result<(), String> {
        let aim = self.aim();
        let told = match order {
            // Whoever ends itself waits for the moment itself: being told takes too long.
            Some(order) => self.tell(order, aim.as_ref()),
            // What is not met in time is not met by this death.
            None => aim.map_or(Ok(false), |aim| aim.wait()).and_then(|_met| self.signal()),
        };
        self.order = order;
        let service = self.plan.service.clone();
        told.map_err(|error| format!("{service} cannot be told to end: {error}"))?;
        let status = self.reap()?;
        if is_as_ordered(status, order, self.plan.death) {
            return Ok(());
        }
        Err(format!("{service}: {:?} was ordered, not {status}", self.plan.death))
    }

    fn tell(&mut self, order: Order, aim: Option<&Aim>) -> io::Result<()> {
        let stdin = self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(&order.line(aim))
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

    /// Looks at what is left.
    pub(crate) fn examine(self) -> Result<Ended, String> {
        let service = self.plan.service.clone();
        let noted = || -> io::Result<_> {
            let reached = acks::read(&note(self.scene, &self.plan, "acks"))?;
            Ok((reached, books::read(&note(self.scene, &self.plan, "books"))?))
        };
        let (reached, books) =
            noted().map_err(|error| format!("{service}: its acknowledgements: {error}"))?;
        let root = &self.scene.telemetry;
        // An error, or no owner after the look, says that somebody was about to remove it.
        let of = |path: &Path| look(root, path).ok().filter(|_| path.join("owner.json").exists());
        let place = self.place();
        let left = place.as_ref().and_then(|place| of(&place.path));
        let others = place.iter().flat_map(directory::others);
        let inherited = others.filter_map(|path| of(&path)).collect();
        let (plan, order) = (self.plan.clone(), self.order);
        let sealing = directory::being_sealed(root);
        Ok(Ended { plan, reached, left, books, inherited, sealing, order })
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
