//! Results without an `==`, whose `Debug` form shows what does not come back from the store.

use std::collections::{HashMap, HashSet};

use ecache_core::execution_cache;
use serde::Deserialize;

use super::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Padded {
    id: u64,
    is_deep: bool,
    #[serde(skip)]
    #[expect(dead_code, reason = "only its `Debug` form is read")]
    is_raw: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Variants {
    Tuple(u64, #[serde(skip)] u64),
    One,
    #[serde(rename(serialize = "One"))]
    Two,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Small(u64),
    Large(u64),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rounded {
    #[serde(serialize_with = "round")]
    value: f64,
}

fn round<S: serde::Serializer>(value: &f64, writer: S) -> Result<S::Ok, S::Error> {
    writer.serialize_f64(value.round())
}

/// Read back, its entries come in another order.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Bag {
    sets: HashMap<u8, HashSet<u8>>,
    is_deep: bool,
}

#[execution_cache]
fn padded(_ctx: &ExecutionContext, is_raw: bool) -> Vec<Padded> {
    vec![Padded {
        id: 1,
        is_deep: true,
        is_raw,
    }]
}

#[execution_cache]
fn variant(_ctx: &ExecutionContext, number: u64) -> Variants {
    match number {
        1 => Variants::One,
        2 => Variants::Two,
        _ => Variants::Tuple(1, number),
    }
}

#[execution_cache(codec = execution_cache::Compact)]
fn compact(_ctx: &ExecutionContext, number: u64) -> Variants {
    variant::uncached(_ctx, number)
}

#[execution_cache]
fn untagged(_ctx: &ExecutionContext, is_large: bool) -> Option<Untagged> {
    Some(if is_large {
        Untagged::Large(1)
    } else {
        Untagged::Small(1)
    })
}

#[execution_cache]
fn rounded(_ctx: &ExecutionContext, value: f64) -> Rounded {
    Rounded { value }
}

#[execution_cache]
fn bag(_ctx: &ExecutionContext) -> Bag {
    Bag {
        sets: (0..20).map(|n| (n, (0..n).collect())).collect(),
        is_deep: true,
    }
}

/// Not equal to itself with a NaN, so its `==` does not tell whether it came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Scored {
    scores: Vec<f64>,
    #[serde(skip)]
    is_raw: bool,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Unshown {
    score: f64,
    #[serde(skip)]
    limit: u64,
}

#[execution_cache]
fn scored(_ctx: &ExecutionContext, is_raw: bool) -> Scored {
    let scores = vec![1.0, f64::NAN];
    Scored { scores, is_raw }
}

#[execution_cache(codec = execution_cache::Compact)]
fn compact_scored(_ctx: &ExecutionContext, is_raw: bool) -> Scored {
    scored::uncached(_ctx, is_raw)
}

#[execution_cache]
fn unshown(_ctx: &ExecutionContext, limit: u64) -> Unshown {
    let score = f64::NAN;
    Unshown { score, limit }
}

#[execution_cache(codec = execution_cache::Compact)]
fn compact_unshown(_ctx: &ExecutionContext, limit: u64) -> Unshown {
    unshown::uncached(_ctx, limit)
}

#[test]
fn a_result_with_a_nan_is_not_kept_without_what_serde_skips() {
    let ctx = in_memory();
    for _ in 0..2 {
        for is_raw in [true, false] {
            assert_eq!(scored(&ctx, is_raw).is_raw, is_raw);
            assert_eq!(compact_scored(&ctx, is_raw).is_raw, is_raw);
        }
        assert_eq!(unshown(&ctx, 1).limit, 1);
        assert_eq!(compact_unshown(&ctx, 1).limit, 1);
    }
    // The one that comes back is kept.
    let kept = [scored::counters(), compact_scored::counters()];
    assert_eq!(kept.map(|counters| counters.memory_hits), [1, 1]);
}

#[test]
fn results_without_an_equality_are_compared_by_their_debug_form() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let [here, later] = [(), ()].map(|()| context(Cache::at(&path)));
    for ctx in [&here, &here, &later] {
        for is_raw in [true, false] {
            let computed = format!("{:?}", padded::uncached(ctx, is_raw));
            assert_eq!(format!("{:?}", padded(ctx, is_raw)), computed);
        }
        for number in 0..4 {
            let computed = format!("{:?}", variant::uncached(ctx, number));
            assert_eq!(format!("{:?}", variant(ctx, number)), computed);
            assert_eq!(format!("{:?}", compact(ctx, number)), computed);
        }
        for is_large in [true, false] {
            let computed = format!("{:?}", untagged::uncached(ctx, is_large));
            assert_eq!(format!("{:?}", untagged(ctx, is_large)), computed);
        }
        for value in [1.0, 1.2] {
            let computed = format!("{:?}", rounded::uncached(ctx, value));
            assert_eq!(format!("{:?}", rounded(ctx, value)), computed);
        }
        bag(ctx);
    }
    // Results that come back unchanged are kept.
    assert_eq!(padded::counters().memory_hits, 1);
    assert_eq!(variant::counters().memory_hits, 2, "0 and one of a name");
    let bag = bag::counters();
    assert_eq!(
        (bag.computations, bag.memory_hits, bag.store_hits),
        (1, 1, 1)
    );
}
