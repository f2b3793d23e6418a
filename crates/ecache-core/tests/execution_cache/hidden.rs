//! Arguments that hide something from serde, and cannot be read back: told apart, or not cached.

use std::fmt::Debug;

use ecache_core::execution_cache;
use serde::Serialize;

use super::distinct::are_apart;
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

/// Types that can be shown, but neither read back nor compared.
pub(super) mod shown_alone {
    use super::*;

    #[derive(Clone, Debug, Serialize)]
    pub(in super::super) struct Padded {
        pub(in super::super) id: u64,
        pub(in super::super) is_deep: bool,
        #[serde(skip)]
        #[expect(dead_code, reason = "only its `Debug` form is read")]
        pub(in super::super) is_raw: bool,
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
    pub(in super::super) enum Renamed {
        #[serde(rename = "fast")]
        Fast,
        #[serde(rename = "fast")]
        Slow,
    }

    #[derive(Clone, Debug, Serialize)]
    pub(in super::super) enum Variants {
        Struct {
            id: u64,
            #[serde(skip)]
            limit: u64,
        },
        Tuple(u64, #[serde(skip)] u64),
        Newtype(#[serde(skip)] u64),
    }

    #[derive(Clone, Debug, Serialize)]
    #[serde(rename_all = "kebab-case")]
    pub(in super::super) enum Plain {
        Empty,
        InOrder(u8, &'static str),
        ByName {
            text: &'static str,
            padded: Unhidden,
        },
    }

    #[derive(Clone, Debug, Serialize)]
    pub(in super::super) struct Unhidden {
        pub(in super::super) id: u64,
        pub(in super::super) is_deep: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(in super::super) name: Option<String>,
    }
}

describe! {
    shown_padded: shown_alone::Padded
    shown_padded_list: Vec<shown_alone::Padded>
    renamed: shown_alone::Renamed
    renamed_optional: (u8, Option<shown_alone::Renamed>)
    shown_variants: shown_alone::Variants
    plain: shown_alone::Plain
    plain_list: Vec<shown_alone::Plain>
}

#[test]
fn arguments_that_only_their_debug_form_tells_apart() {
    use shown_alone::{Padded, Plain, Renamed, Unhidden, Variants};
    let padded = |is_raw| Padded {
        id: 1,
        is_deep: true,
        is_raw,
    };
    are_apart(
        |ctx| shown_padded(ctx, padded(true)),
        |ctx| shown_padded(ctx, padded(false)),
    );
    are_apart(
        |ctx| shown_padded_list(ctx, vec![padded(true)]),
        |ctx| shown_padded_list(ctx, vec![padded(false)]),
    );
    are_apart(
        |ctx| renamed(ctx, Renamed::Fast),
        |ctx| renamed(ctx, Renamed::Slow),
    );
    // The order must not matter: another process may begin with the other one.
    are_apart(
        |ctx| renamed_optional(ctx, (1, Some(Renamed::Slow))),
        |ctx| renamed_optional(ctx, (1, Some(Renamed::Fast))),
    );
    let variants = |number| {
        [
            Variants::Struct {
                id: 1,
                limit: number,
            },
            Variants::Tuple(1, number),
            Variants::Newtype(number),
        ]
    };
    for (one, other) in variants(1).into_iter().zip(variants(2)) {
        are_apart(
            |ctx| shown_variants(ctx, one.clone()),
            |ctx| shown_variants(ctx, other.clone()),
        );
    }
    assert_eq!(shown_variants::counters().computations, 0, "none is cached");

    let unhidden = |name: Option<&str>| Unhidden {
        id: 1,
        is_deep: true,
        name: name.map(str::to_owned),
    };
    let plains = [
        Plain::Empty,
        Plain::InOrder(1, "Empty { a: 1, b: 2 }"),
        Plain::ByName {
            text: "a",
            padded: unhidden(None),
        },
        Plain::ByName {
            text: "a",
            padded: unhidden(Some("b")),
        },
    ];
    let ctx = in_memory();
    for one in &plains {
        for _ in 0..2 {
            assert_eq!(plain(&ctx, one.clone()), format!("{one:?}"));
        }
    }
    for _ in 0..2 {
        plain_list(&ctx, plains.to_vec());
    }
    let counters = [plain::counters(), plain_list::counters()];
    assert_eq!(counters.map(|counters| counters.bypasses), [0, 0]);
    assert_eq!(counters.map(|counters| counters.memory_hits), [4, 1]);
}

/// Neither read back, nor compared, nor shown.
#[derive(Clone, Serialize)]
struct Unseen {
    id: u64,
    flag: bool,
}

#[derive(Clone, Serialize)]
enum UnseenMode {
    #[serde(rename = "fast")]
    Fast,
    #[serde(rename = "fast")]
    Slow,
}

#[derive(Clone, Serialize)]
struct Seen {
    id: u64,
    text: String,
}

#[execution_cache]
fn of_unseen(_ctx: &ExecutionContext, unseen: &Unseen) -> u64 {
    unseen.id + u64::from(unseen.flag)
}

#[execution_cache]
fn of_unseen_mode(_ctx: &ExecutionContext, mode: UnseenMode) -> bool {
    matches!(mode, UnseenMode::Slow)
}

#[execution_cache]
fn of_seen(_ctx: &ExecutionContext, seen: &Seen) -> String {
    format!("{} {}", seen.id, seen.text)
}

#[execution_cache]
fn of_seen_list(_ctx: &ExecutionContext, seen: &[Seen]) -> usize {
    seen.len()
}

#[test]
fn arguments_that_nothing_tells_apart_are_not_cached() {
    are_apart(
        |ctx| of_unseen_mode(ctx, UnseenMode::Fast),
        |ctx| of_unseen_mode(ctx, UnseenMode::Slow),
    );
    let ctx = in_memory();
    of_unseen(&ctx, &Unseen { id: 1, flag: true });
    let computed = [of_unseen_mode::counters(), of_unseen::counters()];
    assert_eq!(computed.map(|counters| counters.computations), [0, 0]);
    let seen = Seen {
        id: 1,
        text: "a".to_owned(),
    };
    of_seen(&ctx, &seen);
    assert_eq!(of_seen(&ctx, &seen), "1 a");
    assert_eq!(
        of_seen::counters().memory_hits,
        1,
        "it has no room for more"
    );
    // In a list, where it lies is not known.
    of_seen_list(&ctx, &[seen]);
    assert_eq!(of_seen_list::counters().computations, 0);
}

#[execution_cache]
fn bits(_ctx: &ExecutionContext, single: f32, double: &[f64]) -> (u32, Vec<u64>) {
    let double = double.iter().map(|number| number.to_bits());
    (single.to_bits(), double.collect())
}

#[test]
fn each_nan_is_another_argument() {
    let double = [f64::NAN, -f64::NAN, f64::from_bits(0x7ff8_0000_0000_0001)];
    let single = [f32::NAN, -f32::NAN, f32::from_bits(0x7fc0_0001)];
    let ctx = in_memory();
    for _ in 0..2 {
        for (single, double) in single.iter().zip(double) {
            let expected = (single.to_bits(), vec![double.to_bits()]);
            assert_eq!(bits(&ctx, *single, &[double]), expected);
        }
    }
    let counters = bits::counters();
    assert_eq!((counters.computations, counters.memory_hits), (3, 3));
}
