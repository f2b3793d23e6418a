//! A damaged write-ahead log.

use super::*;

#[test]
fn a_log_that_was_cut_off_gives_a_prefix_of_the_commits() {
    const FRAME: usize = 24 + PAGE;
    let (_folder, path) = store(0);
    let commits = 12;
    let store = write(&path);
    for number in 0..commits {
        put(&store, &number.to_string(), &value(number)).expect("an entry");
    }
    drop(store);
    let file = fs::read(&path).expect("the file");
    let log = fs::read(beside(&path, "-wal")).expect("the log");
    let mut seen = 0;
    for frame in 0..=log.len() / FRAME {
        for length in [
            32 + frame * FRAME - 1,
            32 + frame * FRAME,
            32 + frame * FRAME + 1,
        ] {
            rewrite(&path, &file);
            let cut = &log[..length.min(log.len())];
            fs::write(beside(&path, "-wal"), cut).expect("a log");
            let store = write(&path);
            let found = |number: &usize| {
                let found = get(&store, &number.to_string()).expect("a look-up");
                found
                    .inspect(|found| assert_eq!(*found, value(*number)))
                    .is_some()
            };
            let prefix = (0..commits).take_while(found).count();
            assert!(
                (prefix..commits).all(|number| !found(&number)),
                "only a prefix"
            );
            assert!(
                prefix >= seen || length < 32 + frame * FRAME,
                "and a growing one"
            );
            seen = seen.max(prefix);
            put(&store, "new", b"new").expect("an entry");
            drop(store);
            assert_eq!(integrity(&path), "ok");
        }
    }
    assert_eq!(seen, commits);
    let mut seed = 3;
    for _ in 0..100 {
        let mut damaged = log.clone();
        let position = random(&mut seed) % damaged.len();
        damaged[position] ^= 1 << (random(&mut seed) % 8);
        rewrite(&path, &file);
        fs::write(beside(&path, "-wal"), damaged).expect("a log");
        read_everything(&path, commits);
    }
}

#[test]
fn a_log_whose_header_is_damaged_is_noticed_at_once_and_begun_anew() {
    let (_folder, path) = store(0);
    let store = write(&path);
    put(&store, "old", b"value").expect("an entry");
    let connection = Connection::open(&path).expect("a database");
    let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
    moved.expect("one file");
    put(&store, "k", b"value").expect("an entry");
    drop((connection, store));
    let file = fs::read(&path).expect("the file");
    let log = fs::read(beside(&path, "-wal")).expect("the log");
    let patience = Duration::from_secs(30);
    for bit in 0..32 * 8 {
        let mut damaged = log.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        rewrite(&path, &file);
        fs::write(beside(&path, "-wal"), damaged).expect("a log");
        let started = Instant::now();
        let looked_up = SqliteBackend::look_up_once(&path, patience, &address("k"), NOW);
        assert!(
            matches!(looked_up, Err(Error::DamagedLog { .. })),
            "bit {bit}"
        );
        let opened = SqliteBackend::open(&path, Access::Read);
        assert!(matches!(opened, Err(Error::DamagedLog { .. })), "bit {bit}");
        assert!(started.elapsed() < Duration::from_secs(5), "bit {bit}");
        let store = write(&path);
        assert_eq!(get(&store, "k").expect("a look-up"), None, "bit {bit}");
        put(&store, "new", b"value").expect("an entry");
        drop(store);
        let store = SqliteBackend::open(&path, Access::Read).expect("a store");
        for key in ["old", "new"] {
            let found = get(&store, key).expect("a look-up");
            assert_eq!(found.as_deref(), Some(&b"value"[..]), "bit {bit}");
        }
    }
}

#[test]
fn bytes_behind_the_end_of_the_log_do_not_matter() {
    let (_folder, path) = store(1);
    put(&write(&path), "k", b"value").expect("an entry");
    let log = fs::OpenOptions::new()
        .append(true)
        .open(beside(&path, "-wal"));
    let log = log.expect("the log");
    let end = log.metadata().expect("a length").len();
    log.write_all_at(&[7; PAGE], end).expect("garbage");
    assert_eq!(
        get(&write(&path), "k").expect("a look-up").as_deref(),
        Some(&b"value"[..])
    );
}
