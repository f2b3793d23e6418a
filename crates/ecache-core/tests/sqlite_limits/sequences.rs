//! Limits hold after any sequence, by several processes, some of which are killed; and the calls
//! that these counted are counted.

use super::*;

/// Does something random to a store, as far as its limits allow.
pub(crate) fn act((backend, path): (&SqliteBackend, &Path), seed: &mut u64, step: i64) {
    let name = ["s", "t"][random(seed) % 2];
    let now = Timestamp::from_millis(NOW.as_millis() + step);
    let key = format!("{}", random(seed) % 60);
    let made = Made {
        store: name,
        key: &key,
        user: [None, Some("ann"), Some("bob")][random(seed) % 3],
        size: [10, 300, 2000, CHUNK_SIZE + 1][(random(seed) % 40).min(3) % 4],
        cost_ms: Some(random(seed) as u64 % 5000).filter(|cost| cost % 3 > 0),
        policy: Policy::Evict,
    };
    let selection: Selection = Filter {
        users: made.user.map(Pattern::exact).into_iter().collect(),
        ..store(name)
    }
    .into();
    let operation = Operation::default();
    match random(seed) % 26 {
        0 => drop(backend.remove_undoably(&selection, None, &operation, now, &mut no_progress)),
        1 => drop(backend.remove(&selection, now, &mut no_progress)),
        2 => drop(backend.undo(None, &operation, now, &mut no_progress)),
        3 => {
            let (from, to) = (StoreAddress::new(name), StoreAddress::new("t"));
            drop(backend.rename_store(&from, &to, OnExistingStore::Merge, &mut no_progress));
        }
        4 => drop(backend.collect_garbage(now)),
        5 => {
            let records = entries_of(made, now);
            let imported = backend.import(
                &mut records.into_iter().map(Ok),
                OnConflict::Replace,
                Commit::Every(2),
                &mut leave_out,
                &mut no_progress,
            );
            match imported {
                Ok(_) | Err(Error::OverLimit { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        6 => copy(backend, &entries_of(made, now), now),
        7 => {
            let most = entries(5 + random(seed) as u64 % 30);
            let scope = LimitScope::new(&store("s"), false);
            let changed = backend.change_limit(&scope, &|_| most, &[], &operation, now);
            changed.expect("a limit");
        }
        8 => {
            let log = Log::beside(path);
            statistics::fold(backend, &log, now)
                .or_else(busy)
                .expect("folded");
        }
        _ => match make(backend, made, step) {
            Ok(_) | Err(Error::OverLimit { .. }) => {}
            Err(error) => panic!("{error}"),
        },
    }
}

/// Returns six entries like one, under keys of their own.
fn entries_of(made: Made<'_>, now: Timestamp) -> Vec<Record> {
    let record = |number| {
        let key = Key::new(format!("{number}")).expect("a key");
        let mut entry = Entry::new(StoreAddress::new(made.store).entry(key), Kind::Bytes, now);
        entry.scopes.user_id = made.user.map(Into::into);
        entry.cost_ms = made.cost_ms;
        entry.size = made.size as u64;
        Record::Entry(Box::new(entry), vec![7; made.size])
    };
    (0..6).map(record).collect()
}

/// Leaves the log to the next one that folds it: counting delays no other writer.
fn busy(error: Error) -> Result<()> {
    match error {
        Error::Busy => Ok(()),
        error => Err(error),
    }
}

/// Counts a call, as a process does that asks for an entry.
pub(crate) fn count_call(path: &Path) {
    let store = StoreAddress::new("s").into();
    let call = Event::new(Outcome::Miss, NOW, store, &Scopes::default());
    Log::beside(path).append(&[call]).expect("appended");
}

/// Leaves out what a limit refuses.
fn leave_out(_: &Address, error: Error) -> Result<()> {
    match error {
        Error::OverLimit { .. } => Ok(()),
        error => Err(error),
    }
}

/// Copies entries from another store, as far as limits allow.
fn copy(backend: &SqliteBackend, records: &[Record], now: Timestamp) {
    let other = MemoryBackend::new();
    let imported = other.import(
        &mut records.iter().cloned().map(Ok),
        OnConflict::Replace,
        Commit::Whole,
        &mut leave_out,
        &mut no_progress,
    );
    imported.expect("room");
    let mut on_beyond = || {};
    let log = ImportLog::new(Operation::default(), KeepForUndo::Yes, now, &mut on_beyond);
    let mut refused = leave_out;
    let mut importer = Importer::new(backend, OnConflict::Replace, &mut refused).logging(log);
    for found in Records::new(&other, &Filter::default(), now).expect("a scan") {
        let FoundRecord::Record(record) = found.expect("a record") else {
            panic!("all can be copied")
        };
        importer.add(record).expect("a batch");
    }
    match importer.flush() {
        Ok(()) | Err(Error::OverLimit { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn limited(path: &Path) -> SqliteBackend {
    let backend = write(path);
    let whole = Bounds {
        max_entries: Some(50),
        min_free_percent: Some(1),
        default_ttl_ms: Some(60_000),
        min_cost_ms: Some(100),
        ..bytes(4_000_000)
    };
    set(&backend, &everything(), whole);
    set(&backend, &LimitScope::new(&store("s"), false), entries(30));
    set(&backend, &each_user(), bytes(20_000));
    backend
}

/// Checks the limits that no renaming can exceed.
fn check(path: &Path) {
    let now = used(&write(path));
    assert_eq!(records::faults(path), Vec::<String>::new());
    assert_eq!(now, counted_again(path));
    hold(&now);
}

fn hold(now: &[LimitUsage]) {
    for one in now {
        if one.limit.scope == everything() || one.limit.scope == each_user() {
            assert!(one.limit.bounds.hold(one.used), "{one:?}");
        }
    }
}

/// Checks that usage above a limit, as after a change of it, does not grow.
fn shrink(before: &[LimitUsage], after: &[LimitUsage]) {
    for after in after {
        let name = after.name();
        // A limit that is set anew may be exceeded already.
        let Some(before) = before.iter().find(|before| before.name() == name) else {
            continue;
        };
        let before = before.used;
        let bounds = after.limit.bounds;
        for (most, before, after) in [
            (bounds.max_entries, before.entries, after.used.entries),
            (bounds.max_bytes, before.bytes, after.used.bytes),
        ] {
            let most = most.unwrap_or(u64::MAX).max(before);
            assert!(after <= most, "{name}: {after} after {before}");
        }
    }
}

#[test]
fn limits_hold_after_any_sequence() {
    for mut seed in 0..6 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        // Each knows what it counted itself, as processes do.
        let backends = [limited(&path), write(&path), write(&path)];
        let reader = SqliteBackend::open(&path, Access::Read).expect("a store");
        for step in 0..150 {
            let backend = &backends[random(&mut seed) % backends.len()];
            let before = used(&reader);
            act((backend, &path), &mut seed, step * 1000);
            let after = used(&reader);
            hold(&after);
            shrink(&before, &after);
            if step % 10 == 0 {
                assert_eq!(records::faults(&path), Vec::<String>::new(), "step {step}");
            }
        }
        drop(backends);
        check(&path);
        assert_eq!(integrity(&path), "ok");
    }
}

/// Returns the number of calls that are counted, in whatever stores they are by now.
fn counted_calls(path: &Path) -> u64 {
    let reader = SqliteBackend::open(path, Access::Read).expect("a store");
    let long_ago = Timestamp::from_millis(0);
    let counted = statistics::read(&reader, Some(&Log::beside(path)), long_ago, NOW);
    let periods = counted.expect("counts").periods;
    periods.iter().map(|period| period.counts.misses).sum()
}

#[test]
fn limits_hold_whatever_writers_are_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    drop(limited(&path));
    // A call is appended before it is acknowledged, so that each killed process may have one more.
    let (mut acknowledged, mut killed) = (0, 0);
    for round in 0..10 {
        let mut writers = [0, 1, 2].map(|writer| {
            let mut command = worker("act", &path);
            command.env("WORKER_NAME", format!("{}", round * 3 + writer));
            command.spawn().expect("a process")
        });
        let lines = writers.each_mut().map(|writer| {
            let output = writer.stdout.take().expect("a pipe");
            let mut lines = BufReader::new(output).lines();
            lines
                .find(|line| line.as_ref().is_ok_and(|line| line.contains("acting")))
                .expect("a line")
                .expect("text");
            lines
        });
        thread::sleep(Duration::from_millis(20 * round));
        for mut writer in writers {
            writer.kill().expect("a process");
            writer.wait().expect("a process");
            killed += 1;
        }
        for lines in lines {
            acknowledged += lines.filter(|line| line.is_ok()).count() as u64;
        }
        check(&path);
        let counted = counted_calls(&path);
        let possible = acknowledged..=acknowledged + killed;
        assert!(possible.contains(&counted), "{counted} calls, {possible:?}");
    }
    assert!(acknowledged > 0, "no call was counted");
    assert_eq!(integrity(&path), "ok");
}
