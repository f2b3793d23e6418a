//! Functions without a context: their store is a `static`, or the default of the process.

use std::path::Path;
use std::sync::LazyLock;

use ecache_core::execution_cache;
use ecache_core::execution_cache::{CacheContext, Datasets};
use serde::{Deserialize, Serialize};

use super::*;

static OWN: LazyLock<Cache> = LazyLock::new(Cache::in_memory);
static SHARED: LazyLock<Arc<Cache>> = LazyLock::new(|| Arc::new(Cache::in_memory()));

#[execution_cache(cache = OWN)]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[execution_cache(cache = SHARED, ttl = "1h")]
async fn length(text: &str) -> usize {
    text.len()
}

#[test]
fn a_function_with_a_static_cache() {
    assert_eq!((add(1, 2), add(1, 2)), (3, 3));
    assert_eq!(add::counters().computations, 1);
    assert_eq!(add::get(1, 2), Some(3));
    assert!(add::set_cache(1, 2, 4).expect("kept"));
    assert_eq!(add(1, 2), 4);
    assert_eq!(add::uncached(1, 2), 3);
    assert_eq!(add::clear_cache(1, 2).expect("cleared").entries, 1);
    assert_eq!(add(1, 2), 3);
    let cleared = add::clear_all_caches(Datasets::All).expect("cleared");
    assert_eq!(cleared.entries, 1);
    let [entry] = &{
        add(5, 6);
        entries(&**OWN.backend().expect("a backend"))
    }[..] else {
        panic!("one entry")
    };
    assert_eq!(entry.args.as_deref(), Some("[5, 6]"));
    assert_eq!(entry.address.store.dataset_id, None);

    assert_eq!(futures_executor::block_on(length("abc")), 3);
    assert!(futures_executor::block_on(length::contains("abc")));
    assert_eq!(keys(&context_of(&SHARED)).len(), 1);
}

fn context_of(cache: &Arc<Cache>) -> ExecutionContext {
    ExecutionContext::new(cache)
}

/// Sets the default cache once, because all tests share one process.
fn default_is_in_memory() {
    static SET: LazyLock<()> = LazyLock::new(|| {
        execution_cache::set_default(Cache::in_memory()).expect("no call was before");
    });
    *SET
}

#[derive(Clone, Serialize, Deserialize)]
struct Shape {
    width: u32,
    height: u32,
}

impl Shape {
    #[execution_cache(self_key = self)]
    fn area(&self) -> u32 {
        self.width * self.height
    }

    #[execution_cache(self_key = none)]
    fn square(width: u32) -> u32 {
        width * width
    }
}

#[execution_cache]
fn area(shape: &Shape) -> u32 {
    shape.width * shape.height
}

#[execution_cache]
fn nothing() -> u8 {
    1
}

#[execution_cache(cache = default)]
fn extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_owned())
}

#[test]
fn functions_of_the_default_cache() {
    default_is_in_memory();
    let shape = Shape {
        width: 2,
        height: 3,
    };
    for _ in 0..2 {
        assert_eq!((area(&shape), shape.area(), Shape::square(4)), (6, 6, 16));
        assert_eq!(
            (nothing(), extension(Path::new("a.png"))),
            (1, Some("png".into()))
        );
    }
    let computations = [
        area::counters(),
        Shape::area_counters(),
        Shape::square_counters(),
        nothing::counters(),
        extension::counters(),
    ]
    .map(|counters| counters.computations);
    assert_eq!(computations, [1; 5]);
    assert_eq!(area(&Shape { height: 4, ..shape }), 8);
    assert_eq!(Shape::square_get(4), Some(16));
    assert!(execution_cache::set_default(Cache::in_memory()).is_err());
}

struct Session(ExecutionContext);

impl CacheContext for Session {
    fn execution_context(&self) -> &ExecutionContext {
        &self.0
    }
}

type Context = Session;

#[execution_cache(user_scoped)]
fn of_a_session(session: &Context, n: u8) -> Option<String> {
    let user = session.0.user_id.as_deref()?;
    Some(format!("{user} {n}"))
}

#[execution_cache]
fn of_any<C>(_ctx: &C, n: u8) -> u8
where
    C: CacheContext,
{
    n
}

#[test]
fn a_programs_own_context_is_recognised_by_its_trait() {
    let session = Session(in_memory().with_user("ann"));
    for _ in 0..2 {
        assert_eq!(of_a_session(&session, 1).as_deref(), Some("ann 1"));
        assert_eq!(of_any(&session, 2), 2);
    }
    assert_eq!(of_a_session::counters().computations, 1);
    assert_eq!(of_any::counters().computations, 1);
    let of_a_session: Vec<Entry> = entries(&**session.0.cache.backend().expect("a backend"))
        .into_iter()
        .filter(|entry| entry.scopes.user_id.as_deref() == Some("ann"))
        .collect();
    assert_eq!(of_a_session[0].args.as_deref(), Some("[1]"));
}

static RENAMED: LazyLock<Cache> = LazyLock::new(Cache::in_memory);

#[execution_cache(cache = RENAMED, crate = renamed)]
fn under_another_name(n: u8) -> u8 {
    n
}

use ecache_core as renamed;

#[test]
fn the_library_may_have_another_name() {
    assert_eq!((under_another_name(1), under_another_name(1)), (1, 1));
    assert_eq!(under_another_name::counters().memory_hits, 1);
}
