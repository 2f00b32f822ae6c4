//! Sealing that ends early: told to stop, without room, with a source that changes.

use super::*;

#[test]
fn sealing_stops_when_told_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join(PLAIN), dir.path().join(SEALED));
    fs::write(&source, lines(0..30_000)).unwrap();
    let asked = Cell::new(0);
    let _ = seal(&source, &target, &SealOptions::default(), &mut || {
        asked.set(asked.get() + 1);
        true
    })
    .unwrap();
    fs::remove_file(&target).unwrap();
    assert!(asked.get() > 6, "before each frame, twice: {}", asked.get());
    for stop_at in 0..asked.get() {
        let mut left = stop_at;
        let stopped = seal(&source, &target, &SealOptions::default(), &mut || {
            left -= 1;
            left >= 0
        });
        assert_eq!(stopped.unwrap_err().kind(), io::ErrorKind::Interrupted);
        assert_eq!(dir.path().read_dir().unwrap().count(), 1, "stopped at {stop_at}");
    }
}

#[test]
fn a_source_that_changes_while_it_is_sealed_is_not() {
    let content = lines(0..30_000);
    type Change = fn(&Path);
    let changes: [(&str, Change); 3] = [
        ("longer", |path| {
            use std::io::Write;
            fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"x\n").unwrap();
        }),
        ("shorter", |path| {
            fs::File::options().write(true).open(path).unwrap().set_len(10).unwrap();
        }),
        ("other", |path| {
            use std::io::{Seek, SeekFrom, Write};
            let mut file = fs::File::options().write(true).open(path).unwrap();
            let _ = file.seek(SeekFrom::Start(7)).unwrap();
            file.write_all(b"?").unwrap();
        }),
    ];
    for (what, change) in changes {
        for at in [2, 6] {
            let dir = tempfile::tempdir().unwrap();
            let (source, target) = (dir.path().join(PLAIN), dir.path().join(SEALED));
            fs::write(&source, &content).unwrap();
            let mut asked = 0;
            let outcome = seal(&source, &target, &SealOptions::default(), &mut || {
                asked += 1;
                if asked == at {
                    change(&source);
                }
                true
            });
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{what} at {at}: {error}");
            assert_eq!(dir.path().read_dir().unwrap().count(), 1, "{what} at {at}");
        }
    }
}

#[cfg(unix)]
#[test]
fn targets_links_and_leftovers() {
    let pair = Pair::of(b"a\n");
    let again = seal(&pair.plain(), &pair.sealed(), &SealOptions::default(), &mut || true);
    assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists);

    // What a killed process left is replaced, and a link in its place is not written through.
    let victim = pair.dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let temporary = pair.dir.path().join(format!("{SEALED}.tmp"));
    for leave in [0, 1] {
        fs::remove_file(pair.sealed()).unwrap();
        if leave == 0 {
            fs::write(&temporary, "half a frame").unwrap();
        } else {
            std::os::unix::fs::symlink(&victim, &temporary).unwrap();
        }
        let _ = seal(&pair.plain(), &pair.sealed(), &SealOptions::default(), &mut || true).unwrap();
        assert!(is_sealed_copy(&pair.plain(), &pair.sealed(), &mut || true).unwrap());
        assert!(temporary.symlink_metadata().is_err());
    }
    assert_eq!(fs::read(&victim).unwrap(), b"precious");

    // Nor is a source read, or a target written, through one.
    let link = pair.dir.path().join("link");
    std::os::unix::fs::symlink(&victim, &link).unwrap();
    let target = pair.dir.path().join("t");
    assert!(seal(&link, &target, &SealOptions::default(), &mut || true).is_err());
    let outcome = seal(&pair.plain(), &link, &SealOptions::default(), &mut || true);
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert!(!target.exists());
}

#[test]
fn every_step_can_be_the_last_and_the_target_is_whole_or_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join(PLAIN), dir.path().join(SEALED));
    fs::write(&source, lines(0..30_000)).unwrap();
    let options = SealOptions::default();
    let mut steps = Vec::new();
    let _ = seal_in(&source, &target, &Manner::of(&options), &mut |step| {
        steps.push(step);
        true
    })
    .unwrap();
    let [.., before, Step::Rename, Step::SyncDirectory] = steps[..] else { panic!("{steps:?}") };
    assert_eq!(before, Step::Stretch, "comparing");
    assert_eq!(steps.iter().filter(|step| **step == Step::Sync).count(), 1);
    for (number, last) in steps.iter().enumerate() {
        fs::remove_file(&target).unwrap_or_default();
        let mut left = number;
        let stopped = seal_in(&source, &target, &Manner::of(&options), &mut |_| {
            let goes_on = left > 0;
            left -= usize::from(goes_on);
            goes_on
        });
        assert_eq!(stopped.unwrap_err().kind(), io::ErrorKind::Interrupted);
        let names = dir.path().read_dir().unwrap().count();
        if *last == Step::SyncDirectory {
            assert_eq!(names, 2);
            assert!(is_sealed_copy(&source, &target, &mut || true).unwrap());
        } else {
            assert_eq!(names, 1, "stopped at {last:?}");
        }
    }
}

#[test]
fn sealing_leaves_the_room_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join(PLAIN), dir.path().join(SEALED));
    for content in [lines(0..30_000), vec![b'x'; LINE_BYTES_MAX + (3 << 20)]] {
        fs::write(&source, content).unwrap();
        let options = SealOptions::default().keep_free(1_000);
        let asked = Cell::new(0_u64);
        // Room for three times, and then a byte too little.
        let free = |_: &fs::File| {
            asked.set(asked.get() + 1);
            Ok(if asked.get() <= 3 { 1_000 } else { 999 })
        };
        let manner = Manner { free: &free, ..Manner::of(&options) };
        let stopped = seal_in(&source, &target, &manner, &mut |_| true).unwrap_err();
        assert_eq!(stopped.kind(), io::ErrorKind::StorageFull, "{stopped}");
        assert_eq!(asked.get(), 4, "before each frame and within a long one");
        assert_eq!(dir.path().read_dir().unwrap().count(), 1, "nothing is left behind");
        // Who keeps nothing free asks nothing.
        let options = SealOptions::default();
        let manner = Manner { free: &free, ..Manner::of(&options) };
        let _ = seal_in(&source, &target, &manner, &mut |_| true).unwrap();
        assert_eq!(asked.get(), 4);
        fs::remove_file(&target).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn the_file_system_is_asked_how_much_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join(PLAIN), dir.path().join(SEALED));
    fs::write(&source, lines(0..10)).unwrap();
    let more_than_there_is = SealOptions::default().keep_free(u64::MAX);
    let stopped = seal(&source, &target, &more_than_there_is, &mut || true).unwrap_err();
    assert_eq!(stopped.kind(), io::ErrorKind::StorageFull);
    assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    let little = SealOptions::default().keep_free(1);
    let _ = seal(&source, &target, &little, &mut || true).unwrap();
}

#[test]
fn a_long_line_is_sealed_at_any_level_so_that_it_can_be_compared() {
    // At the highest levels zstd would take a window that nobody has to have.
    let pair = Pair::of(b"");
    fs::remove_file(pair.sealed()).unwrap();
    fs::write(pair.plain(), vec![b'x'; 40 << 20]).unwrap();
    let options = SealOptions::default().level(21);
    let _ = seal(&pair.plain(), &pair.sealed(), &options, &mut || true).unwrap();
    assert_eq!(read_sealed(&pair.sealed()).overlong, [0]);
}
