//! Faults of the whole platform, and the page that finds them: every command of it does.

use crate::pages::{ask, blocks, page};
use crate::world::{Platform, radiosonde};

const PAGE: &str = "docs/finding-faults.md";
/// Whoever looks for a fault has these many commands at most.
const COMMANDS_MAX: usize = 3;

/// A fault, by the heading it stands under, and how a command shows that it has found it.
struct Planted {
    heading: &'static str,
    is_found: fn(&str) -> bool,
}

const FAULTS: [Planted; 3] = [
    Planted { heading: "A dependency that is slow", is_found: names_the_storage },
    Planted {
        heading: "A label that explodes",
        is_found: |printed| {
            let row = |word: &str| printed.contains(word);
            row("job_submissions_total") && row("job_type") && (row("folded") || row("_other"))
        },
    },
    Planted {
        heading: "A collector that is down",
        is_found: |printed| printed.contains("http://127.0.0.1:9"),
    },
];

/// Either the critical path leads through the storage, or the time of its spans is that of a slow one.
fn names_the_storage(printed: &str) -> bool {
    let is_slow = |word: &str| word.parse().is_ok_and(|ms: f64| (400.0..1_000.0).contains(&ms));
    printed.lines().filter(|line| line.contains("GET /scenes/{id}")).any(|line| {
        let is_on_path = line.starts_with("time ") && line.contains("GET /scenes/{id} (");
        is_on_path || !line.contains('◆') && line.split_whitespace().any(is_slow)
    })
}

#[test]
fn the_commands_of_the_page_find_the_faults_that_are_planted() {
    let names = ["slow-storage", "label-explosion", "collector-outage"];
    let planted = names.iter().flat_map(|name| ["--fault", name]).collect::<Vec<_>>();
    let platform = Platform::start(&planted);
    for (job, kind) in [("job-1801", "render"), ("job-1802", "render"), ("job-1803", "flaky")] {
        let ended = platform.submit(kind, &["--job", job]).ended();
        assert_eq!(ended.outcome, "success", "{kind}: these are no faults of a job");
    }
    let (folder, _) = platform.end();

    let page = page(PAGE);
    let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
    for Planted { heading, is_found } in FAULTS {
        let section = sections.iter().find(|section| section.starts_with(heading)).unwrap();
        let commands: Vec<&str> = blocks(section, "sh").flat_map(str::lines).collect();
        assert!((1..=COMMANDS_MAX).contains(&commands.len()), "{heading}: {commands:?}");
        for command in commands {
            let (printed, status) = ask(command, folder.path(), &"0".repeat(32)).unwrap();
            assert_eq!(status, 0, "{command}: {printed}");
            assert!(is_found(&printed), "{heading}: {command}: {printed}");
        }
    }
}

#[test]
fn without_a_fault_the_page_finds_none() {
    let platform = Platform::start(&[]);
    assert_eq!(platform.submit("render", &["--job", "job-1801"]).ended().outcome, "success");
    let (folder, _) = platform.end();
    let directory = folder.path().join("data/telemetry");
    let directory = directory.to_str().unwrap();
    let page = page(PAGE);
    for command in blocks(&page, "sh").flat_map(str::lines) {
        // Of a healthy storage's share of a job so short nothing is said.
        if command.contains("job-1801") {
            continue;
        }
        let words = command.split_whitespace().skip(1).chain(["--dir", directory]);
        let (printed, _) = radiosonde(&words.collect::<Vec<_>>());
        for Planted { heading, is_found } in FAULTS {
            assert!(!is_found(&printed), "{heading}: {command}: {printed}");
        }
    }
}
