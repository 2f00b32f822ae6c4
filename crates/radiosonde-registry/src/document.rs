//! A registry file that is judged further than this crate does: with dates, by a parser of queries.

use std::{fmt, io, path};

use crate::{
    Registry, decode,
    error::{RegistryError, RegistryErrors},
    locate::{Lines, Path, Step},
    names, source,
    tree::{self, Node},
};

/// The text of a registry file, and where everything in it stands.
///
/// For programs that find problems of their own and report them as this crate does:
///
/// ```
/// use radiosonde_registry::{Place, RegistryDocument};
///
/// let text = "{\n \"schema_version\": 1,\n \"metrics\": []\n}";
/// let document = RegistryDocument::of("registry.json", text.to_owned());
/// let place = Place::default().key("metrics");
/// let error = document.error(&place, "no metric".to_owned(), "add one".to_owned());
/// assert_eq!(error.to_string(), "registry.json:3:13: metrics: no metric; add one");
/// ```
pub struct RegistryDocument {
    file: String,
    text: String,
    /// `None` where the text is no JSON, which [`RegistryDocument::registry`] reports.
    root: Option<Node>,
}

impl RegistryDocument {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is missing, unreadable, not a regular file, over 4 MiB or not UTF-8.
    pub fn read(file: &path::Path) -> Result<Self, RegistryErrors> {
        source::read(file).map(|text| Self::of(&file.display().to_string(), text))
    }

    /// Reads what comes through a pipe, to its end; `file` is what messages call it.
    ///
    /// # Errors
    /// When it cannot be read, is over 4 MiB or not UTF-8.
    pub fn read_from(file: &str, reader: impl io::Read) -> Result<Self, RegistryErrors> {
        let bytes = source::bounded(reader).map_err(|error| {
            let fix = "look at what writes into it";
            RegistryError::of_file(file, format!("cannot be read: {error}"), fix)
        })?;
        source::text(file, bytes).map(|text| Self::of(file, text))
    }

    /// A text; `file` is what messages call it.
    pub fn of(file: &str, text: String) -> Self {
        // As the decoder has it: positions are counted without a byte order mark.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        let root = tree::parse(&text).ok();
        Self { file: file.to_owned(), text, root }
    }

    /// What messages call the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The checked registry.
    ///
    /// # Errors
    /// As [`Registry::parse`].
    pub fn registry(&self) -> Result<Registry, RegistryErrors> {
        decode::parse(&self.file, &self.text)
    }

    /// The registry as it was written, whatever the lints hold against it: one that was sound by
    /// an earlier version can still be compared with.
    ///
    /// # Errors
    /// What cannot be read: syntax, unknown and repeated keys, wrong types.
    pub fn unlinted(&self) -> Result<Registry, RegistryErrors> {
        decode::parse_unlinted(&self.file, &self.text)
    }

    /// A problem at a place, or at the nearest thing around it that is there.
    pub fn error(&self, place: &Place, what: String, fix: String) -> RegistryError {
        let offset = self.root.as_ref().map(|root| root.locate(&place.0)).unwrap_or_default();
        let (line, column) = Lines::of(&self.text).position(offset);
        RegistryError { file: self.file.clone(), line, column, path: place.to_string(), what, fix }
    }
}

impl fmt::Debug for RegistryDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryDocument").field("file", &self.file).finish_non_exhaustive()
    }
}

/// A place in a document; the default is the document itself. `Display` is a path such as `metrics[3].expression`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(Path);

impl Place {
    /// Into an object.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(self.0.then(Step::Key(key.to_owned())))
    }

    /// Into an array.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(self.0.then(Step::Index(index)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The candidate that was probably meant by a misspelt name, as messages of this crate guess.
pub fn closest_name<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    names::closest(written, candidates)
}
