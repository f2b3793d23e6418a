//! No function or call returns the result of another one. The cases:
//!
//! | case | before | now |
//! |---|---|---|
//! | functions of one name in the `impl` blocks of two traits | the second got the first's results | apart |
//! | functions of one name in two functions, or two blocks | the same | apart |
//! | block-local types of one name as a generic's `T` | the same | apart |
//! | methods of types local to the `impl` of a trait | store `::m` | apart, store `module::Type::m` |
//! | a library's and a binary's function of one path | the same | apart (unit tests of `identity`) |
//! | `impl Serialize` of another type | the same | apart |
//! | a default method of a trait | `A` answered for `B` | apart |
//! | `X` as operator alone, then as prompt alone, also of a caller with a token | the same in memory | apart |
//! | a `key_fn` that returns `x`, then a list of `x` | the same | apart (unit tests of `key`) |
//! | a field that serde skips | the same | not cached, with what to write |
//! | values that serde writes alike, of a type that can be read and compared | the same | not cached, with what to write |
//! | such values, or variants, of a type that can only be shown, or not even that | the same | not cached (`hidden`) |
//! | variants of an `untagged` enum, fields beside a `flatten`, a `transparent` or `into` type of several fields, which can only be shown | the same | not cached (`hidden_elsewhere`) |
//! | a skipped field behind a `Cow`, `RefCell` or `Mutex`, in the key of a map, or beside a field that was left out | the same | not cached (`hidden_elsewhere`) |
//! | a skipped field beside a NaN, or in a value that borrows and cannot be read | the same | not cached (`hidden_elsewhere`) |
//! | an exhausted `RangeInclusive`, the flow information of an IPv6 address, two fields renamed alike | the same | not cached (`hidden_by_serde`) |
//! | an `IndexMap` in another order | the same | apart (`hidden_by_serde`) |
//! | `self_key = self` with a skipped field | the same | not cached (`hidden_elsewhere`) |
//! | a NaN with a sign or payload | the same as any NaN | apart (`hidden`) |
//! | `&mut` arguments | left as they were by a hit | refused (tests of ecache-macros) |
//! | a `HashSet`, anywhere in an argument, also as `transparent` or `serialize_with` writes it | a key per process | one key |
//! | a tuple, array or slice that begins with a `HashSet` | its members in any order were one key | each order has its own |
//! | functions that one macro call declares in a body | the same, by the order of their first calls | apart |

use std::fmt::Debug;

use ecache_core::execution_cache;

use super::*;

struct Site;

trait One {
    fn one(&self, ctx: &ExecutionContext) -> String;
}

trait Two {
    fn two(&self, ctx: &ExecutionContext) -> String;
}

impl One for Site {
    fn one(&self, ctx: &ExecutionContext) -> String {
        #[execution_cache]
        fn cached(_ctx: &ExecutionContext, id: u8) -> String {
            format!("one {id}")
        }
        cached(ctx, 1)
    }
}

impl Two for Site {
    fn two(&self, ctx: &ExecutionContext) -> String {
        #[execution_cache]
        fn cached(_ctx: &ExecutionContext, id: u8) -> String {
            format!("two {id}")
        }
        cached(ctx, 1)
    }
}

/// Calls each of two functions twice, in this process and in a simulated second one.
pub(super) fn are_apart<T: PartialEq + Debug>(
    one: impl Fn(&ExecutionContext) -> T,
    two: impl Fn(&ExecutionContext) -> T,
) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (ctx, later) = (context(Cache::at(&path)), context(Cache::at(&path)));
    let fresh = (one(&in_memory()), two(&in_memory()));
    assert_ne!(fresh.0, fresh.1, "they return different things");
    for ctx in [&ctx, &ctx, &later] {
        assert_eq!((one(ctx), two(ctx)), fresh);
    }
    assert_eq!(two(&context(Cache::at(&path))), fresh.1);
}

#[test]
fn functions_in_the_impls_of_two_traits() {
    are_apart(|ctx| Site.one(ctx), |ctx| Site.two(ctx));
}

#[test]
fn functions_in_two_functions_and_two_blocks() {
    fn one(ctx: &ExecutionContext) -> u8 {
        #[execution_cache]
        fn inner(_ctx: &ExecutionContext) -> u8 {
            1
        }
        inner(ctx)
    }
    fn two(ctx: &ExecutionContext) -> u8 {
        #[execution_cache]
        fn inner(_ctx: &ExecutionContext) -> u8 {
            2
        }
        inner(ctx)
    }
    fn block(ctx: &ExecutionContext, first: bool) -> u8 {
        if first {
            #[execution_cache]
            fn inner(_ctx: &ExecutionContext) -> u8 {
                3
            }
            inner(ctx)
        } else {
            #[execution_cache]
            fn inner(_ctx: &ExecutionContext) -> u8 {
                4
            }
            inner(ctx)
        }
    }
    are_apart(one, two);
    are_apart(|ctx| block(ctx, true), |ctx| block(ctx, false));
}

macro_rules! declare {
    ($value:literal) => {{
        #[execution_cache]
        fn declared(_ctx: &ExecutionContext) -> u8 {
            $value
        }
        declared
    }};
}

#[test]
fn functions_that_a_macro_declares() {
    let one: fn(&ExecutionContext) -> u8 = declare!(1);
    let two: fn(&ExecutionContext) -> u8 = declare!(2);
    are_apart(one, two);
}

macro_rules! declare_both {
    () => {
        (declare!(5), declare!(6))
    };
}

/// Both have one path, and their line and column are those of the outer macro call.
#[test]
fn functions_that_one_macro_call_declares() {
    type Declared = fn(&ExecutionContext) -> u8;
    let both: (Declared, Declared) = declare_both!();
    let folder = tempfile::tempdir().expect("a folder");
    let ctx = context(Cache::at(folder.path().join("store.db")));
    assert_eq!((both.0(&ctx), both.1(&ctx)), (5, 6));
    let backend = ctx.cache.backend().expect("a store");
    for entry in entries(&**backend) {
        let function = entry.function.expect("it is recorded");
        // Without the type's number, the first function called would have a bare identity, in
        // another process the other one.
        assert!(function.contains(" as TypeId("), "{function}");
    }
    are_apart(both.0, both.1);
}

#[expect(dead_code, reason = "it has the name of a const parameter")]
struct N;

#[execution_cache]
fn length<const N: usize>(_ctx: &ExecutionContext) -> usize {
    N
}

#[test]
fn const_parameters_are_part_of_the_key() {
    are_apart(length::<1>, length::<2>);
}

#[execution_cache]
fn size<T>(_ctx: &ExecutionContext) -> usize {
    size_of::<T>()
}

#[test]
fn block_local_types_of_one_name() {
    let one: fn(&ExecutionContext) -> usize = {
        struct Local(#[expect(dead_code, reason = "it has a size")] u8);
        size::<Local>
    };
    let two: fn(&ExecutionContext) -> usize = {
        struct Local(#[expect(dead_code, reason = "it has a size")] u16);
        size::<Local>
    };
    are_apart(one, two);
}

trait Local {
    fn local(ctx: &ExecutionContext) -> (u8, String);
}

impl Local for u8 {
    fn local(ctx: &ExecutionContext) -> (u8, String) {
        struct Model;
        impl Model {
            #[execution_cache(self_key = none)]
            fn m(_ctx: &ExecutionContext) -> u8 {
                1
            }
        }
        (Model::m(ctx), Model::m_execution_cache().options().store())
    }
}

impl Local for u16 {
    fn local(ctx: &ExecutionContext) -> (u8, String) {
        struct Model;
        impl Model {
            #[execution_cache(self_key = none)]
            fn m(_ctx: &ExecutionContext) -> u8 {
                2
            }
        }
        (Model::m(ctx), Model::m_execution_cache().options().store())
    }
}

#[test]
fn methods_of_types_local_to_the_impls_of_a_trait() {
    are_apart(|ctx| u8::local(ctx).0, |ctx| u16::local(ctx).0);
    let (_, store) = u8::local(&in_memory());
    assert_eq!(store, "execution_cache::distinct::Model::m");
}

trait Named {
    const NAME: &'static str;

    #[execution_cache(self_key = none)]
    fn name(_ctx: &ExecutionContext) -> String {
        Self::NAME.to_owned()
    }

    #[execution_cache(self_key = none)]
    fn name_of_this(&self, _ctx: &ExecutionContext) -> String {
        Self::NAME.to_owned()
    }
}

struct A;
struct B;

impl Named for A {
    const NAME: &'static str = "A";
}

impl Named for B {
    const NAME: &'static str = "B";
}

#[test]
fn default_methods_of_a_trait() {
    are_apart(A::name, B::name);
    are_apart(|ctx| A.name_of_this(ctx), |ctx| B.name_of_this(ctx));
    let store = A::name_execution_cache().options().store();
    assert_eq!(store, "execution_cache::distinct::Named::name");
}

#[execution_cache(operator_scoped, prompt_scoped)]
fn caller(ctx: &ExecutionContext) -> [Option<String>; 2] {
    [&ctx.operator_uri, &ctx.prompt_id].map(|scope| scope.as_deref().map(str::to_owned))
}

#[execution_cache(operator_scoped, prompt_scoped, residency = "ephemeral")]
fn caller_in_memory(ctx: &ExecutionContext) -> [Option<String>; 2] {
    caller::uncached(ctx)
}

#[test]
fn one_name_as_operator_and_as_prompt() {
    for caller in [caller, caller_in_memory] {
        are_apart(
            |ctx| caller(&ctx.clone().with_operator("X")),
            |ctx| caller(&ctx.clone().with_prompt("X")),
        );
    }
}

#[execution_cache(operator_scoped, prompt_scoped, jwt_scoped)]
fn caller_with_token(ctx: &ExecutionContext) -> [Option<String>; 2] {
    caller::uncached(ctx)
}

fn each_word(_ctx: &ExecutionContext, words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[execution_cache(jwt_scoped, prompt_scoped, key_fn = each_word)]
fn words(ctx: &ExecutionContext, words: &[&str]) -> String {
    format!("{words:?} {:?}", ctx.prompt_id)
}

/// With a token, a key in memory is a hash.
#[test]
fn one_name_as_operator_and_as_prompt_of_a_caller_with_a_token() {
    let of = |ctx: &ExecutionContext| ctx.clone().with_user_request_token("secret");
    are_apart(
        |ctx| caller_with_token(&of(ctx).with_operator("X")),
        |ctx| caller_with_token(&of(ctx).with_prompt("X")),
    );
    are_apart(
        |ctx| words(&of(ctx), &["a", "b"]),
        |ctx| words(&of(ctx).with_prompt("b"), &["a"]),
    );
}

#[execution_cache]
fn dataset(ctx: &ExecutionContext) -> Option<String> {
    ctx.dataset_id.as_deref().map(str::to_owned)
}

#[test]
fn a_dataset_without_an_id_and_none() {
    are_apart(dataset, |ctx| dataset(&ctx.clone().with_dataset("")));
    assert_eq!(dataset::counters().errors, 0);
}

#[test]
fn a_module_level_function_has_no_place_in_its_identity() {
    let identity = |cache: &ExecutionCache| cache.options().function.to_string();
    assert_eq!(
        identity(size::execution_cache()),
        "execution_cache::distinct::size in a test of package ecache-core"
    );
    assert_eq!(
        identity(A::name_execution_cache()),
        "execution_cache::distinct::Named::name in a test of package ecache-core"
    );
}
