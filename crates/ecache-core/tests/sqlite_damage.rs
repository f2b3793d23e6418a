//! A damaged file: no wrong bytes, no panic, and readable entries stay readable.

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{NOW, address, beside, get, integrity, put, random, rewrite, write};
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    CallIdentity, CallLookup, Condition, Content, ContentReader, Dimension, Lookup,
    MaintainBackend, Put, ReadBackend, Row, Scan, StoreMetadata, Values, WHOLE_SIZE, WriteBackend,
    no_progress, read_value,
};
use ecache_core::entry::{Entry, Policy};
use ecache_core::error::Error;
use ecache_core::filter::Filter;
use ecache_core::key::Key;
use ecache_core::scope::{Scopes, StoreAddress};
use ecache_core::value::{CHUNK_SIZE, Kind, Value};
use rusqlite::Connection;

const PAGE: usize = 4096;

fn value(number: usize) -> Vec<u8> {
    format!("value {number} ")
        .repeat(1 + number % 40)
        .into_bytes()
}

/// A folder with a store of that many entries, all of them in the file itself.
fn store(entries: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let store = write(&path);
    for number in 0..entries {
        put(&store, &number.to_string(), &value(number)).expect("an entry");
    }
    store.compact(NOW).expect("compacted");
    drop(store);
    (folder, path)
}

/// Looks every entry up and reads all in every other way; returns how many are still right.
///
/// Errors are expected, wrong bytes and panics are not.
fn read_everything(path: &Path, entries: usize) -> usize {
    let Ok(store) = SqliteBackend::open(path, Access::Read) else {
        return 0;
    };
    let mut right = 0;
    for number in 0..entries {
        if let Ok(Some(found)) = get(&store, &number.to_string()) {
            assert_eq!(found, value(number), "wrong bytes for {number}");
            right += 1;
        }
    }
    let all = Scan {
        values: Values::Include,
        ..Scan::new(Filter::default())
    };
    if let Ok(rows) = store.scan(&all, NOW) {
        for row in rows {
            if let Ok(Row::Entry(entry, Some(content))) = row {
                let number: usize = entry.address.key.as_str().parse().expect("our key");
                let found = read_value(&store, entry.kind, content);
                assert_eq!(found.expect("a value").bytes, value(number));
            }
        }
    }
    let _ = store.usage(&Filter::default().into(), NOW);
    let _ = store.groups(&Filter::default(), Dimension::User, NOW);
    let _ = store.stores();
    let _ = store.describe();
    right
}

#[test]
fn a_damaged_page_gives_the_right_bytes_or_none() {
    let entries = 200;
    let (_folder, path) = store(entries);
    let whole = fs::read(&path).expect("a file");
    assert_eq!(read_everything(&path, entries), entries);
    let mut seed = 1;
    for page in 0..whole.len() / PAGE {
        let start = page * PAGE;
        for garbage in [false, true] {
            let mut damaged = whole.clone();
            if garbage {
                damaged[start..start + PAGE].fill_with(|| random(&mut seed) as u8);
            } else {
                for _ in 0..3 {
                    damaged[start + random(&mut seed) % PAGE] ^= 1 << (random(&mut seed) % 8);
                }
            }
            rewrite(&path, &damaged);
            read_everything(&path, entries);
        }
    }
}

#[test]
fn a_damaged_file_can_be_written_to_and_cleared_or_says_that_it_is_damaged() {
    let entries = 100;
    let (_folder, path) = store(entries);
    let whole = fs::read(&path).expect("a file");
    let mut seed = 2;
    for page in 0..whole.len() / PAGE {
        let mut damaged = whole.clone();
        for _ in 0..3 {
            damaged[page * PAGE + random(&mut seed) % PAGE] ^= 1 << (random(&mut seed) % 8);
        }
        rewrite(&path, &damaged);
        let Ok(store) = SqliteBackend::open(&path, Access::Write) else {
            continue;
        };
        if put(&store, "new", b"new").is_ok() {
            let found = get(&store, "new");
            assert!(
                !matches!(&found, Ok(Some(value)) if value != b"new"),
                "{found:?}"
            );
        }
        let _ = store.remove(&Filter::default().into(), NOW, &mut no_progress);
    }
}

#[test]
fn a_single_flipped_bit_in_a_value_is_found() {
    let (_folder, path) = store(0);
    let text = b"a value whose bits are flipped one after the other";
    put(&write(&path), "k", text).expect("an entry");
    write(&path).compact(NOW).expect("compacted");
    let whole = fs::read(&path).expect("a file");
    let start = whole
        .windows(text.len())
        .position(|window| window == text)
        .expect("the value is in the file");
    for bit in 0..text.len() * 8 {
        let mut damaged = whole.clone();
        damaged[start + bit / 8] ^= 1 << (bit % 8);
        rewrite(&path, &damaged);
        assert_eq!(integrity(&path), "ok", "SQLite does not see it");
        let store = SqliteBackend::open(&path, Access::Read).expect("a store");
        let lookup = store.lookup(&address("k"), NOW).expect("a look-up");
        assert_eq!(lookup, Lookup::Damaged(address("k")));
    }
}

#[test]
fn a_cached_call_does_not_get_a_result_with_a_flipped_bit() {
    let (_folder, path) = store(0);
    let text = b"a result whose bits are flipped one after the other";
    let (hash, function) = ([7; 32], "f".into());
    let address = StoreAddress::new("f").entry(Key::of_hash(&hash));
    let entry = Entry::new(address.clone(), Kind::Bytes, NOW);
    let content = Content::Inline(text.to_vec());
    let call = CallIdentity {
        store: &address.store,
        hash: &hash,
        function: &function,
        scopes: &Scopes::default(),
        preimage: "[]",
        arguments_length: 1,
        with_generation: false,
    };
    let kept = write(&path).put_call(&call, &entry, &content, NOW);
    kept.expect("an entry");
    write(&path).compact(NOW).expect("compacted");
    let whole = fs::read(&path).expect("a file");
    let start = whole
        .windows(text.len())
        .position(|window| window == text)
        .expect("the value is in the file");
    for bit in 0..text.len() * 8 {
        let mut damaged = whole.clone();
        damaged[start + bit / 8] ^= 1 << (bit % 8);
        rewrite(&path, &damaged);
        let store = SqliteBackend::open(&path, Access::Read).expect("a store");
        let lookup = store.lookup_call(&call, NOW).expect("a look-up");
        assert_eq!(lookup, CallLookup::Damaged(address.clone()));
    }
}

#[test]
fn a_changed_chunk_of_a_large_value_is_found() {
    let (_folder, path) = store(0);
    put(&write(&path), "k", &vec![b'x'; 2 * CHUNK_SIZE + 10]).expect("an entry");
    let database = Connection::open(&path).expect("a database");
    let flip = "UPDATE chunks SET bytes = zeroblob(length(bytes)) WHERE id = \
                (SELECT id FROM chunks ORDER BY id DESC LIMIT 1)";
    database.execute_batch(flip).expect("a flip");
    let store = SqliteBackend::open(&path, Access::Read).expect("a store");
    let lookup = store.lookup(&address("k"), NOW).expect("a look-up");
    assert_eq!(lookup, Lookup::Damaged(address("k")));
}

#[test]
fn what_is_read_of_a_large_value_ends_before_a_changed_chunk() {
    let whole = usize::try_from(WHOLE_SIZE).expect("it fits into memory");
    for (size, is_read) in [(whole, false), (whole + 1, true)] {
        let (_folder, path) = store(0);
        put(&write(&path), "k", &vec![b'x'; size]).expect("an entry");
        let database = Connection::open(&path).expect("a database");
        let flip = "UPDATE chunks SET bytes = zeroblob(length(bytes)) WHERE id & 0xfffff = 3";
        database.execute_batch(flip).expect("a flip");
        let store = SqliteBackend::open(&path, Access::Read).expect("a store");
        let lookup = store.lookup(&address("k"), NOW).expect("a look-up");
        assert_eq!(lookup, Lookup::Damaged(address("k")));
        let lookup = store.lookup_unread(&address("k"), NOW).expect("a look-up");
        let content = match lookup {
            Lookup::Hit(_, content) => content,
            Lookup::Damaged(_) => {
                assert!(!is_read, "{size} bytes");
                continue;
            }
            other => panic!("neither: {other:?}"),
        };
        assert!(is_read, "{size} bytes");
        let mut reader = ContentReader::new(&store, content.clone());
        let mut bytes = Vec::new();
        for _ in 0..2 {
            let error = reader.read_to_end(&mut bytes).expect_err("it is damaged");
            assert!(matches!(Error::in_io(&error), Some(Error::Damaged { .. })));
            assert!(bytes == vec![b'x'; 3 * CHUNK_SIZE]);
        }
        let value = read_value(&store, Kind::Bytes, content);
        assert!(matches!(value, Err(Error::Damaged { .. })));
    }
}

#[test]
fn a_file_that_was_cut_off_gives_the_right_bytes_or_none() {
    let entries = 100;
    let (_folder, path) = store(entries);
    let whole = fs::read(&path).expect("a file");
    for length in (0..whole.len()).step_by(PAGE / 2) {
        rewrite(&path, &whole[..length]);
        read_everything(&path, entries);
    }
    rewrite(&path, &whole[..50]);
    let opened = SqliteBackend::open(&path, Access::Write);
    let refused = matches!(opened, Err(Error::Foreign { .. } | Error::Damaged { .. }));
    assert!(refused, "50 bytes are no store");
}

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

/// Changes rows without updating their checksums.
fn tamper(path: &Path, change: &str) {
    let database = Connection::open(path).expect("a database");
    database.execute_batch(change).expect("a change");
}

#[test]
fn a_row_that_makes_no_sense_is_damaged_and_the_others_are_not() {
    for change in [
        "UPDATE entries SET value = 'text'",
        "UPDATE entries SET value = x'00'",
        "UPDATE entries SET value = NULL",
        "UPDATE entries SET checksum = checksum + 1",
        "UPDATE entries SET checksum = 'text'",
        "UPDATE entries SET size = -1",
        "UPDATE entries SET size = size + 1",
        "UPDATE entries SET size = 'text'",
        "UPDATE entries SET kind = 99",
        "UPDATE entries SET kind = kind + 1 - 2 * (kind = 3)",
        "UPDATE entries SET policy = NULL",
        "UPDATE entries SET policy = 2",
        "UPDATE entries SET created_at = 'text'",
        "UPDATE entries SET created_at = 1.5",
        "UPDATE entries SET user = 99",
        "UPDATE entries SET user = 'text'",
        "UPDATE entries SET function = 99",
        "UPDATE entries SET store = 99",
        "UPDATE entries SET blob = 99",
        "UPDATE entries SET jwt_sha256 = x'00'",
        "UPDATE entries SET args = CAST(x'ff' AS TEXT)",
        "UPDATE entries SET key = 5",
        "UPDATE entries SET key = CAST(x'ff' AS TEXT)",
        "UPDATE entries SET key = 'other'",
    ] {
        let (_folder, path) = store(3);
        tamper(&path, &format!("{change} WHERE key = '1'"));
        let store = write(&path);
        let lookup = store.lookup(&address("1"), NOW).expect("a look-up");
        let served = matches!(lookup, Lookup::Hit(..));
        assert!(!served, "{change}: {lookup:?}");
        for number in [0, 2] {
            let found = get(&store, &number.to_string()).expect("a look-up");
            assert_eq!(found, Some(value(number)), "{change}");
        }
        let all = Scan {
            values: Values::Include,
            ..Scan::new(Filter::default())
        };
        let rows = store.scan(&all, NOW).expect("a scan").map(|row| match row {
            Ok(Row::Entry(entry, _)) => entry.address.key.as_str().into(),
            Ok(Row::Damaged(_)) => "damaged".into(),
            Ok(Row::Foreign(foreign)) => panic!("{foreign:?}"),
            Err(error) => error.to_string(),
        });
        let rows: Vec<String> = rows.collect();
        assert_eq!(rows, ["0", "damaged", "2"], "{change}");
        let all = Filter::default().into();
        let usage = store.usage(&all, NOW).expect("a count");
        assert_eq!(usage.entries, 3, "{change}");
        store
            .groups(&Filter::default(), Dimension::Store, NOW)
            .expect("groups");
        match store.remove(&all, NOW, &mut no_progress) {
            Ok(removed) => assert_eq!(removed, usage, "{change}"),
            // The two places that record its store disagree.
            Err(Error::DamagedLeft { done, left: 1 }) => {
                assert_eq!((done.entries, change), (2, "UPDATE entries SET store = 99"));
            }
            Err(error) => panic!("{change}: {error}"),
        }
    }
}

#[test]
fn writing_an_entry_again_repairs_it() {
    let (_folder, path) = store(1);
    tamper(&path, "UPDATE entries SET checksum = 0");
    let store = write(&path);
    assert_eq!(get(&store, "0").expect("a look-up"), None);
    put(&store, "0", b"new").expect("an entry");
    assert_eq!(
        get(&store, "0").expect("a look-up").as_deref(),
        Some(&b"new"[..])
    );
}

#[test]
fn a_damaged_value_is_not_the_one_that_a_write_expects() {
    let (_folder, path) = store(1);
    tamper(&path, "UPDATE entries SET checksum = 0");
    let store = write(&path);
    let entry = Entry::new(address("0"), Kind::Bytes, NOW);
    let content = Content::Inline(b"new".into());
    let condition = Condition::IfValue(Value::bytes(value(0)));
    let put = store.put(&entry, &content, &condition.into(), NOW);
    assert_eq!(put.expect("no error"), Put::Refused);
}

#[test]
fn a_write_that_meets_the_row_of_another_key_says_so() {
    let (_folder, path) = store(0);
    put(&write(&path), "the-key", b"old").expect("an entry");
    write(&path).compact(NOW).expect("compacted");
    let whole = fs::read(&path).expect("a file");
    let places = whole.windows(7).enumerate();
    let places = places.filter(|(_, window)| window == b"the-key");
    let outcomes: Vec<String> = places
        .map(|(place, _)| {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            rewrite(&path, &damaged);
            let store = write(&path);
            match put(&store, "the-key", b"new") {
                Ok(put) => {
                    let found = get(&store, "the-key").expect("a look-up");
                    assert_eq!(found.as_deref(), Some(&b"new"[..]));
                    format!("{put:?}")
                }
                Err(Error::Damaged { .. }) => "damaged".into(),
                Err(error) => panic!("{error:?}"),
            }
        })
        .collect();
    assert!(
        outcomes.contains(&"Created".into()),
        "in the index: {outcomes:?}"
    );
    assert!(
        outcomes.contains(&"damaged".into()),
        "in the row: {outcomes:?}"
    );
}

#[test]
fn a_damaged_index_does_not_lead_to_the_same_key_of_another_store() {
    let (_folder, path) = store(0);
    let stores = ["a", "b", "c"];
    let address = |store: &str| StoreAddress::new(store).entry(address("k").key);
    let backend = write(&path);
    for store in stores {
        let entry = Entry::new(address(store), Kind::Bytes, NOW);
        let content = Content::Inline(store.into());
        let put = backend.put(&entry, &content, &Condition::Always.into(), NOW);
        put.expect("an entry");
    }
    backend.compact(NOW).expect("compacted");
    drop(backend);
    let database = Connection::open(&path).expect("a database");
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'entries_key'";
    let root: usize = database
        .query_row(root, (), |row| row.get(0))
        .expect("a page");
    drop(database);
    let whole = fs::read(&path).expect("a file");
    // An index's cells are at the end of its page.
    for bit in (root * PAGE - 64) * 8..root * PAGE * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        rewrite(&path, &damaged);
        let backend = SqliteBackend::open(&path, Access::Read).expect("a store");
        for store in stores {
            if let Ok(Lookup::Hit(_, content)) = backend.lookup(&address(store), NOW) {
                assert_eq!(content, Content::Inline(store.into()), "bit {bit}");
            }
        }
    }
}

#[test]
fn what_is_behind_the_end_of_the_log_does_not_matter() {
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

#[test]
fn a_damaged_document_of_a_store_is_told_and_can_be_removed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let address = StoreAddress::new("s");
    let metadata = StoreMetadata {
        value: "{\"owner\": \"ann\"}".into(),
        created_at: NOW,
        updated_at: None,
        policy: Policy::Evict,
    };
    for removes_all in [true, false] {
        let store = write(&path);
        store.set_metadata(&address, Some(&metadata)).expect("set");
        drop(store);
        let connection = Connection::open(&path).expect("a database");
        let sql = "UPDATE stores SET metadata = replace(metadata, 'ann', 'bob')";
        assert_eq!(connection.execute(sql, ()).expect("changed"), 1);
        drop(connection);

        let store = write(&path);
        assert_eq!(store.stores().expect("the stores").len(), 1);
        let document = store.document(&address);
        assert!(matches!(document, Err(Error::DamagedEntry { .. })));
        let evictable = Filter {
            policy: Some(Policy::Evict),
            ..Filter::default()
        };
        // Its policy may be the damaged part.
        assert_eq!(store.remove_documents(&evictable).expect("a removal"), 0);
        if removes_all {
            let removed = store.remove_documents(&Filter::default());
            assert_eq!(removed.expect("a removal"), 1);
        } else {
            store.set_metadata(&address, None).expect("removed");
        }
        assert_eq!(store.document(&address).expect("no document"), None);
        assert_eq!(store.stores().expect("the stores"), []);
    }
}
