//! Which command has which of the options that commands share, and what cannot be meant together.
//!
//! The options stand in [`super::select`] once, for all commands; what a command has no use for is
//! neither shown in its help nor taken on its command line. What comes from the environment is a
//! preference for all commands: where a command has no use for it, it is passed over.

use std::ffi::{OsStr, OsString};

use clap::builder::{PossibleValue, Resettable, StyledStr, TypedValueParser};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args as _, Command, CommandFactory as _, Error, ValueEnum as _};
use jiff::Timestamp;

use super::select::Output;
use super::{
    Cli, CorrelateArgs, CoverageArgs, LinesArgs, MetricsArgs, RemovedArgs, StatsArgs, TopArgs,
    TraceArgs,
};

/// What a command does with the options it shares with others.
struct Abilities {
    /// The name of the command; of the commands of `spool` and `ops`, that.
    command: &'static str,
    /// Adds all of its arguments.
    arguments: fn(Command) -> Command,
    outputs: &'static [Output],
    /// Whether it goes on with what is written after its start.
    follow: bool,
    /// Whether it prints results of any length at once: by way of a pager on a terminal, and with word
    /// of the work that goes before.
    paged: bool,
}

const ABILITIES: [Abilities; 10] = [
    Abilities {
        command: "logs",
        arguments: LinesArgs::augment_args,
        outputs: LINES,
        follow: true,
        paged: true,
    },
    Abilities {
        command: "events",
        arguments: LinesArgs::augment_args,
        outputs: LINES,
        follow: true,
        paged: true,
    },
    Abilities {
        command: "tail",
        arguments: LinesArgs::augment_args,
        outputs: LINES,
        follow: true,
        paged: false,
    },
    Abilities {
        command: "top",
        arguments: TopArgs::augment_args,
        outputs: OBJECTS,
        follow: false,
        paged: true,
    },
    Abilities {
        command: "stats",
        arguments: StatsArgs::augment_args,
        outputs: OBJECTS,
        follow: false,
        paged: true,
    },
    Abilities {
        command: "trace",
        arguments: TraceArgs::augment_args,
        outputs: OBJECTS,
        follow: false,
        paged: true,
    },
    Abilities {
        command: "metrics",
        arguments: MetricsArgs::augment_args,
        outputs: OBJECTS,
        follow: false,
        paged: true,
    },
    Abilities {
        command: "correlate",
        arguments: CorrelateArgs::augment_args,
        outputs: OBJECTS,
        follow: false,
        paged: true,
    },
    Abilities {
        command: "coverage",
        arguments: CoverageArgs::augment_args,
        outputs: RECORDS,
        follow: false,
        paged: true,
    },
    Abilities {
        command: "removed",
        arguments: RemovedArgs::augment_args,
        outputs: RECORDS,
        follow: false,
        paged: false,
    },
];

/// What all others do.
const OTHERS: Abilities = Abilities {
    command: "",
    arguments: |command| command,
    outputs: OBJECTS,
    follow: false,
    paged: false,
};

const LINES: &[Output] = &[Output::Pretty, Output::Table, Output::Json, Output::Raw, Output::Csv];
const OBJECTS: &[Output] = &[Output::Pretty, Output::Json];
const RECORDS: &[Output] = &[Output::Pretty, Output::Json, Output::Csv];

/// The command line, each command with the options it has a use for.
pub(crate) fn command() -> Command {
    fitted(Cli::command(), &OTHERS)
}

/// Takes arguments apart. Only the command that is asked for is built, which is most of what a short
/// run has to do; where it does not take them, as with help and mistakes, all are, and tell.
pub(super) fn parse(args: &[OsString]) -> Result<ArgMatches, Error> {
    match alone(args).and_then(|command| command.try_get_matches_from(args).ok()) {
        Some(matches) => Ok(matches),
        None => command().try_get_matches_from(args),
    }
}

/// The command line with no other command than the one these arguments begin with.
pub(super) fn alone(args: &[OsString]) -> Option<Command> {
    let name = args.get(1)?;
    let own = ABILITIES.iter().find(|own| name == own.command)?;
    let sub = (own.arguments)(Command::new(own.command));
    Some(fitted(Command::new("radiosonde").subcommand(sub), &OTHERS))
}

fn fitted(command: Command, abilities: &'static Abilities) -> Command {
    // Of an option that is given twice the last counts, as behind an alias of a shell.
    let command = command.args_override_self(true);
    command.mut_args(|arg| fit(arg, abilities)).mut_subcommands(|sub| {
        let own = ABILITIES.iter().find(|own| own.command == sub.get_name());
        fitted(sub, own.unwrap_or(abilities))
    })
}

fn fit(arg: Arg, abilities: &'static Abilities) -> Arg {
    let has_use = has_use(arg.get_id().as_str(), abilities);
    let arg = match arg.get_id().as_str() {
        "output" => arg.value_parser(OutputArg(abilities.outputs)),
        _ if has_use => arg,
        _ => arg.hide(true),
    };
    let Some(name) = arg.get_env().map(OsStr::to_owned) else { return arg };
    let told = match arg.get_long_help().or(arg.get_help()) {
        Some(text) => format!("{text}\n\n[env: {}]", name.to_string_lossy()),
        None => format!("[env: {}]", name.to_string_lossy()),
    };
    let arg = arg.long_help(StyledStr::from(told)).hide_env(true);
    let value = std::env::var_os(&name).unwrap_or_default();
    let is_fitting = arg.get_id() != "output" || is_passed(&value, abilities.outputs);
    if has_use && is_fitting && !value.is_empty() { arg } else { arg.env(Resettable::Reset) }
}

/// Whether a command has a use for an option.
fn has_use(option: &str, abilities: &Abilities) -> bool {
    match option {
        "follow" | "tail" => abilities.follow,
        "field" => abilities.outputs.contains(&Output::Csv),
        "local" => is_dated(abilities),
        "no_pager" => abilities.paged,
        _ => true,
    }
}

/// Whether its times can be those of the local zone.
fn is_dated(abilities: &Abilities) -> bool {
    !abilities.command.is_empty()
}

/// Whether the output of the environment is one of these, or none at all, which is told.
fn is_passed(value: &OsStr, outputs: &[Output]) -> bool {
    let output = value.to_str().and_then(|word| Output::from_str(word, true).ok());
    output.is_none_or(|output| outputs.contains(&output))
}

/// The outputs of one command.
#[derive(Clone)]
struct OutputArg(&'static [Output]);

impl TypedValueParser for OutputArg {
    type Value = Output;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Output, Error> {
        let names = self.possible_values().into_iter().flatten();
        let word = clap::builder::PossibleValuesParser::new(names).parse_ref(cmd, arg, value)?;
        Output::from_str(&word, true)
            .map_err(|reason| cmd.clone().error(ErrorKind::InvalidValue, reason))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().filter_map(Output::to_possible_value)))
    }
}

/// Refuses what cannot be meant together.
pub(super) fn check(matches: &ArgMatches) -> Result<(), Error> {
    let Some((name, given)) = matches.subcommand() else { return Ok(()) };
    let abilities = ABILITIES.iter().find(|own| own.command == name).unwrap_or(&OTHERS);
    match refusal(name, given, abilities) {
        Some(reason) => {
            let mut command = command();
            let command = command.find_subcommand_mut(name).map_or_else(Cli::command, |sub| {
                sub.clone().bin_name(format!("radiosonde {name}"))
            });
            Err(command.clone().error(ErrorKind::ArgumentConflict, reason))
        }
        None => Ok(()),
    }
}

/// Why these options cannot be meant together, and what to write instead.
fn refusal(name: &str, given: &ArgMatches, abilities: &Abilities) -> Option<String> {
    let is_typed = |option| source(given, option) == Some(ValueSource::CommandLine);
    let follows = flag(given, "follow") || name == "tail";
    if name == "trace" && is_typed("id") && is_typed("trace") {
        return Some(
            "the trace is given twice: one of them cannot be used with the other".to_owned(),
        );
    }
    if name == "metrics" && is_typed("prometheus") {
        return OF_LINES.iter().find_map(|option| of_lines(option, source(given, option)?));
    }
    if is_typed("follow") && !abilities.follow {
        return Some(format!(
            "`{name}` does not go on with what is written later: leave out --follow, or use \
             `radiosonde logs --follow`"
        ));
    }
    if is_typed("local") && !is_dated(abilities) {
        return Some(format!("`{name}` has no times of the local zone: leave out --local"));
    }
    if is_typed("tail") && !follows {
        return Some(
            "--tail says where --follow begins: add --follow, or write -n N for the newest N lines"
                .to_owned(),
        );
    }
    if is_typed("tail") && is_typed("limit") {
        return Some("--tail and -n mean the same with --follow: leave out one of them".to_owned());
    }
    let until = value::<Timestamp>(given, "until").filter(|_| follows);
    if until.is_some_and(|until| until <= Timestamp::now()) {
        return Some(
            "--follow goes on with what is written from now on, and --until lies in the past: leave \
             out one of them"
                .to_owned(),
        );
    }
    let output = match flag(given, "json") {
        true => Some(Output::Json),
        false => value::<Output>(given, "output"),
    };
    let has_columns = matches!(output, Some(Output::Table | Output::Csv));
    if is_typed("field") && !has_columns {
        return Some(match abilities.outputs.contains(&Output::Csv) {
            true => "--field names columns: add -o table or -o csv".to_owned(),
            false => format!("--field names columns, and `{name}` has none: leave it out"),
        });
    }
    None
}

/// Why an option that chooses among lines is refused where a server is asked, which has none.
fn of_lines(option: &str, source: ValueSource) -> Option<String> {
    let option = if option == "conditions" { "where" } else { option };
    let given = match source {
        ValueSource::CommandLine => format!("--{option}"),
        ValueSource::EnvVariable => format!("RADIOSONDE_CLI_{}", option.to_uppercase()),
        _ => return None,
    };
    Some(format!(
        "--prometheus asks a server, and {given} chooses among lines in files: leave it out, and write \
         the labels into the query, such as 'runs_total{{outcome=\"failure\"}}'"
    ))
}

/// Options that choose among lines.
const OF_LINES: [&str; 10] = [
    "dir",
    "job",
    "trace",
    "machine",
    "worker",
    "session",
    "service",
    "level",
    "evt",
    "conditions",
];

/// How the output of a command goes to a terminal.
pub(crate) struct Manner {
    pub(crate) pager: bool,
    pub(crate) progress: bool,
}

/// How that of this one does.
pub(super) fn manner(matches: &ArgMatches) -> Manner {
    let Some((name, given)) = matches.subcommand() else {
        return Manner { pager: false, progress: false };
    };
    let is_paged = ABILITIES.iter().any(|own| own.command == name && own.paged);
    let is_whole = is_paged && !flag(given, "follow") && name != "tail";
    Manner { pager: is_whole && !flag(given, "no_pager"), progress: is_whole }
}

/// Whether the reading is to be explained.
pub(super) fn explains(matches: &ArgMatches) -> bool {
    matches.subcommand().is_some_and(|(_, given)| flag(given, "explain"))
}

/// Whether times are those of the local zone.
pub(super) fn is_local(matches: &ArgMatches) -> bool {
    matches.subcommand().is_some_and(|(_, given)| flag(given, "local"))
}

/// From when on lines are asked for, and whether those to come are.
pub(super) fn time(matches: &ArgMatches) -> (Option<Timestamp>, bool) {
    let Some((name, given)) = matches.subcommand() else { return (None, false) };
    (value::<Timestamp>(given, "since"), flag(given, "follow") || name == "tail")
}

pub(super) fn source(given: &ArgMatches, option: &str) -> Option<ValueSource> {
    given.try_contains_id(option).ok()?;
    given.value_source(option)
}

fn flag(given: &ArgMatches, option: &str) -> bool {
    value::<bool>(given, option).unwrap_or(false)
}

fn value<T: Copy + Send + Sync + 'static>(given: &ArgMatches, option: &str) -> Option<T> {
    given.try_get_one::<T>(option).ok().flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_is_built_alone_takes_what_it_takes_among_all() {
        let arguments = |command: &Command, name: &str| -> Vec<String> {
            let sub = command.find_subcommand(name).unwrap();
            sub.get_arguments().map(|arg| format!("{arg:?}")).collect()
        };
        for Abilities { command: name, .. } in ABILITIES {
            let alone = alone(&["radiosonde".into(), name.into()]).unwrap();
            alone.clone().debug_assert();
            let found = arguments(&alone, name);
            assert!(found.len() > 2 && found == arguments(&command(), name), "{name}");
        }
        assert!(alone(&["radiosonde".into(), "--version".into()]).is_none());
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }
}
