//! One computation per key at a time, among threads and among tasks.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll};
use std::time::Instant;

use super::*;
use futures_executor::{ThreadPool, block_on};

#[test]
fn sixteen_threads_that_ask_at_once_compute_once() {
    for residency in [
        Residency::Transient,
        Residency::Ephemeral,
        Residency::Hybrid,
    ] {
        let (function, ctx, barrier) = (Function::of(residency), in_memory(), Barrier::new(16));
        let call = || {
            barrier.wait();
            function.cache.call(&ctx, &StoredForm, one("a"), || {
                std::thread::sleep(Duration::from_millis(30));
                7
            })
        };
        let results: Vec<i32> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(call)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a result"))
                .collect()
        });
        assert_eq!(results, [7; 16]);
        let counters = function.cache.counters();
        assert_eq!(
            (counters.computations, counters.misses),
            (1, 1),
            "{residency:?}"
        );
        assert_eq!(
            counters.followers + counters.memory_hits + counters.store_hits,
            15
        );
    }
}

#[test]
fn other_keys_do_not_wait() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    let result = function.cache.call(&ctx, &StoredForm, one("a"), || {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| function.call(&ctx, "b", 1));
            other.join().expect("a result") + 1
        })
    });
    assert_eq!(result, 2);
}

#[test]
fn a_leader_that_panics_lets_the_next_one_in_at_once() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    let (computing, is_computing) = mpsc::channel();
    std::thread::scope(|scope| {
        let (function, ctx) = (&function, &ctx);
        let leader = scope.spawn(move || {
            function.cache.call(ctx, &StoredForm, one("a"), || {
                computing.send(()).expect("the test listens");
                std::thread::sleep(Duration::from_millis(20));
                panic!("the computation panics");
            })
        });
        is_computing.recv().expect("it computes");
        assert_eq!(function.call(ctx, "a", 2), 2);
        let _: Result<i32, _> = leader.join();
    });
    assert_eq!(function.call(&ctx, "a", 3), 2);
}

/// The computations of a function that fails while several callers wait for it.
#[derive(Default)]
struct Failing {
    started: AtomicUsize,
}

impl Failing {
    const CALLERS: usize = 8;

    /// Ends the first computation; ends the others once all have started.
    async fn fail(&self) -> Result<i32, ()> {
        if self.started.fetch_add(1, Ordering::SeqCst) == 0 {
            busy_for(Duration::from_millis(100)).await;
            return Err(());
        }
        let since = Instant::now();
        while self.started.load(Ordering::SeqCst) < Self::CALLERS {
            assert!(since.elapsed().as_secs() < 20, "they wait for one another");
            busy_for(Duration::from_millis(5)).await;
        }
        Err(())
    }
}

#[test]
fn callers_of_a_function_that_fails_do_not_wait_for_each_of_the_others() {
    for residency in [
        Residency::Transient,
        Residency::Ephemeral,
        Residency::Hybrid,
    ] {
        let (function, ctx, failing) = (leaked(residency), in_memory(), Failing::default());
        let call = || {
            let compute = || block_on(failing.fail());
            function
                .cache
                .try_call(&ctx, &StoredForm, one("a"), compute)
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..Failing::CALLERS).map(|_| scope.spawn(call)).collect();
            for thread in threads {
                assert_eq!(thread.join().expect("no panic"), Err(()));
            }
        });
        let (function, failing) = (leaked(residency), Arc::new(Failing::default()));
        let pool = ThreadPool::builder().pool_size(2).create().expect("a pool");
        let (done, results) = mpsc::channel();
        for _ in 0..Failing::CALLERS {
            let (ctx, done, failing) = (ctx.clone(), done.clone(), failing.clone());
            pool.spawn_ok(async move {
                let compute = failing.fail();
                let call = function
                    .cache
                    .try_call_async(&ctx, StoredForm, one("a"), compute);
                done.send(call.await).expect("the test listens");
            });
        }
        drop(done);
        assert_eq!(results.iter().collect::<Vec<_>>(), [Err(()); 8]);
        let counters = function.cache.counters();
        assert_eq!((counters.misses, counters.computations), (8, 8));
    }
}

#[test]
fn an_error_is_returned_and_not_kept() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    let call = |result: Result<i32, &'static str>| {
        function
            .cache
            .try_call(&ctx, &StoredForm, one("a"), || result)
    };
    assert_eq!(call(Err("no")), Err("no"));
    assert_eq!(call(Ok(1)), Ok(1));
    assert_eq!(call(Err("no")), Ok(1));
}

#[test]
fn a_caller_that_loses_its_patience_computes_by_itself() {
    let function = Function::of(Residency::Ephemeral);
    let ctx = context(Cache::in_memory().with_patience(Duration::from_millis(10)));
    let (computing, is_computing) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let (function, ctx) = (&function, &ctx);
        scope.spawn(move || {
            function.cache.call(ctx, &StoredForm, one("a"), || {
                computing.send(()).expect("the test listens");
                may_go_on.recv().expect("the test says so");
                1
            })
        });
        is_computing.recv().expect("it computes");
        assert_eq!(function.call(ctx, "a", 2), 2);
        go_on.send(()).expect("the leader listens");
    });
}

/// Returns a function that lives as long as the process, like those of the attribute.
fn leaked(residency: Residency) -> &'static Function {
    Box::leak(Box::new(Function::of(residency)))
}

#[test]
fn a_task_that_loses_its_patience_computes_by_itself() {
    let function = leaked(Residency::Ephemeral);
    let ctx = context(Cache::in_memory().with_patience(Duration::from_millis(10)));
    let call = |compute: Pin<Box<dyn Future<Output = i32>>>| {
        function
            .cache
            .call_async(&ctx, StoredForm, one("a"), compute)
    };
    let mut leader = Box::pin(call(Box::pin(std::future::pending())));
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(leader.as_mut().poll(&mut context).is_pending());
    assert_eq!(block_on(call(Box::pin(async { 2 }))), 2);
}

/// Returns a future that is woken every few milliseconds, and ends after a time.
async fn busy_for(time: Duration) {
    let started = Instant::now();
    std::future::poll_fn(|context: &mut Context<'_>| {
        if started.elapsed() >= time {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            waker.wake();
        });
        Poll::Pending
    })
    .await;
}

#[test]
fn a_task_does_not_wait_for_a_leader_that_it_keeps_and_no_longer_polls() {
    for residency in [
        Residency::Transient,
        Residency::Ephemeral,
        Residency::Hybrid,
    ] {
        // The first poll stops at the store, if there is one, and a later one in the computation.
        for polls in [1, 50] {
            let (function, ctx) = (leaked(residency), in_memory());
            let call = || {
                let compute = async {
                    busy_for(Duration::from_millis(400)).await;
                    7
                };
                let cache = &function.cache;
                cache.call_async(&ctx, StoredForm, one("a"), compute)
            };
            let started = Instant::now();
            let mut kept = Box::pin(call());
            let results = block_on(async {
                for _ in 0..polls {
                    let polled = std::future::poll_fn(|context| {
                        Poll::Ready(kept.as_mut().poll(context).is_pending())
                    });
                    assert!(polled.await, "it waits");
                    std::thread::sleep(Duration::from_millis(2));
                }
                (call().await, kept.await)
            });
            assert_eq!(results, (7, 7));
            // Its patience is a minute.
            assert!(started.elapsed() < Duration::from_secs(30), "{residency:?}");
        }
    }
}

#[test]
fn a_leader_that_is_polled_is_waited_for_however_long_it_takes() {
    let (function, ctx) = (leaked(Residency::Hybrid), in_memory());
    let call = || {
        let compute = async {
            busy_for(Duration::from_millis(2500)).await;
            7
        };
        let cache = &function.cache;
        cache.call_async(&ctx, StoredForm, one("a"), compute)
    };
    // Both are in one task, as with `join!`.
    let mut calls = [Box::pin(call()), Box::pin(call())].map(Some);
    block_on(std::future::poll_fn(|context| {
        for call in &mut calls {
            let pending = call.as_mut().map(|call| call.as_mut().poll(context));
            if let Some(Poll::Ready(value)) = pending {
                assert_eq!(value, 7);
                *call = None;
            }
        }
        if calls.iter().all(Option::is_none) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    assert_eq!(function.cache.counters().computations, 1);
}

/// Computes the sum of 1 to `n` by asking itself.
fn sum(function: &Function, ctx: &ExecutionContext, n: u64) -> u64 {
    function.cache.call(ctx, &StoredForm, one(&n), || match n {
        0 => 0,
        n => n + sum(function, ctx, n - 1),
    })
}

#[test]
fn a_function_may_call_itself_with_other_arguments() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    assert_eq!(sum(&function, &ctx, 20), 210);
    assert_eq!(function.cache.counters().computations, 21);
}

#[test]
fn functions_that_need_each_other_do_not_wait_for_ever() {
    let (ping, pong, ctx) = (
        Function::of(Residency::Hybrid),
        Function::of(Residency::Hybrid),
        in_memory(),
    );
    let barrier = Barrier::new(2);
    let run = |own: &Function, other: &Function| {
        own.cache.call(&ctx, &StoredForm, one("a"), || {
            barrier.wait();
            other.call(&ctx, "a", 1) + 1
        })
    };
    let mut results = std::thread::scope(|scope| {
        let one = scope.spawn(|| run(&ping, &pong));
        let two = scope.spawn(|| run(&pong, &ping));
        [one.join().expect("a result"), two.join().expect("a result")]
    });
    results.sort_unstable();
    // One of them was refused to wait and computed by itself; the other waited for it.
    assert_eq!(results, [2, 3]);
}

/// Lets other tasks run once.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context: &mut Context<'_>| {
        if std::mem::replace(&mut yielded, true) {
            Poll::Ready(())
        } else {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

#[test]
fn tasks_that_ask_at_once_compute_once() {
    let pool = ThreadPool::builder().pool_size(2).create().expect("a pool");
    let function = leaked(Residency::Hybrid);
    let (ctx, (done, results)) = (in_memory(), mpsc::channel());
    for _ in 0..16 {
        let (ctx, done) = (ctx.clone(), done.clone());
        pool.spawn_ok(async move {
            let compute = async {
                for _ in 0..100 {
                    yield_now().await;
                }
                7
            };
            let result = function
                .cache
                .call_async(&ctx, StoredForm, one("a"), compute)
                .await;
            done.send(result).expect("the test listens");
        });
    }
    drop(done);
    assert_eq!(results.iter().collect::<Vec<i32>>(), [7; 16]);
    assert_eq!(function.cache.counters().computations, 1);
}

#[test]
fn a_task_that_is_dropped_lets_the_next_one_in() {
    let (function, ctx) = (leaked(Residency::Hybrid), in_memory());
    let (computing, is_computing) = mpsc::channel();
    let compute = async {
        computing.send(()).expect("the test listens");
        std::future::pending::<i32>().await
    };
    let call = function
        .cache
        .call_async(&ctx, StoredForm, one("a"), compute);
    let mut dropped = Box::pin(call);
    let mut context = Context::from_waker(std::task::Waker::noop());
    while is_computing.try_recv().is_err() {
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        std::thread::yield_now();
    }
    drop(dropped);
    let result = block_on(
        function
            .cache
            .call_async(&ctx, StoredForm, one("a"), async { 2 }),
    );
    assert_eq!(result, 2);
}
