//! Computes a result as the leader, on behalf of all followers.

use std::sync::RwLockReadGuard;

use super::{Call, StaleUse};
use crate::execution_cache::codec::any::{AnyCodec, FoundResult, SharedCodec, copied};
use crate::execution_cache::counters::Counted;
use crate::execution_cache::{ExecutionCache, FlightKey, Shared};
use crate::single_flight::{FlightLock, FlightLocks, Inside, Joined, Leader};
use crate::time::Timestamp;

/// The time of a computation that has ended.
#[derive(Clone, Copy)]
pub(in super::super) struct Spent {
    pub(in super::super) began_at: Timestamp,
    pub(in super::super) ended_at: Timestamp,
    pub(in super::super) cost_ms: u64,
}

/// The leadership of a computation. Dropped without a value, it lets the next caller compute.
pub(in super::super) struct Leadership<'a> {
    leader: Leader<'a, FlightKey, Shared>,
    /// Held while computing, so that other processes wait
    lock: Option<FlightLock>,
    /// Set if the first look-up failed, so that there is no second one
    is_troubled: bool,
    /// Set if there is a result, which is computed again because of its age
    is_refresh: bool,
}

impl<'a> Leadership<'a> {
    /// Creates the leadership of a computation.
    pub(in super::super) fn new(leader: Leader<'a, FlightKey, Shared>, is_troubled: bool) -> Self {
        Self {
            leader,
            lock: None,
            is_troubled,
            is_refresh: false,
        }
    }

    /// Creates the leadership of a refresh in the background.
    pub(in super::super) fn refreshing(leader: Leader<'a, FlightKey, Shared>) -> Self {
        Self {
            is_refresh: true,
            ..Self::new(leader, false)
        }
    }

    /// Creates the leadership of a computation or a write that supersedes older computations.
    pub(in super::super) fn superseding(function: &'a ExecutionCache, call: &Call<'_>) -> Self {
        Self::new(function.supersede(call.flight()), false)
    }

    /// Returns the leadership of a computation that is compared with a hit; `None` if the call is
    /// being computed already.
    pub(super) fn verifying(function: &'a ExecutionCache, call: &Call<'_>) -> Option<Self> {
        match function.flights.join(call.flight()) {
            Joined::Leader(leader) => Some(Self::new(leader, false)),
            Joined::Follower(_) => None,
        }
    }

    /// Returns a guard that makes clears wait, under which the result may be stored; `None` if it
    /// may be outdated.
    pub(in super::super) fn keeping<'b>(
        &self,
        call: &'b Call<'_>,
    ) -> Option<RwLockReadGuard<'b, ()>> {
        let keeping = call.function.keep_since(call.clears())?;
        (!self.leader.is_outdated()).then_some(keeping)
    }

    /// Locks the key; waits while another process holds the lock.
    pub(super) fn locked(mut self, call: &Call<'_>) -> Self {
        if let Some(locks) = locks(call) {
            let mut lock = locks.try_lock(call.hash());
            if matches!(lock, Ok(None)) {
                lock = locks.lock(call.hash(), call.ctx.cache.patience);
                call.renew_clears();
            }
            self.lock = call.attempt("lock a key", lock).flatten();
        }
        self
    }

    /// Like [`Leadership::locked`], without blocking the task.
    pub(super) async fn locked_async(
        mut self,
        function: &'static ExecutionCache,
        call: &Call<'_>,
    ) -> Self {
        open_locks_async(function, call).await;
        if let Some(locks) = locks(call) {
            let mut lock = locks.try_lock(call.hash());
            if matches!(lock, Ok(None)) {
                let free = locks.lock_async(call.hash(), call.ctx.cache.patience);
                lock = free.await;
                call.renew_clears();
            }
            self.lock = call.attempt("lock a key", lock).flatten();
        }
        self
    }

    /// Locks the key; `None` if another process holds the lock.
    pub(super) fn locked_at_once(mut self, call: &Call<'_>) -> Option<Self> {
        if let Some(locks) = locks(call) {
            let lock = locks.try_lock(call.hash());
            self.lock = match call.attempt("lock a key", lock) {
                Some(None) => return None,
                lock => lock.flatten(),
            };
        }
        Some(self)
    }

    /// Looks the call up again: since the first look, another thread or process may have stored its
    /// result. Returns that as `Err`.
    pub(super) fn take_off(
        self,
        call: &Call<'_>,
        codec: &dyn AnyCodec,
    ) -> Result<Self, FoundResult> {
        if !self.is_troubled
            && let Ok(Some(found)) = call.look(codec, StaleUse::Refused)
        {
            self.leader.land_with(|| Some(found.shared().clone()));
            return Err(found);
        }
        Ok(self.counted(call))
    }

    /// Counts that the result is computed.
    fn counted(self, call: &Call<'_>) -> Self {
        call.count(if self.is_refresh {
            Counted::Refresh
        } else {
            Counted::Miss
        });
        self
    }

    /// Marks the thread as computing, until the returned guard is dropped.
    pub(in super::super) fn enter(&self) -> Inside {
        self.leader.enter(self.lock.as_ref())
    }

    /// Runs the computation as a future.
    pub(in super::super) async fn run_async<T>(&self, compute: impl Future<Output = T>) -> T {
        self.leader.run_async(self.lock.as_ref(), compute).await
    }

    /// Tells the followers that there is no result: each computes by itself.
    pub(in super::super) fn fail(self) {
        self.leader.fail();
    }

    /// Stores the value, unless it may be outdated, and publishes it to followers.
    pub(in super::super) fn land(
        self,
        call: &Call<'_>,
        codec: &dyn AnyCodec,
        value: &Shared,
        spent: Spent,
    ) {
        // A store that could not be opened has already been reported.
        let is_open = call.ctx.cache.is_open() || !call.function.options.residency.has_store();
        let kept = is_open.then(|| call.keep_or_complain(codec, value, spent, &self));
        // One copy serves both memory and the followers.
        let copy = kept.flatten().and_then(|kept| kept.copy);
        self.leader
            .land_with(|| copy.or_else(|| call.attempt("copy a result", copied(codec, &**value))));
    }
}

/// For asynchronous calls: a worker runs the slow steps.
impl Leadership<'static> {
    /// Like [`Leadership::take_off`], without blocking the task.
    pub(super) async fn take_off_async(
        self,
        function: &'static ExecutionCache,
        call: &Call<'_>,
        codec: &SharedCodec,
    ) -> Result<Self, FoundResult> {
        if self.is_troubled || !call.may_be_found() {
            return Ok(self.counted(call));
        }
        let codec = codec.clone();
        let take_off = move |call: &Call<'_>| {
            let taken = self.take_off(call, &*codec);
            taken.map_err(|found| found.owned(&*codec))
        };
        call.on_worker(function, take_off).await
    }
}

/// Opens the file of locks on a worker, if it is not open yet.
pub(super) async fn open_locks_async(function: &'static ExecutionCache, call: &Call<'_>) {
    if !call.ctx.cache.has_tried_locks() {
        let open = |call: &Call<'_>| {
            locks(call);
        };
        call.on_worker(function, open).await;
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
