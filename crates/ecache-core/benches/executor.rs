//! The longest time for which asynchronous calls keep a current-thread executor from its other
//! tasks: at most 10 ms more than without calls.
//!
//! A thread wakes a task of the executor every 5 ms; the delay until the task runs is a stall. Each
//! part notes the longest one, and the longest with no calls going on, for the same time: that is
//! the machine's own. The kernel counts how long the executor's thread was ready but waited for a
//! processor; a stall without that time is what the calls did on the thread. Work of the same size
//! without a cache, on a thread that waits for jobs like the cache's workers, shows what the
//! scheduler adds. All are measured by turns, and the medians of the longest stalls are printed at
//! the end.

mod smoke;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use ecache_core::execution_cache;
use ecache_core::execution_cache::{Cache, ExecutionContext};
use ecache_core::single_flight::FlightLocks;
use futures_executor::ThreadPool;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use smoke::usually;

/// Time between two wake-ups of the ticker.
const TICK: Duration = Duration::from_millis(5);

/// Elements of an array whose stored form is 100 MB.
const ELEMENTS: usize = 25_000_000;

const KEYS: usize = 200;

#[execution_cache(max_bytes = 1 << 30)]
async fn large(_ctx: &ExecutionContext, number: usize) -> Vec<f32> {
    vec![number as f32; usually(ELEMENTS, 1000)]
}

#[execution_cache]
async fn small(_ctx: &ExecutionContext, number: usize) -> usize {
    number
}

/// The longest delays of the ticks of an executor.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Longest {
    stall: Duration,
    /// Without the time in which the thread waited for a processor
    busy: Duration,
    /// The time in all for which the thread had waited at the latest tick
    waited: Duration,
}

impl Longest {
    /// Notes a tick that was due at `woken`, on the executor's thread.
    fn tick(&mut self, woken: Instant) {
        let (stall, waited) = (woken.elapsed(), waited_for_a_processor());
        let busy = stall.saturating_sub(waited.saturating_sub(self.waited));
        (self.stall, self.busy) = (self.stall.max(stall), self.busy.max(busy));
        self.waited = waited;
    }
}

/// Returns the time for which this thread was ready to run, but did not.
fn waited_for_a_processor() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat");
    let waited = statistics.ok().and_then(|statistics| {
        let waited = statistics.split_whitespace().nth(1)?;
        waited.parse().ok()
    });
    Duration::from_nanos(waited.unwrap_or(0))
}

/// An executor with one thread, and the thread that wakes its ticker.
struct Ticked {
    pool: ThreadPool,
    longest: Arc<Mutex<Longest>>,
    stop: Sender<()>,
    ticker: std::thread::JoinHandle<()>,
}

impl Ticked {
    fn start() -> Self {
        let pool = ThreadPool::builder().pool_size(1).create().expect("a pool");
        let longest = Arc::<Mutex<Longest>>::default();
        let (stop, stopped) = mpsc::channel();
        let (executor, of_ticker) = (pool.clone(), longest.clone());
        let ticker = std::thread::spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let (longest, woken) = (of_ticker.clone(), Instant::now());
                executor.spawn_ok(async move {
                    longest.lock().expect("no panic").tick(woken);
                });
            }
        });
        Self {
            pool,
            longest,
            stop,
            ticker,
        }
    }

    /// Runs calls to their end on the executor.
    fn run<T: Send + 'static>(&self, calls: Vec<impl Future<Output = T> + Send + 'static>) {
        let (done, results) = mpsc::channel();
        for call in calls {
            let done = done.clone();
            self.pool.spawn_ok(async move {
                let result = call.await;
                // The executor must not be measured freeing a large result.
                let _ = done.send(result);
            });
        }
        drop(done);
        results.iter().for_each(drop);
    }

    /// Returns the longest stalls since the start.
    fn end(self) -> Longest {
        let _ = self.stop.send(());
        self.ticker.join().expect("the ticker ends");
        *self.longest.lock().expect("no panic")
    }
}

/// The longest stalls of each part, one for each round: during its work, and without it.
type Stalls = BTreeMap<&'static str, Vec<[Longest; 2]>>;

/// Notes the longest stall during `work`, and without it.
fn measure(stalls: &mut Stalls, what: &'static str, work: impl FnOnce(&Ticked)) {
    let (ticked, started) = (Ticked::start(), Instant::now());
    work(&ticked);
    let took = started.elapsed();
    let longest = ticked.end();
    let idle = Ticked::start();
    std::thread::sleep(took);
    stalls.entry(what).or_default().push([longest, idle.end()]);
}

type Job = Box<dyn FnOnce() + Send>;

/// Runs `work` on the thread that `jobs` leads to, without a cache.
async fn on_a_worker<T: Send + 'static>(
    jobs: Sender<Job>,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    type Slot<T> = Arc<Mutex<(Option<T>, Option<Waker>)>>;
    let slot: Slot<T> = Arc::new(Mutex::new((None, None)));
    let of_worker = slot.clone();
    let job = move || {
        let result = work();
        let mut slot = of_worker.lock().expect("no panic");
        slot.0 = Some(result);
        slot.1.take().into_iter().for_each(Waker::wake);
    };
    jobs.send(Box::new(job)).expect("the worker is there");
    std::future::poll_fn(|context| {
        let mut slot = slot.lock().expect("no panic");
        match slot.0.take() {
            Some(result) => Poll::Ready(result),
            None => {
                slot.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

fn context(path: &Path) -> ExecutionContext {
    ExecutionContext::new(Arc::new(Cache::at(path)))
}

fn with_a_locked_store(stalls: &mut Stalls, folder: &Path) {
    let path = folder.join("locked.db");
    let ctx = context(&path);
    ctx.cache.backend().expect("a store");
    let writer = Connection::open(&path).expect("the store");
    writer
        .execute_batch("BEGIN IMMEDIATE")
        .expect("a write lock");
    measure(
        stalls,
        "200 misses on a store that is locked for writing",
        |executor| {
            let calls = (0..KEYS).map(|number| {
                let ctx = ctx.clone();
                async move { small(&ctx, number).await }
            });
            executor.run(calls.collect());
        },
    );
    drop(writer);
}

fn with_large_results(stalls: &mut Stalls, folder: &Path) {
    let ctx = context(&folder.join("large.db"));
    let call = |ctx: &ExecutionContext| {
        let ctx = ctx.clone();
        vec![async move { large(&ctx, 1).await }]
    };
    // Filling memory with 100 MB is the function's own work, which no cache moves off the thread.
    measure(stalls, "  computing 100 MB, without a cache", |executor| {
        let ctx = ctx.clone();
        executor.run(vec![async move { large::uncached(&ctx, 1).await }]);
    });
    let numbers = Arc::new(vec![1_f32; usually(ELEMENTS, 1000)]);
    let (jobs, todo) = mpsc::channel::<Job>();
    std::thread::spawn(move || todo.iter().for_each(|job| job()));
    measure(
        stalls,
        "  copying 100 MB on a worker, without a cache",
        |executor| {
            executor.run(vec![async move {
                on_a_worker(jobs, move || (*numbers).clone()).await
            }]);
        },
    );
    measure(stalls, "a miss that stores 100 MB", |executor| {
        executor.run(call(&ctx));
    });
    measure(stalls, "a hit of 100 MB in memory", |executor| {
        executor.run(call(&ctx));
    });
    let later = context(&folder.join("large.db"));
    measure(stalls, "a hit of 100 MB in the store", |executor| {
        executor.run(call(&later));
    });
}

fn with_waiting_keys(stalls: &mut Stalls, folder: &Path) {
    let path = folder.join("waiting.db");
    let ctx = context(&path);
    ctx.cache.backend().expect("a store");
    let elsewhere = FlightLocks::open(&folder.join("waiting.db-locks")).expect("locks");
    // These locks treat another open file like another process.
    let held: Vec<_> = (0..KEYS)
        .map(|number| {
            let hash = Sha256::digest(format!("[{number}]"));
            let lock = elsewhere.try_lock(&hash.into()).expect("locks work");
            lock.expect("it is free")
        })
        .collect();
    measure(
        stalls,
        "200 keys that another process computes",
        |executor| {
            let calls = (0..KEYS).map(|number| {
                let ctx = ctx.clone();
                async move { small(&ctx, number).await }
            });
            let calls: Vec<_> = calls.collect();
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_secs(2));
                    drop(held);
                });
                executor.run(calls);
            });
        },
    );
}

fn main() {
    let mut stalls = Stalls::new();
    for _ in 0..usually(9, 1) {
        let folder = tempfile::tempdir().expect("a folder");
        with_a_locked_store(&mut stalls, folder.path());
        with_large_results(&mut stalls, folder.path());
        with_waiting_keys(&mut stalls, folder.path());
    }
    println!("The longest stall of a current-thread executor (goal: 10 ms)");
    println!(
        "  {:<50} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "median", "longest", "busy", "longest", "idle"
    );
    for (what, stalls) in stalls {
        let [median, longest] = median_and_longest(&stalls, |[during, _]| during.stall);
        let [busy, busiest] = median_and_longest(&stalls, |[during, _]| during.busy);
        let [idle, _] = median_and_longest(&stalls, |[_, idle]| idle.stall);
        println!(
            "  {what:<50} {median:>9.2?} {longest:>9.2?} {busy:>9.2?} {busiest:>9.2?} {idle:>9.2?}"
        );
    }
}

fn median_and_longest(
    stalls: &[[Longest; 2]],
    time: impl Fn(&[Longest; 2]) -> Duration,
) -> [Duration; 2] {
    let mut times: Vec<Duration> = stalls.iter().map(time).collect();
    times.sort_unstable();
    [times[times.len() / 2], times[times.len() - 1]]
}
