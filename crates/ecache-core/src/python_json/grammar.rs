//! The language that Python's `json.loads` accepts, as a machine that takes the text in pieces.
//!
//! There is one grammar: [`Json::parse`](super::Json::parse) and [`Validator`](super::Validator)
//! differ only in their [`Sink`], so they cannot disagree. The machine keeps no text and does not
//! recurse.

use super::position::{ParseError, Position};

/// Maximum nesting of lists and dicts in a text.
///
/// Python gives up at about 1000, depending on its stack. This is less, so that walking a parsed
/// value recursively fits every thread's stack, and whatever is accepted here is accepted there.
pub const MAX_DEPTH: usize = 512;

/// Receives the parts of a text, in their order.
pub(super) trait Sink {
    /// A list or dict begins.
    fn open(&mut self, _container: Container) {}
    /// The innermost list or dict ends.
    fn close(&mut self) {}
    /// A piece of a string or number: UTF-8 text, though a piece may end within a character.
    fn text(&mut self, _piece: &[u8]) {}
    /// A `\u` escape in a string, as its UTF-16 code unit.
    fn unit(&mut self, _unit: u16) {}
    /// The pieces since the last token are a token.
    fn end(&mut self, _token: Token) {}
    /// A word such as `null`, at its last letter.
    fn word(&mut self, _word: Word) {}
}

/// A container.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Array,
    Object,
}

/// A token that may arrive in pieces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Key,
    String,
    Integer,
    Float,
}

/// A literal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Null,
    True,
    False,
    NaN,
    Infinity,
    NegativeInfinity,
}

impl Word {
    fn letters(self) -> &'static [u8] {
        match self {
            Word::Null => b"null",
            Word::True => b"true",
            Word::False => b"false",
            Word::NaN => b"NaN",
            Word::Infinity => b"Infinity",
            Word::NegativeInfinity => b"-Infinity",
        }
    }

    /// Returns the state after `known` letters of the word.
    fn after(self, known: u8) -> State {
        State::Word { word: self, known }
    }
}

/// The token expected next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    FirstValue,
    Key,
    FirstKey,
    Colon,
    AfterValue,
    /// In a string: [`Token::Key`] or [`Token::String`]
    Text(Token),
    /// In a character of several bytes, the next of which lies between `low` and `high`
    Character {
        token: Token,
        left: u8,
        low: u8,
        high: u8,
    },
    Escape(Token),
    Hex {
        token: Token,
        left: u8,
        unit: u16,
    },
    /// In a word, the first letters of which are `known`
    Word {
        word: Word,
        known: u8,
    },
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// Reads a text in pieces and passes its parts to a sink.
pub(super) struct Grammar<S> {
    state: State,
    containers: Vec<Container>,
    position: Position,
    failure: Option<&'static str>,
    sink: S,
}

impl<S: Sink> Grammar<S> {
    pub(super) fn new(sink: S) -> Self {
        Grammar {
            state: State::Value,
            containers: Vec::new(),
            position: Position::default(),
            failure: None,
            sink,
        }
    }

    /// Takes the next piece of the text; after an error every further call fails.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), ParseError> {
        self.check()?;
        let taken = self.take(chunk);
        self.position.advance(&chunk[..taken]);
        self.check()
    }

    /// Takes one value and the whitespace around it off the beginning of a text, and returns how
    /// much that is.
    ///
    /// `None` if there is no value. Only for a machine that has taken nothing yet.
    pub(super) fn take_value(mut self, text: &[u8]) -> Option<usize> {
        let taken = self.take(text);
        self.end_number();
        let complete = self.state == State::AfterValue && self.containers.is_empty();
        complete.then_some(taken)
    }

    /// Takes a text up to its end, or else up to the first byte that does not belong, which becomes
    /// the failure.
    fn take(&mut self, text: &[u8]) -> usize {
        let mut at = 0;
        while at < text.len() {
            at += self.run(&text[at..]);
            let Some(byte) = text.get(at) else { break };
            match self.step(*byte) {
                Ok(next) => self.state = next,
                Err(what) => {
                    self.failure = Some(what);
                    break;
                }
            }
            at += 1;
        }
        at
    }

    /// Ends the text, and returns the sink if it was one complete value.
    pub(super) fn finish(mut self) -> Result<S, ParseError> {
        self.check()?;
        self.end_number();
        match self.state {
            State::AfterValue if self.containers.is_empty() => Ok(self.sink),
            state => Err(self.position.error(self.expectation(state))),
        }
    }

    /// Fails if an earlier piece did.
    fn check(&self) -> Result<(), ParseError> {
        match self.failure {
            Some(what) => Err(self.position.error(what)),
            None => Ok(()),
        }
    }

    /// Takes what changes no state: characters of a string, digits, whitespace; returns how much
    /// that is.
    ///
    /// Most of a text is that, and is passed on in one piece.
    #[inline(always)]
    fn run(&mut self, text: &[u8]) -> usize {
        let length = match self.state {
            State::Text(_) => plain_length(text),
            State::Digits | State::Fraction | State::ExponentDigits => {
                text.iter().take_while(|byte| byte.is_ascii_digit()).count()
            }
            State::Value | State::Key | State::AfterValue => {
                return text.iter().take_while(|byte| is_whitespace(**byte)).count();
            }
            _ => return 0,
        };
        self.sink.text(&text[..length]);
        length
    }

    #[inline(always)]
    fn step(&mut self, byte: u8) -> Result<State, &'static str> {
        self.end_number_before(byte);
        let state = self.state;
        let next = match (state, byte) {
            (
                State::Value
                | State::FirstValue
                | State::Key
                | State::FirstKey
                | State::Colon
                | State::AfterValue,
                b' ' | b'\t' | b'\n' | b'\r',
            ) => state,

            (State::FirstValue, b']') | (State::FirstKey, b'}') => self.close(),
            (State::Value | State::FirstValue, _) => return self.start_value(byte),
            (State::Key | State::FirstKey, b'"') => State::Text(Token::Key),
            (State::Colon, b':') => State::Value,
            (State::AfterValue, _) => match (self.containers.last(), byte) {
                (Some(Container::Array), b',') => State::Value,
                (Some(Container::Object), b',') => State::Key,
                (Some(Container::Array), b']') | (Some(Container::Object), b'}') => self.close(),
                _ => return Err(self.expectation(state)),
            },

            (State::Text(token), b'"') => {
                self.sink.end(token);
                match token {
                    Token::Key => State::Colon,
                    _ => State::AfterValue,
                }
            }
            (State::Text(token), b'\\') => State::Escape(token),
            (State::Text(token), 0x80..) => {
                let (left, low, high) = continuation(byte).ok_or(INVALID_UTF8)?;
                self.sink.text(&[byte]);
                State::Character {
                    token,
                    left,
                    low,
                    high,
                }
            }
            (State::Text(_), _) => return Err("control character in a string"),
            (
                State::Character {
                    token,
                    left,
                    low,
                    high,
                },
                _,
            ) if (low..=high).contains(&byte) => {
                self.sink.text(&[byte]);
                match left {
                    1 => State::Text(token),
                    _ => State::Character {
                        token,
                        left: left - 1,
                        low: 0x80,
                        high: 0xBF,
                    },
                }
            }
            (State::Escape(token), b'u') => State::Hex {
                token,
                left: 4,
                unit: 0,
            },
            (State::Escape(token), _) => {
                let character = unescape(byte).ok_or_else(|| self.expectation(state))?;
                self.sink.text(&[character]);
                State::Text(token)
            }
            (State::Hex { token, left, unit }, _) => {
                let digit = char::from(byte).to_digit(16);
                let unit = unit << 4 | digit.ok_or_else(|| self.expectation(state))? as u16;
                match left {
                    1 => {
                        self.sink.unit(unit);
                        State::Text(token)
                    }
                    _ => State::Hex {
                        token,
                        left: left - 1,
                        unit,
                    },
                }
            }

            (State::Word { word, known }, _) => match word.letters().get(usize::from(known)..) {
                Some([letter]) if byte == *letter => {
                    self.sink.word(word);
                    State::AfterValue
                }
                Some([letter, ..]) if byte == *letter => word.after(known + 1),
                _ => return Err(self.expectation(state)),
            },
            (State::Minus, b'I') => Word::NegativeInfinity.after(2),
            (State::Minus, b'0') => self.number(byte, State::Zero),
            (State::Minus, b'1'..=b'9') => self.number(byte, State::Digits),
            (State::Digits, b'0'..=b'9') => self.number(byte, State::Digits),
            (State::Zero | State::Digits, b'.') => self.number(byte, State::Point),
            (State::Point | State::Fraction, b'0'..=b'9') => self.number(byte, State::Fraction),
            (State::Zero | State::Digits | State::Fraction, b'e' | b'E') => {
                self.number(byte, State::Exponent)
            }
            (State::Exponent, b'+' | b'-') => self.number(byte, State::ExponentSign),
            (State::Exponent | State::ExponentSign | State::ExponentDigits, b'0'..=b'9') => {
                self.number(byte, State::ExponentDigits)
            }
            _ => return Err(self.expectation(state)),
        };
        Ok(next)
    }

    fn start_value(&mut self, byte: u8) -> Result<State, &'static str> {
        Ok(match byte {
            b'[' => self.open(Container::Array)?,
            b'{' => self.open(Container::Object)?,
            b'"' => State::Text(Token::String),
            b'n' => Word::Null.after(1),
            b't' => Word::True.after(1),
            b'f' => Word::False.after(1),
            b'N' => Word::NaN.after(1),
            b'I' => Word::Infinity.after(1),
            b'-' => self.number(byte, State::Minus),
            b'0' => self.number(byte, State::Zero),
            b'1'..=b'9' => self.number(byte, State::Digits),
            _ => return Err(self.expectation(self.state)),
        })
    }

    fn open(&mut self, container: Container) -> Result<State, &'static str> {
        if self.containers.len() == MAX_DEPTH {
            return Err("lists and dicts nested deeper than 512");
        }
        self.containers.push(container);
        self.sink.open(container);
        Ok(match container {
            Container::Array => State::FirstValue,
            Container::Object => State::FirstKey,
        })
    }

    fn close(&mut self) -> State {
        self.containers.pop();
        self.sink.close();
        State::AfterValue
    }

    fn number(&mut self, byte: u8, next: State) -> State {
        self.sink.text(&[byte]);
        next
    }

    /// Ends a number if `byte` cannot continue it: nothing in a number itself says that it is over.
    fn end_number_before(&mut self, byte: u8) {
        match (self.state, byte) {
            (State::Zero | State::Digits, b'.') => {}
            (State::Zero | State::Digits | State::Fraction, b'e' | b'E') => {}
            (State::Digits | State::Fraction | State::ExponentDigits, b'0'..=b'9') => {}
            _ => self.end_number(),
        }
    }

    /// Ends the number that is being read, if there is one and it is complete.
    fn end_number(&mut self) {
        let token = match self.state {
            State::Zero | State::Digits => Token::Integer,
            State::Fraction | State::ExponentDigits => Token::Float,
            _ => return,
        };
        self.sink.end(token);
        self.state = State::AfterValue;
    }

    /// Says what would have been right in `state`.
    fn expectation(&self, state: State) -> &'static str {
        match state {
            State::Value | State::Word { .. } => "expected a value",
            State::FirstValue => "expected a value or ']'",
            State::Key => "expected a key in quotes",
            State::FirstKey => "expected a key in quotes or '}'",
            State::Colon => "expected ':'",
            State::AfterValue => match self.containers.last() {
                Some(Container::Array) => "expected ',' or ']'",
                Some(Container::Object) => "expected ',' or '}'",
                None => "expected nothing more",
            },
            State::Text(_) => "expected the end of a string",
            State::Character { .. } => INVALID_UTF8,
            State::Escape(_) => "expected an escape such as \\n",
            State::Hex { .. } => "expected four hexadecimal digits",
            State::Minus
            | State::Zero
            | State::Digits
            | State::Point
            | State::Fraction
            | State::Exponent
            | State::ExponentSign
            | State::ExponentDigits => "expected a digit",
        }
    }
}

const INVALID_UTF8: &str = "invalid UTF-8";

fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Returns how many bytes of `text` are whole characters that stand for themselves in a string.
///
/// Looks at blocks, of which the compiler makes vectors: long strings read nearly twice as fast.
#[inline]
pub(crate) fn plain_length(text: &[u8]) -> usize {
    let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
    let (blocks, _) = text.as_chunks::<16>();
    let plain_blocks = blocks
        .iter()
        .take_while(|block| {
            block
                .iter()
                .fold(true, |plain, byte| plain & is_plain(byte))
        })
        .count();
    let (_, rest) = text.split_at(plain_blocks * 16);
    let length = plain_blocks * 16 + rest.iter().take_while(|byte| is_plain(byte)).count();
    let run = &text[..length];
    if run.is_ascii() {
        length
    } else {
        std::str::from_utf8(run).map_or_else(|error| error.valid_up_to(), str::len)
    }
}

/// Returns how many bytes follow the first one of a UTF-8 character, and the range of the second.
fn continuation(lead: u8) -> Option<(u8, u8, u8)> {
    Some(match lead {
        0xC2..=0xDF => (1, 0x80, 0xBF),
        0xE0 => (2, 0xA0, 0xBF),
        0xE1..=0xEC | 0xEE..=0xEF => (2, 0x80, 0xBF),
        0xED => (2, 0x80, 0x9F),
        0xF0 => (3, 0x90, 0xBF),
        0xF1..=0xF3 => (3, 0x80, 0xBF),
        0xF4 => (3, 0x80, 0x8F),
        _ => return None,
    })
}

/// Returns the character that a backslash and `letter` stand for.
fn unescape(letter: u8) -> Option<u8> {
    Some(match letter {
        b'"' | b'\\' | b'/' => letter,
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}
