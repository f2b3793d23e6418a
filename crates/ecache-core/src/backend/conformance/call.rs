//! Results of cached calls: found by their hash, and recognised.

use super::*;
use crate::backend::{CallIdentity, CallLookup, CallResult};
use crate::entry::CLOCK_SKEW;
use crate::key::{MORE_PLACES, more_places};
use crate::scope::Scopes;
use crate::value::CHUNK_SIZE;

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    (
        "a call finds its result, whatever is not recorded of it",
        of_this_call,
    ),
    (
        "a call does not find what is recorded of another one",
        of_another_call,
    ),
    (
        "a place with an entry is never said to have none",
        further_places,
    ),
    ("a call finds no more than is fresh", freshness),
    ("a call finds a large result", large),
    (
        "what a generation vouches for is what was written",
        vouching,
    ),
];

/// The identity of a call, and the entry that records it.
struct Call {
    entry: Entry,
    hash: [u8; 32],
    preimage: String,
    with_generation: bool,
}

impl Call {
    /// Returns the call `f("a")` for user `ann`.
    fn new() -> Self {
        let hash = [7; 32];
        let store = StoreAddress::new("f").with_dataset("6b03de1228195dbc2df5c505");
        Self {
            entry: Entry {
                scopes: Scopes {
                    user_id: name("ann"),
                    ..Scopes::default()
                },
                function: name("f"),
                args: Some(r#"["a"]"#.into()),
                cost_ms: Some(5),
                ..Entry::new(store.entry(Key::of_hash(&hash)), Kind::Text, NOW)
            },
            hash,
            preimage: r#"["a", "ann"]"#.into(),
            with_generation: false,
        }
    }

    fn identity(&self) -> CallIdentity<'_> {
        CallIdentity {
            store: &self.entry.address.store,
            hash: &self.hash,
            function: self.entry.function.as_ref().expect("a function"),
            scopes: &self.entry.scopes,
            preimage: &self.preimage,
            arguments_length: r#"["a""#.len(),
            with_generation: self.with_generation,
            with_taken: true,
            clears: None,
            began_at: None,
        }
    }

    fn look_up(&self, backend: &dyn Backend) -> CallLookup {
        let found = backend.lookup_call(&self.identity(), NOW);
        found.expect("a look-up")
    }

    fn put(&self, backend: &dyn Backend, content: &Content) -> Option<u64> {
        backend
            .put_call(&self.identity(), &self.entry, content, NOW)
            .expect("an entry is written")
            .generation
    }
}

fn hit(entry: &Entry, value: &[u8], generation: Option<u64>) -> CallLookup {
    CallLookup::Hit(CallResult {
        kind: entry.kind,
        content: inline(value),
        written_at: entry.written_at(),
        expires_at: entry.expires_at,
        cost_ms: entry.cost_ms,
        generation,
    })
}

fn of_this_call(backend: &dyn Backend) {
    let call = Call::new();
    assert!(matches!(call.look_up(backend), CallLookup::Missing(_)));
    let forget: [fn(&mut Entry); 6] = [
        |_| {},
        |entry| entry.function = None,
        |entry| entry.scopes = Scopes::default(),
        |entry| entry.args = None,
        |entry| {
            entry.scopes = Scopes::default();
            entry.args = None;
        },
        // Python may have written them with different spaces.
        |entry| {
            entry.scopes = Scopes::default();
            entry.args = Some(r#"[ "a" ]"#.into());
        },
    ];
    for (number, forget) in forget.into_iter().enumerate() {
        let mut recorded = call.entry.clone();
        forget(&mut recorded);
        put(backend, &recorded);
        assert_eq!(
            call.look_up(backend),
            hit(&recorded, b"abc", None),
            "{number}"
        );
    }
}

fn further_places(backend: &dyn Backend) {
    let call = Call::new();
    let (store, places) = (&call.entry.address.store, more_places(&call.hash));
    let taken = || match call.look_up(backend) {
        CallLookup::Missing(miss) => miss.taken,
        found => panic!("found {found:?}"),
    };
    // Without its own row a store has no entry. An engine may leave each place to be looked up.
    assert!(taken().is_none_or(|taken| taken == [false; MORE_PLACES]));
    let is_taken = |places| assert!(taken().is_none_or(|taken| taken == places));
    let at = |place: &[u8; 32]| Entry::new(store.entry(Key::of_hash(place)), Kind::Text, NOW);
    put(backend, &at(&places[1]));
    is_taken([false, true, false]);
    let mut elsewhere = at(&places[0]);
    elsewhere.address.store = Arc::new(StoreAddress::new("g"));
    put(backend, &elsewhere);
    is_taken([false, true, false]);
    let mut expired = at(&places[2]);
    expired.expires_at = Some(NOW);
    put(backend, &expired);
    is_taken([false, true, true]);
}

fn of_another_call(backend: &dyn Backend) {
    let call = Call::new();
    let change: [fn(&mut Entry); 6] = [
        |entry| entry.function = name("g"),
        |entry| entry.scopes.user_id = name("bob"),
        |entry| entry.scopes.operator_uri = name("ann"),
        |entry| entry.scopes.prompt_id = name("ann"),
        |entry| entry.scopes.jwt_sha256 = Some([1; 32]),
        |entry| {
            // `f("a", "ann")` without a user: the same preimage.
            entry.scopes = Scopes::default();
            entry.args = Some(r#"["a", "ann"]"#.into());
        },
    ];
    for (number, change) in change.into_iter().enumerate() {
        assert_eq!(call.put(backend, &inline(b"abc")), None);
        assert_eq!(call.look_up(backend), hit(&call.entry, b"abc", None));
        let mut recorded = call.entry.clone();
        change(&mut recorded);
        put(backend, &recorded);
        let other = CallLookup::Other(recorded.function);
        assert_eq!(call.look_up(backend), other, "{number}");
    }
}

fn freshness(backend: &dyn Backend) {
    let mut call = Call::new();
    for (expires_at, is_fresh) in [(at(1), true), (NOW, false), (at(-1), false)] {
        call.entry.expires_at = Some(expires_at);
        call.put(backend, &inline(b"abc"));
        let is_hit = matches!(call.look_up(backend), CallLookup::Hit(_));
        assert_eq!(is_hit, is_fresh, "{expires_at}");
    }
    let too_late = at(SECOND).saturating_add(CLOCK_SKEW);
    call.entry.updated_at = Some(too_late);
    call.entry.expires_at = Some(too_late.saturating_add(CLOCK_SKEW));
    call.put(backend, &inline(b"abc"));
    assert!(matches!(call.look_up(backend), CallLookup::Missing(_)));
}

fn large(backend: &dyn Backend) {
    let call = Call::new();
    let value = vec![b'x'; CHUNK_SIZE + 1];
    let content = backend.stage(&mut &value[..], NOW).expect("staged");
    call.put(backend, &content);
    let CallLookup::Hit(result) = call.look_up(backend) else {
        panic!("no hit");
    };
    let read = crate::backend::read_value(backend, result.kind, result.content);
    assert!(read.expect("the value").bytes == value);
}

fn vouching(backend: &dyn Backend) {
    let call = Call {
        with_generation: true,
        ..Call::new()
    };
    let generation = || {
        let generation = backend.generation(&call.entry.address.store);
        generation.expect("a generation")
    };
    let created = call.put(backend, &inline(b"one"));
    assert_eq!(created, Some(generation()));
    assert_eq!(call.look_up(backend), hit(&call.entry, b"one", created));
    let replaced = call.put(backend, &inline(b"two"));
    assert_ne!(replaced, created);
    assert_eq!(replaced, Some(generation()));
    assert_eq!(call.look_up(backend), hit(&call.entry, b"two", replaced));
}
