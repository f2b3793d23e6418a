//! The recorded uses of a storage: the part of the contract that counts calls.

use crate::error::Result;
use crate::time::Timestamp;
use crate::usage::{LogId, LogRange, Recorded, Tally, UsageBatch};

/// Counts the calls of the caches that use a storage, and the hits of its entries.
pub trait CallCountBackend {
    /// Adds counted calls, and the hits of entries: those of entries that are gone, or that were
    /// created later, are dropped.
    ///
    /// With a `position`, this is the part of a log between two offsets. It is added only if the
    /// log is folded up to the first, and is folded up to the second then; otherwise returns false.
    /// Does not wait long for other writers: it fails with
    /// [`Error::Busy`](crate::error::Error::Busy) then, and may be tried again.
    ///
    /// # Errors
    /// [`Error::Name`](crate::error::Error::Name) as
    /// [`StoreAddress::check`](crate::scope::StoreAddress::check) says.
    fn add_usage(
        &self,
        batch: &UsageBatch,
        position: Option<LogRange>,
        now: Timestamp,
    ) -> Result<bool>;

    /// Reports whether processes of several hosts count calls here. Each host has a usage log of
    /// its own then, which others cannot read, and no lock that others see.
    fn has_many_hosts(&self) -> bool {
        false
    }

    /// Returns the tallies that began and have not ended, as far as they are folded.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn tallies(&self) -> Result<Vec<Tally>> {
        Ok(Vec::new())
    }

    /// Returns the offset up to which a log is folded, or 0.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn folded(&self, log: LogId) -> Result<u64>;

    /// Returns the logs that the store has a part of, and until when all of it was folded; `None`
    /// for one that ended when all of it was.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn folded_logs(&self) -> Result<Vec<(LogId, Option<Timestamp>)>> {
        Ok(Vec::new())
    }

    /// Returns the counts of periods that end after `from`, and the offsets up to which `logs` are
    /// folded, as of one moment. The counts outlive the entries and are not exported.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn usage_since(&self, from: Timestamp, logs: &[LogId]) -> Result<Recorded>;
}
