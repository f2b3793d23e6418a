//! Computing a result for all who wait for it.

use std::sync::Arc;

use super::call::{Call, Old};
use super::codec::Codec;
use super::counters::Event;
use super::{FlightKey, Shared};
use crate::single_flight::{FlightLock, FlightLocks, Leader};

/// The duty to compute for all who wait. Dropped without a value, it lets the next one in.
pub(super) struct Lead<'a> {
    call: &'a Call<'a>,
    leader: Leader<'a, FlightKey, Shared>,
    /// Held while computing, so that other processes wait
    lock: Option<FlightLock>,
    /// Whether the first look came to trouble, so that there is no second
    is_troubled: bool,
}

impl<'a> Lead<'a> {
    /// The duty of `call`.
    pub(super) fn new(
        call: &'a Call<'a>,
        leader: Leader<'a, FlightKey, Shared>,
        is_troubled: bool,
    ) -> Self {
        Self {
            call,
            leader,
            lock: None,
            is_troubled,
        }
    }

    /// Waits for another process that computes the same; either it turns out to have the value, or this call
    /// computes.
    pub(super) fn take_off<T: Clone + Send + Sync + 'static>(
        mut self,
        codec: &impl Codec<T>,
    ) -> Result<Self, T> {
        let cache = &self.call.ctx.cache;
        if let Some(locks) = self.locks() {
            let lock = locks.lock(&self.call.key.hash, cache.patience);
            self.lock = self.call.attempt("lock a key", lock).flatten();
        }
        self.look_again(codec)
    }

    /// The same without blocking the task: a thread waits.
    pub(super) async fn take_off_async<T: Clone + Send + Sync + 'static>(
        mut self,
        codec: &impl Codec<T>,
    ) -> Result<Self, T> {
        let (hash, cache) = (self.call.key.hash, &self.call.ctx.cache);
        if let Some(locks) = self.locks() {
            let lock = match locks.try_lock(&hash) {
                Ok(None) => locks.lock_async(hash, cache.patience).await,
                lock => lock,
            };
            self.lock = self.call.attempt("lock a key", lock).flatten();
        }
        self.look_again(codec)
    }

    /// The same without waiting at all: `None` if another process is at it, or has just been.
    pub(super) fn take_off_alone<T: Clone + Send + Sync + 'static>(
        mut self,
        codec: &impl Codec<T>,
    ) -> Option<Self> {
        if let Some(locks) = self.locks() {
            let lock = locks.try_lock(&self.call.key.hash);
            self.lock = match self.call.attempt("lock a key", lock) {
                Some(None) => return None,
                lock => lock.flatten(),
            };
        }
        self.look_again(codec).ok()
    }

    fn locks(&self) -> Option<&FlightLocks> {
        let cache = &self.call.ctx.cache;
        match self.call.function.options.residency.has_store() && cache.is_open() {
            true => cache.locks(),
            false => None,
        }
    }

    /// Between the first look and now, another one may have landed, here or in another process.
    fn look_again<T: Clone + Send + Sync + 'static>(
        self,
        codec: &impl Codec<T>,
    ) -> Result<Self, T> {
        if !self.is_troubled
            && let Ok(Some(found)) = self.call.look(codec, Old::Refused)
        {
            self.leader.land_with(|| Arc::new(found.value.clone()));
            return Err(found.value);
        }
        self.call.count(Event::Miss);
        Ok(self)
    }

    /// Runs the computation.
    pub(super) fn run<T>(&self, compute: impl FnOnce() -> T) -> T {
        self.leader.run(compute)
    }

    /// The same for a future.
    pub(super) async fn run_async<T>(&self, compute: impl Future<Output = T>) -> T {
        self.leader.run_async(compute).await
    }

    /// Keeps the value, unless something was cleared in the meantime, and hands it to those who wait.
    pub(super) fn land<T: Clone + Send + Sync + 'static>(
        self,
        codec: &impl Codec<T>,
        value: T,
        cost_ms: u64,
    ) -> T {
        let cache = &self.call.ctx.cache;
        // A store that could not be opened has been complained of.
        let kept = if cache.is_open() || !self.call.function.options.residency.has_store() {
            let kept = self.call.keep(codec, &value, Some(cost_ms));
            self.call.attempt("keep a result", kept)
        } else {
            None
        };
        // One copy is enough for memory and for those who wait.
        let copy = kept.and_then(|kept| kept.copy);
        self.leader
            .land_with(|| copy.unwrap_or_else(|| Arc::new(value.clone())));
        value
    }
}
