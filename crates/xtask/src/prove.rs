//! `cargo xtask prove`: proofs that take too long for every push. CI runs a short form of each.

use crate::steps::{Run, cargo, colour, watch};
use crate::tally::Tally;
use std::fmt::Write;

/// One long proof: tests that read how often to repeat themselves from the environment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// What `prove` calls it.
    pub(crate) name: &'static str,
    /// What it shows.
    about: &'static str,
    /// How often, unless `--rounds` says otherwise.
    pub(crate) rounds: u32,
    /// The variable that carries the number to the tests.
    variable: &'static str,
    /// Arguments of `cargo test` that choose the tests.
    tests: &'static [&'static str],
}

/// All of them.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        name: "deaths",
        about: "two processes die under load, by signals, by themselves, also in the middle of a write or of a recovery: nothing accepted is lost or there twice",
        rounds: 1000,
        variable: "XTASK_DEATHS",
        tests: &["--release", "-p", "drill", "--test", "deaths"],
    },
    Proof {
        name: "exports",
        about: "two processes are killed in one directory, by themselves at every point of a hand-over, in a recovery too, and from outside: each record is in a queue, or in a spool, once, and in its day file",
        rounds: 1000,
        variable: "XTASK_EXPORTS",
        tests: &[
            "-p",
            "radiosonde-events",
            "-p",
            "radiosonde-otlp",
            "--test",
            "exports",
            "--test",
            "killed",
        ],
    },
    Proof {
        name: "cap",
        about: "eight threads at 400 keys of a counter and a histogram, threads that end while others write: caps of 50 and 200 are exact, nothing is there twice or lost",
        rounds: 300,
        variable: "XTASK_CAP",
        tests: &["-p", "radiosonde-metrics", "--test", "crowd"],
    },
    Proof {
        name: "monotonic",
        about: "no counter, bucket or sum that only rises falls between two snapshots, under any writers",
        rounds: 2000,
        variable: "XTASK_MONOTONIC",
        tests: &["-p", "radiosonde-metrics", "--test", "monotonic"],
    },
    Proof {
        name: "scrape",
        about: "a real Prometheus scrapes once a second, and its answers are what was written",
        rounds: 60,
        variable: "XTASK_SCRAPES",
        tests: &["-p", "radiosonde-prometheus", "--test", "prometheus"],
    },
    Proof {
        name: "paths",
        about: "requests for random paths, a third of them with methods that nobody knows, make two series and none more",
        rounds: 100_000,
        variable: "XTASK_PATHS",
        tests: &[
            "-p",
            "radiosonde-http",
            "--all-features",
            "--test",
            "server",
            "what_nobody_knows",
        ],
    },
    Proof {
        name: "capture",
        about: "64 captures at once say the same with values of their own, on threads and tasks, and each sees exactly its own",
        rounds: 1000,
        variable: "XTASK_CAPTURE",
        tests: &["-p", "tested", "--test", "crowd"],
    },
    Proof {
        name: "outage",
        about: "8,000 records a second and no collector, minute after minute on a clock that is moved: the lowest ranks go first, all that is lost is told, the books are exact",
        rounds: 60,
        variable: "XTASK_OUTAGE",
        tests: &["-p", "radiosonde-spool", "--lib", "an_hour_without_a_collector"],
    },
    Proof {
        name: "spool",
        about: "processes with a spool are killed at each of their operations on files, also while they recover: what was appended comes, or is counted, once",
        rounds: 1,
        variable: "XTASK_SPOOL_KILLS",
        tests: &["-p", "radiosonde-spool", "--lib", "whenever_a_process_is_killed"],
    },
    Proof {
        name: "sender",
        about: "the sender under simulated networks, collectors and clocks: whatever goes wrong, everything arrives or is counted, in order, without haste, and a kill repeats one range of a signal",
        rounds: 5_000,
        variable: "XTASK_SENDER",
        tests: &["-p", "radiosonde-otlp", "--features", "grpc", "--lib", "sender::simulation"],
    },
    Proof {
        name: "follow",
        about: "writers at 50,000 lines a second by the clock, over midnights, in parts that are sealed at once, killed and recovered, and a reader that does not read: `radiosonde tail` shows each line once, and in the order of its writer",
        rounds: 60,
        variable: "XTASK_FOLLOW",
        tests: &["--release", "-p", "radiosonde-cli", "--test", "cli", "follow::p"],
    },
    Proof {
        name: "catalog",
        about: "how long the compiler takes for catalogues of 100 to 1,000 metrics",
        rounds: 5,
        variable: "XTASK_CATALOG",
        tests: &["-p", "radiosonde-metrics", "--test", "packages", "compile_time"],
    },
];

/// Which proof to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The proof.
    pub(crate) proof: &'static Proof,
    /// How often.
    pub(crate) rounds: u32,
}

/// The names of all proofs with what they show.
pub(crate) fn list() -> String {
    let mut text = String::from("proofs:\n");
    for Proof { name, about, rounds, .. } in PROOFS {
        let _ = writeln!(text, "  {name:<12} {about} ({rounds} rounds)");
    }
    text
}

/// Runs one proof. That no test ran at all is a failure: a proof must not pass by being misnamed.
pub(crate) fn run(options: &Options) -> bool {
    let Options { proof, rounds } = options;
    let mut run = Run::new();
    let mut tally = Tally::default();
    run.step(&format!("prove {}: {} ({rounds} rounds)", proof.name, proof.about), || {
        let mut command = cargo(&["test", colour()]);
        command.args(proof.tests).args(["--", "--include-ignored", "--nocapture"]);
        command.env(proof.variable, rounds.to_string()).env("RUST_BACKTRACE", "0");
        // A test that leaves itself out for want of a program would prove nothing.
        command.env("XTASK_REQUIRE_SERVERS", "1");
        let outcome = watch(&mut command, |line| tally.see(line));
        if outcome.ok && tally.passed == 0 {
            eprintln!("no test ran: nothing is proved");
        }
        outcome.ok && tally.passed > 0
    });
    let ok = run.close();
    println!(
        "\nprove {}: {} in {rounds} rounds; {tally}",
        proof.name,
        if ok { "holds" } else { "FAILED" }
    );
    ok
}
