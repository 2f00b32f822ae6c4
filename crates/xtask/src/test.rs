//! `cargo xtask test`: all tests, with the programs they need.

use crate::steps::{Run, cargo, colour, watch};
use crate::tally::Tally;
use crate::{checkers, parts};
use std::time::Instant;

/// How to run the tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Parts whose tests are not run.
    pub(crate) without: Vec<&'static str>,
}

/// Runs everything. The last line of the output is the sum of all test results, in the form of the
/// test programs' own last line.
pub(crate) fn run(options: &Options) -> bool {
    let started = Instant::now();
    let mut run = Run::new();
    let mut tally = Tally::default();
    run.step("programs the tests use", || parts::provide(&options.without));
    run.step("tests", || {
        let mut command = cargo(&["test", "--workspace", "--no-fail-fast", colour()]);
        command.env("XTASK_REQUIRE_SERVERS", "1");
        command.env("XTASK_WITHOUT", options.without.join(","));
        // Printing a backtrace takes long enough to hide a loss at a panic.
        command.env("RUST_BACKTRACE", "0");
        watch(&mut command, |line| tally.see(line)).ok
    });
    run.step("models of the rings, short form", || checkers::short_loom(&mut tally));
    let ok = run.close();
    if !options.without.is_empty() {
        println!("not run: what needs {}", options.without.join(", "));
    }
    let Tally { passed, failed, ignored, .. } = tally;
    println!(
        "\ntest result: {}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; \
         0 filtered out; finished in {:.2}s",
        if ok { "ok" } else { "FAILED" },
        started.elapsed().as_secs_f64()
    );
    ok
}
