//! Lists, counts and removes the entries of a cache's store.

use super::Cache;
use crate::backend::{Operation, Row, Scan};
use crate::entry::{Entry, Policy};
use crate::error::Result;
use crate::filter::{Filter, Jobs, Usage};

impl Cache {
    /// Returns the entries of the store that `filter` matches, without their values: store by
    /// store, the oldest first. Entries that are damaged or cannot be read are left out.
    ///
    /// ```
    /// use ecache_core::{Cache, Filter, Pattern, execution_cache, set_default};
    ///
    /// #[execution_cache(store_name = "words")]
    /// fn count_words(text: &str) -> usize {
    ///     text.split_whitespace().count()
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("cache.db");
    /// set_default(Cache::at(&path))?;
    /// count_words("to be");
    ///
    /// let cache = Cache::at(&path);
    /// let words = Filter {
    ///     stores: vec![Pattern::exact("words")],
    ///     ..Filter::default()
    /// };
    /// for entry in cache.entries(&words)? {
    ///     println!("{} bytes of {:?}", entry.size, entry.args);
    /// }
    /// assert_eq!(cache.usage(&words)?.entries, 1);
    /// assert_eq!(cache.clear(&words)?.entries, 1);
    /// assert_eq!(cache.usage(&words)?.entries, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the store cannot be opened or read.
    pub fn entries(&self, filter: &Filter) -> Result<Vec<Entry>> {
        let backend = self.backend()?;
        let rows = backend.scan(&Scan::new(filter.clone()), self.now())?;
        let entries = rows.filter_map(|row| match row {
            Ok(Row::Entry(entry, _)) => Some(Ok(*entry)),
            Ok(Row::Damaged(_) | Row::Foreign(_)) => None,
            Err(error) => Some(Err(error)),
        });
        entries.collect()
    }

    /// Returns the number and size of the entries of the store that `filter` matches.
    ///
    /// # Errors
    /// If the store cannot be opened or read.
    pub fn usage(&self, filter: &Filter) -> Result<Usage> {
        self.backend()?.usage(&filter.clone().into(), self.now())
    }

    /// Removes the cached results that `filter` matches, from the store and from memory; returns
    /// their number, and the size of those in the store. Entries of policy `persist` stay, unless
    /// the filter asks for them.
    ///
    /// The memory of other processes follows within the coherence of their caches. It is one
    /// operation of the store's log, and `ecache undo` takes it back. Results that functions keep
    /// in memory alone stay: their companion `clear_all_caches` removes those.
    ///
    /// # Errors
    /// If the store cannot be opened, or fails; entries removed before stay removed.
    pub fn clear(&self, filter: &Filter) -> Result<Usage> {
        let backend = self.backend()?;
        let filter = Filter {
            policy: filter.policy.or(Some(Policy::Evict)),
            jobs: filter.jobs.or(Some(Jobs::NotRunning)),
            ..filter.clone()
        };
        let operation = Operation::of_call("clear", &filter);
        let removed = backend.remove_logged(&filter.into(), None, &operation, self.now());
        // Covers results that were put into memory during the removal.
        self.advance_epoch();
        Ok(removed?.usage)
    }
}
