//! Metrics as text, in one call. [`crate::Writer`] writes into memory that is used again.

use std::borrow::Cow;

use radiosonde_metrics::{Metrics, Scrape, Snapshot};

use crate::format::Format;
use crate::writer::Writer;

/// The snapshot as text 0.0.4. Families come in the order of their names, each with `# HELP` (where
/// there is one) and `# TYPE` once. No `_created` lines are written.
///
/// Whatever the snapshot holds, the result is well formed: see [`Snapshot::expose`] for names and
/// labels, [`Writer`] for what is left out.
pub fn render(snapshot: &Snapshot) -> String {
    render_as(snapshot, Format::Text)
}

/// The snapshot as text of a format. Otherwise as [`render`].
pub fn render_as(snapshot: &Snapshot, format: Format) -> String {
    let mut writer = Writer::new(format);
    snapshot.expose(&mut writer);
    writer.into_text()
}

/// The metrics as they are now, without the copy that a snapshot is. Otherwise as [`render`].
pub fn of(metrics: &Metrics, format: Format) -> String {
    let mut writer = Writer::new(format);
    metrics.expose(Scrape::default(), &mut writer);
    writer.into_text()
}

/// A label name in the characters of Prometheus.
pub(crate) fn fit(name: &str) -> Cow<'_, str> {
    let fits = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let begins = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    if begins && name.chars().all(fits) {
        return Cow::Borrowed(name);
    }
    let fitted = name.chars().map(|c| if fits(c) { c } else { '_' });
    Cow::Owned((!begins).then_some('_').into_iter().chain(fitted).collect())
}
