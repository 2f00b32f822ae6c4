//! A platform that runs jobs: an API, a scheduler and two workers, each a process, and a process more for
//! each job. What happens to a job is one trace through all of them.
//!
//! `cargo run -p job-platform -- run`
#![forbid(unsafe_code)]

mod api;
mod fault;
mod job;
mod platform;
mod queue;
mod render;
mod rpc;
mod scheduler;
mod submit;
mod told;
mod worker;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use radiosonde::Profile;

radiosonde::catalog!("../packs/job-platform/registry.json");

/// A platform that runs jobs.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Takes jobs over HTTP
    Api(api::Options),
    /// Does one job; workers start it
    Render(render::Options),
    /// Starts all of it on this machine, each process as if it were on a machine of its own
    Run(platform::Options),
    /// Hands jobs to the workers
    Scheduler(scheduler::Options),
    /// Submits a job and waits for its end; status 3 when it was not done
    Submit(submit::Options),
    /// Does jobs
    Worker(worker::Options),
}

/// An error of a program, told to whoever started it.
type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let Arguments { role } = Arguments::parse();
    let (service, profile) = match role {
        Role::Api(_) => ("api", Profile::Service),
        // A command as well: its job does not wait for a collector that is down.
        Role::Render(_) => ("render", Profile::Cli),
        Role::Run(_) => ("platform", Profile::Service),
        Role::Scheduler(_) => ("scheduler", Profile::Service),
        Role::Submit(_) => ("submit", Profile::Cli),
        Role::Worker(_) => ("worker", Profile::Service),
    };
    let dir = match &role {
        Role::Run(options) => options.telemetry(),
        _ => None,
    };
    let _telemetry = radiosonde::init!(
        service = service,
        profile = profile,
        dir = dir.unwrap_or_else(|| "data/telemetry".into()),
        registry = catalog::REGISTRY,
        labels = {"environment" => "development"},
    );
    match run(role) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("job-platform {service}: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(worker_threads = 2)]
async fn run(role: Role) -> Result<ExitCode, Error> {
    match role {
        Role::Api(options) => api::serve(options).await?,
        Role::Render(options) => render::run(options).await?,
        Role::Run(options) => platform::run(options).await?,
        Role::Scheduler(options) => scheduler::serve(options).await?,
        Role::Submit(options) => return submit::run(options).await,
        Role::Worker(options) => worker::work(options).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Says something to whoever started this process.
fn say(what: &str) {
    let mut stdout = std::io::stdout().lock();
    // A reader that has gone is no reason to fail.
    let _ = writeln!(stdout, "{what}").and_then(|()| stdout.flush());
}
