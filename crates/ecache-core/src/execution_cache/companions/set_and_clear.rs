//! Stores and clears results of a function without calling it.

use std::sync::Arc;

use crate::backend::{Operation, no_progress};
use crate::entry::Policy;
use crate::error::{Result, Unsupported};
use crate::execution_cache::cache::context::context_of;
use crate::execution_cache::call::Call;
use crate::execution_cache::call::leader::Leadership;
use crate::execution_cache::codec::Codec;
use crate::execution_cache::codec::any::{AnyCodec, Typed, erase};
use crate::execution_cache::{CacheContext, ExecutionCache, ExecutionContext, Shared, workers};
use crate::filter::{DatasetPattern, Filter, Pattern, Usage};
use crate::key::Preimage;
use crate::stored::StoredError;

/// The datasets whose results are cleared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Datasets {
    /// All of them, and results that belong to none
    #[default]
    All,
    /// Results that belong to no dataset
    Unlinked,
    /// One dataset
    One(Arc<str>),
}

impl From<&str> for Datasets {
    fn from(id: &str) -> Self {
        Self::One(id.into())
    }
}

impl Datasets {
    fn matches(&self, dataset_id: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Unlinked => dataset_id.is_none(),
            Self::One(id) => dataset_id == Some(id),
        }
    }
}

impl ExecutionCache {
    /// Stores a result without computing it, like FiftyOne's `set_cache`. Reports whether it was
    /// stored: it is not if the cache is switched off, or if calls in this context are not cached.
    ///
    /// # Errors
    /// If the arguments or the result have no stored form, or the store failed.
    pub fn set_cache<T: Clone + Send + Sync + 'static>(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        codec: &impl Codec<T>,
        arguments: Result<Preimage, StoredError>,
        value: T,
    ) -> Result<bool> {
        let (ctx, value) = (context_of(ctx), erase(value));
        self.set_any(ctx, &Typed::<_, _>::new(codec), arguments, &value)
    }

    /// Like [`ExecutionCache::set_cache`], for a result of any type.
    pub(in super::super) fn set_any(
        &self,
        ctx: &ExecutionContext,
        codec: &dyn AnyCodec,
        arguments: Result<Preimage, StoredError>,
        value: &Shared,
    ) -> Result<bool> {
        self.check_usable(ctx)?;
        match Call::new(self, ctx, named(arguments)?) {
            Some(call) if ctx.cache.is_on() => {
                call.note_clears_of_store();
                let lead = Leadership::superseding(self, &call);
                call.find_place();
                let kept = call.keep(codec, value, None, &lead)?;
                Ok(kept.is_kept)
            }
            _ => Ok(false),
        }
    }

    /// Removes the result of one call from every tier; returns the usage of the removed entries.
    ///
    /// # Errors
    /// If the arguments have no stored form, or if the store failed; memory is cleared in that case
    /// too.
    pub fn clear_cache(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        arguments: Result<Preimage, StoredError>,
    ) -> Result<Usage> {
        let ctx = context_of(ctx);
        self.check_usable(ctx)?;
        let Some(call) = Call::new(self, ctx, named(arguments)?) else {
            return Ok(Usage::default());
        };
        self.begin_clear();
        let in_memory = u64::from(self.memory.remove(&call.key));
        if !self.options.residency.has_store() {
            return Ok(Usage {
                entries: in_memory,
                bytes: 0,
            });
        }
        let (store, scopes) = (call.store(), call.scopes());
        let backend = ctx.cache.backend()?;
        let keys = call.own_keys(backend.as_ref(), (&store, &scopes), ctx.cache.now())?;
        if keys.is_empty() {
            return Ok(Usage::default());
        }
        let filter = Filter {
            keys: keys
                .iter()
                .map(|key| Pattern::exact(key.as_str()))
                .collect(),
            ..Filter::store(&store)
        };
        let removed = backend.remove(&filter.into(), ctx.cache.now(), &mut no_progress);
        // Covers results that were put into memory during the removal.
        ctx.cache.advance_epoch();
        removed
    }

    /// Removes all results of the function that belong to `datasets` from every tier; returns their
    /// number, and the size of those in the store.
    ///
    /// The memory of other processes follows within the coherence of their caches. It is one
    /// operation of the store's log, and `ecache undo` takes it back.
    ///
    /// # Errors
    /// If the store failed; memory is cleared all the same.
    pub fn clear_all_caches(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        datasets: &Datasets,
    ) -> Result<Usage> {
        let ctx = context_of(ctx);
        self.check_usable(ctx)?;
        self.begin_clear();
        let id = ctx.cache.id;
        let in_memory = self
            .memory
            .remove_if(|key, _| key.cache == id && datasets.matches(key.dataset_id.as_deref()));
        if !self.options.residency.has_store() {
            return Ok(Usage {
                entries: in_memory,
                bytes: 0,
            });
        }
        let filter = Filter {
            collections: vec![Pattern::exact(&*self.store.collection)],
            stores: vec![Pattern::exact(&*self.store.store_name)],
            datasets: match datasets {
                Datasets::All => Vec::new(),
                Datasets::Unlinked => vec![DatasetPattern::Unlinked],
                Datasets::One(id) => vec![DatasetPattern::Id(Pattern::exact(&**id))],
            },
            policy: Some(Policy::Evict),
            ..Filter::default()
        };
        let operation = Operation::of_call("clear_all_caches", &filter);
        let backend = ctx.cache.backend()?;
        let removed = backend.remove_logged(&filter.into(), None, &operation, ctx.cache.now());
        // Covers results that were put into memory during the removal.
        ctx.cache.advance_epoch();
        Ok(removed?.usage)
    }

    /// Like [`ExecutionCache::clear_all_caches`], without blocking the task.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::clear_all_caches`].
    pub async fn clear_all_caches_async(
        &'static self,
        ctx: &(impl CacheContext + ?Sized),
        datasets: Datasets,
    ) -> Result<Usage> {
        let ctx = context_of(ctx).clone();
        workers::run(move || self.clear_all_caches(&ctx, &datasets)).await
    }
}

fn named(arguments: Result<Preimage, StoredError>) -> Result<Preimage> {
    arguments.map_err(|error| Unsupported::NoStoredForm(error.to_string()).into())
}
