//! Calls whose arguments differ only where serde does not write it, in their type, or in the order
//! of sets.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;

use ecache_core::execution_cache;
use serde::{Deserialize, Serialize};

use super::distinct::are_apart;
use super::*;

/// Has a field in its padding, where no gap shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Padded {
    id: u64,
    is_deep: bool,
    #[serde(skip)]
    is_raw: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Variants {
    Struct {
        id: u64,
        #[serde(skip)]
        limit: u64,
    },
    Tuple(u64, #[serde(skip)] u64),
    Newtype(#[serde(skip)] u64),
    #[serde(skip_deserializing)]
    Unread,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    One(u64),
    Two(u64),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent {
    id: u64,
    #[serde(skip)]
    limit: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unwritten {
    id: u64,
    #[serde(skip_serializing)]
    limit: u64,
}

#[execution_cache]
fn described<T: Serialize + Debug>(_ctx: &ExecutionContext, value: &T) -> String {
    format!("{value:?}")
}

macro_rules! describe {
    ($($function:ident: $argument:ty)*) => {
        $(
            #[execution_cache]
            fn $function(_ctx: &ExecutionContext, value: $argument) -> String {
                format!("{value:?}")
            }
        )*
    };
}

describe! {
    padded: Padded
    padded_list: Vec<Padded>
    padded_slice: &[Padded]
    variants: Variants
    untagged: Option<Untagged>
    transparent: &Transparent
    unwritten: (u8, Unwritten)
    borrowed: Lent<'_>
    json: serde_json::Value
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Lent<'a> {
    text: &'a str,
}

/// Two arguments of one stored form: the second is found where its type can be read and compared.
#[test]
fn arguments_that_serde_writes_alike() {
    let of = |is_raw| Padded {
        id: 1,
        is_deep: true,
        is_raw,
    };
    are_apart(|ctx| padded(ctx, of(true)), |ctx| padded(ctx, of(false)));
    are_apart(
        |ctx| padded_list(ctx, vec![of(false), of(true)]),
        |ctx| padded_list(ctx, vec![of(false), of(false)]),
    );
    are_apart(
        |ctx| padded_slice(ctx, &[of(true)]),
        |ctx| padded_slice(ctx, &[of(false)]),
    );
    for (one, other) in [
        (
            Variants::Struct { id: 1, limit: 1 },
            Variants::Struct { id: 1, limit: 0 },
        ),
        (Variants::Tuple(1, 1), Variants::Tuple(1, 0)),
        (Variants::Newtype(1), Variants::Newtype(0)),
    ] {
        are_apart(
            |ctx| variants(ctx, one.clone()),
            |ctx| variants(ctx, other.clone()),
        );
    }
    are_apart(
        |ctx| untagged(ctx, Some(Untagged::One(1))),
        |ctx| untagged(ctx, Some(Untagged::Two(1))),
    );
    let of = |limit| Transparent { id: 1, limit };
    are_apart(
        |ctx| transparent(ctx, &of(1)),
        |ctx| transparent(ctx, &of(0)),
    );
    let of = |limit| (1, Unwritten { id: 1, limit });
    are_apart(|ctx| unwritten(ctx, of(1)), |ctx| unwritten(ctx, of(0)));
}

#[test]
fn arguments_that_cannot_be_read_back_as_they_are_are_cached() {
    let ctx = in_memory();
    for _ in 0..2 {
        borrowed(&ctx, Lent { text: "a" });
        variants(&ctx, Variants::Unread);
        json(&ctx, serde_json::json!({"_cls": "tuple", "values": [1]}));
        described(&ctx, &vec![Variants::Unread]);
    }
    let hits = |cache: &ExecutionCache| cache.counters().memory_hits;
    assert_eq!(hits(borrowed::execution_cache()), 1);
    assert_eq!(hits(variants::execution_cache()), 1);
    assert_eq!(hits(json::execution_cache()), 1);
    assert_eq!(hits(described::execution_cache()), 1);
}

#[execution_cache]
fn size_of_argument(_ctx: &ExecutionContext, argument: impl Serialize) -> usize {
    size_of_val(&argument)
}

#[execution_cache]
fn size_of_borrowed(_ctx: &ExecutionContext, argument: &[impl Serialize]) -> usize {
    size_of_val(argument)
}

#[test]
fn arguments_whose_type_is_not_named() {
    are_apart(
        |ctx| size_of_argument(ctx, 1_u8),
        |ctx| size_of_argument(ctx, 1_u64),
    );
    are_apart(
        |ctx| size_of_borrowed(ctx, &[1_u8]),
        |ctx| size_of_borrowed(ctx, &[1_u64]),
    );
}

#[derive(Clone, Serialize)]
struct Search {
    text: String,
    #[serde(skip)]
    limit: usize,
}

#[derive(Clone, Serialize)]
struct Limits(u32, #[serde(skip)] u32);

#[derive(Clone, Debug, Serialize)]
struct Whole {
    id: u8,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<Box<u8>>,
    flag: bool,
    nothing: (),
}

#[execution_cache]
fn search(_ctx: &ExecutionContext, search: &Search) -> String {
    format!("{} {}", search.text, search.limit)
}

#[execution_cache]
fn search_all(_ctx: &ExecutionContext, searches: Vec<Option<Search>>) -> usize {
    searches.iter().flatten().map(|search| search.limit).sum()
}

#[execution_cache]
fn limit(_ctx: &ExecutionContext, limits: Limits) -> u32 {
    limits.1
}

#[execution_cache(key_fn = |_, search: &Search| (search.text.clone(), search.limit))]
fn search_by_key(_ctx: &ExecutionContext, search: &Search) -> String {
    search::uncached(_ctx, search)
}

#[execution_cache]
fn of_whole(_ctx: &ExecutionContext, whole: &Whole) -> String {
    format!("{} {}", whole.text, whole.flag)
}

#[test]
fn a_field_that_serde_skips() {
    let of = |limit| Search {
        text: "a".to_owned(),
        limit,
    };
    are_apart(|ctx| search(ctx, &of(1)), |ctx| search(ctx, &of(2)));
    are_apart(
        |ctx| search_all(ctx, vec![None, Some(of(1))]),
        |ctx| search_all(ctx, vec![None, Some(of(2))]),
    );
    are_apart(
        |ctx| limit(ctx, Limits(1, 1)),
        |ctx| limit(ctx, Limits(1, 2)),
    );
    assert_eq!(search::counters().computations, 0);
    assert!(search::counters().bypasses > 0);

    are_apart(
        |ctx| search_by_key(ctx, &of(1)),
        |ctx| search_by_key(ctx, &of(2)),
    );
    assert_eq!(search_by_key::counters().bypasses, 0);
    for more in [None, Some(Box::new(1))] {
        let whole = Whole {
            id: 1,
            text: "a".to_owned(),
            more,
            flag: true,
            nothing: (),
        };
        let _ = (whole.id, whole.nothing);
        of_whole(&in_memory(), &whole);
    }
    assert_eq!(of_whole::counters().bypasses, 0);
}

type Pair = (HashSet<u32>, HashSet<u32>);

#[execution_cache]
fn of_pair(_ctx: &ExecutionContext, pair: &Pair) -> Vec<u32> {
    pair.0.iter().copied().collect()
}

#[execution_cache]
fn of_slice(_ctx: &ExecutionContext, sets: &[HashSet<u32>]) -> Vec<u32> {
    sets[0].iter().copied().collect()
}

#[execution_cache]
fn of_array(_ctx: &ExecutionContext, sets: [HashSet<u32>; 2]) -> Vec<u32> {
    sets[0].iter().copied().collect()
}

#[test]
fn the_order_of_several_sets_counts() {
    let set = |member| HashSet::from([member]);
    are_apart(
        |ctx| of_pair(ctx, &(set(1), set(2))),
        |ctx| of_pair(ctx, &(set(2), set(1))),
    );
    are_apart(
        |ctx| of_slice(ctx, &[set(1), set(2)]),
        |ctx| of_slice(ctx, &[set(2), set(1)]),
    );
    are_apart(
        |ctx| of_array(ctx, [set(1), set(2)]),
        |ctx| of_array(ctx, [set(2), set(1)]),
    );
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Tags {
    tags: HashSet<u32>,
}

fn write_tags<S: serde::Serializer>(tags: &HashSet<u32>, writer: S) -> Result<S::Ok, S::Error> {
    writer.collect_seq(tags.iter().map(|tag| tag * 2))
}

#[derive(Debug, Serialize)]
struct Query {
    tags: HashSet<u32>,
    more: BTreeMap<u8, Option<HashSet<&'static str>>>,
    transparent: Tags,
    #[serde(serialize_with = "write_tags")]
    written: HashSet<u32>,
    list: Vec<HashSet<u32>>,
}

impl Query {
    /// Creates a query; each set has its own hash seed and thus its own order.
    fn new() -> Self {
        let tags = || (0..20).collect();
        Self {
            tags: tags(),
            more: BTreeMap::from([(1, Some(HashSet::from(["a", "b", "c", "d"])))]),
            transparent: Tags { tags: tags() },
            written: tags(),
            list: vec![tags(), HashSet::new()],
        }
    }
}

#[execution_cache]
fn of_query(_ctx: &ExecutionContext, _query: &Query, _tags: HashSet<u32>) -> u8 {
    1
}

#[test]
fn a_set_anywhere_in_an_argument_has_one_key() {
    let ctx = in_memory();
    for _ in 0..20 {
        assert_eq!(of_query(&ctx, &Query::new(), (0..20).collect()), 1);
    }
    assert_eq!(of_query::counters().computations, 1);
    let mut others = [(); 5].map(|()| Query::new());
    others[0].tags.clear();
    others[1].more.clear();
    others[2].transparent.tags.clear();
    others[3].written.clear();
    // The order of a list counts, whatever its members are.
    others[4].list.reverse();
    for other in &others {
        of_query(&ctx, other, (0..20).collect());
    }
    assert_eq!(of_query::counters().computations, 6);
}

/// An alias, which hides from the attribute that it is a `&mut`.
type Buffer<'a> = &'a mut Vec<u8>;

#[derive(Debug, Serialize)]
struct Output<'a> {
    count: usize,
    buffer: &'a mut Vec<u8>,
}

#[execution_cache]
fn fill(_ctx: &ExecutionContext, buffer: Buffer<'_>) -> usize {
    buffer.push(1);
    buffer.len()
}

#[execution_cache]
fn fill_all(_ctx: &ExecutionContext, buffers: Vec<Buffer<'_>>) -> usize {
    buffers.into_iter().map(|buffer| buffer.push(1)).count()
}

#[execution_cache]
fn fill_output(_ctx: &ExecutionContext, output: Output<'_>) -> usize {
    output.buffer.push(1);
    output.count
}

#[test]
fn arguments_that_a_function_fills_are_filled_each_time() {
    let ctx = in_memory();
    for _ in 0..2 {
        let mut buffers = [Vec::new(), Vec::new(), Vec::new()];
        let [one, two, three] = &mut buffers;
        fill(&ctx, one);
        fill_all(&ctx, vec![two]);
        fill_output(
            &ctx,
            Output {
                count: 1,
                buffer: three,
            },
        );
        assert_eq!(buffers, [[1], [1], [1]]);
    }
}
