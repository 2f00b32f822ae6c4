//! `radiosonde doctor`: what is configured here, and what is wrong with it.

use std::collections::BTreeSet;
use std::io::Write;

use radiosonde_runtime::doctor::{Finding, Options, State, examine};

use crate::args::{self, DoctorArgs};
use crate::commands::print_json;
use crate::nothing;
use crate::outcome::{FOUND, NOTHING, Stop};
use crate::render::Screen;
use crate::render::color;
use crate::render::text::{many, shown};
use crate::select::directories;

pub(crate) fn run(args: &DoctorArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let mut options = Options::default();
    if !args.dir.is_empty() {
        options.directories = directories(&args.dir)?;
        // It may become one, and is judged as such.
        let _ = nothing::all_wrong(&options.directories);
    }
    options.offline = args.offline;
    let mut findings = examine(&options);
    let variables = args::variables();
    findings.iter_mut().for_each(|finding| judge_own(finding, &variables));
    let failed = findings.iter().filter(|finding| finding.state == State::Fail).count();
    if args.show.is_json() {
        for finding in &findings {
            let object = serde_json::to_string(finding).map_err(std::io::Error::from)?;
            print_json(&object, out)?;
        }
    } else {
        print(&findings, Screen::new(&args.show, false), out)?;
        let warned = findings.iter().filter(|finding| finding.state == State::Warn).count();
        let sum = match (failed, warned) {
            (0, 0) => "all is well".to_owned(),
            (0, warned) => format!("nothing fails; {}", many(warned as u64, "warning")),
            (failed, 0) => many(failed as u64, "failure"),
            (failed, warned) => {
                format!("{}, {}", many(failed as u64, "failure"), many(warned as u64, "warning"))
            }
        };
        writeln!(out, "\n{sum}")?;
    }
    Ok(if failed == 0 { FOUND } else { NOTHING })
}

/// Options of this command that come from the environment: only those that there are.
fn judge_own(finding: &mut Finding, variables: &BTreeSet<String>) {
    let name = finding.what.split('=').next().unwrap_or_default();
    let is_own = finding.subject == "variables" && name.starts_with("RADIOSONDE_CLI_");
    if is_own && finding.state == State::Ok && !variables.contains(name) {
        let fix = match name {
            "RADIOSONDE_CLI_DIR" => "the directory is RADIOSONDE_DIR",
            _ => "unset it; `radiosonde logs --help` names those that there are",
        };
        finding.state = State::Warn;
        let shown = finding.what.strip_suffix(": honoured").unwrap_or(&finding.what);
        finding.what = format!("{shown}: no option is called so");
        finding.fix = Some(fix.to_owned());
        return;
    }
    let value = std::env::var(name).unwrap_or_default();
    if is_own
        && finding.state == State::Ok
        && !value.is_empty()
        && let Some(reason) = args::refused(name, &value)
    {
        finding.state = State::Warn;
        finding.what = format!("{name}: {reason}");
        finding.fix = Some("set another, or unset it: commands refuse it".to_owned());
    }
}

/// `ok    disk       812 GiB of 1.8 TiB free`, and the fix below what is not.
fn print(findings: &[Finding], screen: Screen, out: &mut dyn Write) -> Result<(), Stop> {
    for Finding { subject, state, what, fix, .. } in findings {
        let (word, style) = match state {
            State::Ok => ("ok", color::GOOD),
            State::Warn => ("warn", color::WARNING),
            _ => ("fail", color::BAD),
        };
        // Padded before it is painted: escapes have no width.
        let word = screen.paint.with(style, &format!("{word:<4}"));
        writeln!(out, "{word}  {subject:<10} {}", screen.wrap(&shown(what), INDENT))?;
        if let Some(fix) = fix {
            let fix = screen.wrap(&format!("fix: {}", shown(fix)), INDENT);
            writeln!(out, "{:INDENT$}{}", "", screen.paint.dim(&fix))?;
        }
    }
    Ok(())
}

/// Where the text of a finding begins.
const INDENT: usize = 17;
