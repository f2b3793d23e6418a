//! Flights within a process.
//!
//! A leader may need another key, whose leader may need this one: they would wait for each other.
//! Each wait is therefore recorded as a pair of flights, and one that would close a cycle is
//! refused; the caller then computes by itself.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::attention::{Attention, UNATTENDED_AFTER};
use super::inherited::Held;
use super::interrupt;
use super::locks::FlightLock;
use super::timer::Timer;
use crate::sync::lock;

/// Pairs of flights, over all functions: the first waits for the second.
static WAITING: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());

thread_local! {
    /// The flight whose computation this thread is in, 0 for none
    static CURRENT: Cell<u64> = const { Cell::new(0) };

    /// The last flight whose computation was abandoned on this thread
    static ABANDONED: Cell<u64> = const { Cell::new(0) };
}

/// Says that the computation that this thread is in ends from outside, as by Ctrl-C. Unlike a
/// failure, this says nothing about the next attempt: one follower makes it, and the others wait.
pub fn abandon() {
    ABANDONED.set(CURRENT.get());
}

/// The computations that are going on, by key.
///
/// `V` is the value that a leader hands to its followers.
pub struct Flights<K, V> {
    going_on: Mutex<HashMap<K, Arc<Flight<V>>>>,
}

debug_fields!(impl[K, V] Flights<K, V> {});

/// One computation.
pub struct Flight<V> {
    id: u64,
    state: Mutex<State<V>>,
    landed: Condvar,
    attention: Arc<Attention>,
    /// Set once another flight has replaced it
    is_outdated: AtomicBool,
}

debug_fields!(impl[V] Flight<V> { id });

enum State<V> {
    Flying {
        /// The tasks that wait
        wakers: Vec<Waker>,
        /// Set when a thread waits; waking none would still cost a system call
        has_threads: bool,
    },
    Landed(Landed<V>),
}

/// The end of a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landed<V> {
    /// With a value
    Value(V),
    /// Without one: it failed, panicked, or its value is not to be shared. Followers that waited
    /// for one another now would take as many times as long as without a cache
    Nothing,
    /// Without an end, since its leader was dropped, as a future may be. One of the followers leads
    Abandoned,
}

/// The caller's role after joining a flight.
#[derive(Debug)]
pub enum Joined<'a, K: Clone + Eq + Hash, V: Clone> {
    /// The caller computes
    Leader(Leader<'a, K, V>),
    /// The caller waits for the leader
    Follower(Arc<Flight<V>>),
}

/// The duty to end a flight; dropping it ends it without a value.
pub struct Leader<'a, K: Clone + Eq + Hash, V: Clone> {
    flights: &'a Flights<K, V>,
    key: K,
    flight: Arc<Flight<V>>,
}

debug_fields!(impl[K: Clone + Eq + Hash, V: Clone] Leader<'_, K, V> { flight });

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self {
            going_on: Mutex::default(),
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Flights<K, V> {
    /// Joins the flight of a key, or starts it.
    pub fn join(&self, key: K) -> Joined<'_, K, V> {
        let mut going_on = lock(&self.going_on);
        match going_on.get(&key) {
            Some(flight) => Joined::Follower(flight.clone()),
            None => Joined::Leader(self.start(key, &mut going_on)),
        }
    }

    /// Starts a flight of a key in place of those that go on under keys which `is_older` accepts:
    /// their values are then [outdated](Leader::is_outdated).
    pub fn replace(&self, key: K, is_older: impl Fn(&K) -> bool) -> Leader<'_, K, V> {
        let mut going_on = lock(&self.going_on);
        let older = going_on.iter().filter(|(key, _)| is_older(key));
        older.for_each(|(_, flight)| flight.is_outdated.store(true, Ordering::Release));
        self.start(key, &mut going_on)
    }

    fn start(&self, key: K, going_on: &mut HashMap<K, Arc<Flight<V>>>) -> Leader<'_, K, V> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let flight = Arc::new(Flight {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            state: Mutex::new(State::Flying {
                wakers: Vec::new(),
                has_threads: false,
            }),
            landed: Condvar::new(),
            attention: Arc::default(),
            is_outdated: AtomicBool::new(false),
        });
        going_on.insert(key.clone(), flight.clone());
        Leader {
            flights: self,
            key,
            flight,
        }
    }
}

/// The pair in [`WAITING`] of a waiter.
struct Waiting {
    pair: (u64, u64),
}

impl Waiting {
    /// Registers that the current computation waits for `flight`, unless that closes a circle.
    fn start(flight: u64) -> Option<Self> {
        let current = CURRENT.get();
        let mut waiting = lock(&WAITING);
        // A caller outside of any flight has no followers.
        if current != 0 {
            let mut reached = vec![flight];
            while let Some(next) = reached.pop() {
                if next == current {
                    return None;
                }
                let further = waiting.iter().filter(|(from, _)| *from == next);
                reached.extend(further.map(|(_, to)| *to));
            }
        }
        let pair = (current, flight);
        waiting.push(pair);
        Some(Self { pair })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = lock(&WAITING);
        if let Some(index) = waiting.iter().position(|pair| *pair == self.pair) {
            waiting.swap_remove(index);
        }
    }
}

/// Holds the waits still during a fork.
pub(super) struct Still(MutexGuard<'static, Vec<(u64, u64)>>);

impl Still {
    pub(super) fn hold() -> Self {
        Self(lock(&WAITING))
    }

    /// Forgets the waits of the parent, in a forked child.
    pub(super) fn in_child(mut self) {
        self.0.clear();
    }
}

/// Marks the thread as being in a flight's computation.
pub(crate) struct Inside {
    before: u64,
    _held: Option<Held>,
}

impl Inside {
    fn enter(flight: u64, lock: Option<&FlightLock>) -> Self {
        Self {
            before: CURRENT.replace(flight),
            _held: lock.map(FlightLock::held),
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

impl<V: Clone> Flight<V> {
    /// Waits for the flight to end, no longer than `patience`; `None` if it has not ended then, or
    /// if the wait is [interrupted](super::interrupt_waits_with).
    ///
    /// Also `None`, at once, if waiting would close a circle.
    pub fn wait(&self, patience: Duration) -> Option<Landed<V>> {
        let _waiting = Waiting::start(self.id)?;
        let started = Instant::now();
        let mut state = lock(&self.state);
        loop {
            match &mut *state {
                State::Landed(landed) => return Some(landed.clone()),
                State::Flying { has_threads, .. } => *has_threads = true,
            }
            let left = patience.checked_sub(started.elapsed())?;
            let Some(pause) = interrupt::pause() else {
                let waited = self.landed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            };
            let waited = self.landed.wait_timeout(state, left.min(pause));
            // The check may take other locks, and wait for a thread that needs this one.
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            if interrupt::is_interrupted() {
                return None;
            }
            state = lock(&self.state);
        }
    }

    /// Waits for the flight to end as a future of any runtime, no longer than `patience`; `None` if
    /// it has not ended then, or if its leader is a future that is woken and no longer polled.
    ///
    /// Also `None`, at once, if waiting would close a circle.
    pub async fn landed(&self, patience: Duration) -> Option<Landed<V>> {
        let _waiting = Waiting::start(self.id)?;
        let started = Instant::now();
        let mut timer = Timer::after(patience.min(UNATTENDED_AFTER));
        std::future::poll_fn(|context| {
            match &mut *lock(&self.state) {
                State::Landed(landed) => return Poll::Ready(Some(landed.clone())),
                State::Flying { wakers, .. } => {
                    if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                        wakers.push(context.waker().clone());
                    }
                }
            }
            while timer.poll(context.waker()).is_ready() {
                let left = patience.saturating_sub(started.elapsed());
                if left.is_zero() || self.attention.is_lost() || !timer.is_over() {
                    return Poll::Ready(None);
                }
                timer = Timer::after(left.min(UNATTENDED_AFTER));
            }
            Poll::Pending
        })
        .await
    }

    fn land(&self, landed: Landed<V>) {
        let mut state = lock(&self.state);
        let before = std::mem::replace(&mut *state, State::Landed(landed));
        drop(state);
        if let State::Flying {
            wakers,
            has_threads,
        } = before
        {
            if has_threads {
                self.landed.notify_all();
            }
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Leader<'_, K, V> {
    /// Marks the thread as computing for this flight under this lock, until the returned guard is
    /// dropped.
    pub(crate) fn enter(&self, lock: Option<&FlightLock>) -> Inside {
        Inside::enter(self.flight.id, lock)
    }

    /// Runs the computation, and attributes the waits within it to this flight.
    pub fn run<T>(&self, compute: impl FnOnce() -> T) -> T {
        let _inside = self.enter(None);
        compute()
    }

    /// Runs a future as [`Leader::run`] does a function, under this lock.
    pub async fn run_async<T>(
        &self,
        lock: Option<&FlightLock>,
        compute: impl Future<Output = T>,
    ) -> T {
        let mut compute = pin!(compute);
        let compute = std::future::poll_fn(|context| {
            let _inside = self.enter(lock);
            compute.as_mut().poll(context)
        });
        self.attention().watch(compute).await
    }

    /// Reports whether another flight has [replaced](Flights::replace) this one.
    pub fn is_outdated(&self) -> bool {
        self.flight.is_outdated.load(Ordering::Acquire)
    }

    /// Returns the record of wakes and polls of the future that leads.
    pub(crate) fn attention(&self) -> Arc<Attention> {
        self.flight.attention.clone()
    }

    /// Ends the flight, and publishes the value to the followers.
    pub fn land(self, value: V) {
        self.end(Landed::Value(value));
    }

    /// Publishes the value like `land`, if there is one, but computes it only if there are
    /// followers.
    pub fn land_with(self, value: impl FnOnce() -> Option<V>) {
        self.leave();
        // Later callers start another flight, so only the current followers hold this one.
        self.flight.land(match Arc::strong_count(&self.flight) {
            1 => Landed::Nothing,
            _ => value().map_or(Landed::Nothing, Landed::Value),
        });
    }

    /// Ends the flight without a value: its computation failed, or was [abandoned](abandon).
    pub fn fail(self) {
        let is_abandoned = ABANDONED.get() == self.flight.id;
        self.end(if is_abandoned {
            Landed::Abandoned
        } else {
            Landed::Nothing
        });
    }

    fn end(&self, landed: Landed<V>) {
        // First out of the map: who comes now begins anew.
        self.leave();
        self.flight.land(landed);
    }

    /// Removes the flight from the map, unless another one has replaced it.
    fn leave(&self) {
        let mut going_on = lock(&self.flights.going_on);
        if going_on
            .get(&self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            going_on.remove(&self.key);
        }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Drop for Leader<'_, K, V> {
    fn drop(&mut self) {
        // Does nothing to a flight that has landed.
        if matches!(*lock(&self.flight.state), State::Flying { .. }) {
            self.end(if std::thread::panicking() {
                Landed::Nothing
            } else {
                Landed::Abandoned
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn one_of_many_threads_leads_and_the_others_get_its_value() {
        let flights: Flights<&str, usize> = Flights::default();
        let (computed, barrier) = (AtomicUsize::new(0), Barrier::new(8));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    let value = match flights.join("k") {
                        Joined::Leader(leader) => {
                            computed.fetch_add(1, Ordering::SeqCst);
                            // Until all the others wait.
                            while Arc::strong_count(&leader.flight) < 2 + 7 {
                                std::thread::yield_now();
                            }
                            leader.land(42);
                            42
                        }
                        Joined::Follower(flight) => match flight.wait(PATIENCE) {
                            Some(Landed::Value(value)) => value,
                            other => panic!("{other:?}"),
                        },
                    };
                    assert_eq!(value, 42);
                });
            }
        });
        assert_eq!(computed.into_inner(), 1);
    }

    #[test]
    fn a_leader_that_panics_lets_the_next_one_in() {
        let flights: Flights<&str, usize> = Flights::default();
        let panicked = std::thread::scope(|scope| {
            let leading = scope.spawn(|| {
                let Joined::Leader(_leader) = flights.join("k") else {
                    panic!("no other leads");
                };
                panic!("the computation panics");
            });
            leading.join().is_err()
        });
        assert!(panicked);
        assert!(matches!(flights.join("k"), Joined::Leader(_)));
    }

    #[test]
    fn a_flight_that_replaces_another_has_the_later_followers() {
        let flights: Flights<&str, usize> = Flights::default();
        let older = flights.replace("k", |_| true);
        let newer = flights.replace("k", |_| true);
        assert!(older.is_outdated() && !newer.is_outdated());
        let Joined::Follower(follower) = flights.join("k") else {
            panic!("the newer one leads");
        };
        older.land(1);
        assert!(matches!(flights.join("k"), Joined::Follower(_)));
        newer.land(2);
        assert_eq!(follower.wait(PATIENCE), Some(Landed::Value(2)));
    }

    #[test]
    fn waiting_for_oneself_returns_at_once() {
        let flights: Flights<&str, usize> = Flights::default();
        let Joined::Leader(leader) = flights.join("k") else {
            panic!("no other leads");
        };
        leader.run(|| {
            let Joined::Follower(flight) = flights.join("k") else {
                panic!("this thread leads");
            };
            assert_eq!(flight.wait(PATIENCE), None);
        });
    }

    #[test]
    fn two_computations_that_need_each_other_do_not_wait_for_ever() {
        let flights: Flights<&str, usize> = Flights::default();
        let barrier = Barrier::new(2);
        let run = |own: &'static str, other: &'static str| {
            let Joined::Leader(leader) = flights.join(own) else {
                panic!("no other leads {own}");
            };
            barrier.wait();
            let landed = leader.run(|| {
                let Joined::Follower(flight) = flights.join(other) else {
                    panic!("the other thread leads {other}");
                };
                flight.wait(PATIENCE)
            });
            leader.land(1);
            landed.is_none()
        };
        let refused = std::thread::scope(|scope| {
            let one = scope.spawn(|| run("a", "b"));
            let two = scope.spawn(|| run("b", "a"));
            [one.join().expect("no panic"), two.join().expect("no panic")]
        });
        assert_eq!(refused.iter().filter(|refused| **refused).count(), 1);
    }
}
