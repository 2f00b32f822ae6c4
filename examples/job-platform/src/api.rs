//! The API: takes jobs over HTTP, puts them into the queue, and says what became of them.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use radiosonde::Context;
use radiosonde::http::server::ServerLayer;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::fault::Fault;
use crate::job::{self, Job, Kind};
use crate::queue::Queue;
use crate::rpc::{Answer, Question, SchedulerClient};
use crate::{Error, catalog, told};

/// The longest that a caller may wait for the end of a job, in milliseconds.
const WAIT_MS_MAX: u64 = 10_000;
/// Frames that a job is said to have.
const FRAMES: u32 = 40;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
    /// Where the scheduler listens
    #[arg(long)]
    scheduler: SocketAddr,
    /// The directory of the queue
    #[arg(long)]
    queue: PathBuf,
    /// End when standard input does
    #[arg(long)]
    leash: bool,
}

#[derive(Clone)]
struct Api {
    queue: Queue,
    scheduler: SchedulerClient,
}

/// The body of `POST /jobs`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Submission {
    pub(crate) kind: Kind,
    pub(crate) payload: String,
}

/// Its answer.
#[derive(Serialize, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) job_id: String,
}

#[derive(Deserialize)]
struct Wait {
    #[serde(default)]
    wait_ms: u64,
}

pub(crate) async fn serve(options: Options) -> Result<(), Error> {
    let api = Api {
        queue: Queue::open(&options.queue)?,
        scheduler: SchedulerClient::new(options.scheduler)?,
    };
    let app = Router::new()
        .route("/jobs", post(submit))
        .route("/jobs/{id}", get(look_up))
        .route("/health", get(|| async { "ok" }))
        .with_state(api)
        .layer(ServerLayer::new().filter(|head| head.uri().path() != "/health")) // the one line
        .layer(from_fn(name_the_job));
    let listener = TcpListener::bind(options.listen).await?;
    crate::say(&format!("api http://{}", listener.local_addr()?));
    let served = axum::serve(listener, app);
    Ok(served.with_graceful_shutdown(told::to_end(options.leash)).await?)
}

/// Gives each request its job before anything is recorded of it, so that also its own span has it. A
/// caller that names the job in its baggage is taken at its word.
async fn name_the_job(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let job_id = match path.strip_prefix("/jobs/") {
        _ if path == "/jobs" => job::new_id(),
        Some(job_id) if !job_id.is_empty() => job_id.to_owned(),
        _ => return next.run(request).await,
    };
    radiosonde::scope().job(job_id).wrap(next.run(request)).await
}

async fn submit(State(api): State<Api>, Json(submission): Json<Submission>) -> Response {
    let job_id = Context::current().job_id().unwrap_or_default().to_owned();
    let Submission { kind, payload } = submission;
    match publish(&api.queue, Job::new(job_id.clone(), kind, payload)) {
        Ok(()) => {
            catalog::job_submissions_total(&kind.label()).increment(1);
            if Fault::LabelExplosion.is_planted() {
                count_frames(kind);
            }
            radiosonde::event!("job.submitted", kind = kind.as_str(), "submitted");
            (StatusCode::ACCEPTED, Json(Accepted { job_id })).into_response()
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            tracing::warn!("a job of this id was there before");
            StatusCode::CONFLICT.into_response()
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// What somebody thought to be a kind of job: each frame of it.
fn count_frames(kind: Kind) {
    for frame in 1..=FRAMES {
        let label = catalog::JobType::new(&format!("{} frame {frame}", kind.as_str()));
        catalog::job_submissions_total(&label).increment(1);
    }
}

#[tracing::instrument(skip_all, fields(otel.name = "publish job", otel.kind = "producer"), err)]
fn publish(queue: &Queue, job: Job) -> std::io::Result<()> {
    queue.submit(&job.sent_from_here())
}

async fn look_up(
    State(api): State<Api>,
    Path(job_id): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<Answer>, StatusCode> {
    let question = Question { job_id, wait_ms: wait.wait_ms.min(WAIT_MS_MAX) };
    let answer = api.scheduler.look_up(question).await;
    answer.map(Json).map_err(|status| match status.code() {
        tonic::Code::NotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_GATEWAY,
    })
}
