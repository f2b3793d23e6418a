//! Values of many levels: a function takes and returns them whatever their depth is, although the
//! code that writes and reads them recurses.

use std::thread;

use ecache_core::execution_cache;
use ecache_core::execution_cache::Compact;
use serde::Deserialize;

use super::*;

/// A chain whose `Clone`, `Drop` and `==` do not recurse. Each link is two levels, and none of them
/// is a list or dict.
#[derive(Debug, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

impl Chain {
    fn of(length: usize) -> Self {
        (0..length).fold(Self(None), |rest, _| Self(Some(Box::new(rest))))
    }

    fn length(&self) -> usize {
        std::iter::successors(self.0.as_deref(), |rest| rest.0.as_deref()).count()
    }
}

impl Clone for Chain {
    fn clone(&self) -> Self {
        Self::of(self.length())
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.length() == other.length()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let mut rest = self.0.take();
        while let Some(mut link) = rest {
            rest = link.0.take();
        }
    }
}

#[execution_cache]
fn chain(_ctx: &ExecutionContext, length: usize) -> Chain {
    Chain::of(length)
}

#[execution_cache(codec = Compact)]
fn compact_chain(_ctx: &ExecutionContext, length: usize) -> Chain {
    Chain::of(length)
}

#[execution_cache]
fn length(_ctx: &ExecutionContext, chain: &Chain) -> usize {
    chain.length()
}

#[test]
fn a_value_of_any_depth_is_taken_and_returned() {
    // The stack of a thread, if the program says nothing else.
    let thread = thread::Builder::new().stack_size(2 << 20);
    let called = thread.spawn(|| {
        let ctx = in_memory();
        for links in [10, 1000, 100_000, 10, 1000, 100_000] {
            assert_eq!(chain(&ctx, links).length(), links);
            assert_eq!(compact_chain(&ctx, links).length(), links);
            assert_eq!(length(&ctx, &Chain::of(links)), links);
        }
    });
    called.expect("a thread").join().expect("no call failed");
    let hits = [
        chain::counters(),
        compact_chain::counters(),
        length::counters(),
    ];
    assert_eq!(hits.map(|counters| counters.memory_hits), [1, 2, 1]);
}
