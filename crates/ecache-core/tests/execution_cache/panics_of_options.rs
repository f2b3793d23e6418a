//! A function returns what it computes, whatever panics in the code that its cache runs: the
//! expressions and functions of its options, its context, its codec, and what a program gives to
//! its `Cache`.

use std::sync::{LazyLock, Mutex, PoisonError};

use ecache_core::execution_cache;
use ecache_core::execution_cache::{CacheContext, Codec, CodecError, Datasets, Reaction};
use ecache_core::time::{Clock, Timestamp};
use ecache_core::value::Value;
use futures_executor::block_on;

use super::panics::{has_panicked, may_panic, while_panics};
use super::*;

/// A piece of code that may panic, around `value`.
fn may<T>(piece: &str, value: T) -> T {
    may_panic("options", piece);
    value
}

#[execution_cache(ttl = may("ttl", 60_u64))]
fn with_ttl(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

#[execution_cache(version = may("version", 7))]
fn with_version(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

#[execution_cache(store_name = may("store name", "a store of its own"))]
fn with_store_name(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

#[execution_cache(max_size = may("max size", 10))]
async fn with_max_size(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

fn key(_ctx: &ExecutionContext, n: &u64) -> u64 {
    may("key_fn", *n)
}

#[execution_cache(key_fn = key)]
fn with_key_fn(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

fn lifetime(result: &u64) -> u64 {
    may("ttl_fn", *result)
}

#[execution_cache(ttl_fn = lifetime)]
fn with_ttl_fn(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

#[execution_cache(cache_err = may("cache_err", 60_u64))]
fn with_cache_err(_ctx: &ExecutionContext, n: u64) -> Result<u64, u64> {
    Err(n + 1)
}

static CACHE: LazyLock<Cache> = LazyLock::new(Cache::in_memory);

fn own_cache() -> &'static Cache {
    may("cache", &CACHE)
}

#[execution_cache(cache = own_cache())]
fn with_cache(n: u64) -> u64 {
    n + 1
}

fn write(result: &u64) -> u64 {
    may("serialize", *result)
}

fn read(stored: u64) -> u64 {
    may("deserialize", stored)
}

#[execution_cache(serialize = write, deserialize = read, residency = "transient")]
fn with_functions(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

/// A result that only its codec can compare.
#[derive(Clone)]
struct Opaque(u64);

/// A codec of which each method may panic.
struct Own;

impl Codec<Opaque> for Own {
    fn encode(&self, result: &Opaque) -> Result<Value, CodecError> {
        StoredForm.encode(&may("encode", result.0))
    }

    fn decode(&self, value: Value) -> Result<Opaque, CodecError> {
        StoredForm.decode(may("decode", value)).map(Opaque)
    }

    fn equal(&self, one: &Opaque, other: &Opaque) -> Option<bool> {
        may("equal", Some(one.0 == other.0))
    }

    fn is_whole(&self, _: &Opaque, _: Option<&dyn std::fmt::Debug>) -> bool {
        may("is_whole", true)
    }

    fn is_exact(&self) -> bool {
        may("is_exact", false)
    }

    fn lifetime(&self, _: &Opaque) -> Option<Duration> {
        may("lifetime", None)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        may("drop of a codec", ());
    }
}

#[execution_cache(codec = may("codec", Own), residency = "transient")]
fn with_codec(_ctx: &ExecutionContext, n: u64) -> Opaque {
    Opaque(n + 1)
}

#[execution_cache(codec = may("codec", Own))]
async fn with_codec_later(_ctx: &ExecutionContext, n: u64) -> Opaque {
    Opaque(n + 1)
}

struct Message;

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(may("display", "no stored form"))
    }
}

#[execution_cache(serialize = |_: &u64| Err::<u64, _>(Message), deserialize = |n: u64| n)]
fn with_refused_results(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

struct Model {
    add: u64,
}

impl Model {
    #[execution_cache(self_key = may("self_key", self.add))]
    fn with_self_key(&self, _ctx: &ExecutionContext, n: u64) -> u64 {
        n + self.add
    }
}

struct Text;

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        may("as_ref", "text")
    }
}

#[execution_cache]
fn with_as_ref(_ctx: &ExecutionContext, _text: impl AsRef<str>, n: u64) -> u64 {
    n + 1
}

struct Request(ExecutionContext);

impl CacheContext for Request {
    fn execution_context(&self) -> &ExecutionContext {
        may("context", &self.0)
    }
}

#[execution_cache]
fn with_context(_request: &Request, n: u64) -> u64 {
    n + 1
}

#[execution_cache]
fn with_some_context(_ctx: &impl CacheContext, n: u64) -> u64 {
    n + 1
}

#[execution_cache]
async fn with_context_later(_request: &Request, n: u64) -> u64 {
    n + 1
}

type Refresh = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn spawn() -> fn(Refresh) {
    may("spawn", |refresh| {
        may("spawning", ());
        block_on(refresh);
    })
}

#[execution_cache(ttl = 60, stale = 3600, spawn = spawn())]
async fn with_spawn(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

struct OwnClock(Arc<ManualClock>);

impl Clock for OwnClock {
    fn now(&self) -> Timestamp {
        may("clock", self.0.now())
    }
}

#[execution_cache(ttl = 60)]
fn with_clock_of_its_own(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

#[execution_cache(ttl = 60)]
async fn with_clock_of_its_own_later(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

/// Pieces of code that panic in turn, and a call that runs them.
type Row = (&'static [&'static str], fn(&ExecutionContext, u64) -> u64);

const TABLE: &[Row] = &[
    (&["ttl"], |ctx, n| with_ttl(ctx, n)),
    (&["version"], |ctx, n| with_version(ctx, n)),
    (&["store name"], |ctx, n| with_store_name(ctx, n)),
    (&["max size"], |ctx, n| block_on(with_max_size(ctx, n))),
    (&["key_fn"], |ctx, n| with_key_fn(ctx, n)),
    (&["ttl_fn"], |ctx, n| with_ttl_fn(ctx, n)),
    (&["cache_err"], |ctx, n| {
        with_cache_err(ctx, n).expect_err("it fails")
    }),
    (&["cache"], |_, n| with_cache(n)),
    (&["serialize", "deserialize"], |ctx, n| {
        with_functions(ctx, n)
    }),
    (
        &[
            "codec",
            "encode",
            "decode",
            "is_whole",
            "is_exact",
            "lifetime",
            "drop of a codec",
        ],
        |ctx, n| with_codec(ctx, n).0,
    ),
    (
        &["codec", "encode", "decode", "lifetime", "drop of a codec"],
        |ctx, n| block_on(with_codec_later(ctx, n)).0,
    ),
    (&["equal"], |ctx, n| {
        let cache = with_codec::execution_cache();
        cache.call(ctx, &Own, one(&n), || Opaque(n + 1)).0
    }),
    (&["display"], |ctx, n| with_refused_results(ctx, n)),
    (&["self_key"], |ctx, n| {
        Model { add: 1 }.with_self_key(ctx, n)
    }),
    (&["as_ref"], |ctx, n| with_as_ref(ctx, Text, n)),
    (&["context"], |ctx, n| {
        with_context(&Request(ctx.clone()), n)
    }),
    (&["context"], |ctx, n| {
        with_some_context(&Request(ctx.clone()), n)
    }),
    (&["context"], |ctx, n| {
        block_on(with_context_later(&Request(ctx.clone()), n))
    }),
    (&["spawn", "spawning"], |ctx, n| {
        block_on(with_spawn(ctx, n))
    }),
    (&["clock"], |ctx, n| with_clock_of_its_own(ctx, n)),
    (&["clock"], |ctx, n| {
        block_on(with_clock_of_its_own_later(ctx, n))
    }),
];

/// Held by a test that lets pieces of code panic.
static PIECES: Mutex<()> = Mutex::new(());

#[test]
fn a_function_returns_its_result_whatever_panics_in_its_options_its_context_or_its_codec() {
    let _pieces = PIECES.lock().unwrap_or_else(PoisonError::into_inner);
    for (row, (pieces, call)) in TABLE.iter().enumerate() {
        for (column, piece) in pieces.iter().enumerate() {
            let n = (row * 100 + column) as u64;
            let clock = Arc::new(ManualClock::new(NOW));
            let cache = Cache::in_memory().with_clock(Arc::new(OwnClock(clock.clone())));
            let ctx = context(cache);
            let call = |state: &str| {
                let run = std::panic::AssertUnwindSafe(|| call(&ctx, n));
                let called = std::panic::catch_unwind(run);
                let result = called.unwrap_or_else(|_| panic!("{piece}, {state}: it panicked"));
                assert_eq!(result, n + 1, "{piece}, {state}");
            };
            let armed = |state| {
                while_panics("options", piece, || {
                    call(state);
                    call(state);
                });
            };
            armed("a miss");
            call("after a miss");
            armed("a hit");
            call("after a hit");
            clock.advance(Duration::from_secs(90));
            armed("when it is stale");
            call("after it was stale");
            assert!(has_panicked("options", piece), "{piece} is not run");
        }
    }
}

#[execution_cache(store_name = may("a name", "of its own"))]
fn with_a_name(_ctx: &ExecutionContext, n: u64) -> u64 {
    n + 1
}

#[test]
fn options_that_panicked_are_warned_of_once_and_evaluated_again() {
    let ctx = in_memory();
    let warnings = warnings_of(|| {
        while_panics("options", "a name", || {
            assert_eq!((with_a_name(&ctx, 1), with_a_name(&ctx, 1)), (2, 2));
            let set = with_a_name::set_cache(&ctx, 1, 5).expect_err("it is not stored");
            assert!(set.to_string().contains("options"), "{set}");
            with_a_name::clear_cache(&ctx, 1).expect_err("which store is not known");
            with_a_name::clear_all_caches(&ctx, Datasets::All).expect_err("as above");
            assert_eq!(with_a_name::counters().bypasses, 2);
        });
    });
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}")
    };
    assert!(
        warning.ends_with(
            "could not evaluate the options of its attribute: it panicked: a name, on purpose"
        ),
        "{warning}"
    );
    assert_eq!((with_a_name(&ctx, 1), with_a_name(&ctx, 1)), (2, 2));
    let counters = with_a_name::counters();
    assert_eq!((counters.misses, counters.memory_hits), (1, 1));
    let options = with_a_name::execution_cache().options();
    assert_eq!(options.store(), "of its own");
}

#[derive(Clone)]
struct Unnamed;

impl CacheContext for Unnamed {
    fn execution_context(&self) -> &ExecutionContext {
        std::panic::resume_unwind(Box::new("no context"))
    }
}

#[execution_cache(residency = "ephemeral")]
fn without_a_context(_ctx: &Unnamed, n: u64) -> u64 {
    n + 1
}

#[test]
fn a_context_that_panics_is_warned_of_once_and_clears_nothing() {
    let warnings = warnings_of(|| {
        assert_eq!(
            (
                without_a_context(&Unnamed, 1),
                without_a_context(&Unnamed, 1)
            ),
            (2, 2)
        );
    });
    let expected = "the execution cache of execution_cache::panics_of_options::Unnamed could not \
                    learn the context of a call: it panicked: no context";
    assert_eq!(warnings, [expected]);
    without_a_context::set_cache(&Unnamed, 1, 5).expect_err("there is no cache");
    without_a_context::clear_cache(&Unnamed, 1).expect_err("there is no cache");
    without_a_context::clear_all_caches(&Unnamed, Datasets::All).expect_err("as above");
    assert_eq!(without_a_context::get(&Unnamed, 1), None);
}

/// A result whose copies panic.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Single(u64);

impl Clone for Single {
    fn clone(&self) -> Self {
        std::panic::resume_unwind(Box::new("one is enough".to_owned()))
    }
}

#[execution_cache(residency = "ephemeral")]
fn single(_ctx: &ExecutionContext, n: u64) -> Single {
    Single(n)
}

#[test]
fn a_result_that_cannot_be_copied_is_returned_and_warned_of_once() {
    let ctx = in_memory();
    let warnings = warnings_of(|| {
        assert_eq!((single(&ctx, 1), single(&ctx, 1)), (Single(1), Single(1)));
    });
    let expected = "the execution cache of execution_cache::panics_of_options::single in a test of package ecache-core could not \
                    keep a result: it panicked: one is enough";
    assert_eq!(warnings, [expected]);
    let strict = context(Cache::in_memory().with_reaction(Reaction::Panic));
    let run = std::panic::AssertUnwindSafe(|| single(&strict, 1));
    assert!(std::panic::catch_unwind(run).is_err(), "that was asked for");
}
