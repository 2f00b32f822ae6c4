//! The versions this binary was built with, from the workspace's lock file.

/// The lock file at the time of the build.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The version of what needs no package.
pub(crate) const NO_PACKAGE: &str = "std";

/// `name version` of each package, joined by ` + `; what is no package is the standard library's.
pub(crate) fn versions(packages: &[&str]) -> String {
    if packages.is_empty() {
        return NO_PACKAGE.into();
    }
    let one = |name: &&str| match version(LOCK, name) {
        Some(version) => format!("{name} {version}"),
        None => format!("{name} (not in Cargo.lock)"),
    };
    packages.iter().map(one).collect::<Vec<String>>().join(" + ")
}

/// The version of a package; the newest comes last in the file.
fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("name = \"{name}\"");
    let entries = lock.split("[[package]]").filter(|entry| entry.trim_start().starts_with(&start));
    let (_, rest) = entries.last()?.split_once("version = \"")?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_by_the_whole_name() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a-b\"\nversion = \"2.0.0\"\n\n[[package]]\nname = \"c\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"c\"\nversion = \"0.2.0\"\n";
        assert_eq!(version(lock, "a"), Some("1.0.0"));
        assert_eq!(version(lock, "a-b"), Some("2.0.0"));
        assert_eq!(version(lock, "c"), Some("0.2.0"));
        assert_eq!(version(lock, "b"), None);
    }

    #[test]
    fn every_candidate_names_packages_that_are_built_in() {
        for suite in crate::SUITES {
            for candidate in suite.workloads.iter().flat_map(|workload| workload.candidates) {
                let text = versions(candidate.packages);
                assert!(!text.contains("not in Cargo.lock"), "{text}");
            }
        }
    }
}
