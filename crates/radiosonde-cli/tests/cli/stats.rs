//! `stats`: the same from live and sealed files, and what is missing.

use radiosonde_store::sealed::{SealOptions, seal};
use serde_json::Value;

use crate::fixture::{Dir, Ran, command, event, lines, run};

fn objects(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The object for all of it.
fn all(dir: &Dir, args: &str) -> Value {
    objects(&dir.run(&format!("stats -o json{args}"))).pop().unwrap()
}

fn lines_of(seqs: &[u32], level: &str) -> String {
    let line =
        |seq: &u32| event(*seq, &format!("{:02}.000000", seq % 60), level, "log", "m", &[], "{}");
    lines(&seqs.iter().map(line).collect::<Vec<_>>())
}

fn sealed(dir: &Dir, name: &str) {
    let (plain, target) = (dir.path().join(name), dir.path().join(format!("{name}.zst")));
    let _sealed = seal(&plain, &target, &SealOptions::default(), &mut || true).unwrap();
    std::fs::remove_file(plain).unwrap();
}

#[test]
fn the_index_of_a_sealed_file_tells_what_reading_it_does() {
    let dir = Dir::story();
    let whole = objects(&dir.run("stats -o json").exits(0));
    sealed(&dir, "events-2025-10-06.jsonl");
    sealed(&dir, "spans-2025-10-06.jsonl");
    let by_index = objects(&dir.run("stats -o json").exits(0));
    let full = objects(&dir.run("stats --full -o json").exits(0));
    for (live, (index, full)) in whole.iter().zip(by_index.iter().zip(&full)) {
        for key in ["signal", "day", "lines", "bytes_raw", "first_ts", "last_ts", "writers"] {
            assert_eq!((&index[key], &full[key]), (&live[key], &live[key]), "{key}");
        }
    }
    // What is in them, only reading tells.
    let [whole, by_index, full] = [whole, by_index, full].map(|mut all| all.pop().unwrap());
    for key in ["levels", "events", "services", "machines", "missing", "twice", "lines_read"] {
        assert_eq!(full[key], whole[key], "{key}");
    }
    assert_eq!(by_index["files_read_by_index"], 2);
    assert_eq!((&by_index["missing"], &by_index["gaps"]), (&Value::Null, &Value::Array(vec![])));
    let _ = dir.run("stats").exits(0).prints(&["1 sealed", "--full", "gaps in the numbers"]);
}

#[test]
fn what_is_there_is_on_one_screen() {
    let ran = Dir::story().run("stats").exits(0).prints(&[
        "15 lines, ",
        "2025-10-06  events   1 live        1      4",
        "levels    error 1  warning 2  info 11  debug 1",
        "metric 6",
        "ingestion 15",
        "lines     ",
        "1 line stand",
    ]);
    assert!(ran.out.lines().count() <= 24, "{}", ran.out);
}

#[test]
fn a_number_that_is_nowhere_is_a_loss_and_one_of_another_signal_is_none() {
    let dir = Dir::empty();
    dir.write("events-2025-10-06.jsonl", lines_of(&[0, 1, 4, 9], "info"));
    let told = all(&dir, "");
    assert_eq!(told["missing"], 6);
    assert_eq!(told["gaps"][0]["from"], 2);
    // Which may have gone to a collector alone.
    assert_eq!(told["gaps"][0]["unseen"], serde_json::json!(["metrics", "spans"]));
    let _ = dir.run("stats").exits(0).prints(&[
        "6 lines missing, of metrics or spans that were sent and have no file here, or lost: 6 of",
        "aaaaaaaa.1 from number 2",
    ]);
    dir.write("spans-2025-10-06.jsonl", lines_of(&[8], "info"));
    dir.write("metrics-2025-10-06.jsonl", lines_of(&[7], "info"));
    let _ =
        dir.run("stats").exits(0).prints(&["4 lines missing, lost: 4 of aaaaaaaa.1 from number 2"]);
    // The rest of the ring is in the files of other signals, in any order.
    dir.write("spans-2025-10-06.jsonl", lines_of(&[8, 2, 3], "info"));
    dir.write("metrics-2025-10-07.1.jsonl", lines_of(&[6, 5, 5], "info"));
    let told = all(&dir, "");
    assert_eq!((&told["missing"], &told["twice"]), (&Value::from(0), &Value::from(1)));
    // Of a part of the time nobody can say it.
    assert_eq!(all(&dir, " --since 2025-10-06T11:50:01Z")["missing"], Value::Null);
}

#[test]
fn what_is_no_line_is_counted_and_escapes_stay_escapes() {
    let dir = Dir::empty();
    let bad = event(1, "00.000000", "error", "e\\u001b[31m", "m", &[], "{}")
        .replace("ingestion", "s\\u001b]0;x\\u0007");
    let text = format!("{bad}\nnot json\n\0\0\n{{\"half\":");
    dir.write("events-2025-10-06.jsonl", text);
    let _ = dir
        .run("stats --color never")
        .exits(0)
        .prints(&["2 lines are no lines of ours", "e\\u{1b}[31m 1"])
        .omits(&["\u{1b}", "\u{7}"]);
    assert_eq!(all(&dir, "")["junk"], 2);
}

#[test]
fn the_index_of_a_sealed_file_tells_lines_from_what_is_none() {
    let dir = Dir::empty();
    let name = "events-2025-10-06.jsonl";
    let [one, two] = [1, 2].map(|seq| lines_of(&[seq], "info"));
    let junk = "junk\n\n\0\0\n{\"no\":1}\n";
    dir.write(name, format!("{one}{junk}\0\0{two}{}", &lines_of(&[3], "info")[..40]));
    let told = |args: &str| {
        let told = objects(&dir.run(&format!("stats -o json{args}")).exits(0));
        (told[0]["lines"].clone(), told.last().unwrap()["junk"].clone())
    };
    assert_eq!(told(""), (2.into(), 4.into()));
    sealed(&dir, name);
    for args in ["", " --full"] {
        assert_eq!(told(args), (2.into(), 4.into()), "{args}");
    }
    let _ = dir.run("stats").exits(0).prints(&["2 lines", "4 lines are no lines of ours"]);
    dir.write("events-2025-10-07.jsonl", junk);
    sealed(&dir, "events-2025-10-07.jsonl");
    std::fs::remove_file(dir.path().join(format!("{name}.zst"))).unwrap();
    let _ = dir.run("stats").exits(1).tells(&["no lines in"]);
}

#[test]
fn nothing_is_told_as_nothing() {
    let dir = Dir::empty();
    let _ = dir.run("stats").exits(1).tells(&["no lines in"]);
    // Files of other programs are told, not taken for nothing.
    dir.write("app.log", "{}");
    let other = dir.path().join("app.log");
    let ran = run(command(&["stats", "--dir", other.to_str().unwrap()]));
    let _ = ran.exits(3).tells(&["no day file"]);
    let _ = Dir::story().run("stats --since 2030-01-01").exits(1).tells(&["of this time"]);
    let _ = Dir::story().run("stats --since 2026-01-01 --until 2025-01-01").exits(2);
}

#[test]
fn a_sealed_file_is_left_out_only_where_its_lines_are_beside_it() {
    let dir = Dir::empty();
    let name = "events-2025-10-06.jsonl";
    dir.write(name, lines_of(&[0, 1, 2], "info"));
    sealed(&dir, name);
    // Begun anew under its name: empty, with another line, with the same ones.
    for (beside, count) in [(&[][..], 3), (&[3], 4), (&[0, 1, 2], 3)] {
        dir.write(name, lines_of(beside, "info"));
        for args in ["", " --full"] {
            let of_events = &objects(&dir.run(&format!("stats -o json{args}")).exits(0))[0];
            assert_eq!(of_events["lines"], count, "{beside:?}{args}");
        }
        assert_eq!(all(&dir, " --full")["missing"], 0, "{beside:?}");
    }
}

#[test]
fn what_queries_find_behind_nuls_is_counted() {
    let dir = Dir::empty();
    let [one, two, three] = [1, 2, 3].map(|seq| lines_of(&[seq], "error"));
    dir.write("events-2025-10-06.jsonl", format!("{one}\0\0\0\0{two}{}", three.trim_end()));
    let told = all(&dir, "");
    for (key, expect) in [("lines_read", 3), ("junk", 1), ("missing", 0)] {
        assert_eq!(told[key], expect, "{key}");
    }
    assert_eq!(told["levels"]["error"], 3);
    let _ = dir.run("stats").exits(0).prints(&["1 line is no line of ours, and is passed over"]);
}

#[test]
fn numbers_in_the_ids_of_others_count_nothing() {
    let dir = Dir::empty();
    let ids = ["order.3", "order.17", "order.90000", "10.0.0.7", "10.0.0.7", "user.1.1000"];
    let line = |id: &&str| lines_of(&[1], "info").trim_end().replace("aaaaaaaa.1.1", id);
    dir.write("events-2025-10-06.jsonl", lines(&ids.iter().map(line).collect::<Vec<_>>()));
    let told = all(&dir, "");
    let keys = [("missing", 0), ("twice", 0), ("processes", 0), ("without_id", ids.len())];
    for (key, expect) in keys {
        assert_eq!(told[key], expect, "{key}");
    }
    let _ = dir.run("stats").exits(0).prints(&["no gap"]).omits(&["lost", "order"]);
}

#[test]
fn what_no_other_command_takes_for_a_line_is_counted_as_none() {
    let dir = Dir::empty();
    let good = event(1, "10.000000", "info", "log", "said", &[], "{}");
    let glued = format!("{good}garbage{good}");
    let nonsense = good.replace(r#""said""#, "nonsense");
    dir.write("events-2025-10-06.jsonl", lines(&[good, glued, nonsense]));
    let found = dir.run("logs -o raw").exits(3);
    assert_eq!(found.out.lines().count(), 1);
    let all = all(&dir, "");
    assert_eq!((&all["lines_read"], &all["levels"]["info"]), (&1.into(), &1.into()));
    let _ = dir.run("stats").prints(&["2 lines are no lines of ours"]);
}
