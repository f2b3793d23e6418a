//! What a cached call costs, beside the least that it could cost: goals M1, M2 and M3.
//!
//! `cargo bench -p ecache-core --bench decorator` prints medians and ratios of one run, in which the candidates take
//! turns: a machine that slows down slows down all of them.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ecache_core::execution_cache;
use ecache_core::execution_cache::{Cache, ExecutionContext};
use ecache_core::stored;
use quick_cache::sync::Cache as QuickCache;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

/// A result of 200 bytes.
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

#[execution_cache(residency = "transient", operator_scoped)]
fn in_store(_ctx: &ExecutionContext, _path: &str, _n: u64, _scale: f64) -> String {
    result()
}

/// The key of the same call, by hand.
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

/// Prints the median time of each candidate, and its ratio to the first.
fn compare(title: &str, batch: u32, candidates: &mut [Candidate<'_>]) {
    const ROUNDS: usize = 200;
    let mut times = vec![Vec::with_capacity(ROUNDS); candidates.len()];
    for _ in 0..ROUNDS {
        for ((_, run), times) in candidates.iter_mut().zip(&mut times) {
            let started = Instant::now();
            for _ in 0..batch {
                run();
            }
            times.push(started.elapsed() / batch);
        }
    }
    println!("\n{title}");
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let medians: Vec<Duration> = times.iter_mut().map(median).collect();
    for ((name, _), time) in candidates.iter().zip(&medians) {
        let ratio = time.as_secs_f64() / medians[0].as_secs_f64();
        println!("  {name:<44} {:>9} ns  {ratio:>5.2}", time.as_nanos());
    }
}

fn memory_hits(ctx: &ExecutionContext) {
    let tier: QuickCache<[u8; 32], Arc<String>> = QuickCache::new(1024);
    tier.insert(key("ground_truth.label", 8, 0.5), Arc::new(result()));
    compare(
        "M1: a hit in memory (goal: 2.0)",
        1000,
        &mut [
            (
                "canonical JSON, SHA-256, quick_cache",
                Box::new(|| {
                    let hit = tier.get(&key(black_box("ground_truth.label"), 8, 0.5));
                    black_box(hit.as_deref().cloned());
                }),
            ),
            (
                "ephemeral",
                Box::new(|| {
                    black_box(in_memory(ctx, black_box("ground_truth.label"), 8, 0.5));
                }),
            ),
            (
                "hybrid",
                Box::new(|| {
                    black_box(in_both(ctx, black_box("ground_truth.label"), 8, 0.5));
                }),
            ),
        ],
    );
}

fn eight_threads(ctx: &ExecutionContext) {
    println!("\n8 threads on one entry in memory (hits a second)");
    for threads in [1, 2, 8] {
        let (started, calls) = (Instant::now(), 200_000 / threads);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..calls {
                        black_box(in_both(ctx, black_box("ground_truth.label"), 8, 0.5));
                    }
                });
            }
        });
        let rate = f64::from(calls * threads) / started.elapsed().as_secs_f64();
        println!("  {threads} threads {:>12.0}", rate);
    }
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
    let key: Vec<u8> = connection
        .query_row(
            "SELECT key FROM entries WHERE function IS NOT NULL LIMIT 1",
            (),
            |row| row.get(0),
        )
        .expect("the entry");
    let mut select = connection
        .prepare("SELECT value FROM entries WHERE store = ?1 AND key = ?2")
        .expect("a statement");
    let store: i64 = connection
        .query_row("SELECT store FROM entries WHERE key = ?1", [&key], |row| {
            row.get(0)
        })
        .expect("the store");
    compare(
        "M2: a hit in the store (goal: 1.5)",
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
                "transient",
                Box::new(|| {
                    black_box(in_store(ctx, black_box("ground_truth.label"), 8, 0.5));
                }),
            ),
        ],
    );
}

fn misses(ctx: &ExecutionContext, path: &Path) {
    let connection = bare(path);
    let mut upsert = connection
        .prepare(
            "INSERT INTO entries(store, key, operator, function, policy, kind, size, created_at, updated_at, cost_ms, \
             checksum, args, value) VALUES (1, ?1, 1, 2, 1, 0, ?2, ?3, ?3, 0, 0, '[\"ground_truth.label\", 8, 0.5]', ?4) \
             ON CONFLICT(store, key) DO UPDATE SET value = excluded.value",
        )
        .expect("a statement");
    let (number, value) = (AtomicU64::new(0), result());
    compare(
        "M3: a miss and its store (goal: 1.5)",
        50,
        &mut [
            (
                "an upsert with the same indexes",
                Box::new(|| {
                    let n = number.fetch_add(1, Ordering::Relaxed);
                    let now = 1_795_415_570_948_i64;
                    let row = (&key("bare", n, 0.5)[..], value.len(), now, value.as_bytes());
                    upsert.execute(row).expect("an upsert");
                }),
            ),
            (
                "transient",
                Box::new(|| {
                    let n = number.fetch_add(1, Ordering::Relaxed);
                    black_box(in_store(ctx, "ground_truth.label", n, 0.5));
                }),
            ),
            (
                "hybrid",
                Box::new(|| {
                    let n = number.fetch_add(1, Ordering::Relaxed);
                    black_box(in_both(ctx, "ground_truth.label", n, 0.5));
                }),
            ),
        ],
    );
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let ctx = ExecutionContext::new(Arc::new(Cache::at(&path))).with_operator("@acme/stats");
    memory_hits(&ctx);
    eight_threads(&ctx);
    store_hits(&ctx, &path);
    misses(&ctx, &path);
    assert_eq!(
        ctx.cache.troubles(),
        0,
        "it was measured as it is meant to be"
    );
}
