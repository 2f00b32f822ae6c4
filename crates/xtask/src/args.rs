//! The command line, parsed by hand: a parser crate would cost more to build than all of xtask.

use crate::{check, checkers, fuzz, help, parts, prove};

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Run the checks.
    Check(check::Options),
    /// Print this text.
    Help(String),
    /// Run a long proof.
    Prove(prove::Options),
    /// Run a program that looks at ours in a way of its own.
    ProveWith(checkers::Options),
    /// Run the tests.
    Test(crate::test::Options),
}

/// Reads the arguments after `cargo xtask`.
///
/// # Errors
/// Anything that is not understood, in words for the person who typed it.
pub(crate) fn parse(arguments: &[String]) -> Result<Command, String> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err("no command given".into());
    };
    if rest.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Ok(Command::Help(help::LONG.into()));
    }
    let mut rest = Words { left: rest };
    match command.as_str() {
        "test" => test(&mut rest).map(Command::Test),
        "check" => check(&mut rest).map(Command::Check),
        "prove" => prove(&mut rest),
        "help" | "--help" | "-h" => Ok(Command::Help(help::LONG.into())),
        other => Err(format!("unknown command `{other}`")),
    }
}

fn test(words: &mut Words<'_>) -> Result<crate::test::Options, String> {
    let mut options = crate::test::Options::default();
    while let Some(word) = words.next() {
        match word {
            Word::Option { name: "--without", value } => {
                let known = parts::PARTS.iter().map(|part| part.name);
                names("--without", "part", words.value("--without", value)?, known)?
                    .into_iter()
                    .for_each(|name| add(&mut options.without, name));
            }
            other => return Err(other.not_understood("test")),
        }
    }
    Ok(options)
}

fn check(words: &mut Words<'_>) -> Result<check::Options, String> {
    let mut options = check::Options::default();
    while let Some(word) = words.next() {
        match word {
            Word::Option { name: "--advisories", value: None } => options.advisories = true,
            Word::Option { name: "--only", value } => {
                let known = check::STEPS.iter().map(|step| step.name);
                names("--only", "step", words.value("--only", value)?, known)?
                    .into_iter()
                    .for_each(|name| add(&mut options.only, name));
            }
            other => return Err(other.not_understood("check")),
        }
    }
    if options.advisories && !options.wants("deny") {
        return Err("`--advisories` belongs to the step `deny`, which `--only` leaves out".into());
    }
    Ok(options)
}

fn prove(words: &mut Words<'_>) -> Result<Command, String> {
    let (mut name, mut rounds, mut seconds, mut only) = (None, None, None, Vec::new());
    while let Some(word) = words.next() {
        match word {
            Word::Plain(word) if name.is_none() => name = Some(word),
            Word::Option { name: option @ "--rounds", value } => {
                rounds = Some(number(option, words.value(option, value)?)?);
            }
            Word::Option { name: option @ "--seconds", value } => {
                seconds = Some(number(option, words.value(option, value)?)?);
            }
            Word::Option { name: option @ "--only", value } => {
                let known = fuzz::TARGETS.iter().copied();
                names(option, "fuzz target", words.value(option, value)?, known)?
                    .into_iter()
                    .for_each(|name| add(&mut only, name));
            }
            other => return Err(other.not_understood("prove")),
        }
    }
    let list = || format!("{}{}", prove::list(), checkers::list());
    let Some(name) = name else {
        return Err(format!("which proof?\n\n{}", list().trim_end()));
    };
    if let Some(checker) = checkers::CHECKERS.iter().find(|checker| checker.name == name) {
        if rounds.is_some() {
            return Err(format!("`{name}` has no rounds"));
        }
        if !checker.is_timed && (seconds.is_some() || !only.is_empty()) {
            return Err(format!("`--seconds` and `--only` are for fuzz, not for `{name}`"));
        }
        return Ok(Command::ProveWith(checkers::Options { checker, seconds, only }));
    }
    let Some(proof) = prove::PROOFS.iter().find(|proof| proof.name == name) else {
        return Err(format!("unknown proof `{name}`\n\n{}", list().trim_end()));
    };
    if seconds.is_some() || !only.is_empty() {
        return Err(format!("`--seconds` and `--only` are for fuzz, not for `{name}`"));
    }
    Ok(Command::Prove(prove::Options { proof, rounds: rounds.unwrap_or(proof.rounds) }))
}

/// A number of rounds or seconds.
fn number(option: &str, value: &str) -> Result<u32, String> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{option}` takes a number from 1 up, not `{value}`"))
}

/// One word of the command line.
enum Word<'a> {
    /// `--name` or `--name=value`.
    Option { name: &'a str, value: Option<&'a str> },
    /// Anything else.
    Plain(&'a str),
}

impl Word<'_> {
    fn not_understood(&self, command: &str) -> String {
        match self {
            Word::Option { name, .. } => format!("`{command}` does not understand `{name}` here"),
            Word::Plain(word) => format!("`{command}` does not understand `{word}` here"),
        }
    }
}

/// The words not read yet.
struct Words<'a> {
    left: &'a [String],
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<Word<'a>> {
        let (word, left) = self.left.split_first()?;
        self.left = left;
        if !word.starts_with('-') {
            return Some(Word::Plain(word));
        }
        Some(match word.split_once('=') {
            Some((name, value)) => Word::Option { name, value: Some(value) },
            None => Word::Option { name: word, value: None },
        })
    }

    /// The value of an option: after its `=`, or the next word.
    fn value(&mut self, option: &str, given: Option<&'a str>) -> Result<&'a str, String> {
        if let Some(value) = given {
            return Ok(value);
        }
        match self.next() {
            Some(Word::Plain(value)) => Ok(value),
            _ => Err(format!("`{option}` needs a value")),
        }
    }
}

/// The names of a comma list, each of them one of `known`.
fn names(
    option: &str,
    noun: &str,
    list: &str,
    known: impl Iterator<Item = &'static str>,
) -> Result<Vec<&'static str>, String> {
    let known: Vec<&'static str> = known.collect();
    list.split(',')
        .map(|given| {
            let found = known.iter().find(|name| **name == given.trim());
            found.copied().ok_or_else(|| {
                format!("`{option}`: no {noun} is called `{given}`; there are {}", known.join(", "))
            })
        })
        .collect()
}

fn add(list: &mut Vec<&'static str>, name: &'static str) {
    if !list.contains(&name) {
        list.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn options_are_read_in_either_spelling() {
        let both = crate::test::Options { without: vec!["promtool", "jq"] };
        for line in [
            "test --without promtool,jq",
            "test --without=promtool --without jq",
            "test --without promtool --without jq,promtool",
        ] {
            assert_eq!(parsed(line), Ok(Command::Test(both.clone())), "{line}");
        }
        let only = check::Options { only: vec!["fmt", "deny"], advisories: true };
        assert_eq!(parsed("check --advisories --only fmt,deny"), Ok(Command::Check(only)));
    }

    #[test]
    fn a_proof_has_its_own_number_of_rounds() {
        let rounds = |line: &str| match parsed(line) {
            Ok(Command::Prove(options)) => options.rounds,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(rounds("prove deaths"), 1000);
        assert_eq!(rounds("prove --rounds 7 deaths"), 7);
    }

    #[test]
    fn a_fuzzer_is_given_time_and_targets() {
        let options = |line: &str| match parsed(line) {
            Ok(Command::ProveWith(options)) => (options.seconds, options.only),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(options("prove fuzz"), (None, vec![]));
        let both = (Some(5), vec!["ring_image", "json_escape"]);
        assert_eq!(options("prove fuzz --seconds 5 --only ring_image,json_escape"), both);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, named) in [
            ("", "no command"),
            ("tset", "`tset`"),
            ("test --wihtout jq", "`--wihtout`"),
            ("test --without", "needs a value"),
            ("test --without postgres", "opentelemetry-sdk, opentelemetry-proto, rotel, jq"),
            ("test quick", "`quick`"),
            ("check --only spelling", "no step is called `spelling`"),
            ("check --only fmt --advisories", "`deny`"),
            ("check --advisories=yes", "`--advisories`"),
            ("prove", "deaths"),
            ("prove perpetual-motion", "`perpetual-motion`"),
            ("prove deaths --rounds 0", "not `0`"),
            ("prove deaths --rounds many", "not `many`"),
            ("prove deaths again", "`again`"),
            ("prove fuzz --rounds 3", "no rounds"),
            ("prove fuzz --only rings", "there are ring_image"),
            ("prove deaths --seconds 3", "not for `deaths`"),
            ("prove loom --seconds 3", "not for `loom`"),
            ("prove", "miri"),
        ] {
            let wrong = parsed(line).expect_err(line);
            assert!(wrong.contains(named), "{line}: {wrong}");
        }
    }

    #[test]
    fn help_is_given_wherever_it_is_asked_for() {
        for line in ["help", "--help", "-h", "test --help", "check --only fmt -h"] {
            assert!(matches!(parsed(line), Ok(Command::Help(_))), "{line}");
        }
    }

    #[test]
    fn the_help_names_every_part_step_and_proof() {
        let parts = parts::PARTS.iter().map(|part| part.name);
        let steps = check::STEPS.iter().map(|step| step.name);
        let proofs = prove::PROOFS.iter().map(|proof| proof.name);
        let checkers = checkers::CHECKERS.iter().map(|checker| checker.name);
        for name in parts.chain(steps).chain(proofs).chain(checkers) {
            assert!(help::LONG.contains(name), "{name}");
        }
    }
}
