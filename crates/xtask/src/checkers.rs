//! `cargo xtask prove` with programs that look at ours in ways of their own: a model checker, an
//! interpreter that knows undefined behaviour, a fuzzer.

use crate::steps::{Run, cargo, colour, program, root, succeeds, watch};
use crate::tally::Tally;
use std::path::PathBuf;
use std::process::Command;

/// One of them.
#[derive(Debug)]
pub(crate) struct Checker {
    /// What `prove` calls it.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) about: &'static str,
    /// Whether `--seconds` and `--only` mean something to it.
    pub(crate) is_timed: bool,
    work: fn(&Options, &mut Run),
}

impl PartialEq for Checker {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Checker {}

/// All of them.
pub(crate) const CHECKERS: &[Checker] = &[
    Checker {
        name: "fuzz",
        about: "inputs made up to do harm, for rings, records, stages, call sites, JSON, filters",
        is_timed: true,
        work: crate::fuzz::run,
    },
    Checker {
        name: "loom",
        about: "the protocols of rings and cells, in every order their threads can take",
        is_timed: false,
        work: loom,
    },
    Checker {
        name: "miri",
        about: "rings, cells, records and the encoder, interpreted by rules about undefined behaviour",
        is_timed: false,
        work: miri,
    },
];

/// What to run, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The checker.
    pub(crate) checker: &'static Checker,
    /// Seconds for each fuzz target.
    pub(crate) seconds: Option<u32>,
    /// The fuzz targets asked for; none means all.
    pub(crate) only: Vec<&'static str>,
}

/// The names of all of them with what they show.
pub(crate) fn list() -> String {
    let lines =
        CHECKERS.iter().map(|Checker { name, about, .. }| format!("  {name:<12} {about}\n"));
    lines.collect()
}

/// Runs a checker.
pub(crate) fn run(options: &Options) -> bool {
    let Checker { name, about, work, .. } = options.checker;
    println!("prove {name}: {about}");
    let mut run = Run::new();
    work(options, &mut run);
    let ok = run.close();
    println!("\nprove {name}: {}", if ok { "holds" } else { "FAILED" });
    ok
}

/// Runs tests that must be there: a proof must not pass by being misnamed.
fn some_pass(command: &mut Command) -> bool {
    some_pass_in(command, &mut Tally::default())
}

/// The same, added to what was counted before.
fn some_pass_in(command: &mut Command, tally: &mut Tally) -> bool {
    let before = tally.passed;
    let outcome = watch(command.env("RUST_BACKTRACE", "0"), |line| tally.see(line));
    if outcome.ok && tally.passed == before {
        eprintln!("no test ran: nothing is proved");
    }
    outcome.ok && tally.passed > before
}

/// How often the models interrupt a thread at a bad moment: one more than by themselves.
const PREEMPTIONS: &str = "4";

fn loom(_: &Options, run: &mut Run) {
    for model in MODELS {
        run.step(&format!("models of {}", model.0), || {
            models(model, PREEMPTIONS, &["--release"], &mut Tally::default())
        });
    }
}

/// The models in their short form, for every change: one that is not run is soon of something else.
pub(crate) fn short_loom(tally: &mut Tally) -> bool {
    // The fewest with which each model sees what it is about.
    MODELS.iter().all(|model| models(*model, "2", &[], tally))
}

/// The packages that have models, and where.
const MODELS: [(&str, &str); 2] =
    [("radiosonde-record", "ring::model"), ("radiosonde-metrics", "cells::models")];

fn models(
    (package, place): (&str, &str),
    preemptions: &str,
    profile: &[&str],
    tally: &mut Tally,
) -> bool {
    // Other flags mean other builds of everything: not in the place of the ordinary ones.
    let target = target_folder().join("loom");
    let mut command = cargo(&["test", colour()]);
    command.args(profile).args(["-p", package, "--lib", place]);
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", target);
    some_pass_in(command.env("LOOM_MAX_PREEMPTIONS", preemptions), tally)
}

/// Of each run: its title, flags of Miri beside the common ones, and arguments of `cargo test`.
const MIRI: &[(&str, &str, &[&str])] = &[
    (
        "cells and what finds series",
        "",
        &[
            "-p",
            "radiosonde-metrics",
            "--lib",
            "--",
            "cells::",
            "exemplars::",
            "index::",
            "segmented::",
            "family::known::",
            "sought::",
            "typed::lines::",
        ],
    ),
    (
        "rings and records",
        "",
        &[
            "-p",
            "radiosonde-record",
            "--lib",
            "--",
            "ring::",
            "format::",
            "plain::",
            "lines::",
            "sites::",
            "open::tests",
        ],
    ),
    (
        "two threads at a ring, in 16 orders",
        "-Zmiri-many-seeds=0..16",
        &["-p", "radiosonde-record", "--lib", "--", "two_threads"],
    ),
    ("the encoder", "", &["-p", "radiosonde-events", "--lib", "--test", "fuzz"]),
];

fn miri(_: &Options, run: &mut Run) {
    if !run.step("Miri", has_miri) {
        return;
    }
    for (title, flags, tests) in MIRI {
        run.step(title, || {
            let mut command = nightly(&["miri", "test", colour()]);
            // Isolated programs have no clock and no folder, which proptest asks for.
            command.env("MIRIFLAGS", format!("-Zmiri-disable-isolation {flags}"));
            // It takes seconds for what takes milliseconds.
            command.env("PROPTEST_CASES", "4");
            some_pass(command.args(*tests))
        });
    }
}

fn has_miri() -> bool {
    succeeds(&mut nightly(&["miri", "--version"])) || {
        println!("Miri is missing: installing it, and a nightly compiler if that is missing too");
        let add = ["toolchain", "install", "nightly", "--profile", "minimal"];
        let components = ["--component", "miri", "--component", "rust-src"];
        watch(program("rustup", &add).args(components), |_| ()).ok
    }
}

/// `cargo` of the nightly toolchain, for what needs one.
pub(crate) fn nightly(arguments: &[&str]) -> Command {
    let mut command = program("rustup", &["run", "nightly", "cargo"]);
    // Set for us by the outer cargo, which is another one.
    for inherited in ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
        command.env_remove(inherited);
    }
    command.args(arguments);
    command
}

/// Where cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
