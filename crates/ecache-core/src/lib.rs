//! Execution caches for Rust: one attribute keeps the results of an expensive function in memory and in one
//! SQLite file, so that they outlive the process and are shared among threads, tasks and processes.
//!
#![cfg_attr(feature = "macros", doc = "```standalone_crate")]
#![cfg_attr(not(feature = "macros"), doc = "```ignore")]
//! use std::sync::LazyLock;
//! use ecache_core::{Cache, execution_cache};
//!
//! static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::at("cache.db"));
//!
//! #[execution_cache(cache = CACHE, ttl = "1h")]
//! fn count_words(text: &str) -> usize {
//!     text.split_whitespace().count()
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! assert_eq!(count_words("to be or not to be"), 6);
//! assert_eq!(count_words("to be or not to be"), 6);
//! assert_eq!(count_words::counters().computations, 1);
//!
//! count_words::clear_cache("to be or not to be")?;
//! # Ok(())
//! # }
//! ```
//!
//! Without `cache = …` a function uses the default of the process ([`set_default`]), and without that the store
//! that the command line uses, so that `ecache ls` shows what it cached.
//!
//! # On behalf of a dataset, a user, an operator
//!
//! A function whose first argument is an [`ExecutionContext`] gets its cache from there, and its results belong to
//! a dataset, a user, an operator or an operator prompt. Keys, values and options are those of FiftyOne's
//! `execution_cache`.
//!
#![cfg_attr(feature = "macros", doc = "```")]
#![cfg_attr(not(feature = "macros"), doc = "```ignore")]
//! use ecache_core::{Cache, ExecutionContext, execution_cache};
//!
//! #[execution_cache(ttl = "1h", user_scoped)]
//! fn expensive_query(ctx: &ExecutionContext, path: &str) -> Vec<String> {
//!     path.split('.').map(str::to_owned).collect()
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("store.db");
//! let ctx = ExecutionContext::new(Cache::at(path))
//!     .with_dataset("6b03de1228195dbc2df5c505")
//!     .with_user("ann");
//!
//! let computed = expensive_query(&ctx, "ground_truth.label");
//! let cached = expensive_query(&ctx, "ground_truth.label");
//! assert_eq!(computed, cached);
//! assert_eq!(expensive_query::counters().computations, 1);
//!
//! let cleared = expensive_query::clear_cache(&ctx, "ground_truth.label")?;
//! assert_eq!(cleared.entries, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What to expect
//!
//! - **A result is found** in memory, then in the store, where it outlives the process. An entry that any process
//!   removes is gone from memory within a tenth of a second.
//! - **Everything that a result depends on is in its identity**: every argument, the type parameters, the function.
//!   An argument that cannot be part of a key is a compile error, or its call is not cached.
//! - **One computation at a time** for each call, among threads, tasks and processes; a killed one holds up nobody.
//! - **Never worse than no cache**: whatever is wrong with the store, the function is computed and its result
//!   returned; the trouble is counted and logged.
//! - **To be administered**: the `ecache` command lists, explains and clears what functions cached, by store, dataset,
//!   user, operator, prompt, argument, age or size.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | the attribute, its options and companions | [`execution_cache`](macro@execution_cache) |
//! | the cache that calls share, contexts, the attribute's work by hand | [`execution_cache`](mod@execution_cache) |
//! | keys and values of one's own, without a function | [`execution_store`] |
//! | what is a key, and what is stored | [`key`], [`value`], [`stored`] |
//! | which entries are meant | [`filter`], [`scope`], [`entry`] |
//! | where entries are kept | [`backend`], [`location`] |
//! | files of `mongoexport` and `mongodump` | [`interchange`] |
//! | what becomes of entries while one looks on | [`watch`] |
//! | moving entries from one place to another | [`transfer`] |

pub mod backend;
#[doc(hidden)]
pub mod command;
#[doc(hidden)]
pub mod doctor;
pub mod entry;
pub mod error;
pub mod execution_cache;
pub mod execution_store;
#[doc(hidden)]
pub mod explain;
pub mod filter;
pub mod glob;
pub mod interchange;
pub mod key;
#[doc(hidden)]
pub mod limits;
pub mod location;
mod panics;
pub mod python_json;
pub mod scope;
#[doc(hidden)]
pub mod secrets;
#[doc(hidden)]
pub mod sidecar;
pub mod single_flight;
pub mod stored;
#[doc(hidden)]
pub mod streams;
pub mod time;
pub mod transfer;
pub mod units;
pub mod value;
pub mod watch;

#[doc(hidden)]
pub use execution_cache::macro_support as __macro;
pub use execution_cache::{
    Cache, CacheContext, Codec, CodecError, Counters, Datasets, ExecutionContext, Status, Trouble,
    default_context, set_default,
};

/// Caches a function's results.
///
/// ```
/// use std::sync::LazyLock;
/// use ecache_core::{Cache, execution_cache};
///
/// static CACHE: LazyLock<Cache> = LazyLock::new(Cache::in_memory);
///
/// #[execution_cache(cache = CACHE, ttl = "10m", stale_if_error = "1d")]
/// fn temperature(city: &str) -> Result<f64, String> {
///     Ok(city.len() as f64)
/// }
///
/// assert_eq!(temperature("Porto"), Ok(5.0));
/// assert_eq!(temperature::get("Porto"), Some(Ok(5.0)));
/// assert_eq!(temperature::get("Rome"), None);
/// ```
///
/// The arguments make the key, in their [stored form](mod@stored). Results must be `Clone + Send + Sync + 'static` and
/// have serde's traits. The `Err` of a `Result` is returned and not kept.
///
/// With a first argument that is a context, by shared reference, the attribute is FiftyOne's decorator of the same
/// name: an [`ExecutionContext`], or whatever implements [`CacheContext`]. It brings the cache and is not part of the
/// key, beyond the scopes that the options name.
///
/// ```
/// use ecache_core::{ExecutionContext, execution_cache};
///
/// #[execution_cache]
/// fn expensive_query(ctx: &ExecutionContext, path: &str) -> u64 {
///     path.len() as u64
/// }
/// # let ctx = ExecutionContext::new(ecache_core::Cache::in_memory());
/// # assert_eq!(expensive_query(&ctx, "label"), 5);
/// ```
///
/// # Options
///
/// | option | default | |
/// |---|---|---|
/// | `residency` | `"hybrid"` | where results are kept: `"transient"` in the store, `"ephemeral"` in memory, `"hybrid"` in both |
/// | `ttl` | none | how long they are good: seconds, a [duration](units::parse_duration) such as `"90s"`, `"1d12h"`, `"10 minutes"`, or an expression: a `Duration` or a `u64` of seconds |
/// | `max_size` | 1024 | how many are kept in memory; 0 is none |
/// | `max_bytes` | 256 MiB | how large their stored forms may be together; one above a quarter of it is not kept in memory |
/// | `link_to_dataset` | `true` | whether they belong to the context's dataset |
/// | `key_fn` | | makes the key of the context, if there is one, and references to the arguments; a tuple or list is several arguments |
/// | `store_name` | module and function | the execution store: a text or an expression |
/// | `version` | none | a number, a text or an expression such as `env!("CARGO_PKG_VERSION")`; another version does not see the results of this one |
/// | `operator_scoped`, `prompt_scoped` | `false` | whether the operator, the prompt is part of the key |
/// | `user_scoped`, `jwt_scoped` | `false` | whether the user, the request token is; without one a call is not cached |
/// | `collection_name` | `"execution_store"` | the collection |
/// | `serialize`, `deserialize` | serde | functions from `&result` to what is stored, and back |
///
/// and, beyond FiftyOne's:
///
/// | option | default | |
/// |---|---|---|
/// | `cache` | the context's | for a function without a context: a `static` that holds a [`Cache`], as `LazyLock<Cache>` or `LazyLock<Arc<Cache>>`, or `default` for the [default](set_default) of the process |
/// | `codec` | serde | a [`Codec`] in the place of `serialize` and `deserialize`, as [`Compact`](execution_cache::Compact) |
/// | `self_key` | required | for a method: what of `self` its results depend on, or `none`; an associated function says `none` |
/// | `cache_err` | `false` | whether the `Err` of a `Result` is kept as well, which needs serde's traits then; a duration keeps it for that long |
/// | `cache_none` | `true` | whether the `None` of an `Option`, or of a `Result<Option<…>, …>`, is kept |
/// | `ttl_fn` | | makes the lifetime of each result of a reference to it: a `Duration`, or `None` for that of `ttl` |
/// | `verify_every` | 0 | of so many hits one is computed again and compared |
/// | `stale` | none | how much longer than its `ttl` a result is served, while it is computed anew in the background |
/// | `stale_if_error` | none | how much longer than its `ttl` a result is served when computing it anew comes to an `Err` |
/// | `spawn` | a thread | for an `async fn` with `stale`: what runs a refresh, as `tokio::spawn` |
/// | `crate` | `::ecache_core` | the path of this library |
///
/// A flag alone is `true`. Expressions are evaluated once, at the first call.
///
/// Results of an operator's prompt, gone with the process:
///
/// ```
/// # use ecache_core::execution_cache;
/// # use ecache_core::execution_cache::ExecutionContext;
/// #[execution_cache(prompt_scoped, residency = "ephemeral")]
/// fn options_of_prompt(ctx: &ExecutionContext, path: &str) -> Vec<String> {
///     vec![path.to_owned()]
/// }
/// # let ctx = ExecutionContext::new(std::sync::Arc::new(execution_cache::Cache::in_memory()));
/// # options_of_prompt(&ctx.clone().with_prompt("1"), "label");
/// # options_of_prompt(&ctx.with_prompt("2"), "label");
/// # assert_eq!(options_of_prompt::counters().computations, 2);
/// ```
///
/// A method, for a minute, in a store of that name:
///
/// ```
/// # use ecache_core::execution_cache;
/// # use ecache_core::execution_cache::ExecutionContext;
/// struct Processor {
///     model: String,
/// }
///
/// impl Processor {
///     #[execution_cache(ttl = 60, store_name = "processor_cache", self_key = self.model)]
///     fn expensive_operation(&self, ctx: &ExecutionContext, path: &str) -> String {
///         format!("{} of {path}", self.model)
///     }
/// }
/// # let ctx = ExecutionContext::new(std::sync::Arc::new(execution_cache::Cache::in_memory()));
/// # for model in ["a", "b"] {
/// #     let processor = Processor { model: model.to_owned() };
/// #     assert_eq!(processor.expensive_operation(&ctx, "x"), format!("{model} of x"));
/// # }
/// ```
///
/// A key of one's own, for each user's request token:
///
/// ```
/// # use ecache_core::execution_cache;
/// # use ecache_core::execution_cache::ExecutionContext;
/// fn custom_key(ctx: &ExecutionContext, path: &str) -> (String, &'static str) {
///     (path.to_lowercase(), "monday")
/// }
///
/// #[execution_cache(ttl = 90, key_fn = custom_key, jwt_scoped)]
/// fn user_specific_query(ctx: &ExecutionContext, path: &str) -> usize {
///     path.len()
/// }
/// # let ctx = ExecutionContext::new(std::sync::Arc::new(execution_cache::Cache::in_memory()));
/// # let ctx = ctx.with_user_request_token("secret");
/// # assert_eq!(user_specific_query(&ctx, "a"), user_specific_query(&ctx, "A"));
/// # assert_eq!(user_specific_query::counters().computations, 1);
/// ```
///
/// Served for a day after its hour is over, while it is computed anew in the background, once, however many ask; the entry
/// expires when both are over:
///
/// ```
/// # use ecache_core::execution_cache;
/// # use ecache_core::execution_cache::ExecutionContext;
/// #[execution_cache(ttl = "1h", stale = "1d")]
/// fn report(ctx: &ExecutionContext, month: &str) -> String {
///     format!("the report of {month}")
/// }
/// # let ctx = ExecutionContext::new(std::sync::Arc::new(execution_cache::Cache::in_memory()));
/// # assert_eq!(report(&ctx, "May"), "the report of May");
/// ```
///
/// What the function borrows is cloned for the refresh (`ToOwned`), and all that it is given must be `Send + 'static`;
/// a method's `self` must be `Clone`. An `async fn` is refreshed by a thread that polls it; one that needs its runtime
/// names it: `spawn = tokio::spawn`.
///
/// # Companions
///
/// ```
/// # use ecache_core::execution_cache;
/// # use ecache_core::execution_cache::ExecutionContext;
/// use ecache_core::execution_cache::Datasets;
///
/// # #[execution_cache]
/// # fn expensive_query(ctx: &ExecutionContext, path: &str) -> u64 {
/// #     path.len() as u64
/// # }
/// # fn main() -> ecache_core::error::Result<()> {
/// # let ctx = ExecutionContext::new(std::sync::Arc::new(execution_cache::Cache::in_memory()));
/// // Computes, whatever is cached.
/// let result = expensive_query::uncached(&ctx, "label");
/// // Looks without computing.
/// assert_eq!(expensive_query::get(&ctx, "label"), None);
/// assert!(!expensive_query::contains(&ctx, "label"));
/// // Keeps a result without computing it.
/// expensive_query::set_cache(&ctx, "label", result + 1)?;
/// assert_eq!(expensive_query(&ctx, "label"), result + 1);
/// // Computes anew and keeps the result.
/// assert_eq!(expensive_query::refresh(&ctx, "label"), result);
/// // Calls, and tells whether the result was cached, and how old it is.
/// let (_, status) = expensive_query::with_status(&ctx, "label");
/// assert!(status.is_hit && status.age.is_some());
/// // Forgets one call, or all of a dataset, of none, or of all of them.
/// assert_eq!(expensive_query::clear_cache(&ctx, "label")?.entries, 1);
/// expensive_query::clear_all_caches(&ctx, "6b03de1228195dbc2df5c505")?;
/// expensive_query::clear_all_caches(&ctx, Datasets::Unlinked)?;
/// expensive_query::clear_all_caches(&ctx, Datasets::All)?;
/// // Hits, misses, computations and time saved, in this process; `ecache stats --calls` has those of all.
/// println!("{:?}", expensive_query::counters());
/// # Ok(())
/// # }
/// ```
///
/// They belong to an empty type of the function's name. Those of a method stand beside it under its name and theirs:
/// `expensive_operation_uncached`, `expensive_operation_clear_cache` and so on. `execution_cache` is the cache itself.
///
/// # What is kept, and for how long
///
/// A result is stored as JSON that people and FiftyOne read, a `Vec<u8>` as bytes, and a `Vec` of 1024 numbers or more
/// as bytes that NumPy reads; `codec = Compact` is a binary form for all else. A result that does
/// not come back from the store as it was, as with `#[serde(skip)]`, is kept in neither tier, and a
/// warning says why. For that, results up to 16 KiB are read again whenever they are stored, larger
/// ones the first sixteen times and then one of 32. What is skipped is found where the type has an
/// `==`.
///
/// Results leave memory when they expire, when `max_size` or `max_bytes` is reached, and with their
/// [`Cache`]. From the store, a function removes up to 32 of its expired results once a minute,
/// with one that it keeps; [`Cache::prune`](execution_cache::Cache::prune) removes those of all
/// functions. A store that must not exceed a size is bounded from outside, as by a cron job with
/// `ecache prune --max-size 1GiB`.
///
/// An `async fn` blocks no executor: a few threads of the cache's own read and write the store, encode and decode. A
/// store that another process keeps locked is waited for two seconds once, and then left alone for
/// ten.
///
/// # What can be cached
///
/// Free functions and methods, also `async` (on any runtime) and generic ones, whose type parameters are part of the
/// key. Not methods in the `impl` of a trait: cache an inherent one, and call that. An argument `impl AsRef<T>` counts as
/// its `T`; any other must have serde's `Serialize`, or a `key_fn` that makes something of it. Of `impl Trait` the type is
/// part of the key as well; `dyn` hides it, and `&mut` arguments would stay as they are: both are compile errors.
///
/// What the function depends on beside its arguments and the scopes is not in its key: that is what a `ttl`, a
/// `version` and `verify_every` are for. Copies of a result are made by its `Clone`; what that shares, as an `Arc`
/// does, callers share.
#[cfg(feature = "macros")]
pub use ecache_macros::execution_cache;
