//! Rows as JSON: one array, or one object a line.
//!
//! Written by hand into one reused buffer: rows are flat, and a value that is JSON already must go
//! out as it came, with what Python writes and RFC 8259 does not know (`NaN`, integers of any size,
//! lone surrogates).

use std::io::{self, Write};

use super::{Audience, Cell, Column, Left, Mood, Rows, escape, human};

/// The text around the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// One array, an object a line
    Array,
    /// One object a line and nothing else
    Lines,
}

/// Writes each row as an object that has the columns' names as its keys.
pub(super) struct Json<W> {
    sink: W,
    framing: Framing,
    audience: Audience,
    /// For each column what stands before its value: `{"first":`, `,"second":`
    prefixes: Vec<String>,
    is_empty: bool,
    line: String,
}

impl<W: Write> Json<W> {
    pub(super) fn new(sink: W, framing: Framing, columns: &[Column], audience: Audience) -> Self {
        let openings = std::iter::once('{').chain(std::iter::repeat(','));
        let prefixes = columns.iter().zip(openings);
        Self {
            sink,
            framing,
            audience,
            prefixes: prefixes
                .map(|(column, opening)| format!("{opening}\"{}\":", column.name))
                .collect(),
            is_empty: true,
            line: String::new(),
        }
    }
}

impl<W: Write> Rows for Json<W> {
    fn row(&mut self, _: Mood, cells: &[Cell]) -> io::Result<()> {
        self.line.clear();
        if self.framing == Framing::Array {
            self.line
                .push_str(if self.is_empty { "[\n" } else { ",\n" });
        }
        self.is_empty = false;
        for (prefix, cell) in self.prefixes.iter().zip(cells) {
            self.line.push_str(prefix);
            push_value(&mut self.line, cell, self.audience);
        }
        self.line.push('}');
        if self.framing == Framing::Lines {
            self.line.push('\n');
        }
        self.sink.write_all(self.line.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    fn finish(&mut self) -> io::Result<Left> {
        match (self.framing, self.is_empty) {
            (Framing::Array, true) => self.sink.write_all(b"[]\n")?,
            (Framing::Array, false) => self.sink.write_all(b"\n]\n")?,
            (Framing::Lines, _) => {}
        }
        self.sink.flush()?;
        Ok(Left::default())
    }
}

fn push_value(out: &mut String, cell: &Cell, audience: Audience) {
    match cell {
        Cell::Null => out.push_str("null"),
        Cell::Text(text) => push_string(out, text, audience),
        Cell::Json(json) => push_json(out, json, audience),
        Cell::Time(ms) => {
            out.push('"');
            human::push_time(out, *ms, human::Precision::Milliseconds);
            out.push('"');
        }
        number_or_bool => number_or_bool.push_exact(out, String::push_str),
    }
}

/// Passes lines of JSON on to a terminal, on which nothing in them acts.
pub(crate) struct JsonToTerminal<W> {
    sink: W,
    line: String,
}

impl<W: Write> JsonToTerminal<W> {
    pub(crate) fn new(sink: W) -> Self {
        Self {
            sink,
            line: String::new(),
        }
    }
}

impl<W: Write> Write for JsonToTerminal<W> {
    /// Takes one or several whole lines.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(lines).lines() {
            self.line.clear();
            push_json(&mut self.line, line, Audience::Terminal);
            self.line.push('\n');
            self.sink.write_all(self.line.as_bytes())?;
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Appends a quoted text that does not act on a terminal.
pub(super) fn push_text(out: &mut String, text: &str) {
    push_string(out, text, Audience::Terminal);
}

fn push_string(out: &mut String, text: &str, audience: Audience) {
    out.push('"');
    if is_plain(text) {
        out.push_str(text);
    } else {
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\0'..' ' => push_unicode_escape(out, c),
                c => push_beyond_control(out, c, audience),
            }
        }
    }
    out.push('"');
}

/// Reports whether `text` spells itself in JSON: printable ASCII without a quote or a backslash. In
/// vector instructions as [`escape::is_printable_ascii`].
fn is_plain(text: &str) -> bool {
    let is_plain = |byte| (b' '..0x7f).contains(&byte) & (byte != b'"') & (byte != b'\\');
    text.bytes()
        .fold(true, |plain, byte| plain & is_plain(byte))
}

/// Embeds JSON text, on one line.
///
/// A control character can only be space between tokens and any other that is unsafe can only be
/// part of a string, so neither the space nor the escape changes the value.
fn push_json(out: &mut String, json: &str, audience: Audience) {
    if escape::is_printable_ascii(json) {
        out.push_str(json);
        return;
    }
    for c in json.chars() {
        match c {
            '\0'..' ' => out.push(' '),
            c => push_beyond_control(out, c, audience),
        }
    }
}

/// Appends a character of a string. A character that is unsafe on a terminal is escaped there,
/// which keeps its value.
fn push_beyond_control(out: &mut String, c: char, audience: Audience) {
    if audience == Audience::Terminal && escape::is_unsafe(c) {
        push_unicode_escape(out, c)
    } else {
        out.push(c)
    }
}

fn push_unicode_escape(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.push_str("\\u");
        for shift in [12, 8, 4, 0] {
            let digit = u32::from(*unit) >> shift & 0xf;
            out.push(char::from_digit(digit, 16).expect("four bits are one hexadecimal digit"));
        }
    }
}
