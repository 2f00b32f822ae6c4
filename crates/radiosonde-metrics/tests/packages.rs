//! Crates of their own, built by cargo: when a catalogue is made anew, and how long that takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use radiosonde_registry::Registry;

/// A package with a catalogue, in the edition before ours.
struct Package {
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl Package {
    fn new() -> Self {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = ours.ancestors().nth(2).expect("the workspace");
        // Under another name, as a user may have it.
        let manifest = format!(
            "[package]\nname = \"with-catalogue\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
             [dependencies]\ntelemetry = {{ package = \"radiosonde-metrics\", path = {ours:?} }}\n\
             [workspace]\n\
             [profile.dev]\ndebug = \"line-tables-only\"\nincremental = false\n\
             [profile.dev.package.\"*\"]\ndebug = false\n"
        );
        let folder = tempfile::tempdir().expect("a directory");
        fs::create_dir(folder.path().join("src")).expect("a directory");
        fs::write(folder.path().join("Cargo.toml"), manifest).expect("written");
        // The versions of the workspace, which are there without a network.
        fs::copy(workspace.join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("copied");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("with-catalogue");
        Self { folder, target }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).expect("written");
    }

    fn cargo(&self, command: &str) -> Output {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(command.split(' '))
            .args(["--quiet", "--offline"])
            .current_dir(self.folder.path());
        cargo.env("CARGO_TARGET_DIR", &self.target).env_remove("RUSTFLAGS");
        cargo.output().expect("cargo runs")
    }

    /// Without an error and without a warning.
    fn succeeds(&self, command: &str) {
        let output = self.cargo(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "cargo {command}:\n{said}");
    }
}

const LIBRARY: &str = "\
//! A library that only writes metrics.
#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]
telemetry::catalog!(\"registry.json\");
";

fn registry(metrics: &str) -> String {
    format!(
        r#"{{"schema_version": 1, "owners": {{"team": {{"email": "team@example.org"}}}},
            "labels": {{"outcome": {{"values": ["success", "failure"]}}, "zone": {{"max_values": 9}}}},
            "metrics": [{metrics}]}}"#
    )
}

#[test]
fn a_registry_that_changes_is_read_again() {
    let package = Package::new();
    let metric = |name: &str| {
        registry(&format!(
            r#"{{"name": "{name}", "type": "counter", "unit": "runs", "help": "Runs.",
                "owner": "team", "labels": ["outcome", "zone"]}}"#
        ))
    };
    let run = "/// Runs.\npub fn run() { catalog::runs_total(catalog::Outcome::Success, \"z\")\
               .increment(1); }\n";
    package.write("src/lib.rs", &format!("{LIBRARY}{run}"));
    package.write("registry.json", &metric("runs_total"));
    package.succeeds("check");
    package.write("registry.json", &metric("starts_total"));
    let output = package.cargo("check");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the function was made from the old registry");
    assert!(said.contains("cannot find function `runs_total` in module `catalog`"), "{said}");
    package.write("registry.json", &metric("runs_total"));
    package.succeeds("check");
}

/// What a registry says stands in the documentation as it was written, whatever it is, and makes no
/// warning.
#[test]
fn texts_of_a_registry_are_documented_as_they_are() {
    let package = Package::new();
    package.write("src/lib.rs", LIBRARY);
    package.write("registry.json", include_str!("hostile.json"));
    package.succeeds("doc --no-deps");
    let page = |name: &str| {
        let page = package.target.join("doc/with_catalogue/catalog").join(name);
        fs::read_to_string(page).expect("a page")
    };
    let (links, tags) = (page("fn.type.html"), page("fn.metric.html"));
    assert!(
        links.contains("[a](link), &lt;b&gt;, `code`, *stars*, \\ and https://example.org/a_b.")
    );
    assert!(!links.contains("href=\"link\"") && !links.contains("<b>"), "{links}");
    assert!(tags.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!tags.contains("<script>alert"), "{tags}");
}

/// Prints how long the compiler takes for catalogues of several sizes: a step of `cargo xtask prove
/// catalog`. That the text grows no faster than the registry is a test of the macro.
#[test]
#[ignore = "a measurement, of a minute; run by `cargo xtask prove catalog`"]
fn compile_time() {
    let rounds =
        std::env::var("XTASK_CATALOG").ok().and_then(|n| n.parse().ok()).unwrap_or(5_usize);
    let package = Package::new();
    for command in ["check", "build"] {
        let mut times = SIZES.map(|_| Vec::new());
        // The first round fills caches and does not count. All sizes take turns, so that a noisy
        // minute hits all of them.
        for round in 0..=rounds {
            for (size, times) in SIZES.iter().zip(&mut times) {
                let time = time(&package, command, *size);
                times.extend((round > 0).then_some(time));
            }
        }
        let medians = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        println!("| `cargo {command}` | median (ms) | above the file alone | for a metric |");
        println!("| --- | ---: | ---: | ---: |");
        println!("| the file alone | {:.0} | | |", medians[0]);
        let more = |place: usize| medians[place] - medians[0];
        let each = |place: usize| more(place) / f64::from(SIZES[place]);
        for place in 1..SIZES.len() {
            let (size, median) = (SIZES[place], medians[place]);
            println!("| {size} metrics | {median:.0} | {:.0} | {:.2} |", more(place), each(place));
        }
        assert!(each(4) < 2.0 * each(2), "a metric of many takes longer than one of a few");
    }
}

/// Numbers of metrics; the first is the largest file without a catalogue.
const SIZES: [i32; 5] = [0, 100, 250, 500, 1_000];

/// Milliseconds of processor time to compile a crate that has nothing but a catalogue of that size.
fn time(package: &Package, command: &str, size: i32) -> f64 {
    package.write("registry.json", &sized(if size == 0 { 1_000 } else { size }));
    let file = "/// The file.\npub const FILE: &str = include_str!(\"../registry.json\");\n";
    package.write("src/lib.rs", if size == 0 { file } else { LIBRARY });
    let before = processor_time();
    package.succeeds(command);
    processor_time() - before
}

/// Milliseconds of processor time of all children that have ended: unlike time, it is not longer
/// when others work as well. In steps of 10.
fn processor_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name of the program may hold anything; after it, fields 16 and 17 are ours.
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks = |n: usize| fields.split(' ').nth(n).and_then(|n| n.parse::<f64>().ok());
    (ticks(14).expect("user time") + ticks(15).expect("system time")) * 10.0
}

/// The long run would fail after minutes, and only where somebody asks for it.
#[test]
fn the_registries_that_are_measured_have_no_mistakes() {
    for size in SIZES.into_iter().skip(1) {
        let parsed = Registry::parse("registry.json", &sized(size)).map(|read| read.metrics.len());
        assert_eq!(parsed.map_err(|errors| errors.to_string()), Ok(size as usize));
    }
}

/// A registry with that many metrics of three labels: two with five values each and one that is
/// free, or one with values and two free.
fn sized(count: i32) -> String {
    let labels: Vec<String> = (0..10)
        .map(|n| {
            let values = r#"["first", "second", "third", "fourth", "429"]"#;
            format!(r#""listed_{n}": {{"values": {values}}}, "free_{n}": {{"max_values": 20}}"#)
        })
        .collect();
    let metrics: Vec<String> = (0..count)
        .map(|n| {
            let (kind, end, unit) = [
                ("counter", "_total", "items"),
                ("gauge", "", "items"),
                ("histogram", "_seconds", "seconds"),
            ][usize::try_from(n % 3).expect("small")];
            let (a, b) = (n % 10, (n / 10 + 1 + n) % 10);
            let second = if n % 2 == 0 && a != b { "listed" } else { "free" };
            let third = (b + 1) % 10;
            format!(
                r#"{{"name": "part_{n}_of_the_service{end}", "type": "{kind}", "unit": "{unit}",
                    "help": "What part {n} of the service has done so far.", "owner": "team",
                    "interval_s": 60, "labels": ["listed_{a}", "{second}_{b}", "free_{third}"]}}"#
            )
        })
        .collect();
    format!(
        r#"{{"schema_version": 1, "owners": {{"team": {{"email": "team@example.org"}}}},
            "labels": {{{}}}, "metrics": [{}]}}"#,
        labels.join(", "),
        metrics.join(",\n")
    )
}
