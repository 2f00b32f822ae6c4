//! A usage-ingestion service, observed by radiosonde: the worked example of the workspace.
//!
//! It reads usage exports (CSV and JSON), and for every window (one provider, one day) fetches the
//! provider's own figures over HTTP, retries what fails, checks the rows and reconciles the cost.
//! The provider is simulated in the same process, answers as real ones do (429, 500, slow, never),
//! and repeats exactly.
//!
//! `cargo run -p quickstart` runs it on the committed data set. See `main.rs` for the one line that
//! switches telemetry on, `ingest` for spans, logs, metrics and events of one window's job.
#![forbid(unsafe_code)]

pub mod args;
pub mod client;
pub mod exports;
pub mod ingest;
pub mod provider;
pub mod random;
pub mod report;
pub mod run;
pub mod totals;
pub mod usage;
pub mod window;

radiosonde::catalog!("registry.json");
