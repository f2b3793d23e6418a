//! Arguments of the standard library and of well-known crates, of which serde's own `Serialize`
//! leaves something out: told apart, or not cached.

use std::fmt::Debug;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ops::RangeInclusive;

use ecache_core::execution_cache;
use indexmap::IndexMap;
use serde::Deserialize;

use super::distinct::are_apart;
use super::*;

macro_rules! count {
    ($($function:ident: $argument:ty, $count:expr;)*) => {
        $(
            #[execution_cache]
            fn $function(_ctx: &ExecutionContext, value: $argument) -> Vec<u32> {
                let count: fn(&$argument) -> Vec<u32> = $count;
                count(&value)
            }
        )*
    };
}

#[derive(Clone, Debug, Serialize)]
struct OfSpan {
    span: RangeInclusive<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OfSpanRead {
    span: RangeInclusive<u32>,
}

#[derive(Clone, Debug, Serialize)]
struct OfAddress {
    address: SocketAddr,
}

#[derive(Clone, Debug, Serialize)]
struct OfColumns {
    columns: IndexMap<String, u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OfColumnsRead {
    columns: IndexMap<String, u32>,
}

#[derive(Clone, Debug, Serialize)]
struct Named {
    #[serde(rename = "id")]
    one: u32,
    #[serde(rename = "id")]
    two: u32,
}

fn flow(address: &SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.flowinfo(),
    }
}

count! {
    span: RangeInclusive<u32>, |span| span.clone().collect();
    spans: Vec<RangeInclusive<u32>>, |spans| spans.iter().cloned().flatten().collect();
    of_span: OfSpan, |of| of.span.clone().collect();
    of_span_read: OfSpanRead, |of| of.span.clone().collect();
    address: SocketAddr, |address| vec![flow(address)];
    address_v6: SocketAddrV6, |address| vec![address.flowinfo()];
    addresses: Option<Vec<SocketAddr>>, |all| all.iter().flatten().map(flow).collect();
    of_address: OfAddress, |of| vec![flow(&of.address)];
    columns: IndexMap<String, u32>, |columns| columns.values().copied().collect();
    of_columns: OfColumns, |of| of.columns.values().copied().collect();
    of_columns_read: OfColumnsRead, |of| of.columns.values().copied().collect();
    named: Named, |named| vec![named.one, named.two];
}

#[test]
fn a_range_that_is_exhausted() {
    let full = 7..=7;
    let spent = || {
        let mut spent = 7..=7;
        spent.next();
        spent
    };
    are_apart(|ctx| span(ctx, full.clone()), |ctx| span(ctx, spent()));
    are_apart(
        |ctx| spans(ctx, vec![1..=2, full.clone()]),
        |ctx| spans(ctx, vec![1..=2, spent()]),
    );
    let of = |span| OfSpan { span };
    are_apart(
        |ctx| of_span(ctx, of(full.clone())),
        |ctx| of_span(ctx, of(spent())),
    );
    let of_read = |span| OfSpanRead { span };
    are_apart(
        |ctx| of_span_read(ctx, of_read(full.clone())),
        |ctx| of_span_read(ctx, of_read(spent())),
    );
    let ctx = in_memory();
    for _ in 0..2 {
        span(&ctx, 3..=3);
        of_span(&ctx, of(1..=11));
        of_span_read(&ctx, of_read(1..=1));
    }
    let counters = [
        span::counters(),
        of_span::counters(),
        of_span_read::counters(),
    ];
    assert!(counters.iter().all(|counters| counters.memory_hits > 0));
}

#[test]
fn an_address_with_flow_information() {
    let v6 = |flow| SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, flow, 0);
    let any = |flow| SocketAddr::V6(v6(flow));
    are_apart(|ctx| address(ctx, any(0)), |ctx| address(ctx, any(1)));
    are_apart(|ctx| address_v6(ctx, v6(0)), |ctx| address_v6(ctx, v6(1)));
    are_apart(
        |ctx| addresses(ctx, Some(vec![any(0)])),
        |ctx| addresses(ctx, Some(vec![any(1)])),
    );
    let of = |address| OfAddress { address };
    are_apart(
        |ctx| of_address(ctx, of(any(0))),
        |ctx| of_address(ctx, of(any(1))),
    );
    let ctx = in_memory();
    let v4 = SocketAddr::from(([127, 0, 0, 1], 80));
    for _ in 0..2 {
        address(&ctx, any(0));
        of_address(&ctx, of(v4));
    }
    let counters = [address::counters(), of_address::counters()];
    assert!(counters.iter().all(|counters| counters.memory_hits > 0));
}

#[test]
fn a_map_with_an_order_of_its_own() {
    let map = |names: [&str; 2]| {
        let entries = names.iter().zip([names[0] == "b", names[1] == "b"]);
        entries
            .map(|(name, is_b)| ((*name).to_owned(), u32::from(is_b)))
            .collect::<IndexMap<String, u32>>()
    };
    let (one, other) = (["a", "b"], ["b", "a"]);
    assert_eq!(map(one), map(other), "its `==` disregards the order");
    are_apart(|ctx| columns(ctx, map(one)), |ctx| columns(ctx, map(other)));
    are_apart(
        |ctx| of_columns(ctx, OfColumns { columns: map(one) }),
        |ctx| {
            of_columns(
                ctx,
                OfColumns {
                    columns: map(other),
                },
            )
        },
    );
    are_apart(
        |ctx| of_columns_read(ctx, OfColumnsRead { columns: map(one) }),
        |ctx| {
            of_columns_read(
                ctx,
                OfColumnsRead {
                    columns: map(other),
                },
            )
        },
    );
    let counters = [
        columns::counters(),
        of_columns::counters(),
        of_columns_read::counters(),
    ];
    assert_eq!(counters.map(|counters| counters.bypasses), [0; 3]);
}

#[test]
fn fields_of_one_name() {
    are_apart(
        |ctx| named(ctx, Named { one: 1, two: 3 }),
        |ctx| named(ctx, Named { one: 2, two: 3 }),
    );
}
