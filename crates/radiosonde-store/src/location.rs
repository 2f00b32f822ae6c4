//! Where a program's telemetry directory is.
//!
//! The rule stands here once, for the process that writes and the command that reads:
//!
//! | first that applies | origin |
//! | --- | --- |
//! | `RADIOSONDE_DIR` | [`Origin::Environment`] |
//! | `dir =` of the program | [`Origin::Program`] |
//! | `$STATE_DIRECTORY` (set by systemd; the first of several) | [`Origin::StateDirectory`] |
//! | an existing `./data/telemetry` | [`Origin::WorkingDirectory`] |
//! | `$XDG_STATE_HOME/radiosonde/<service>`, by default below `~/.local/state` | [`Origin::StateHome`] |
//!
//! A variable that is set to nothing counts as not set.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// Looks up an environment variable. Programs pass `&|name| std::env::var_os(name)`.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The variable that decides before everything else.
pub const DIR_VARIABLE: &str = "RADIOSONDE_DIR";

/// A telemetry directory and the rule that named it. It need not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location {
    /// The directory.
    pub path: PathBuf,
    /// Which rule applied.
    pub origin: Origin,
}

/// The rule that named a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// `RADIOSONDE_DIR`.
    Environment,
    /// The program, by `dir =` in `init!`.
    Program,
    /// `$XDG_STATE_HOME/radiosonde/<service>`.
    StateHome,
    /// `$STATE_DIRECTORY`.
    StateDirectory,
    /// An existing `./data/telemetry`.
    WorkingDirectory,
}

/// No rule names a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no place for telemetry: set RADIOSONDE_DIR, as neither XDG_STATE_HOME nor HOME holds an absolute path"
)]
pub struct NoLocation;

impl Location {
    /// The directory a process of `service` writes to. `init_dir` is what the program's own code
    /// asks for; relative paths start at `cwd`.
    ///
    /// Apart from asking whether `cwd/data/telemetry` is a directory (a symbolic link is not: nobody
    /// named it), this touches nothing and reads no variable but through `env`.
    ///
    /// # Errors
    /// [`NoLocation`] when every rule fails, which takes an environment without a home directory.
    pub fn resolve(
        service: &str,
        init_dir: Option<&Path>,
        env: Lookup<'_>,
        cwd: &Path,
    ) -> Result<Self, NoLocation> {
        if let Some(dir) = variable(env, DIR_VARIABLE) {
            return Ok(Self { path: cwd.join(dir), origin: Origin::Environment });
        }
        if let Some(dir) = init_dir {
            return Ok(Self { path: cwd.join(dir), origin: Origin::Program });
        }
        if let Some(here) = Self::without_service(env, cwd) {
            return Ok(here);
        }
        let path = services_dir(env).ok_or(NoLocation)?.join(service_dir_name(service));
        Ok(Self { path, origin: Origin::StateHome })
    }

    /// The directories a reader looks at that was told neither a directory nor a service: the same
    /// places, and in the last of them every service, behind a symbolic link as well.
    #[must_use]
    pub fn search(env: Lookup<'_>, cwd: &Path) -> Search {
        if let Some(dir) = variable(env, DIR_VARIABLE) {
            let here = Self { path: cwd.join(dir), origin: Origin::Environment };
            return Search::one(here);
        }
        if let Some(here) = Self::without_service(env, cwd) {
            return Search::one(here);
        }
        let mut search = Search { found: Vec::new(), looked: vec![cwd.join(WORKING_DIR)] };
        if let Some(services) = services_dir(env) {
            let mut dirs: Vec<PathBuf> = fs::read_dir(&services)
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                // A link here was laid by whoever owns the home directory, and programs write
                // through it.
                .filter(|path| path.is_dir())
                .collect();
            dirs.sort();
            search
                .found
                .extend(dirs.into_iter().map(|path| Self { path, origin: Origin::StateHome }));
            search.looked.push(services);
        }
        search
    }

    fn without_service(env: Lookup<'_>, cwd: &Path) -> Option<Self> {
        if let Some(dir) = variable(env, "STATE_DIRECTORY").and_then(|list| first_of_list(&list)) {
            return Some(Self { path: cwd.join(dir), origin: Origin::StateDirectory });
        }
        let path = cwd.join(WORKING_DIR);
        is_real_dir(&path).then_some(Self { path, origin: Origin::WorkingDirectory })
    }
}

/// What [`Location::search`] found, and where it looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    /// Directories to read, the ones that were named by a variable even if they do not exist.
    pub found: Vec<Location>,
    /// Places that were looked at, for a message.
    pub looked: Vec<PathBuf>,
}

impl Search {
    fn one(location: Location) -> Self {
        Self { looked: vec![location.path.clone()], found: vec![location] }
    }
}

/// The directory name of a service: its name with everything but letters, digits, `.`, `_` and `-`
/// replaced, so that a name can never lead out of its parent.
#[must_use]
pub fn service_dir_name(service: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = service.chars().take(100).map(|c| if safe(c) { c } else { '_' }).collect();
    if name.trim_matches('.').is_empty() { "_".to_owned() } else { name }
}

fn variable(env: Lookup<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}

/// systemd joins several directories with colons; the first is the service's main one.
fn first_of_list(list: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(list).find(|path| !path.as_os_str().is_empty())
}

fn services_dir(env: Lookup<'_>) -> Option<PathBuf> {
    // The XDG specification: a relative path is invalid and to be ignored.
    let absolute = |name| variable(env, name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local").join("state")))?;
    Some(state.join("radiosonde"))
}

fn is_real_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Where a program keeps telemetry that brings its own data directory.
const WORKING_DIR: &str = "data/telemetry";

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        vars: &[(&str, &str)],
        init: Option<&str>,
        cwd: &Path,
    ) -> Result<String, NoLocation> {
        let env = |name: &str| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        Location::resolve("svc", init.map(Path::new), &env, cwd)
            .map(|location| location.path.display().to_string())
    }

    #[test]
    fn the_first_rule_that_applies_decides() {
        let all = [
            ("RADIOSONDE_DIR", "/env"),
            ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"),
            ("XDG_STATE_HOME", "/xdg"),
            ("HOME", "/home/me"),
        ];
        let cwd = Path::new("/nowhere");
        for (vars, init, expect) in [
            (&all[..], Some("/init"), "/env"),
            (&all[1..], Some("/init"), "/init"),
            (&all[1..], Some("rel"), "/nowhere/rel"),
            (&all[1..], None, "/var/lib/a"),
            (&all[2..], None, "/xdg/radiosonde/svc"),
            (&all[3..], None, "/home/me/.local/state/radiosonde/svc"),
            (&[("RADIOSONDE_DIR", "sub"), ("HOME", "/h")], None, "/nowhere/sub"),
            (&[("RADIOSONDE_DIR", ""), ("HOME", "/h")], None, "/h/.local/state/radiosonde/svc"),
            (&[("XDG_STATE_HOME", "rel"), ("HOME", "/h")], None, "/h/.local/state/radiosonde/svc"),
            (&[("STATE_DIRECTORY", ":/b"), ("HOME", "/h")], None, "/b"),
        ] {
            assert_eq!(resolve(vars, init, cwd).as_deref(), Ok(expect), "{vars:?} {init:?}");
        }
        assert_eq!(resolve(&[], None, cwd), Err(NoLocation));
    }

    #[test]
    fn an_existing_data_directory_beats_the_home_directory() {
        let cwd = tempfile::tempdir().unwrap();
        let data = cwd.path().join(WORKING_DIR);
        fs::create_dir_all(&data).unwrap();
        let home = [("HOME", "/h")];
        assert_eq!(resolve(&home, None, cwd.path()), Ok(data.display().to_string()));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_nobody_named_is_not_followed() {
        let cwd = tempfile::tempdir().unwrap();
        fs::create_dir_all(cwd.path().join("elsewhere")).unwrap();
        fs::create_dir_all(cwd.path().join("data")).unwrap();
        let link = cwd.path().join(WORKING_DIR);
        std::os::unix::fs::symlink(cwd.path().join("elsewhere"), link).unwrap();
        let found = resolve(&[("HOME", "/h")], None, cwd.path());
        assert_eq!(found.as_deref(), Ok("/h/.local/state/radiosonde/svc"));
    }

    #[test]
    fn a_reader_finds_every_service_below_the_state_directory() {
        let home = tempfile::tempdir().unwrap();
        let services = home.path().join("radiosonde");
        for service in ["b", "a"] {
            fs::create_dir_all(services.join(service)).unwrap();
        }
        fs::write(services.join("a-file"), "").unwrap();
        #[cfg(unix)]
        for (target, link) in [("elsewhere", "c"), ("a-file", "d"), ("nothing", "e")] {
            fs::create_dir_all(home.path().join("elsewhere")).unwrap();
            let target = if link == "c" { home.path().join(target) } else { services.join(target) };
            std::os::unix::fs::symlink(target, services.join(link)).unwrap();
        }
        let state = home.path().as_os_str().to_owned();
        let env = |name: &str| (name == "XDG_STATE_HOME").then(|| state.clone());
        let search = Location::search(&env, Path::new("/nowhere"));
        let found: Vec<_> = search.found.iter().map(|location| location.path.clone()).collect();
        let expect = if cfg!(unix) { &["a", "b", "c"][..] } else { &["a", "b"] };
        assert_eq!(found, expect.iter().map(|name| services.join(name)).collect::<Vec<_>>());
        assert!(search.looked.contains(&services));
    }

    #[test]
    fn a_service_name_never_leads_out() {
        for (service, expect) in [
            ("a/../b", "a_.._b"),
            ("..", "_"),
            ("", "_"),
            ("é x", "__x"),
            ("my-svc.v2", "my-svc.v2"),
        ] {
            assert_eq!(service_dir_name(service), expect);
        }
    }
}
