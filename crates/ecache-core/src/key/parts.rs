//! The compact form of a call's arguments and scopes, by which its result is found in memory.
//!
//! Writing arguments as JSON takes longer than all other steps of a hit in memory, and only the
//! store needs that text. So a string, number, boolean or `None` is kept as it is, and the text is
//! made of the parts where it is needed. Designs considered: writing the text at each call, which
//! made a hit a third slower than a SHA-256 of it in quick_cache; and a hash of the arguments, with
//! which a hit could not compare what it has found.
//!
//! Calls have equal parts if they have equal texts, the same number of arguments in them, and the
//! same scopes, however their arguments were added.

use std::cell::Cell;

use super::scopes::CallScopes;
use crate::python_json::{Json, write_float, write_integer, write_string};

/// Arguments, each a tag and its content, and then the scopes that have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyParts(Vec<u8>);

/// The text that is hashed to a key.
#[derive(Clone, Debug)]
pub(crate) struct KeyText {
    pub(crate) preimage: String,
    /// Length of the arguments in it, without a closing bracket; the rest is scopes
    pub(crate) arguments_length: usize,
}

mod tag {
    pub(super) const NULL: u8 = b'n';
    pub(super) const FALSE: u8 = b'f';
    pub(super) const TRUE: u8 = b't';
    /// Eight bytes follow
    pub(super) const INTEGER: u8 = b'i';
    /// Its eight bytes follow
    pub(super) const FLOAT: u8 = b'd';
    /// Its length in eight bytes, and WTF-8 follow
    pub(super) const STRING: u8 = b's';
    /// Its length in eight bytes, and JSON text follow
    pub(super) const JSON: u8 = b'j';
    /// A scope is written like a string; the tag tells which one it is
    pub(super) const SCOPES: [u8; 4] = *b"OPKU";
    /// Stands alone, for a call whose text is a secret
    pub(super) const HASH: u8 = b'#';
}

/// Bytes of a number, or of a length.
const WORD: usize = 8;

/// Capacity of a new buffer; most calls fit.
const USUAL_LENGTH: usize = 256;

/// Capacity above which a buffer is not used again.
const MAX_SPARE: usize = 4096;

thread_local! {
    /// A buffer for the next call of this thread: a hit in memory needs no other allocation
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Default for KeyParts {
    fn default() -> Self {
        let mut buffer = SPARE.try_with(Cell::take).unwrap_or_default();
        if buffer.capacity() == 0 {
            buffer.reserve(USUAL_LENGTH);
        }
        Self(buffer)
    }
}

/// Keeps the buffer for the next call.
impl Drop for KeyParts {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        if (USUAL_LENGTH..=MAX_SPARE).contains(&buffer.capacity()) {
            buffer.clear();
            // A thread that ends needs none.
            let _ = SPARE.try_with(|spare| spare.set(buffer));
        }
    }
}

impl KeyParts {
    /// Makes a key of a text with this hash, which is secret. Calls of one text may differ in where
    /// its arguments end, and in the scopes that follow.
    pub(crate) fn of_secret(
        hash: &[u8; 32],
        arguments_length: usize,
        scopes: &CallScopes<'_>,
    ) -> Self {
        let mut parts = Self::default();
        parts.push_bytes(tag::HASH, hash);
        parts.0.extend_from_slice(&arguments_length.to_le_bytes());
        for (tag, value) in tag::SCOPES.into_iter().zip(scopes.known()) {
            parts.0.extend(value.map(|_| tag));
        }
        parts
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[inline]
    pub(super) fn push_null(&mut self) {
        self.0.push(tag::NULL);
    }

    #[inline]
    pub(super) fn push_bool(&mut self, value: bool) {
        self.0.push(if value { tag::TRUE } else { tag::FALSE });
    }

    #[inline]
    pub(super) fn push_integer(&mut self, value: i64) {
        self.push_word(tag::INTEGER, value.to_le_bytes());
    }

    /// Adds a float; NaNs are one.
    #[inline]
    pub(super) fn push_float(&mut self, value: f64) {
        let value = if value.is_nan() { f64::NAN } else { value };
        self.push_word(tag::FLOAT, value.to_le_bytes());
    }

    #[inline]
    pub(super) fn push_string(&mut self, wtf8: &[u8]) {
        self.push_bytes(tag::STRING, wtf8);
    }

    pub(super) fn push_json(&mut self, value: &Json) {
        match value {
            Json::Null => self.push_null(),
            Json::Bool(value) => self.push_bool(*value),
            Json::Integer(value) => self.push_integer(*value),
            Json::Float(value) => self.push_float(*value),
            Json::String(value) => self.push_string(value.as_bytes()),
            Json::BigInteger(_) | Json::Array(_) | Json::Object(_) => {
                let start = self.begin_json();
                value.write_sorted_to(self.buffer());
                self.end_json(start);
            }
        }
    }

    /// Adds the scopes that have a value. No argument is added after them.
    pub(super) fn push_scopes(&mut self, scopes: &CallScopes<'_>) {
        for (tag, value) in tag::SCOPES.into_iter().zip(scopes.known()) {
            if let Some(value) = value {
                self.push_bytes(tag, value.as_bytes());
            }
        }
    }

    /// Begins an argument whose JSON text is written to [`KeyParts::buffer`]; returns where it
    /// starts there.
    pub(super) fn begin_json(&mut self) -> usize {
        self.push_word(tag::JSON, [0; WORD]);
        self.0.len()
    }

    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// Ends an argument that starts at `start`. A string or number is kept as such.
    pub(super) fn end_json(&mut self, start: usize) {
        let text = &self.0[start..];
        if !text.starts_with(b"{") && !text.starts_with(b"[") {
            match Json::parse(text) {
                Ok(Json::BigInteger(_)) | Err(_) => {}
                Ok(value) => {
                    self.cancel_json(start);
                    return self.push_json(&value);
                }
            }
        }
        let length = (self.0.len() - start) as u64;
        self.0[start - WORD..start].copy_from_slice(&length.to_le_bytes());
    }

    /// Takes back an argument that starts at `start`.
    pub(super) fn cancel_json(&mut self, start: usize) {
        self.0.truncate(start - WORD - 1);
    }

    /// Returns the text of the key.
    pub(crate) fn text(&self) -> KeyText {
        let mut text = Vec::with_capacity(self.0.len() + 16);
        let mut arguments_length = None;
        text.push(b'[');
        let mut rest = &*self.0;
        while let Some((tag, content)) = rest.split_first() {
            rest = content;
            if tag::SCOPES.contains(tag) {
                arguments_length.get_or_insert(text.len());
            }
            if text.len() > 1 {
                text.extend_from_slice(b", ");
            }
            match *tag {
                tag::NULL => text.extend_from_slice(b"null"),
                tag::FALSE => text.extend_from_slice(b"false"),
                tag::TRUE => text.extend_from_slice(b"true"),
                tag::INTEGER => write_integer(i64::from_le_bytes(word(&mut rest)), &mut text),
                tag::FLOAT => write_float(f64::from_le_bytes(word(&mut rest)), &mut text),
                tag::JSON => text.extend_from_slice(counted(&mut rest)),
                _ => write_string(counted(&mut rest), &mut text),
            }
        }
        let arguments_length = arguments_length.unwrap_or(text.len());
        text.push(b']');
        KeyText {
            preimage: String::from_utf8(text).expect("json.dumps writes ASCII"),
            arguments_length,
        }
    }

    #[inline]
    fn push_word(&mut self, tag: u8, word: [u8; WORD]) {
        let part = u128::from(u64::from_le_bytes(word)) << 8 | u128::from(tag);
        self.0.extend_from_slice(&part.to_le_bytes()[..1 + WORD]);
    }

    #[inline]
    fn push_bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.push_word(tag, (bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }
}

/// Takes a number off the front.
fn word(rest: &mut &[u8]) -> [u8; WORD] {
    let (word, after) = rest.split_first_chunk().expect("a part is whole");
    *rest = after;
    *word
}

/// Takes a length and that many bytes off the front.
fn counted<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = u64::from_le_bytes(word(rest)) as usize;
    let (content, after) = rest.split_at(length);
    *rest = after;
    content
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use serde::Serialize;

    use super::super::Preimage;
    use super::*;
    use crate::python_json::PyString;

    fn parts_of<T: Serialize + ?Sized>(value: &T) -> KeyParts {
        let preimage = Preimage::of_arguments(|arguments| arguments.push(value));
        preimage.expect("a stored form").parts
    }

    /// Adds a value in each way that there is, and compares the parts; returns their text.
    fn same_parts<T: Serialize>(value: &T) -> String {
        let parts = parts_of(value);
        let text = parts.text().preimage;
        let Ok(Json::Array(mut arguments)) = Json::parse(text.as_bytes()) else {
            panic!("{text} is a list");
        };
        let mut as_json = KeyParts::default();
        as_json.push_json(&arguments.remove(0));
        assert_eq!(as_json, parts, "{text}");
        let each = Preimage::of_arguments(|list| list.push_each(&(value, value)));
        let each = each.expect("a stored form").parts;
        assert_eq!(each.as_bytes(), [parts.as_bytes(); 2].concat(), "{text}");
        text
    }

    #[test]
    fn arguments_with_equal_texts_have_equal_parts() {
        #[derive(Serialize)]
        enum Unit {
            Train,
        }
        #[derive(Serialize)]
        struct Of<T>(T);
        assert_eq!(
            same_parts(&"a \"b\" \u{e9}\u{1f600}"),
            r#"["a \"b\" \u00e9\ud83d\ude00"]"#
        );
        assert_eq!(same_parts(&Unit::Train), r#"["Train"]"#);
        assert_eq!(same_parts(&'x'), r#"["x"]"#);
        assert_eq!(same_parts(&Of(7_u8)), "[7]");
        assert_eq!(same_parts(&7_i128), "[7]");
        assert_eq!(same_parts(&i64::MIN), "[-9223372036854775808]");
        assert_eq!(same_parts(&u64::MAX), "[18446744073709551615]");
        assert_eq!(same_parts(&0.5_f32), "[0.5]");
        assert_eq!(same_parts(&-0.0), "[-0.0]");
        assert_eq!(same_parts(&1e16), "[1e+16]");
        assert_eq!(same_parts(&f64::NAN), "[NaN]");
        assert_eq!(same_parts(&f64::NEG_INFINITY), "[-Infinity]");
        assert_eq!(same_parts(&true), "[true]");
        assert_eq!(same_parts(&None::<u8>), "[null]");
        assert_eq!(same_parts(&()), "[null]");
        assert_eq!(same_parts(&vec![Some(1), None]), "[[1, null]]");
        assert_eq!(same_parts(&Some("a")), r#"["a"]"#);
        let odd = f64::from_bits(f64::NAN.to_bits() | 1);
        assert_ne!(parts_of(&odd), parts_of(&f64::NAN));
    }

    #[test]
    fn a_lone_surrogate_is_in_the_text_as_it_is_in_pythons() {
        let mut parts = KeyParts::default();
        parts.push_json(&Json::String(PyString::from(OsStr::from_bytes(b"a\xff"))));
        assert_eq!(parts.text().preimage, r#"["a\udcff"]"#);
    }

    #[test]
    fn scopes_are_in_the_text_like_arguments_and_in_the_parts_by_name() {
        let scoped = |scopes: CallScopes<'_>| {
            let mut parts = parts_of("a");
            parts.push_scopes(&scopes);
            parts
        };
        let none = CallScopes::default();
        let operator = scoped(CallScopes {
            operator_uri: Some("b"),
            ..none
        });
        let prompt = scoped(CallScopes {
            prompt_id: Some("b"),
            ..none
        });
        let token = scoped(CallScopes {
            user_request_token: Some("b"),
            ..none
        });
        let user = scoped(CallScopes {
            user_id: Some("b"),
            ..none
        });
        let mut argument = parts_of("a");
        argument.push_string(b"b");
        let all = [&operator, &prompt, &token, &user, &argument];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.text().preimage, r#"["a", "b"]"#);
            assert!(all[at + 1..].iter().all(|other| other != one));
        }
        assert_eq!(user.text().arguments_length, r#"["a""#.len());
        assert_eq!(argument.text().arguments_length, r#"["a", "b""#.len());
        assert_eq!(scoped(none).text().arguments_length, r#"["a""#.len());
        let mut alone = KeyParts::default();
        alone.push_scopes(&CallScopes {
            user_id: Some("b"),
            ..none
        });
        let alone = alone.text();
        assert_eq!((&*alone.preimage, alone.arguments_length), (r#"["b"]"#, 1));
    }

    #[test]
    fn an_argument_that_fails_leaves_those_before_it_as_they_are() {
        let mut preimage = Preimage::default();
        preimage.push("a").expect("a stored form");
        let before = preimage.parts.clone();
        let map = std::collections::BTreeMap::from([(vec![1], 2)]);
        preimage.push(&map).expect_err("a key that is a list");
        assert_eq!(preimage.parts, before);
        preimage.push(&map).expect_err("a key that is a list");
        preimage.push("b").expect("a stored form");
        assert_eq!(preimage.arguments(), r#"["a", "b"]"#);
    }

    #[test]
    fn a_thread_uses_the_buffer_of_a_call_again() {
        let first = parts_of("a");
        let buffer = first.as_bytes().as_ptr();
        drop(first);
        let second = parts_of("b");
        assert_eq!(second.as_bytes().as_ptr(), buffer);
        let third = parts_of("c");
        assert_ne!(third.as_bytes().as_ptr(), buffer, "it is in use");
        drop((second, parts_of(&*"x".repeat(MAX_SPARE + 1))));
        assert!(KeyParts::default().0.capacity() <= MAX_SPARE);
    }
}
