//! `drill <acknowledgements> <books> <paced> <eager>`: records with so many producers of each kind
//! until a line on stdin tells how to end, and perhaps in the middle of what. Without one, when stdin is closed, it ends at once:
//! nobody is left who would hold it against its acknowledgements.
#![forbid(unsafe_code)]

mod producer;

use std::io::{self, BufRead as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use drill::acks::{Acks, PRODUCERS_MAX};
use drill::books;
use drill::order::Order;
use producer::Producer;
use radiosonde::Guard;
use rustix::process::{Resource, Rlimit, nice, setrlimit};

radiosonde::catalog!("registry.json");

const USAGE: &str = "usage: drill <acknowledgements> <books> <paced> <eager>";
/// As the drop of a guard.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// Steps down in priority, half of what there is: others on the machine shall not starve us.
const NICE: i32 = 10;

struct Args {
    acknowledgements: PathBuf,
    books: PathBuf,
    paced: usize,
    eager: usize,
}

fn main() -> ExitCode {
    let Some(args) = parse() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // Best effort: hundreds of core dumps help nobody.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // On a thread of its own, whose priority the threads of telemetry and the producers inherit;
    // this one and the one that obeys keep theirs.
    let end = match thread::spawn(move || start(&args)).join() {
        Ok(Ok(end)) => end,
        Ok(Err(error)) => {
            eprintln!("drill: {error}");
            return ExitCode::FAILURE;
        }
        Err(_panic) => return ExitCode::FAILURE,
    };
    let order = thread::spawn(obey).join();
    match order {
        Ok(Order::PanicInMain) => panic!("ordered to"),
        Ok(_) => drop(end),
        Err(_panic) => std::process::exit(3),
    }
    ExitCode::SUCCESS
}

fn parse() -> Option<Args> {
    let [acknowledgements, books, paced, eager] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().ok()?;
    let (paced, eager) = (paced.parse().ok()?, eager.parse().ok()?);
    let args =
        Args { acknowledgements: acknowledgements.into(), books: books.into(), paced, eager };
    (paced + eager <= PRODUCERS_MAX).then_some(args)
}

/// Starts telemetry, and producers that record from here on.
fn start(args: &Args) -> io::Result<End> {
    // Best effort: whoever watches for the right moment shall not wait for us.
    let _ = nice(NICE);
    let telemetry = radiosonde::init!(registry = catalog::REGISTRY);
    let mut end = End {
        telemetry: Some(telemetry),
        books: args.books.clone(),
        producers: Vec::new(),
        stop: Arc::default(),
    };
    for index in 0..args.paced + args.eager {
        let acks = Acks::open(&args.acknowledgements, index)?;
        let (stop, paced) = (Arc::clone(&end.stop), index < args.paced);
        let producer = Producer::new(index, acks);
        let name = format!("producer-{index}");
        let run =
            move || if paced { producer.run_paced(&stop) } else { producer.run_eagerly(&stop) };
        end.producers.push(thread::Builder::new().name(name).spawn(run)?);
    }
    Ok(end)
}

/// Waits for the order, and for its moment, and does what cannot be done by `main`.
fn obey() -> Order {
    let mut line = Vec::new();
    let read = io::stdin().lock().read_until(b'\n', &mut line);
    let told = read.and_then(|_| Order::of_line(&line)).and_then(|(order, aim)| {
        // What is not met in time is not met by this death.
        let _met = aim.map(|aim| aim.wait()).transpose()?;
        Ok(order)
    });
    match told {
        Ok(Order::Abort) => std::process::abort(),
        Ok(Order::Exit) => std::process::exit(7),
        Ok(Order::PanicInWorker) => panic!("ordered to"),
        Ok(order) => order,
        Err(untold) => {
            eprintln!("drill: no order, or nothing to wait for: {untold}");
            std::process::exit(9)
        }
    }
}

/// What `main` does when it ends, by a panic or not: telemetry is shut down under load, and when
/// the producers have stopped, the books are complete.
struct End {
    telemetry: Option<Guard>,
    books: PathBuf,
    producers: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Drop for End {
    fn drop(&mut self) {
        let Some(telemetry) = self.telemetry.take() else { return };
        let _report = telemetry.shutdown(SHUTDOWN);
        self.stop.store(true, Ordering::Release);
        for producer in self.producers.drain(..) {
            // A producer that panicked has said so in an event.
            let _ended = producer.join();
        }
        if let Err(error) = books::write(&self.books) {
            eprintln!("drill: {}: {error}", self.books.display());
        }
    }
}
