//! The registry of tracing-subscriber alone: what the macros of `tracing` and the place of a span cost
//! before anybody does anything. It keeps no attributes.

use super::{child, root};
use crate::harness::Role;
use crate::spans::subject::{Ended, Fields, Subject};
use std::path::Path;
use tracing_subscriber::util::SubscriberInitExt as _;

/// See above.
pub(crate) struct Registry;

impl Subject for Registry {
    const NAME: &'static str = "registry";
    const ROLE: Role = Role::Floor;
    const PACKAGES: &'static [&'static str] = &["tracing", "tracing-subscriber"];

    fn start(_folder: &Path) -> Result<Self, String> {
        tracing_subscriber::registry().init();
        Ok(Self)
    }

    #[inline]
    fn root(&self, fields: &Fields, inside: impl FnOnce()) {
        root(fields, inside);
    }

    #[inline]
    fn child(&self, fields: &Fields) {
        child(fields);
    }

    fn finish(self) -> Result<Ended, String> {
        Ok(Ended::default())
    }
}
