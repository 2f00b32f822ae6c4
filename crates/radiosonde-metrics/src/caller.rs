//! Who writes.

use metrics::Metadata;

use crate::typed::TARGET;

/// Where a write comes from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Caller<'a> {
    /// The module; the one of the catalogue for its functions, which do not know who calls them.
    pub(crate) module: Option<&'a str>,
    /// Whether it is made through the functions of a catalogue. A module may be called like one and
    /// be anybody's.
    pub(crate) typed: bool,
}

impl<'a> Caller<'a> {
    pub(crate) fn of(metadata: &'a Metadata<'_>) -> Self {
        Self { module: metadata.module_path(), typed: metadata.target() == TARGET }
    }

    /// The catalogue it is made through.
    pub(crate) fn catalogue(self) -> Option<&'a str> {
        self.module.filter(|_| self.typed)
    }
}
