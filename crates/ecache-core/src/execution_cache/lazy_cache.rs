//! The cache of a function with the attribute, created at the function's first call.

use std::sync::OnceLock;

use super::identity::Declaration;
use super::{ExecutionCache, Options};

/// The cache of one function, created at its first call.
pub struct LazyCache {
    declaration: Declaration,
    cache: OnceLock<ExecutionCache>,
}

debug_fields!(LazyCache { declaration, cache });

impl LazyCache {
    /// Declares a cache.
    #[must_use]
    pub const fn new(declaration: Declaration) -> Self {
        Self {
            declaration,
            cache: OnceLock::new(),
        }
    }

    /// Returns the cache; the first call creates it, with the default options as `change` leaves
    /// them.
    pub fn get(&self, change: fn(&mut Options)) -> &ExecutionCache {
        self.cache.get_or_init(|| {
            let mut options = self.declaration.options();
            change(&mut options);
            ExecutionCache::new(options)
        })
    }
}

/// Leaves the options as they are.
pub fn as_default(_: &mut Options) {}
