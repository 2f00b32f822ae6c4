//! The recipe of docs/context.md, tried: clippy finds each spawn that loses the context, and each guard
//! that leaks it.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::root;

/// Lines that end in `// found` are what clippy has to name, and nothing else is.
const SOURCE: &str = r#"//! Spawns of every kind.
use std::thread;
use radiosonde_context::scope;
use tokio::runtime::{Handle, Runtime};
use tokio::task::{JoinSet, LocalSet};

fn carried() {}

pub fn plain(runtime: &Runtime, handle: &Handle, set: &mut JoinSet<()>, local: &LocalSet) {
    let pool = rayon::ThreadPoolBuilder::new().build().expect("a pool");
    thread::spawn(carried); // found
    let _ = thread::Builder::new().spawn(carried); // found
    thread::scope(|threads| {
        threads.spawn(carried); // found
        let _ = thread::Builder::new().spawn_scoped(threads, carried); // found
    });
    tokio::spawn(async {}); // found
    tokio::task::spawn(async {}); // found
    tokio::task::spawn_blocking(carried); // found
    tokio::task::spawn_local(async {}); // found
    local.spawn_local(async {}); // found
    set.spawn(async {}); // found
    set.spawn_blocking(carried); // found
    set.spawn_on(async {}, handle); // found
    set.spawn_blocking_on(carried, handle); // found
    set.spawn_local(async {}); // found
    set.spawn_local_on(async {}, local); // found
    handle.spawn(async {}); // found
    handle.spawn_blocking(carried); // found
    runtime.spawn(async {}); // found
    runtime.spawn_blocking(carried); // found
    let as_value = tokio::spawn::<std::future::Ready<()>>; // found
    let _ = as_value;
    rayon::spawn(carried); // found
    rayon::spawn_fifo(carried); // found
    rayon::spawn_broadcast(|_| carried()); // found
    rayon::broadcast(|_| carried()); // found
    rayon::join(carried, carried); // found
    rayon::join_context(|_| carried(), |_| carried()); // found
    rayon::scope(|_| carried()); // found
    rayon::scope_fifo(|_| carried()); // found
    rayon::in_place_scope(|scope| {
        scope.spawn(|_| carried()); // found
        scope.spawn_broadcast(|_, _| carried()); // found
    });
    rayon::in_place_scope_fifo(|scope| {
        scope.spawn_fifo(|_| carried()); // found
        scope.spawn_broadcast(|_, _| carried()); // found
    });
    pool.spawn(carried); // found
    pool.spawn_fifo(carried); // found
    pool.spawn_broadcast(|_| carried()); // found
    pool.broadcast(|_| carried()); // found
    pool.join(carried, carried); // found
    pool.install(carried); // found
    pool.scope(|_| carried()); // found
    pool.scope_fifo(|_| carried()); // found
    #[expect(clippy::disallowed_methods, reason = "carried")]
    rayon::spawn(carried);
    runtime.block_on(async {});
}

pub async fn held() {
    let span = tracing::Span::none();
    let in_span = span.enter(); // found
    std::future::ready(()).await;
    drop(in_span);
    let entered = tracing::Span::none().entered(); // found
    std::future::ready(()).await;
    drop(entered);
    let in_scope = scope().job("job-7").enter(); // found
    std::future::ready(()).await;
    drop(in_scope);
    let in_scope = scope().job("job-7").enter();
    drop(in_scope);
    std::future::ready(()).await;
}
"#;

const KINDS: [&str; 2] =
    ["use of a disallowed method", "holding a disallowed type across an await point"];

#[test]
fn clippy_names_each_plain_spawn() {
    let clippy = Command::new(env!("CARGO")).args(["clippy", "--version"]).output();
    if !clippy.is_ok_and(|output| output.status.success()) {
        let required = std::env::var_os("XTASK_REQUIRE_SERVERS").is_some_and(|value| value == "1");
        assert!(!required, "clippy is missing: rustup component add clippy");
        println!("not run: clippy is missing");
        return;
    }
    let crate_folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plain_spawns");
    write(&crate_folder);
    let output = Command::new(env!("CARGO"))
        .args(["clippy", "--offline", "--quiet", "--message-format", "short"])
        .current_dir(&crate_folder)
        .env("CARGO_TARGET_DIR", crate_folder.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let found: BTreeSet<usize> = said
        .lines()
        .filter(|line| KINDS.iter().any(|kind| line.contains(kind)))
        .filter_map(|line| line.split(':').nth(1)?.parse().ok())
        .collect();
    let expected: BTreeSet<usize> = (1..)
        .zip(SOURCE.lines())
        .filter_map(|(number, line)| line.ends_with("// found").then_some(number))
        .collect();
    assert_eq!(found, expected, "{said}");
    let mistakes: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("clippy.toml") || line.contains("unfulfilled"))
        .collect();
    assert!(mistakes.is_empty(), "{said}");
}

/// A crate with the recipe, and the versions of the workspace.
fn write(folder: &Path) {
    let page = fs::read_to_string(root().join("docs/context.md")).expect("docs/context.md");
    let recipe = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let context = root().join("crates/radiosonde-context");
    let manifest = format!(
        "[package]\nname = \"plain-spawns\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
        [dependencies]\n\
        radiosonde-context = {{ path = {context:?} }}\n\
        rayon = {{ version = \"1\", default-features = false }}\n\
        tokio = {{ version = \"1\", default-features = false, features = [\"rt\"] }}\n\
        tracing = {{ version = \"0.1\", default-features = false, features = [\"std\"] }}\n\n\
        [workspace]\n"
    );
    fs::create_dir_all(folder.join("src")).expect("a folder");
    let text = |name: &str, text: &str| fs::write(folder.join(name), text).expect(name);
    text("clippy.toml", recipe.expect("a recipe in docs/context.md"));
    text("Cargo.toml", &manifest);
    text("src/lib.rs", SOURCE);
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).expect("the lock file");
}
