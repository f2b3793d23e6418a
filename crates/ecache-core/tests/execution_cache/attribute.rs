//! `#[execution_cache]` on every kind of function.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Mutex;

use ecache_core::execution_cache;
use ecache_core::execution_cache::{CacheContext, Datasets};
use futures_executor::block_on;

use super::*;

/// A function with a doc of its own.
#[execution_cache]
fn length(ctx: &ExecutionContext, text: &str) -> usize {
    assert!(ctx.user_id.is_none());
    text.len()
}

#[test]
fn a_function_is_computed_once_and_has_its_companions() {
    let ctx = in_memory();
    assert_eq!(length(&ctx, "abc"), 3);
    assert_eq!(length(&ctx, "abc"), 3);
    assert_eq!(length::uncached(&ctx, "abc"), 3);
    assert!(length::set_cache(&ctx, "abc", 4).expect("kept"));
    assert_eq!(length(&ctx, "abc"), 4);
    assert_eq!(
        length::clear_cache(&ctx, "abc").expect("cleared").entries,
        1
    );
    assert_eq!(length(&ctx, "abc"), 3);
    let cleared = length::clear_all_caches(&ctx, Datasets::All);
    assert_eq!(cleared.expect("cleared").entries, 1);
    assert_eq!(length::counters().computations, 2);
    let options = length::execution_cache().options();
    assert_eq!(options.store(), "execution_cache::attribute::length");
}

#[execution_cache]
fn join(
    _ctx: &ExecutionContext,
    one: &str,
    (two, mut three): (String, String),
    four: Vec<u8>,
) -> String {
    three.push('!');
    format!("{one}{two}{three}{four:?}")
}

#[execution_cache(ttl = 60, stale = 60)]
fn with_names_of_the_attributes_own(
    _ctx: &ExecutionContext,
    value: u8,
    list: u8,
    this: u8,
    context: u8,
    datasets: u8,
) -> [u8; 5] {
    [value, list, this, context, datasets]
}

#[test]
fn arguments_may_have_any_name() {
    let ctx = in_memory();
    use with_names_of_the_attributes_own as cached;
    assert_eq!(cached(&ctx, 1, 2, 3, 4, 5), [1, 2, 3, 4, 5]);
    cached::set_cache(&ctx, 1, 2, 3, 4, 5, [0; 5]).expect("kept");
    assert_eq!(cached(&ctx, 1, 2, 3, 4, 5), [0; 5]);
}

#[test]
fn every_argument_is_in_the_key() {
    let ctx = in_memory();
    let call = |one, two: &str, three: &str, four| {
        join(&ctx, one, (two.to_owned(), three.to_owned()), vec![four])
    };
    assert_eq!(call("a", "b", "c", 1), "abc![1]");
    assert_eq!(call("a", "b", "c", 2), "abc![2]");
    assert_eq!(call("a", "b", "d", 1), "abd![1]");
    assert_eq!(call("a", "b", "c", 1), "abc![1]");
    assert_eq!(join::counters().computations, 3);
}

#[execution_cache(version = 0, store_name = "names", collection_name = "elsewhere", ttl = "1d12h", max_size = 2 + 3, max_bytes = 1 << 20)]
fn with_options(_ctx: &ExecutionContext) {}

#[execution_cache(residency = Residency::Ephemeral, max_bytes = "1.5MiB")]
fn with_a_path_and_a_size(_ctx: &ExecutionContext) {}

#[test]
fn a_residency_may_be_a_path_and_a_bound_a_size() {
    let options = with_a_path_and_a_size::execution_cache().options();
    assert_eq!(options.residency, Residency::Ephemeral);
    assert_eq!(options.max_bytes, 3 << 19);
}

#[test]
fn version_0_is_a_version() {
    let options = with_options::execution_cache().options();
    assert_eq!(options.store(), "names#v0");
    assert_eq!(&*options.collection_name, "elsewhere");
    assert_eq!(options.ttl, Some(Duration::from_secs(36 * 3600)));
    assert_eq!((options.max_size, options.max_bytes), (5, 1 << 20));
    let ctx = in_memory();
    with_options(&ctx);
    with_options(&ctx);
    assert_eq!(with_options::counters().memory_hits, 1);
}

macro_rules! declare_with {
    ($ttl:literal, $tier:literal, $name:expr, $flag:literal) => {
        #[execution_cache(ttl = $ttl, residency = $tier, store_name = $name, user_scoped = $flag)]
        fn declared(_ctx: &ExecutionContext) {}
    };
}

declare_with!("1d12h", "transient", "a name", true);

#[test]
fn options_may_come_from_the_arguments_of_a_macro() {
    let options = declared::execution_cache().options();
    assert_eq!(options.ttl, Some(Duration::from_secs(36 * 3600)));
    assert_eq!(options.residency, Residency::Transient);
    assert_eq!(options.store(), "a name");
    assert!(options.user_scoped);
}

#[execution_cache(
    residency = "transient",
    link_to_dataset = false,
    operator_scoped,
    prompt_scoped = true,
    user_scoped,
    jwt_scoped,
    verify_every = 100
)]
fn with_flags(_ctx: &ExecutionContext) -> u8 {
    1
}

#[test]
fn flags_are_what_they_say() {
    let options = with_flags::execution_cache().options();
    assert_eq!(options.residency, Residency::Transient);
    assert!(
        options.operator_scoped
            && options.prompt_scoped
            && options.user_scoped
            && options.jwt_scoped
    );
    assert!(!options.link_to_dataset);
    assert_eq!(options.verify_every, 100);
    assert_eq!(with_flags(&in_memory()), 1);
}

#[execution_cache]
fn find(_ctx: &ExecutionContext, n: u32) -> Option<u32> {
    n.checked_sub(10)
}

#[execution_cache(cache_none = false)]
fn find_again(_ctx: &ExecutionContext, n: u32) -> Option<u32> {
    n.checked_sub(10)
}

#[test]
fn none_is_kept_unless_told_otherwise() {
    let ctx = in_memory();
    for _ in 0..2 {
        assert_eq!((find(&ctx, 1), find(&ctx, 11)), (None, Some(1)));
        assert_eq!((find_again(&ctx, 1), find_again(&ctx, 11)), (None, Some(1)));
    }
    assert_eq!(find::counters().computations, 2);
    assert_eq!(find_again::counters().computations, 3);
    assert!(find_again::set_cache(&ctx, 1, 5).expect("kept"));
    assert_eq!(find_again(&ctx, 1), Some(5));
}

#[execution_cache]
fn parse(_ctx: &ExecutionContext, text: &str) -> Result<i32, std::num::ParseIntError> {
    let number: i32 = text.parse()?;
    Ok(number)
}

#[execution_cache(cache_err)]
fn parse_and_keep(_ctx: &ExecutionContext, text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| "no number".to_owned())
}

#[test]
fn an_err_is_not_kept_unless_told_otherwise() {
    let ctx = in_memory();
    for _ in 0..2 {
        assert!(parse(&ctx, "x").is_err());
        assert_eq!(parse(&ctx, "1"), Ok(1));
        assert_eq!(parse_and_keep(&ctx, "x"), Err("no number".to_owned()));
    }
    assert_eq!(parse::counters().computations, 3);
    assert_eq!(parse_and_keep::counters().computations, 1);
    assert!(parse::set_cache(&ctx, "x", 7).expect("kept"));
    assert_eq!(parse(&ctx, "x"), Ok(7));
}

/// A program's own context.
struct Session {
    execution: ExecutionContext,
}

impl CacheContext for Session {
    fn execution_context(&self) -> &ExecutionContext {
        &self.execution
    }
}

struct Model {
    name: String,
    calls: Mutex<u32>,
}

impl Model {
    #[execution_cache(self_key = self.name, ttl = 60, store_name = "processor_cache")]
    fn run(&self, session: &Session, path: &str) -> String {
        let _ = session;
        *self.calls.lock().expect("no panic") += 1;
        format!("{} of {path}", self.name)
    }

    #[execution_cache(self_key = none)]
    pub(crate) fn twice(ctx: &impl CacheContext, n: u32) -> u32 {
        let _ = ctx;
        n * 2
    }
}

struct Other;

impl Other {
    #[execution_cache(self_key = none)]
    fn twice(&self, _ctx: &ExecutionContext, n: u32) -> u32 {
        n * 200
    }
}

#[test]
fn methods_are_told_apart_by_their_self_key_and_type() {
    let session = Session {
        execution: in_memory(),
    };
    let model = |name: &str| Model {
        name: name.to_owned(),
        calls: Mutex::default(),
    };
    let (one, two) = (model("one"), model("two"));
    assert_eq!(one.run(&session, "a"), "one of a");
    assert_eq!(two.run(&session, "a"), "two of a");
    assert_eq!(model("one").run(&session, "a"), "one of a");
    assert_eq!(*one.calls.lock().expect("no panic"), 1);
    assert_eq!(one.run_uncached(&session, "a"), "one of a");
    assert!(
        one.run_set_cache(&session, "a", "set".to_owned())
            .expect("kept")
    );
    assert_eq!(one.run(&session, "a"), "set");
    assert_eq!(
        one.run_clear_cache(&session, "a").expect("cleared").entries,
        1
    );
    let cleared = Model::run_clear_all_caches(&session, Datasets::All);
    assert_eq!(cleared.expect("cleared").entries, 1);
    assert_eq!(Model::run_counters().memory_hits, 2);

    let ctx = &session.execution;
    assert_eq!((Model::twice(ctx, 2), Other.twice(ctx, 2)), (4, 400));
    let options = Model::twice_execution_cache().options();
    assert_eq!(options.store(), "execution_cache::attribute::Model::twice");
}

struct Reader<T>(T);

impl<T: std::str::FromStr + Default + Copy> Reader<T> {
    #[execution_cache(self_key = none)]
    fn read(ctx: &ExecutionContext, text: &str) -> String {
        let _ = (ctx, Reader(T::default()).0);
        format!("{}: {text}", std::any::type_name::<T>())
    }
}

#[execution_cache]
fn read<T: std::str::FromStr + Debug, const N: usize>(_ctx: &ExecutionContext, text: &str) -> String
where
    T::Err: Debug,
{
    format!("{:?} {N}", text.parse::<T>().expect("a number"))
}

#[test]
fn type_parameters_are_part_of_the_key() {
    let ctx = in_memory();
    assert_eq!(read::<u8, 1>(&ctx, "1"), "1 1");
    assert_eq!(read::<f64, 1>(&ctx, "1"), "1.0 1");
    assert_eq!(read::<u8, 2>(&ctx, "1"), "1 2");
    assert_eq!(read::uncached::<u8, 3>(&ctx, "1"), "1 3");
    assert_eq!(Reader::<u8>::read(&ctx, "1"), "u8: 1");
    assert_eq!(Reader::<i8>::read(&ctx, "1"), "i8: 1");
}

#[execution_cache]
fn extension(_ctx: &ExecutionContext, path: impl AsRef<Path>, tags: &[&str]) -> Option<String> {
    let extension = path.as_ref().extension()?.to_str()?;
    Some(format!("{extension}{}", tags.concat()))
}

#[test]
fn borrowed_and_as_ref_arguments() {
    let ctx = in_memory();
    assert_eq!(extension(&ctx, "a.png", &["x"]).as_deref(), Some("pngx"));
    assert_eq!(
        extension(&ctx, Path::new("a.png"), &["x"]).as_deref(),
        Some("pngx")
    );
    assert_eq!(extension::counters().computations, 1);
}

#[execution_cache]
fn with_bounds(
    _ctx: &ExecutionContext,
    one: impl Serialize + Debug,
    other: &(impl Serialize + Debug),
) -> String {
    format!("{one:?} {other:?}")
}

#[execution_cache]
async fn with_bounds_async(
    _ctx: &ExecutionContext,
    one: impl Serialize + Debug + Send + Sync,
) -> String {
    format!("{one:?}")
}

#[test]
fn arguments_of_unnamed_types_with_several_bounds() {
    let ctx = in_memory();
    for _ in 0..2 {
        assert_eq!(with_bounds(&ctx, 1_u8, &"1"), "1 \"1\"");
        assert_eq!(with_bounds(&ctx, "1", &1_u8), "\"1\" 1");
        assert_eq!(block_on(with_bounds_async(&ctx, "1")), "\"1\"");
    }
    assert_eq!(with_bounds::counters().computations, 2);
}

#[execution_cache]
async fn load(_ctx: &ExecutionContext, name: String) -> String {
    std::future::ready(name).await
}

#[execution_cache]
async fn try_load(_ctx: &ExecutionContext, ok: bool) -> Result<u8, String> {
    if ok { Ok(1) } else { Err("no".to_owned()) }
}

#[execution_cache(cache_none = false)]
async fn load_some(_ctx: &ExecutionContext, some: bool) -> Option<u8> {
    some.then_some(1)
}

#[test]
fn async_functions_are_cached_and_can_be_sent() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    let ctx = in_memory();
    block_on(async {
        for _ in 0..2 {
            assert_eq!(is_send(load(&ctx, "a".to_owned())).await, "a");
            assert_eq!(is_send(try_load(&ctx, true)).await, Ok(1));
            assert_eq!(try_load(&ctx, false).await, Err("no".to_owned()));
            assert_eq!(is_send(load_some(&ctx, false)).await, None);
        }
        assert_eq!(load::uncached(&ctx, "a".to_owned()).await, "a");
    });
    assert_eq!(load::counters().computations, 1);
    assert_eq!(try_load::counters().computations, 3);
    assert_eq!(load_some::counters().computations, 2);
    block_on(async {
        let name = || "a".to_owned();
        let set = is_send(load::set_cache(&ctx, name(), "b".to_owned()));
        assert!(set.await.expect("kept"));
        assert_eq!(load(&ctx, name()).await, "b");
        let got = is_send(load::get(&ctx, name())).await;
        assert_eq!(got.as_deref(), Some("b"));
        assert!(is_send(load::contains(&ctx, name())).await);
        let cleared = is_send(load::clear_cache(&ctx, name())).await;
        assert_eq!(cleared.expect("no trouble").entries, 1);
        let all = is_send(load::clear_all_caches(&ctx, "6b03de1228195dbc2df5c505"));
        assert_eq!(all.await.expect("no trouble").entries, 0);
    });
}

#[derive(Clone, Debug, PartialEq)]
struct Point(f64, f64);

fn to_pair(point: &Point) -> (f64, f64) {
    (point.0, point.1)
}

#[execution_cache(serialize = to_pair, deserialize = |(x, y)| Point(x, y), residency = "transient")]
fn origin(_ctx: &ExecutionContext) -> Point {
    Point(0.0, 0.5)
}

#[execution_cache(key_fn = |_, point: &Point| (point.0, "x"))]
fn of_point(_ctx: &ExecutionContext, point: Point) -> f64 {
    point.0 + point.1
}

#[test]
fn ones_own_stored_form_and_key() {
    let ctx = in_memory();
    assert_eq!(
        (origin(&ctx), origin(&ctx)),
        (Point(0.0, 0.5), Point(0.0, 0.5))
    );
    assert_eq!(origin::counters().store_hits, 1);
    assert_eq!(
        (
            of_point(&ctx, Point(1.0, 1.0)),
            of_point(&ctx, Point(1.0, 2.0))
        ),
        (2.0, 2.0)
    );
    let entries = entries(&**ctx.cache.backend().expect("a backend"));
    let arguments: Vec<_> = entries
        .iter()
        .filter_map(|entry| entry.args.as_deref())
        .collect();
    assert_eq!(arguments, ["[]", r#"[1.0, "x"]"#]);
}

#[test]
fn a_function_within_a_function() {
    #[execution_cache]
    fn inner(_ctx: &ExecutionContext, n: u8) -> Local {
        Local(n)
    }

    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Local(u8);

    let ctx = in_memory();
    assert_eq!(inner(&ctx, 1), inner(&ctx, 1));
    assert_eq!(inner::counters().memory_hits, 1);
}

/// A pattern has no name, and the one that it gets is no other parameter's.
#[execution_cache]
fn with_a_pattern(_ctx: &ExecutionContext, argument_2: u8, (one, two): (u8, u8)) -> u8 {
    argument_2 + one + two
}

#[derive(Clone)]
struct Counter(u8);

impl Counter {
    #[execution_cache(self_key = self.0)]
    #[deny(unused_mut)]
    fn counted(mut self, _ctx: &ExecutionContext, mut by: u8) -> u8 {
        by += 1;
        self.0 += by;
        self.0
    }
}

#[execution_cache]
#[deny(unfulfilled_lint_expectations)]
#[expect(unused_variables, reason = "it is expected of the body")]
fn with_an_expectation(_ctx: &ExecutionContext, unused: u8) -> u8 {
    1
}

#[test]
fn patterns_a_self_that_changes_and_expected_lints() {
    let ctx = in_memory();
    for _ in 0..2 {
        assert_eq!(with_a_pattern(&ctx, 1, (2, 3)), 6);
        assert_eq!(Counter(1).counted(&ctx, 1), 3);
        assert_eq!(with_an_expectation(&ctx, 1), 1);
    }
    assert_eq!(with_a_pattern::counters().computations, 1);
    assert_eq!(Counter::counted_counters().computations, 1);
}
