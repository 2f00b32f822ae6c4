//! `radiosonde ops check`: what is wrong with registries.

use std::io::Write;
use std::path::{Path, PathBuf};

use radiosonde_ops::{Checked, LintRule, RegistryError, check_document, lints};
use serde_json::json;

use super::{CLEAN, PROBLEMS, input, tell, told};
use crate::args::CheckArgs;
use crate::commands::print_json;
use crate::outcome::{Stop, USAGE};
use crate::render::Screen;
use crate::render::color::{self, Paint};
use crate::render::text::{many, shown};

pub(crate) fn run(args: &CheckArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let paint = Screen::new(&args.judge.show, true).paint;
    if args.rules {
        return rules(args.judge.show.is_json(), paint, out);
    }
    let (mut problems, mut unread) = (0, 0);
    let files = files(&args.file)?;
    input::check_once(&files)?;
    for file in &files {
        let checked = match input::read(file) {
            Ok(document) => check_document(&document, args.judge.day()),
            Err(errors) => {
                // What was found stands before it where both go to one terminal.
                out.flush()?;
                tell(&errors);
                unread += 1;
                continue;
            }
        };
        problems += checked.findings.len() as u64;
        if args.judge.show.is_json() {
            for finding in &checked.findings {
                print_json(&object(finding), out)?;
            }
        } else {
            print(&checked, paint, out)?;
        }
    }
    if files.len() > 1 && !args.judge.show.is_json() {
        let mut sum = format!("{}: {}", many(files.len() as u64, "file"), count(problems));
        if unread > 0 {
            sum.push_str(&format!(", {unread} not read"));
        }
        writeln!(out, "{}", paint.with(verdict(problems + unread), &sum))?;
    }
    Ok(match (unread, problems) {
        (0, 0) => CLEAN,
        (0, _) => PROBLEMS,
        _ => USAGE,
    })
}

/// The files that are named, or the one in the working directory.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let usual = Path::new("registry.json");
    if usual.exists() {
        return Ok(vec![usual.to_owned()]);
    }
    let message = "no registry.json in the working directory; name the file: \
                   radiosonde ops check path/to/registry.json";
    Err(Stop::Usage(message.to_owned()))
}

fn print(checked: &Checked, paint: Paint, out: &mut dyn Write) -> Result<(), Stop> {
    for finding in &checked.findings {
        writeln!(out, "{}", told(finding, paint))?;
    }
    let problems = checked.findings.len() as u64;
    let metrics = checked.metrics.map(|metrics| format!("{}, ", many(metrics as u64, "metric")));
    let sum = format!("{}{}", metrics.unwrap_or_default(), count(problems));
    writeln!(out, "{}: {}", shown(&checked.file), paint.with(verdict(problems), &sum))?;
    Ok(())
}

fn count(problems: u64) -> String {
    if problems == 0 { "no problems".to_owned() } else { many(problems, "problem") }
}

fn verdict(problems: u64) -> anstyle::Style {
    if problems == 0 { color::GOOD } else { color::BAD }
}

fn object(finding: &RegistryError) -> String {
    json!({
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "path": finding.path,
        "what": finding.what,
        "fix": finding.fix,
    })
    .to_string()
}

/// The lints that can be allowed, and where.
fn rules(is_json: bool, paint: Paint, out: &mut dyn Write) -> Result<u8, Stop> {
    let width = lints().iter().map(|rule| rule.name.len()).max().unwrap_or_default();
    for rule in lints() {
        let LintRule { name, what, .. } = rule;
        if is_json {
            let (metrics, labels) = (rule.on_metrics, rule.on_labels);
            let object = json!({"rule": name, "what": what, "metrics": metrics, "labels": labels});
            print_json(&object.to_string(), out)?;
            continue;
        }
        let on = match (rule.on_metrics, rule.on_labels) {
            (true, true) => "metrics, labels",
            (true, false) => "metrics",
            (false, _) => "labels",
        };
        let padded = paint.with(color::NAME, &format!("{name:width$}"));
        writeln!(out, "{padded}  {on:15}  {what}")?;
    }
    Ok(CLEAN)
}
