//! Collects the problems of one document and gives each its position.

use std::collections::BTreeSet;

use crate::{
    error::{RegistryError, RegistryErrors},
    locate::{Lines, Path},
    tree::Node,
};

/// Problems listed before the rest is only counted: nobody reads more, and a hostile document must
/// not turn into a larger report than itself.
const ERRORS_MAX: usize = 100;

/// The problems found so far in one document.
pub(crate) struct Report<'d> {
    file: &'d str,
    lines: Lines<'d>,
    root: &'d Node,
    /// With the byte each belongs to, so that they can be put in the order of the file.
    errors: Vec<(usize, RegistryError)>,
    /// Places whose content could not be read; lints leave them alone.
    broken: Vec<Path>,
    seen: BTreeSet<String>,
    unlisted: usize,
    /// Whether something was not even looked at.
    left_off: bool,
}

impl<'d> Report<'d> {
    pub(crate) fn new(file: &'d str, text: &'d str, root: &'d Node) -> Self {
        Self {
            file,
            lines: Lines::of(text),
            root,
            errors: Vec::new(),
            broken: Vec::new(),
            seen: BTreeSet::new(),
            unlisted: 0,
            left_off: false,
        }
    }

    /// Something at `path` cannot be read; the lints will not judge it.
    #[track_caller]
    pub(crate) fn unreadable(&mut self, offset: usize, path: &Path, what: String, fix: String) {
        if !self.is_full() {
            self.broken.push(path.clone());
        }
        self.push(offset, path, what, fix);
    }

    /// Something at `path` can be read and is wrong.
    #[track_caller]
    pub(crate) fn wrong(&mut self, path: &Path, what: String, fix: impl Into<String>) {
        // Looking for the place takes time with the size of the document.
        let offset = if self.is_full() { 0 } else { self.offset(path) };
        self.push(offset, path, what, fix.into());
    }

    /// The name under which something stands at `path` is wrong: its key, not its value.
    #[track_caller]
    pub(crate) fn wrong_key(&mut self, path: &Path, what: String, fix: impl Into<String>) {
        let offset = if self.is_full() { 0 } else { self.root.locate_key(path) };
        self.push(offset, path, what, fix.into());
    }

    /// The byte at which the thing at `path` starts, or the nearest thing around it.
    pub(crate) fn offset(&self, path: &Path) -> usize {
        self.root.locate(path)
    }

    /// Whether nothing at `path`, within it or around it is unreadable.
    pub(crate) fn is_sound(&self, path: &Path) -> bool {
        !self.broken.iter().any(|broken| broken.is_within(path) || path.is_within(broken))
    }

    /// Whether nothing in the whole document is unreadable.
    pub(crate) fn is_all_sound(&self) -> bool {
        self.broken.is_empty()
    }

    /// Whether `path` and everything around it could be read, whatever is wrong inside.
    pub(crate) fn is_readable(&self, path: &Path) -> bool {
        !self.broken.iter().any(|broken| path.is_within(broken))
    }

    /// Whether further problems are only counted.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.len() >= ERRORS_MAX
    }

    /// Whether there is no use in looking any further, which is noted: each look takes time, and a
    /// hostile document has hundreds of thousands of places.
    pub(crate) fn leaves_off(&mut self) -> bool {
        self.left_off |= self.is_full();
        self.left_off
    }

    /// All problems in the order of the file, or none.
    pub(crate) fn finish(mut self) -> Result<(), RegistryErrors> {
        if self.errors.is_empty() {
            return Ok(());
        }
        self.errors.sort_by_key(|(offset, _)| *offset);
        let mut errors: Vec<_> = self.errors.into_iter().map(|(_, error)| error).collect();
        if self.unlisted > 0 || self.left_off {
            let what = match (self.unlisted, self.left_off) {
                (unlisted, false) => format!("{unlisted} more problems are not listed"),
                (0, true) => "the rest is not looked at".to_owned(),
                (unlisted, true) => {
                    format!(
                        "{unlisted} more problems are not listed, and the rest is not looked at"
                    )
                }
            };
            errors.push(RegistryError::of_file(self.file, what, "mend those above first"));
        }
        Err(RegistryErrors(errors))
    }

    #[track_caller]
    fn push(&mut self, offset: usize, path: &Path, what: String, fix: String) {
        #[cfg(test)]
        sites::note(std::panic::Location::caller());
        if self.is_full() {
            self.unlisted += 1;
            return;
        }
        let path = path.to_string();
        // Two lints may come to the same conclusion about the same place.
        if !self.seen.insert(format!("{path}\0{what}")) {
            return;
        }
        let (line, column) = self.lines.position(offset);
        let file = self.file.to_owned();
        self.errors.push((offset, RegistryError { file, line, column, path, what, fix }));
    }
}

/// Which lines of the source have reported something, so that a test can tell which never do.
#[cfg(test)]
pub(crate) mod sites {
    use std::{cell::RefCell, collections::BTreeSet, panic::Location};

    thread_local! {
        static NOTED: RefCell<BTreeSet<(String, u32)>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(site: &Location<'_>) {
        NOTED.with_borrow_mut(|noted| noted.insert((site.file().to_owned(), site.line())));
    }

    /// File and line of everything this thread has reported.
    pub(crate) fn noted() -> BTreeSet<(String, u32)> {
        NOTED.with_borrow(Clone::clone)
    }
}
