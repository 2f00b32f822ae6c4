//! The queue: a directory all machines see. A job is one file, and what becomes of it is where that
//! file is: `submitted`, `ready`, `leased` (as `JOB@WORKER`), `ended`. Every step is one rename, so that
//! a process that is killed leaves a job in one of these places and never in two.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::job::Job;

const PLACES: [&str; 4] = ["submitted", "ready", "leased", "ended"];

/// The directory.
#[derive(Clone, Debug)]
pub(crate) struct Queue(PathBuf);

/// A job that a worker has, as long as it renews this in time.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) job: Job,
    pub(crate) worker: String,
    path: PathBuf,
}

impl Queue {
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        for place in PLACES.iter().chain(&["writing"]) {
            fs::create_dir_all(root.join(place))?;
        }
        Ok(Self::at(root))
    }

    /// The queue of a directory, to be looked at; it need not be there yet.
    pub(crate) fn at(root: &Path) -> Self {
        Self(root.to_owned())
    }

    /// Takes a job in. `AlreadyExists` when there is, or was, a job of this id. One process submits, so
    /// that its threads are all that could do so at once.
    pub(crate) fn submit(&self, job: &Job) -> io::Result<()> {
        static SUBMITTING: Mutex<()> = Mutex::new(());
        let _submitting = SUBMITTING.lock().unwrap_or_else(PoisonError::into_inner);
        if self.find(&job.job_id).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.write(job, &self.place("submitted", &job.job_id))
    }

    /// What nobody has scheduled yet, the oldest first.
    pub(crate) fn submitted(&self) -> Vec<Job> {
        self.jobs("submitted").into_iter().map(|(_, job)| job).collect()
    }

    /// What waits for a worker, the oldest first.
    pub(crate) fn ready(&self) -> Vec<Job> {
        self.jobs("ready").into_iter().map(|(_, job)| job).collect()
    }

    /// Gives a submitted job to the workers, with what its message says now.
    pub(crate) fn schedule(&self, job: &Job) -> io::Result<()> {
        let place = self.place("submitted", &job.job_id);
        self.write(job, &place)?;
        fs::rename(place, self.place("ready", &job.job_id))
    }

    /// The oldest job this worker may have. Of several workers that ask at once one gets it.
    pub(crate) fn take(&self, worker: &str) -> Option<Lease> {
        let jobs = self.jobs("ready").into_iter();
        jobs.filter(|(_, job)| job.is_for(worker)).find_map(|(ready, job)| {
            let path = self.place("leased", &format!("{}@{worker}", job.job_id));
            // The lease begins before the job is seen as leased.
            touch(&ready).ok()?;
            fs::rename(&ready, &path).ok()?;
            Some(Lease { job, worker: worker.to_owned(), path })
        })
    }

    /// The lease of an attempt, as long as the worker still has it.
    pub(crate) fn lease(&self, job_id: &str, attempt: u32, worker: &str) -> Option<Lease> {
        if !is_id(job_id) || !is_id(worker) {
            return None;
        }
        let path = self.place("leased", &format!("{job_id}@{worker}"));
        let job = read(&path).filter(|job| job.attempt == attempt)?;
        Some(Lease { job, worker: worker.to_owned(), path })
    }

    /// Leases that were not renewed for so long: whoever had them is gone, or hangs.
    pub(crate) fn expired(&self, after: Duration) -> Vec<Lease> {
        let jobs = self.jobs("leased").into_iter();
        jobs.filter(|(path, _)| age(path).is_some_and(|age| age > after))
            .filter_map(|(path, job)| {
                let (_, worker) = path.file_stem()?.to_str()?.split_once('@')?;
                Some(Lease { job, worker: worker.to_owned(), path: path.clone() })
            })
            .collect()
    }

    /// How many jobs a worker has.
    pub(crate) fn leased_by(&self, worker: &str) -> usize {
        let files = fs::read_dir(self.0.join("leased")).into_iter().flatten().flatten();
        let ending = format!("@{worker}.json");
        files.filter(|file| file.file_name().to_string_lossy().ends_with(&ending)).count()
    }

    /// Gives a leased job back to the workers, with what its message says now.
    pub(crate) fn give_back(&self, lease: &Lease, job: &Job) -> io::Result<()> {
        self.write(job, &lease.path)?;
        fs::rename(&lease.path, self.place("ready", &job.job_id))
    }

    /// Ends a leased job.
    pub(crate) fn end(&self, lease: &Lease, job: &Job) -> io::Result<()> {
        self.write(job, &lease.path)?;
        fs::rename(&lease.path, self.place("ended", &job.job_id))
    }

    /// Where a job is, and what its message says.
    pub(crate) fn find(&self, job_id: &str) -> Option<(&'static str, Job)> {
        if !is_id(job_id) {
            return None;
        }
        // A job moves on while it is looked for, mostly forward.
        PLACES.iter().chain(&PLACES).find_map(|place| match *place {
            "leased" => {
                let jobs = self.jobs(place).into_iter().map(|(_, job)| job);
                Some((*place, jobs.into_iter().find(|job| job.job_id == job_id)?))
            }
            _ => Some((*place, read(&self.place(place, job_id))?)),
        })
    }

    fn place(&self, place: &str, name: &str) -> PathBuf {
        self.0.join(place).join(format!("{name}.json"))
    }

    /// Jobs of a place with their files, the oldest first. Files that are gone by now are another's.
    fn jobs(&self, place: &str) -> Vec<(PathBuf, Job)> {
        let files = fs::read_dir(self.0.join(place)).into_iter().flatten().flatten();
        let mut jobs: Vec<_> =
            files.filter_map(|file| Some((file.path(), read(&file.path())?))).collect();
        jobs.sort_by_key(|(_, job)| job.ready_ms);
        jobs
    }

    /// A file that is there whole, or not at all.
    fn write(&self, job: &Job, path: &Path) -> io::Result<()> {
        let beside = self.place("writing", &format!("{}@{}", job.job_id, std::process::id()));
        fs::write(&beside, serde_json::to_vec(job)?)?;
        fs::rename(beside, path)
    }
}

impl Lease {
    /// Says that the worker is still at it; `false` when the job has been given to somebody else.
    pub(crate) fn renew(&self) -> bool {
        touch(&self.path).is_ok()
    }
}

/// Whether it can be the id of a job or a worker, and so is no way out of the directory.
fn is_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

fn read(path: &Path) -> Option<Job> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn touch(path: &Path) -> io::Result<()> {
    fs::File::options().append(true).open(path)?.set_modified(SystemTime::now())
}

fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}
