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

/// What the long help ends with: its lines stay as they are.
fn notes(man: &Man) -> io::Result<String> {
    let extra = part(|out| man.render_extra_section(out))?;
    let body = extra.strip_prefix(".SH EXTRA\n").unwrap_or_default().trim_end();
    Ok(match body {
        "" => String::new(),
        body => format!(".SH NOTES\n.nf\n{body}\n.fi\n"),
    })
}

/// A part of the page, without what the whole of it needs once.
fn part(render: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<String> {
    let mut part = Vec::new();
    render(&mut part)?;
    let part = String::from_utf8_lossy(&part).into_owned();
    Ok(part.strip_prefix(APOSTROPHE).map_or(part.clone(), str::to_owned))
}

/// What says how an apostrophe is written; texts refer to it.
const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
