//! All of the platform on one machine: starts the processes in order, starts a worker again that died, and
//! ends them in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::fault::{self, Fault};
use crate::job::Kind;
use crate::{Error, catalog, submit, told};

const WORKERS: [&str; 2] = ["worker-1", "worker-2"];
/// How long a process may take to end in order before it is killed.
const GRACE: Duration = Duration::from_secs(30);
/// How long a worker is left dead.
const RESTART_AFTER: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Submit a job of each of these kinds at once, and end when all are done
    kinds: Vec<Kind>,
    /// Where the API listens
    #[arg(long, default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
    /// The directory of the queue
    #[arg(long, default_value = "data/queue")]
    queue: PathBuf,
    /// A telemetry directory for each machine, DIR/MACHINE, instead of one for all; this process has
    /// DIR/machine-platform
    #[arg(long, value_name = "DIR")]
    machines: Option<PathBuf>,
    /// How long a worker may be silent before its job is given to another one, in milliseconds
    #[arg(long, default_value_t = 5_000)]
    lease_ms: u64,
    /// How long a job may take, in milliseconds
    #[arg(long, default_value_t = 20_000)]
    limit_ms: u64,
    /// What is wrong with the platform; repeat for several
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
}

/// A process of the platform.
struct Process {
    name: &'static str,
    child: Child,
    /// Its standard input: it ends when this does.
    leash: Option<ChildStdin>,
}

pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let lease = options.lease_ms.to_string();
    let mut scheduler = options
        .start("scheduler", &["scheduler", "--listen", "127.0.0.1:0", "--lease-ms", &lease])?;
    let of_scheduler = scheduler.said("scheduler ").await?;
    let listen = options.listen.to_string();
    let mut api =
        options.start("api", &["api", "--listen", &listen, "--scheduler", &of_scheduler])?;
    let of_api = api.said("api http://").await?;
    crate::say(&format!("api http://{of_api}"));
    let worker = |name| options.start_worker(name, &of_scheduler);
    let mut workers = WORKERS.map(worker).into_iter().collect::<Result<Vec<_>, _>>()?;

    let ended: Result<(), Error> = tokio::select! {
        () = told::to_end(false) => Ok(()),
        ended = options.submit_all(&of_api) => ended,
        error = keep_alive(&mut workers, worker) => Err(error.into()),
        status = scheduler.child.wait() => Err(died(scheduler.name, status)),
        status = api.child.wait() => Err(died(api.name, status)),
    };
    // Nothing new comes in, what has begun is finished and reported, and then nobody is left to report to.
    api.end().await;
    for worker in &mut workers {
        worker.end().await;
    }
    scheduler.end().await;
    ended
}

/// Starts each worker again that died; returns when that cannot be done.
async fn keep_alive(
    workers: &mut [Process],
    start: impl Fn(&'static str) -> std::io::Result<Process>,
) -> std::io::Error {
    let [first, second] = workers else { return std::future::pending().await };
    loop {
        let (dead, status) = tokio::select! {
            status = first.child.wait() => (&mut *first, status),
            status = second.child.wait() => (&mut *second, status),
        };
        let status = status.map(|status| status.to_string()).unwrap_or_default();
        catalog::worker_restarts_total(catalog::Reason::Crash).increment(1);
        radiosonde::event!(
            "worker.restarted",
            level: warning,
            worker = dead.name,
            status,
            "{} died and is started again", dead.name
        );
        tokio::time::sleep(RESTART_AFTER).await;
        match start(dead.name) {
            Ok(process) => *dead = process,
            Err(error) => return error,
        }
    }
}

/// Tells of a process that nobody had told to end, and without which there is no platform.
fn died(process: &'static str, status: std::io::Result<ExitStatus>) -> Error {
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let told = format!("the {process} ended: {status}");
    radiosonde::event!("process.died", level: error, process, status, "{told}");
    told.into()
}

impl Options {
    /// The directory of this process's own telemetry.
    pub(crate) fn telemetry(&self) -> Option<PathBuf> {
        self.machines.as_ref().map(|machines| machines.join("machine-platform"))
    }

    fn start(&self, name: &'static str, arguments: &[&str]) -> std::io::Result<Process> {
        let machine = format!("machine-{name}");
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).arg("--queue").arg(&self.queue).arg("--leash");
        command.env("RADIOSONDE_MACHINE_ID", &machine);
        fault::plant(&self.fault, &mut command);
        if let Some(machines) = &self.machines {
            command.env("RADIOSONDE_DIR", machines.join(&machine));
        }
        // A group of its own: ctrl-c is for this process, which ends the others in order.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let leash = child.stdin.take();
        Ok(Process { name, child, leash })
    }

    fn start_worker(&self, name: &'static str, scheduler: &str) -> std::io::Result<Process> {
        let limit = self.limit_ms.to_string();
        let arguments = ["worker", "--id", name, "--scheduler", scheduler, "--limit-ms", &limit];
        let process = self.start(name, &arguments)?;
        crate::say(&format!("{name} pid {}", process.child.id().unwrap_or_default()));
        Ok(process)
    }

    /// Submits what was asked for, each by a process of its own, and waits for all; for ever when
    /// nothing was.
    async fn submit_all(&self, api: &str) -> Result<(), Error> {
        if self.kinds.is_empty() {
            return std::future::pending().await;
        }
        let mut clients = Vec::new();
        for kind in &self.kinds {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["submit", "--api", api, kind.as_str()]).kill_on_drop(true);
            command.env("RADIOSONDE_MACHINE_ID", "machine-client");
            fault::plant(&self.fault, &mut command);
            if let Some(machines) = &self.machines {
                command.env("RADIOSONDE_DIR", machines.join("machine-client"));
            }
            clients.push(command.spawn()?);
        }
        for mut client in clients {
            let status = client.wait().await?;
            // It has told how its job ended.
            if !status.success() && status.code() != Some(submit::NOT_DONE.into()) {
                return Err(format!("a client ended: {status}").into());
            }
        }
        Ok(())
    }
}

impl Process {
    /// What the process says behind these words on its standard output.
    async fn said(&mut self, words: &str) -> Result<String, Error> {
        let stdout = self.child.stdout.take().ok_or("it says nothing")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(rest) = line.strip_prefix(words) {
                return Ok(rest.to_owned());
            }
        }
        Err(format!("the {} did not start", self.name).into())
    }

    /// Lets go of the leash, and waits.
    async fn end(&mut self) {
        drop(self.leash.take());
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            tracing::error!(process = self.name, "it did not end in time and is killed");
            drop(self.child.kill().await);
        }
    }
}
