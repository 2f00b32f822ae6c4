//! The help texts.

/// Printed under every usage error.
pub(crate) const SHORT: &str = "\
usage: cargo xtask <test | check | prove | help> [options]
Try `cargo xtask help`.
";

/// `cargo xtask help`.
pub(crate) const LONG: &str = "\
The commands of this workspace; CI runs the same ones.

usage: cargo xtask <command> [options]

commands:
  test [--without PARTS]      run all tests and doctests; installs missing test programs (promtool,
                              prometheus, amtool, jq, rg, zstd, rsyslogd, strace; of Python
                              prometheus-client, opentelemetry-sdk, opentelemetry-proto and rotel)
                              and says so; a program that cannot be had is a failure unless it is
                              named with --without, and is then listed as not run
  check [--only STEPS] [--advisories]
                              everything judged without running the code. Steps: manifests, fmt,
                              clippy, doc, deny, features. --advisories adds the security advisories,
                              which need a database from the network
  prove <name> [--rounds N]   run one long proof; without a name, lists them
  prove loom | miri           the models of the ring protocol; rings, records and encoder under Miri
  prove fuzz [--seconds N] [--only TARGETS]
                              each fuzz target for 600 s, or N, two side by side; installs cargo-fuzz
  help                        this text

PARTS, STEPS and TARGETS are names separated by commas; an option may be given several times.

examples:
  cargo xtask test                         all of it, on a machine with only Rust
  cargo xtask test --without promtool      leave out what needs Prometheus' promtool
  cargo xtask check --only fmt,clippy      the two that change most often
  cargo xtask prove deaths                 1,000 deaths under load, every call accounted for
  cargo xtask prove deaths --rounds 5000
  cargo xtask prove exports                1,000 kills between a day file and a queue
  cargo xtask prove cap                    exact caps under concurrency, 300 rounds
  cargo xtask prove monotonic              nothing that only rises falls, 2,000 cases
  cargo xtask prove scrape                 a real Prometheus scrapes for a minute
  cargo xtask prove paths                  100,000 paths that are asked for make no series
  cargo xtask prove capture                64 captures at once, a thousand rounds
  cargo xtask prove outage                 an hour of no collector, on a clock that is moved
  cargo xtask prove spool                  a spool whose writer is killed
  cargo xtask prove sender                 5,000 bad days of simulated networks
  cargo xtask prove follow                 a follower, while files rotate, are sealed and recovered
  cargo xtask prove catalog                how long catalogues of 100 to 1,000 metrics take
  cargo xtask prove fuzz --seconds 60 --only ring_image,json_escape

exit status: 0 all well, 1 something failed, 2 the command was not understood.
";
