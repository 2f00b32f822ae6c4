//! `radiosonde man`: one manual page of the command and all below it, as roff.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

use crate::args;
use crate::outcome::{FOUND, Stop};

pub(crate) fn run(out: &mut dyn Write) -> Result<u8, Stop> {
    let mut command = args::command().disable_help_subcommand(true);
    command.build();
    let man = Man::new(command.clone()).manual("radiosonde");
    let mut page = part(|out| man.render_title(out))?;
    page.push_str(&part(|out| man.render_name_section(out))?);
    page.push_str(&part(|out| man.render_synopsis_section(out))?);
    page.push_str(&part(|out| man.render_description_section(out))?);
    page.push_str(&notes(&man)?);
    each(&command, "radiosonde", &mut page)?;
    page.push_str(&list("EXIT STATUS", &STATUSES));
    page.push_str(&list("ENVIRONMENT", &VARIABLES));
    out.write_all(APOSTROPHE.as_bytes())?;
    out.write_all(page.as_bytes())?;
    Ok(FOUND)
}

/// A section for each command below one, and in it what would be sections of its own page.
fn each(command: &Command, path: &str, page: &mut String) -> io::Result<()> {
    for sub in command.get_subcommands() {
        let path = format!("{path} {}", sub.get_name());
        page.push_str(&format!(".SH {}\n", path.to_uppercase()));
        let man = Man::new(sub.clone());
        let mut own = part(|out| man.render_description_section(out))?;
        own.push_str(&part(|out| man.render_synopsis_section(out))?);
        if sub.get_arguments().any(|arg| !arg.is_hide_set()) {
            own.push_str(&part(|out| man.render_options_section(out))?);
        }
        own.push_str(&notes(&man)?);
        for line in own.lines() {
            let line = match line.strip_prefix(".SH ") {
                Some(name) => format!(".SS {name}"),
                None => line.to_owned(),
            };
            page.push_str(&line);
            page.push('\n');
        }
        each(sub, &path, page)?;
    }
    Ok(())
}

/// What the long help ends with, each part under its own heading. Indented lines stay as they are.
fn notes(man: &Man) -> io::Result<String> {
    let extra = part(|out| man.render_extra_section(out))?;
    let body = extra.strip_prefix(".SH EXTRA\n").unwrap_or_default().trim_end();
    let mut notes = String::new();
    let (mut heading, mut is_kept) = ("", false);
    for line in body.lines() {
        let (wanted, line) = match line {
            "Examples:" | "Start with:" => ("EXAMPLES", ""),
            line => match line.strip_prefix("Exit status: ") {
                Some(rest) => ("EXIT STATUS", rest),
                None if heading == "EXIT STATUS" && !line.is_empty() => ("NOTES", line),
                None if heading.is_empty() => ("NOTES", line),
                None => (heading, line),
            },
        };
        let is_indented = line.starts_with(' ');
        if is_kept && !is_indented {
            notes.push_str(".fi\n");
        }
        if wanted != heading {
            notes.push_str(&format!(".SH {wanted}\n"));
        } else if line.is_empty() {
            notes.push_str(".PP\n");
        }
        if is_indented && !is_kept {
            notes.push_str(".nf\n");
        }
        if !line.is_empty() {
            notes.push_str(line);
            notes.push('\n');
        }
        (heading, is_kept) = (wanted, is_indented);
    }
    if is_kept {
        notes.push_str(".fi\n");
    }
    Ok(notes)
}

/// A section of words, each with what it means.
fn list(heading: &str, words: &[(&str, &str)]) -> String {
    let of = |(word, meaning): &(&str, &str)| format!(".TP\n\\fB{word}\\fR\n{meaning}\n");
    format!(".SH {heading}\n{}", words.iter().map(of).collect::<String>()).replace('-', "\\-")
}

const STATUSES: [(&str, &str); 5] = [
    (
        "0",
        "Something was found. Of ops, doctor and coverage: there is no problem, and nobody is silent.",
    ),
    (
        "1",
        "Nothing was found. Of ops, doctor and coverage: there is a problem, or somebody is silent.",
    ),
    (
        "2",
        "The command line is wrong, names a directory that is not there or holds something else, or names \
         none and there is no telemetry in the usual places.",
    ),
    (
        "3",
        "Some file could not be read in full. What could be is printed, and the rest named on stderr.",
    ),
    (
        "130",
        "tail and --follow: interrupted before what was there was gone through, with nothing found so far.",
    ),
];

const VARIABLES: [(&str, &str); 7] = [
    ("RADIOSONDE_DIR", "Where telemetry is, for all commands without --dir."),
    (
        "RADIOSONDE_CLI_NAME",
        "The value of the option --name, such as RADIOSONDE_CLI_LEVEL. The command line goes first. The \
         options that have one name it above.",
    ),
    ("RADIOSONDE_PAGER, PAGER", "What shows more than a screen; less where neither is set."),
    ("NO_COLOR, CLICOLOR_FORCE", "No colours, or colours also where stdout is no terminal."),
    ("COLUMNS", "The width of the output."),
    ("TZ", "The zone of --local."),
    ("STATE_DIRECTORY, XDG_STATE_HOME", "Where telemetry is looked for without RADIOSONDE_DIR."),
];

/// A part of the page, without what the whole of it needs once.
fn part(render: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<String> {
    let mut part = Vec::new();
    render(&mut part)?;
    let part = String::from_utf8_lossy(&part).into_owned();
    Ok(part.strip_prefix(APOSTROPHE).map_or(part.clone(), str::to_owned))
}

/// What says how an apostrophe is written; texts refer to it.
const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
