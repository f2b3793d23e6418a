//! The computation of a result, in two steps: a call begins, and later finishes it.
//!
//! The caller computes between them, so that none of this is compiled for the closure or the future
//! of each cached function.

use std::sync::Arc;
use std::time::Instant;

use super::leader::{Leadership, Spent, open_locks_async};
use super::{Call, StaleUse};
use crate::execution_cache::cache::fork;
use crate::execution_cache::codec::any::{AnyCodec, FoundResult, SharedCodec};
use crate::execution_cache::counters::Counted;
use crate::execution_cache::{ExecutionCache, FlightKey, Shared};
use crate::single_flight::{Flight, Inside, Joined, Landed, Leader};
use crate::time::{Timestamp, whole_millis};

/// The state of a call after it has looked for its result.
pub(in super::super) enum Begun<'a> {
    Found(FoundResult),
    Computing(Computation<'a>),
}

/// A computation that goes on. Dropped unfinished, it lets the next caller compute.
pub(in super::super) struct Computation<'a> {
    began_at: Timestamp,
    started: Instant,
    /// Marks the thread that computes; a future is marked while it is polled
    inside: Option<Inside>,
    /// Number of forks that led to the process in which it began
    forks: u64,
    role: Role<'a>,
}

/// The use of the result.
enum Role<'a> {
    /// It is compared with this hit
    Verifies(FoundResult, Option<Leadership<'a>>),
    /// It is stored and given to followers
    Leads(Leadership<'a>),
    /// It is stored, whatever was stored before
    Replaces(Leadership<'a>),
    /// It is returned, because another computation took too long or failed
    Alone,
}

/// The next step of a call.
enum Step<'a> {
    /// Return the result
    Hit(FoundResult),
    /// Recompute this result and compare
    Verify(FoundResult),
    /// Compute as the leader
    Lead(Leadership<'a>),
    /// Wait for the leader
    Wait(Arc<Flight<Shared>>),
}

impl<'a> Call<'a> {
    /// Looks in memory and in the store; on a miss, becomes the leader or a follower.
    fn step(&self, codec: &dyn AnyCodec, old: StaleUse) -> Step<'a> {
        let looked = self.look(codec, old);
        if let Ok(Some(found)) = looked {
            return if self.is_verified(&found) {
                Step::Verify(found)
            } else {
                Step::Hit(found)
            };
        }
        // A caller that arrives after a clear must not join a computation from before it.
        match self.function.flights.join(self.flight()) {
            Joined::Follower(flight) => Step::Wait(flight),
            Joined::Leader(leader) => Step::Lead(Leadership::new(leader, looked.is_err())),
        }
    }

    /// Looks for the result, waits for another computation of it, or begins one.
    pub(in super::super) fn begin(&self, codec: &dyn AnyCodec, old: StaleUse) -> Begun<'a> {
        let mut has_failed = false;
        let role = loop {
            match self.step(codec, old) {
                Step::Hit(found) => return Begun::Found(found),
                Step::Verify(hit) => {
                    self.note_clears_of_store();
                    let lead = Leadership::verifying(self.function, self);
                    break Role::Verifies(hit.owned(codec), lead);
                }
                Step::Lead(lead) => match lead.locked(self).take_off(self, codec) {
                    Ok(lead) => break Role::Leads(lead),
                    Err(found) => return Begun::Found(found),
                },
                // Callers of a function that fails do not wait for each of the others.
                Step::Wait(_) if has_failed => break Role::Alone,
                Step::Wait(flight) => match flight.wait(self.ctx.cache.patience) {
                    Some(landed) => {
                        has_failed = !matches!(landed, Landed::Abandoned);
                        if let Some(found) = self.landed(codec, landed) {
                            return Begun::Found(found);
                        }
                        self.renew_clears();
                    }
                    None => break Role::Alone,
                },
            }
        };
        Begun::Computing(Computation::new(self, role).entered())
    }

    /// Begins a computation whatever is cached.
    pub(in super::super) fn recompute(&self) -> Computation<'a> {
        self.note_clears_of_store();
        let lead = Leadership::superseding(self.function, self);
        Computation::new(self, Role::Replaces(lead)).entered()
    }

    /// Begins a computation in the background, unless another process computes or there is a fresh
    /// result.
    pub(in super::super) fn take_over(
        &self,
        leader: Leader<'a, FlightKey, Shared>,
        codec: &dyn AnyCodec,
    ) -> Option<Computation<'a>> {
        let lead = Leadership::refreshing(leader).locked_at_once(self)?;
        let lead = lead.take_off(self, codec).ok()?;
        Some(Computation::new(self, Role::Leads(lead)).entered())
    }
}

/// For asynchronous calls: a worker runs the slow steps.
impl Call<'_> {
    /// Like [`Call::begin`], without blocking the task.
    pub(in super::super) async fn begin_async(
        &self,
        function: &'static ExecutionCache,
        codec: &SharedCodec,
        old: StaleUse,
    ) -> Begun<'static> {
        let mut has_failed = false;
        let role = loop {
            let looked = match self.quick_hit(&**codec, old) {
                Some(found) => Ok(Some(found)),
                None => self.look_async(function, codec, old).await,
            };
            let is_troubled = looked.is_err();
            if let Ok(Some(found)) = looked {
                if self.is_verified(&found) {
                    let found = self.owned_async(function, codec, found).await;
                    self.on_worker(function, |call| call.note_clears_of_store())
                        .await;
                    let lead = Leadership::verifying(function, self);
                    break Role::Verifies(found.owned(&**codec), lead);
                }
                return Begun::Found(found);
            }
            // A caller that arrives after a clear must not join a computation from before it.
            match function.flights.join(self.flight()) {
                Joined::Leader(leader) => {
                    let attention = leader.attention();
                    let lead = Leadership::new(leader, is_troubled);
                    let take_off = async {
                        let lead = lead.locked_async(function, self).await;
                        lead.take_off_async(function, self, codec).await
                    };
                    match attention.watch(take_off).await {
                        Ok(lead) => break Role::Leads(lead),
                        Err(found) => return Begun::Found(found),
                    }
                }
                // As for threads.
                Joined::Follower(_) if has_failed => break Role::Alone,
                Joined::Follower(flight) => match flight.landed(self.ctx.cache.patience).await {
                    Some(landed) => {
                        has_failed = !matches!(landed, Landed::Abandoned);
                        if let Some(found) = self.landed(&**codec, landed) {
                            let found = self.owned_async(function, codec, found);
                            return Begun::Found(found.await);
                        }
                        self.renew_clears();
                    }
                    None => break Role::Alone,
                },
            }
        };
        Begun::Computing(Computation::new(self, role))
    }

    /// Like [`Call::recompute`], without blocking the task: a write of the function's may be going
    /// on, for which a computation that supersedes others waits.
    pub(in super::super) async fn recompute_async(
        &self,
        function: &'static ExecutionCache,
    ) -> Computation<'static> {
        let lead = move |call: &Call<'_>| {
            call.note_clears_of_store();
            Leadership::superseding(function, call)
        };
        let lead = self.on_worker(function, lead).await;
        Computation::new(self, Role::Replaces(lead))
    }

    /// Like [`Call::take_over`], without blocking the task.
    pub(super) async fn take_over_async(
        &self,
        function: &'static ExecutionCache,
        leader: Leader<'static, FlightKey, Shared>,
        codec: &SharedCodec,
    ) -> Option<Computation<'static>> {
        open_locks_async(function, self).await;
        let lead = Leadership::refreshing(leader).locked_at_once(self)?;
        let lead = lead.take_off_async(function, self, codec).await.ok()?;
        Some(Computation::new(self, Role::Leads(lead)))
    }
}

impl<'a> Role<'a> {
    fn lead(&self) -> Option<&Leadership<'a>> {
        match self {
            Self::Leads(lead) | Self::Replaces(lead) => Some(lead),
            Self::Verifies(_, lead) => lead.as_ref(),
            Self::Alone => None,
        }
    }
}

impl<'a> Computation<'a> {
    fn new(call: &Call<'_>, role: Role<'a>) -> Self {
        call.count(Counted::Computation);
        match role {
            Role::Replaces(_) => call.count(Counted::Refresh),
            Role::Alone => call.count(Counted::Miss),
            Role::Verifies(..) | Role::Leads(_) => {}
        }
        Self {
            began_at: call.ctx.cache.now(),
            started: Instant::now(),
            inside: None,
            forks: fork::count(),
            role,
        }
    }

    /// Marks this thread as computing.
    pub(in super::super) fn entered(mut self) -> Self {
        self.inside = self.role.lead().map(Leadership::enter);
        self
    }

    /// Runs the future that computes.
    pub(in super::super) async fn run_async<T>(&self, compute: impl Future<Output = T>) -> T {
        match self.role.lead() {
            Some(lead) => lead.run_async(compute).await,
            None => compute.await,
        }
    }

    /// Stores the result as its role requires; `None` says that there is none because of an error.
    ///
    /// Returns the result that is served in place of the error, if any: it needs no copy, which
    /// might panic when the error is gone.
    pub(in super::super) fn finish(
        self,
        call: &Call<'_>,
        codec: &dyn AnyCodec,
        computed: Option<&Shared>,
    ) -> Option<FoundResult> {
        let spent = self.spent(call);
        self.finish_after(spent, call, codec, computed)
    }

    fn finish_after(
        self,
        spent: Spent,
        call: &Call<'_>,
        codec: &dyn AnyCodec,
        computed: Option<&Shared>,
    ) -> Option<FoundResult> {
        if self.is_of_parent() {
            self.leave_to_parent();
            return None;
        }
        drop(self.inside);
        call.spend(spent.cost_ms);
        match (self.role, computed) {
            (Role::Verifies(hit, lead), Some(value)) => {
                call.verify(codec, hit.any(), value, spent, lead.as_ref());
                None
            }
            // A recomputation that fails says nothing against the hit.
            (Role::Verifies(hit, _), None) => Some(hit),
            (Role::Leads(lead), Some(value)) => {
                lead.land(call, codec, value, spent);
                None
            }
            (Role::Leads(lead), None) => {
                lead.fail();
                call.after_error(codec)
            }
            (Role::Alone, None) => call.after_error(codec),
            (Role::Replaces(lead), Some(value)) => {
                call.find_place();
                lead.land(call, codec, value, spent);
                None
            }
            (Role::Replaces(lead), None) => {
                lead.fail();
                None
            }
            (Role::Alone, Some(_)) => None,
        }
    }

    /// Reports whether the process was forked by the computation itself.
    fn is_of_parent(&self) -> bool {
        self.forks != fork::count()
    }

    /// Leaves the key, the followers and the store to the parent. In the child, locks that threads
    /// of the parent held stay locked, and operations on the parent's store wait for ever.
    fn leave_to_parent(self) {
        drop(self.inside);
        std::mem::forget(self.role);
    }

    fn spent(&self, call: &Call<'_>) -> Spent {
        Spent {
            began_at: self.began_at,
            ended_at: call.ctx.cache.now(),
            cost_ms: whole_millis(self.started.elapsed()),
        }
    }
}

impl Computation<'static> {
    /// Stores the result without blocking the task; afterwards the caller is the only owner of
    /// `value` again. If the task is dropped meanwhile, the result is stored and published all the
    /// same.
    pub(in super::super) async fn finish_async(
        self,
        function: &'static ExecutionCache,
        call: &Call<'_>,
        codec: &SharedCodec,
        value: Shared,
    ) {
        if matches!(self.role, Role::Alone) {
            return;
        }
        if self.is_of_parent() {
            return self.leave_to_parent();
        }
        let (spent, codec) = (self.spent(call), codec.clone());
        let finish = move |call: &Call<'_>| {
            self.finish_after(spent, call, &*codec, Some(&value));
        };
        call.on_worker(function, finish).await;
    }
}
