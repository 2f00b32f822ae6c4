//! A usage-ingestion service, observed by radiosonde. `--help` says how to run it.
#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use quickstart::args::{self, Args, ArgsError};
use quickstart::client::Client;
use quickstart::totals::Totals;
use quickstart::{catalog, provider, report, run};

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os().skip(1)) {
        Ok(args) => args,
        Err(ArgsError::Help) => {
            print(args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("quickstart: {error}");
            return ExitCode::from(2);
        }
    };

    let mut config = radiosonde::config!(
        service = "usage-ingestion",
        registry = catalog::REGISTRY,
        dir = report::DIRECTORY,
        labels = {"environment" => "staging"},
    );
    if let Some(address) = &args.prometheus {
        config = config.prometheus(address);
    }
    let telemetry = config.init();
    if let Some(address) = telemetry.prometheus_addr() {
        eprintln!("quickstart: http://{address}/metrics, /health, /report");
    }

    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(serve(&args)));

    let directory = telemetry.directory().map(PathBuf::from);
    // Before the summary, so that on a terminal the last log lines do not follow it.
    let books = telemetry.shutdown(SHUTDOWN);
    match outcome {
        Ok(totals) => {
            print(&report::summary(&totals));
            print(&format!("\n{books}\n\n"));
            print(&report::pointers(&totals, directory.as_deref()));
            if totals.files_read == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs once, or again and again until a signal; returns the last complete run's numbers.
async fn serve(args: &Args) -> Result<Totals, Box<dyn std::error::Error>> {
    let files = match args.files.as_slice() {
        [] => run::committed_exports().to_vec(),
        files => files.to_vec(),
    };
    let client = Client::new(provider::start().await?)?;
    if !args.serve {
        return Ok(run::run(&files, &client).await);
    }
    let mut totals = Totals::default();
    let stop = stopped();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            latest = run::run(&files, &client) => totals = latest,
            signal = &mut stop => return signal.map(|()| totals),
        }
        if totals.files_read == 0 {
            // Nothing to repeat: more likely a slip in the command line.
            return Ok(totals);
        }
        print(&report::summary(&totals));
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            signal = &mut stop => return signal.map(|()| totals),
        }
    }
}

/// Ctrl-C or SIGTERM.
async fn stopped() -> Result<(), Box<dyn std::error::Error>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            outcome = tokio::signal::ctrl_c() => outcome?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// To stdout; a reader that has gone (`| head`) is no reason to fail.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Between two runs of `--serve`.
const INTERVAL: Duration = Duration::from_secs(30);
/// How long the end may wait for telemetry to be written.
const SHUTDOWN: Duration = Duration::from_secs(2);
