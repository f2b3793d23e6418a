//! The part of the contract for administering a storage, none of which a call needs.

use std::sync::Arc;
use std::time::Duration;

use super::limit::LimitUsage;
use super::{Access, Backend, CollectionDamage, Description};
use crate::error::Result;
use crate::filter::Usage;
use crate::time::Timestamp;

/// Checks a storage, and gives space back.
#[doc(hidden)]
pub trait MaintainBackend {
    /// Returns the damage to a collection that its entries do not show.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn collection_damage(&self, _collection: &str) -> Result<Vec<CollectionDamage>> {
        Ok(Vec::new())
    }

    /// Returns a backend that writes over the connection of this one, if the engine has connections
    /// that are worth sharing: those to a server.
    fn writer(&self, _access: Access) -> Option<Arc<dyn Backend>> {
        None
    }

    /// Makes the indexes that [`CollectionDamage::MissingIndex`] names.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn restore_indexes(&self, _collection: &str) -> Result<()> {
        Ok(())
    }

    /// Counts what [`MaintainBackend::collect_garbage`] removes because its writer, or its entry,
    /// is gone.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn abandoned(&self, _now: Timestamp) -> Result<Usage> {
        Ok(self.describe()?.unnamed.abandoned)
    }

    /// Removes orphaned values: those staged more than a day ago or by processes that were killed,
    /// and those replaced more than a minute ago.
    ///
    /// Runs short transactions. Best effort: nothing else depends on their success.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn collect_garbage(&self, now: Timestamp) -> Result<()>;

    /// Collects garbage, removes names that no entry uses, and returns free space to the file
    /// system.
    ///
    /// # Errors
    /// If the store cannot be written; part of the work may be done then.
    fn compact(&self, now: Timestamp) -> Result<()>;

    /// Returns facts about the backend.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn describe(&self) -> Result<Description>;
}

/// Counts what limits are about. The defaults are those of an engine without limits.
#[doc(hidden)]
pub trait LimitBackend {
    /// Reports whether the store has limits.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn has_limits(&self) -> Result<bool> {
        Ok(false)
    }

    /// Returns the limits of the store, which are settings, with the usage of each.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn limits(&self) -> Result<Vec<LimitUsage>> {
        Ok(Vec::new())
    }

    /// Fixes [`CollectionDamage::Limit`]: counts entries again, and evictions from zero.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn count_limits_again(&self) -> Result<()> {
        Ok(())
    }
}

/// Prepares a storage for a fork of the process.
#[doc(hidden)]
pub trait ForkBackend {
    /// Closes what a forked child must not inherit, and holds operations up until
    /// [`ForkBackend::resume`]. Returns `false` if those under way took longer than `patience`.
    fn suspend(&self, _patience: Duration) -> bool {
        true
    }

    /// Ends a suspension.
    fn resume(&self) {}
}
