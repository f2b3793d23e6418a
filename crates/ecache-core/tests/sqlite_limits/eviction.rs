//! Which entries go where a write exceeds a limit.

use super::*;

#[test]
fn the_cheapest_go_and_the_limit_holds_after_every_write() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), bytes(30_000));
    for number in 0..20 {
        let key = format!("costly {number}");
        let costly = Made {
            key: &key,
            cost_ms: Some(60_000),
            ..USUAL
        };
        make(&backend, costly, number).expect("room");
    }
    for number in 0..100 {
        let key = format!("cheap {number}");
        let cheap = Made {
            key: &key,
            cost_ms: Some(5),
            ..USUAL
        };
        make(&backend, cheap, 100 + number).expect("room");
        assert!(only(&backend).bytes <= 30_000);
    }
    for number in 0..20 {
        let found = get(&backend, &format!("costly {number}"));
        assert!(found.expect("a look-up").is_some(), "{number}");
    }
    let evicted = used(&backend)[0].evictions;
    assert_eq!(evicted + keys(&backend, "s"), 120);
    let gone = StoreAddress::new("s").entry(Key::new("cheap 0").expect("a key"));
    let fate = backend.fate(&gone).expect("a look-up");
    let Some(Fate::Gone(tombstone)) = fate else {
        panic!("{fate:?}");
    };
    assert_eq!(tombstone.cause, ecache_core::backend::Cause::Evicted);
    drop(backend);
    assert_eq!(used(&write(&path)), counted_again(&path));
    assert_eq!(integrity(&path), "ok");
}

#[test]
fn persistent_entries_stay_and_a_write_without_room_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), entries(3));
    for key in ["1", "2", "3"] {
        let pinned = Made {
            key,
            policy: Policy::Persist,
            ..USUAL
        };
        make(&backend, pinned, 0).expect("room");
    }
    let before = used(&backend);
    for key in ["4", "1 2"] {
        let refused = make(&backend, Made { key, ..USUAL }, 0);
        assert!(
            matches!(refused, Err(Error::OverLimit { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(used(&backend), before);
    make(&backend, Made { key: "3", ..USUAL }, 0).expect("a replacement needs no room");
    make(&backend, Made { key: "4", ..USUAL }, 0).expect("the third may go");
    assert_eq!(get(&backend, "3").expect("a look-up"), None);
    drop(backend);
    assert_eq!(used(&write(&path)), counted_again(&path));
}

#[test]
fn each_write_above_a_limit_removes_twice_the_amount_it_adds() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    make_usual(&backend, 0..100, 0);
    set(&backend, &everything(), entries(90));
    assert_eq!(only(&backend).entries, 100);
    for left in (90..100).rev() {
        make(
            &backend,
            Made {
                key: &format!("new {left}"),
                ..USUAL
            },
            1,
        )
        .expect("room");
        assert_eq!(only(&backend).entries, left);
    }
    make(
        &backend,
        Made {
            key: "last",
            ..USUAL
        },
        1,
    )
    .expect("room");
    assert_eq!(only(&backend).entries, 90);
}

#[test]
fn expired_and_removed_entries_go_first() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    set(&backend, &everything(), entries(20));
    for number in 0..20 {
        let name = if number < 5 { "gone" } else { "s" };
        let made = Made {
            store: name,
            key: &format!("{number}"),
            cost_ms: Some(if number < 5 { 60_000 } else { 1 }),
            ..USUAL
        };
        make(&backend, made, 0).expect("room");
    }
    let gone: Selection = store("gone").into();
    let removal =
        backend.remove_undoably(&gone, None, &Operation::default(), NOW, &mut no_progress);
    removal.expect("a removal");
    assert_eq!(
        only(&backend).entries,
        20,
        "removed ones count until they are gone"
    );
    make_usual(&backend, 20..25, 1);
    assert_eq!(keys(&backend, "s"), 20);
    assert_eq!(used(&backend)[0].evictions, 0);
}

#[test]
fn removed_entries_whose_keys_were_written_again_go_first_however_few_there_are() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for scope in [everything(), LimitScope::new(&store("s"), false)] {
        for most in 1..=8 {
            let backend = write(&folder.path().join(format!("{most}{}.db", scope.setting())));
            set(&backend, &scope, entries(most));
            make_usual(&backend, 1..most as u32, 0);
            for at in 1..=6 {
                make(
                    &backend,
                    Made {
                        cost_ms: Some(1),
                        ..USUAL
                    },
                    at,
                )
                .expect("room");
                assert_eq!(keys(&backend, "s"), most, "the others stay");
                let this = Filter {
                    keys: vec![Pattern::exact("k")],
                    ..store("s")
                };
                let (this, now) = (this.into(), Timestamp::from_millis(NOW.as_millis() + at));
                let operation = Operation::default();
                let removal =
                    backend.remove_undoably(&this, None, &operation, now, &mut no_progress);
                removal.expect("a removal");
            }
            assert_eq!(used(&backend)[0].evictions, 0);
        }
    }
}

#[test]
fn an_import_obeys_and_leaves_out_what_is_too_large() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), bytes(50_000));
    for commit in [Commit::Rehearse, Commit::Whole, Commit::Every(10)] {
        let mut records = (0..200).map(|number: usize| {
            let address = common::address(&format!("{number}"));
            let size = if number == 7 { 60_000 } else { 500 };
            let entry = Entry::new(address, Kind::Bytes, NOW);
            Ok(Record::Entry(Box::new(entry), vec![7; size]))
        });
        let mut refused = Vec::new();
        backend
            .import(
                &mut records,
                OnConflict::Replace,
                commit,
                &mut |address, error| {
                    assert!(matches!(error, Error::OverLimit { .. }), "{error:?}");
                    refused.push(address.key.as_str().to_owned());
                    Ok(())
                },
                &mut no_progress,
            )
            .expect("an import");
        assert_eq!(refused, ["7"]);
        let used = only(&backend);
        assert!(used.bytes <= 50_000);
        assert_eq!(used.entries > 60, commit != Commit::Rehearse, "{used:?}");
    }
    drop(backend);
    assert_eq!(used(&write(&path)), counted_again(&path));
}

#[test]
fn on_a_disk_with_too_little_space_each_write_removes_twice_what_it_adds() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    for key in ["1", "2", "3", "4"] {
        make(&backend, Made { key, ..USUAL }, 0).expect("no limit");
    }
    // No disk has so much free.
    let bounds = Bounds {
        min_free_percent: Some(101),
        ..Bounds::default()
    };
    set(&backend, &everything(), bounds);
    for (key, left) in [("5", 3), ("6", 2)] {
        make(&backend, Made { key, ..USUAL }, 1).expect("room");
        assert_eq!(only(&backend).entries, left);
    }
    let enough = Bounds {
        min_free_percent: Some(0),
        ..Bounds::default()
    };
    set(&backend, &everything(), enough);
    make(&backend, Made { key: "7", ..USUAL }, 2).expect("space");
    assert_eq!(only(&backend).entries, 3);
}

#[test]
fn a_hit_keeps_an_entry() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    set(&backend, &everything(), entries(10));
    make_usual(&backend, 0..10, 0);
    let hit = ecache_core::usage::EntryUse {
        saved_ms: 1000,
        written_at: NOW,
        entry: common::address("3").into(),
        used_at: Timestamp::from_millis(NOW.as_millis() + 1),
        hits: 5,
    };
    let batch = ecache_core::usage::UsageBatch {
        uses: vec![hit],
        ..Default::default()
    };
    use ecache_core::backend::CallCountBackend;
    backend.add_usage(&batch, None, NOW).expect("a hit");
    for number in 10..19 {
        make(
            &backend,
            Made {
                key: &format!("{number}"),
                ..USUAL
            },
            60_000,
        )
        .expect("room");
    }
    assert!(get(&backend, "3").expect("a look-up").is_some());
    assert_eq!(only(&backend).entries, 10);
    let content = Content::Inline(vec![1]);
    let entry = Entry::new(common::address("3"), Kind::Bytes, NOW);
    let refused = backend.put(&entry, &content, &Condition::IfAbsent.into(), NOW);
    assert_eq!(refused.expect("a put"), Put::Refused);
}

#[test]
fn hits_that_only_the_log_has_keep_entries() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), entries(10));
    make_usual(&backend, 0..10, 0);
    let entry = Entry::new(common::address("3"), Kind::Bytes, NOW);
    let at = Timestamp::from_millis(NOW.as_millis() + 1);
    let hit = Event::of_entry(Outcome::Hit, at, &entry, 1000);
    let log = Log::beside(&path);
    log.append(&vec![hit; 20]).expect("a log");
    for number in 10..30 {
        let key = &number.to_string();
        make(&backend, Made { key, ..USUAL }, 60_000).expect("room");
        assert!(get(&backend, "3").expect("a look-up").is_some(), "{number}");
    }
    // Each is added once.
    statistics::fold(&backend, &log, NOW).expect("a fold");
    let Lookup::Hit(entry, _) = backend
        .lookup_unread(&common::address("3"), NOW)
        .expect("a look-up")
    else {
        panic!("it is there");
    };
    assert_eq!(entry.hits, 20);
}

#[test]
fn hits_of_an_earlier_entry_of_its_key_keep_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), entries(10));
    let earlier = Entry::new(
        common::address("3"),
        Kind::Bytes,
        Timestamp::from_millis(NOW.as_millis() - 1),
    );
    let hit = Event::of_entry(Outcome::Hit, NOW, &earlier, 1000);
    Log::beside(&path).append(&vec![hit; 20]).expect("a log");
    make_usual(&backend, 0..10, 0);
    make_usual(&backend, 10..20, 60_000);
    assert!(get(&backend, "3").expect("a look-up").is_none());
}

/// The share of a sample that was hit decides how much an entry without hits is worth.
#[test]
fn hits_that_only_the_log_has_decide_as_folded_ones_do() {
    let left = |is_folded: bool, hit: u32| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = write(&path);
        set(&backend, &everything(), entries(40));
        make_usual(&backend, 0..38, 0);
        let costly = Made {
            key: "costly",
            cost_ms: Some(5000),
            ..USUAL
        };
        make(&backend, costly, 0).expect("room");
        let log = Log::beside(&path);
        for number in 0..hit {
            let entry = Entry::new(common::address(&number.to_string()), Kind::Bytes, NOW);
            let hit = Event::of_entry(Outcome::Hit, NOW, &entry, 1000);
            log.append(&[hit]).expect("a log");
        }
        if is_folded {
            statistics::fold(&backend, &log, NOW).expect("a fold");
        }
        for number in 0..10 {
            let key = &format!("new {number}");
            make(&backend, Made { key, ..USUAL }, 60_000).expect("room");
        }
        let there = |key: &str| get(&backend, key).expect("a look-up").is_some();
        let numbers = (0..38).filter(|number| there(&number.to_string()));
        (there("costly"), numbers.collect::<Vec<_>>())
    };
    for hit in [38, 10, 0] {
        let folded = left(true, hit);
        assert_eq!(left(false, hit), folded);
        assert!(folded.0, "{hit}");
    }
}

#[test]
fn dead_entries_of_a_share_go_before_those_of_use_elsewhere() {
    for is_removed in [true, false] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = write(&folder.path().join("store.db"));
        set(&backend, &everything(), entries(20));
        set(&backend, &LimitScope::new(&store("t"), false), entries(10));
        make_usual(&backend, 0..15, 0);
        let dead = |key: &str| {
            let address = StoreAddress::new("t").entry(Key::new(key).expect("a key"));
            let mut entry = Entry::new(address, Kind::Bytes, NOW);
            if !is_removed {
                entry.expires_at = Some(Timestamp::from_millis(NOW.as_millis() + 1));
            }
            let content = Content::Inline(vec![7; 10]);
            let options = Condition::Always.into();
            backend.put(&entry, &content, &options, NOW).expect("room");
        };
        ["1", "2", "3", "4", "5"].into_iter().for_each(dead);
        if is_removed {
            let gone: Selection = store("t").into();
            let operation = Operation::default();
            let removal = backend.remove_undoably(&gone, None, &operation, NOW, &mut no_progress);
            removal.expect("a removal");
        }
        make_usual(&backend, 15..20, 60_000);
        assert_eq!(keys(&backend, "s"), 20, "removed: {is_removed}");
        make_usual(&backend, 20..21, 60_000);
        assert_eq!(keys(&backend, "s"), 20);
    }
}

#[test]
fn the_file_takes_little_more_than_a_limit_of_large_values_that_are_replaced() {
    const MOST: u64 = 5 << 20;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &LimitScope::new(&store("s"), false), bytes(MOST));
    for number in 0..60 {
        let key = &(number % 7).to_string();
        let large = Made {
            key,
            size: 2_000_000,
            ..USUAL
        };
        make(&backend, large, number).expect("room");
        let size = backend.describe().expect("a description").file_size;
        assert!(size <= MOST + MOST / 10 + (8 << 20), "{number}: {size}");
    }
}
