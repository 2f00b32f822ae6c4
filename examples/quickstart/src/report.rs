//! The summary for people.

use std::fmt::{self, Write as _};
use std::path::Path;

use crate::totals::{ProviderTotals, Totals};

/// The numbers of a run as text.
pub fn summary(totals: &Totals) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_summary(&mut text, totals);
    text
}

/// Where the telemetry is and three commands to look at it.
pub fn pointers(totals: &Totals, directory: Option<&Path>) -> String {
    let Some(directory) = directory else {
        return "telemetry: kept in memory only, see the problems above\n".to_owned();
    };
    // The CLI looks into ./data/telemetry by itself.
    let real = |path: &Path| path.canonicalize().ok();
    let is_default = real(directory).is_some_and(|own| real(Path::new(DIRECTORY)) == Some(own));
    let option = if is_default { String::new() } else { format!(" --dir {}", directory.display()) };
    // A failed window tells the longest story, one that saw several statuses most of all: those end
    // in the highest. Without any, the overview is the next best.
    let worst = totals.failed.iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
    let first = match worst.map(|(job, _)| job) {
        Some(job) => format!("correlate --job {job}"),
        None => "events --evt ingestion.run_finished".to_owned(),
    };
    let mut text = format!("telemetry: {}\nlook at it:\n", directory.display());
    for command in [first.as_str(), "logs --level error", "metrics"] {
        let _ = writeln!(text, "  cargo run -q -p radiosonde-cli -- {command}{option}");
    }
    text
}

fn write_summary(text: &mut String, totals: &Totals) -> fmt::Result {
    let days = totals.days.map(|(first, last)| format!(", {first} to {last}"));
    writeln!(
        text,
        "usage ingestion{}: {:.1} s\n",
        days.unwrap_or_default(),
        totals.took.as_secs_f64()
    )?;
    writeln!(
        text,
        "{:9} {:>8} {:>8} {:>6} {:>7} {:>6} {:>9} {:>10} {:>9} {:>7} {:>9}",
        "provider",
        "windows",
        "ingested",
        "failed",
        "missing",
        "rows",
        "held back",
        "duplicates",
        "malformed",
        "retries",
        "variance"
    )?;
    for (provider, own) in &totals.providers {
        write_row(text, provider.as_str(), own)?;
    }
    let mut sum = totals.sum();
    if totals.unplaced > 0 {
        let unplaced = ProviderTotals { malformed: totals.unplaced, ..Default::default() };
        write_row(text, "(unknown)", &unplaced)?;
        sum.malformed += totals.unplaced;
    }
    write_row(text, "total", &sum)?;

    let join = |parts: Vec<String>| parts.join(", ");
    if !totals.malformed.is_empty() {
        let kinds = totals.malformed.iter().map(|(kind, count)| format!("{kind} {count}"));
        writeln!(text, "\nmalformed rows: {}", join(kinds.collect()))?;
    }
    if !totals.failed.is_empty() {
        let mut failed: Vec<_> =
            totals.failed.iter().map(|(job, why)| format!("{job} ({why})")).collect();
        failed.sort_unstable();
        writeln!(text, "failed windows: {}", join(failed))?;
    }
    for (file, why) in &totals.files_unreadable {
        writeln!(text, "not read: {file}: {why}")?;
    }
    Ok(())
}

fn write_row(text: &mut String, name: &str, own: &ProviderTotals) -> fmt::Result {
    let variance = own.variance().map(|ratio| format!("{:+.2} %", ratio * 100.0));
    writeln!(
        text,
        "{name:9} {:>8} {:>8} {:>6} {:>7} {:>6} {:>9} {:>10} {:>9} {:>7} {:>9}",
        own.windows,
        own.ingested,
        own.failed,
        own.missing,
        own.rows,
        own.held_back,
        own.duplicates,
        own.malformed,
        own.retries,
        variance.unwrap_or_else(|| "-".to_owned())
    )
}

/// Where this example keeps its telemetry, from the folder it was started in.
pub const DIRECTORY: &str = "data/telemetry";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Provider;

    #[test]
    fn an_empty_run_has_a_summary() {
        let text = summary(&Totals::default());
        assert!(text.contains("total            0"), "{text}");
    }

    #[test]
    fn the_commands_name_a_failed_job_and_the_directory() {
        let mut totals = Totals::default();
        totals.failed.push(("globex-2026-09-14".to_owned(), "500 internal".to_owned()));
        totals.provider(Provider::Globex).failed = 1;
        let text = pointers(&totals, Some(Path::new("/srv/t")));
        assert!(text.contains("correlate --job globex-2026-09-14 --dir /srv/t\n"), "{text}");
        assert!(pointers(&totals, None).contains("memory only"));
        assert!(summary(&totals).contains("failed windows: globex-2026-09-14 (500 internal)"));
    }
}
