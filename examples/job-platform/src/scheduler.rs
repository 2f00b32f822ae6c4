//! The scheduler: gives submitted jobs to the workers, takes those back that nobody works at any more, and
//! decides what becomes of an attempt that ended.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;
use tonic::Status;
use tonic::transport::server::TcpIncoming;

use crate::catalog::{self, Reason};
use crate::job::{self, ATTEMPTS_MAX, Job};
use crate::queue::{Lease, Queue};
use crate::rpc::{Answer, Decision, Question, Report, Server};
use crate::{Error, told};

/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8701")]
    listen: SocketAddr,
    /// The directory of the queue
    #[arg(long)]
    queue: PathBuf,
    /// How long a worker may be silent before its job is given to another one, in milliseconds
    #[arg(long, default_value_t = 5_000)]
    lease_ms: u64,
    /// End when standard input does
    #[arg(long)]
    leash: bool,
}

#[derive(Debug)]
pub(crate) struct Scheduler {
    queue: Queue,
    /// Held while it is decided what becomes of a lease, so that it is decided once.
    deciding: Mutex<()>,
}

pub(crate) async fn serve(options: Options) -> Result<(), Error> {
    let scheduler =
        Arc::new(Scheduler { queue: Queue::open(&options.queue)?, deciding: Mutex::new(()) });
    let listener = TcpListener::bind(options.listen).await?;
    crate::say(&format!("scheduler {}", listener.local_addr()?));
    let server = tonic::transport::Server::builder()
        .layer(radiosonde::http::grpc::ServerLayer::new()) // the one line
        .add_service(Server(Arc::clone(&scheduler)))
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            told::to_end(options.leash),
        );
    tokio::select! {
        served = server => Ok(served?),
        () = scheduler.look_after(Duration::from_millis(options.lease_ms)) => Ok(()),
    }
}

impl Scheduler {
    async fn look_after(&self, lease: Duration) {
        loop {
            for job in self.queue.submitted() {
                job.sent_context().run(|| self.schedule(job));
            }
            for expired in self.queue.expired(lease) {
                expired.job.sent_context().run(|| self.take_back(&expired));
            }
            self.count();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Hands a submitted job to the workers. Whoever takes it goes on below this span.
    #[tracing::instrument(skip_all, fields(otel.name = "schedule job", otel.kind = "consumer"))]
    fn schedule(&self, job: Job) {
        if let Err(error) = self.queue.schedule(&job.sent_from_here()) {
            tracing::error!(%error, "the job could not be scheduled");
        }
    }

    /// Takes a job from a worker that has been silent.
    fn take_back(&self, expired: &Lease) {
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let Lease { job, worker, .. } = expired;
        if self.queue.lease(&job.job_id, job.attempt, worker).is_none() {
            return; // It reported a moment ago.
        }
        radiosonde::event!(
            "job.lease_lost",
            level: warning,
            attempt = job.attempt,
            worker = worker.as_str(),
            "{worker} has not been heard of: its job is given to somebody else"
        );
        self.decide(expired, "timeout", "its worker was lost", Reason::LeaseLost);
    }

    /// What a worker tells of an attempt.
    pub(crate) fn report(&self, report: &Report) -> Result<Decision, Status> {
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let Report { job_id, attempt, worker, outcome, detail } = report;
        let Some(lease) = self.queue.lease(job_id, *attempt, worker) else {
            // It was silent for too long, and somebody else has the job now.
            return Err(Status::failed_precondition("the lease is lost"));
        };
        let reason = if outcome == "timeout" { Reason::Timeout } else { Reason::Crash };
        Ok(Decision { is_retried: self.decide(&lease, outcome, detail, reason) })
    }

    /// Ends a job, or lets it be tried again.
    fn decide(&self, lease: &Lease, outcome: &str, detail: &str, reason: Reason) -> bool {
        let job = &lease.job;
        let is_retried = outcome != "success" && job.attempt < ATTEMPTS_MAX;
        let done = if is_retried {
            catalog::job_retries_total(&job.kind.label(), reason).increment(1);
            // Beside the attempt that failed, not below it: all attempts hang on what scheduled them.
            job.sent_context().run(|| self.retry(lease, detail))
        } else {
            // With the context of what ended it, for those who wait for the end.
            let mut ended = job.clone().sent_from_here();
            ended.outcome = Some((outcome.to_owned(), detail.to_owned()));
            let result = job::outcome_label(outcome);
            catalog::job_runs_total(&job.kind.label(), result).increment(1);
            if outcome == "success" {
                radiosonde::event!("job.finished", attempts = job.attempt, "finished");
            } else {
                radiosonde::event!(
                    "job.failed",
                    level: error,
                    attempts = job.attempt,
                    outcome,
                    detail,
                    "given up after {} attempts: {detail}", job.attempt
                );
            }
            self.queue.end(lease, &ended)
        };
        if let Err(error) = done {
            tracing::error!(%error, "the queue did not take what was decided");
        }
        is_retried
    }

    #[tracing::instrument(skip_all, fields(
        otel.name = "retry job",
        otel.kind = "producer",
        attempt = lease.job.attempt + 1,
    ))]
    fn retry(&self, lease: &Lease, why: &str) -> std::io::Result<()> {
        radiosonde::event!(
            "job.retried",
            level: warning,
            failed_on = lease.worker.as_str(),
            why,
            "attempt {} failed on {}: {why}", lease.job.attempt, lease.worker
        );
        let next = lease.job.clone().after(&lease.worker);
        self.queue.give_back(lease, &next.sent_from_here())
    }

    /// Where a job is. Waits for its end, but not longer than the caller does.
    pub(crate) async fn look_up(&self, question: Question) -> Result<Answer, Status> {
        let until = Instant::now() + Duration::from_millis(question.wait_ms);
        loop {
            let (state, job) = self
                .queue
                .find(&question.job_id)
                .ok_or_else(|| Status::not_found("there is no such job"))?;
            if state == "ended" || Instant::now() >= until {
                if state == "ended" {
                    // It was not the waiting that took so long.
                    radiosonde::add_link(&tracing::Span::current(), &job.sent_context());
                }
                let (outcome, detail) = job.outcome.unwrap_or_default();
                return Ok(Answer {
                    state: state.to_owned(),
                    attempts: job.attempt,
                    outcome,
                    detail,
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn count(&self) {
        let ready = self.queue.ready();
        let oldest = ready.first().map(Job::waited).unwrap_or_default();
        catalog::queue_depth(catalog::Queue::Normal).set(ready.len() as f64);
        catalog::queue_oldest_job_seconds(catalog::Queue::Normal).set(oldest);
    }
}
