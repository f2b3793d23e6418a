//! The store whose bits are flipped.

use super::*;

pub(super) fn hours(hours: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + hours * 3_600_000)
}

/// Returns entries with every kind of lifetime, policy and scope, and `more` plain ones.
fn entries(more: usize) -> Contents {
    let mut contents = Contents::new();
    for (number, store) in stores().iter().enumerate() {
        let mut keys: Vec<String> = ["endless", "expired", "later"].map(String::from).into();
        keys.extend((0..more).map(|key| format!("plain {key}")));
        for key in keys {
            let address = store.entry(Key::new(&*key).expect("a valid key"));
            let mut entry = Entry::new(address.clone(), Kind::Text, NOW);
            entry.created_at = hours(-48);
            entry.updated_at = Some(hours(-24 - number as i64));
            let name = |text: &str| Some(Arc::from(text));
            match &*key {
                "endless" => {
                    entry.policy = Policy::Persist;
                    entry.scopes.user_id = name(["bob", "eve", "bob"][number]);
                    entry.scopes.jwt_sha256 = Some([number as u8; 32]);
                    entry.args = Some(format!("[\"argument {number}\"]"));
                }
                "expired" => {
                    entry.expires_at = Some(hours(-1));
                    entry.scopes.user_id = name(["eve", "bob", "bob"][number]);
                    entry.cost_ms = Some(1000 + number as u64);
                }
                "later" => {
                    entry.expires_at = Some(hours(1 + number as i64));
                    entry.scopes.operator_uri = name(["@x/one", "@x/two", "@x/one"][number]);
                    entry.scopes.prompt_id = name(["p1", "p2", "p3"][number]);
                    entry.function = name("f");
                }
                _ => entry.args = Some(format!("[\"{}\"]", "padding ".repeat(40))),
            }
            let value = format!("value {number} of {key:?}").into_bytes();
            entry.size = value.len() as u64;
            contents.insert(address, (entry, value));
        }
    }
    contents
}

/// Writes a store, with all of it in the main file.
pub(super) fn build(path: &Path, more: usize) -> Contents {
    let mut contents = entries(more);
    let backend = write(path);
    let metadata = StoreRecord::new(
        Arc::new(stores()[1].clone()),
        Some(StoreMetadata {
            value: "{\"owner\": \"beta\"}".into(),
            created_at: hours(-50),
            updated_at: None,
            policy: Policy::Persist,
        }),
    );
    let records = contents.values().cloned();
    let records = records.map(|(entry, value)| Record::Entry(Box::new(entry), value));
    let mut records = records.chain([Record::Store(metadata)]).map(Ok);
    backend
        .import(
            &mut records,
            OnConflict::Fail,
            Commit::Whole,
            &mut fail_at_refused,
            &mut no_progress,
        )
        .expect("an import");
    for (hash, expires_at) in CALLS {
        let call = Call::new(hash);
        let mut entry = Entry::new(call.address(), Kind::Text, hours(-2));
        entry.function = Some(call.function.clone());
        entry.expires_at = expires_at.map(hours);
        let value = format!("call {hash}").into_bytes();
        entry.size = value.len() as u64;
        let put = backend.put_call(
            &call.identity(),
            &entry,
            &Content::Inline(value.clone()),
            NOW,
        );
        put.expect("a result");
        contents.insert(entry.address.clone(), (entry, value));
    }
    backend.compact(NOW).expect("compacted");
    drop(backend);
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(beside(path, suffix));
    }
    contents
}

/// The calls: the byte that fills the hash, and the hours until the result expires.
pub(super) const CALLS: [(u8, Option<i64>); 3] = [(7, None), (8, Some(-1)), (9, Some(1))];

pub(super) struct Call {
    store: Arc<StoreAddress>,
    hash: [u8; 32],
    function: Arc<str>,
    scopes: Scopes,
}

impl Call {
    pub(super) fn new(hash: u8) -> Self {
        Self {
            store: Arc::new(StoreAddress::new("calls")),
            hash: [hash; 32],
            function: format!("function {}", hash % 2).into(),
            scopes: Scopes::default(),
        }
    }

    pub(super) fn identity(&self) -> CallIdentity<'_> {
        CallIdentity {
            store: &self.store,
            hash: &self.hash,
            function: &self.function,
            scopes: &self.scopes,
            preimage: "[]",
            arguments_length: 1,
            with_generation: true,
            with_taken: false,
            clears: None,
            began_at: None,
        }
    }

    pub(super) fn address(&self) -> Address {
        self.store.entry(Key::of_hash(&self.hash))
    }
}

/// Reports whether an entry is as written, apart from its hits.
pub(super) fn is_as_written(entry: &Entry, written: &Entry) -> bool {
    let mut entry = entry.clone();
    entry.hits = written.hits;
    entry.last_used_at = written.last_used_at;
    entry == *written
}

/// Returns the filters to list and remove by: whole stores, and parts of each kind.
pub(super) fn filters() -> Vec<Filter> {
    let [alpha, beta, _] = stores();
    let exact = |name: &str| vec![Pattern::exact(name)];
    vec![
        Filter::default(),
        filter(&beta),
        Filter {
            keys: exact("endless"),
            ..filter(&alpha)
        },
        Filter {
            users: exact("bob"),
            ..Filter::default()
        },
        Filter {
            users: exact("bob"),
            policy: Some(Policy::Evict),
            ..filter(&beta)
        },
        Filter {
            freshness: Some(Freshness::Expired),
            ..Filter::default()
        },
        Filter {
            policy: Some(Policy::Persist),
            ..Filter::default()
        },
        Filter {
            written_before: Some(hours(-24)),
            policy: Some(Policy::Evict),
            ..filter(&alpha)
        },
        Filter {
            operators: vec![Pattern::exact("@x/one")],
            ..Filter::default()
        },
    ]
}
