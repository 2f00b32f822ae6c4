//! What the figures were measured on.

use std::fs;
use std::process::Command;

/// One line: processor, cores, memory, system, compiler, and how busy it is. What cannot be found out
/// is left out.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").ok();
    let load = load.as_deref().and_then(|text| text.split(' ').next());
    let parts = [
        value("/proc/cpuinfo", "model name"),
        Some(format!("{cores} cores")),
        value("/proc/meminfo", "MemTotal").and_then(|text| gibibytes(&text)),
        Some(format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        compiler(),
        load.map(|load| format!("load {load} at the start")),
    ];
    parts.into_iter().flatten().collect::<Vec<String>>().join(", ")
}

/// The value behind `key :` in a file of /proc.
fn value(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn gibibytes(text: &str) -> Option<String> {
    let kibibytes: f64 = text.split(' ').next()?.parse().ok()?;
    Some(format!("{:.0} GiB", kibibytes / 1024.0 / 1024.0))
}

fn compiler() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut words = text.split(' ');
    Some(format!("{} {}", words.next()?, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_in_gibibytes() {
        assert_eq!(gibibytes("24576000 kB").as_deref(), Some("23 GiB"));
        assert_eq!(gibibytes("much"), None);
    }

    #[test]
    fn the_description_is_one_line() {
        let text = describe();
        assert!(text.contains(std::env::consts::OS) && !text.contains('\n'), "{text}");
    }
}
