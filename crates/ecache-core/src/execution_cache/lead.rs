//! Computes a result as the leader, on behalf of all followers.

use std::sync::Arc;

use super::call::{Call, Found, Old, Troubled};
use super::codec::Codec;
use super::counters::Event;
use super::{ExecutionCache, FlightKey, Shared};
use crate::single_flight::{FlightLock, FlightLocks, Inside, Leader};

/// The leadership of a computation. Dropped without a value, it lets the next caller compute.
pub(super) struct Lead<'a> {
    leader: Leader<'a, FlightKey, Shared>,
    /// Held while computing, so that other processes wait
    lock: Option<FlightLock>,
    /// Set if the first look-up failed, so that there is no second one
    is_troubled: bool,
}

impl<'a> Lead<'a> {
    /// Creates the lead of a computation.
    pub(super) fn new(leader: Leader<'a, FlightKey, Shared>, is_troubled: bool) -> Self {
        Self {
            leader,
            lock: None,
            is_troubled,
        }
    }

    /// Locks the key; waits while another process holds the lock.
    pub(super) fn locked(mut self, call: &Call<'_>) -> Self {
        if let Some(locks) = locks(call) {
            let lock = locks.lock(&call.key.hash, call.ctx.cache.patience);
            self.lock = call.attempt("lock a key", lock).flatten();
        }
        self
    }

    /// Like [`Lead::locked`], without blocking the task.
    pub(super) async fn locked_async(mut self, call: &Call<'_>) -> Self {
        if let Some(locks) = locks(call) {
            let lock = locks.lock_async(&call.key.hash, call.ctx.cache.patience);
            self.lock = call.attempt("lock a key", lock.await).flatten();
        }
        self
    }

    /// Locks the key; `None` if another process holds the lock.
    pub(super) fn locked_at_once(mut self, call: &Call<'_>) -> Option<Self> {
        if let Some(locks) = locks(call) {
            let lock = locks.try_lock(&call.key.hash);
            self.lock = match call.attempt("lock a key", lock) {
                Some(None) => return None,
                lock => lock.flatten(),
            };
        }
        Some(self)
    }

    /// Looks the call up again: since the first look, another thread or process may have stored its
    /// result. Returns that as `Err`.
    pub(super) fn take_off<T: Clone + Send + Sync + 'static>(
        self,
        call: &Call<'_>,
        codec: &impl Codec<T>,
    ) -> Result<Self, T> {
        let looked = if self.is_troubled {
            Err(Troubled)
        } else {
            call.look(codec, Old::Refused)
        };
        self.unless_found(call, looked)
    }

    fn unless_found<T: Clone + Send + Sync + 'static>(
        self,
        call: &Call<'_>,
        looked: Result<Option<Found<T>>, Troubled>,
    ) -> Result<Self, T> {
        if let Ok(Some(found)) = looked {
            self.leader.land_with(|| Arc::new(found.value.clone()));
            return Err(found.value);
        }
        call.count(Event::Miss);
        Ok(self)
    }

    /// Marks the thread as computing, until the returned guard is dropped.
    pub(super) fn enter(&self) -> Inside {
        self.leader.enter()
    }

    /// Runs the computation.
    pub(super) fn run<T>(&self, compute: impl FnOnce() -> T) -> T {
        self.leader.run(compute)
    }

    /// Like [`Lead::run`], for a future.
    pub(super) async fn run_async<T>(&self, compute: impl Future<Output = T>) -> T {
        self.leader.run_async(compute).await
    }

    /// Stores the value, unless something was cleared in the meantime, and publishes it to
    /// followers.
    pub(super) fn land<T: Clone + Send + Sync + 'static>(
        self,
        call: &Call<'_>,
        codec: &impl Codec<T>,
        value: T,
        cost_ms: u64,
    ) -> T {
        // A store that could not be opened has already been reported.
        let is_open = call.ctx.cache.is_open() || !call.function.options.residency.has_store();
        let kept = is_open.then(|| call.keep_or_complain(codec, &value, cost_ms));
        // One copy serves both memory and the followers.
        let copy = kept.flatten().and_then(|kept| kept.copy);
        self.leader
            .land_with(|| copy.unwrap_or_else(|| Arc::new(value.clone())));
        value
    }
}

/// For asynchronous calls: a worker runs the slow steps.
impl Lead<'static> {
    /// Like [`Lead::take_off`], without blocking the task.
    pub(super) async fn take_off_async<T, C>(
        self,
        function: &'static ExecutionCache,
        call: &Call<'_>,
        codec: &Arc<C>,
    ) -> Result<Self, T>
    where
        T: Clone + Send + Sync + 'static,
        C: Codec<T> + Send + Sync + 'static,
    {
        let looked = if self.is_troubled {
            Err(Troubled)
        } else {
            call.look_async(function, codec, Old::Refused).await
        };
        self.unless_found(call, looked)
    }

    /// Like [`Lead::land`], without blocking the task. If the task is dropped meanwhile, the value
    /// is stored and published all the same.
    pub(super) async fn land_async<T, C>(
        self,
        function: &'static ExecutionCache,
        call: &Call<'_>,
        codec: &Arc<C>,
        value: T,
        cost_ms: u64,
    ) -> T
    where
        T: Clone + Send + Sync + 'static,
        C: Codec<T> + Send + Sync + 'static,
    {
        let codec = codec.clone();
        let land = move |call: &Call<'_>| self.land(call, &*codec, value, cost_ms);
        call.on_worker(function, land).await
    }
}

fn locks<'a>(call: &'a Call<'_>) -> Option<&'a FlightLocks> {
    let cache = &call.ctx.cache;
    if call.function.options.residency.has_store() && cache.is_open() {
        cache.locks()
    } else {
        None
    }
}
