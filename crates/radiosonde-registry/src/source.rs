//! Where a registry comes from: compiled in, a text, or a file.

use std::{
    borrow::Cow,
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::{Registry, RegistryError, RegistryErrors, locate::Lines};

/// Where a registry comes from; what `init!(registry = …)` takes.
///
/// A `&'static str` or `String` turned into a source is the *text* of a registry (one that is a path
/// instead is refused, with what to pass), a [`PathBuf`] or [`Path`] is a file read at start.
///
/// ```
/// use radiosonde_registry::RegistrySource;
///
/// const REGISTRY: RegistrySource =
///     RegistrySource::embedded("registry.json", r#"{"schema_version": 1}"#);
/// assert!(REGISTRY.load().is_ok());
/// assert!(RegistrySource::path("no/such/file.json").load().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrySource {
    /// Compiled into the program, as `catalog!` does; made by [`RegistrySource::embedded`].
    #[non_exhaustive]
    Embedded {
        /// The file it was read from, for messages.
        file: &'static str,
        /// Its text.
        text: &'static str,
        /// Module path of whoever compiled it in: its crate belongs to the program. Default: not
        /// known.
        module: Option<&'static str>,
    },
    /// A file, read when the registry is loaded.
    Path(PathBuf),
    /// A text made at run time; made by `from`.
    #[non_exhaustive]
    Text {
        /// What to call it in messages.
        file: Cow<'static, str>,
        /// The text.
        text: Cow<'static, str>,
    },
}

impl RegistrySource {
    /// A registry compiled into the program: the name of its file, for messages, and its text.
    pub const fn embedded(file: &'static str, text: &'static str) -> Self {
        Self::Embedded { file, text, module: None }
    }

    /// As [`RegistrySource::embedded`], with the `module_path!()` of the crate it is compiled into:
    /// where that crate's metrics are not registered they are refused, and not taken for those of a
    /// library.
    pub const fn embedded_in(module: &'static str, file: &'static str, text: &'static str) -> Self {
        Self::Embedded { file, text, module: Some(module) }
    }

    /// The crate it is compiled into, if that is known.
    pub fn crate_name(&self) -> Option<&str> {
        match self {
            Self::Embedded { module: Some(module), .. } => module.split("::").next(),
            _ => None,
        }
    }

    /// What messages call it: `registry.json of shop_core` where the crate is known, since files of
    /// several crates tend to have one name.
    pub fn name(&self) -> String {
        match (self, self.crate_name()) {
            (Self::Embedded { file, .. }, Some(of)) => format!("{file} of {of}"),
            (Self::Embedded { file, .. }, None) => (*file).to_owned(),
            (Self::Path(path), _) => path.display().to_string(),
            (Self::Text { file, .. }, _) => file.to_string(),
        }
    }

    /// A file to read when the registry is loaded.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::Path(path.into())
    }

    /// Reads and checks the registry.
    ///
    /// # Errors
    /// Every problem found: an unreadable file, bad syntax, unknown keys, wrong types, lints.
    pub fn load(&self) -> Result<Registry, RegistryErrors> {
        match self {
            Self::Embedded { file, text, .. } => Registry::parse(file, text),
            Self::Path(path) => Registry::load(path),
            Self::Text { file, text } => match path_in_place(text) {
                Some(path) => Err(RegistryError::of_file(
                    file,
                    format!("`{path}` is a path, not a registry"),
                    "pass catalog::REGISTRY, include_str!(…) or RegistrySource::path(…)",
                )
                .into()),
                None => Registry::parse(file, text),
            },
        }
    }
}

impl From<&'static str> for RegistrySource {
    fn from(text: &'static str) -> Self {
        Self::Text { file: Cow::Borrowed(UNNAMED), text: Cow::Borrowed(text) }
    }
}

impl From<String> for RegistrySource {
    fn from(text: String) -> Self {
        Self::Text { file: Cow::Borrowed(UNNAMED), text: Cow::Owned(text) }
    }
}

impl From<PathBuf> for RegistrySource {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&Path> for RegistrySource {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

/// What a text without a file is called in messages.
const UNNAMED: &str = "registry";

/// Longest text that is taken for a path, in bytes.
const PATH_BYTES_MAX: usize = 4096;

/// The path that was passed where the text of a registry belongs: one line that begins like nothing
/// in JSON that holds anything.
fn path_in_place(text: &str) -> Option<&str> {
    let line = text.trim_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let is_path = !line.is_empty()
        && line.len() <= PATH_BYTES_MAX
        && !line.starts_with(['{', '[', '"'])
        && !line.contains(char::is_control);
    is_path.then_some(line)
}

/// Largest registry file that is read.
pub(crate) const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Reads a registry file, bounded and checked for being text.
pub(crate) fn read(path: &Path) -> Result<String, RegistryErrors> {
    let file = path.display().to_string();
    let refuse =
        |what: String, fix: &str| RegistryErrors::from(RegistryError::of_file(&file, what, fix));
    let unreadable = |error: &io::Error| match error.kind() {
        io::ErrorKind::NotFound => refuse(
            "no such file".to_owned(),
            "create it, or name the registry by a path that exists from the working directory",
        ),
        _ => refuse(format!("cannot be read: {error}"), "make it readable for this user"),
    };
    // Asked before opening: opening a named pipe would wait for somebody to write into it.
    let metadata = fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(refuse("not a regular file".to_owned(), "name the registry file itself"));
    }
    let bytes = fs::File::open(path).and_then(bounded).map_err(|error| unreadable(&error))?;
    text(&file, bytes)
}

/// What a registry may hold, and a byte more where it holds more.
pub(crate) fn bounded(reader: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let _read = reader.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of [`bounded`] bytes; `file` is what messages call it.
pub(crate) fn text(file: &str, bytes: Vec<u8>) -> Result<String, RegistryErrors> {
    if bytes.len() as u64 > BYTES_MAX {
        return Err(too_large(file).into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()])
            .into_owned();
        let (line, column) = Lines::of(&valid).position(valid.len());
        let mut refused = RegistryError::of_file(
            file,
            "not UTF-8 from here on".to_owned(),
            "save the file as UTF-8",
        );
        (refused.line, refused.column) = (line, column);
        refused.into()
    })
}

/// The problem of a registry that is over [`BYTES_MAX`].
pub(crate) fn too_large(file: &str) -> RegistryError {
    RegistryError::of_file(
        file,
        "larger than 4 MiB".to_owned(),
        "split it: catalogues of several crates merge",
    )
}
