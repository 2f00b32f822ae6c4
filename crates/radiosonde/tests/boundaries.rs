//! Every boundary of the table in docs/context.md: the line written behind it has the job and the
//! trace of whoever crossed it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Command;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use radiosonde::{Baggage, Carried, Context, JoinSet, carry, carry_fn, propagation, scope, wrap};
use rayon::prelude::*;
use serde_json::Value as Json;
use tracing::Instrument as _;

/// Says to this program that it is the child, and where its telemetry goes.
const CHILD: &str = "BOUNDARIES_CHILD";

fn read(directory: &Path) -> Vec<Json> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = std::fs::read_to_string(path).unwrap();
            // Other tests write here too: what has no end yet is theirs.
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            lines.extend(whole.map(|line| serde_json::from_str::<Json>(line).unwrap()));
        }
    }
    lines
}

/// The lines of one job, each message with its line; those of one message must be one.
struct Lines(Vec<Json>);

impl Lines {
    fn of(job: &str, directory: &Path) -> Self {
        Self(read(directory).into_iter().filter(|line| line["job_id"] == job).collect())
    }

    fn one(&self, msg: &str) -> &Json {
        let found: Vec<_> = self.0.iter().filter(|line| line["msg"] == msg).collect();
        assert_eq!(found.len(), 1, "{msg}: {found:?}");
        found[0]
    }

    /// These were said in the span `work` of the job.
    fn said_in_work(&self, messages: &[&str]) {
        let work = self.one("work");
        assert_eq!(work["trace_id"].as_str().unwrap().len(), 32);
        for msg in messages {
            let line = self.one(msg);
            for id in ["trace_id", "span_id", "worker_id"] {
                assert_eq!(line[id], work[id], "{id} of {msg}: {line}");
            }
        }
    }

    /// A span of this name is a child of the span `work`.
    fn child_of_work(&self, name: &str) {
        let (work, child) = (self.one("work"), self.one(name));
        assert_eq!(child["trace_id"], work["trace_id"], "{name}: {child}");
        assert_eq!(child["meta"]["parent_span_id"], work["span_id"], "{name}: {child}");
    }
}

/// Runs `f` in a span of a job, and reads what was written then.
fn work<R>(job: &str, f: impl FnOnce() -> R) -> Lines {
    let telemetry = radiosonde::init!();
    let work = || tracing::info_span!("work").in_scope(f);
    scope().job(job).worker("w-1").run(work);
    assert!(Context::current().is_empty(), "nothing stays on the thread");
    telemetry.flush(Duration::from_secs(20));
    Lines::of(job, telemetry.directory().unwrap())
}

/// As [`work`], of a future on a runtime with two threads.
fn work_async(job: &str, future: impl Future<Output = ()>) -> Lines {
    let telemetry = radiosonde::init!();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let work = async { future.instrument(tracing::info_span!("work")).await };
    runtime.block_on(scope().job(job).worker("w-1").wrap(work));
    drop(runtime);
    telemetry.flush(Duration::from_secs(20));
    Lines::of(job, telemetry.directory().unwrap())
}

#[test]
fn through_await() {
    let lines = work_async("await", async {
        tokio::task::yield_now().await;
        tracing::info!("after a yield");
        tokio::time::sleep(Duration::from_millis(1)).await;
        log::info!("after a timer");
    });
    lines.said_in_work(&["after a yield", "after a timer"]);
}

#[test]
fn through_select_and_what_it_drops() {
    struct Says(&'static str);
    impl Drop for Says {
        fn drop(&mut self) {
            tracing::info!("{}", self.0);
        }
    }
    let lines = work_async("select", async {
        let loser = wrap(async {
            let _says = Says("cancelled");
            std::future::pending::<()>().await;
        });
        let winner = async {
            tokio::task::yield_now().await;
            tracing::info!("the winner");
        };
        tokio::select! { biased; () = loser => {}, () = winner => {} }
        // A task that is aborted is dropped by the runtime, on a thread that knows nothing of us.
        let (sender, receiver) = mpsc::channel();
        let task = radiosonde::spawn(async move {
            let _says = Says("aborted");
            sender.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        while receiver.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    lines.said_in_work(&["the winner", "cancelled", "aborted"]);
}

#[test]
fn through_join() {
    let lines = work_async("join", async {
        let one = async {
            tokio::task::yield_now().await;
            tracing::info!("one");
        };
        let other = scope().session("s-1").wrap(async {
            tokio::task::yield_now().await;
            tracing::info!("other");
        });
        tokio::join!(one, other);
    });
    lines.said_in_work(&["one", "other"]);
    assert_eq!(lines.one("other")["session_id"], "s-1");
    assert!(lines.one("one").get("session_id").is_none(), "a branch keeps its scope to itself");
}

#[test]
fn through_spawn() {
    let lines = work_async("spawn", async {
        let task = radiosonde::spawn(async {
            tokio::task::yield_now().await;
            tracing::info!("in a task");
            tracing::info_span!("span of a task").in_scope(|| ());
        });
        task.await.unwrap();
        let handle = tokio::runtime::Handle::current();
        radiosonde::spawn_on(&handle, async { tracing::info!("by a handle") }).await.unwrap();
        let mut set = JoinSet::new();
        set.spawn(async { tracing::info!("in a set") });
        set.spawn_blocking(|| tracing::info!("blocking in a set"));
        while set.join_next().await.is_some() {}
    });
    lines.said_in_work(&["in a task", "by a handle", "in a set", "blocking in a set"]);
    lines.child_of_work("span of a task");
}

#[test]
fn through_spawn_blocking() {
    let lines = work_async("spawn_blocking", async {
        radiosonde::spawn_blocking(|| tracing::info!("blocking")).await.unwrap();
    });
    lines.said_in_work(&["blocking"]);
}

#[test]
fn through_rayon() {
    let lines = work("rayon", || {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let say = |msg: &'static str| carry(move || tracing::info!("{msg}"));
        pool.join(say("join: one"), say("join: other"));
        let all = carry_fn(|number: usize| tracing::info!("item {number}"));
        pool.install(|| (0..3).into_par_iter().for_each(all));
        let (spawned, context) = (say("spawned"), Context::current());
        pool.scope(|s| {
            context.run(|| {
                for msg in ["scoped: one", "scoped: other"] {
                    let scoped = say(msg);
                    s.spawn(move |_| scoped());
                }
            });
        });
        let (sender, receiver) = mpsc::channel();
        pool.spawn(move || {
            spawned();
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
    });
    lines.said_in_work(&["join: one", "join: other", "item 0", "item 2", "spawned"]);
    lines.said_in_work(&["scoped: one", "scoped: other"]);
}

#[test]
fn through_a_thread() {
    let lines = work("thread", || {
        radiosonde::spawn_thread(|| tracing::info!("a thread")).join().unwrap();
        let named = std::thread::Builder::new().name("named".to_owned());
        let named = radiosonde::spawn_thread_with(named, || tracing::info!("a named thread"));
        named.unwrap().join().unwrap();
        std::thread::scope(|threads| {
            radiosonde::spawn_scoped(threads, || tracing::info!("a scoped thread"));
        });
    });
    lines.said_in_work(&["a thread", "a named thread", "a scoped thread"]);
}

#[test]
fn through_a_channel() {
    let (sender, receiver) = mpsc::channel::<Carried<&str>>();
    let consumer = std::thread::spawn(move || {
        for carried in receiver {
            carried.run(|row| tracing::info!("handled {row}"));
        }
        assert!(Context::current().is_empty());
    });
    let lines = work("channel", move || {
        sender.send(Carried::new("first")).unwrap();
        sender.send(Carried::new("second")).unwrap();
        drop(sender);
        consumer.join().unwrap();
    });
    lines.said_in_work(&["handled first", "handled second"]);
}

#[test]
fn through_a_stream() {
    struct Rows(u32);
    impl Stream for Rows {
        type Item = u32;
        fn poll_next(
            mut self: Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> Poll<Option<u32>> {
            self.0 += 1;
            tracing::info!("row {}", self.0);
            Poll::Ready((self.0 < 3).then_some(self.0))
        }
    }
    impl Drop for Rows {
        fn drop(&mut self) {
            tracing::info!("stream dropped");
        }
    }
    let mut made = None;
    let telemetry = radiosonde::init!();
    let lines = work("stream", || made = Some(Box::pin(wrap(Rows(0)))));
    assert!(lines.0.iter().all(|line| line["msg"] == "work"));
    // Whoever reads it is in no job at all.
    let mut stream = made.unwrap();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    while let Poll::Ready(Some(_)) = stream.as_mut().poll_next(&mut cx) {}
    drop(stream);
    telemetry.flush(Duration::from_secs(20));
    let lines = Lines::of("stream", telemetry.directory().unwrap());
    lines.said_in_work(&["row 1", "row 2", "row 3", "stream dropped"]);
}

#[test]
fn through_a_queue() {
    let mut message = BTreeMap::new();
    let lines = work("queue", || {
        message.insert("body".to_owned(), "1,2,3".to_owned());
        propagation::inject(&Context::current(), &mut message);
        let message = &message;
        std::thread::scope(|threads| {
            threads.spawn(|| {
                assert!(
                    Context::current().is_empty(),
                    "a plain spawn, as another process would be"
                );
                let context = propagation::extract(message);
                context.run(|| tracing::info_span!("consume").in_scope(|| tracing::info!("taken")));
            });
        });
    });
    lines.child_of_work("consume");
    assert_eq!(lines.one("taken")["worker_id"], "w-1");
    assert_eq!(message["body"], "1,2,3");
}

#[test]
fn through_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nightly.context");
    let lines = work("file", || {
        propagation::write_file(&path, &Context::current()).unwrap();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let context = propagation::read_file(&path).unwrap();
                context.run(|| tracing::info_span!("resumed").in_scope(|| ()));
            });
        });
    });
    lines.child_of_work("resumed");
}

#[test]
fn through_a_child_process() {
    let directory = tempfile::tempdir().unwrap();
    let lines = work("child", || {
        let baggage = Baggage::default().with("tenant", "größe").unwrap();
        let baggage = baggage.with("password", "hunter2").unwrap();
        let _attached = Context::current().with_baggage(baggage).attach();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "the_child_process", "--nocapture"]).env(CHILD, directory.path());
        // What this process was started with itself is not its child's.
        child.env("TRACESTATE", "stale=1").env("RADIOSONDE_STDERR", "off");
        let output = propagation::command(&mut child).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    });
    let child = Lines::of("child", directory.path());
    let (work, child, said) =
        (lines.one("work"), child.one("child work"), child.one("in the child"));
    assert_eq!(child["trace_id"], work["trace_id"]);
    assert_eq!(child["meta"]["parent_span_id"], work["span_id"]);
    assert_eq!((&said["worker_id"], &said["span_id"]), (&work["worker_id"], &child["span_id"]));
    assert_eq!(said["meta"]["tenant"], "größe");
    assert_eq!(said["meta"]["hidden_arrived"], false, "what a line would hide is not sent");
    assert_eq!(said["meta"]["stale"], false);
}

/// Not a test of its own: what [`through_a_child_process`] starts.
#[test]
fn the_child_process() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let _telemetry = radiosonde::init!(dir = PathBuf::from(directory));
    let _attached = Context::from_env().attach();
    tracing::info_span!("child work").in_scope(|| {
        let context = Context::current();
        let tenant = context.baggage().get("tenant").unwrap_or_default();
        let hidden_arrived = context.baggage().get("password").is_some();
        let stale = context.trace_state().is_some();
        tracing::info!(tenant, hidden_arrived, stale, "in the child");
    });
}

#[test]
fn through_a_panic() {
    let lines = work("panic", || {
        let caught = std::panic::catch_unwind(|| {
            scope().session("s-1").run(|| panic!("out of paper"));
        });
        assert!(caught.is_err());
        assert_eq!(Context::current().session_id(), None, "the scope that panicked is left");
        tracing::info!("after the panic");
        let thread = radiosonde::spawn_thread(|| panic!("in a thread"));
        assert!(thread.join().is_err());
    });
    lines.said_in_work(&["out of paper", "after the panic", "in a thread"]);
    assert_eq!(lines.one("out of paper")["evt"], "panic");
    assert_eq!(lines.one("out of paper")["session_id"], "s-1");
}

#[test]
fn each_row_of_the_table_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("docs/context.md")).unwrap();
    let table = text.split("| boundary |").nth(1).expect("the table of boundaries");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut boundaries = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [boundary, keeps, loses, tests] = cells[..] else { panic!("four cells: {row}") };
        assert!(!keeps.is_empty() && !loses.is_empty(), "{row}");
        boundaries.push(boundary);
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test is named: {row}");
        for test in named {
            let (file, function) = test.split_once("::").unwrap_or_else(|| panic!("{row}"));
            let source = std::fs::read_to_string(root.join(file)).unwrap();
            let test = format!("#[test]\nfn {function}()");
            assert!(source.contains(&test), "{row}: {file} has no test {function}");
        }
    }
    let expected = [
        "await",
        "select",
        "join",
        "spawn",
        "spawn_blocking",
        "rayon",
        "std thread",
        "channel",
        "stream",
        "HTTP",
        "gRPC",
        "queue",
        "child process",
        "panic",
        "file",
    ];
    assert_eq!(boundaries, expected);
}
