//! The cache of a function with the attribute, created at the function's first call.

use std::sync::OnceLock;

use super::identity::Declaration;
use crate::execution_cache::cache::failures::report;
use crate::execution_cache::{ExecutionCache, Options};
use crate::panics::caught;

/// The cache of one function, created at its first call.
pub struct LazyCache {
    declaration: Declaration,
    cache: OnceLock<ExecutionCache>,
    /// Takes the place of the cache while the options of the attribute cannot be evaluated
    unusable: OnceLock<Box<ExecutionCache>>,
}

debug_fields!(LazyCache { declaration, cache });

impl LazyCache {
    /// Declares a cache.
    #[must_use]
    pub const fn new(declaration: Declaration) -> Self {
        Self {
            declaration,
            cache: OnceLock::new(),
            unusable: OnceLock::new(),
        }
    }

    /// Returns the cache; the first call creates it, with the default options as `change` leaves
    /// them. If `change` panics, which runs the expressions of the attribute, returns a cache that
    /// keeps nothing; the next call tries again.
    pub fn get(&self, change: fn(&mut Options)) -> &ExecutionCache {
        match self.cache.get() {
            Some(cache) => cache,
            None => self.create(change),
        }
    }

    #[cold]
    fn create(&self, change: fn(&mut Options)) -> &ExecutionCache {
        let create = || {
            let mut options = self.declaration.options();
            change(&mut options);
            ExecutionCache::new(options)
        };
        let created = caught(|| Ok::<_, String>(self.cache.get_or_init(create)));
        created.unwrap_or_else(|why| {
            self.unusable.get_or_init(|| {
                let options = self.declaration.options();
                report(
                    log::Level::Warn,
                    format_args!(
                        "the execution cache of {} could not evaluate the options of its attribute: {why}",
                        options.function
                    ),
                );
                Box::new(ExecutionCache::unusable(options))
            })
        })
    }
}

/// Leaves the options as they are.
pub fn as_default(_: &mut Options) {}
