//! The identity of a call: its key, and the parts of it that an entry records.

use std::collections::HashSet;

use super::*;
use ecache_core::entry::Policy;
use ecache_core::python_json::Json;
use ecache_core::scope::{Scopes, token_hash};
use ecache_core::stored;

fn scoped(function: &'static str) -> Options {
    options(function, |options| {
        options.operator_scoped = true;
        options.prompt_scoped = true;
        options.user_scoped = true;
        options.jwt_scoped = true;
    })
}

fn scoped_context() -> ExecutionContext {
    in_memory()
        .with_dataset("6b03de1228195dbc2df5c505")
        .with_operator("@acme/stats/dashboard")
        .with_prompt("p1")
        .with_user("ann")
        .with_user_request_token("secret")
}

#[test]
fn the_key_of_a_call_is_fiftyones() {
    for line in include_str!("../data/key_vectors.jsonl").lines() {
        let vector: Vector = serde_json::from_str(line).expect(line);
        let (ctx, [operator_scoped, prompt_scoped, jwt_scoped, user_scoped]) =
            vector.scopes.context();
        let function = Function::new(options("tests::vector", |options| {
            options.residency = Residency::Transient;
            options.operator_scoped = operator_scoped;
            options.prompt_scoped = prompt_scoped;
            options.jwt_scoped = jwt_scoped;
            options.user_scoped = user_scoped;
        }));

        let mut arguments = Json::parse(vector.args.as_bytes()).expect(line);
        stored::order_sets(&mut arguments);
        let Json::Array(arguments) = arguments else {
            panic!("{line}")
        };
        let arguments = Preimage::of_arguments(|preimage| {
            arguments
                .iter()
                .for_each(|argument| preimage.push_json(argument));
            Ok(())
        });
        function.cache.call(&ctx, &StoredForm, arguments, || 1);

        let expected: &[String] = if vector.skip { &[] } else { &[vector.key] };
        assert_eq!(keys(&ctx), expected, "{line}");
        assert_eq!(function.cache.counters().bypasses, u64::from(vector.skip));
    }
}

#[test]
fn an_entry_says_whose_it_is() {
    let ctx = scoped_context();
    Function::new(scoped("tests::scoped")).call(&ctx, "a.png", 1);
    let [entry] = &entries(&**ctx.cache.backend().expect("a backend"))[..] else {
        panic!("one entry")
    };
    assert_eq!(entry.function.as_deref(), Some("tests::scoped"));
    assert_eq!(entry.args.as_deref(), Some(r#"["a.png"]"#));
    assert_eq!(
        entry.address.store.dataset_id.as_deref(),
        Some("6b03de1228195dbc2df5c505")
    );
    assert_eq!(entry.policy, Policy::Evict);
    assert!(entry.cost_ms.is_some());
    assert_eq!(
        entry.scopes,
        Scopes {
            user_id: Some("ann".into()),
            operator_uri: Some("@acme/stats/dashboard".into()),
            prompt_id: Some("p1".into()),
            jwt_sha256: Some(token_hash("secret")),
        }
    );
}

#[test]
fn each_scope_keeps_callers_apart() {
    let (function, ctx) = (Function::new(scoped("tests::scoped")), scoped_context());
    assert_eq!(function.call(&ctx, "a", 0), 0);
    for (number, other) in [
        ctx.clone().with_operator("@acme/other"),
        ctx.clone().with_prompt("p2"),
        ctx.clone().with_user("bob"),
        ctx.clone().with_user_request_token("other"),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(function.call(other, "a", number + 1), number + 1);
    }
    assert_eq!(function.call(&ctx, "a", 9), 0);
}

#[test]
fn scopes_that_are_off_do_not_keep_callers_apart() {
    let (function, ctx) = (Function::of(Residency::Hybrid), scoped_context());
    assert_eq!(function.call(&ctx, "a", 1), 1);
    assert_eq!(function.call(&ctx.clone().with_user("bob"), "a", 2), 1);
}

#[test]
fn without_a_user_a_user_scoped_call_is_not_cached() {
    let function = Function::new(options("tests::of_users", |options| {
        options.user_scoped = true;
    }));
    let ctx = in_memory();
    assert_eq!(function.call(&ctx, "a", 1), 1);
    assert_eq!(function.call(&ctx, "a", 2), 2);
    assert_eq!(function.cache.counters().bypasses, 2);
    let kept = function.cache.set_cache(&ctx, &StoredForm, one("a"), 1);
    assert!(!kept.expect("no error"));
}

#[test]
fn an_argument_is_not_a_scope() {
    let options = |residency| {
        options("tests::mixed", |options| {
            options.residency = residency;
            options.operator_scoped = true;
        })
    };
    let two = || {
        Preimage::of_arguments(|arguments| {
            arguments.push("p")?;
            arguments.push("X")
        })
    };
    for residency in [
        Residency::Transient,
        Residency::Ephemeral,
        Residency::Hybrid,
    ] {
        let (function, ctx) = (Function::new(options(residency)), in_memory());
        assert_eq!(function.call(&ctx.clone().with_operator("X"), "p", 1), 1);
        let other = function.cache.call(&ctx, &StoredForm, two(), || 2);
        assert_eq!(other, 2, "{residency:?}");
    }
}

#[test]
fn functions_that_share_a_store_do_not_share_results() {
    let named = |function| {
        Function::new(options(function, |options| {
            options.store_name = Some("shared".into());
        }))
    };
    let (thumbnails, words, ctx) = (
        named("tests::thumbnails"),
        named("tests::words"),
        in_memory(),
    );
    assert_eq!(thumbnails.call(&ctx, "a", 1), 1);
    assert_eq!(words.call(&ctx, "a", 2), 2);
    assert_eq!(thumbnails.call(&ctx, "a", 3), 1);
    assert_eq!(words.call(&ctx, "a", 4), 2);
}

fn in_one_store(name: &'static str) -> Function {
    Function::new(options(name, |options| {
        options.store_name = Some("shared".into());
    }))
}

#[test]
fn results_of_functions_that_share_a_store_are_all_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let names = ["tests::one", "tests::two", "tests::three"];
    for (ctx, is_new) in [(coherent(&path), true), (coherent(&path), false)] {
        let functions = names.map(in_one_store);
        for _ in 0..2 {
            for (number, function) in functions.iter().enumerate() {
                assert_eq!(function.call(&ctx, "a", number), number);
            }
        }
        let computed = functions.each_ref().map(Function::computed);
        assert_eq!(computed, [u64::from(is_new); 3]);
    }

    let (ctx, [one, two, three]) = (coherent(&path), names.map(in_one_store));
    assert_eq!(entries(&**ctx.cache.backend().expect("a backend")).len(), 3);
    let kept = two.cache.set_cache(&ctx, &StoredForm, one_argument(), 20);
    assert!(kept.expect("no error"));
    let cleared = one.cache.clear_cache(&ctx, one_argument());
    assert_eq!(cleared.expect("cleared").entries, 1);
    assert_eq!((two.call(&ctx, "a", 9), three.call(&ctx, "a", 9)), (20, 2));
    assert_eq!(one.call(&ctx, "a", 10), 10);
    let cleared = three.cache.clear_cache(&ctx, one_argument());
    assert_eq!(cleared.expect("cleared").entries, 1);
    assert_eq!((one.call(&ctx, "a", 9), two.call(&ctx, "a", 9)), (10, 20));
}

fn one_argument() -> Result<Preimage, StoredError> {
    one("a")
}

#[test]
fn an_entry_without_a_recorded_function_is_anybodys() {
    let (ctx, function) = (in_memory(), in_one_store("tests::one"));
    function.call(&ctx, "a", 1);
    let backend = ctx.cache.backend().expect("a backend");
    let mut entry = entries(&**backend).remove(0);
    entry.function = None;
    let content = ecache_core::backend::Content::Inline(b"5".to_vec());
    let always = ecache_core::backend::Condition::Always;
    let put = backend.put(&entry, &content, &always.into(), entry.written_at());
    put.expect("it is written");
    assert_eq!(in_one_store("tests::two").call(&ctx, "a", 2), 5);
}

#[test]
fn a_set_has_one_key() {
    let (function, ctx) = (Function::of(Residency::Transient), in_memory());
    for order in [["a", "b", "c"], ["c", "a", "b"]] {
        let set: HashSet<&str> = order.into_iter().collect();
        let arguments = one(&stored::Set(set));
        function.cache.call(&ctx, &StoredForm, arguments, || 1);
    }
    assert_eq!(function.cache.counters().computations, 1);
}
