//! One line in `main`, and the same telemetry without a runtime, in a current-thread one and in a
//! multi-thread one, built before or after the line.
//!
//! `cargo run -p one-line -- [none|current_thread|multi_thread] [before|after]`
#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mode = arguments.first().map_or("none", String::as_str);
    if !["none", "current_thread", "multi_thread"].contains(&mode) {
        eprintln!("usage: one-line [none|current_thread|multi_thread] [before|after]");
        return ExitCode::from(2);
    }
    let before = arguments.get(1).is_some_and(|place| place == "before");
    let early = before.then(|| runtime(mode)).flatten();

    let _telemetry = radiosonde::init!(); // the one line

    match early.or_else(|| runtime(mode)) {
        Some(runtime) => runtime.block_on(async {
            let task = radiosonde::scope().job("job-1").worker("w-1").wrap(work());
            // A task of its own, where there is a runtime to have one.
            if radiosonde::spawn(task).await.is_err() {
                tracing::error!("the task did not end");
            }
        }),
        None => block_on(radiosonde::scope().job("job-1").worker("w-1").wrap(work())),
    }
    ExitCode::SUCCESS
}

fn runtime(mode: &str) -> Option<Runtime> {
    match mode {
        "current_thread" => Builder::new_current_thread().build().ok(),
        "multi_thread" => Builder::new_multi_thread().worker_threads(2).build().ok(),
        _ => None,
    }
}

/// Something of every signal, over an `.await`, a span and a thread.
#[tracing::instrument(fields(items = 3))]
async fn work() {
    tracing::info!(step = 1, "started");
    YieldOnce(false).await;
    radiosonde::event!("user.action", type = "click", "clicked");
    let thread = radiosonde::spawn_thread(|| log::warn!("from a thread"));
    if thread.join().is_err() {
        tracing::error!("the thread panicked");
    }
    metrics::counter!("clicks_total", "type" => "click").increment(2);
    metrics::histogram!("work_seconds").record(0.25);
}

/// Gives the executor a reason to poll again, and perhaps elsewhere.
struct YieldOnce(bool);

impl Future for YieldOnce {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The smallest executor there is: no runtime at all.
fn block_on(future: impl Future<Output = ()>) {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        std::thread::park();
    }
}
