//! Sets and maps in arguments and results, within every attribute that serde's derive has for a
//! container: a hash map has another order in each value, and a call has one key all the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;

use ecache_core::execution_cache;
use serde::{Deserialize, Deserializer, Serializer};

use super::*;

type Names = HashSet<String>;
type Counts = HashMap<String, u32>;

fn names() -> Names {
    ('a'..='p').map(String::from).collect()
}

fn counts() -> Counts {
    names()
        .into_iter()
        .zip(0..)
        .map(|(name, _)| (name, 1))
        .collect()
}

fn groups() -> HashMap<String, Names> {
    names().into_iter().map(|name| (name, names())).collect()
}

/// Numbers as keys, which are text in JSON.
fn numbers() -> HashMap<u32, Names> {
    (0..16).map(|number| (number, names())).collect()
}

/// Declares types, a function that takes each and one that returns it, and a table of checks.
macro_rules! table {
    ($($name:ident: $ty:ty = $make:expr;)*) => {
        mod functions {
            use super::*;
            $(
                pub(super) mod $name {
                    use super::*;

                    #[execution_cache]
                    pub(in super::super) fn taken(_ctx: &ExecutionContext, value: $ty) -> String {
                        drop(value);
                        stringify!($name).to_owned()
                    }

                    #[execution_cache]
                    pub(in super::super) fn lent(_ctx: &ExecutionContext, value: &[$ty]) -> usize {
                        value.len()
                    }

                    #[execution_cache]
                    pub(in super::super) fn returned(_ctx: &ExecutionContext) -> $ty {
                        $make
                    }
                }
            )*
        }

        #[test]
        fn equal_arguments_have_one_key_and_results_come_back() {
            let mut failures = Vec::new();
            $(
                let made: fn() -> $ty = || $make;
                failures.extend(check(
                    stringify!($name),
                    made,
                    |ctx| {
                        functions::$name::taken(ctx, made());
                        functions::$name::lent(ctx, &[made(), made()]);
                    },
                    |ctx| functions::$name::returned(ctx),
                ));
            )*
            assert!(failures.is_empty(), "{}", failures.join("\n"));
        }
    };
}

/// Returns the faults of calls that take a value, and of a call that returns it.
fn check<T: PartialEq + Debug>(
    name: &str,
    made: fn() -> T,
    take: impl Fn(&ExecutionContext),
    give: impl Fn(&ExecutionContext) -> T,
) -> Vec<String> {
    let mut failures = Vec::new();
    let ctx = in_memory();
    let warnings = warnings_of(|| (0..8).for_each(|_| take(&ctx)));
    if keys(&ctx).len() != 2 || !warnings.is_empty() {
        failures.push(format!("{name}: {} keys, {warnings:?}", keys(&ctx).len()));
    }
    let backend = ctx.cache.backend().expect("a store").clone();
    let warnings = warnings_of(|| {
        give(&ctx);
        let later = context(Cache::on(backend));
        let stored = give(&later);
        if stored != made() {
            failures.push(format!("{name}: {stored:?} came back"));
        }
    });
    if keys(&ctx).len() != 3 || !warnings.is_empty() {
        failures.push(format!(
            "{name} as a result: {} keys, {warnings:?}",
            keys(&ctx).len()
        ));
    }
    failures
}

macro_rules! value {
    ($($item:tt)*) => {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        $($item)*
    };
}

value! {
    #[serde(tag = "t", content = "c")]
    enum Adjacent {
        Empty,
        Names(Names),
        Counts(Counts),
        Groups(HashMap<String, Names>),
        Numbers(HashMap<u32, Names>),
        Both(Names, Counts),
        Fields { names: Names, counts: Counts, list: Vec<Names>, maybe: Option<Names> },
    }
}

value! {
    #[serde(tag = "t")]
    enum Internal {
        Empty,
        Counts(Counts),
        Inner(Plain),
        Fields { names: Names, counts: Counts, list: Vec<Names>, maybe: Option<Names> },
    }
}

value! {
    #[serde(untagged)]
    enum Untagged {
        Names(Names),
        Counts(Counts),
        Groups(HashMap<String, Names>),
        Pair(u8, Names),
        Fields { names: Names, counts: Counts },
    }
}

value! {
    enum External {
        Names(Names),
        Counts(Counts),
        Both(Names, Counts),
        Fields { names: Names, counts: Counts },
    }
}

value! {
    struct Plain { names: Names, counts: Counts, groups: HashMap<String, Names>, numbers: HashMap<u32, Names> }
}

value! {
    #[serde(tag = "t")]
    struct TaggedStruct { names: Names, counts: Counts }
}

value! {
    struct Flat { id: u8, #[serde(flatten)] inner: Plain }
}

value! {
    struct FlatMap { id: u8, #[serde(flatten)] rest: HashMap<String, Names> }
}

value! {
    struct FlatEnum { id: u8, #[serde(flatten)] inner: Adjacent }
}

value! {
    struct FlatInternal { id: u8, #[serde(flatten)] inner: Internal }
}

value! {
    struct FlatOption { id: u8, #[serde(flatten)] inner: Option<Flat2> }
}

value! {
    struct Flat2 { names: Names, #[serde(flatten)] counts: Counts }
}

value! {
    #[serde(transparent)]
    struct Transparent { names: Names }
}

value! {
    #[serde(transparent)]
    struct TransparentMap(HashMap<String, Names>);
}

value! {
    struct Newtype(Names);
}

value! {
    #[serde(rename = "Other", rename_all = "UPPERCASE")]
    struct Renamed { #[serde(rename = "n")] names: Names, counts: Counts }
}

value! {
    #[derive(Default)]
    #[serde(default)]
    struct Defaulted {
        #[serde(skip_serializing_if = "HashSet::is_empty")]
        names: Names,
        #[serde(skip_serializing_if = "HashMap::is_empty", default)]
        none: Counts,
        #[serde(skip_serializing_if = "Option::is_none")]
        maybe: Option<Names>,
    }
}

value! {
    struct With {
        #[serde(with = "as_text")]
        text: Names,
        #[serde(serialize_with = "iterated")]
        iterated: Names,
        #[serde(with = "ecache_core::stored::set")]
        set: Names,
    }
}

/// Writes sorted, as one who knows would.
mod as_text {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        names: &Names,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let names: BTreeSet<_> = names.iter().cloned().collect();
        let names: Vec<_> = names.into_iter().collect();
        serializer.serialize_str(&names.join(","))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Names, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(text.split(',').map(String::from).collect())
    }
}

fn iterated<S: Serializer>(names: &Names, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(names)
}

value! {
    #[serde(into = "BTreeMap<String, u32>", from = "BTreeMap<String, u32>")]
    struct IntoSorted { counts: Counts }
}

impl From<IntoSorted> for BTreeMap<String, u32> {
    fn from(value: IntoSorted) -> Self {
        value.counts.into_iter().collect()
    }
}

impl From<BTreeMap<String, u32>> for IntoSorted {
    fn from(counts: BTreeMap<String, u32>) -> Self {
        Self {
            counts: counts.into_iter().collect(),
        }
    }
}

value! {
    #[serde(into = "HashSet<String>", try_from = "HashSet<String>")]
    struct IntoSet { names: Names }
}

impl From<IntoSet> for HashSet<String> {
    fn from(value: IntoSet) -> Self {
        value.names
    }
}

impl TryFrom<HashSet<String>> for IntoSet {
    type Error = String;

    fn try_from(names: HashSet<String>) -> Result<Self, String> {
        Ok(Self { names })
    }
}

fn plain() -> Plain {
    Plain {
        names: names(),
        counts: counts(),
        groups: groups(),
        numbers: numbers(),
    }
}

table! {
    set: Names = names();
    map: Counts = counts();
    map_of_sets: HashMap<String, Names> = groups();
    map_of_numbers: HashMap<u32, Names> = numbers();
    set_of_pairs: HashSet<(u8, String)> = (0..16).map(|n| (n, n.to_string())).collect();
    tuple: (Names, Counts) = (names(), counts());
    option: Option<Names> = Some(names());
    result: Result<Names, Counts> = Ok(names());
    list: Vec<Names> = vec![names(), names()];
    boxed: Box<Names> = Box::new(names());
    adjacent_empty: Adjacent = Adjacent::Empty;
    adjacent_names: Adjacent = Adjacent::Names(names());
    adjacent_counts: Adjacent = Adjacent::Counts(counts());
    adjacent_groups: Adjacent = Adjacent::Groups(groups());
    adjacent_numbers: Adjacent = Adjacent::Numbers(numbers());
    adjacent_both: Adjacent = Adjacent::Both(names(), counts());
    adjacent_fields: Adjacent = Adjacent::Fields {
        names: names(), counts: counts(), list: vec![names(), names()], maybe: Some(names()),
    };
    adjacent_list: Vec<Adjacent> = vec![Adjacent::Names(names()), Adjacent::Both(names(), counts())];
    internal_empty: Internal = Internal::Empty;
    internal_counts: Internal = Internal::Counts(counts());
    internal_inner: Internal = Internal::Inner(Plain { numbers: HashMap::new(), ..plain() });
    internal_fields: Internal = Internal::Fields {
        names: names(), counts: counts(), list: vec![names(), names()], maybe: Some(names()),
    };
    untagged_names: Untagged = Untagged::Names(names());
    untagged_counts: Untagged = Untagged::Counts(counts());
    untagged_groups: Untagged = Untagged::Groups(groups());
    untagged_pair: Untagged = Untagged::Pair(1, names());
    untagged_fields: Untagged = Untagged::Fields { names: names(), counts: counts() };
    external_names: External = External::Names(names());
    external_counts: External = External::Counts(counts());
    external_both: External = External::Both(names(), counts());
    external_fields: External = External::Fields { names: names(), counts: counts() };
    tagged_struct: TaggedStruct = TaggedStruct { names: names(), counts: counts() };
    plain_struct: Plain = plain();
    flat: Flat = Flat { id: 1, inner: Plain { numbers: HashMap::new(), ..plain() } };
    flat_map: FlatMap = FlatMap { id: 1, rest: groups() };
    flat_enum: FlatEnum = FlatEnum { id: 1, inner: Adjacent::Names(names()) };
    flat_enum_both: FlatEnum = FlatEnum { id: 1, inner: Adjacent::Both(names(), counts()) };
    flat_internal: FlatInternal = FlatInternal { id: 1, inner: Internal::Counts(counts()) };
    flat_option: FlatOption = FlatOption { id: 1, inner: Some(Flat2 { names: names(), counts: counts() }) };
    transparent: Transparent = Transparent { names: names() };
    transparent_map: TransparentMap = TransparentMap(groups());
    newtype: Newtype = Newtype(names());
    renamed: Renamed = Renamed { names: names(), counts: counts() };
    defaulted: Defaulted = Defaulted { names: names(), ..Defaulted::default() };
    with: With = With { text: names(), iterated: names(), set: names() };
    into_sorted: IntoSorted = IntoSorted { counts: counts() };
    into_set: IntoSet = IntoSet { names: names() };
}

value! {
    #[serde(into = "Vec<String>", from = "Vec<String>")]
    struct IntoList { names: Names }
}

impl From<IntoList> for Vec<String> {
    fn from(value: IntoList) -> Self {
        value.names.into_iter().collect()
    }
}

impl From<Vec<String>> for IntoList {
    fn from(names: Vec<String>) -> Self {
        Self {
            names: names.into_iter().collect(),
        }
    }
}

#[execution_cache]
fn listed(_ctx: &ExecutionContext, value: IntoList) -> usize {
    value.names.len()
}

fn sorted(_ctx: &ExecutionContext, value: &IntoList) -> Vec<String> {
    let mut names: Vec<String> = value.names.iter().cloned().collect();
    names.sort_unstable();
    names
}

#[execution_cache(key_fn = sorted)]
fn listed_by_key(_ctx: &ExecutionContext, value: IntoList) -> usize {
    value.names.len()
}

/// Each call would have a key of its own, and none would find the result of another.
#[test]
fn an_argument_whose_order_its_value_does_not_determine_is_not_cached() {
    let ctx = in_memory();
    let list = |names| IntoList { names };
    let warnings = warnings_of(|| {
        for _ in 0..8 {
            assert_eq!(listed(&ctx, list(names())), 16);
        }
    });
    assert_eq!(keys(&ctx), [""; 0]);
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}")
    };
    assert!(
        warning.contains("IntoList are written in different orders"),
        "{warning}"
    );
    assert!(warning.ends_with("with `key_fn`"), "{warning}");
    // One member has one order.
    for _ in 0..8 {
        assert_eq!(listed(&ctx, list(Names::from(["a".to_owned()]))), 1);
    }
    assert_eq!(keys(&ctx).len(), 1);
    for _ in 0..8 {
        assert_eq!(listed_by_key(&ctx, list(names())), 16);
    }
    assert_eq!(listed_by_key::counters().computations, 1);
}

/// Can be written and shown, but not read.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Written {
    Fields { names: Names, counts: Counts },
    Others { names: Names, counts: Counts },
}

#[execution_cache]
fn written(_ctx: &ExecutionContext, value: &Written) -> usize {
    let (Written::Fields { names, counts } | Written::Others { names, counts }) = value;
    names.len() + counts.len()
}

value! {
    #[serde(tag = "t", content = "c")]
    enum Mixed { Both(BTreeMap<u32, u8>, BTreeMap<String, u8>) }
}

#[execution_cache]
fn mixed(_ctx: &ExecutionContext, value: &Mixed) -> usize {
    let Mixed::Both(one, other) = value;
    one.len() + other.len()
}

#[test]
fn an_argument_that_cannot_be_cached_is_warned_of_by_its_cause() {
    let ctx = in_memory();
    let unseen = warnings_of(|| {
        let (names, counts) = (names(), counts());
        assert_eq!(written(&ctx, &Written::Fields { names, counts }), 32);
        let (names, counts) = (Names::new(), Counts::new());
        assert_eq!(written(&ctx, &Written::Others { names, counts }), 0);
    });
    let [warning] = &unseen[..] else {
        panic!("{unseen:?}")
    };
    assert!(
        warning.contains("it cannot be seen whether serde leaves out a field of"),
        "{warning}"
    );
    assert!(
        warning.contains("derive `Debug` for it, or `Deserialize` and `PartialEq`"),
        "{warning}"
    );
    let one = Mixed::Both([(1, 1)].into(), [("1".to_owned(), 1)].into());
    let unread = warnings_of(|| assert_eq!(mixed(&ctx, &one), 2));
    let [warning] = &unread[..] else {
        panic!("{unread:?}")
    };
    assert!(
        warning.contains(
            "cannot be read from its stored form (invalid type: string \"1\", expected u32)"
        ),
        "{warning}"
    );
    assert_eq!(keys(&ctx), [""; 0]);
}
