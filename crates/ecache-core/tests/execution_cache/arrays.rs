//! Bytes and arrays of numbers are stored at their own size, and copied no more often than needed.

use super::common::worker;
use super::*;
use ecache_core::execution_cache::{Codec, Compact};
use ecache_core::value::Kind;

/// Size of an array in bytes: many pages, but only a few seconds of work.
const SIZE: usize = 100_000_000;

/// Returns the kind and size of each stored result.
fn stored(ctx: &ExecutionContext) -> Vec<(Kind, u64)> {
    let entries = entries(&**ctx.cache.backend().expect("a backend")).into_iter();
    entries.map(|entry| (entry.kind, entry.size)).collect()
}

#[test]
fn bytes_and_long_arrays_are_stored_as_bytes_and_short_ones_as_json() {
    let (function, ctx) = (Function::of(Residency::Transient), in_memory());
    let keep_and_find = |argument: &str, numbers: Vec<f32>| {
        function.call(&ctx, argument, numbers.clone());
        assert!(
            function.call(&ctx, argument, Vec::<f32>::new()) == numbers,
            "{argument}"
        );
    };
    function.call(&ctx, "bytes", vec![7_u8; 1000]);
    assert_eq!(function.call(&ctx, "bytes", Vec::<u8>::new()), [7_u8; 1000]);
    keep_and_find("long", vec![0.1; 2000]);
    keep_and_find("short", vec![0.5; 2]);
    assert_eq!(
        stored(&ctx),
        [(Kind::Bytes, 1000), (Kind::Bytes, 8128), (Kind::Json, 10)]
    );
    assert_eq!(ctx.cache.failures(), 0);
}

#[test]
fn an_array_of_another_type_is_computed_anew() {
    let ctx = in_memory();
    Function::of(Residency::Transient).call(&ctx, "a", vec![1.0_f32; 2048]);
    let function = Function::of(Residency::Transient);
    for value in [2.0, 3.0] {
        let result = function.call(&ctx, "a", vec![value; 2048]);
        assert!(result == [2.0_f64; 2048], "{:?}", &result[..3]);
    }
    assert_eq!((function.computed(), ctx.cache.failures()), (1, 1));
}

#[ecache_core::execution_cache(residency = "transient", codec = Compact)]
fn points(_ctx: &ExecutionContext, count: u16) -> Result<Vec<(f32, Option<u16>)>, String> {
    Ok((0..count).map(|n| (0.5, Some(n))).collect())
}

#[ecache_core::execution_cache(residency = "transient", codec = Compact)]
async fn json(_ctx: &ExecutionContext) -> serde_json::Value {
    serde_json::json!([1])
}

#[test]
fn the_attribute_takes_a_codec() {
    use futures_executor::block_on;
    let ctx = in_memory();
    assert_eq!(points(&ctx, 1000), points(&ctx, 1000));
    assert_eq!(points::counters().store_hits, 1);
    let [(Kind::Bytes, size)] = stored(&ctx)[..] else {
        panic!("one entry of bytes");
    };
    assert!(size < 8 * 1000, "{size}");
    // It cannot be read from a form that is not self-describing, so it is not kept.
    for _ in 0..2 {
        assert_eq!(block_on(json(&ctx)), serde_json::json!([1]));
    }
    assert_eq!((stored(&ctx).len(), ctx.cache.failures()), (1, 2));
}

/// Returns the peak memory use of this process, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.expect("the line").trim().trim_end_matches(" kB");
    kib.parse::<usize>().expect("a number") * 1024
}

/// Computes an array, finds it in memory and in the store, and reports the memory that took.
pub(super) fn work(path: &Path, job: &str) {
    let before = peak();
    let mut options = Options::new("tests::arrays");
    options.max_bytes = 1 << 30;
    let (ctx, computed) = (context(Cache::at(path)), AtomicU64::new(0));
    let use_it = |codec: &dyn Fn(&ExecutionCache) -> Vec<f32>| {
        for _ in 0..2 {
            let function = ExecutionCache::new(options.clone());
            for _ in 0..2 {
                assert_eq!(codec(&function).len(), SIZE / 4);
            }
        }
    };
    fn call<C: Codec<Vec<f32>>>(
        cache: &ExecutionCache,
        ctx: &ExecutionContext,
        codec: &C,
        computed: &AtomicU64,
    ) -> Vec<f32> {
        cache.call(ctx, codec, one("a"), || {
            computed.fetch_add(1, Ordering::SeqCst);
            (0..SIZE / 4).map(|n| n as f32 / 3.0).collect()
        })
    }
    match job {
        "arrays compact" => use_it(&|cache| call(cache, &ctx, &Compact, &computed)),
        _ => use_it(&|cache| call(cache, &ctx, &StoredForm, &computed)),
    }
    assert_eq!((computed.into_inner(), ctx.cache.failures()), (1, 0));
    println!("peak {}", peak() - before);
}

#[test]
#[cfg(target_os = "linux")]
fn a_hundred_megabytes_take_little_more_on_disk_and_few_copies_in_memory() {
    for job in ["arrays", "arrays compact"] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = worker(job, &folder.path().join("store.db")).output();
        let said = String::from_utf8(output.expect("a process").stdout).expect("text");
        let peak = said.lines().find_map(|line| line.split_once("peak "));
        let peak: usize = peak.and_then(|(_, bytes)| bytes.parse().ok()).expect(&said);
        let files = std::fs::read_dir(folder.path()).expect("a folder");
        let sizes = files.map(|file| file.and_then(|file| file.metadata()).expect("a file").len());
        let on_disk: u64 = sizes.sum();
        println!("{job}: peak {peak}, on disk {on_disk}");
        assert!(
            on_disk <= SIZE as u64 * 12 / 10,
            "{job}: {on_disk} bytes on disk"
        );
        assert!(peak <= SIZE * 25 / 10, "{job}: {peak} bytes in memory");
    }
}
