//! Words of the command line that could mean two things, and what is said where they do.

use std::path::Path;

use crate::fixture::{Dir, Ran, command, event, existing, lines, run};

/// A line of others of a level, as JSON has it.
fn of_level(level: &str, msg: &str) -> String {
    format!(r#"{{"ts":"2025-10-06T11:50:00Z","level":{level},"msg":"{msg}"}}"#)
}

fn within(dir: &Path, args: &str) -> Ran {
    let mut command = command(&args.split(' ').collect::<Vec<_>>());
    let _ = command.current_dir(dir);
    run(command)
}

#[test]
fn a_path_with_an_equals_sign_is_no_condition() {
    let dir = Dir::empty();
    for (day, msg) in [("date=2025-10-06", "of the sixth"), ("date=2025-10-07", "of the seventh")] {
        let lake = existing(dir.path().join(day));
        std::fs::write(lake.join("app.log"), lines(&[of_level(r#""error""#, msg)])).unwrap();
    }
    for (args, prints) in [
        ("logs --where level=error date=2025-10-06/app.log", &["of the sixth"][..]),
        ("logs --where level=error msg~=of date=2025-10-06/app.log", &["of the sixth"]),
        ("logs --where level=error date=*/app.log", &["of the sixth", "of the seventh"]),
        ("logs date=2025-10-06 --where msg~=.*six.* level=error", &["of the sixth"]),
    ] {
        let _ = within(dir.path(), args).exits(0).prints(prints);
    }
    // What is not there is a condition.
    let _ = within(dir.path(), "logs date=2025-10-06/app.log --where level=error date=2025")
        .exits(1)
        .tells(&["no line looked at has `date`"]);
}

#[test]
fn several_directories_behind_dir_are_taken_by_every_command() {
    let dir = Dir::empty();
    for (number, name) in ["a", "b", "beef"].into_iter().enumerate() {
        let job = r#""job_id":"job-7""#;
        let line =
            event(number as u32, "01.0", "info", "log", &format!("from {name}"), &[job], "{}");
        let of = existing(dir.path().join(name));
        std::fs::write(of.join("events-2025-10-06.jsonl"), lines(&[line])).unwrap();
        let metric = format!(
            r#"{{"ts":"2025-10-06T11:50:00Z","level":"info","evt":"metric","msg":"m","service":"{name}","meta":{{"kind":"snapshot","name":"runs_of_{name}","type":"counter","labels":{{}},"value":4}},"id":"aaaaaaaa.3.{number}"}}"#
        );
        std::fs::write(of.join("metrics-2025-10-06.jsonl"), lines(&[metric])).unwrap();
    }
    let _ = existing(dir.path().join("runs_of_b"));
    for (args, prints) in [
        ("logs --dir a b", &["from a", "from b"][..]),
        ("correlate --dir a b --job job-7", &["from a", "from b"]),
        ("correlate --job job-7 --dir a b --level info", &["from a", "from b"]),
        ("metrics --dir a b", &["runs_of_a", "runs_of_b"]),
        ("metrics --dir a b runs_of_b", &["runs_of_b"]),
        ("top --by labels --dir a b", &["runs_of_a", "runs_of_b"]),
        ("stats --dir a b", &["2 lines"]),
    ] {
        let _ = within(dir.path(), args).exits(0).prints(prints).omits(&["beef"]);
    }
    let _ = within(dir.path(), "coverage --since 2025-10-06 --dir a b -o json --known 2025-10-01")
        .tells(&[])
        .omits(&["beef"]);
    // What may be an id, or the name of a metric, is that.
    let _ = within(dir.path(), "trace --dir a beef").exits(1).omits(&["from beef"]);
    let _ = within(dir.path(), "metrics --dir a runs_of_b").exits(1);
}

#[test]
fn levels_of_others_are_found_by_ours() {
    let dir = Dir::empty();
    let levels = [
        (r#""panic""#, "a panic"),
        (r#""emerg""#, "an emergency"),
        (r#""SEVERE""#, "severe"),
        ("50", "pino error"),
        (r#""notice""#, "a notice"),
        ("30", "pino info"),
    ];
    let all: Vec<String> = levels.iter().map(|(level, msg)| of_level(level, msg)).collect();
    dir.write("app.log", lines(&all));
    let _ = within(dir.path(), "logs app.log -l error")
        .exits(0)
        .prints(&["a panic", "an emergency", "severe", "pino error"])
        .omits(&["notice", "info"]);
    let _ = within(dir.path(), "logs app.log --where level=info")
        .exits(0)
        .prints(&["a notice", "pino info"])
        .omits(&["panic"]);
}

#[test]
fn a_time_of_day_of_another_day_is_told() {
    let dir = Dir::empty();
    let ahead = |minutes| {
        let at = minute_of_day(minutes);
        format!("{:02}:{:02}", at / 60, at % 60)
    };
    // At a quarter of an hour before midnight both are of today.
    let (since, until) = (ahead(5), ahead(10));
    if since > until {
        return;
    }
    dir.write("app.log", lines(&[of_level(r#""info""#, "long ago")]));
    let ran = within(dir.path(), &format!("logs app.log --since {since} --until {until}"));
    let is_ahead = since.as_str() > ahead(0).as_str();
    if is_ahead {
        let told = [format!("--since {since} is "), format!("--until {until} is ")];
        let _ = ran.exits(1).tells(&[&told[0], &told[1], "nothing found"]);
        let _ = within(dir.path(), &format!("logs app.log --since {until} --until {since}"))
            .exits(2)
            .tells(&["an empty span of time", "still to come"]);
    }
}

/// Minutes of the day, UTC, so many from now.
fn minute_of_day(ahead: u64) -> u64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    (now / 60 + ahead) % (24 * 60)
}
