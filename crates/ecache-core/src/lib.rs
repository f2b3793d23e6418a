//! Execution caches for Rust: what expensive functions return, kept in memory and in one SQLite file, by their
//! arguments and the scopes of their callers. Keys, values and options are those of FiftyOne's `execution_cache`.
//!
#![cfg_attr(feature = "macros", doc = "```")]
#![cfg_attr(not(feature = "macros"), doc = "```ignore")]
//! use std::sync::Arc;
//! use ecache_core::execution_cache;
//! use ecache_core::execution_cache::{Cache, ExecutionContext};
//!
//! #[execution_cache(ttl = "1h", user_scoped)]
//! fn expensive_query(ctx: &ExecutionContext, path: &str) -> Vec<String> {
//!     path.split('.').map(str::to_owned).collect()
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("store.db");
//! let ctx = ExecutionContext::new(Arc::new(Cache::at(path)))
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
//! - **The result is found** in memory, then in the store, where it outlives the process. An entry that any process
//!   removes is gone from memory within a tenth of a second.
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
pub mod command;
pub mod doctor;
pub mod entry;
pub mod error;
pub mod execution_cache;
pub mod execution_store;
pub mod explain;
pub mod filter;
pub mod glob;
pub mod interchange;
pub mod key;
pub mod limits;
pub mod location;
mod panics;
pub mod python_json;
pub mod scope;
pub mod secrets;
pub mod single_flight;
pub mod stored;
pub mod streams;
pub mod time;
pub mod transfer;
pub mod units;
pub mod value;
pub mod watch;

/// Caches a function's results, as FiftyOne's decorator of the same name.
///
/// The first argument is the context, by shared reference: an
/// [`ExecutionContext`](execution_cache::ExecutionContext), or anything that implements
/// [`CacheContext`](execution_cache::CacheContext). The other arguments make the key, in their
/// [stored form](mod@stored). Results must be `Clone + Send + Sync + 'static` and have serde's traits.
///
/// ```
/// use ecache_core::execution_cache;
/// use ecache_core::execution_cache::ExecutionContext;
///
/// #[execution_cache]
/// fn expensive_query(ctx: &ExecutionContext, path: &str) -> u64 {
///     path.len() as u64
/// }
/// # let ctx = ExecutionContext::new(std::sync::Arc::new(execution_cache::Cache::in_memory()));
/// # assert_eq!(expensive_query(&ctx, "label"), 5);
/// ```
///
/// # Options
///
/// | option | default | |
/// |---|---|---|
/// | `residency` | `"hybrid"` | where results are kept: `"transient"` in the store, `"ephemeral"` in memory, `"hybrid"` in both |
/// | `ttl` | none | how long they are good: seconds, or a [duration](units::parse_duration) such as `"90s"`, `"1d12h"`, `"10 minutes"` |
/// | `max_size` | 1024 | how many are kept in memory; 0 is none |
/// | `max_bytes` | 256 MiB | how large their stored forms may be together; one above a quarter of it is not kept in memory |
/// | `link_to_dataset` | `true` | whether they belong to the context's dataset |
/// | `key_fn` | | makes the key of the context and references to the arguments; a tuple or list is several arguments |
/// | `store_name` | module and function | the execution store |
/// | `version` | none | a number or text; another version does not see the results of this one |
/// | `operator_scoped`, `prompt_scoped` | `false` | whether the operator, the prompt is part of the key |
/// | `user_scoped`, `jwt_scoped` | `false` | whether the user, the request token is; without one a call is not cached |
/// | `collection_name` | `"execution_store"` | the collection |
/// | `serialize`, `deserialize` | serde | functions from `&result` to what is stored, and back; each may return a `Result` |
///
/// and, beyond FiftyOne's:
///
/// | option | default | |
/// |---|---|---|
/// | `self_key` | required | for a method: what of `self` its results depend on, or `none`; an associated function says `none`, or the compiler says that an enum is not supported in an `impl` |
/// | `cache_err` | `false` | whether the `Err` of a `Result` is kept as well, which needs serde's traits then |
/// | `cache_none` | `true` | whether the `None` of an `Option` is kept |
/// | `verify_every` | 0 | of so many hits one is computed again and compared |
/// | `stale` | none | how much longer than its `ttl` a result is served, while a thread computes it anew |
///
/// A flag alone is `true`. `Result` and `Option` are told by the name of the return type.
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
/// What the function borrows is cloned for the thread (`ToOwned`), and all that it is given must be `Send + 'static`;
/// a method's `self` must be `Clone`. An `async fn` has no runtime here to be refreshed on, so there `stale` is an error.
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
/// // Keeps a result without computing it.
/// expensive_query::set_cache(&ctx, "label", result + 1)?;
/// assert_eq!(expensive_query(&ctx, "label"), result + 1);
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
/// # What can be cached
///
/// Free functions and methods, also `async` (on any runtime) and generic ones, whose type parameters are part of the
/// key. Not methods of a trait: cache an inherent one, and call that. An argument `impl AsRef<T>` counts as its `T`;
/// any other must have serde's `Serialize`, or a `key_fn` that makes something of it.
///
/// What the function depends on beside its arguments and the scopes is not in its key: that is what a `ttl`, a
/// `version` and `verify_every` are for. Copies of a result are made by its `Clone`; what that shares, as an `Arc`
/// does, callers share.
#[cfg(feature = "macros")]
pub use ecache_macros::execution_cache;
