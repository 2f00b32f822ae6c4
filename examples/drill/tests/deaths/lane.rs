//! One of the two sequences of processes that live in the same directory.

use std::path::Path;
use std::sync::{Barrier, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use radiosonde_events::Live;
use radiosonde_events::recover::{RecoveryReport, recover_directory};
use radiosonde_events::upkeep::{Retention, Upkeep};
use radiosonde_record::recovery::Recovered;
use radiosonde_store::names::Form;

use crate::directory;
use crate::life::{Ended, Life, Scene};
use crate::plan::{Phase, Plan};

/// What the two lanes agree on.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Where one waits for the other.
    pub(crate) together: Barrier,
    /// Whoever starts writes, whoever looks at a death reads: a process that starts now may recover
    /// what is being looked at.
    pub(crate) starts: RwLock<()>,
    /// Whoever watches a file has a processor for itself; two of them would leave none to write it.
    pub(crate) watch: Mutex<()>,
}

/// What became of a lane, or of a whole directory.
#[derive(Debug, Default)]
pub(crate) struct Course {
    pub(crate) ended: Vec<Ended>,
    /// Reports of recoveries by hand, with the service.
    pub(crate) recovered: Vec<(String, Recovered)>,
    pub(crate) faults: Vec<String>,
    /// Sealed files in the end.
    pub(crate) sealed: usize,
}

/// Lives through the plans.
pub(crate) fn run(scene: &Scene, pair: &Pair, plans: Vec<Plan>) -> Course {
    let mut course = Course::default();
    for plan in plans {
        if plan.together {
            pair.together.wait();
        }
        let by_hand = plan.recovered_by_hand;
        match live(scene, pair, plan) {
            Ok(ended) => course.ended.push(ended),
            Err(fault) => course.faults.push(fault),
        }
        if by_hand {
            course.recover(&scene.telemetry, false);
        }
    }
    course
}

fn live(scene: &Scene, pair: &Pair, plan: Plan) -> Result<Ended, String> {
    let aims = plan.moment.write.is_some();
    // A recovery is over in no time: whoever is to die at its first write is watched from the start
    // on. When both are to start at once, chance decides.
    let at_once = aims && plan.moment.phase == Phase::Recovering && !plan.together;
    let watch = || pair.watch.lock().unwrap_or_else(PoisonError::into_inner);
    let mut watching = at_once.then(watch);
    let nobody_looks = pair.starts.write().unwrap_or_else(PoisonError::into_inner);
    let mut life = Life::start(scene, plan)?;
    let nobody_else = at_once.then_some(nobody_looks);
    life.wait()?;
    if aims && watching.is_none() {
        watching = Some(watch());
    }
    // Before the write is waited for: it would be over when we had waited for this.
    let read = || pair.starts.read().unwrap_or_else(PoisonError::into_inner);
    let nobody_starts = nobody_else.is_none().then(read);
    life.die()?;
    drop(watching);
    let ended = life.examine();
    drop((nobody_starts, nobody_else));
    ended
}

impl Course {
    pub(crate) fn add(&mut self, other: Self) {
        self.ended.extend(other.ended);
        self.recovered.extend(other.recovered);
        self.faults.extend(other.faults);
    }

    /// Seals everything: who was killed in the middle of that has left nothing but work.
    pub(crate) fn seal(&mut self, root: &Path) {
        let mut forever = Retention::default();
        forever.days = None;
        let upkept = Upkeep::new(root, None, &Live::default(), forever)
            .seal_after(Some(Duration::ZERO))
            .run(SystemTime::now(), &mut |_| true);
        for failed in &upkept.failed {
            self.faults.push(format!(
                "{}: {:?}: {}",
                failed.path.display(),
                failed.task,
                failed.reason
            ));
        }
        for (file, path) in directory::day_files(root) {
            if file.form != Form::Sealed {
                self.faults.push(format!("{} is not sealed", path.display()));
            }
            self.sealed += 1;
        }
        if !directory::being_sealed(root).is_empty() {
            self.faults.push("half a sealed file is left".to_owned());
        }
    }

    /// Recovers as the command `radiosonde recover` does. Whether there was anything to recover.
    pub(crate) fn recover(&mut self, root: &Path, retry: bool) -> bool {
        let report = match recover_directory(root, retry) {
            Ok(report) => report,
            Err(error) => {
                self.faults.push(format!("{} cannot be recovered: {error}", root.display()));
                return false;
            }
        };
        let RecoveryReport { instances, failed, .. } = report;
        for (path, error) in failed {
            self.faults.push(format!("{} was not recovered: {error}", path.display()));
        }
        let any = !instances.is_empty();
        for found in instances {
            let Recovered { rejected, lost_bytes, maybe_duplicates, unreadable, .. } =
                &found.recovered;
            if (*rejected, *lost_bytes, *maybe_duplicates) != (0, 0, 0) || !unreadable.is_empty() {
                let text = format!("{} was recovered with losses: {found:?}", found.service);
                self.faults.push(text);
            }
            self.recovered.push((found.service, found.recovered));
        }
        any
    }
}
