//! Results in memory are bounded by number and by bytes, and freed with their cache and on expiry.

use std::time::Instant;

use super::*;
use ecache_core::execution_cache::{Codec, CodecError, DEFAULT_MAX_BYTES};
use ecache_core::value::Value;

/// A result of a given size, whose copies are counted.
#[derive(Clone)]
struct Tracked {
    size: usize,
    _copy: Arc<()>,
}

/// The codec of tracked results, which are only kept in memory.
struct Tracking;

impl Codec<Tracked> for Tracking {
    fn encode(&self, result: &Tracked) -> Result<Value, CodecError> {
        Ok(Value::bytes(vec![0; result.size]))
    }

    fn decode(&self, _: Value) -> Result<Tracked, CodecError> {
        unreachable!("nothing is stored")
    }
}

fn ephemeral(mut options: Options) -> ExecutionCache {
    options.residency = Residency::Ephemeral;
    ExecutionCache::new(options)
}

/// Calls a function once for each size, each time with another argument.
fn fill(cache: &ExecutionCache, ctx: &ExecutionContext, copies: &Arc<()>, sizes: &[usize]) {
    for (n, size) in sizes.iter().enumerate() {
        let result = Tracked {
            size: *size,
            _copy: copies.clone(),
        };
        cache.call(ctx, &Tracking, one(&n), || result);
    }
}

fn in_memory_now(copies: &Arc<()>) -> usize {
    Arc::strong_count(copies) - 1
}

#[test]
fn the_bytes_are_bounded_as_well_as_the_number() {
    const KIB: usize = 1024;
    let kept = |max_size, max_bytes, sizes: &[usize]| {
        let (copies, ctx) = (Arc::new(()), in_memory());
        let cache = ephemeral(options("tests::bytes", |options| {
            options.max_size = max_size;
            options.max_bytes = max_bytes;
        }));
        fill(&cache, &ctx, &copies, sizes);
        in_memory_now(&copies)
    };
    // Nearly all results that fit are there: the parts of a tier are not filled evenly.
    let by_bytes = kept(1024, 4 << 20, &[100 * KIB; 200]);
    assert!((30..=40).contains(&by_bytes), "{by_bytes} of 40");
    let by_number = kept(100, DEFAULT_MAX_BYTES, &[1; 1000]);
    assert!((80..=100).contains(&by_number), "{by_number} of 100");
    assert_eq!(kept(1024, 1 << 20, &[400 * KIB]), 0, "more than a quarter");
    assert_eq!(kept(1024, 4 << 20, &[900 * KIB]), 1);
    assert_eq!(kept(1024, 0, &[1; 10]), 0);
    for max_size in [1, 2, 3, 8, 50] {
        assert_eq!(kept(max_size, DEFAULT_MAX_BYTES, &[1; 100]), max_size);
    }
    // A large result takes the place of many small ones.
    let mixed: Vec<usize> = (0..1000)
        .map(|n| if n % 2 == 0 { 1 } else { 500 * KIB })
        .collect();
    assert!(kept(1024, 16 << 20, &mixed) <= 1024);
}

#[test]
fn results_of_a_cache_that_is_dropped_are_freed() {
    let (copies, cache) = (Arc::new(()), ephemeral(Options::new("tests::dropped")));
    let (ctx, other) = (in_memory(), in_memory());
    fill(&cache, &ctx, &copies, &[1; 10]);
    fill(&cache, &other, &copies, &[1; 5]);
    assert_eq!(in_memory_now(&copies), 15);
    drop(ctx);
    assert_eq!(in_memory_now(&copies), 5);
    drop(other);
    assert_eq!(in_memory_now(&copies), 0);
}

#[test]
fn expired_results_are_freed_without_a_further_call() {
    let (copies, ctx) = (Arc::new(()), in_memory());
    let of_ttl = |ttl| {
        ephemeral(options("tests::expired", |options| {
            options.ttl = ttl;
        }))
    };
    let brief = of_ttl(Some(Duration::from_millis(1)));
    let (long, endless) = (of_ttl(Some(Duration::from_secs(3600))), of_ttl(None));
    for cache in [&endless, &long, &brief] {
        fill(cache, &ctx, &copies, &[1; 10]);
    }
    let started = Instant::now();
    while in_memory_now(&copies) > 20 && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(in_memory_now(&copies), 20);
    fill(&brief, &ctx, &copies, &[1; 3]);
    while in_memory_now(&copies) > 20 && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(in_memory_now(&copies), 20);
}
