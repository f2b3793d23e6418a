//! Reading: a sink of the grammar that builds the value.

use super::grammar::{Container, Grammar, Sink, Token, Word};
use super::position::ParseError;
use super::wtf8::push_unit;
use super::{Json, PyString};

impl Json {
    /// Parses one JSON text as Python's `json.loads` does.
    ///
    /// Beyond RFC 8259 that accepts `NaN`, `Infinity` and `-Infinity`, integers of any size
    /// (Python's own limit of 4300 digits can be lifted there, so it is not copied), floats that
    /// overflow to an infinity, and escapes of lone surrogates. Of a key that repeats, the last
    /// value wins at the first one's place. A byte order mark is refused, as Python refuses it in a
    /// `str`.
    ///
    /// # Errors
    ///
    /// Fails where Python does, on text that is not UTF-8, and on nesting beyond
    /// [`MAX_DEPTH`](super::MAX_DEPTH).
    ///
    /// ```
    /// use ecache_core::python_json::Json;
    ///
    /// let value = Json::parse(br#"{"a": [1, 1e400], "a": NaN}"#)?;
    /// assert_eq!(value.dumps(), r#"{"a": NaN}"#);
    ///
    /// let error = Json::parse(b"[1, ]").expect_err("a value is missing");
    /// assert_eq!(error.to_string(), "expected a value at line 1 column 5");
    /// # Ok::<(), ecache_core::python_json::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Json, ParseError> {
        Self::build(text, Repeats::Last)
    }

    /// Parses one JSON text with every value of a key that repeats, as BSON may have them.
    pub(crate) fn parse_all(text: &[u8]) -> Result<Json, ParseError> {
        Self::build(text, Repeats::All)
    }

    fn build(text: &[u8], repeats: Repeats) -> Result<Json, ParseError> {
        let mut grammar = Grammar::new(Builder {
            repeats,
            ..Builder::default()
        });
        grammar.push(text)?;
        Ok(grammar.finish()?.complete)
    }
}

/// Selects which values of a repeated key are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeats {
    Last,
    All,
}

/// Builds a value from the events of the grammar.
struct Builder {
    repeats: Repeats,
    /// The lists and dicts that are still open, outermost first
    open: Vec<Open>,
    /// The string or number that is being read; strings as WTF-8
    token: Vec<u8>,
    /// The last value that was completed outside of any list or dict
    complete: Json,
}

enum Open {
    Array(Vec<Json>),
    Object {
        entries: Vec<(PyString, Json)>,
        key: PyString,
    },
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            repeats: Repeats::Last,
            open: Vec::new(),
            token: Vec::new(),
            complete: Json::Null,
        }
    }
}

impl Builder {
    fn add(&mut self, value: Json) {
        match self.open.last_mut() {
            Some(Open::Array(values)) => values.push(value),
            Some(Open::Object { entries, key }) => entries.push((std::mem::take(key), value)),
            None => self.complete = value,
        }
    }

    fn string(&self) -> PyString {
        PyString::from_wtf8(&self.token)
    }
}

impl Sink for Builder {
    fn open(&mut self, container: Container) {
        self.open.push(match container {
            Container::Array => Open::Array(Vec::new()),
            Container::Object => Open::Object {
                entries: Vec::new(),
                key: PyString::default(),
            },
        });
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::Array(values)) => self.add(Json::Array(values)),
            Some(Open::Object { entries, .. }) => self.add(Json::Object(match self.repeats {
                Repeats::Last => last_of_each(entries),
                Repeats::All => entries,
            })),
            None => {}
        }
    }

    fn text(&mut self, piece: &[u8]) {
        self.token.extend_from_slice(piece);
    }

    fn unit(&mut self, unit: u16) {
        push_unit(&mut self.token, unit);
    }

    fn end(&mut self, token: Token) {
        match token {
            Token::Key => {
                let name = self.string();
                if let Some(Open::Object { key, .. }) = self.open.last_mut() {
                    *key = name;
                }
            }
            Token::String => self.add(Json::String(self.string())),
            Token::Integer | Token::Float => {
                let number = number(&String::from_utf8_lossy(&self.token), token);
                self.add(number);
            }
        }
        self.token.clear();
    }

    fn word(&mut self, word: Word) {
        // The minus of `-Infinity` was a number's beginning until then.
        self.token.clear();
        self.add(match word {
            Word::Null => Json::Null,
            Word::True => Json::Bool(true),
            Word::False => Json::Bool(false),
            Word::NaN => Json::Float(f64::NAN),
            Word::Infinity => Json::Float(f64::INFINITY),
            Word::NegativeInfinity => Json::Float(f64::NEG_INFINITY),
        });
    }
}

/// Reads a number that the grammar has accepted.
fn number(digits: &str, token: Token) -> Json {
    if token == Token::Integer {
        return match digits.parse() {
            Ok(integer) => Json::Integer(integer),
            Err(_) => Json::BigInteger(digits.into()),
        };
    }
    // Rust's floats read all that the grammar lets through, correctly rounded as in Python.
    Json::Float(digits.parse().unwrap_or(f64::NAN))
}

/// Up to this many keys, comparing them all is faster than sorting.
const FEW: usize = 20;

/// Keeps the last value of each key at the first one's place, as a Python dict does.
///
/// Compares few entries pairwise and sorts many, so that no text is slow to read.
fn last_of_each(mut entries: Vec<(PyString, Json)>) -> Vec<(PyString, Json)> {
    let distinct = match entries.len() {
        0..=FEW => (1..entries.len()).all(|index| {
            entries[..index]
                .iter()
                .all(|(key, _)| *key != entries[index].0)
        }),
        _ => entries.is_sorted_by(|(left, _), (right, _)| left < right),
    };
    if distinct {
        return entries;
    }
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|&left, &right| entries[left].0.cmp(&entries[right].0));
    let mut repeats = vec![false; entries.len()];
    for pair in order.windows(2).rev() {
        let (earlier, later) = (pair[0], pair[1]);
        if entries[earlier].0 == entries[later].0 {
            entries[earlier].1 = std::mem::replace(&mut entries[later].1, Json::Null);
            repeats[later] = true;
        }
    }
    let mut repeats = repeats.into_iter();
    entries.retain(|_| repeats.next() == Some(false));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python_json::MAX_DEPTH;

    fn parse(text: &str) -> Json {
        Json::parse(text.as_bytes()).expect(text)
    }

    fn error(text: &[u8]) -> String {
        Json::parse(text).expect_err("not JSON").to_string()
    }

    #[test]
    fn numbers_keep_their_kind_and_every_digit() {
        assert_eq!(parse("-0"), Json::Integer(0));
        assert_eq!(parse("-9223372036854775808"), Json::Integer(i64::MIN));
        assert_eq!(
            parse("9223372036854775808"),
            Json::BigInteger("9223372036854775808".into())
        );
        assert_eq!(parse("1E5"), Json::Float(100_000.0));
        assert_eq!(parse("-1e400"), Json::Float(f64::NEG_INFINITY));
        assert_eq!(parse("-Infinity"), Json::Float(f64::NEG_INFINITY));
        assert!(matches!(parse("[-0.0]"), Json::Array(values)
            if matches!(values[..], [Json::Float(zero)] if zero.is_sign_negative())));
    }

    #[test]
    fn the_last_value_of_a_repeated_key_wins_at_the_first_place() {
        let value = parse(r#"{"b": 1, "a": 2, "b": 3, "c": 4, "b": 5, "a": 6}"#);
        assert_eq!(value, parse(r#"{"b": 5, "a": 6, "c": 4}"#));
        assert_eq!(value.get("b"), Some(&Json::Integer(5)));
    }

    #[test]
    fn surrogates_pair_up_and_lone_ones_stay() {
        assert_eq!(parse(r#""\ud83d\ude00""#).as_str(), Some("😀"));
        let lone = parse(r#""\ud800\ud83d\ude00\udc00\udc00""#);
        assert_eq!(lone.as_str(), None);
        assert_eq!(lone.dumps(), r#""\ud800\ud83d\ude00\udc00\udc00""#);
    }

    #[test]
    fn errors_say_what_and_where() {
        for (text, message) in [
            ("", "expected a value at line 1 column 1"),
            ("\u{feff}1", "expected a value at line 1 column 1"),
            ("[1, ]", "expected a value at line 1 column 5"),
            (
                "{\"é\":\n 1,\n}",
                "expected a key in quotes at line 3 column 1",
            ),
            ("{\"é\" 1}", "expected ':' at line 1 column 6"),
            ("01", "expected nothing more at line 1 column 2"),
            ("[1.]", "expected a digit at line 1 column 4"),
            ("-NaN", "expected a digit at line 1 column 2"),
            ("nul", "expected a value at line 1 column 4"),
            ("\"a", "expected the end of a string at line 1 column 3"),
            ("\"\n\"", "control character in a string at line 1 column 2"),
            (
                "\"\\x\"",
                "expected an escape such as \\n at line 1 column 3",
            ),
            (
                "\"\\u12G4\"",
                "expected four hexadecimal digits at line 1 column 6",
            ),
        ] {
            assert_eq!(error(text.as_bytes()), message, "{text:?}");
        }
        for text in [
            &b"\"\xC0\x80\""[..],
            b"\"\xED\xA0\x80\"",
            b"\"\xF4\x90\x80\x80\"",
            b"\"\xE2\x82",
        ] {
            assert!(error(text).starts_with("invalid UTF-8"), "{text:?}");
        }
    }

    #[test]
    fn strings_are_read_alike_wherever_a_piece_of_them_stands() {
        for length in 0..40_u64 {
            let start = "x".repeat(length as usize);
            for (spelled, read) in [
                ("é", "é"),
                ("😀", "😀"),
                ("\\n", "\n"),
                ("\\u00e9", "é"),
                ("", ""),
            ] {
                let text = format!("\"{start}{spelled}{start}\"");
                assert_eq!(
                    parse(&text).as_str(),
                    Some(&*format!("{start}{read}{start}"))
                );
            }
            for (bad, valid, what) in [
                (&b"\n"[..], 0, "control character in a string"),
                (b"\xFF", 0, "invalid UTF-8"),
                (b"\xC3", 1, "invalid UTF-8"),
                (b"\xC3x", 1, "invalid UTF-8"),
            ] {
                let text = [b"\"", start.as_bytes(), bad, start.as_bytes(), b"\""].concat();
                let error = Json::parse(&text).expect_err("not JSON");
                assert_eq!((error.what, error.offset), (what, 1 + length + valid));
            }
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(Json::parse(&nested(MAX_DEPTH)).is_ok());
        assert!(error(&nested(MAX_DEPTH + 1)).contains("nested deeper"));
        assert!(error(&b"{\"\":".repeat(1_000_000)).contains("nested deeper"));
    }
}
