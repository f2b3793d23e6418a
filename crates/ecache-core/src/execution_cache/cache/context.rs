//! The context of a cached call: the cache, and the scopes that the call is made in.

use std::any::type_name;
use std::ffi::OsString;
use std::fmt;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, OnceLock};

use crate::execution_cache::Cache;
use crate::location;
use crate::panics::{Payload, reason};

/// FiftyOne's `ExecutionContext`, as far as caching needs it: a cache, and the scopes that are
/// known.
///
/// ```
/// use std::sync::Arc;
/// use ecache_core::execution_cache::{Cache, ExecutionContext};
///
/// let ctx = ExecutionContext::new(Arc::new(Cache::in_memory()))
///     .with_dataset("6b03de1228195dbc2df5c505")
///     .with_user("u-alice");
/// assert_eq!(ctx.user_id.as_deref(), Some("u-alice"));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ExecutionContext {
    /// The cache to use
    pub cache: CacheHandle,
    /// The dataset's id
    pub dataset_id: Option<Arc<str>>,
    /// The operator that is executing
    pub operator_uri: Option<Arc<str>>,
    /// The operator prompt that is open
    pub prompt_id: Option<Arc<str>>,
    /// The user's id
    pub user_id: Option<Arc<str>>,
    /// The user's request token (a JWT): a secret, of which only a hash is kept
    pub user_request_token: Option<Arc<str>>,
}

impl ExecutionContext {
    /// Creates a context without scopes.
    #[must_use]
    pub fn new(cache: impl Into<CacheHandle>) -> Self {
        Self {
            cache: cache.into(),
            dataset_id: None,
            operator_uri: None,
            prompt_id: None,
            user_id: None,
            user_request_token: None,
        }
    }

    /// Sets the dataset.
    #[must_use]
    pub fn with_dataset(mut self, id: impl Into<Arc<str>>) -> Self {
        self.dataset_id = Some(id.into());
        self
    }

    /// Sets the operator.
    #[must_use]
    pub fn with_operator(mut self, uri: impl Into<Arc<str>>) -> Self {
        self.operator_uri = Some(uri.into());
        self
    }

    /// Sets the operator prompt.
    #[must_use]
    pub fn with_prompt(mut self, id: impl Into<Arc<str>>) -> Self {
        self.prompt_id = Some(id.into());
        self
    }

    /// Sets the user.
    #[must_use]
    pub fn with_user(mut self, id: impl Into<Arc<str>>) -> Self {
        self.user_id = Some(id.into());
        self
    }

    /// Sets the user's request token.
    #[must_use]
    pub fn with_user_request_token(mut self, token: impl Into<Arc<str>>) -> Self {
        self.user_request_token = Some(token.into());
        self
    }
}

/// A handle to a cache that contexts share, or to one in a `static`.
#[derive(Clone, Debug)]
pub struct CacheHandle(Handle);

#[derive(Clone, Debug)]
enum Handle {
    Shared(Arc<Cache>),
    Static(&'static Cache),
}

impl Deref for CacheHandle {
    type Target = Cache;

    fn deref(&self) -> &Cache {
        match &self.0 {
            Handle::Shared(cache) => cache,
            Handle::Static(cache) => cache,
        }
    }
}

impl From<Cache> for CacheHandle {
    fn from(cache: Cache) -> Self {
        Arc::new(cache).into()
    }
}

impl From<Arc<Cache>> for CacheHandle {
    fn from(cache: Arc<Cache>) -> Self {
        Self(Handle::Shared(cache))
    }
}

impl From<&Arc<Cache>> for CacheHandle {
    fn from(cache: &Arc<Cache>) -> Self {
        cache.clone().into()
    }
}

impl From<&'static Cache> for CacheHandle {
    fn from(cache: &'static Cache) -> Self {
        Self(Handle::Static(cache))
    }
}

impl From<&'static LazyLock<Cache>> for CacheHandle {
    fn from(cache: &'static LazyLock<Cache>) -> Self {
        (&**cache).into()
    }
}

impl From<&LazyLock<Arc<Cache>>> for CacheHandle {
    fn from(cache: &LazyLock<Arc<Cache>>) -> Self {
        (&**cache).into()
    }
}

/// The type of a `static` that the option `cache` names.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cache",
    label = "not a `LazyLock<Cache>`",
    note = "declare it as `static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::at(\"cache.db\"))`, or as a \
            `LazyLock<Arc<Cache>>`"
)]
pub trait StaticCache {
    /// Returns a handle to the cache.
    fn handle(&'static self) -> CacheHandle;
}

impl StaticCache for Cache {
    fn handle(&'static self) -> CacheHandle {
        self.into()
    }
}

impl StaticCache for Arc<Cache> {
    fn handle(&'static self) -> CacheHandle {
        self.into()
    }
}

impl<C: StaticCache> StaticCache for LazyLock<C> {
    fn handle(&'static self) -> CacheHandle {
        (**self).handle()
    }
}

/// Returns the context of a function whose cache is in a `static`.
pub fn context_with<C: StaticCache>(cache: &'static C) -> ExecutionContext {
    ExecutionContext::new(cache.handle())
}

/// The context of functions that take none.
static DEFAULT: OnceLock<ExecutionContext> = OnceLock::new();

/// Sets the cache of functions that have neither a context nor a `cache = …` option.
///
/// By default they use the store that the command line uses: the file or URL in `ECACHE_DB`, or
/// `ecache/store.db` in the user's data folder. `ECACHE=off` switches that default off, as it does
/// the command: functions compute, and nothing is counted. The other modes are the command's alone.
///
/// # Errors
/// If a default is already set, or a call has used one.
///
/// ```
/// use ecache_core::execution_cache::{self, Cache};
///
/// execution_cache::set_default(Cache::in_memory())?;
/// assert!(execution_cache::set_default(Cache::in_memory()).is_err());
/// # Ok::<(), execution_cache::DefaultIsSet>(())
/// ```
pub fn set_default(cache: impl Into<CacheHandle>) -> Result<(), DefaultIsSet> {
    let set = DEFAULT.set(ExecutionContext::new(cache));
    set.map_err(|_| DefaultIsSet)
}

/// Returns the context of functions that take none; see [`set_default`].
///
/// Nothing else in the library reads the environment. Such a function can be called before any code
/// of the program could have passed a location in.
pub fn default_context() -> &'static ExecutionContext {
    DEFAULT.get_or_init(|| ExecutionContext::new(default_cache(|name| std::env::var_os(name))))
}

fn default_cache(variable: impl Fn(&str) -> Option<OsString>) -> Cache {
    let mode = variable("ECACHE").unwrap_or_default();
    let is_off = mode.eq_ignore_ascii_case("off");
    let cache = match location::default(variable) {
        Some(location) => Cache::at(location),
        None if is_off => Cache::in_memory(),
        None => {
            log::warn!(
                "the execution cache has no place for its store, so results end with the process: \
                 call `set_default`, or set HOME or ECACHE_DB"
            );
            Cache::in_memory()
        }
    };
    if is_off { cache.switched_off() } else { cache }
}

/// Returns the context of a call; if the program's own code panics that knows it, returns one
/// without a cache.
pub fn context_of<C: CacheContext + ?Sized>(context: &C) -> &ExecutionContext {
    let asked = catch_unwind(AssertUnwindSafe(|| context.execution_context()));
    asked.unwrap_or_else(|panic| without_cache(Some(type_name::<C>()), panic))
}

/// Returns the context in a `static`, which the first call makes; if the program's own code panics
/// that makes it, returns one without a cache.
pub fn context_in(
    context: &'static OnceLock<ExecutionContext>,
    make: fn() -> ExecutionContext,
) -> &'static ExecutionContext {
    context.get().unwrap_or_else(|| {
        let made = catch_unwind(AssertUnwindSafe(|| context.get_or_init(make)));
        made.unwrap_or_else(|panic| without_cache(None, panic))
    })
}

#[cold]
fn without_cache(whose: Option<&str>, panic: Payload) -> &'static ExecutionContext {
    static NONE: LazyLock<ExecutionContext> =
        LazyLock::new(|| ExecutionContext::new(Cache::unusable()));
    let (whose, why) = (whose.map(Arc::from), Err::<(), _>(reason(panic)));
    let what = "learn the context of a call";
    NONE.cache.attempt_for(whose.as_ref(), what, why);
    &NONE
}

/// The error of [`set_default`]: the process already has a default cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the default cache is set or in use already: set it before the first call")]
pub struct DefaultIsSet;

/// Leaves the token out.
impl fmt::Debug for ExecutionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutionContext")
            .field("dataset_id", &self.dataset_id)
            .field("operator_uri", &self.operator_uri)
            .field("prompt_id", &self.prompt_id)
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// A type that can be the first argument of a cached function, such as a program's own context.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context",
    label = "does not implement `CacheContext`",
    note = "implement `CacheContext` for it: return an `ExecutionContext` that it holds"
)]
pub trait CacheContext {
    /// Returns the cache and the scopes of this call.
    fn execution_context(&self) -> &ExecutionContext;
}

impl CacheContext for ExecutionContext {
    fn execution_context(&self) -> &ExecutionContext {
        self
    }
}

impl<C: CacheContext + ?Sized> CacheContext for &C {
    fn execution_context(&self) -> &ExecutionContext {
        (**self).execution_context()
    }
}

impl<C: CacheContext + ?Sized> CacheContext for Arc<C> {
    fn execution_context(&self) -> &ExecutionContext {
        (**self).execution_context()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_off_switches_the_default_off() {
        let is_on = |mode: Option<&str>| {
            let variable = |name: &str| match name {
                "ECACHE" => mode.map(OsString::from),
                _ => Some("/nowhere".into()),
            };
            default_cache(variable).is_on()
        };
        assert!(is_on(None) && is_on(Some("")) && is_on(Some("refresh")));
        assert!(!is_on(Some("off")) && !is_on(Some("OFF")));
    }
}
