//! `recover` over what a killed process leaves: its slot free, its rings full.

use std::time::{Duration, Instant};

use radiosonde_events::recover::targets_file;
use radiosonde_events::{Owner, event};
use radiosonde_record::{
    Descriptor, Filter, Journal, Level, OPEN_SPANS_MAX, Placement, Slot, SpanPart, with_journal,
};

use crate::fixture::{Dir, Ran, command, run};

/// What remains when a process is killed before its drain had its turn. Returns its instance id.
fn killed(dir: &Dir, service: &str) -> String {
    let slot = take(dir);
    let owner = Owner::new(service, "1.0.0", Some("m-7"), Default::default());
    let instance = slot.create_instance(&owner.to_json()).unwrap();
    let placement = Placement::Directory(instance.path.clone());
    let journal = Journal::open(placement, Filter::at(Level::Info)).unwrap();
    with_journal(&journal, || {
        for number in 0..3 {
            event!("user.action", number, api_key = "sk-1", "clicked save");
        }
    });
    // Nobody drains: the kernel gives the locks back, the rings stay.
    instance.id.clone()
}

/// Runs the command until it tells so, or ten seconds are over: a command that another test starts
/// has our locks as well, between its fork and its exec.
fn telling(dir: &Dir, args: &str, told: &str) -> Ran {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let ran = dir.run(args);
        if ran.err.contains(told) || Instant::now() > deadline {
            return ran;
        }
    }
}

fn take(dir: &Dir) -> Slot {
    Slot::take(dir.path(), &mut |_, _| {}).unwrap()
}

#[test]
fn where_a_killed_process_listened_is_forgotten() {
    let dir = Dir::empty();
    let (dead, living) = (take(&dir), take(&dir));
    let [of_dead, of_living] = [&dead, &living].map(|slot| targets_file(dir.path(), slot.number()));
    for targets in [&of_dead, &of_living] {
        std::fs::write(targets, "[]").unwrap();
    }
    drop(dead);
    // As in `telling`: for a moment somebody else may have the lock.
    let deadline = Instant::now() + Duration::from_secs(10);
    while of_dead.exists() {
        assert!(Instant::now() < deadline, "the targets of the dead are still there");
        dir.run("recover");
    }
    assert!(of_living.exists(), "somebody listens there");
    drop(living);
}

#[test]
fn what_a_killed_process_left_is_brought_over_once() {
    let dir = Dir::empty();
    let instance = killed(&dir, "shop");
    let told = format!(
        "radiosonde: 1 killed process left records or open spans that are not in files yet: \
         `radiosonde recover --dir {}`\n",
        dir.path().display()
    );
    for args in ["logs", "events", "metrics", "trace --job j", "correlate --job j"] {
        let ran = telling(&dir, args, &told).exits(1);
        assert!(ran.err.ends_with(&told) && ran.err.lines().count() == 2, "{}", ran.err);
    }

    let ran = dir.run("recover").exits(0);
    let expected = format!(
        "{}: recovered 3 events of shop (pid {}, instance {instance}, slot 0)\n",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(ran.out, expected);
    assert_eq!(ran.err, "");

    let ids = |ran: &Ran| -> Vec<String> {
        ran.out.lines().map(|line| line.rsplit_once("\"id\":").unwrap().1.to_owned()).collect()
    };
    let found = dir.run("events --evt user.action -o json").exits(0);
    let first = ids(&found);
    assert_eq!(first.len(), 3, "{}", found.out);
    assert!(first.iter().all(|id| id.contains(&instance)), "{first:?}");
    assert!(!found.out.contains("sk-1"), "a secret: {}", found.out);

    let again = dir.run("recover").exits(1);
    assert_eq!(again.out, format!("{}: nothing to recover\n", dir.path().display()));
    let found = dir.run("events -o json").exits(0);
    assert_eq!((ids(&found), found.err.as_str()), (first, ""));
}

#[test]
fn of_a_process_without_records_the_spans_it_died_in_are_told() {
    let owner = Owner::new("shop", "1.0.0", None, Default::default());
    let past = OPEN_SPANS_MAX + 1;
    for (spans, told, more) in [
        (0, "no lines were left, only tidied up after shop", ""),
        (1, "wrote 1 event span.interrupted of shop", ""),
        (3, "wrote 3 events span.interrupted of shop", ""),
        (
            past,
            "wrote 8192 events span.interrupted of shop",
            ", and 1 more span was open without a place in its table",
        ),
    ] {
        let dir = Dir::empty();
        let slot = take(&dir);
        let instance = slot.create_instance(&owner.to_json()).unwrap();
        let placement = Placement::Directory(instance.path.clone());
        let journal = Journal::open(placement, Filter::at(Level::Info)).unwrap();
        let site = journal.site(1, Descriptor::default);
        let part = SpanPart { start_ns: 1, ..SpanPart::default() };
        let open = (0..spans).map(|_| journal.open_span(&site, b"", &part)).collect::<Vec<_>>();
        let id = instance.id.clone();
        // Never closed: the process ends here.
        drop((open, journal, instance, slot));
        let place = format!("(pid {}, instance {id}, slot 0)", std::process::id());
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut ran = dir.run("recover");
        // As above: a command that another test starts may have our locks still.
        while ran.out.contains("running process") && Instant::now() < deadline {
            ran = dir.run("recover");
        }
        assert_eq!(ran.out, format!("{}: {told} {place}{more}\n", dir.path().display()));
        let events = dir.run("events -o json").out.lines().count();
        assert_eq!(events, spans.min(OPEN_SPANS_MAX), "that many stand in the file");
    }
}

#[test]
fn a_running_process_and_its_records_are_no_remains() {
    let dir = Dir::story();
    let slot = take(&dir);
    let instance = slot.create_instance(b"{}").unwrap();
    let placement = Placement::Directory(instance.path.clone());
    let journal = Journal::open(placement, Filter::at(Level::Info)).unwrap();
    with_journal(&journal, || event!("user.action", "clicked"));
    assert_eq!(dir.run("logs").exits(0).err, "");
    let _ = killed(&dir, "shop");
    let _ = killed(&dir, "till");
    let told = "2 killed processes left records";
    let _ = telling(&dir, "logs", told).exits(0).tells(&[told]);
    // Whoever asks keeps no lock: the next process has the slot.
    drop((instance, slot));
    // A process that another test starts holds copies of our files until its own program runs.
    let deadline = Instant::now() + Duration::from_secs(20);
    while take(&dir).number() != 0 {
        assert!(Instant::now() < deadline, "slot 0 is still held");
    }
}

#[test]
fn a_running_process_is_left_alone_and_the_dead_beside_it_recovered() {
    let dir = Dir::empty();
    let alive = take(&dir);
    let _own = alive.create_instance(b"{}").unwrap();
    let _ = killed(&dir, "shop");
    let _ = dir
        .run("recover")
        .exits(0)
        .prints(&["recovered 3 events of shop", "slot 0 belongs to a running process"]);
    let _ = dir
        .run("recover")
        .exits(1)
        .prints(&["slot 0 belongs to a running process", "nothing else to recover"]);
    assert!(alive.path().join("lock").exists());
}

#[test]
fn several_directories_are_recovered_in_one_go() {
    let (one, two) = (Dir::empty(), Dir::empty());
    let _ = killed(&one, "shop");
    let _ = killed(&two, "till");
    let mut both = command(&["recover", "--dir"]);
    let _ = both.arg(one.path()).arg("--dir").arg(two.path());
    let _ = run(both).exits(0).prints(&["3 events of shop", "3 events of till"]);
    let mut none = command(&["recover", "--dir"]);
    let _ = none.arg(one.path().join("none"));
    let _ = run(none).exits(2).tells(&["does not exist"]);
}
