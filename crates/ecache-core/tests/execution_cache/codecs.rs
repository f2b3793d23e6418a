//! The program's own `serialize`, `deserialize` and `key_fn` may fail or panic; a call never does.

use std::num::ParseIntError;

use super::*;
use ecache_core::execution_cache;
use futures_executor::block_on;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Port(u16);

impl Port {
    /// Fails for port 0, which has no text, and panics for port 1, as a faulty program would.
    fn text_of(&self) -> Result<String, String> {
        assert_ne!(self.0, 1, "there is no port 1");
        (self.0 > 0)
            .then(|| self.0.to_string())
            .ok_or_else(|| "port 0".into())
    }

    /// Fails on text that is not a number; panics on a number that is not a port.
    fn read(text: String) -> Result<Port, ParseIntError> {
        let number: u32 = text.parse()?;
        Ok(Port(number.try_into().expect("a port")))
    }
}

#[execution_cache(serialize = Port::text_of, deserialize = Port::read, residency = "transient")]
fn port(_ctx: &ExecutionContext, number: u16) -> Port {
    Port(number)
}

#[execution_cache(serialize = Port::text_of, deserialize = Port::read, residency = "transient")]
fn port_read(_ctx: &ExecutionContext, number: u16) -> Port {
    Port(number)
}

#[execution_cache(serialize = Port::text_of, deserialize = Port::read, residency = "transient")]
async fn port_async(_ctx: &ExecutionContext, number: u16) -> Port {
    Port(number)
}

#[execution_cache(
    serialize = Port::text_of, deserialize = Port::read, residency = "transient", ttl = "1h", stale = "1h"
)]
fn port_refreshed(_ctx: &ExecutionContext, number: u16) -> Port {
    Port(number)
}

/// Calls a function twice; returns its second result and the number of failures.
fn twice(call: impl Fn(&ExecutionContext) -> Port) -> (Port, u64) {
    let ctx = in_memory();
    call(&ctx);
    (call(&ctx), ctx.cache.failures())
}

#[test]
fn a_serialize_that_fails_or_panics_keeps_nothing_and_the_result_is_returned() {
    for number in [0, 1] {
        assert_eq!(twice(|ctx| port(ctx, number)), (Port(number), 2));
        assert_eq!(
            twice(|ctx| block_on(port_async(ctx, number))),
            (Port(number), 2)
        );
        assert_eq!(twice(|ctx| port_refreshed(ctx, number)), (Port(number), 2));
    }
    assert_eq!(twice(|ctx| port(ctx, 8080)), (Port(8080), 0));
    assert_eq!(port::counters().store_hits, 1);
    assert_eq!(port::counters().errors, 4);
}

/// Replaces the text of the stored result.
fn overwrite(ctx: &ExecutionContext, text: &str) {
    let backend = ctx.cache.backend().expect("a backend");
    let entry = entries(&**backend).pop().expect("an entry");
    let content = ecache_core::backend::Content::Inline(text.as_bytes().to_vec());
    let always = ecache_core::backend::Condition::Always;
    backend
        .put(&entry, &content, &always.into(), NOW)
        .expect("written");
}

#[test]
fn a_deserialize_that_fails_or_panics_is_a_miss_and_the_next_call_a_hit() {
    for text in ["no number", "65536", ""] {
        let ctx = in_memory();
        let hits = || port_read::counters().store_hits;
        port_read(&ctx, 80);
        overwrite(&ctx, text);
        let before = hits();
        assert_eq!(
            (port_read(&ctx, 80), ctx.cache.failures()),
            (Port(80), 1),
            "{text}"
        );
        assert_eq!(hits(), before, "{text}");
        assert_eq!(
            (port_read(&ctx, 80), ctx.cache.failures()),
            (Port(80), 1),
            "{text}"
        );
        assert_eq!(hits(), before + 1, "{text}");
    }
}

#[execution_cache(key_fn = |_, port: &u16| Port(*port).text_of())]
fn by_text(_ctx: &ExecutionContext, port: u16) -> u16 {
    port
}

#[test]
fn a_key_fn_that_fails_or_panics_is_a_call_without_the_cache() {
    let ctx = in_memory();
    for number in [0, 1, 0, 1] {
        assert_eq!(by_text(&ctx, number), number);
    }
    let counters = by_text::counters();
    assert_eq!((counters.bypasses, counters.errors), (4, 4));
    assert!(by_text::set_cache(&ctx, 0, 7).is_err(), "who sets is told");
    assert!(by_text::clear_cache(&ctx, 1).is_err(), "who clears is told");
    assert_eq!((by_text(&ctx, 2), by_text(&ctx, 2)), (2, 2));
    assert_eq!(by_text::counters().memory_hits, 1);
}

/// A type whose own `Serialize` and `Deserialize` panic.
#[derive(Clone, Debug, PartialEq)]
struct Panics(bool);

impl Serialize for Panics {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(self.0, "it cannot be written");
        serializer.serialize_bool(true)
    }
}

impl<'de> serde::Deserialize<'de> for Panics {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("it cannot be read")
    }
}

#[test]
fn a_type_whose_own_serde_traits_panic_is_computed() {
    let (function, ctx) = (Function::of(Residency::Hybrid), in_memory());
    for (argument, value) in [("a", false), ("b", true)] {
        assert_eq!(function.call(&ctx, argument, Panics(value)), Panics(value));
        assert_eq!(function.call(&ctx, argument, Panics(value)), Panics(value));
    }
    let arguments = || one(&Panics(false));
    let result = function.cache.call(&ctx, &StoredForm, arguments(), || 1);
    assert_eq!((result, function.cache.counters().bypasses), (1, 1));
}

/// A function whose results cannot be stored returns them.
#[test]
fn defect_08_a_result_that_cannot_be_stored_is_returned() {
    let ctx = in_memory();
    let deep = (0..600).fold(serde_json::json!(0), |inner, _| serde_json::json!([inner]));
    let function = Function::of(Residency::Hybrid);
    assert_eq!(function.call(&ctx, "too deep", deep.clone()), deep);
    let keyed_by_lists = std::collections::BTreeMap::from([(vec![1], 2)]);
    assert_eq!(
        function.call(&ctx, "a key of lists", keyed_by_lists.clone()),
        keyed_by_lists
    );
    // BSON's limits do not apply here.
    for _ in 0..2 {
        assert_eq!(
            function.call(&ctx, "large", "x".repeat(17 << 20)).len(),
            17 << 20
        );
        assert_eq!(function.call(&ctx, "integer", u128::MAX), u128::MAX);
    }
    assert_eq!(function.cache.counters().memory_hits, 2);
}

/// An error without a `Display` form.
#[derive(Debug)]
struct Wordless;

#[execution_cache(key_fn = |_, n: &u16| if *n < 10 { Ok(*n) } else { Err(()) })]
fn keyed_or_not(_ctx: &ExecutionContext, n: u16) -> u16 {
    n
}

#[execution_cache(
    serialize = |n: &u16| if *n < 10 { Ok(*n) } else { Err(Wordless) },
    deserialize = |n: u16| Ok::<u16, Wordless>(n),
)]
fn written_or_not(_ctx: &ExecutionContext, n: u16) -> u16 {
    n
}

#[test]
fn an_error_without_a_text_is_an_error_too() {
    let ctx = in_memory();
    for n in [10, 20, 1, 1] {
        assert_eq!(keyed_or_not(&ctx, n), n);
        assert_eq!(written_or_not(&ctx, n), n);
    }
    let counters = keyed_or_not::counters();
    assert_eq!((counters.bypasses, counters.errors), (2, 2));
    assert_eq!((counters.computations, counters.memory_hits), (1, 1));
    let counters = written_or_not::counters();
    assert_eq!((counters.computations, counters.memory_hits), (3, 1));
    assert_eq!(counters.errors, 2);
}
