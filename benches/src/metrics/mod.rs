//! Suites `metrics`, `scrape` and `memory`: what a write costs the thread that makes it, what reading
//! everything costs, and what it all weighs.

pub(crate) mod memory;
pub(crate) mod peers;
pub(crate) mod scrape;
pub(crate) mod speed;
pub(crate) mod text;
mod values;
