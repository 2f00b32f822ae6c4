//! Registries to begin with, each compiled by `catalog!` and written once by typed handles.
//!
//! The files are the product: copy the one that is nearest. The modules here show that they
//! compile, and what writing their metrics looks like; the tests, that everything written arrives.
#![forbid(unsafe_code)]

pub mod job_platform;
pub mod migration_program;
pub mod session_analytics;
pub mod translation_pipeline;
pub mod usage_ingestion;
