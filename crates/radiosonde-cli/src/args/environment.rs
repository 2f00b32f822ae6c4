//! Options that have their values from the environment.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory as _};

use super::Cli;
use super::abilities::{alone, command, source};
use super::spread::begins;
use crate::render::text::shown;

/// What the variables of the options begin with.
const VARIABLES: &str = "RADIOSONDE_CLI_";

/// The conditions that have their value from the environment: `RADIOSONDE_CLI_LEVEL=error`.
pub(super) fn from_environment(args: &[OsString], matches: &ArgMatches) -> Vec<String> {
    let Some((name, given)) = matches.subcommand() else { return Vec::new() };
    let is_ours = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with(VARIABLES));
    if !std::env::vars_os().any(|(name, _)| is_ours(&name)) {
        return Vec::new();
    }
    let command = alone(args).unwrap_or_else(command);
    let options = command.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
    options
        .filter(|option| option.get_help_heading() == Some("What"))
        .filter(|option| option.get_id() != "tail")
        .filter(|option| source(given, option.get_id().as_str()) == Some(ValueSource::EnvVariable))
        .filter_map(|option| {
            let name = option.get_env()?;
            let value = std::env::var_os(name)?;
            Some(shown(&format!("{}={}", name.to_string_lossy(), value.to_string_lossy())))
        })
        .collect()
}

/// An option of the command that arguments begin with.
pub(super) fn option(args: &[OsString], is_it: &dyn Fn(&Arg) -> bool) -> Option<Arg> {
    let command = Cli::command();
    let command = command.find_subcommand(args.get(1)?)?;
    command.get_arguments().find(|arg| is_it(arg)).cloned()
}

/// Whether arguments have an option.
pub(super) fn is_typed(option: &Arg, args: &[OsString]) -> bool {
    let long = option.get_long().map(|long| format!("--{long}"));
    let short = option.get_short().map(|short| format!("-{short}"));
    let args = args.iter().skip(2).map(|arg| arg.to_string_lossy()).take_while(|arg| arg != "--");
    let mut args = args.filter(|arg| arg.starts_with('-'));
    args.any(|arg| {
        let is_long = long.as_ref().is_some_and(|long| begins(OsStr::new(arg.as_ref()), long));
        is_long || short.as_ref().is_some_and(|short| arg.starts_with(short.as_str()))
    })
}

/// Why a command refuses the value of a variable. `None` where it takes it, or where it is none of ours.
pub(crate) fn refused(name: &str, value: &str) -> Option<String> {
    let without_env = |command: Command| command.mut_args(|arg| arg.env(Resettable::Reset));
    let all = Cli::command();
    let is_it = |arg: &&Arg| arg.get_env().is_some_and(|env| env == name);
    let found = all.get_subcommands().find_map(|command| {
        let arg = command.get_arguments().find(is_it)?;
        Some((command, arg.get_long()?)).filter(|_| arg.get_action().takes_values())
    });
    let (command, long) = found?;
    let words = ["radiosonde".to_owned(), format!("--{long}={value}")];
    let error = without_env(command.clone()).try_get_matches_from(words).err()?;
    let is_of_value = matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
    let told = error.to_string();
    let first = told.lines().next().unwrap_or_default();
    // `error: invalid value 'eror' for '--level <LEVEL>': unknown level …`
    let reason = first.split_once("': ").map_or(first, |(_, reason)| reason);
    is_of_value.then(|| reason.to_owned())
}

/// The variables that options have their values from.
pub(crate) fn variables() -> BTreeSet<String> {
    fn add(command: &Command, names: &mut BTreeSet<String>) {
        let variables = command.get_arguments().filter_map(Arg::get_env);
        names.extend(variables.map(|name| name.to_string_lossy().into_owned()));
        command.get_subcommands().for_each(|command| add(command, names));
    }
    let mut names = BTreeSet::new();
    add(&Cli::command(), &mut names);
    names
}
