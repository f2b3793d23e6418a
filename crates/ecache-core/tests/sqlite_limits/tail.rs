//! New entries that wait to be counted and sampled, and room that is made ahead of need.

use super::*;

/// Number of entries that may wait.
const WAITING: i64 = 32;

/// Returns the number of rows that a query on the file counts.
fn count(path: &Path, sql: &str) -> i64 {
    let connection = rusqlite::Connection::open(path).expect("a database");
    connection
        .query_row(sql, (), |row| row.get(0))
        .expect("a count")
}

/// The rows that the table of samples should have.
const SAMPLES: &str = "SELECT id, user, operator, prompt, kind, size, \
     2 * octet_length(key) + coalesce(octet_length(args), 0), cost_ms, expires_at, \
     coalesce(updated_at, created_at) FROM entries WHERE policy = 1";

const SAMPLED: &str = "SELECT id, user, operator, prompt, kind, size, text_size, cost_ms, \
     expires_at, written_at FROM entries_sample";

#[test]
fn samples_are_what_may_go_after_any_sequence() {
    let mut checked = 0;
    for mut seed in 10..14 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = sequences::limited(&path);
        for step in 0..150 {
            sequences::act((&backend, &path), &mut seed, step * 1000);
            // Where the limits were undone, there is no such table.
            let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'entries_sample'";
            if step % 10 > 0 || count(&path, tables) == 0 {
                continue;
            }
            checked += 1;
            let stale = format!("SELECT count(*) FROM ({SAMPLED} EXCEPT {SAMPLES})");
            assert_eq!(count(&path, &stale), 0, "seed {seed}, step {step}");
            let waiting = format!("SELECT count(*) FROM ({SAMPLES} EXCEPT {SAMPLED})");
            let waiting = count(&path, &waiting);
            assert!(waiting <= WAITING, "{waiting}: seed {seed}, step {step}");
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn another_process_counts_what_waits() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let (ours, theirs) = (write(&path), write(&path));
    set(&ours, &everything(), entries(70));
    set(&ours, &each_user(), entries(60));
    let counters = "SELECT count(DISTINCT body) FROM history WHERE kind = 7";
    for number in 0..70 {
        let made = Made {
            key: &format!("{number}"),
            store: ["s", "t", "u"][number % 3],
            user: Some(["ann", "bob"][number / 40]),
            ..USUAL
        };
        // Now one writes some, now the other.
        let backend = if number / 7 % 2 == 0 { &ours } else { &theirs };
        make(backend, made, number as i64).expect("room");
        let reader = SqliteBackend::open(&path, Access::Read);
        for backend in [&reader.expect("a store"), &ours] {
            let now = used(backend);
            let whole = now.iter().find(|one| one.group.is_none()).expect("a limit");
            assert_eq!(whole.used.entries, number as u64 + 1);
            let users: u64 = now
                .iter()
                .filter(|one| one.group.is_some())
                .map(|one| one.used.entries)
                .sum();
            assert_eq!(users, number as u64 + 1);
        }
    }
    assert!(count(&path, counters) > 1);
    make(&theirs, Made { key: "70", ..USUAL }, 70).expect("room");
    assert!(used(&ours).iter().all(|one| one.used.entries <= 70));
    drop((ours, theirs));
    assert_eq!(used(&write(&path)), counted_again(&path));
}

#[test]
fn a_write_that_only_adds_writes_no_counter() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), entries(1000));
    let version = "SELECT group_concat(hex(body)) FROM history WHERE kind IN (7, 9) ORDER BY kind";
    let records = || {
        let connection = rusqlite::Connection::open(&path).expect("a database");
        let records = connection.query_row(version, (), |row| row.get::<_, Option<String>>(0));
        records.expect("records")
    };
    let (mut before, mut changes) = (records(), 0);
    for number in 0..330 {
        let key = format!("{number}");
        make(&backend, Made { key: &key, ..USUAL }, 0).expect("room");
        let now = records();
        changes += i32::from(now != before);
        before = now;
    }
    // The first entry of its store, and each 33rd after it.
    assert_eq!(changes, 10);
}

#[test]
fn a_limit_that_goes_while_entries_wait_leaves_no_counter() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), entries(100));
    set(&backend, &each_user(), entries(50));
    for number in 0..5 {
        let made = Made {
            key: &format!("{number}"),
            user: Some("ann"),
            ..USUAL
        };
        make(&backend, made, 0).expect("room");
    }
    let name = each_user().setting();
    let change = [(name.as_str(), None)];
    let removed = backend.change_settings(&change, &Operation::default(), NOW);
    removed.expect("a setting").expect("a change");
    for number in 5..45 {
        let key = format!("{number}");
        make(&backend, Made { key: &key, ..USUAL }, 0).expect("room");
    }
    assert_eq!(only(&backend).entries, 45);
    set(&backend, &each_user(), entries(50));
    let now = used(&backend);
    let ann = now.iter().find(|one| one.group.is_some());
    assert_eq!(ann.expect("a group").used.entries, 5);
    drop(backend);
    assert_eq!(used(&write(&path)), counted_again(&path));
}

#[test]
fn limits_that_come_again_know_what_was_written_without_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let key = |number: i64| format!("{number}");
    let name = everything().setting();
    for round in 0..3 {
        // As by a command that sets the limit, and by another one that takes it back.
        let backend = write(&path);
        set(&backend, &everything(), entries(1000));
        make(
            &backend,
            Made {
                key: &key(round * 100),
                ..USUAL
            },
            0,
        )
        .expect("room");
        drop(backend);
        let backend = write(&path);
        let removed = backend.change_settings(&[(&name, None)], &Operation::default(), NOW);
        removed.expect("a setting").expect("a change");
        drop(backend);
        let backend = write(&path);
        for number in 1..60 {
            let key = key(round * 100 + number);
            make(&backend, Made { key: &key, ..USUAL }, 0).expect("no limit");
        }
        let removed = backend.remove(
            &Selection::from(Filter {
                keys: vec![Pattern::exact(key(round * 100 + 1))],
                ..Filter::default()
            }),
            NOW,
            &mut no_progress,
        );
        assert_eq!(removed.expect("a removal").entries, 1);
    }
    let backend = write(&path);
    set(&backend, &everything(), entries(1000));
    assert_eq!(only(&backend).entries, 177);
    let stale = format!("SELECT count(*) FROM ({SAMPLED} EXCEPT {SAMPLES})");
    assert_eq!(count(&path, &stale), 0);
    drop(backend);
    assert_eq!(used(&write(&path)), counted_again(&path));
}

#[test]
fn a_full_store_makes_room_for_some_writes_at_once() {
    const MOST: u64 = 1280;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    set(&backend, &everything(), entries(MOST));
    let records = (0..MOST).map(|number| {
        let entry = Entry::new(common::address(&format!("{number}")), Kind::Bytes, NOW);
        Ok(Record::Entry(Box::new(entry), vec![7; 10]))
    });
    let imported = backend.import(
        &mut records.into_iter(),
        OnConflict::Replace,
        Commit::Whole,
        &mut |_, error| Err(error),
        &mut no_progress,
    );
    assert_eq!(imported.expect("room").created, MOST);
    let (mut before, mut evicting) = (MOST, 0);
    for number in 0..110 {
        let key = format!("new {number}");
        make(&backend, Made { key: &key, ..USUAL }, 1000).expect("room");
        let now = only(&backend).entries;
        assert!(now <= MOST);
        // A hundred and twenty-eighth of the limit stays free at most.
        assert!(now >= MOST - MOST / 128, "{now}");
        evicting += u64::from(now <= before);
        before = now;
    }
    assert_eq!(evicting, 10);
}
