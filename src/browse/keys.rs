//! Turns the bytes that a terminal sends into keys.

/// A key that was pressed, or a text that was pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Ctrl(char),
    Paste(String),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

/// Maximum length of a sequence; a longer one is not a key.
const LONGEST: usize = 64 * 1024;

const PASTE: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Splits bytes into keys, however they are cut into pieces.
#[derive(Default)]
pub(super) struct Parser {
    pending: Vec<u8>,
}

/// The start of the pending bytes.
enum Start {
    /// A key of that many bytes, or bytes that are none
    Whole(usize, Option<Key>),
    /// The beginning of a key
    ListPart,
}

impl Parser {
    /// Returns the keys that are complete with these bytes.
    pub(super) fn keys(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.pending.extend_from_slice(bytes);
        let mut keys = Vec::new();
        while !self.pending.is_empty() {
            match start(&self.pending) {
                Start::Whole(length, key) => {
                    self.pending.drain(..length);
                    keys.extend(key);
                }
                Start::ListPart if self.pending.len() > LONGEST => self.pending.clear(),
                Start::ListPart => break,
            }
        }
        keys
    }

    /// Reports whether bytes wait for the rest of their key.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Gives up waiting: an escape byte that nothing followed is the escape key.
    pub(super) fn give_up(&mut self) -> Option<Key> {
        let is_escape = self.pending == b"\x1b";
        self.pending.clear();
        is_escape.then_some(Key::Esc)
    }
}

fn start(bytes: &[u8]) -> Start {
    let whole = |length, key| Start::Whole(length, Some(key));
    match bytes[0] {
        0x1b => sequence(bytes),
        b'\r' | b'\n' => whole(1, Key::Enter),
        b'\t' => whole(1, Key::Tab),
        0x08 | 0x7f => whole(1, Key::Backspace),
        byte @ 0x01..=0x1a => whole(1, Key::Ctrl(char::from(byte - 1 + b'a'))),
        0x00..0x20 => Start::Whole(1, None),
        _ => character(bytes),
    }
}

/// Reads a character of UTF-8; bytes that are none are left out.
fn character(bytes: &[u8]) -> Start {
    let first = &bytes[..bytes.len().min(4)];
    let valid = match str::from_utf8(first) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            str::from_utf8(&first[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) => {
            return match error.error_len() {
                Some(length) => Start::Whole(length, None),
                None => Start::ListPart,
            };
        }
    };
    match valid.chars().next() {
        Some(c) => Start::Whole(c.len_utf8(), Some(Key::Char(c))),
        None => Start::ListPart,
    }
}

/// Reads an escape sequence; those of no key here are left out.
fn sequence(bytes: &[u8]) -> Start {
    match bytes.get(1) {
        None => Start::ListPart,
        Some(b'[') if bytes.starts_with(PASTE) => {
            let text = &bytes[PASTE.len()..];
            let end = text
                .windows(PASTE_END.len())
                .position(|window| window == PASTE_END);
            match end {
                Some(end) => {
                    let pasted = String::from_utf8_lossy(&text[..end]).into_owned();
                    let length = PASTE.len() + end + PASTE_END.len();
                    Start::Whole(length, Some(Key::Paste(pasted)))
                }
                None => Start::ListPart,
            }
        }
        Some(b'[') => {
            let last = bytes[2..]
                .iter()
                .position(|byte| (0x40..0x7f).contains(byte));
            match last {
                Some(last) => {
                    let length = last + 3;
                    Start::Whole(length, control(&bytes[2..length]))
                }
                None => Start::ListPart,
            }
        }
        Some(b'O') => match bytes.get(2) {
            Some(last) => Start::Whole(3, control(&[*last])),
            None => Start::ListPart,
        },
        // A key together with Alt has no meaning here.
        Some(0x1b) => Start::Whole(1, Some(Key::Esc)),
        Some(_) => match character(&bytes[1..]) {
            Start::Whole(length, _) => Start::Whole(length + 1, None),
            Start::ListPart => Start::ListPart,
        },
    }
}

/// Returns the key of a control sequence: its parameters and its last byte.
fn control(sequence: &[u8]) -> Option<Key> {
    let (last, parameters) = sequence.split_last()?;
    let number = parameters.split(|byte| *byte == b';').next();
    Some(match (last, number) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', Some(b"1" | b"7")) => Key::Home,
        (b'F', _) | (b'~', Some(b"4" | b"8")) => Key::End,
        (b'Z', _) => Key::BackTab,
        (b'~', Some(b"3")) => Key::Delete,
        (b'~', Some(b"5")) => Key::PageUp,
        (b'~', Some(b"6")) => Key::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_however_their_bytes_are_cut() {
        let typed = "jé東\x1b[A\x1bOB\x1b[6~\x1b[1;5H\t\r\x7f\x03\x1b[200~a b\x1b[201~q".as_bytes();
        let expected = [
            Key::Char('j'),
            Key::Char('é'),
            Key::Char('東'),
            Key::Up,
            Key::Down,
            Key::PageDown,
            Key::Home,
            Key::Tab,
            Key::Enter,
            Key::Backspace,
            Key::Ctrl('c'),
            Key::Paste("a b".to_owned()),
            Key::Char('q'),
        ];
        for length in 1..=typed.len() {
            let mut parser = Parser::default();
            let pieces = typed.chunks(length);
            let keys: Vec<Key> = pieces.flat_map(|piece| parser.keys(piece)).collect();
            assert_eq!(keys, expected, "pieces of {length}");
            assert!(!parser.is_waiting());
        }
    }

    #[test]
    fn an_escape_that_nothing_follows_is_a_key() {
        let mut parser = Parser::default();
        assert!(parser.keys(b"\x1b").is_empty());
        assert!(parser.is_waiting());
        assert_eq!(parser.give_up(), Some(Key::Esc));
        assert!(parser.keys(b"\x1b[").is_empty());
        assert_eq!(parser.give_up(), None);
        assert_eq!(parser.keys(b"\x1b\x1b[A"), [Key::Esc, Key::Up]);
    }

    #[test]
    fn bytes_that_are_not_keys_are_left_out() {
        let mut parser = Parser::default();
        let typed = b"\xff\x1b[99;3X\x1bx\x00\xe6\x9d\x1b[Ba";
        assert_eq!(parser.keys(typed), [Key::Down, Key::Char('a')]);
        for _ in 0..3 {
            assert!(parser.keys(&[b'1'; LONGEST / 2]).len() <= LONGEST / 2);
        }
        parser.keys(b"\x1b[200~");
        for _ in 0..4 {
            parser.keys(&[b'x'; LONGEST]);
        }
        assert!(parser.pending.len() <= 2 * LONGEST);
    }
}
