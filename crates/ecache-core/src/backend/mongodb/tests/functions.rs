//! Cached functions that share a store in FiftyOne's database, which has one document per key.

use std::cell::RefCell;
use std::sync::Arc;

use super::TemporaryDatabase;
use crate::backend::conformance::{NOW, everything};
use crate::execution_cache::{Cache, ExecutionCache, ExecutionContext, Options, Residency};
use crate::execution_cache::{Counters, StoredForm};
use crate::key::Preimage;
use crate::time::ManualClock;

/// Collects the warnings of each thread.
struct Warnings;

thread_local! {
    static WARNINGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            WARNINGS.with_borrow_mut(|warnings| warnings.push(record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

fn function(name: &'static str) -> ExecutionCache {
    let mut options = Options::new(name);
    options.store_name = Some("shared".into());
    options.residency = Residency::Transient;
    ExecutionCache::new(options)
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn the_newer_result_of_two_functions_with_one_store_and_key_stands() {
    log::set_logger(&Warnings).expect("no other test sets a logger");
    log::set_max_level(log::LevelFilter::Warn);
    let uri = TemporaryDatabase::uri("");
    let database = TemporaryDatabase::at(&uri);
    let clock = Arc::new(ManualClock::new(NOW));
    let ctx = ExecutionContext::new(Cache::at(&uri).with_clock(clock));
    let (length, width) = (function("image::length"), function("image::width"));
    let call = |function: &ExecutionCache, value: u64| {
        let arguments = Preimage::of_arguments(|arguments| arguments.push("cat.jpg"));
        function.call(&ctx, &StoredForm, arguments, || value)
    };
    let stored = || {
        let entries = everything(&*database);
        let functions = entries.into_iter().map(|(entry, _)| entry.function);
        functions.collect::<Vec<_>>()
    };

    assert_eq!(call(&length, 1), 1);
    assert_eq!(stored(), [Some("image::length".into())]);
    assert_eq!(call(&width, 2), 2, "the other function's result is a miss");
    assert_eq!(call(&width, 3), 2);
    assert_eq!(stored(), [Some("image::width".into())]);
    assert_eq!(call(&length, 4), 4);
    assert_eq!(call(&width, 5), 5);
    for (function, computations) in [(&length, 2), (&width, 2)] {
        let Counters {
            computations: found,
            errors,
            ..
        } = function.counters();
        assert_eq!((found, errors), (computations, 0));
    }
    let share = |one: &str, other: &str| {
        format!(
            "{one} and {other} share the store \"shared\" and replace each other's results: give \
             one of them another store_name"
        )
    };
    assert_eq!(
        WARNINGS.take(),
        [
            share("image::width", "image::length"),
            share("image::length", "image::width")
        ]
    );
    assert_eq!(ctx.cache.failures(), 0);
}
