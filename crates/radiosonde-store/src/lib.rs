//! Day files of radiosonde: their names, where they are, and finding lines in them again.
//!
//! A line is one JSON object:
//!
//! ```text
//! {"ts":"2025-10-06T13:43:10.123456Z","level":"error","evt":"openrouter_error","msg":"429 Rate limit","job_id":"job-123","meta":{"status":429},"id":"k3f9q2xw.4.1871"}
//! ```
//!
//! ```
//! # #[cfg(feature = "sealed")] {
//! use radiosonde_store::query::Query;
//! # let dir = tempfile::tempdir()?;
//! # std::fs::write(dir.path().join("events-2025-10-06.jsonl"), concat!(
//! #     r#"{"ts":"2025-10-06T13:43:10.123456Z","level":"error","evt":"log","msg":"429 Rate limit","job_id":"job-123","meta":{}}"#, "\n"))?;
//!
//! let mut query = Query::new(vec![dir.path().to_owned()]);
//! query.job = Some("job-123".to_owned());
//! let answer = query.run();
//! for line in &answer.lines {
//!     println!("{} {}", line.ts, line.msg.as_deref().unwrap_or_default());
//! }
//! // 2025-10-06T13:43:10.123456Z 429 Rate limit
//! # assert_eq!(answer.lines.len(), 1);
//! # }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # When files are damaged or change while they are read
//!
//! Nothing here follows a symbolic link that nobody named, maps a file or panics on what a file holds,
//! and nothing but `sealed::seal` writes. What may be read, and what is refused, stands in `foreign`. A stretch that is no line is skipped and named in `query::Reading`; a
//! damaged part of a sealed file and a file that cannot be read are named there too, and everything
//! else is still found. A half line at the end of a file is the normal state of a file that is being
//! written. Memory is bounded by the longest line accepted (16 MiB) plus what matches.
//!
//! # What is not read
//!
//! A sealed file has an index, by which a query reads only the frames that may hold a match: by time,
//! by job, trace and session, by machine, worker, level and event. `sealed` says how. [`peek`] tells
//! what a line says about itself before it is parsed.
//!
//! # Following
//!
//! `follow` gives out what is there and then every line that comes, through midnight, full parts,
//! sealing and restarts: none is missed, and none comes twice.
//!
//! # Features
//!
//! `sealed`, on by default: sealed files (`sealed`), those of other programs (`foreign`), and queries
//! over all of them (`query`). Without it there are names, places, lines and the reader of live files,
//! and no compression library. `gzip`: also files that `gzip` compressed.
//!
//! `regex`: regular expressions in the conditions of a query (`query::condition`), which are refused
//! without it.

#![forbid(unsafe_code)]

mod blocks;
#[cfg(feature = "sealed")]
pub mod follow;
#[cfg(feature = "sealed")]
pub mod foreign;
#[cfg(feature = "sealed")]
#[doc(hidden)]
pub mod fuzzing;
pub mod id;
pub mod level;
pub mod line;
pub mod location;
pub mod names;
pub mod peek;
#[cfg(feature = "sealed")]
pub mod query;
pub mod reader;
#[cfg(feature = "sealed")]
pub mod sealed;
#[cfg(feature = "sealed")]
pub mod stored;

pub use level::Level;
pub use line::Line;
#[cfg(feature = "sealed")]
pub use query::Query;
