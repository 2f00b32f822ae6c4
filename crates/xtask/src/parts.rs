//! Programs nobody here wrote that some tests use, and how to come by them.

use crate::python;
use crate::steps::{program, succeeds, watch};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// One program from outside.
#[derive(Debug)]
pub(crate) struct Part {
    /// What `--without` calls it; also the program's name.
    pub(crate) name: &'static str,
    /// The variable that names the program when it is not on the path; of a package of Python, the
    /// folder that holds it.
    variable: &'static str,
    /// Of a package of Python: what to ask pip for. Then it is no program.
    python: Option<python::Package>,
    /// The package of Debian and Ubuntu that holds it, or what it takes to get it.
    apt: &'static str,
    /// What to ask for elsewhere.
    elsewhere: &'static str,
    /// A service the package starts on installation, which no test wants.
    service: Option<&'static str>,
}

/// Everything the tests can use. A test that needs one of them fails without it when
/// `XTASK_REQUIRE_SERVERS=1`, unless `XTASK_WITHOUT` names it.
pub(crate) const PARTS: &[Part] = &[
    Part {
        name: "promtool",
        variable: "PROMTOOL",
        python: None,
        apt: "prometheus",
        elsewhere: "Prometheus (it contains promtool; `brew install prometheus`)",
        service: Some("prometheus"),
    },
    Part {
        name: "prometheus",
        variable: "PROMETHEUS",
        python: None,
        apt: "prometheus",
        elsewhere: "Prometheus (`brew install prometheus`)",
        service: Some("prometheus"),
    },
    Part {
        name: "amtool",
        variable: "AMTOOL",
        python: None,
        apt: "prometheus-alertmanager",
        elsewhere: "Alertmanager (it contains amtool)",
        service: Some("prometheus-alertmanager"),
    },
    Part {
        name: "prometheus-client",
        variable: "PROMETHEUS_CLIENT",
        python: Some(python::PROMETHEUS_CLIENT),
        apt: "python3-pip",
        elsewhere: "Python 3 with pip",
        service: None,
    },
    Part {
        name: "opentelemetry-sdk",
        variable: "OPENTELEMETRY_SDK",
        python: Some(python::OPENTELEMETRY_SDK),
        apt: "python3-pip",
        elsewhere: "Python 3 with pip",
        service: None,
    },
    Part {
        name: "opentelemetry-proto",
        variable: "OPENTELEMETRY_PROTO",
        python: Some(python::OPENTELEMETRY_PROTO),
        apt: "python3-pip",
        elsewhere: "Python 3 with pip",
        service: None,
    },
    Part {
        name: "rotel",
        variable: "ROTEL",
        python: Some(python::ROTEL),
        apt: "python3-pip",
        elsewhere: "Python 3 with pip",
        service: None,
    },
    Part {
        name: "jq",
        variable: "JQ",
        python: None,
        apt: "jq",
        elsewhere: "jq (`brew install jq`)",
        service: None,
    },
    Part {
        name: "rg",
        variable: "RG",
        python: None,
        apt: "ripgrep",
        elsewhere: "ripgrep (`brew install ripgrep`)",
        service: None,
    },
    Part {
        name: "zstd",
        variable: "ZSTD",
        python: None,
        apt: "zstd",
        elsewhere: "zstd (`brew install zstd`)",
        service: None,
    },
    Part {
        name: "rsyslogd",
        variable: "RSYSLOGD",
        python: None,
        apt: "rsyslog",
        elsewhere: "rsyslog",
        service: Some("rsyslog"),
    },
    Part {
        name: "strace",
        variable: "STRACE",
        python: None,
        apt: "strace",
        elsewhere: "strace",
        service: None,
    },
];

/// Looks for every part that is not left out, and installs what is missing if that can be done.
/// Says what it found and what it did. False when a part is still missing.
pub(crate) fn provide(without: &[&str]) -> bool {
    let mut missing = Vec::new();
    for part in PARTS {
        if without.contains(&part.name) {
            println!("{:<20} left out by --without: its tests are not run", part.name);
        } else if let Some(place) = part.find() {
            println!("{:<20} {place}", part.name);
        } else {
            println!("{:<20} missing", part.name);
            missing.push(part);
        }
    }
    if missing.is_empty() {
        return true;
    }
    match plan(&missing, &Machine::look()) {
        Plan::Install(steps) => install(&missing, &steps),
        Plan::Tell(text) => {
            eprintln!("{text}");
            false
        }
    }
}

impl Part {
    /// Where the program is, if it is anywhere.
    fn find(&self) -> Option<String> {
        if let Some(package) = &self.python {
            return package.find(self.variable);
        }
        if let Ok(named) = std::env::var(self.variable)
            && Path::new(&named).is_file()
        {
            return Some(named);
        }
        on_path(self.name)
    }
}

/// The place of a program on `PATH`, or beside the daemons.
fn on_path(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    // Where daemons are is not on everybody's path.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(name)).find(|p| p.is_file())?;
    Some(found.to_string_lossy().into_owned())
}

/// What decides whether and how something can be installed here.
struct Machine {
    apt: bool,
    root: bool,
    sudo: bool,
    systemd: bool,
    pip: bool,
}

impl Machine {
    fn look() -> Machine {
        let id = program("id", &["-u"]).output();
        let root = id.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
        // Without a terminal sudo may not ask for a password, so it must not need one.
        let sudo = !root
            && on_path("sudo").is_some()
            && (std::io::stdin().is_terminal() || succeeds(&mut program("sudo", &["-n", "true"])));
        let apt = on_path("apt-get").is_some();
        let pip = python::has_pip();
        Machine { apt, root, sudo, systemd: Path::new("/run/systemd/system").is_dir(), pip }
    }
}

/// What to do about missing parts.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// Commands, to be run in order. A failing last group (stopping services) does no harm.
    Install(Vec<Vec<String>>),
    /// Nothing can be done from here; this is what to say.
    Tell(String),
}

fn plan(missing: &[&Part], machine: &Machine) -> Plan {
    let names: Vec<&str> = missing.iter().map(|part| part.name).collect();
    let otherwise = format!("or leave it out: cargo xtask test --without {}", names.join(","));
    // What pip brings needs neither root nor apt, as long as there is a pip.
    let (by_pip, by_apt): (Vec<&Part>, Vec<&Part>) =
        missing.iter().partition(|part| part.python.is_some() && machine.pip);
    if !by_apt.is_empty() && !machine.apt {
        let elsewhere: Vec<&str> = by_apt.iter().map(|part| part.elsewhere).collect();
        return Plan::Tell(format!("please install {}\n{otherwise}", elsewhere.join(" and ")));
    }
    let packages = once(by_apt.iter().map(|part| part.apt));
    if !by_apt.is_empty() && !machine.root && !machine.sudo {
        let packages = packages.join(" ");
        return Plan::Tell(format!(
            "not root, and no sudo that works here. Please run\n  \
             sudo apt-get update && sudo apt-get install --no-install-recommends {packages}\n{otherwise}"
        ));
    }
    let mut steps = Vec::new();
    if !by_apt.is_empty() {
        let services = once(by_apt.iter().filter_map(|part| part.service));
        steps = apt_steps(&packages, &services, machine);
    }
    let of_python = by_pip.iter().chain(&by_apt).filter_map(|part| part.python.as_ref());
    steps.extend(of_python.map(python::Package::install));
    Plan::Install(steps)
}

/// Each name once, in the order they come: several parts may be of one package.
fn once<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    names.fold(Vec::new(), |mut all, name| {
        if !all.contains(&name) {
            all.push(name);
        }
        all
    })
}

/// Installs packages, and stops the services that came with them.
fn apt_steps(packages: &[&str], services: &[&str], machine: &Machine) -> Vec<Vec<String>> {
    let command = |words: &[&str]| -> Vec<String> {
        let sudo = (!machine.root).then_some("sudo");
        sudo.into_iter().chain(words.iter().copied()).map(str::to_owned).collect()
    };
    let mut install =
        vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq"];
    // The recommended packages of Prometheus are further services.
    install.push("--no-install-recommends");
    install.extend(packages);
    let mut steps = vec![command(&["apt-get", "update", "-qq"]), command(&install)];
    for service in services {
        // We brought it, so it must neither run now nor start with the machine.
        steps.push(if machine.systemd {
            command(&["systemctl", "disable", "--now", service])
        } else {
            command(&["service", service, "stop"])
        });
    }
    steps
}

fn install(missing: &[&Part], steps: &[Vec<String>]) -> bool {
    println!("installing what is missing:");
    for step in steps {
        let Some((first, rest)) = step.split_first() else { continue };
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        // Judged below by whether the parts are there: stopping a service that never started fails.
        watch(&mut program(first, &rest), |_| ());
    }
    let mut all = true;
    for part in missing {
        match part.find() {
            Some(place) => println!("{:<20} {place} (installed now)", part.name),
            None => {
                eprintln!("{:<20} could not be installed; --without {0} leaves it out", part.name);
                all = false;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: Machine =
        Machine { apt: true, root: true, sudo: false, systemd: true, pip: true };

    fn lines(plan: Plan) -> Vec<String> {
        match plan {
            Plan::Install(steps) => steps.iter().map(|step| step.join(" ")).collect(),
            Plan::Tell(text) => vec![text],
        }
    }

    #[test]
    fn root_on_debian_installs_and_stops_the_service_it_brought() {
        let all: Vec<&Part> = PARTS.iter().collect();
        let steps = lines(plan(&all, &DEBIAN));
        assert!(
            steps[1].ends_with(
                "--no-install-recommends prometheus prometheus-alertmanager jq ripgrep zstd rsyslog strace"
            ),
            "{steps:?}"
        );
        assert_eq!(steps[2], "systemctl disable --now prometheus");
        assert_eq!(steps[3], "systemctl disable --now prometheus-alertmanager");
        assert_eq!(steps[4], "systemctl disable --now rsyslog");
        assert!(steps[5].starts_with("python3 -m pip install"), "{steps:?}");
        assert!(steps[6].contains(" opentelemetry-sdk=="), "{steps:?}");
        assert!(steps[7].contains(" opentelemetry-proto=="), "{steps:?}");
        assert!(
            steps[8].contains(" --only-binary=:all: --python-version 3.11 rotel=="),
            "{steps:?}"
        );
        assert_eq!(steps.len(), 9, "{steps:?}");
        let steps = lines(plan(&all, &Machine { systemd: false, ..DEBIAN }));
        assert_eq!(steps[2], "service prometheus stop");
        let only_jq: Vec<&Part> = PARTS.iter().filter(|part| part.name == "jq").collect();
        assert_eq!(lines(plan(&only_jq, &DEBIAN)).len(), 2, "jq brings no service");
    }

    #[test]
    fn what_pip_brings_takes_no_root_unless_there_is_no_pip() {
        let client: Vec<&Part> = PARTS.iter().filter(|part| part.python.is_some()).collect();
        let user = Machine { apt: false, root: false, ..DEBIAN };
        let steps = lines(plan(&client, &user));
        assert!(steps.iter().all(|step| step.starts_with("python3 -m pip install")), "{steps:?}");
        assert_eq!(steps.len(), client.len(), "{steps:?}");
        let without = Machine { pip: false, ..DEBIAN };
        let steps = lines(plan(&client, &without));
        assert!(steps[1].ends_with("--no-install-recommends python3-pip"), "{steps:?}");
        assert!(steps[2].starts_with("python3 -m pip install"), "{steps:?}");
        let told = lines(plan(&client, &Machine { pip: false, ..user }));
        assert!(told[0].contains("Python 3 with pip"), "{told:?}");
    }

    #[test]
    fn another_user_goes_through_sudo_or_is_told_what_to_run() {
        let all: Vec<&Part> = PARTS.iter().collect();
        let user = Machine { root: false, ..DEBIAN };
        let told = lines(plan(&all, &user));
        let packages = "prometheus prometheus-alertmanager jq ripgrep zstd rsyslog strace";
        let install = format!("apt-get install --no-install-recommends {packages}");
        assert!(told[0].contains(&install), "{told:?}");
        let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
        assert!(told[0].contains(&format!("--without {}", names.join(","))), "{told:?}");
        let steps = lines(plan(&all, &Machine { sudo: true, ..user }));
        let of_python = PARTS.iter().filter(|part| part.python.is_some()).count();
        let (apt, pip) = steps.split_at(steps.len() - of_python);
        assert!(apt.iter().all(|step| step.starts_with("sudo ")), "{steps:?}");
        assert!(pip.iter().all(|step| step.starts_with("python3 ")), "the user's own: {pip:?}");
    }

    #[test]
    fn where_there_is_no_apt_the_packages_are_named() {
        let all: Vec<&Part> = PARTS.iter().collect();
        let told = lines(plan(&all, &Machine { apt: false, ..DEBIAN }));
        assert!(told[0].contains("brew install prometheus") && told[0].contains("jq"), "{told:?}");
    }

    #[test]
    fn a_program_on_the_path_is_found() {
        assert!(on_path("cargo").is_some());
        assert!(on_path("radiosonde-no-such-program").is_none());
    }
}
