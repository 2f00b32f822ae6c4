//! A worker: takes jobs out of the queue, runs each in a child process, and reports to the scheduler.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use radiosonde::propagation;
use tokio::process::Command;
use tokio::sync::watch;

use crate::job::{self, Job};
use crate::queue::{Lease, Queue};
use crate::rpc::{Report, SchedulerClient};
use crate::{Error, catalog, told};

/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often a lease is renewed.
const RENEW_EVERY: Duration = Duration::from_millis(200);
/// How long a child that is told to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The name of the worker
    #[arg(long)]
    id: String,
    /// Where the scheduler listens
    #[arg(long)]
    scheduler: SocketAddr,
    /// The directory of the queue
    #[arg(long)]
    queue: PathBuf,
    /// How many jobs it does at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// How long a job may take, in milliseconds
    #[arg(long, default_value_t = 20_000)]
    limit_ms: u64,
    /// End when standard input does
    #[arg(long)]
    leash: bool,
}

struct Worker {
    id: String,
    queue: Queue,
    scheduler: SchedulerClient,
    limit: Duration,
}

/// How an attempt ended: `success`, `failure` or `timeout`, and why.
type Ending = (&'static str, String);

pub(crate) async fn work(options: Options) -> Result<(), Error> {
    let worker = Arc::new(Worker {
        id: options.id,
        queue: Queue::open(&options.queue)?,
        scheduler: SchedulerClient::new(options.scheduler)?,
        limit: Duration::from_millis(options.limit_ms),
    });
    let (end, ends) = watch::channel(false);
    let mut lanes = tokio::task::JoinSet::new();
    for _ in 0..options.jobs {
        // Of what serves all jobs none is the parent: a plain spawn is right here.
        lanes.spawn(Arc::clone(&worker).take_jobs(ends.clone()));
    }
    told::to_end(options.leash).await;
    // What has begun is finished.
    end.send_replace(true);
    while lanes.join_next().await.is_some() {}
    Ok(())
}

impl Worker {
    async fn take_jobs(self: Arc<Self>, ends: watch::Receiver<bool>) {
        let here = radiosonde::worker(&self.id);
        while !*ends.borrow() {
            here.alive();
            let Some(lease) = self.queue.take(&self.id) else {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            };
            // The trace is the sender's, the worker and the job are ours.
            let job = here.job(&lease.job.job_id);
            lease.job.sent_context().wrap(job.wrap(self.process(lease))).await;
        }
    }

    #[tracing::instrument(skip_all, fields(
        otel.name = "process job",
        otel.kind = "consumer",
        job.kind = lease.job.kind.as_str(),
        attempt = lease.job.attempt,
        otel.status_message,
    ))]
    async fn process(&self, lease: Lease) {
        let kind = lease.job.kind.label();
        catalog::job_wait_seconds(catalog::Queue::Normal).record(lease.job.waited());
        radiosonde::event!("job.taken", attempt = lease.job.attempt, "taken by {}", self.id);
        catalog::jobs_running(&kind).increment(1.0);
        let begun = Instant::now();
        let ending = tokio::select! {
            ending = self.attempt(&lease.job) => Some(ending),
            () = keep(&lease) => None,
        };
        catalog::jobs_running(&kind).decrement(1.0);
        let Some((outcome, detail)) = ending else {
            return tracing::warn!("the job was given to somebody else: it is left");
        };
        let result = job::outcome_label(outcome);
        catalog::job_duration_seconds(&kind, result).record(begun.elapsed());
        if outcome != "success" {
            tracing::Span::current().record("otel.status_message", &detail);
        }
        self.report(&lease.job, outcome, detail).await;
    }

    /// Runs the job in a process of its own, which goes on with this trace.
    async fn attempt(&self, job: &Job) -> Ending {
        match self.run_child(job).await {
            Ok(ending) => ending,
            Err(error) => ("failure", format!("the renderer did not run: {error}")),
        }
    }

    async fn run_child(&self, job: &Job) -> std::io::Result<Ending> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["render", "--kind", job.kind.as_str(), "--scene", &job.payload]);
        command.args(["--attempt", &job.attempt.to_string()]);
        propagation::command(command.as_std_mut());
        // Its standard input is its leash: it ends when we do, however we do.
        let mut child = command.stdin(Stdio::piped()).kill_on_drop(true).spawn()?;
        let leash = child.stdin.take();
        match tokio::time::timeout(self.limit, child.wait()).await {
            Ok(status) => Ok(match status? {
                status if status.success() => ("success", String::new()),
                status => ("failure", format!("the renderer ended with {status}")),
            }),
            Err(_) => {
                tracing::error!(limit_ms = self.limit.as_millis() as u64, "the job takes too long");
                drop(leash);
                if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                    child.kill().await?;
                }
                Ok(("timeout", format!("not done after {:?}", self.limit)))
            }
        }
    }

    async fn report(&self, job: &Job, outcome: &str, detail: String) {
        let report = Report {
            job_id: job.job_id.clone(),
            attempt: job.attempt,
            worker: self.id.clone(),
            outcome: outcome.to_owned(),
            detail,
        };
        // A report that is lost is no harm: the lease runs out, and the job is done again.
        if let Err(status) = self.scheduler.report(report).await {
            tracing::error!(code = ?status.code(), "the scheduler did not take the report");
        }
    }
}

/// Renews a lease for as long as it is there.
async fn keep(lease: &Lease) {
    while lease.renew() {
        tokio::time::sleep(RENEW_EVERY).await;
    }
}
