//! The sender: from spools to collectors.

mod answer;
mod breaker;
mod job;
mod lane;
mod pace;
mod response;
#[cfg(test)]
mod simulation;
mod status;
mod store;

pub use status::{State, Status};
