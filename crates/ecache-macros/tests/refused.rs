//! The uses that the attribute refuses: each message, and the word that it points at.
//!
//! `TRYBUILD=overwrite cargo test --package ecache-macros --test refused` writes them anew.

#[test]
fn wrong_uses_are_refused_at_the_word() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
