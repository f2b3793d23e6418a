//! The results that are kept, their lifetimes, and the queries about them.

use ecache_core::execution_cache;
use ecache_core::execution_cache::Status;
use futures_executor::block_on;

use super::*;

/// Counts a computation; returns the number of earlier ones.
fn tick(count: &AtomicU64) -> u64 {
    count.fetch_add(1, Ordering::SeqCst)
}

type ApiResult<T> = Result<T, String>;

#[execution_cache]
fn by_an_alias(_ctx: &ExecutionContext, ok: bool) -> ApiResult<u64> {
    if ok { Ok(1) } else { Err("down".to_owned()) }
}

#[test]
fn the_err_of_a_result_by_another_name_is_not_kept() {
    let ctx = in_memory();
    for _ in 0..2 {
        assert_eq!(by_an_alias(&ctx, true), Ok(1));
        assert!(by_an_alias(&ctx, false).is_err());
    }
    assert_eq!(by_an_alias::counters().computations, 3);
    assert!(by_an_alias::set_cache(&ctx, false, 7_u64).expect("kept"));
    assert_eq!(by_an_alias(&ctx, false), Ok(7));
    let kept = by_an_alias::set_cache(&ctx, true, Err::<u64, _>("down".to_owned()));
    assert!(!kept.expect("no error"));
}

mod own {
    use ecache_core::execution_cache;
    use ecache_core::execution_cache::ExecutionContext;

    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub enum Result<T> {
        Win(T),
        Draw,
    }

    #[execution_cache]
    pub fn play(_ctx: &ExecutionContext, n: u8) -> Result<u8> {
        if n > 1 { Result::Win(n) } else { Result::Draw }
    }
}

#[test]
fn an_enum_that_is_called_result_is_kept_as_it_is() {
    let ctx = in_memory();
    for _ in 0..2 {
        assert_eq!(own::play(&ctx, 2), own::Result::Win(2));
        assert_eq!(own::play(&ctx, 1), own::Result::Draw);
    }
    assert_eq!(own::play::counters().computations, 2);
    assert!(own::play::set_cache(&ctx, 1, own::Result::Win(9)).expect("kept"));
    assert_eq!(own::play(&ctx, 1), own::Result::Win(9));
}

#[execution_cache(cache_none = false)]
fn look(_ctx: &ExecutionContext, n: i8) -> Result<Option<i8>, String> {
    match n {
        0 => Ok(None),
        1.. => Ok(Some(n)),
        _ => Err("negative".to_owned()),
    }
}

#[execution_cache(cache_none = false, cache_err)]
async fn look_and_keep_errors(_ctx: &ExecutionContext, n: i8) -> Result<Option<i8>, String> {
    look::uncached(_ctx, n)
}

#[test]
fn the_none_of_a_result_is_not_kept_where_that_is_asked_for() {
    let ctx = in_memory();
    for _ in 0..2 {
        for n in [-1, 0, 1] {
            let expected = look::uncached(&ctx, n);
            assert_eq!(look(&ctx, n), expected);
            assert_eq!(block_on(look_and_keep_errors(&ctx, n)), expected);
        }
    }
    assert_eq!(look::counters().computations, 5);
    assert_eq!(look_and_keep_errors::counters().computations, 4);
}

static FLAKY: AtomicU64 = AtomicU64::new(0);

/// Fails every other time, from the second on.
#[execution_cache(verify_every = 1)]
fn flaky(_ctx: &ExecutionContext) -> Result<u64, String> {
    match tick(&FLAKY) {
        count if count % 2 == 0 => Ok(7),
        count => Err(format!("failure {count}")),
    }
}

#[test]
fn a_verification_that_fails_returns_the_good_hit() {
    let ctx = in_memory();
    for _ in 0..5 {
        assert_eq!(flaky(&ctx), Ok(7));
    }
    let counters = flaky::counters();
    assert_eq!((counters.computations, counters.mismatches), (5, 0));
}

static ERRORS: AtomicU64 = AtomicU64::new(0);

#[execution_cache(ttl = "1h", cache_err = "30s")]
fn with_errors_for_a_while(_ctx: &ExecutionContext, ok: bool) -> Result<u64, u64> {
    let count = tick(&ERRORS);
    if ok { Ok(count) } else { Err(count) }
}

#[test]
fn an_err_is_kept_for_a_time_of_its_own() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let (ok, err) = (
        with_errors_for_a_while(&ctx, true),
        with_errors_for_a_while(&ctx, false),
    );
    clock.advance(Duration::from_millis(29_999));
    assert_eq!(with_errors_for_a_while(&ctx, false), err);
    clock.advance(Duration::from_millis(1));
    assert_ne!(with_errors_for_a_while(&ctx, false), err);
    assert_eq!(with_errors_for_a_while(&ctx, true), ok);
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Token {
    number: u64,
    expires_in: u64,
}

static TOKENS: AtomicU64 = AtomicU64::new(0);

#[execution_cache(ttl_fn = |token: &Token| Duration::from_secs(token.expires_in))]
fn token(_ctx: &ExecutionContext, expires_in: u64) -> Result<Token, String> {
    let number = tick(&TOKENS);
    Ok(Token { number, expires_in })
}

#[test]
fn a_result_says_how_long_it_is_good() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let (short, long) = (token(&ctx, 10), token(&ctx, 100));
    clock.advance(Duration::from_secs(10));
    assert_ne!(token(&ctx, 10), short);
    assert_eq!(token(&ctx, 100), long);
    clock.advance(Duration::from_secs(90));
    assert_ne!(token(&ctx, 100), long);
}

const TTL: Duration = Duration::from_secs(60);
const SECONDS: u64 = 60;

fn name() -> String {
    format!("results of {}", 1 + 1)
}

#[execution_cache(ttl = TTL, version = env!("CARGO_PKG_VERSION"), store_name = name())]
fn with_expressions(_ctx: &ExecutionContext) {}

#[execution_cache(ttl = SECONDS * 2, version = 1 + 1, max_size = usize::from(3_u8))]
fn with_more_expressions(_ctx: &ExecutionContext) {}

#[test]
fn options_may_be_expressions() {
    let options = with_expressions::execution_cache().options();
    assert_eq!(options.ttl, Some(TTL));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(options.store(), format!("results of 2#v{version}"));
    let options = with_more_expressions::execution_cache().options();
    assert_eq!(options.ttl, Some(2 * TTL));
    assert_eq!(options.version.as_deref(), Some("2"));
    assert_eq!(options.max_size, 3);
}

static DOWN: AtomicU64 = AtomicU64::new(0);

#[execution_cache(ttl = 60, stale_if_error = 60)]
fn up_at_first(_ctx: &ExecutionContext) -> Result<u64, String> {
    match tick(&DOWN) {
        0 => Ok(0),
        count => Err(format!("down {count}")),
    }
}

static DOWN_ASYNC: AtomicU64 = AtomicU64::new(0);

#[execution_cache(ttl = 60, stale_if_error = 60, residency = "transient")]
async fn up_at_first_async(_ctx: &ExecutionContext) -> Result<u64, String> {
    match tick(&DOWN_ASYNC) {
        0 => Ok(0),
        count => Err(format!("down {count}")),
    }
}

#[test]
fn an_old_result_is_served_after_an_error() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let both = || (up_at_first(&ctx), block_on(up_at_first_async(&ctx)));
    assert_eq!(both(), (Ok(0), Ok(0)));
    clock.advance(TTL);
    assert_eq!(both(), (Ok(0), Ok(0)));
    assert_eq!(up_at_first::counters().computations, 2);
    assert_eq!(up_at_first::counters().stale_hits, 1);
    let (served, status) = up_at_first::with_status(&ctx);
    assert_eq!(
        (served, status.is_hit, status.is_stale),
        (Ok(0), true, true)
    );
    clock.advance(TTL);
    assert_eq!(both(), (Err("down 3".to_owned()), Err("down 2".to_owned())));
}

static VALUE: AtomicU64 = AtomicU64::new(0);

#[execution_cache(ttl = 60)]
fn value_now(_ctx: &ExecutionContext, _name: &str) -> u64 {
    tick(&VALUE)
}

static VALUE_ASYNC: AtomicU64 = AtomicU64::new(0);

#[execution_cache(ttl = 60)]
async fn value_now_async(_ctx: &ExecutionContext, _name: String) -> u64 {
    tick(&VALUE_ASYNC)
}

fn status(status: Status) -> (bool, Option<u64>) {
    (status.is_hit, status.age.map(|age| age.as_secs()))
}

#[test]
fn companions_look_renew_and_tell() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (ctx, clock) = with_clock(Cache::at(&path));
    assert_eq!(value_now::get(&ctx, "a"), None);
    assert!(!value_now::contains(&ctx, "a"));
    assert_eq!(value_now::counters().computations, 0);
    let (first, computed) = value_now::with_status(&ctx, "a");
    assert_eq!((first, status(computed)), (0, (false, None)));
    clock.advance(Duration::from_secs(5));
    let (again, cached) = value_now::with_status(&ctx, "a");
    assert_eq!((again, status(cached)), (0, (true, Some(5))));
    assert_eq!(value_now::get(&ctx, "a"), Some(0));
    assert!(value_now::contains(&ctx, "a") && !value_now::contains(&ctx, "b"));
    assert_eq!(value_now::refresh(&ctx, "a"), 1);
    assert_eq!(value_now(&ctx, "a"), 1);
    let counters = value_now::counters();
    assert_eq!((counters.computations, counters.memory_hits), (2, 2));

    let later = context(Cache::at(&path).with_clock(clock.clone()));
    clock.advance(Duration::from_secs(7));
    assert_eq!(value_now::get(&later, "a"), Some(1));
    assert_eq!(
        status(value_now::with_status(&later, "a").1),
        (true, Some(7))
    );
    clock.advance(TTL);
    assert_eq!(value_now::get(&ctx, "a"), None);
    assert!(!value_now::contains(&later, "a"));
}

#[test]
fn companions_of_an_async_function() {
    let ctx = in_memory();
    let name = || "a".to_owned();
    assert_eq!(block_on(value_now_async::get(&ctx, name())), None);
    let (first, computed) = block_on(value_now_async::with_status(&ctx, name()));
    assert_eq!((first, computed.is_hit), (0, false));
    assert!(
        block_on(value_now_async::with_status(&ctx, name()))
            .1
            .is_hit
    );
    assert_eq!(block_on(value_now_async::refresh(&ctx, name())), 1);
    assert_eq!(block_on(value_now_async::get(&ctx, name())), Some(1));
    assert_eq!(block_on(value_now_async(&ctx, name())), 1);
}

static REFRESHED: AtomicU64 = AtomicU64::new(0);

#[execution_cache(ttl = 60, stale = 60)]
async fn refreshed(_ctx: &ExecutionContext, name: &str) -> (String, u64) {
    (name.to_owned(), tick(&REFRESHED))
}

static SPAWNED: AtomicU64 = AtomicU64::new(0);

/// Returns once the refresh is done, so that the test need not wait for it.
fn run_now(refresh: impl Future<Output = ()> + Send + 'static) -> std::thread::Result<()> {
    std::thread::spawn(move || block_on(refresh)).join()
}

#[execution_cache(ttl = 60, stale = 60, spawn = run_now)]
async fn spawned(_ctx: &ExecutionContext) -> u64 {
    tick(&SPAWNED)
}

#[test]
fn an_async_functions_old_result_is_served_and_refreshed() {
    let (ctx, clock) = with_clock(Cache::in_memory());
    let call = || block_on(refreshed(&ctx, "a"));
    assert_eq!((call().1, block_on(spawned(&ctx))), (0, 0));
    clock.advance(TTL);
    assert_eq!((call().1, block_on(spawned(&ctx))), (0, 0));
    assert_eq!(block_on(spawned(&ctx)), 1);
    // A separate thread refreshes the other one.
    while call() == ("a".to_owned(), 0) {
        std::thread::yield_now();
    }
    assert_eq!(call(), ("a".to_owned(), 1));
}

#[execution_cache]
fn perhaps(_ctx: &ExecutionContext, n: i8) -> Option<Result<i8, String>> {
    match n {
        0 => None,
        1.. => Some(Ok(n)),
        _ => Some(Err("negative".to_owned())),
    }
}

#[execution_cache(cache_none = false)]
fn perhaps_not(ctx: &ExecutionContext, n: i8) -> Option<Result<i8, String>> {
    perhaps::uncached(ctx, n)
}

#[execution_cache(cache_err)]
fn perhaps_wrong(ctx: &ExecutionContext, n: i8) -> Option<Result<i8, String>> {
    perhaps::uncached(ctx, n)
}

#[execution_cache(cache_err, cache_none = false)]
fn perhaps_wrong_and_not(ctx: &ExecutionContext, n: i8) -> Option<Result<i8, String>> {
    perhaps::uncached(ctx, n)
}

#[execution_cache]
async fn joined(_ctx: &ExecutionContext, n: i8) -> Result<Result<i8, String>, String> {
    match n {
        0 => Err("cancelled".to_owned()),
        1.. => Ok(Ok(n)),
        _ => Ok(Err("negative".to_owned())),
    }
}

#[test]
fn the_err_in_an_option_or_in_another_result_is_not_kept() {
    let ctx = in_memory();
    let expected = [Some(Ok(1)), None, Some(Err("negative".to_owned()))];
    macro_rules! keeps {
        ($function:ident $kept:expr) => {
            for ((n, expected), kept) in [1, 0, -1].into_iter().zip(&expected).zip($kept) {
                assert_eq!(&$function(&ctx, n), expected);
                assert_eq!(&$function(&ctx, n), expected);
                let name = stringify!($function);
                assert_eq!($function::contains(&ctx, n), kept, "{name} {n}");
            }
        };
    }
    // The kept parts of `Some(Ok)`, `None` and `Some(Err)`.
    keeps!(perhaps [true, true, false]);
    keeps!(perhaps_not [true, false, false]);
    keeps!(perhaps_wrong [true, true, true]);
    keeps!(perhaps_wrong_and_not [true, false, true]);
    block_on(async {
        for n in [1, 0, -1] {
            let first = joined(&ctx, n).await;
            assert_eq!(joined(&ctx, n).await, first);
            assert_eq!(joined::contains(&ctx, n).await, n == 1);
        }
    });
}
