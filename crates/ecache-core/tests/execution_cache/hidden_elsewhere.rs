//! Arguments that hide something where no struct or variant of theirs is written: in the form of
//! another type, behind a cell, in a receiver, or in a value that cannot be read back.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Mutex;

use ecache_core::execution_cache;
use serde::Serialize;

use super::distinct::are_apart;
use super::hidden::shown_alone;
use super::*;

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

/// Types that serde writes as neither a struct nor a variant, or by another type's `Serialize`.
mod written_as_others {
    use super::*;

    #[derive(Clone, Debug, Serialize)]
    #[serde(untagged)]
    #[expect(
        clippy::enum_variant_names,
        reason = "the form of one is the type's name"
    )]
    pub(super) enum Untagged {
        One(u64),
        Two(u64),
        Empty,
        Nothing,
        Untagged(u64),
    }

    #[derive(Clone, Debug, Serialize)]
    pub(super) enum PartlyUntagged {
        Text,
        #[serde(untagged)]
        Other(String),
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(tag = "kind")]
    pub(super) enum Tagged {
        #[serde(rename = "a")]
        One { x: u8 },
        #[serde(rename = "a")]
        Two { x: u8 },
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(tag = "kind", content = "of")]
    pub(super) enum Adjacent {
        #[serde(rename = "a")]
        One(u8),
        #[serde(rename = "a")]
        Two(u8),
    }

    #[derive(Clone, Debug, Serialize)]
    pub(super) struct Flattened {
        #[serde(flatten)]
        pub(super) inner: Inner,
        #[serde(skip)]
        #[expect(dead_code, reason = "only its `Debug` form is read")]
        pub(super) limit: u64,
    }

    #[derive(Clone, Debug, Serialize)]
    pub(super) struct Inner {
        pub(super) id: u64,
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(transparent)]
    pub(super) struct Transparent {
        pub(super) id: u64,
        #[serde(skip)]
        #[expect(dead_code, reason = "only its `Debug` form is read")]
        pub(super) limit: u64,
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(into = "u64")]
    pub(super) struct Converted {
        pub(super) id: u64,
        #[expect(dead_code, reason = "only its `Debug` form is read")]
        pub(super) limit: u64,
    }

    impl From<Converted> for u64 {
        fn from(converted: Converted) -> Self {
            converted.id
        }
    }

    #[derive(Clone, Debug, Serialize)]
    pub(super) struct Partial {
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(super) name: Option<u8>,
        #[serde(skip)]
        #[expect(dead_code, reason = "only its `Debug` form is read")]
        pub(super) limit: u64,
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
    pub(super) struct MapKey(pub(super) u32, #[serde(skip)] pub(super) u8);

    #[derive(Clone, Debug, Serialize)]
    #[serde(transparent)]
    pub(super) struct Id {
        pub(super) id: String,
    }

    #[derive(Clone, Debug, Serialize)]
    pub(super) struct Order {
        pub(super) id: Id,
        pub(super) is_paid: bool,
        pub(super) state: shown_alone::Plain,
    }
}

describe! {
    untagged: written_as_others::Untagged
    untagged_list: Vec<written_as_others::Untagged>
    partly_untagged: written_as_others::PartlyUntagged
    tagged: Option<written_as_others::Tagged>
    adjacent: written_as_others::Adjacent
    flattened: written_as_others::Flattened
    transparent: &written_as_others::Transparent
    converted: (u8, written_as_others::Converted)
    partial: written_as_others::Partial
    of_map: BTreeMap<written_as_others::MapKey, u8>
    of_renamed_map: BTreeMap<shown_alone::Renamed, u8>
    in_cow: Cow<'_, shown_alone::Padded>
    in_cell: RefCell<shown_alone::Padded>
    in_mutex: Box<Mutex<shown_alone::Padded>>
    in_reverse: Reverse<shown_alone::Padded>
    whole_in_cell: RefCell<shown_alone::Unhidden>
    whole_in_mutex: Mutex<shown_alone::Unhidden>
    of_order: written_as_others::Order
}

#[test]
fn arguments_that_are_written_as_another_type() {
    use written_as_others::*;
    let all = [
        Untagged::One(1),
        Untagged::Two(1),
        Untagged::Empty,
        Untagged::Nothing,
        Untagged::Untagged(1),
    ];
    for one in &all {
        let others = all
            .iter()
            .filter(|other| format!("{one:?}") != format!("{other:?}"));
        for other in others {
            are_apart(
                |ctx| untagged(ctx, one.clone()),
                |ctx| untagged(ctx, other.clone()),
            );
            are_apart(
                |ctx| untagged_list(ctx, vec![one.clone(), other.clone()]),
                |ctx| untagged_list(ctx, vec![other.clone(), one.clone()]),
            );
        }
    }
    are_apart(
        |ctx| partly_untagged(ctx, PartlyUntagged::Text),
        |ctx| partly_untagged(ctx, PartlyUntagged::Other("Text".into())),
    );
    are_apart(
        |ctx| tagged(ctx, Some(Tagged::One { x: 1 })),
        |ctx| tagged(ctx, Some(Tagged::Two { x: 1 })),
    );
    are_apart(
        |ctx| adjacent(ctx, Adjacent::One(1)),
        |ctx| adjacent(ctx, Adjacent::Two(1)),
    );
    let of = |limit| Flattened {
        inner: Inner { id: 1 },
        limit,
    };
    are_apart(|ctx| flattened(ctx, of(1)), |ctx| flattened(ctx, of(2)));
    let of = |limit| Transparent { id: 1, limit };
    are_apart(
        |ctx| transparent(ctx, &of(1)),
        |ctx| transparent(ctx, &of(2)),
    );
    let of = |limit| (1, Converted { id: 1, limit });
    are_apart(|ctx| converted(ctx, of(1)), |ctx| converted(ctx, of(2)));
    for name in [None, Some(1)] {
        let of = |limit| Partial { name, limit };
        are_apart(|ctx| partial(ctx, of(1)), |ctx| partial(ctx, of(2)));
    }
    let of = |hidden| BTreeMap::from([(MapKey(1, hidden), 1)]);
    are_apart(|ctx| of_map(ctx, of(1)), |ctx| of_map(ctx, of(2)));
    use shown_alone::Renamed;
    are_apart(
        |ctx| of_renamed_map(ctx, BTreeMap::from([(Renamed::Fast, 1)])),
        |ctx| of_renamed_map(ctx, BTreeMap::from([(Renamed::Slow, 1)])),
    );
    // A type that is written as its only field, among others of which all is written.
    let order = Order {
        id: Id {
            id: "Two(1) { a: 1 }".to_owned(),
        },
        is_paid: true,
        state: shown_alone::Plain::Empty,
    };
    let ctx = in_memory();
    for _ in 0..2 {
        of_order(&ctx, order.clone());
    }
    assert_eq!(of_order::counters().memory_hits, 1);
}

#[test]
fn arguments_behind_cells_and_wrappers_are_looked_at() {
    let padded = |is_raw| shown_alone::Padded {
        id: 1,
        is_deep: true,
        is_raw,
    };
    are_apart(
        |ctx| in_cow(ctx, Cow::Owned(padded(true))),
        |ctx| in_cow(ctx, Cow::Owned(padded(false))),
    );
    are_apart(
        |ctx| in_cell(ctx, padded(true).into()),
        |ctx| in_cell(ctx, padded(false).into()),
    );
    are_apart(
        |ctx| in_mutex(ctx, Box::new(padded(true).into())),
        |ctx| in_mutex(ctx, Box::new(padded(false).into())),
    );
    are_apart(
        |ctx| in_reverse(ctx, Reverse(padded(true))),
        |ctx| in_reverse(ctx, Reverse(padded(false))),
    );
    let whole = || shown_alone::Unhidden {
        id: 1,
        is_deep: true,
        name: None,
    };
    let ctx = in_memory();
    for _ in 0..2 {
        whole_in_cell(&ctx, whole().into());
        whole_in_mutex(&ctx, whole().into());
    }
    assert_eq!(whole_in_cell::counters().memory_hits, 1);
    assert_eq!(whole_in_mutex::counters().memory_hits, 1);
}

/// Receivers: what they hide is looked for as in an argument.
#[derive(Clone, Debug, Serialize)]
struct Model {
    id: u64,
    is_deep: bool,
    #[serde(skip)]
    is_raw: bool,
}

impl Model {
    #[execution_cache(self_key = self)]
    fn by_self(&self, _ctx: &ExecutionContext) -> bool {
        self.is_raw
    }

    #[execution_cache(self_key = (&self.id, self.is_raw))]
    fn by_parts(&self, _ctx: &ExecutionContext) -> (u64, bool) {
        (self.id, self.is_raw)
    }

    #[execution_cache(self_key = format!("{}", self.id).as_str())]
    fn by_text(&self, _ctx: &ExecutionContext) -> u64 {
        self.id
    }
}

#[test]
fn receivers_that_hide_something() {
    let of = |is_raw| Model {
        id: 1,
        is_deep: true,
        is_raw,
    };
    are_apart(|ctx| of(true).by_self(ctx), |ctx| of(false).by_self(ctx));
    are_apart(|ctx| of(true).by_parts(ctx), |ctx| of(false).by_parts(ctx));
    assert!(Model::by_parts_counters().memory_hits > 0);
    let two = Model { id: 2, ..of(true) };
    are_apart(|ctx| of(true).by_text(ctx), |ctx| two.by_text(ctx));
    assert!(Model::by_text_counters().memory_hits > 0);
}

/// Types that can be read back and compared in general, but not each of whose values can.
mod read_at_times {
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Lent<'a> {
        pub(super) text: &'a str,
        pub(super) is_deep: bool,
        #[serde(skip)]
        pub(super) is_raw: bool,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Measured {
        pub(super) value: f64,
        pub(super) is_deep: bool,
        #[serde(skip)]
        pub(super) is_raw: bool,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Unread {
        #[serde(skip_deserializing)]
        pub(super) id: u32,
        pub(super) is_deep: bool,
        #[serde(skip)]
        pub(super) is_raw: bool,
    }
}

describe! {
    lent: read_at_times::Lent<'_>
    measured: Vec<read_at_times::Measured>
    unread: read_at_times::Unread
}

#[test]
fn arguments_of_which_reading_back_tells_nothing() {
    use read_at_times::{Lent, Measured, Unread};
    // A text with an escape cannot be lent.
    for text in ["a", "a\"\n", "é"] {
        let of = |is_raw| Lent {
            text,
            is_deep: true,
            is_raw,
        };
        are_apart(|ctx| lent(ctx, of(true)), |ctx| lent(ctx, of(false)));
    }
    for value in [1.5, f64::NAN] {
        let of = |is_raw| {
            vec![Measured {
                value,
                is_deep: true,
                is_raw,
            }]
        };
        are_apart(
            |ctx| measured(ctx, of(true)),
            |ctx| measured(ctx, of(false)),
        );
    }
    let of = |is_raw| Unread {
        id: 1,
        is_deep: true,
        is_raw,
    };
    are_apart(|ctx| unread(ctx, of(true)), |ctx| unread(ctx, of(false)));
}

/// A type of the program with the name of one that hides nothing.
mod named_like_a_plain_type {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
    pub(super) struct String {
        pub(super) id: u64,
        #[serde(skip)]
        pub(super) limit: u8,
    }

    #[execution_cache]
    pub(super) fn of_string(_ctx: &ExecutionContext, value: String) -> u8 {
        value.limit
    }
}

#[test]
fn a_type_that_is_called_string_is_looked_at() {
    use named_like_a_plain_type::{String, of_string};
    let of = |limit| String { id: 1, limit };
    are_apart(|ctx| of_string(ctx, of(1)), |ctx| of_string(ctx, of(2)));
}
