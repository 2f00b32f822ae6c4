//! Why something was refused: values of the label `reason`.

/// It came after the end of telemetry.
pub(super) const AFTER_SHUTDOWN: &str = "after_shutdown";
/// A compression that is not known.
pub(super) const CONTENT_ENCODING: &str = "content_encoding";
/// A body that is no protobuf.
pub(super) const CONTENT_TYPE: &str = "content_type";
/// It cannot be read, or says nothing that could be kept.
pub(super) const MALFORMED: &str = "malformed";
/// Nobody has called `init!`.
pub(super) const NO_JOURNAL: &str = "no_journal";
/// A point that says that there is no value.
pub(super) const NO_VALUE: &str = "no_value";
/// Points past those of one export.
pub(super) const PAST_LIMIT: &str = "past_limit";
/// A body that is too large, as it came or unpacked.
pub(super) const TOO_LARGE: &str = "too_large";
/// A path that names no signal.
pub(super) const WRONG_PATH: &str = "wrong_path";
