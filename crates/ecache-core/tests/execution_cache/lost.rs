//! A call gets the value that its function returned, even if `==`, `Debug` or the stored form hides
//! a part of it.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::sync::mpsc::channel;

use ecache_core::execution_cache;
use ecache_core::execution_cache::Compact;
use serde::{Deserialize, Deserializer, Serializer};

use super::*;

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder"));
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::at(FOLDER.path().join("store.db")));

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Small(u8),
    Large(u64),
}

#[derive(Clone, Serialize, Deserialize)]
struct Row {
    a: u64,
    #[serde(skip)]
    b: u64,
}

#[execution_cache(cache = CACHE, residency = "transient")]
fn untagged(large: bool) -> Untagged {
    if large {
        Untagged::Large(1)
    } else {
        Untagged::Small(1)
    }
}

#[execution_cache(cache = CACHE, residency = "transient")]
fn rows(a: u64) -> Vec<Row> {
    vec![Row { a, b: 1 }]
}

#[test]
fn results_without_eq_and_debug_are_kept_only_where_nothing_can_be_lost() {
    for _ in 0..2 {
        assert!(matches!(untagged(true), Untagged::Large(1)));
        assert!(matches!(untagged(false), Untagged::Small(1)));
        assert_eq!(rows(1).iter().map(|row| row.a + row.b).sum::<u64>(), 2);
    }
}

/// An `==` that compares the key of a row alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keyed {
    key: u8,
    #[serde(skip)]
    rest: u8,
}

impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

#[execution_cache(cache = CACHE, residency = "transient")]
fn keyed(key: u8) -> Keyed {
    Keyed { key, rest: 7 }
}

#[execution_cache(cache = CACHE)]
fn rest_of(keyed: &Keyed) -> u8 {
    keyed.rest
}

#[execution_cache(cache = CACHE, key_fn = |keyed: &Keyed| keyed.clone())]
fn rest_by_key(keyed: Keyed) -> u8 {
    keyed.rest
}

#[derive(Clone, Debug, Serialize)]
struct Written {
    key: u8,
    #[serde(skip)]
    rest: u8,
}

#[execution_cache(cache = CACHE, key_fn = |written: &Written| written.clone())]
fn rest_by_written(written: Written) -> u8 {
    written.rest
}

#[test]
fn an_eq_that_compares_fewer_fields_hides_none() {
    for _ in 0..2 {
        assert_eq!(keyed(1).rest, 7);
        for rest in [1, 2] {
            assert_eq!(rest_of(&Keyed { key: 1, rest }), rest);
            assert_eq!(rest_by_key(Keyed { key: 1, rest }), rest);
            assert_eq!(rest_by_written(Written { key: 1, rest }), rest);
        }
    }
}

#[execution_cache(cache = CACHE, verify_every = 1)]
fn names() -> HashSet<String> {
    (0..40).map(|number| number.to_string()).collect()
}

#[execution_cache(cache = CACHE, verify_every = 1)]
fn numbers() -> Vec<u64> {
    static FIRST: AtomicU64 = AtomicU64::new(0);
    match FIRST.fetch_add(1, Ordering::SeqCst) {
        0 => vec![1, 2],
        _ => vec![2, 1],
    }
}

#[test]
fn a_verified_set_may_have_another_order_but_a_list_may_not() {
    for _ in 0..4 {
        assert_eq!(names().len(), 40);
    }
    assert_eq!(names::counters().mismatches, 0);
    assert_eq!((numbers(), numbers()), (vec![1, 2], vec![2, 1]));
    assert_eq!(numbers::counters().mismatches, 1);
}

/// A result whose `Drop` uses the cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Clears(u64);

impl Drop for Clears {
    fn drop(&mut self) {
        thread_local!(static IS_IN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
        if !IS_IN.replace(true) {
            let _ = clears::clear_cache(self.0 + 1);
            let _ = clears_in_memory::clear_cache(self.0 + 1);
            clears_in_memory::contains(self.0);
            IS_IN.set(false);
        }
    }
}

#[execution_cache(cache = CACHE, max_size = 1)]
fn clears(number: u64) -> Clears {
    Clears(number)
}

#[execution_cache(cache = CACHE, max_size = 1, residency = "ephemeral")]
fn clears_in_memory(number: u64) -> Clears {
    Clears(number)
}

#[test]
fn an_evicted_result_is_dropped_outside_of_locks() {
    let (done, is_done) = channel();
    std::thread::spawn(move || {
        for number in 0..40 {
            assert_eq!(clears(number % 7).0, number % 7);
            assert_eq!(clears_in_memory(number % 7).0, number % 7);
        }
        done.send(()).expect("the test waits");
    });
    let waited = is_done.recv_timeout(Duration::from_secs(120));
    waited.expect("no deadlock and no panic");
}

#[test]
fn a_result_written_in_the_future_is_served_from_no_tier() {
    for residency in [
        Residency::Transient,
        Residency::Ephemeral,
        Residency::Hybrid,
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (ctx, clock) = with_clock(Cache::at(folder.path().join("store.db")));
        let function = Function::new(options("tests::future", |options| {
            options.residency = residency;
            options.ttl = Some(Duration::from_secs(3600));
        }));
        clock.advance(Duration::from_secs(86_400));
        assert_eq!(function.call(&ctx, "a", 1), 1);
        assert_eq!(function.call(&ctx, "a", 2), 1);
        clock.set(NOW);
        assert_eq!(function.call(&ctx, "a", 3), 3, "{residency:?}");
        assert_eq!(function.call(&ctx, "a", 4), 3, "{residency:?}");
    }
}

/// A text that must parse, as a date must.
macro_rules! dated {
    ($($name:ident of $first:literal { $number:ty })*) => {$(
        mod $name {
            use super::*;

            #[derive(Clone, Debug, PartialEq)]
            pub struct Day(pub u8);

            impl Serialize for Day {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(&format!("{}{:02}", $first, self.0))
                }
            }

            impl<'de> Deserialize<'de> for Day {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = String::deserialize(deserializer)?;
                    let day = text.strip_prefix($first).and_then(|day| day.parse().ok());
                    day.map(Day).ok_or_else(|| serde::de::Error::custom("not a day"))
                }
            }

            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            pub struct Dated {
                pub day: Day,
                pub number: $number,
            }
        }
    )*};
}

dated! {
    before of "2001-01-" { u32 }
    after of "2001-01-" { i32 }
    unusual of "day " { u32 }
}

#[test]
fn compact_tells_a_change_behind_a_value_that_must_parse() {
    use ecache_core::execution_cache::Codec;

    let dated = before::Dated {
        day: before::Day(1),
        number: 5,
    };
    let stored = Compact.encode(&dated).expect("a form");
    let read = Codec::<before::Dated>::decode(&Compact, stored.clone());
    assert_eq!(read.expect("the same type"), dated);
    let changed = Codec::<after::Dated>::decode(&Compact, stored);
    assert!(changed.is_err(), "{changed:?}");

    let unusual = unusual::Dated {
        day: unusual::Day(1),
        number: 5,
    };
    let refused = Compact
        .encode(&unusual)
        .expect_err("the rest cannot be recorded");
    assert!(refused.to_string().contains("unusual::Dated"), "{refused}");
}
