//! Looking up and writing single entries.

use super::*;
use crate::backend::{
    CallIdentity, Expiry, Keep, LookedUp, Lookup, PutOptions, Touch, no_progress,
};
use crate::entry::Policy;
use crate::filter::Selection;
use crate::scope::Scopes;
use crate::value::Value;

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("every field comes back as it was written", every_field),
    (
        "a look-up tells hit, stale and missing apart",
        lookup_variants,
    ),
    ("many look-ups answer in order", many_lookups),
    ("a put always creates or replaces", put_always),
    (
        "a put if absent takes an expired entry for absent",
        put_if_absent,
    ),
    ("a put if value compares as Python's == does", put_if_value),
    (
        "a put unless newer compares the times at which computations began",
        put_unless_newer,
    ),
    ("an overwrite keeps of the lifetime what is not named", keep),
    ("a cached result that persists stays so", kept_call),
    (
        "an overwrite renews the lifetime and keeps the history",
        overwrite,
    ),
    (
        "recorded hits add up, and those of no entry are dropped",
        hits,
    ),
    (
        "a generation grows when something is no longer what it was",
        generation,
    ),
    ("a change token changes with every write", change_token),
];

fn hit(backend: &dyn Backend, address: &Address) -> (Entry, Content) {
    match backend.lookup(address, NOW).expect("a look-up") {
        Lookup::Hit(entry, content) => (*entry, content),
        other => panic!("no hit: {other:?}"),
    }
}

fn every_field(backend: &dyn Backend) {
    let full = Entry {
        address: StoreAddress::new("s")
            .with_dataset(DATASETS[0])
            .entry(Key::new("k").expect("a valid key")),
        policy: Policy::Persist,
        kind: Kind::Json,
        size: 7,
        created_at: at(-5),
        updated_at: Some(at(-4)),
        expires_at: Some(at(DAY)),
        last_used_at: None,
        hits: 0,
        saved_ms: 0,
        scopes: Scopes {
            user_id: name("u"),
            operator_uri: name("@acme/op"),
            prompt_id: name("p"),
            jwt_sha256: Some([7; 32]),
        },
        function: name("f"),
        args: Some("[1, \"x\"]".into()),
        cost_ms: Some(12),
    };
    let bare = Entry {
        size: 2,
        updated_at: None,
        ..entry("s", "bare")
    };
    for (entry, value) in [(full, "[1, 2 ]"), (bare, "{}")] {
        let content = inline(value);
        backend
            .put(&entry, &content, &Condition::Always.into(), NOW)
            .expect("an entry is written");
        assert_eq!(hit(backend, &entry.address), (entry, content));
    }
}

fn lookup_variants(backend: &dyn Backend) {
    put(backend, &entry("s", "fresh"));
    put(backend, &expiring("s", "expired", NOW));
    let lookup = |store, key| {
        backend
            .lookup(&address(store, key), NOW)
            .expect("a look-up")
    };
    assert!(matches!(lookup("s", "fresh"), Lookup::Hit(..)));
    assert!(matches!(lookup("s", "expired"), Lookup::Stale(entry) if entry.size == 3));
    assert_eq!(lookup("s", "none"), Lookup::Missing);
    assert_eq!(lookup("none", "fresh"), Lookup::Missing);
}

fn many_lookups(backend: &dyn Backend) {
    for (store, key, value) in [("s", "a", "one"), ("t", "b", "two"), ("t", "old", "three")] {
        let expires_at = (key == "old").then_some(NOW);
        let entry = Entry {
            expires_at,
            ..entry(store, key)
        };
        let put = backend.put(&entry, &inline(value), &Condition::Always.into(), NOW);
        assert_eq!(put.expect("an entry is written"), Put::Created);
    }
    let addresses = [("t", "b"), ("t", "a"), ("s", "a"), ("t", "old"), ("t", "b")];
    let addresses = addresses.map(|(store, key)| address(store, key));
    let mut values = vec![None; addresses.len()];
    let done = backend.visit_many(&addresses, NOW, &mut |index, found| {
        values[index] = match found {
            LookedUp::Hit(_, value) => Some(value.to_vec()),
            LookedUp::Other(Lookup::Hit(_, Content::Inline(value))) => Some(value),
            LookedUp::Other(_) | LookedUp::Stale => None,
        };
    });
    assert_eq!(done.expect("look-ups"), addresses.len());
    let value = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(
        values,
        [value("two"), None, value("one"), None, value("two")]
    );
}

fn put_always(backend: &dyn Backend) {
    assert_eq!(put(backend, &entry("s", "k")), Put::Created);
    assert_eq!(put(backend, &entry("s", "k")), Put::Replaced);
    let put = backend.put(
        &entry("s", "k"),
        &inline("x"),
        &Condition::Always.into(),
        NOW,
    );
    assert_eq!(put.expect("an entry is written"), Put::Replaced);
    assert_eq!(hit(backend, &address("s", "k")).1, inline("x"));
    assert_eq!(everything(backend).len(), 1);
}

fn put_if_absent(backend: &dyn Backend) {
    let expired = expiring("s", "k", NOW);
    let put_if_absent = |entry: &Entry| put_if(backend, entry, &Condition::IfAbsent);
    assert_eq!(put_if_absent(&expired), Put::Created);
    assert_eq!(put_if_absent(&entry("s", "k")), Put::Replaced);
    assert_eq!(put_if_absent(&expired), Put::Refused);
    assert_eq!(hit(backend, &address("s", "k")).0.expires_at, None);
}

fn put_unless_newer(backend: &dyn Backend) {
    let put = |entry: &Entry, began_at| {
        let condition = Condition::UnlessNewer(at(began_at));
        put_if(backend, entry, &condition)
    };
    let (set, computed) = (
        entry("s", "k"),
        Entry {
            cost_ms: Some(5),
            ..entry("s", "k")
        },
    );
    assert_eq!(put(&set, -9), Put::Created);
    assert_eq!(put(&computed, -1), Put::Refused, "it was set later");
    assert_eq!(put(&computed, 0), Put::Replaced);
    assert_eq!(put(&set, -8), Put::Refused, "a computation began later");
    assert_eq!(put(&expiring("s", "k", NOW), -7), Put::Replaced);
    let of_the_future = Entry {
        updated_at: Some(at(1)),
        ..entry("s", "k")
    };
    assert_eq!(put(&of_the_future, -9), Put::Replaced, "one has expired");
    assert_eq!(put(&set, -9), Put::Replaced, "the clock was set back");
}

fn put_if_value(backend: &dyn Backend) {
    let json = |text: &str| Value::json(text).expect("JSON");
    let put = |value: &str, condition: Condition| {
        let entry = Entry {
            kind: Kind::Json,
            ..entry("s", "k")
        };
        let put = backend.put(&entry, &inline(value), &condition.into(), NOW);
        put.expect("no error")
    };
    let refused = put("1", Condition::IfValue(json("1")));
    assert_eq!(refused, Put::Refused, "there is no entry");
    put(r#"{"a": 1, "b": [2.0]}"#, Condition::Always);
    let other = Condition::IfValue(json(r#"{"a": 1}"#));
    assert_eq!(put("2", other), Put::Refused);
    let same = Condition::IfValue(json(r#"{"b":[2.0],"a":1}"#));
    assert_eq!(put("2", same), Put::Replaced);
    for (expected, value) in [("2.0", "[1.0, {\"a\": true}]"), ("[true, {\"a\": 1}]", "2")] {
        let equal = Condition::IfValue(json(expected));
        assert_eq!(put(value, equal), Put::Replaced, "{expected}");
    }
    let kind = Condition::IfValue(Value::text("2"));
    assert_eq!(put("3", kind), Put::Refused, "text is not a number");
    super::put(backend, &expiring("s", "k", NOW));
    let expired = Condition::IfValue(Value::bytes("abc"));
    assert_eq!(put("3", expired), Put::Refused, "the entry is expired");
}

fn overwrite(backend: &dyn Backend) {
    let old = Entry {
        policy: Policy::Persist,
        ..entry("s", "k")
    };
    put(backend, &old);
    let one = EntryUse {
        saved_ms: 0,
        entry: old.address.clone().into(),
        used_at: at(1),
        written_at: at(1),
        hits: 3,
    };
    record_uses(backend, &[one]).expect("hits are recorded");
    let new = Entry {
        created_at: at(2),
        updated_at: Some(at(2)),
        cost_ms: Some(5),
        ..expiring("s", "k", at(DAY))
    };
    put(backend, &new);
    let expected = Entry {
        created_at: NOW,
        last_used_at: Some(at(1)),
        hits: 3,
        size: 3,
        ..new
    };
    assert_eq!(hit(backend, &expected.address).0, expected);
}

fn keep(backend: &dyn Backend) {
    use Policy::{Evict, Persist};
    let later = Some(at(DAY));
    let soon = Some(at(SECOND));
    let expiry = Keep {
        policy: false,
        expiry: true,
    };
    // The kept parts; the old lifetime; the new one; and the one that results.
    let cases = [
        (
            Keep::default(),
            (Persist, None),
            (Evict, later),
            (Evict, later),
        ),
        (
            Keep::default(),
            (Evict, later),
            (Persist, None),
            (Persist, None),
        ),
        (
            Keep::POLICY,
            (Persist, None),
            (Evict, None),
            (Persist, None),
        ),
        (Keep::POLICY, (Evict, later), (Persist, None), (Evict, None)),
        (Keep::POLICY, (Evict, later), (Evict, soon), (Evict, soon)),
        (
            Keep::POLICY,
            (Persist, None),
            (Evict, soon),
            (Persist, None),
        ),
        (expiry, (Evict, later), (Evict, soon), (Evict, later)),
        (expiry, (Evict, later), (Persist, None), (Persist, None)),
        (expiry, (Persist, None), (Evict, soon), (Evict, None)),
        (
            Keep::LIFETIME,
            (Evict, later),
            (Persist, None),
            (Evict, later),
        ),
        (
            Keep::LIFETIME,
            (Persist, None),
            (Evict, soon),
            (Persist, None),
        ),
        // FiftyOne's `update_ttl` makes entries that persist until they expire.
        (
            Keep::LIFETIME,
            (Persist, later),
            (Evict, soon),
            (Persist, later),
        ),
        (
            Keep::POLICY,
            (Persist, later),
            (Evict, None),
            (Persist, None),
        ),
        // An expired entry is gone.
        (
            Keep::LIFETIME,
            (Evict, Some(NOW)),
            (Persist, None),
            (Persist, None),
        ),
        (
            Keep::POLICY,
            (Evict, Some(NOW)),
            (Persist, None),
            (Persist, None),
        ),
    ];
    for (number, (keep, old, new, expected)) in cases.into_iter().enumerate() {
        let lasting = |(policy, expires_at)| Entry {
            policy,
            expires_at,
            ..entry("s", &number.to_string())
        };
        put(backend, &lasting(old));
        let options = PutOptions {
            condition: Condition::Always,
            keep,
            expiry: Expiry::Named,
        };
        let put = backend.put(&lasting(new), &inline("x"), &options, NOW);
        assert_eq!(put.expect("a write"), Put::Replaced);
        let (found, _) = hit(backend, &address("s", &number.to_string()));
        assert_eq!((found.policy, found.expires_at), expected, "{number}");
        let absent = Entry {
            address: address("absent", &number.to_string()),
            ..lasting(new)
        };
        let put = backend.put(&absent, &inline("x"), &options, NOW);
        assert_eq!(put.expect("a write"), Put::Created);
        let (found, _) = hit(backend, &absent.address);
        assert_eq!((found.policy, found.expires_at), new, "{number}");
    }
}

fn kept_call(backend: &dyn Backend) {
    let (store, scopes) = (Arc::new(StoreAddress::new("s")), Scopes::default());
    let call = CallIdentity {
        store: &store,
        hash: &[7; 32],
        function: &"f".into(),
        scopes: &scopes,
        preimage: "[1]",
        arguments_length: 2,
        with_generation: false,
        with_taken: false,
        clears: None,
        began_at: None,
    };
    let result = Entry {
        function: Some("f".into()),
        args: Some("[1]".into()),
        ..Entry::new(call.address(), Kind::Json, NOW)
    };
    let write = |expires_at| {
        let result = Entry {
            expires_at,
            ..result.clone()
        };
        let written = backend.put_call(&call, &result, &inline("1"), NOW);
        written.expect("a write");
    };
    write(Some(at(DAY)));
    let lifetime = || {
        let entry = hit(backend, &call.address()).0;
        (entry.policy, entry.expires_at)
    };
    assert_eq!(lifetime(), (Policy::Evict, Some(at(DAY))));
    let persist = Touch {
        policy: Some(Policy::Persist),
        expires_at: Some(None),
    };
    let touched = backend.touch(
        &Filter::store(&store).into(),
        persist,
        NOW,
        &mut no_progress,
    );
    assert_eq!(touched.expect("a touch").entries, 1);
    write(None);
    assert_eq!(lifetime(), (Policy::Persist, None));
    write(Some(at(DAY)));
    assert_eq!(lifetime(), (Policy::Evict, Some(at(DAY))));
}

fn hits(backend: &dyn Backend) {
    put(backend, &entry("s", "k"));
    let one = |key, used, hits| EntryUse {
        saved_ms: 0,
        entry: address("s", key).into(),
        used_at: at(used),
        written_at: at(used),
        hits,
    };
    let uses = [one("k", 5, 2), one("none", 5, 1), one("k", 3, 1)];
    record_uses(backend, &uses).expect("hits are recorded");
    record_uses(backend, &[]).expect("no hits are recorded");
    let (entry, _) = hit(backend, &address("s", "k"));
    assert_eq!((entry.last_used_at, entry.hits), (Some(at(5)), 3));
    assert_eq!(everything(backend).len(), 1);
}

fn generation(backend: &dyn Backend) {
    let store = StoreAddress::new("s");
    let generation = || backend.generation(&store).expect("a generation");
    let selection = || Selection::from(Filter::store(&store));
    assert_eq!(generation(), 0);
    put(backend, &entry("s", "a"));
    put(backend, &entry("s", "b"));
    let created = generation();
    assert_eq!(created, 0, "a new entry makes no other one wrong");
    put(backend, &entry("s", "a"));
    let replaced = generation();
    assert!(replaced > created);
    let touch = Touch {
        policy: Some(Policy::Persist),
        ..Touch::default()
    };
    backend
        .touch(&selection(), touch, NOW, &mut no_progress)
        .expect("a touch");
    let touched = generation();
    assert!(touched > replaced);
    put(backend, &entry("t", "a"));
    put(backend, &entry("t", "a"));
    assert_eq!(generation(), touched, "another store has its own");
    let refused = put_if(backend, &entry("s", "a"), &Condition::IfAbsent);
    assert_eq!((refused, generation()), (Put::Refused, touched));
    backend
        .remove(&selection(), NOW, &mut no_progress)
        .expect("a removal");
    assert!(generation() > touched);
}

fn change_token(backend: &dyn Backend) {
    let token = || backend.change_token().expect("a change token");
    let first = token();
    assert_eq!(token(), first);
    put(backend, &entry("s", "k"));
    assert_ne!(token(), first);
}
