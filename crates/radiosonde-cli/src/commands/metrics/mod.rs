//! `radiosonde metrics`: the latest value of each series and how it went, or what was recorded under
//! one id, or what a Prometheus answers.

mod client;
mod course;
mod lanes;
mod latest;
mod prometheus;
mod table;
mod totals;

use std::io::Write;
use std::ops::ControlFlow;

use radiosonde_store::Line;
use radiosonde_store::names::Signal;

pub(crate) use self::totals::Totals;
use crate::args::MetricsArgs;
use crate::commands::logs::{NEWEST_BYTES_MAX, tell_older};
use crate::commands::{print_stored, unfiled};
use crate::narrowed;
use crate::outcome::{NOTHING, Stop, conclude_with};
use crate::places;
use crate::render::Screen;
use crate::render::color::Paint;
use crate::render::text::{many, shown};

pub(crate) fn run(args: &MetricsArgs, out: &mut dyn Write) -> Result<u8, Stop> {
    let screen = Screen::new(&args.select.show, args.wide);
    if let Some(url) = &args.prometheus {
        return prometheus::run(url, args, screen, out);
    }
    // Snapshots carry no job: an id other than the machine's asks for what happened under it.
    let ended = match args.select.subjects().iter().any(|(word, _)| *word != "machine") {
        true => changes(args, screen, out),
        false => latest::run(args, screen, out),
    };
    let meant = || args.names.iter().find_map(|name| places::meant(name));
    match ended {
        // The other commands take directories without --dir.
        Ok(NOTHING) | Err(Stop::Nothing(_) | Stop::Nowhere(_)) => {
            meant().map_or(ended, |told| Err(Stop::Usage(told)))
        }
        _ => ended,
    }
}

/// What was recorded under an id, summed for each series: of as many lines as there are, only the sums
/// are held.
fn changes(args: &MetricsArgs, screen: Screen, out: &mut dyn Write) -> Result<u8, Stop> {
    let select = &args.select;
    let mut query = select.query(&[Signal::Metrics])?;
    let is_json = select.show.is_json();
    let (mut totals, mut any, mut refused) = (Totals::default(), false, 0);
    let mut take = |line: &Line, out: &mut dyn Write| {
        if !is_named(&args.names, line) {
            return Ok(());
        }
        any = true;
        if is_json {
            return print_stored(line, out);
        }
        refused += u64::from(!totals.add_within(line, SERIES_MAX));
        Ok(())
    };
    let reading = if query.limit.is_some() {
        query.kept_bytes_max = Some(NEWEST_BYTES_MAX);
        let answer = query.run();
        answer.lines.iter().try_for_each(|line| take(line, out))?;
        tell_older(&query, &answer);
        answer.reading
    } else {
        let mut stopped = Ok(());
        let reading = query.stream(&mut |line| {
            stopped = take(line, out);
            if stopped.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        stopped?;
        reading
    };
    if !is_json {
        let cut = totals.print(screen, out)?;
        say_cut(cut, screen.paint, out)?;
    }
    out.flush()?;
    say_refused(refused);
    if any && !is_json {
        narrowed::say();
    }
    let instead = unnamed(&args.names, reading.matched);
    let status = conclude_with(&query, &reading, any, instead.as_deref());
    unfiled::tell(any, &query.dirs, Signal::Metrics);
    Ok(status)
}

/// What is said of lines whose series would have been one too many.
fn say_refused(lines: u64) {
    if lines > 0 {
        let lines = many(lines, "line");
        eprintln!("radiosonde: over {SERIES_MAX} series: {lines} of further ones left out");
    }
}

/// What is said below tables in which names were cut.
fn say_cut(cut: bool, paint: Paint, out: &mut dyn Write) -> Result<(), Stop> {
    if cut {
        writeln!(out, "\n{}", paint.dim("names with … are longer: --wide shows all"))?;
    }
    Ok(())
}

/// What to say where names were asked for and there are only others.
fn unnamed(names: &[String], matched: u64) -> Option<String> {
    (!names.is_empty() && matched > 0)
        .then(|| format!("no metric is called {}", shown(&names.join(" or "))))
}

/// Whether it is about one of these metrics, given by how their names begin, or with `*` and `?` for
/// what is not known of them. None given: any.
fn is_named(names: &[String], line: &Line) -> bool {
    names.is_empty()
        || line.meta.text("name").is_some_and(|name| names.iter().any(|one| fits(one, name)))
}

fn fits(pattern: &str, name: &str) -> bool {
    if pattern.contains(['*', '?']) {
        glob(pattern.as_bytes(), name.as_bytes())
    } else {
        name.starts_with(pattern)
    }
}

/// Whether a name is as a pattern says: `?` is one byte, `*` any number. It goes back to the last `*`
/// alone, so that no pattern takes long.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, in_name));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            _ => {
                let Some((behind, taken)) = star else { return false };
                star = Some((behind, taken + 1));
                (at, in_name) = (behind, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Bounds the memory over files that hold more series than any guard would let through.
const SERIES_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_by_its_beginning_or_a_pattern() {
        for (pattern, name, expect) in [
            ("runs", "runs_total", true),
            ("runs_total", "runs_total", true),
            ("total", "runs_total", false),
            ("*_total", "runs_total", true),
            ("*_total", "runs_total_count", false),
            ("r*_t*l", "runs_total", true),
            ("run?_total", "runs_total", true),
            ("runs_total?", "runs_total", false),
            ("*", "", true),
            ("", "anything", true),
        ] {
            assert_eq!(fits(pattern, name), expect, "{pattern} {name}");
        }
        // Exponential where every star is tried with every other.
        assert!(!fits(&"*a".repeat(5_000), &"a".repeat(4_999)));
    }
}
