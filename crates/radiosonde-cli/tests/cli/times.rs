//! Times of day without a day, as they are typed in the night after.

use jiff::{SignedDuration, Timestamp};

use crate::fixture::{Dir, lines};

#[test]
fn times_of_day_are_those_of_the_last_day_that_had_them() {
    let now = Timestamp::now();
    let before = |minutes: i64| now - SignedDuration::from_mins(minutes);
    let line = |minutes: i64, msg: &str| {
        format!(r#"{{"ts":"{}","level":"info","evt":"log","msg":"{msg}"}}"#, before(minutes))
    };
    let dir = Dir::empty();
    // The ten minutes that are asked for lie 22 hours back, whatever the time is.
    let all = [(1_330, "early"), (1_320, "asked for"), (1_310, "late"), (5, "of now")];
    let all = all.map(|(minutes, msg)| line(minutes, msg));
    dir.write("events-2025-10-06.jsonl", lines(&all));
    let clock = |minutes: i64| before(minutes).to_string()[11..19].to_owned();
    let (since, until) = (clock(1_325), clock(1_315));
    let is_yesterday = |minutes: i64| before(minutes).to_string()[..10] != now.to_string()[..10];
    for command in ["logs -o json", "events -o json --where msg?", "top -o json"] {
        let ran = dir.run(&format!("{command} --since {since} --until {until}"));
        let ran = match command.starts_with("events") {
            true => ran.exits(1),
            false => ran.exits(0).prints(&["asked for"]).omits(&["early", "late", "of now"]),
        };
        for (option, time, minutes) in [("since", &since, 1_325), ("until", &until, 1_315)] {
            let told = format!("--{option} {time} is yesterday's, ");
            assert_eq!(ran.err.contains(&told), is_yesterday(minutes), "{}", ran.err);
        }
    }
    let alone = dir.run(&format!("logs -o json --until {until}")).exits(0);
    let _ = alone.prints(&["early", "asked for"]).omits(&["late", "of now"]);
    // In the wrong order.
    let wrong = dir.run(&format!("logs --since {until} --until {since}"));
    let _ = wrong.exits(2).tells(&["an empty span of time"]);
}
