//! What is wrong with a registry: where, what, and what to do about it.

use std::fmt;

/// One problem of a registry file.
///
/// `Display` is one line: `registry.json:12:17: metrics[3].unit: missing unit; add "unit"`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegistryError {
    /// The file as it was named by whoever asked for it.
    pub file: String,
    /// Line of the problem, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// Column in characters, from 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// Path inside the document, such as `metrics[3].type`; empty for the document itself.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl RegistryError {
    /// A problem of the file as a whole: it cannot be read, or is too large.
    pub(crate) fn of_file(file: &str, what: String, fix: &str) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            path: String::new(),
            what,
            fix: fix.to_owned(),
        }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}; {}", self.what, self.fix)
    }
}

impl std::error::Error for RegistryError {}

/// Every problem found in one registry, in the order of the file; never empty.
///
/// `Display` prints one problem a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryErrors(pub Vec<RegistryError>);

impl fmt::Display for RegistryErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RegistryErrors {}

impl From<RegistryError> for RegistryErrors {
    fn from(error: RegistryError) -> Self {
        Self(vec![error])
    }
}
