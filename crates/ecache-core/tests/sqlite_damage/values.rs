//! Flipped bits in values, inline and in chunks.

use super::*;

/// Opens the store once for each bit of a text in its file, with that bit flipped.
fn for_each_flipped_bit(path: &Path, text: &[u8], check: impl Fn(SqliteBackend)) {
    write(path).compact(NOW).expect("compacted");
    let whole = fs::read(path).expect("a file");
    let start = whole
        .windows(text.len())
        .position(|window| window == text)
        .expect("the value is in the file");
    for bit in 0..text.len() * 8 {
        let mut damaged = whole.clone();
        damaged[start + bit / 8] ^= 1 << (bit % 8);
        rewrite(path, &damaged);
        check(SqliteBackend::open(path, Access::Read).expect("a store"));
    }
}

#[test]
fn a_single_flipped_bit_in_a_value_is_found() {
    let (_folder, path) = store(0);
    let text = b"a value whose bits are flipped one after the other";
    put(&write(&path), "k", text).expect("an entry");
    for_each_flipped_bit(&path, text, |store| {
        assert_eq!(integrity(&path), "ok", "SQLite does not see it");
        let lookup = store.lookup(&address("k"), NOW).expect("a look-up");
        assert_eq!(lookup, Lookup::Damaged(address("k")));
    });
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
        with_taken: false,
        clears: None,
        began_at: None,
    };
    let kept = write(&path).put_call(&call, &entry, &content, NOW);
    kept.expect("an entry");
    for_each_flipped_bit(&path, text, |store| {
        let lookup = store.lookup_call(&call, NOW).expect("a look-up");
        assert_eq!(lookup, CallLookup::Damaged(address.clone()));
    });
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
fn reading_a_large_value_ends_before_a_changed_chunk() {
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
