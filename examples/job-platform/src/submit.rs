//! The client: submits a job over HTTP and waits for its end.

use std::net::{AddrParseError, SocketAddr};
use std::process::ExitCode;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use radiosonde::Context;
use radiosonde::http::client::ClientLayer;
use serde::de::DeserializeOwned;
use tower::{Layer as _, ServiceExt as _};

use crate::Error;
use crate::api::{Accepted, Submission};
use crate::job::{self, Kind};
use crate::rpc::Answer;

/// Status of a client whose job was not done: it failed, or took too long.
pub(crate) const NOT_DONE: u8 = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What the job is about
    kind: Kind,
    /// The scene
    #[arg(default_value = "balloons")]
    payload: String,
    /// Where the API listens, with or without `http://`
    #[arg(long, default_value = "127.0.0.1:8700", value_parser = address)]
    api: SocketAddr,
    /// The id of the job; one is made up otherwise
    #[arg(long)]
    job: Option<String>,
}

fn address(text: &str) -> Result<SocketAddr, AddrParseError> {
    text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/').parse()
}

pub(crate) async fn run(options: Options) -> Result<ExitCode, Error> {
    // The job goes along with the request, so that everybody calls it by this name.
    let job_id = options.job.clone().unwrap_or_else(job::new_id);
    radiosonde::scope().job(job_id).wrap(submit(options)).await
}

#[tracing::instrument(skip_all, fields(otel.name = "submit job"), err)]
async fn submit(options: Options) -> Result<ExitCode, Error> {
    let base = format!("http://{}/jobs", options.api);
    let submission = Submission { kind: options.kind, payload: options.payload };
    let body = serde_json::to_vec(&submission)?;
    let request = Request::post(&base).header("content-type", "application/json");
    let Accepted { job_id } = send(request.body(Full::from(body))?).await?;
    loop {
        let request = Request::get(format!("{base}/{job_id}?wait_ms=10000"));
        let answer: Answer = send(request.body(Full::default())?).await?;
        if answer.state == "ended" {
            let Answer { attempts, outcome, detail, .. } = answer;
            let context = Context::current();
            let trace = context.trace_id().map(|trace| trace.to_string()).unwrap_or_default();
            let told = format!("{job_id} trace {trace} attempts {attempts} {outcome} {detail}");
            crate::say(told.trim_end());
            let done = outcome == "success";
            return Ok(if done { ExitCode::SUCCESS } else { ExitCode::from(NOT_DONE) });
        }
    }
}

async fn send<A: DeserializeOwned>(request: Request<Full<Bytes>>) -> Result<A, Error> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = ClientLayer::new().layer(client); // the one line
    let response = client.oneshot(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        return Err(format!("the API said {status}").into());
    }
    Ok(serde_json::from_slice(&body)?)
}
