//! The cost of a cached call, beside the least that it could cost and beside other caches: goals
//! M1, M2 and M3.
//!
//! `cargo bench -p ecache-core --bench decorator` prints medians and ratios of one run, in which
//! the candidates take turns: a machine that slows down slows down all of them. Names of parts
//! select them: `-- memory fills threads store misses`.

mod smoke;

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cached::{Cached, LruCache};
use ecache_core::backend::{CallIdentity, CallLookup};
use ecache_core::execution_cache;
use ecache_core::execution_cache::{Cache, ExecutionContext};
use ecache_core::scope::{Scopes, StoreAddress};
use ecache_core::stored;
use ecache_core::time::{Clock, SystemClock};
use moka::sync::Cache as MokaCache;
use quick_cache::sync::Cache as QuickCache;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use smoke::usually;

/// Returns a result of 200 bytes.
fn result() -> String {
    "0123456789".repeat(20)
}

#[execution_cache(residency = "ephemeral")]
fn in_memory(_ctx: &ExecutionContext, _path: &str, _n: u64, _scale: f64) -> String {
    result()
}

#[execution_cache]
fn in_both(_ctx: &ExecutionContext, _path: &str, _n: u64, _scale: f64) -> String {
    result()
}

#[execution_cache(operator_scoped)]
fn in_both_scoped(_ctx: &ExecutionContext, _path: &str, _n: u64, _scale: f64) -> String {
    result()
}

#[execution_cache(residency = "transient", operator_scoped)]
fn in_store(_ctx: &ExecutionContext, _path: &str, _n: u64, _scale: f64) -> String {
    result()
}

/// Returns the key of the same call, by hand.
fn key(path: &str, n: u64, scale: f64) -> [u8; 32] {
    let mut text = Vec::with_capacity(256);
    text.push(b'[');
    let written = stored::write_canonical(path, &mut text)
        .and_then(|()| stored::write_canonical(&n, &mut text))
        .and_then(|()| stored::write_canonical(&scale, &mut text));
    written.expect("they have a stored form");
    Sha256::digest(&text).into()
}

/// A name and what to measure.
type Candidate<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// One that several threads can run at once.
type SharedCandidate<'a> = (&'static str, Box<dyn Fn() + Sync + 'a>);

/// Prints the median time of each candidate and its ratio to the first: by the clock, and by this
/// thread's processor time, which other programs disturb less.
fn compare(title: &str, batch: u32, candidates: &mut [Candidate<'_>]) {
    let (rounds, batch) = (usually(200, 1), usually(batch, 1));
    let mut times = vec![[const { Vec::new() }; 2]; candidates.len()];
    for _ in 0..rounds {
        for ((_, run), [wall, processor]) in candidates.iter_mut().zip(&mut times) {
            let (started, used) = (Instant::now(), processor_time());
            for _ in 0..batch {
                run();
            }
            processor.push((processor_time() - used) / batch);
            wall.push(started.elapsed() / batch);
        }
    }
    println!("\n{title}");
    println!("  {:<50} {:>18}  {:>18}", "", "clock", "processor");
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let medians: Vec<[Duration; 2]> = times.into_iter().map(|both| both.map(median)).collect();
    for ((name, _), [wall, processor]) in candidates.iter().zip(&medians) {
        let ratio = |time: &Duration, least: &Duration| time.as_secs_f64() / least.as_secs_f64();
        println!(
            "  {name:<50} {:>9} ns  {:>5.2}  {:>9} ns  {:>5.2}",
            wall.as_nanos(),
            ratio(wall, &medians[0][0]),
            processor.as_nanos(),
            ratio(processor, &medians[0][1]),
        );
    }
}

/// Returns the processor time of this thread.
fn processor_time() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the struct is this thread's own, and the clock is one that every Linux has.
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(result, 0, "the clock is there");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Other caches, each with the value of the same call.
struct Peers {
    quick: QuickCache<[u8; 32], Arc<String>>,
    moka: MokaCache<[u8; 32], Arc<String>>,
    cached: Mutex<LruCache<[u8; 32], Arc<String>>>,
}

impl Peers {
    fn new() -> Self {
        let (key, value) = (the_key(), Arc::new(result()));
        let mut cached = LruCache::builder().max_size(1024).build().expect("a size");
        cached.cache_set(key, value.clone());
        let peers = Self {
            quick: QuickCache::new(1024),
            moka: MokaCache::new(1024),
            cached: Mutex::new(cached),
        };
        peers.quick.insert(key, value.clone());
        peers.moka.insert(key, value);
        peers
    }

    /// Returns a hit in each: a copy of the value, as from a cached function.
    fn hits(&self) -> [SharedCandidate<'_>; 3] {
        let copy = |value: Option<Arc<String>>| drop(black_box(value.as_deref().cloned()));
        [
            (
                QUICK_CACHE,
                Box::new(move || copy(self.quick.get(&the_key()))),
            ),
            (MOKA, Box::new(move || copy(self.moka.get(&the_key())))),
            (
                CACHED,
                Box::new(move || {
                    let mut cached = self.cached.lock().expect("no panic");
                    copy(cached.cache_get(&the_key()).cloned());
                }),
            ),
        ]
    }
}

impl Peers {
    /// Returns a miss in each: a look-up, and a new value that is put in.
    fn misses<'a>(&'a self, next: &'a dyn Fn() -> u64) -> [Candidate<'a>; 3] {
        let new_key = move || key(black_box("ground_truth.label"), next(), 0.5);
        [
            (
                QUICK_CACHE,
                Box::new(move || {
                    let key = new_key();
                    assert!(self.quick.get(&key).is_none());
                    let value = Arc::new(black_box(result()));
                    self.quick.insert(key, value.clone());
                    black_box((*value).clone());
                }),
            ),
            (
                MOKA,
                Box::new(move || {
                    let key = new_key();
                    assert!(self.moka.get(&key).is_none());
                    let value = Arc::new(black_box(result()));
                    self.moka.insert(key, value.clone());
                    black_box((*value).clone());
                }),
            ),
            (
                CACHED,
                Box::new(move || {
                    let key = new_key();
                    let mut cached = self.cached.lock().expect("no panic");
                    assert!(cached.cache_get(&key).is_none());
                    let value = Arc::new(black_box(result()));
                    cached.cache_set(key, value.clone());
                    black_box((*value).clone());
                }),
            ),
        ]
    }
}

const QUICK_CACHE: &str = "canonical JSON, SHA-256, quick_cache";
const MOKA: &str = "canonical JSON, SHA-256, moka";
const CACHED: &str = "canonical JSON, SHA-256, cached's LRU in a Mutex";

fn the_key() -> [u8; 32] {
    key(black_box("ground_truth.label"), 8, 0.5)
}

fn call_both(ctx: &ExecutionContext) {
    black_box(in_both(ctx, black_box("ground_truth.label"), 8, 0.5));
}

fn memory_hits(path: &Path) {
    let peers = Peers::new();
    let coherent = |coherence| context(Cache::at(path).with_coherence(coherence));
    let (ctx, never, always) = (
        context(Cache::at(path)),
        coherent(Duration::from_secs(3600)),
        coherent(Duration::ZERO),
    );
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    for (name, call) in peers.hits() {
        candidates.push((name, call));
    }
    candidates.extend([
        (
            "ephemeral",
            Box::new(|| {
                black_box(in_memory(&ctx, black_box("ground_truth.label"), 8, 0.5));
            }) as Box<dyn FnMut()>,
        ),
        (
            "hybrid, the store looked at every 100 ms",
            Box::new(|| call_both(&ctx)),
        ),
        (
            "hybrid, the store not looked at",
            Box::new(|| call_both(&never)),
        ),
        (
            "hybrid, the store looked at by every hit",
            Box::new(|| call_both(&always)),
        ),
    ]);
    compare("M1: a hit in memory (goal: 0.75)", 1000, &mut candidates);
}

/// Misses in memory alone, which evict older results once there are 1024.
fn memory_fills() {
    let (peers, ctx) = (Peers::new(), context(Cache::in_memory()));
    let number = AtomicU64::new(1000);
    let next = || number.fetch_add(1, Ordering::Relaxed);
    let mut candidates: Vec<Candidate<'_>> = peers.misses(&next).into();
    candidates.push((
        "ephemeral",
        Box::new(|| {
            black_box(in_memory(&ctx, "ground_truth.label", next(), 0.5));
        }),
    ));
    compare("A miss in memory", 200, &mut candidates);
}

/// Returns the calls per second of several threads together, and the processor time of each call in
/// nanoseconds.
fn rate(threads: u32, call: &(dyn Fn() + Sync)) -> [f64; 2] {
    let processor = || clock(libc::CLOCK_PROCESS_CPUTIME_ID);
    let (started, used) = (Instant::now(), processor());
    let calls = usually(200_000, 200) / threads;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..calls).for_each(|_| call()));
        }
    });
    let calls = f64::from(calls * threads);
    let nanoseconds = (processor() - used).as_secs_f64() * 1e9;
    [calls / started.elapsed().as_secs_f64(), nanoseconds / calls]
}

fn threads_on_one_entry(path: &Path) {
    const THREADS: [u32; 3] = [1, 2, 8];
    let (peers, ctx) = (Peers::new(), context(Cache::at(path)));
    let mut candidates: Vec<SharedCandidate<'_>> = peers.hits().into();
    candidates.push(("hybrid", Box::new(|| call_both(&ctx))));
    let mut rates = vec![THREADS.map(|_| Vec::new()); candidates.len()];
    for _ in 0..usually(9, 1) {
        for ((_, call), rates) in candidates.iter().zip(&mut rates) {
            for (threads, rates) in THREADS.into_iter().zip(rates) {
                rates.push(rate(threads, call));
            }
        }
    }
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!("\nThreads on one entry in memory, on {processors} processors");
    println!("  {:<50} hits a second, and processor time of a hit", "");
    for ((name, _), rates) in candidates.iter().zip(rates) {
        let median = |rates: &[[f64; 2]], of: usize| {
            let mut rates: Vec<f64> = rates.iter().map(|rate| rate[of]).collect();
            rates.sort_unstable_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        print!("  {name:<50}");
        for (threads, rates) in THREADS.into_iter().zip(&rates) {
            print!(
                " {threads}: {:>8.0} {:>4.0} ns ",
                median(rates, 0),
                median(rates, 1)
            );
        }
        println!();
    }
}

fn context(cache: Cache) -> ExecutionContext {
    ExecutionContext::new(Arc::new(cache)).with_operator("@acme/stats")
}

/// A connection as a program of one's own would open it.
fn bare(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a database");
    let pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL";
    connection.execute_batch(pragmas).expect("settings");
    connection
}

fn store_hits(ctx: &ExecutionContext, path: &Path) {
    in_store(ctx, "ground_truth.label", 8, 0.5);
    let connection = bare(path);
    const STORE: &str = "decorator::in_store";
    let (store, key, function): (i64, Vec<u8>, String) = connection
        .query_row(
            "SELECT e.store, e.key, n.name FROM entries AS e JOIN stores AS s ON s.id = e.store \
             JOIN names AS n ON n.id = e.function WHERE s.name = ?1",
            [STORE],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .expect("the entry");
    let mut select = connection
        .prepare("SELECT value FROM entries WHERE store = ?1 AND key = ?2")
        .expect("a statement");
    let backend = ctx.cache.backend().expect("a store");
    let (address, function) = (Arc::new(StoreAddress::new(STORE)), function.into());
    let scopes = Scopes {
        operator_uri: ctx.operator_uri.clone(),
        ..Scopes::default()
    };
    let call = CallIdentity {
        store: &address,
        hash: key[..].try_into().expect("a hash"),
        function: &function,
        scopes: &scopes,
        preimage: r#"["ground_truth.label", 8, 0.5, "@acme/stats"]"#,
        arguments_length: r#"["ground_truth.label", 8, 0.5"#.len(),
        with_generation: false,
        with_taken: false,
        clears: None,
        began_at: None,
    };
    compare(
        "M2: a hit in the store (goal: 1.3)",
        200,
        &mut [
            (
                "a prepared SELECT",
                Box::new(|| {
                    let value =
                        select.query_row((store, black_box(&key)), |row| row.get::<_, Vec<u8>>(0));
                    black_box(value.expect("the value"));
                }),
            ),
            (
                "its bytes by its hash, verified and recognised",
                Box::new(|| {
                    let now = SystemClock.now();
                    let found = backend.lookup_call(black_box(&call), now);
                    assert!(matches!(black_box(found), Ok(CallLookup::Hit(_))));
                }),
            ),
            (
                "transient",
                Box::new(|| {
                    black_box(in_store(ctx, black_box("ground_truth.label"), 8, 0.5));
                }),
            ),
        ],
    );
}

/// Misses that write to the store. Each candidate has its own file.
fn misses(folder: &Path) {
    let file = |name: &str| context(Cache::at(folder.join(name)));
    let (transient, hybrid) = (file("transient.db"), file("hybrid.db"));
    in_store(&file("bare.db"), "ground_truth.label", 8, 0.5);
    let connection = bare(&folder.join("bare.db"));
    let mut upsert = connection
        .prepare(
            "INSERT INTO entries(store, key, operator, function, policy, kind, size, created_at, updated_at, cost_ms, \
             checksum, args, value) VALUES (1, ?1, 1, 2, 1, 0, ?2, ?3, ?3, 0, 0, '[\"ground_truth.label\", 8, 0.5]', ?4) \
             ON CONFLICT(store, key) DO UPDATE SET value = excluded.value",
        )
        .expect("a statement");
    let (number, value) = (AtomicU64::new(0), result());
    let next = || number.fetch_add(1, Ordering::Relaxed);
    compare(
        "M3: a miss and its store (goal: 1.35)",
        50,
        &mut [
            (
                "an upsert with the same indexes",
                Box::new(|| {
                    let now = 1_795_415_570_948_i64;
                    let row = (
                        &key("bare", next(), 0.5)[..],
                        value.len(),
                        now,
                        value.as_bytes(),
                    );
                    upsert.execute(row).expect("an upsert");
                }),
            ),
            (
                "transient",
                Box::new(|| {
                    black_box(in_store(&transient, "ground_truth.label", next(), 0.5));
                }),
            ),
            (
                "hybrid",
                Box::new(|| {
                    black_box(in_both_scoped(&hybrid, "ground_truth.label", next(), 0.5));
                }),
            ),
        ],
    );
    assert_eq!(transient.cache.failures() + hybrid.cache.failures(), 0);
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let ctx = context(Cache::at(&path));
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let is_asked = |part: &str| {
        let parts = ["memory", "fills", "threads", "store", "misses"];
        let all = !asked.iter().any(|asked| parts.contains(&&**asked));
        all || asked.iter().any(|asked| asked == part)
    };
    if is_asked("memory") {
        memory_hits(&path);
    }
    if is_asked("fills") {
        memory_fills();
    }
    if is_asked("threads") {
        threads_on_one_entry(&path);
    }
    if is_asked("store") {
        store_hits(&ctx, &path);
    }
    if is_asked("misses") {
        misses(folder.path());
    }
    assert_eq!(
        ctx.cache.failures(),
        0,
        "it was measured as it is meant to be"
    );
}
