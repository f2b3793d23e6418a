//! Damaged rows, indexes and documents in an intact file.

use super::*;

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
        assert_eq!(
            store.remove_documents(&evictable, NOW).expect("a removal"),
            0
        );
        if removes_all {
            let removed = store.remove_documents(&Filter::default(), NOW);
            assert_eq!(removed.expect("a removal"), 1);
        } else {
            store.set_metadata(&address, None).expect("removed");
        }
        assert_eq!(store.document(&address).expect("no document"), None);
        assert_eq!(store.stores().expect("the stores"), []);
    }
}
