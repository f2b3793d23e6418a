//! A line of text that is edited.

use super::keys::Key;

/// A text and the place of its cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    text: String,
    /// In bytes
    cursor: usize,
}

impl Line {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text before and behind the cursor.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Replaces the text; the cursor is at its end.
    pub(super) fn set(&mut self, text: &str) {
        text.clone_into(&mut self.text);
        self.cursor = self.text.len();
    }

    /// Takes a key. Returns whether it changed the text, or `None` if it is not of the line.
    pub(super) fn take(&mut self, key: &Key) -> Option<bool> {
        let before = self.text.clone();
        match key {
            Key::Char(c) => self.insert(&c.to_string()),
            Key::Paste(text) => {
                let line = text.lines().next().unwrap_or_default();
                self.insert(&line.replace(char::is_control, " "));
            }
            Key::Backspace => self.remove(self.left()..self.cursor),
            Key::Delete => self.remove(self.cursor..self.right()),
            Key::Ctrl('u') => self.remove(0..self.cursor),
            Key::Ctrl('w') => {
                let head = self.text[..self.cursor].trim_end();
                self.remove(head.rfind(' ').map_or(0, |at| at + 1)..self.cursor);
            }
            Key::Left => self.cursor = self.left(),
            Key::Right => self.cursor = self.right(),
            Key::Home | Key::Ctrl('a') => self.cursor = 0,
            Key::End | Key::Ctrl('e') => self.cursor = self.text.len(),
            _ => return None,
        }
        Some(self.text != before)
    }

    fn insert(&mut self, text: &str) {
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    fn remove(&mut self, range: std::ops::Range<usize>) {
        self.cursor = range.start;
        self.text.replace_range(range, "");
    }

    fn left(&self) -> usize {
        let last = self.text[..self.cursor].chars().next_back();
        self.cursor - last.map_or(0, char::len_utf8)
    }

    fn right(&self) -> usize {
        let next = self.text[self.cursor..].chars().next();
        self.cursor + next.map_or(0, char::len_utf8)
    }
}

/// Splits a line into words as a shell does: at spaces, unless they are quoted.
///
/// # Errors
/// If a quotation does not end.
pub(crate) fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('\\', None | Some('"')) => {
                let next = chars.next().unwrap_or('\\');
                word.get_or_insert_default().push(next);
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    match quote {
        Some(quote) => Err(format!("a quotation does not end: {quote}")),
        None => {
            words.extend(word);
            Ok(words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_by_characters() {
        let mut line = Line::default();
        for c in "thümbs".chars() {
            assert_eq!(line.take(&Key::Char(c)), Some(true));
        }
        for key in [Key::Left, Key::Left, Key::Left, Key::Backspace] {
            line.take(&key);
        }
        assert_eq!(line.parts(), ("th", "mbs"));
        assert_eq!(line.take(&Key::Delete), Some(true));
        assert_eq!(line.take(&Key::Home), Some(false));
        assert_eq!(line.take(&Key::Backspace), Some(false));
        line.take(&Key::Paste("a b\u{1b}[2J\nmore".to_owned()));
        assert_eq!(line.text(), "a b [2Jthbs");
        assert_eq!(line.take(&Key::Enter), None);
        line.take(&Key::Ctrl('w'));
        assert_eq!(
            line.text(),
            "a b thbs".replace("thbs", "").trim_end().to_owned() + " thbs"
        );
        line.take(&Key::Ctrl('u'));
        assert_eq!(line.text(), "thbs");
    }

    #[test]
    fn words_are_split_as_in_a_shell() {
        for (line, expected) in [
            ("", vec![]),
            (
                "  curl  --newer-than 1h ",
                vec!["curl", "--newer-than", "1h"],
            ),
            (
                "'日本語 and' \"a \\\"b\\\"\" c\\ d ''",
                vec!["日本語 and", "a \"b\"", "c d", ""],
            ),
            ("a'b'\"c\"", vec!["abc"]),
        ] {
            assert_eq!(
                words(line),
                Ok(expected.into_iter().map(str::to_owned).collect())
            );
        }
        assert!(words("it's").is_err());
    }
}
