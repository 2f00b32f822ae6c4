//! What must come out: the answers of jq, which parses every line, and whether those of others are the
//! same.
//!
//! Compared are the lines, sorted, by their SHA-256. Ours come by time, jq's in the order of the file.

use super::ask::{Ask, NEWEST};
use super::lines::Subject;
use super::programs::{self, Program};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// What stands in a line before its time, and with it.
const TIME: std::ops::Range<usize> = 7..33;
/// The last stretch of a file, in which the newest lines are: those that come late are seconds late.
const TAIL_BYTES: u64 = 16 << 20;

/// What a candidate gives out of each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The lines themselves.
    Lines,
    /// The lines, oldest first.
    LinesByTime,
    /// Of each line its `id`.
    Ids,
}

/// Writes the answers of jq into a folder, a file for each question, with its lines sorted.
///
/// # Errors
/// jq fails.
pub(super) fn make(file: &Path, subject: &Subject, folder: &Path) -> Result<(), String> {
    let asks = Ask::ALL.into_iter().filter_map(|ask| {
        let filter = ask.filter(subject)?;
        Some(format!("(select({filter}) | \"{}\\t\" + tojson)", ask.as_str()))
    });
    // One pass for all: each line comes out once for each question it answers.
    let program = asks.collect::<Vec<_>>().join(", ");
    let mut command = programs::command(Program::Jq)?;
    command.args(["-r", &program]).arg(file);
    let mut files: Vec<(&str, Vec<String>)> =
        Ask::ALL.iter().map(|ask| (ask.as_str(), Vec::new())).collect();
    each_line(command, None, &mut |text| {
        let (name, line) = text.split_once('\t').unwrap_or_default();
        if let Some((_, lines)) = files.iter_mut().find(|(found, _)| *found == name) {
            lines.push(line.to_owned());
        }
    })?;
    let newest = files.iter_mut().find(|(name, _)| *name == Ask::Newest.as_str());
    if let Some((_, lines)) = newest {
        *lines = newest_of(file)?;
    }
    for (name, mut lines) in files {
        // All are of one date and begin with the time.
        lines.sort_unstable();
        if lines.is_empty() {
            return Err(format!("jq finds nothing for `{name}`: the question proves nothing"));
        }
        write(&folder.join(name), &lines)?;
    }
    Ok(())
}

/// Makes sure that a text stands in no line of a file.
///
/// # Errors
/// It does, or ripgrep fails.
pub(super) fn refuse(file: &Path, text: &str) -> Result<(), String> {
    let mut command = programs::command(Program::Ripgrep)?;
    let output = command.args(["-c", "-F", "--no-messages", text]).arg(file).output();
    let output = output.map_err(|error| format!("cannot start ripgrep: {error}"))?;
    match output.status.code() {
        Some(1) => Ok(()),
        Some(0) => Err(format!("{}: `{text}` is in there", file.display())),
        _ => Err(format!("ripgrep: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// Compares what a candidate wrote with the reference's answer; tells how many lines it was.
///
/// # Errors
/// They differ, in words.
pub(super) fn compare(
    output: &Path,
    shape: Shape,
    expected: &Path,
    ask: Ask,
) -> Result<u64, String> {
    let (given, wanted) = (lines(output)?, lines(&expected.join(ask.as_str()))?);
    let wanted = match shape {
        Shape::Ids => wanted.iter().map(|line| id(line).to_owned()).collect(),
        Shape::Lines | Shape::LinesByTime => wanted,
    };
    let time = |line: &String| line.get(TIME).map(str::to_owned);
    if shape == Shape::LinesByTime && !given.is_sorted_by_key(time) {
        return Err(format!("`{}`: not in the order of time", ask.as_str()));
    }
    let ([given_hash, wanted_hash], counts) =
        ([digest(&given), digest(&wanted)], [given.len(), wanted.len()]);
    if given_hash == wanted_hash {
        return Ok(counts[0] as u64);
    }
    Err(format!(
        "`{}`: {} lines of SHA-256 {given_hash}, jq gives {} of {wanted_hash}",
        ask.as_str(),
        counts[0],
        counts[1]
    ))
}

/// The SHA-256 of the lines when they are sorted.
fn digest(lines: &[String]) -> String {
    let mut sorted: Vec<&String> = lines.iter().collect();
    sorted.sort_unstable();
    let mut hash = hmac_sha256::Hash::new();
    for line in sorted {
        hash.update(line);
        hash.update("\n");
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The newest lines by time: jq reads the last stretch of the file.
fn newest_of(file: &Path) -> Result<Vec<String>, String> {
    let wrong = |error: std::io::Error| format!("cannot read {}: {error}", file.display());
    let mut source = File::open(file).map_err(wrong)?;
    let length = source.metadata().map_err(wrong)?.len();
    source.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).map_err(wrong)?;
    let mut text = Vec::new();
    source.read_to_end(&mut text).map_err(wrong)?;
    if length > TAIL_BYTES {
        let first = memchr::memchr(b'\n', &text).map_or(0, |end| end + 1);
        let _ = text.drain(..first);
    }
    let mut command = programs::command(Program::Jq)?;
    command.args(["-c", "."]);
    let mut lines = Vec::new();
    each_line(command, Some(text), &mut |line| lines.push(line.to_owned()))?;
    lines.sort_unstable();
    Ok(lines.split_off(lines.len().saturating_sub(NEWEST)))
}

/// Hands over each line that a program writes.
fn each_line(
    mut command: Command,
    input: Option<Vec<u8>>,
    each: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("jq: {error}");
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut process = command.stdin(stdin).stdout(Stdio::piped()).spawn().map_err(wrong)?;
    let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
    std::thread::scope(|scope| {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // What it does not take shows in what it answers.
            scope.spawn(move || _ = stdin.write_all(&input));
        }
        let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
        lines.into_iter().try_for_each(|line| line.map(|line| each(&line))).map_err(wrong)
    })?;
    let status = process.wait().map_err(wrong)?;
    if status.success() { Ok(()) } else { Err(format!("jq: {status}")) }
}

fn lines(path: &Path) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The `id` at the end of a line.
fn id(line: &str) -> &str {
    let rest = line.rsplit_once("\"id\":\"").map_or("", |(_, rest)| rest);
    rest.trim_end_matches("\"}")
}

fn write(path: &Path, lines: &[String]) -> Result<(), String> {
    let written = File::create(path).and_then(|file| {
        let mut file = BufWriter::new(file);
        lines.iter().try_for_each(|line| writeln!(file, "{line}"))?;
        file.flush()
    });
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(time: &str, id: &str) -> String {
        format!("{{\"ts\":\"2025-10-06T10:00:{time}.000000Z\",\"id\":\"{id}\"}}")
    }

    #[test]
    fn answers_are_compared_as_lines_in_any_order_and_ours_by_time_as_well() {
        let folder = tempfile::tempdir().expect("a folder");
        let (a, b) = (line("01", "x.1.1"), line("02", "x.1.2"));
        let expected = format!("{a}\n{b}\n");
        fs::write(folder.path().join(Ask::Job.as_str()), &expected).expect("a file");
        let output = folder.path().join("output");
        let given = |text: &str, shape| {
            fs::write(&output, text).expect("a file");
            compare(&output, shape, folder.path(), Ask::Job)
        };
        let backwards = format!("{b}\n{a}\n");
        assert_eq!(given(&expected, Shape::LinesByTime), Ok(2));
        assert_eq!(given(&backwards, Shape::Lines), Ok(2));
        assert!(given(&backwards, Shape::LinesByTime).is_err_and(|wrong| wrong.contains("time")));
        assert_eq!(given("x.1.2\nx.1.1\n", Shape::Ids), Ok(2));
        for (text, shape) in [
            ("", Shape::Lines),
            (a.as_str(), Shape::Lines),
            (&format!("{expected}{b}\n"), Shape::Lines),
            (&expected.replace("x.1.1", "x.1.3"), Shape::Lines),
            ("x.1.2\n", Shape::Ids),
        ] {
            assert!(given(text, shape).is_err_and(|wrong| wrong.contains("SHA-256")), "{text}");
        }
    }

    #[test]
    fn the_digest_is_that_of_the_sorted_text() {
        // printf 'a\nb\n' | sha256sum
        let known = "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2";
        for lines in [["a", "b"], ["b", "a"]] {
            assert_eq!(digest(&lines.map(str::to_owned)), known);
        }
        assert_ne!(digest(&["ab".to_owned()]), known);
    }
}
