//! The decorator: calls, tiers, single flight, trouble, and the attribute.
//!
//! FiftyOne's defects (FIFTYONE.md), and the tests which show that ecache does not have them:
//!
//! | | FiftyOne's fault | test |
//! |---|---|---|
//! | 1 | memory forgets the dataset | `defects::defect_01_memory_tells_datasets_apart` |
//! | 2 | keyword arguments are not in the key | `defects::defect_02_every_argument_is_in_the_key` |
//! | 3 | functions with one store name share entries; scope and argument are mixed up | `defects::defect_03_functions_of_one_store_and_scopes_like_arguments_are_apart` |
//! | 4 | a TTL is not enforced | `defects::defect_04_a_ttl_ends_when_it_says` |
//! | 5 | overwriting renews neither expiry nor policy | `defects::defect_05_overwriting_renews_expiry_and_policy` |
//! | 6 | a cached `None` is a miss | `defects::defect_06_a_cached_none_is_a_hit` |
//! | 7 | a dict with its own `_cls` raises on every hit | `defects::defect_07_a_dict_with_its_own_cls_is_a_hit` |
//! | 8 | a result that cannot be stored is lost | `codecs::defect_08_a_result_that_cannot_be_stored_is_returned` |
//! | 9 | hit and miss differ in type | `values::defect_09_a_hit_has_the_type_of_the_miss`, and a property test beside it |
//! | 10 | members of a set are hashed in random order | `values::defect_10_a_set_is_one_key_in_every_process` |
//! | 11 | a caller that mutates a result poisons the cache | `values::defect_11_a_caller_that_changes_its_result_changes_no_other` |
//! | 12 | `clear_all_caches` leaves memory alone, here and elsewhere | `defects::defect_12_clearing_reaches_memory_here_and_elsewhere_and_counts` |
//! | 13 | clearing by user, operator, prompt is impossible | `defects::defect_13_one_users_results_can_be_cleared` |
//! | 14 | eight threads compute eight times; async fails | `defects::defect_14_eight_threads_compute_once_and_async_functions_are_cached` |
//! | 15 | switched off, `clear_cache` does nothing | `defects::defect_15_switched_off_clearing_still_clears` |
//! | 16 | prompt- and JWT-scoped entries stay for ever | `defects::defect_16_results_of_prompts_and_tokens_can_be_found_and_go` |
//! | 17 | `max_size=0` means 1024, `version=0` is ignored | `defects::defect_17_zero_is_a_size_and_a_version` |
//!
//! Earlier faults of the decorator itself; `distinct` has those in the identity of calls:
//!
//! | case | before | now | test |
//! |---|---|---|---|
//! | `Some(None)`, `Some(())`, options in options | memory and store differed | one value | `values::an_optional_record_is_one_value_everywhere` |
//! | a result with a skipped field, or a `_cls` that FiftyOne reads | the same | kept in neither tier, with the place | `values::results_with_parts_skipped_by_serde_are_kept_nowhere_and_the_warning_names_the_place`, `a_result_that_reads_as_another_value_is_kept_nowhere` |
//! | `type ApiResult<T> = Result<T, E>` | errors kept for ever | returned only | `results::the_err_of_a_result_by_another_name_is_not_kept` |
//! | a program's own `enum Result` | failed | kept as it is | `results::an_enum_that_is_called_result_is_kept_as_it_is` |
//! | `Result<Option<T>, E>` with `cache_none = false` | did not compile | `None` is not kept | `results::the_none_of_a_result_is_not_kept_where_that_is_asked_for` |
//! | a `serialize`, `deserialize` or `key_fn` that fails or panics | the call failed | a miss that computes | `codecs`, `panics`, `panics_of_options` |
//! | a stored text that cannot be decoded | each call panicked | computed anew | `trouble::a_stored_value_of_another_type_is_computed_anew` |
//! | `verify_every` with a function that fails | its error | the good hit | `results::a_verification_that_fails_returns_the_good_hit` |
//! | two functions of one `store_name` and equal arguments | one row | both are kept | `identity::results_of_functions_that_share_a_store_are_all_kept` |
//! | 100 MB of numbers | JSON of several times their size | bytes | `arrays::a_hundred_megabytes_take_little_more_on_disk_and_few_copies_in_memory` |
//! | large results in memory | bounded by number alone | and by `max_bytes` | `memory::the_bytes_are_bounded_as_well_as_the_number` |
//! | results of a dropped `Cache`, expired results | stayed in memory | freed | `memory::results_of_a_cache_that_is_dropped_are_freed`, `expired_results_are_freed_without_a_further_call` |
//! | expired entries | stayed in the store | removed, a few with each write | `expired` |
//! | an `async fn` whose store is locked, slow or large | blocked its executor | runs on workers | `executor` |
//! | calls that wait for another process | a thread for each key | no thread for a key | `executor::waiting_for_another_process_takes_no_thread_per_key_and_blocks_no_executor` |
//! | a function without a context | did not compile | the process's cache, or a `static` | `without_context` |
//! | `get`, `contains`, `refresh`, `with_status` | missing | companions | `results::companions_look_renew_and_tell` |
//! | a use that does not fit | several errors, or one at the attribute | one, at the word or type | `refused` of `ecache-macros` |

mod administration;
mod arrays;
mod attribute;
mod codecs;
mod coherence;
#[path = "../common/mod.rs"]
mod common;
mod counters;
mod deep;
mod defects;
mod distinct;
mod distinct_arguments;
mod executor;
mod expired;
mod hidden;
mod hidden_by_serde;
mod hidden_elsewhere;
mod identity;
mod limits;
mod lost;
mod memory;
mod outdated;
mod panics;
mod panics_of_options;
mod processes;
mod refresh;
mod results;
mod sets;
mod single_flight;
mod tiers;
mod trouble;
mod values;
mod values_shown;
mod vectors;
mod without_context;

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use ecache_core::backend::{Backend, Row, Scan};
use ecache_core::entry::Entry;
use ecache_core::execution_cache::{
    Cache, ExecutionCache, ExecutionContext, Options, Residency, StoredForm,
};
use ecache_core::filter::Filter;
use ecache_core::key::Preimage;
use ecache_core::stored::StoredError;
use ecache_core::time::ManualClock;
use serde::Serialize;
use serde::de::DeserializeOwned;

use common::NOW;

/// Returns the defaults for a function, modified by `change`.
fn options(function: &'static str, change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::new(function);
    change(&mut options);
    options
}

/// A cached function whose computations are counted.
struct Function {
    cache: ExecutionCache,
    computed: AtomicU64,
}

impl Function {
    fn new(options: Options) -> Self {
        Self {
            cache: ExecutionCache::new(options),
            computed: AtomicU64::new(0),
        }
    }

    fn of(residency: Residency) -> Self {
        Self::new(options("tests::function", |options| {
            options.residency = residency;
        }))
    }

    /// Calls it with one argument; `value` is the result of a computation.
    fn call<T>(&self, ctx: &ExecutionContext, argument: &str, value: T) -> T
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        self.cache.call(ctx, &StoredForm, one(argument), || {
            self.computed.fetch_add(1, Ordering::SeqCst);
            value
        })
    }

    fn computed(&self) -> u64 {
        self.computed.load(Ordering::SeqCst)
    }
}

/// Returns the arguments of a call with one argument.
fn one<T: Serialize + ?Sized>(argument: &T) -> Result<Preimage, StoredError> {
    Preimage::of_arguments(|arguments| arguments.push(argument))
}

fn context(cache: Cache) -> ExecutionContext {
    ExecutionContext::new(Arc::new(cache))
}

fn in_memory() -> ExecutionContext {
    context(Cache::in_memory())
}

/// Returns a context whose clock stands at [`NOW`] and is moved by hand.
fn with_clock(cache: Cache) -> (ExecutionContext, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(NOW));
    (context(cache.with_clock(clock.clone())), clock)
}

/// Returns the entries of the store, oldest first.
fn entries(backend: &dyn Backend) -> Vec<Entry> {
    let rows = backend.scan(&Scan::new(Filter::default()), NOW);
    rows.expect("a scan")
        .map(|row| match row.expect("a row") {
            Row::Entry(entry, _) => *entry,
            Row::Damaged(address) => panic!("{address} is damaged"),
            Row::Foreign(foreign) => panic!("{foreign:?}"),
        })
        .collect()
}

/// Returns the keys of the entries in the context's store.
fn keys(ctx: &ExecutionContext) -> Vec<String> {
    let backend = ctx.cache.backend().expect("a backend");
    let entries = entries(&**backend).into_iter();
    entries.map(|entry| entry.address.key.to_string()).collect()
}

/// A key that FiftyOne made of a call.
#[derive(serde::Deserialize)]
struct Vector {
    args: String,
    scopes: VectorScopes,
    skip: bool,
    key: String,
}

/// The value of each scope: `None` if it is off, an empty text if the context has no value.
#[derive(serde::Deserialize)]
struct VectorScopes {
    operator_uri: Option<String>,
    prompt_id: Option<String>,
    user_request_token: Option<String>,
    user_id: Option<String>,
}

impl VectorScopes {
    /// Returns the context, and the scopes that the function has: operator, prompt, token, user.
    fn context(&self) -> (ExecutionContext, [bool; 4]) {
        let mut ctx = in_memory();
        let scopes = [
            (&mut ctx.operator_uri, &self.operator_uri),
            (&mut ctx.prompt_id, &self.prompt_id),
            (&mut ctx.user_request_token, &self.user_request_token),
            (&mut ctx.user_id, &self.user_id),
        ];
        let is_scoped = scopes.map(|(target, value)| {
            *target = value.as_deref().map(Arc::from);
            value.is_some()
        });
        (ctx, is_scoped)
    }
}

#[test]
#[ignore = "run as another process by the tests that need one"]
fn worker_process() {
    let (job, path) = common::job();
    processes::work(&job, &path);
}

/// Returns a context with a cache in a file, which checks for changes by others at every hit.
fn coherent(path: &Path) -> ExecutionContext {
    context(Cache::at(path).with_coherence(Duration::ZERO))
}

/// Collects the warnings of each thread.
struct Warnings;

thread_local! {
    static WARNINGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            WARNINGS.with_borrow_mut(|warnings| warnings.push(record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Returns the warnings that `run` logs on this thread.
fn warnings_of(run: impl FnOnce()) -> Vec<String> {
    static LOGGER: Once = Once::new();
    LOGGER.call_once(|| {
        log::set_logger(&Warnings).expect("no other logger is set");
        log::set_max_level(log::LevelFilter::Warn);
    });
    WARNINGS.take();
    run();
    WARNINGS.take()
}
