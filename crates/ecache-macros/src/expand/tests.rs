//! What is refused, at which word, and why.

use super::*;

const FUNCTION: &str = "fn f(ctx: &ExecutionContext, path: &str) -> u8 { 1 }";

/// The text that the error points at, and its message.
fn refused(options: &str, function: &str) -> (String, String) {
    let tokens = |text: &str| text.parse::<TokenStream>().expect("tokens");
    let error = expand(tokens(options), tokens(function)).expect_err(options);
    let word = error
        .span()
        .source_text()
        .expect("the word is in the source");
    (word, error.to_string())
}

#[test]
fn max_size_of_what_is_not_in_memory() {
    let (word, message) = refused(r#"max_size = 8, residency = "transient""#, FUNCTION);
    assert_eq!(word, "max_size");
    assert!(message.contains("keeps nothing there"), "{message}");
}

#[test]
fn unknown_words() {
    let (word, message) = refused(r#"residency = "persistent""#, FUNCTION);
    assert_eq!(word, r#""persistent""#);
    assert!(message.contains(r#""hybrid" (both)"#), "{message}");

    let (word, message) = refused("user_scopd", FUNCTION);
    assert_eq!(word, "user_scopd");
    assert!(message.contains("did you mean `user_scoped`?"), "{message}");

    let (_, message) = refused("verify = 10", FUNCTION);
    assert!(
        message.contains("did you mean `verify_every`?"),
        "{message}"
    );

    let (word, message) = refused("lifetime = 5", FUNCTION);
    assert_eq!(word, "lifetime");
    assert!(!message.contains("did you mean"), "{message}");
    assert!(message.contains("`residency`, `ttl`"), "{message}");
}

#[test]
fn options_that_say_nothing_or_too_much() {
    assert_eq!(refused("ttl", FUNCTION).0, "ttl");
    assert_eq!(
        refused(r#"ttl = "10 minutes""#, FUNCTION).0,
        r#""10 minutes""#
    );
    assert_eq!(refused("ttl = 0", FUNCTION).0, "0");
    assert_eq!(refused("user_scoped = 1", FUNCTION).0, "1");
    assert_eq!(refused("version = 1.5", FUNCTION).0, "1.5");
    assert_eq!(refused("serialize = a::b", FUNCTION).0, "serialize");
    assert_eq!(refused("deserialize = a::b", FUNCTION).0, "deserialize");
    assert_eq!(refused("cache_none = false", FUNCTION).0, "cache_none");
    let (_, message) = refused("ttl = 1, ttl = 2", FUNCTION);
    assert_eq!(message, "`ttl` is given twice");
}

#[test]
fn a_function_that_is_cached_already() {
    let twice = format!("#[ecache_core::execution_cache(ttl = 5)] {FUNCTION}");
    let (word, message) = refused("", &twice);
    assert!(
        word.ends_with("execution_cache") || word == "ecache_core",
        "{word}"
    );
    assert!(
        message.starts_with("a function is cached once"),
        "{message}"
    );
}

#[test]
fn a_method_that_does_not_say_what_of_self_matters() {
    let method = "fn f(&self, ctx: &C) -> u8 { 1 }";
    let (word, message) = refused("", method);
    assert!(word.contains('&'), "{word}");
    assert!(message.contains("self_key = self.name"), "{message}");
    assert_eq!(refused("self_key = self.name", FUNCTION).0, "self.name");
}

#[test]
fn what_is_no_context() {
    assert_eq!(refused("", "fn f() -> u8 { 1 }").0, "()");
    assert_eq!(refused("", "fn f(path: String) -> u8 { 1 }").0, "String");
    let (_, message) = refused("", "fn f(ctx: &mut C) -> u8 { 1 }");
    assert!(message.contains("by shared reference"), "{message}");
}

#[test]
fn what_is_no_function_to_cache() {
    assert_eq!(refused("", "const fn f(ctx: &C) -> u8 { 1 }").0, "const");
    assert_eq!(refused("", "unsafe fn f(ctx: &C) -> u8 { 1 }").0, "unsafe");
    let (_, message) = refused("", "struct S;");
    assert!(message.contains("a function with a body"), "{message}");
}

#[test]
fn a_refresh_that_cannot_be() {
    let (word, message) = refused(r#"stale = "1h""#, FUNCTION);
    assert_eq!(word, "stale");
    assert!(message.contains("without a `ttl`"), "{message}");

    let task = "async fn f(ctx: &ExecutionContext, path: &str) -> u8 { 1 }";
    let (word, message) = refused(r#"ttl = 60, stale = "1h""#, task);
    assert_eq!(word, "stale");
    assert!(message.contains("no runtime"), "{message}");
}
