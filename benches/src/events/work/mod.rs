//! What is measured, the same for every candidate.

pub(super) mod bursts;
pub(super) mod cost;
pub(super) mod disabled;
pub(super) mod disk;
pub(super) mod instructions;
pub(super) mod isolated;
pub(super) mod overload;
