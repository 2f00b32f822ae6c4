//! A shop of two processes: a client asks a server over HTTP, the server puts a message into a queue,
//! and a worker in a process of its own takes it out. What happens to an order is one trace.
//!
//! `cargo run -p web`
#![forbid(unsafe_code)]

mod client;
mod queue;
mod shop;
mod worker;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

/// Where both processes leave their telemetry: one of the places the command looks at by itself.
const DIRECTORY: &str = "data/telemetry";
/// What tells a process that it is the worker.
const WORKER: &str = "worker";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run(shop()),
        [WORKER] => {
            let _telemetry = radiosonde::init!(service = "packing", dir = DIRECTORY);
            run(worker::work())
        }
        _ => {
            eprintln!("usage: web");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("web: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An error of a program, told to whoever started it.
type Error = Box<dyn std::error::Error + Send + Sync>;

fn run(future: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(future)
}

/// The server and its client, in one process for the sake of the example, and the worker beside them.
async fn shop() -> Result<(), Error> {
    let telemetry = radiosonde::init!(service = "shop", dir = DIRECTORY);
    let (queue, worker) = queue::start()?;
    let address = shop::start(queue).await?;
    let trace = client::order(address).await?;
    // The shop is gone and with it the queue's other end: the worker finishes what it has.
    worker.finish().await?;
    let directory = telemetry.directory().map(|path| path.display().to_string());
    telemetry.shutdown(Duration::from_secs(2));
    let directory = directory.unwrap_or_else(|| "memory only: see the report".to_owned());
    let command = format!("cargo run -q -p radiosonde-cli -- trace {trace}");
    let mut stdout = std::io::stdout().lock();
    // A reader that has gone is no reason to fail.
    let _ = writeln!(
        stdout,
        "\ntelemetry: {directory}\nlook at the order, one trace of two processes:\n  {command}"
    );
    Ok(())
}
