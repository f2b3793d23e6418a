//! The keys that FiftyOne itself made, made again by functions with the attribute.

use std::fmt;

use ecache_core::execution_cache;
use ecache_core::key::parse_arguments;
use ecache_core::python_json::Json;
use serde::Serializer;
use serde::ser::{Error, SerializeMap, SerializeSeq};

use super::*;

/// An argument of which only its stored form is known.
struct Argument(Json);

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        of_json(&self.0, serializer)
    }
}

/// Shows no variants: of which one it is, its stored form tells.
impl fmt::Debug for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argument")
    }
}

struct Reference<'a>(&'a Json);

impl Serialize for Reference<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        of_json(self.0, serializer)
    }
}

fn of_json<S: Serializer>(json: &Json, serializer: S) -> Result<S::Ok, S::Error> {
    let not_rusts = || S::Error::custom("no Rust type has this value");
    match json {
        Json::Null => serializer.serialize_none(),
        Json::Bool(value) => serializer.serialize_bool(*value),
        Json::Integer(value) => serializer.serialize_i64(*value),
        Json::BigInteger(digits) => {
            let number = digits.parse().map_err(|_| not_rusts())?;
            serializer.serialize_i128(number)
        }
        Json::Float(value) => serializer.serialize_f64(*value),
        Json::String(text) => serializer.serialize_str(text.as_str().ok_or_else(not_rusts)?),
        Json::Array(values) => {
            let mut list = serializer.serialize_seq(Some(values.len()))?;
            for value in values {
                list.serialize_element(&Reference(value))?;
            }
            list.end()
        }
        Json::Object(members) => {
            let mut dict = serializer.serialize_map(Some(members.len()))?;
            for (key, value) in members {
                let key = key.as_str().ok_or_else(not_rusts)?;
                dict.serialize_entry(key, &Reference(value))?;
            }
            dict.end()
        }
    }
}

fn each<'a>(_: &ExecutionContext, arguments: &'a [Argument]) -> &'a [Argument] {
    arguments
}

/// A function for each choice of scopes: operator, prompt, token, user.
macro_rules! functions {
    ($($name:ident $operator:tt $prompt:tt $jwt:tt $user:tt)*) => {
        $(
            #[execution_cache(
                residency = "transient",
                key_fn = each,
                operator_scoped = $operator,
                prompt_scoped = $prompt,
                jwt_scoped = $jwt,
                user_scoped = $user
            )]
            fn $name(_ctx: &ExecutionContext, _arguments: &[Argument]) -> u8 {
                1
            }
        )*

        /// Calls the function that has those scopes.
        fn call_scoped(scopes: [bool; 4], ctx: &ExecutionContext, arguments: &[Argument]) -> u8 {
            match scopes {
                $([$operator, $prompt, $jwt, $user] => $name(ctx, arguments),)*
            }
        }
    };
}

functions! {
    f0 false false false false
    f1 false false false true
    f2 false false true false
    f3 false false true true
    f4 false true false false
    f5 false true false true
    f6 false true true false
    f7 false true true true
    f8 true false false false
    f9 true false false true
    f10 true false true false
    f11 true false true true
    f12 true true false false
    f13 true true false true
    f14 true true true false
    f15 true true true true
}

/// A function for each number of arguments.
macro_rules! arities {
    ($($name:ident($($argument:ident)*))*) => {
        $(
            #[execution_cache(residency = "transient")]
            fn $name(_ctx: &ExecutionContext $(, $argument: &Argument)*) -> u8 {
                $(let _ = $argument;)*
                1
            }
        )*

        /// Calls the function that takes so many arguments.
        fn call_plain(ctx: &ExecutionContext, arguments: &[Argument]) -> u8 {
            match arguments {
                $([$($argument),*] => $name(ctx $(, $argument)*),)*
                _ => panic!("{} arguments", arguments.len()),
            }
        }
    };
}

arities! {
    no_argument()
    one_argument(a)
    two_arguments(a b)
    three_arguments(a b c)
    four_arguments(a b c d)
    five_arguments(a b c d e)
}

#[test]
fn functions_with_the_attribute_have_fiftyones_keys() {
    let (mut made, mut not_rusts) = (0, 0);
    for line in include_str!("../data/key_vectors.jsonl").lines() {
        let vector: Vector = serde_json::from_str(line).expect(line);
        let arguments = parse_arguments(vector.args.as_bytes()).expect(line);
        let arguments: Vec<Argument> = arguments.into_iter().map(Argument).collect();
        let (ctx, scopes) = vector.scopes.context();
        let computed = call_scoped(scopes, &ctx, &arguments);
        assert_eq!(computed, 1);
        if ctx.cache.failures() > 0 {
            not_rusts += 1;
            continue;
        }
        let expected: &[String] = if vector.skip { &[] } else { &[vector.key] };
        assert_eq!(keys(&ctx), expected, "{line}");
        if scopes == [false; 4] {
            let ctx = in_memory();
            call_plain(&ctx, &arguments);
            assert_eq!(keys(&ctx), expected, "{line}");
        }
        made += 1;
    }
    // An integer beyond 128 bits is the argument of one.
    assert_eq!((made, not_rusts), (472, 1));
}
