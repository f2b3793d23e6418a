//! What a cached call is told beside its arguments: the cache, and whose call it is.

use std::fmt;
use std::sync::Arc;

use super::Cache;

/// FiftyOne's `ExecutionContext`, as far as caching needs it: a cache, and the scopes that are known.
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
pub struct ExecutionContext {
    /// The cache to use
    pub cache: Arc<Cache>,
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
    /// A context in no scope.
    pub fn new(cache: Arc<Cache>) -> Self {
        Self {
            cache,
            dataset_id: None,
            operator_uri: None,
            prompt_id: None,
            user_id: None,
            user_request_token: None,
        }
    }

    /// The same for that dataset.
    pub fn with_dataset(mut self, id: impl Into<Arc<str>>) -> Self {
        self.dataset_id = Some(id.into());
        self
    }

    /// The same for that operator.
    pub fn with_operator(mut self, uri: impl Into<Arc<str>>) -> Self {
        self.operator_uri = Some(uri.into());
        self
    }

    /// The same for that operator prompt.
    pub fn with_prompt(mut self, id: impl Into<Arc<str>>) -> Self {
        self.prompt_id = Some(id.into());
        self
    }

    /// The same for that user.
    pub fn with_user(mut self, id: impl Into<Arc<str>>) -> Self {
        self.user_id = Some(id.into());
        self
    }

    /// The same with that request token.
    pub fn with_user_request_token(mut self, token: impl Into<Arc<str>>) -> Self {
        self.user_request_token = Some(token.into());
        self
    }
}

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

/// What the first argument of a cached function must be able to do; a program's own context can be one.
pub trait CacheContext {
    /// The cache and the scopes of this call.
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
