//! Memory and the store return the same value that a function computes, or the value is not kept.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

use super::*;
use ecache_core::execution_cache::compared;
use proptest::prelude::*;
use serde::Deserialize;

/// Returns a result as computed, from memory, and from the store in another process, with the
/// number of entries in the store.
fn everywhere<T>(value: &T) -> ([T; 3], usize)
where
    T: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static,
{
    let ctx = in_memory();
    let (here, elsewhere) = (
        Function::of(Residency::Hybrid),
        Function::of(Residency::Hybrid),
    );
    let codec = compared(StoredForm);
    let call = |function: &Function| {
        let compute = || value.clone();
        function.cache.call(&ctx, &codec, one("a"), compute)
    };
    let results = [call(&here), call(&here), call(&elsewhere)];
    let kept = keys(&ctx).len();
    let (memory, store) = (here.cache.counters(), elsewhere.cache.counters());
    assert_eq!(
        memory.memory_hits, kept as u64,
        "kept in both tiers or in neither"
    );
    assert_eq!(
        store.store_hits, kept as u64,
        "kept in both tiers or in neither"
    );
    assert_eq!(
        ctx.cache.failures() == 0,
        kept == 1,
        "what is not kept is warned of"
    );
    (results, kept)
}

/// Asserts that a value is kept and is the same everywhere. A NaN differs from itself, but its text
/// does not.
#[track_caller]
fn assert_kept<T>(value: T)
where
    T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static,
{
    let (results, kept) = everywhere(&value);
    for result in results {
        // A value that contains a NaN is not equal to itself.
        assert!(
            result == value || format!("{result:?}") == format!("{value:?}"),
            "{result:?} of {value:?}"
        );
    }
    assert_eq!(kept, 1, "{value:?}");
}

/// Asserts that a value is not kept and that every caller computes it; returns the warnings.
#[track_caller]
fn assert_computed<T>(value: T) -> Vec<String>
where
    T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static,
{
    let mut outcome = None;
    let warnings = warnings_of(|| outcome = Some(everywhere(&value)));
    let (results, kept) = outcome.expect("it ran");
    for result in results {
        assert_eq!(result, value);
    }
    assert_eq!(kept, 0, "{value:?}");
    warnings
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(Option<Option<f64>>),
    Tuple(u8, Vec<Option<()>>),
    Struct {
        some: Option<Box<Shape>>,
        text: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    option: Option<Option<Option<i16>>>,
    shape: Shape,
    by_name: HashMap<String, Option<Shape>>,
    by_number: BTreeMap<i64, Vec<Option<Option<()>>>>,
    set: HashSet<u16>,
    floats: (Vec<f64>, f32),
    bytes: Vec<u8>,
    #[serde(with = "serde_bytes")]
    tagged_bytes: Vec<u8>,
    wide: (u128, i128),
    letter: char,
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Unit),
        any::<Option<Option<f64>>>().prop_map(Shape::Newtype),
        any::<(u8, Vec<Option<()>>)>().prop_map(|(n, units)| Shape::Tuple(n, units)),
    ];
    leaf.prop_recursive(3, 8, 1, |inner| {
        let some = proptest::option::of(inner.prop_map(Box::new));
        (some, ".*").prop_map(|(some, text)| Shape::Struct { some, text })
    })
}

prop_compose! {
    fn record()(
        option in any::<Option<Option<Option<i16>>>>(),
        shape in shape(),
        by_name in proptest::collection::hash_map("Some|None|.*", proptest::option::of(shape()), 0..4),
        by_number in any::<BTreeMap<i64, Vec<Option<Option<()>>>>>(),
        set in any::<HashSet<u16>>(),
        floats in any::<(Vec<f64>, f32)>(),
        (bytes, tagged_bytes) in any::<(Vec<u8>, Vec<u8>)>(),
        (wide, letter) in any::<((u128, i128), char)>(),
    ) -> Record {
        Record { option, shape, by_name, by_number, set, floats, bytes, tagged_bytes, wide, letter }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_record_is_one_value_everywhere(record in record()) {
        assert_kept(record);
    }

    #[test]
    fn an_optional_record_is_one_value_everywhere(record in proptest::option::of(proptest::option::of(record()))) {
        assert_kept(record);
    }

    #[test]
    fn a_shape_is_one_value_everywhere(shape in shape()) {
        assert_kept(shape);
    }

    #[test]
    fn plain_results_are_one_value_everywhere(
        floats in proptest::collection::vec(proptest::num::f64::ANY, 0..50),
        singles in proptest::collection::vec(proptest::num::f32::ANY, 0..50),
        bytes in any::<Vec<u8>>(),
        text in any::<String>(),
        options in any::<Vec<Option<Option<Option<bool>>>>>(),
        units in any::<Option<Option<()>>>(),
        map in any::<HashMap<char, HashSet<i8>>>(),
        result in any::<Result<Option<u64>, Option<String>>>(),
    ) {
        assert_kept(floats);
        assert_kept(singles);
        assert_kept(bytes);
        assert_kept(text);
        assert_kept(options);
        assert_kept(units);
        assert_kept(map);
        assert_kept(result);
    }
}

/// In FiftyOne a miss returns a tuple and a hit a list, for example.
#[test]
fn defect_09_a_hit_has_the_type_of_the_miss() {
    assert_kept((1, "a".to_owned()));
    assert_kept(vec![(1, 2)]);
    assert_kept(HashMap::from([(1, 2)]));
    assert_kept(HashMap::from([(Some(1), 2), (None, 3)]));
    assert_kept(serde_bytes::ByteBuf::from(b"\0\xff"));
    assert_kept(Some(None::<u8>));
    assert_kept(Some(()));
    assert_kept(vec![None, Some(None), Some(Some(1))]);
    assert_kept(f32::MIN_POSITIVE);
    assert_kept(-0.0_f64);
    assert_kept(f64::NAN);
    assert_kept(ecache_core::stored::Set(HashSet::from([1, 2])));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Skips {
    id: u8,
    #[serde(skip)]
    cache: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SkipsWriting {
    #[serde(skip_serializing)]
    id: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SkipsReading {
    inner: Vec<SkipsReadingOne>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SkipsReadingOne {
    #[serde(skip_deserializing)]
    id: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Small(u8),
    Large(u16),
}

#[test]
fn results_with_parts_skipped_by_serde_are_kept_nowhere_and_the_warning_names_the_place() {
    let warning = |why: &str| {
        [format!(
            "the execution cache of tests::function could not keep a result: it changes on its \
             way through the store: {why}"
        )]
    };
    let skips = Skips {
        id: 1,
        cache: Some(2),
    };
    assert_eq!(
        assert_computed(skips),
        warning("a part of it that serde skips")
    );
    assert_kept(Skips { id: 1, cache: None });
    assert_eq!(
        assert_computed(SkipsWriting { id: 1 }),
        warning("missing field `id`")
    );
    let nested = SkipsReading {
        inner: vec![SkipsReadingOne { id: 0 }, SkipsReadingOne { id: 3 }],
    };
    assert_eq!(
        assert_computed(nested),
        warning(".inner[1].id was 3 and is 0")
    );
}

#[test]
fn a_result_that_reads_as_another_value_is_kept_nowhere() {
    assert_kept(Untagged::Small(1));
    assert_kept(Untagged::Large(256));
    let warnings = assert_computed(vec![Untagged::Large(1)]);
    assert!(
        warnings[0].ends_with("a part of it that serde skips"),
        "{warnings:?}"
    );
    let classed = serde_json::json!({"a": [{"_cls": "tuple", "values": [1]}]});
    let warnings = assert_computed(classed);
    assert!(warnings[0].contains(".a[0] was {"), "{warnings:?}");
    // A dict with its own `_cls` is not an object of FiftyOne's.
    assert_kept(serde_json::json!({"_cls": "Detection", "label": "cat"}));
    assert_kept(serde_json::json!({"Some": null}));
    assert_kept(Some(serde_json::json!({"Some": null})));
}

/// Without an `==`, the gap between the fields that are written shows the other one.
#[test]
fn parts_skipped_by_serde_are_seen_without_an_equality() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    let skips = Some(Skips {
        id: 1,
        cache: Some(2),
    });
    for _ in 0..2 {
        assert_eq!(function.call(&ctx, "a", skips.clone()), skips);
    }
    assert_eq!((keys(&ctx).len(), ctx.cache.failures()), (0, 2));
}

/// The first results of a function are read back, whatever their size.
#[test]
fn a_large_result_that_does_not_survive_is_found_at_first() {
    let mut large = vec![SkipsReadingOne { id: 0 }; 5000];
    large[4000].id = 1;
    let warnings = assert_computed(large);
    assert!(
        warnings[0].ends_with("[4000].id was 1 and is 0"),
        "{warnings:?}"
    );
}

#[test]
fn setting_a_result_that_does_not_survive_is_an_error() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    let value = SkipsReadingOne { id: 1 };
    let set = function.cache.set_cache(&ctx, &StoredForm, one("a"), value);
    let error = set.expect_err("it is not kept").to_string();
    assert_eq!(
        error,
        "it changes on its way through the store: .id was 1 and is 0"
    );
}

/// A caller gets a copy; FiftyOne returns the very object in memory.
#[test]
fn defect_11_a_caller_that_changes_its_result_changes_no_other() {
    for residency in [Residency::Hybrid, Residency::Ephemeral] {
        let (function, ctx) = (Function::of(residency), in_memory());
        let mut computed = function.call(&ctx, "a", vec![1]);
        computed.push(2);
        let mut hit = function.call(&ctx, "a", vec![0]);
        hit.clear();
        assert_eq!(function.call(&ctx, "a", vec![0]), [1], "{residency:?}");
    }
}

/// FiftyOne hashes the members of a set in the iteration order of the process.
#[test]
fn defect_10_a_set_is_one_key_in_every_process() {
    let (function, ctx) = (Function::of(Residency::Transient), in_memory());
    let set = |from: u32| (0..100).map(|n| (from + n) % 100).collect::<HashSet<u32>>();
    let call = |function: &Function, from: u32| {
        let arguments = one(&(
            set(from),
            vec![Some(set(from))],
            HashMap::from([(1, set(from))]),
        ));
        function.cache.call(&ctx, &StoredForm, arguments, || from)
    };
    // Each set has its own hash seed, as in another process.
    for from in 0..50 {
        assert_eq!(call(&function, from), 0);
    }
    assert_eq!(keys(&ctx).len(), 1);
}

#[ecache_core::execution_cache(ttl = "1h")]
fn skipping(_ctx: &ExecutionContext, cache: Option<u8>) -> Result<Skips, String> {
    Ok(Skips { id: 1, cache })
}

#[ecache_core::execution_cache(cache_none = false)]
async fn skipping_async(_ctx: &ExecutionContext, cache: Option<u8>) -> Option<Skips> {
    Some(Skips { id: 1, cache })
}

/// A result without an `==`.
#[derive(Clone, Serialize, Deserialize)]
struct Opaque(u8);

#[ecache_core::execution_cache]
fn opaque(_ctx: &ExecutionContext) -> Opaque {
    Opaque(1)
}

#[ecache_core::execution_cache]
fn generic<T>(_ctx: &ExecutionContext, value: T) -> Vec<T>
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    vec![value]
}

#[test]
fn the_attribute_compares_results_whose_type_allows_it() {
    use futures_executor::block_on;
    let ctx = in_memory();
    let skips = |cache| Skips { id: 1, cache };
    for _ in 0..2 {
        assert_eq!(skipping(&ctx, Some(2)), Ok(skips(Some(2))));
        assert_eq!(
            block_on(skipping_async(&ctx, Some(2))),
            Some(skips(Some(2)))
        );
    }
    assert_eq!((keys(&ctx).len(), ctx.cache.failures()), (0, 4));
    for _ in 0..2 {
        assert_eq!(skipping(&ctx, None), Ok(skips(None)));
        assert_eq!(block_on(skipping_async(&ctx, None)), Some(skips(None)));
        assert_eq!((opaque(&ctx).0, generic(&ctx, 1)), (1, vec![1]));
    }
    assert_eq!((keys(&ctx).len(), ctx.cache.failures()), (4, 4));
}

#[test]
fn a_nan_has_the_same_bits_in_memory_and_in_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let odd = f64::from_bits((-f64::NAN).to_bits() | 1);
    for length in [1, 1000] {
        let (here, there) = (
            (Function::of(Residency::Hybrid), coherent(&path)),
            (Function::of(Residency::Hybrid), coherent(&path)),
        );
        let bits = |(function, ctx): &(Function, ExecutionContext)| -> Vec<Vec<u64>> {
            // More large results than are always read back.
            let results = (0..20).map(|call| {
                let result = vec![(odd, "large enough together".to_owned()); length];
                let name = format!("{length} {call}");
                let result = function.call(ctx, &name, result);
                result.into_iter().map(|(nan, _)| nan.to_bits()).collect()
            });
            results.collect()
        };
        bits(&here);
        assert_eq!(bits(&here), bits(&there), "{length}");
        assert_eq!(there.0.computed(), 0);
    }
}

#[test]
fn a_large_map_is_kept_in_the_time_that_its_size_takes() {
    let map: HashMap<String, u32> = (0..100_000).map(|n| (n.to_string(), n)).collect();
    let started = std::time::Instant::now();
    let (results, kept) = everywhere(&map);
    assert!(results.iter().all(|result| *result == map));
    assert_eq!(kept, 1);
    // To look for each member among all took minutes.
    assert!(started.elapsed() < Duration::from_secs(60));
}
