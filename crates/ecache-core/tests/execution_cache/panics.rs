//! A function returns what it computes, whatever panics in the code that its cache runs: first the
//! code of results and arguments. That of options is in `panics_of_options`.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::sync::Mutex;

use ecache_core::execution_cache;
use futures_executor::block_on;
use serde::{Deserialize, Deserializer, Serializer};

use super::*;

/// The pieces of code that panic now, as `row/piece`.
static ARMED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Those that have panicked.
static PANICKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("it is not held during a panic")
}

/// Panics if this piece of code is to panic.
pub(super) fn may_panic(row: &str, piece: &str) {
    let name = format!("{row}/{piece}");
    if lock(&ARMED).contains(&name) {
        lock(&PANICKED).insert(name);
        // Without the message and the stack that `panic!` prints.
        std::panic::resume_unwind(Box::new(format!("{piece}, on purpose")));
    }
}

/// Runs `run` while a piece of code panics.
pub(super) fn while_panics<T>(row: &str, piece: &str, run: impl FnOnce() -> T) -> T {
    let name = format!("{row}/{piece}");
    lock(&ARMED).insert(name.clone());
    let result = run();
    lock(&ARMED).remove(&name);
    result
}

/// Reports whether a piece of code has panicked.
pub(super) fn has_panicked(row: &str, piece: &str) -> bool {
    lock(&PANICKED).contains(&format!("{row}/{piece}"))
}

/// A result or an argument, each of whose traits may panic; it says in which row.
macro_rules! probe {
    ($name:ident) => {
        pub(super) struct $name(pub(super) String);

        impl Clone for $name {
            fn clone(&self) -> Self {
                may_panic(&self.0, "Clone");
                Self(self.0.clone())
            }
        }

        impl Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                may_panic(&self.0, "Debug");
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if !std::thread::panicking() {
                    may_panic(&self.0, "Drop");
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                may_panic(&self.0, "Serialize");
                serializer.serialize_newtype_struct(stringify!($name), &self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let row = String::deserialize(deserializer)?;
                may_panic(&row, "Deserialize");
                Ok(Self(row))
            }
        }
    };
}

probe!(Probe);
probe!(Shown);

impl PartialEq for Probe {
    fn eq(&self, other: &Self) -> bool {
        may_panic(&self.0, "PartialEq");
        self.0 == other.0
    }
}

const PIECES: [&str; 6] = [
    "Clone",
    "Debug",
    "Drop",
    "Serialize",
    "Deserialize",
    "PartialEq",
];

/// Declares functions of all kinds that keep results in one residency, and a table of them.
macro_rules! functions {
    ($module:ident, $residency:literal) => {
        mod $module {
            use super::*;

            #[execution_cache(residency = $residency)]
            fn compared(_ctx: &ExecutionContext, row: &str) -> Probe {
                Probe(row.to_owned())
            }

            #[execution_cache(residency = $residency)]
            fn shown(_ctx: &ExecutionContext, row: &str) -> Shown {
                Shown(row.to_owned())
            }

            #[execution_cache(residency = $residency)]
            fn argument(_ctx: &ExecutionContext, argument: Probe) -> String {
                argument.0.clone()
            }

            #[execution_cache(residency = $residency)]
            fn shown_argument(_ctx: &ExecutionContext, argument: &Shown) -> String {
                argument.0.clone()
            }

            #[execution_cache(residency = $residency, ttl = 60, stale = 60)]
            fn refreshed(_ctx: &ExecutionContext, argument: &Probe) -> Probe {
                Probe(argument.0.clone())
            }

            #[execution_cache(residency = $residency, ttl = 60, stale_if_error = 60)]
            fn fallible(_ctx: &ExecutionContext, row: &str) -> Result<Probe, Probe> {
                may_fail(row)
            }

            #[execution_cache(residency = $residency, ttl = 60, cache_err)]
            fn kept_errors(_ctx: &ExecutionContext, row: &str) -> Result<Probe, Probe> {
                may_fail(row)
            }

            #[execution_cache(residency = $residency, cache_none = false)]
            fn optional(_ctx: &ExecutionContext, row: &str) -> Option<Probe> {
                Some(Probe(row.to_owned()))
            }

            #[execution_cache(residency = $residency, verify_every = 1)]
            fn verified(_ctx: &ExecutionContext, row: &str) -> Result<Probe, Probe> {
                may_fail(row)
            }

            #[execution_cache(residency = $residency)]
            async fn later(_ctx: &ExecutionContext, row: &str) -> Probe {
                Probe(row.to_owned())
            }

            #[execution_cache(residency = $residency, verify_every = 1)]
            async fn later_verified(_ctx: &ExecutionContext, row: &str) -> Result<Probe, Probe> {
                may_fail(row)
            }

            #[execution_cache(residency = $residency, ttl = 60, stale = 60)]
            async fn later_refreshed(_ctx: &ExecutionContext, argument: &Probe) -> Probe {
                Probe(argument.0.clone())
            }

            #[execution_cache(residency = $residency, ttl = 60, stale_if_error = 60)]
            async fn later_fallible(_ctx: &ExecutionContext, row: &str) -> Result<Probe, Probe> {
                may_fail(row)
            }

            pub(super) const TABLE: &[(&str, Call)] = &[
                ("compared", |ctx, row| read(compared(ctx, row))),
                ("shown", |ctx, row| read(shown(ctx, row))),
                ("argument", |ctx, row| argument(ctx, Probe(row.to_owned()))),
                ("shown argument", |ctx, row| {
                    let argument = std::mem::ManuallyDrop::new(Shown(row.to_owned()));
                    shown_argument(ctx, &argument)
                }),
                ("refreshed", |ctx, row| {
                    let argument = std::mem::ManuallyDrop::new(Probe(row.to_owned()));
                    read(refreshed(ctx, &argument))
                }),
                ("with status", |ctx, row| {
                    read(compared::with_status(ctx, row).0)
                }),
                ("refresh", |ctx, row| read(compared::refresh(ctx, row))),
                ("fallible", |ctx, row| either(fallible(ctx, row))),
                ("fallible with status", |ctx, row| {
                    either(fallible::with_status(ctx, row).0)
                }),
                ("kept errors", |ctx, row| either(kept_errors(ctx, row))),
                ("optional", |ctx, row| {
                    optional(ctx, row).map_or_else(String::new, read)
                }),
                ("verified", |ctx, row| either(verified(ctx, row))),
                ("later", |ctx, row| read(block_on(later(ctx, row)))),
                ("later verified", |ctx, row| {
                    either(block_on(later_verified(ctx, row)))
                }),
                ("later refreshed", |ctx, row| {
                    let argument = std::mem::ManuallyDrop::new(Probe(row.to_owned()));
                    read(block_on(later_refreshed(ctx, &argument)))
                }),
                ("later with status", |ctx, row| {
                    read(block_on(later::with_status(ctx, row)).0)
                }),
                ("later fallible", |ctx, row| {
                    either(block_on(later_fallible(ctx, row)))
                }),
                ("direct", |ctx, row| {
                    let compute = || Probe(row.to_owned());
                    read(direct().call(ctx, &StoredForm, one(row), compute))
                }),
                ("direct and later", |ctx, row| {
                    let compute = async { Probe(row.to_owned()) };
                    read(block_on(direct().call_async(
                        ctx,
                        StoredForm,
                        one(row),
                        compute,
                    )))
                }),
                ("direct and refreshed", |ctx, row| {
                    read(direct().call_refreshing(ctx, StoredForm, one(row), || {
                        let row = row.to_owned();
                        move || Probe(row)
                    }))
                }),
            ];

            fn direct() -> &'static ExecutionCache {
                later::execution_cache()
            }
        }
    };
}

fn caught<T>(run: impl FnOnce() -> T) -> std::thread::Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
}

/// Returns the text of a result without its `Drop`, which belongs to the caller.
fn read(result: impl Text) -> String {
    std::mem::ManuallyDrop::new(result).text()
}

trait Text {
    fn text(&self) -> String;
}

impl Text for Probe {
    fn text(&self) -> String {
        self.0.clone()
    }
}

impl Text for Shown {
    fn text(&self) -> String {
        self.0.clone()
    }
}

fn either(result: Result<Probe, Probe>) -> String {
    result.map_or_else(|error| format!("{} failed", read(error)), read)
}

/// Computes a result, or an error while that is wanted.
fn may_fail(row: &str) -> Result<Probe, Probe> {
    let is_ok = caught(|| may_panic(row, "it fails")).is_ok();
    let probe = Probe(row.to_owned());
    if is_ok { Ok(probe) } else { Err(probe) }
}

type Call = fn(&ExecutionContext, &str) -> String;

functions!(ephemeral, "ephemeral");
functions!(transient, "transient");
functions!(hybrid, "hybrid");

/// Calls a function in every state of its result while `piece` panics, and without.
fn returns_its_result(row: &str, piece: &str, call: Call) {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || {
        let cache = Cache::at(folder.path().join("store.db")).with_coherence(Duration::ZERO);
        with_clock(cache)
    };
    let (ctx, clock) = open();
    let armed = |ctx: &ExecutionContext, state: &str| {
        let called = caught(|| while_panics(row, piece, || call(ctx, row)));
        let result = called.unwrap_or_else(|_| panic!("{row}, {piece}, {state}: it panicked"));
        assert_eq!(result, row, "{piece}, {state}");
    };
    let plain = |ctx: &ExecutionContext, state: &str| {
        assert_eq!(call(ctx, row), row, "{piece}, {state}");
    };
    armed(&ctx, "a miss");
    plain(&ctx, "after a miss");
    armed(&ctx, "a hit");
    plain(&ctx, "after a hit");
    let (later, later_clock) = open();
    armed(&later, "a hit in the store");
    plain(&later, "after a hit in the store");
    for (ctx, clock) in [(&ctx, &clock), (&later, &later_clock)] {
        clock.advance(Duration::from_secs(90));
        armed(ctx, "when it is stale");
        plain(ctx, "after it was stale");
    }
    clock.advance(Duration::from_secs(90));
    if row.contains("fallible") || row.contains("verified") {
        // The error of the function or a result that was kept, and no panic.
        let failing = || while_panics(row, "it fails", || call(&ctx, row));
        let called = caught(|| while_panics(row, piece, failing));
        let result = called.unwrap_or_else(|_| panic!("{row}, {piece}, failing: it panicked"));
        assert!(result.starts_with(row), "{result}");
    }
}

#[test]
fn a_function_returns_its_result_whatever_panics_in_the_types_that_its_cache_handles() {
    let mut panicked = 0;
    for (residency, table) in [
        ("ephemeral", ephemeral::TABLE),
        ("transient", transient::TABLE),
        ("hybrid", hybrid::TABLE),
    ] {
        for (name, call) in table {
            for piece in PIECES {
                // The function itself drops an argument that it owns.
                if (*name, piece) == ("argument", "Drop") {
                    continue;
                }
                let row = format!("{residency} {name} {piece}");
                returns_its_result(&row, piece, *call);
                panicked += usize::from(has_panicked(&row, piece));
            }
        }
    }
    // Not every function runs every piece: a `Debug` form, for instance, is the last resort.
    assert!(panicked > 200, "{panicked}");
}
