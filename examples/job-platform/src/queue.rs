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
        Ok(Self(root.to_owned()))
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
        if !is_id(worker) {
            return None;
        }
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

    /// Jobs of a place with their files, the oldest first. Files that are gone by now, or are no jobs,
    /// are another's.
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
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

/// The job whose file this is. A copy that somebody made by hand has no place of its own: it would be
/// done again and again. And a pipe would be waited for.
fn read(path: &Path) -> Option<Job> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    let job_id = match (path.parent()?.ends_with("leased"), name.split_once('@')) {
        (true, Some((job_id, worker))) if is_id(worker) => job_id,
        (false, None) => name,
        _ => return None,
    };
    if !is_id(job_id) || !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let job: Job = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (job.job_id == job_id).then_some(job)
}

fn touch(path: &Path) -> io::Result<()> {
    fs::File::options().append(true).open(path)?.set_modified(SystemTime::now())
}

fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::job::Kind;

    fn job(job_id: &str) -> Job {
        Job::new(job_id.to_owned(), Kind::Render, "balloons".to_owned())
    }

    fn ids(jobs: Vec<Job>) -> Vec<String> {
        jobs.into_iter().map(|job| job.job_id).collect()
    }

    #[test]
    fn what_lies_in_the_directory_beside_jobs_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("queue");
        let queue = Queue::open(&root).unwrap();
        queue.submit(&job("job-1")).unwrap();
        let message = |job_id| serde_json::to_vec(&job(job_id)).unwrap();
        for (name, job_id) in [
            ("job-1.json~", "job-1"),
            ("copy of job-1.json", "job-1"),
            ("job-2.json", "job-1"),
            ("job-1@worker-1.json", "job-1"),
            ("outside.json", "../../../outside"),
            (".json", ""),
        ] {
            for place in ["submitted", "ready"] {
                fs::write(root.join(place).join(name), message(job_id)).unwrap();
            }
        }
        for name in ["job-1.json", "job-1@.json", "job-1@no worker.json", "job-2@worker-1.json"] {
            fs::write(root.join("leased").join(name), message("job-1")).unwrap();
        }
        for place in ["submitted", "ready", "leased"] {
            let pipe = root.join(place).join("pipe.json");
            assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
            fs::create_dir(root.join(place).join("folder.json")).unwrap();
        }

        assert_eq!(ids(queue.submitted()), ["job-1"]);
        assert_eq!(queue.find("pipe").map(|(place, _)| place), None);
        assert!(queue.ready().is_empty() && queue.expired(Duration::ZERO).is_empty());
        queue.schedule(&job("job-1")).unwrap();
        assert_eq!((ids(queue.submitted()), ids(queue.ready())), (vec![], vec!["job-1".into()]));
        assert!(queue.take("../worker").is_none() && queue.take("").is_none());
        let lease = queue.take("worker-1").unwrap();
        assert_eq!(lease.job.job_id, "job-1");
        assert!(queue.take("worker-1").is_none());
        assert_eq!(queue.find("job-1").unwrap().0, "leased");
        assert!(queue.lease("job-1", 1, "worker-1").is_some());
        queue.end(&lease, &lease.job).unwrap();
        assert_eq!(queue.find("job-1").unwrap().0, "ended");
    }
}
