//! Execution caches for Rust: an attribute caches the results of an expensive function in memory
//! and in an SQLite file, where they outlive the process and are shared among threads, tasks and
//! processes.
//!
//! # Cache a function
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
//! assert_eq!(count_words("to be or not to be"), 6); // computed
//! assert_eq!(count_words("to be or not to be"), 6); // from memory; after a restart, from the file
//! assert_eq!(count_words::counters().computations, 1);
//!
//! count_words::clear_cache("to be or not to be")?;
//! # Ok(())
//! # }
//! ```
//!
//! `cache.db` is created by the first call. Without `cache = …`, a function uses the process's
//! default cache ([`set_default`]), or else the command line's default store, so that `ecache ls`
//! shows its results.
//!
//! Arguments implement serde's `Serialize`; results are `Clone` with `Serialize` and
//! `Deserialize`. The `Err` of a `Result` is returned and not cached:
//!
#![cfg_attr(feature = "macros", doc = "```standalone_crate")]
#![cfg_attr(not(feature = "macros"), doc = "```ignore")]
//! # use ecache_core::{Cache, execution_cache, set_default};
//! # use serde::{Deserialize, Serialize};
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! struct Weather {
//!     city: String,
//!     degrees: f64,
//! }
//!
//! #[execution_cache(ttl = "10m", stale_if_error = "1d")]
//! async fn weather(city: &str, in_fahrenheit: bool) -> Result<Weather, String> {
//!     let degrees = if in_fahrenheit { 59.0 } else { 15.0 };
//!     Ok(Weather { city: city.to_owned(), degrees })
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A test uses a store of its own, which ends with the process.
//! set_default(Cache::in_memory())?;
//! # futures_executor::block_on(async {
//! let porto = weather("Porto", false).await?;
//! assert_eq!(porto.degrees, 15.0);
//!
//! // A look that computes nothing.
//! assert_eq!(weather::get("Porto", false).await, Some(Ok(porto)));
//! assert_eq!(weather::get("Porto", true).await, None);
//!
//! // A call that also says where its result is from.
//! let (_, status) = weather::with_status("Porto", false).await;
//! assert!(status.is_hit);
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! The [attribute](macro@execution_cache) describes the options (lifetimes, keys of one's own, what
//! is kept where, refreshing in the background) and the functions beside a cached one.
//!
//! # Scopes: datasets, users, operators
//!
//! A function whose first argument is an [`ExecutionContext`] gets its cache from the context, and
//! its results belong to a dataset, a user, an operator or an operator prompt. Keys, values and
//! options are those of FiftyOne's `execution_cache`.
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
//! // Bob has results of his own.
//! expensive_query(&ctx.clone().with_user("bob"), "ground_truth.label");
//! assert_eq!(expensive_query::counters().computations, 2);
//!
//! let cleared = expensive_query::clear_cache(&ctx, "ground_truth.label")?;
//! assert_eq!(cleared.entries, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What to expect
//!
//! - **Two tiers**: a result is looked up in memory, then in the store, where it outlives the
//!   process. An entry that any process removes is gone from memory within a tenth of a second.
//! - **Complete keys**: a result's key covers every argument, the type parameters and the function.
//!   An argument that cannot be part of a key is a compile error, or its call is not cached.
//! - **One computation at a time** for each call, among threads, tasks and processes. A killed
//!   process does not block its followers.
//! - **Never worse than no cache**: if the store fails, the function is computed and its result
//!   returned; the failure is counted and logged.
//! - **Administration**: the `ecache` command lists, explains and clears the entries that functions
//!   cached, by store, dataset, user, operator, prompt, argument, age or size. A program does it by
//!   [`Cache::entries`], [`Cache::usage`] and [`Cache::clear`] with a [`Filter`].
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | the attribute, its options and companions | [`execution_cache`](macro@execution_cache) |
//! | the shared cache, contexts, caching without the attribute | [`execution_cache`](mod@execution_cache) |
//! | custom keys and values, without a function | [`execution_store`] |
//! | keys, values and stored forms | [`key`], [`value`], [`stored`] |
//! | selecting entries | [`filter`], [`scope`], [`entry`] |
//! | backends and locations | [`backend`], [`location`] |
//! | files of `mongoexport` and `mongodump` | [`interchange`] |
//! | watching entries change | [`watch`] |
//! | moving entries between stores | [`transfer`] |
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `macros` | yes | the attribute |
//! | `compact` | yes | [`Compact`], a binary codec |
//! | `mongodb` | no | stores in FiftyOne's own database |

#![warn(missing_debug_implementations, clippy::missing_errors_doc)]

#[cfg(not(unix))]
compile_error!(
    "ecache needs Unix: locks that end with a process, signals, and files of one owner. On Windows it \
     runs in WSL"
);

#[macro_use]
mod debug;

pub mod backend;
#[doc(hidden)]
pub mod command;
#[doc(hidden)]
pub mod doctor;
#[cfg(feature = "mongodb")]
#[doc(hidden)]
pub mod embedded_server;
pub mod entry;
pub mod error;
#[doc(hidden)]
pub mod eviction;
pub mod execution_cache;
pub mod execution_store;
#[doc(hidden)]
pub mod explain;
pub mod filter;
pub mod glob;
mod hashed;
pub mod interchange;
pub mod key;
pub mod location;
mod mongo_types;
mod ownership;
mod panics;
pub mod python_json;
#[doc(hidden)]
pub mod remap;
pub mod scope;
#[doc(hidden)]
pub mod secrets;
#[doc(hidden)]
pub mod sidecar;
#[doc(hidden)]
pub mod single_flight;
#[doc(hidden)]
pub mod statistics;
pub mod stored;
#[doc(hidden)]
pub mod streams;
mod sync;
#[doc(hidden)]
pub mod system_limits;
pub mod time;
pub mod transfer;
#[doc(hidden)]
pub mod transient_job;
#[doc(hidden)]
pub mod typed_name;
pub mod units;
#[doc(hidden)]
pub mod usage;
pub mod value;
pub mod watch;

pub use entry::{Entry, Policy};
pub use error::{Error, Result};
#[cfg(feature = "compact")]
pub use execution_cache::Compact;
#[doc(hidden)]
pub use execution_cache::macro_support as __macro;
pub use execution_cache::{
    Cache, CacheContext, CacheHandle, Codec, CodecError, Counters, Datasets, ExecutionContext,
    Reaction, Residency, Status, StoredForm, default_context, set_default,
};
pub use execution_store::{ExecutionStore, ExecutionStores};
pub use filter::{DatasetPattern, Filter, Freshness, Pattern, Usage};
pub use key::Key;
pub use value::Value;

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
/// The key is made of the arguments, in their [stored form](mod@stored). Results must be
/// `Clone + Send + Sync + 'static` and implement serde's traits. The `Err` of a `Result` is
/// returned and not cached, nor is that in an `Option<Result<…>>` or a `Result<Result<…>, …>`.
///
/// With a context as its first argument, by shared reference, the attribute behaves like FiftyOne's
/// decorator of the same name. A context is an [`ExecutionContext`], or any type that implements
/// [`CacheContext`]. It provides the cache and is not part of the key, except for the scopes that
/// the options name.
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
/// | `residency` | `"hybrid"` | tier that keeps the results: `"transient"` in the store, `"ephemeral"` in memory, `"hybrid"` in both; or a path such as `Residency::Hybrid` |
/// | `ttl` | none | lifetime of the results: seconds, a [duration](units::parse_duration) such as `"90s"`, `"1d12h"`, `"10 minutes"`, or an expression: a `Duration` or a `u64` of seconds |
/// | `max_size` | 1024 | maximum number of results in memory; 0 disables it |
/// | `max_bytes` | 256 MiB | maximum total size of their stored forms in memory: bytes, or a [size](units::parse_size) such as `"64MiB"`; a result above a quarter of it is not kept there |
/// | `link_to_dataset` | `true` | links the results to the context's dataset; a call with an empty id is not cached |
/// | `key_fn` | | function that makes the key from the context, if there is one, and references to the arguments; a tuple or list counts as several arguments |
/// | `store_name` | module and function | the execution store: a text or an expression |
/// | `version` | none | a number, a text or an expression such as `env!("CARGO_PKG_VERSION")`; results of other versions are not used |
/// | `operator_scoped`, `prompt_scoped` | `false` | adds the operator or the prompt to the key |
/// | `user_scoped`, `jwt_scoped` | `false` | adds the user or the request token to the key; a call without one is not cached |
/// | `collection_name` | `"execution_store"` | the collection |
/// | `serialize`, `deserialize` | serde | functions that convert `&result` to the stored form, and back |
///
/// and, in addition to FiftyOne's:
///
/// | option | default | |
/// |---|---|---|
/// | `cache` | the context's | for a function without a context: a `static` that holds a [`Cache`], as `LazyLock<Cache>` or `LazyLock<Arc<Cache>>`, or `default` for the [default](set_default) of the process |
/// | `codec` | serde | a [`Codec`] instead of `serialize` and `deserialize`, such as [`Compact`] |
/// | `self_key` | required | for a method: the part of `self` that its results depend on, or `none`; `none` for an associated function |
/// | `cache_err` | `false` | also caches the `Err` of a `Result`, which must implement serde's traits; a duration limits its lifetime |
/// | `cache_none` | `true` | caches the `None` of an `Option`, or of a `Result<Option<…>, …>` |
/// | `ttl_fn` | | function from a reference to a result that is kept (the `T` of a `Result<T, E>`) to its lifetime: a `Duration`, or `None` for that of `ttl` |
/// | `verify_every` | 0 | recomputes and compares one of this many hits; 0 never |
/// | `stale` | none | time after the `ttl` for which a stale result is served while it is refreshed in the background |
/// | `stale_if_error` | none | time after the `ttl` for which a stale result is served if refreshing it returns an `Err` |
/// | `spawn` | a thread | for an `async fn` with `stale`: spawns a refresh, as `tokio::spawn` does |
/// | `crate` | `::ecache_core` | the path of this library |
///
/// A flag alone is `true`. Expressions are evaluated once, at the first call.
///
/// Results of an operator's prompt, kept until the process ends:
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
/// A method, cached for a minute in a named store:
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
/// A custom key, for each user's request token:
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
/// A result served for a day after its hour is over, while a single background refresh computes it
/// anew, however many callers there are. The entry expires when both periods are over:
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
/// The refresh clones the function's borrowed arguments (`ToOwned`), and all arguments must be
/// `Send + 'static`; a method's `self` must be `Clone`. A thread polls the refresh of an
/// `async fn`; a function that needs its runtime names it: `spawn = tokio::spawn`.
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
/// // Hits, misses, computations and time saved, in this process; `ecache stats --since` has those
/// // of all.
/// println!("{:?}", expensive_query::counters());
/// # Ok(())
/// # }
/// ```
///
/// The companions belong to an empty type with the function's name, so no type or module of that
/// name may be beside it. Those of a method are methods
/// beside it, with its name as a prefix: `expensive_operation_uncached`,
/// `expensive_operation_clear_cache` and so on. `execution_cache` returns the cache itself. Those
/// of an `async fn` that read or write the store are `async` as well.
///
/// # Storage and lifetime
///
/// A result is stored as JSON that people and FiftyOne can read, a `Vec<u8>` as bytes, and a `Vec`
/// of 1024 numbers or more as bytes that NumPy can read; `codec = Compact` stores all other types
/// in a binary form. A result that changes when it is read back from the store, as with
/// `#[serde(skip)]`, is kept in neither tier, and a warning gives the reason. To check this,
/// results up to 16 KiB are read back whenever they are stored, larger ones the first sixteen times
/// and then one in 32. Skipped fields are detected if the type implements `==` or `Debug`. Without
/// them, a result is kept only if nothing can be lost: not an enum, a list of structs, or a struct
/// with room for a field that serde does not write. `Compact` also refuses a type in which a value
/// is read from few texts or bytes, unless it is a date, a time, a UUID, an address or a version,
/// because it could not tell a later change of the type.
///
/// Results leave memory when they expire, when `max_size` or `max_bytes` is reached, and with their
/// [`Cache`]. Once a minute, when it stores a result, a function removes up to 32 of its expired
/// results from the store; [`Cache::prune`](execution_cache::Cache::prune) removes those of all
/// functions. To limit the size of a store, run `ecache limit set --max-size 1GiB` once: the limit
/// is kept in the store, and functions evict within it as they write.
///
/// A result is not kept if its store was cleared, or its call was refreshed or set, after the
/// computation had begun: in a file by any process, otherwise by this one. Its own caller gets it
/// all the same.
///
/// A computation must not wait for another thread or task that asks for the same key: that one
/// waits for this computation. Such a wait ends after the patience of the [`Cache`], a minute
/// unless [`Cache::with_patience`](execution_cache::Cache::with_patience) sets another; then the
/// function is computed there, too. A computation that calls itself, on its own thread or in its
/// own task, does not wait.
///
/// An `async fn` does not block its executor: a few threads of the cache's own read and write the
/// store, encode and decode. If another process keeps the store locked, the cache waits for two
/// seconds once, and then bypasses the store for ten.
///
/// # What can be cached
///
/// Free functions and methods, including `async` (on any runtime) and generic ones, whose type
/// parameters are part of the key. Methods in the `impl` of a trait are not supported: cache an
/// inherent method, and call that. An argument `impl AsRef<T>` counts as its `T`, unless it has
/// another bound that tells more of it, such as `Display`; any other must implement serde's
/// `Serialize`, or a `key_fn` must convert it. For `impl Trait`, the type is part
/// of the key as well. `dyn` hides the type, and changes to `&mut` arguments would be lost: both
/// are compile errors. A call with a `&mut` that the attribute does not see, as behind an alias, is
/// not cached. What a function writes into a `RefCell`, a `Mutex` or an atomic among
/// its arguments is lost on a hit: return it instead.
///
/// Two arguments of one type are the same if `Serialize` writes the same for both. If yours drops a
/// difference that the result depends on, such as a field of `#[serde(skip)]` or the variant of an
/// `untagged` enum, name it with a `key_fn`. Where the type implements `Deserialize` and `==`, such
/// a call is not cached, and a warning says so. Otherwise its derived `Debug` shows skipped fields
/// and variants that are renamed alike, and no call is cached with a value that serde writes as
/// another type and whose `Debug` form names a variant or several fields (`untagged`, `tag`,
/// `flatten`, `into`). Without `Debug` as well, no call is cached with an enum, a list of structs,
/// a type that is written as another one, or a struct that has room for a field which serde does
/// not write. A generic function needs these traits among its bounds. Only your own code can still
/// hide a difference: a `Serialize` by hand, `serialize_with`, or the condition of
/// `skip_serializing_if`.
///
/// Equal sets and maps of the standard library are one key wherever they are in an argument, though
/// their members come in another order each time. `#[serde(into = "Vec<_>")]` or a `Serialize` by
/// hand may write them in that order: a type with `Deserialize` and `==` is then not cached, and a
/// warning says so. Without them, each call has a key of its own, and the store grows by each.
/// Write the members sorted, or return them so from a `key_fn`. Where a map has an order of the
/// program's own, as `IndexMap` has, the order is part of the key.
///
/// The key covers only the arguments and the scopes. For other inputs, use a `ttl`, a `version` or
/// `verify_every`. Copies of a result are made by its `Clone`; callers share any state that `Clone`
/// shares, as with an `Arc`.
#[cfg(feature = "macros")]
pub use ecache_macros::execution_cache;
