//! Rows as separated values: CSV for spreadsheets, tab-separated lines for the shell.

use std::borrow::Cow;
use std::io::{self, Write};

use super::{Audience, Cell, Column, Mood, Rows, escape};

/// Writes RFC 4180: a header, lines that end with CRLF, quotes where they are needed.
///
/// A cell comes out as it went in, also one that a spreadsheet would take for a formula.
pub(super) struct Csv<W: Write> {
    sink: csv::Writer<W>,
    audience: Audience,
    cell: String,
}

impl<W: Write> Csv<W> {
    /// Starts with the header, so that an empty result has one too.
    pub(super) fn new(sink: W, columns: &[Column], audience: Audience) -> io::Result<Self> {
        let mut sink = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(sink);
        let names = columns.iter().map(|column| column.name);
        sink.write_record(names).map_err(into_io_error)?;
        Ok(Self {
            sink,
            audience,
            cell: String::new(),
        })
    }
}

impl<W: Write> Rows for Csv<W> {
    fn row(&mut self, _: Mood, cells: &[Cell]) -> io::Result<()> {
        for cell in cells {
            self.cell.clear();
            cell.push_exact(&mut self.cell, |out, text| match self.audience {
                Audience::Program => out.push_str(text),
                Audience::Terminal => out.push_str(&escape::for_terminal(text.as_bytes())),
            });
            self.sink.write_field(&self.cell).map_err(into_io_error)?;
        }
        self.sink.write_record(None::<&[u8]>).map_err(into_io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Takes out the error of the sink, so that the caller can tell a closed pipe.
fn into_io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("cannot write CSV: {kind:?}")),
    }
}

/// Visibility of the first line with the names of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// For people and for programs that read names
    Shown,
    /// For `cut`, `awk` and `while read`
    Hidden,
}

/// Writes one row a line, its cells separated by tabs.
///
/// Tab, line feed, carriage return and backslash in a cell are written `\t`, `\n`, `\r` and `\\`.
/// To a pipe everything else is the data's own bytes.
pub(super) struct Tabs<W> {
    sink: W,
    audience: Audience,
    line: String,
    ending: char,
}

impl<W: Write> Tabs<W> {
    pub(super) fn new(
        mut sink: W,
        header: Header,
        columns: &[Column],
        audience: Audience,
    ) -> io::Result<Self> {
        if header == Header::Shown {
            let names: Vec<_> = columns.iter().map(|column| column.name).collect();
            writeln!(sink, "{}", names.join("\t"))?;
        }
        Ok(Self {
            sink,
            audience,
            line: String::new(),
            ending: '\n',
        })
    }

    /// Writes rows that end with a NUL byte. To a program, nothing is escaped in them.
    pub(super) fn ended_by_nul(sink: W, audience: Audience) -> Self {
        Self {
            sink,
            audience,
            line: String::new(),
            ending: '\0',
        }
    }
}

impl<W: Write> Rows for Tabs<W> {
    fn row(&mut self, _: Mood, cells: &[Cell]) -> io::Result<()> {
        self.line.clear();
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                self.line.push('\t');
            }
            let is_raw = self.ending == '\0' && self.audience == Audience::Program;
            let mut has_nul = false;
            cell.push_exact(&mut self.line, |out, text| {
                if is_raw {
                    has_nul |= text.contains('\0');
                    out.push_str(text);
                } else {
                    push_text(out, text, self.audience);
                }
            });
            if has_nul {
                // It would end the row, and the rest be taken for another one.
                let why = "a name has a NUL byte, which -0 cannot print: leave out -0";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        }
        self.line.push(self.ending);
        self.sink.write_all(self.line.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn push_text(out: &mut String, text: &str, audience: Audience) {
    if escape::is_printable_ascii(text) && !text.contains('\\') {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        match (c, audience) {
            ('\\', _) => out.push_str("\\\\"),
            ('\t' | '\n' | '\r', _) | (_, Audience::Terminal) => escape::push_safe(out, c),
            (c, Audience::Program) => out.push(c),
        }
    }
}

/// Returns the text of a cell of plain lines before escaping; an unknown escape stays.
pub(crate) fn unescape(cell: &str) -> Cow<'_, str> {
    if !cell.contains('\\') {
        return Cow::Borrowed(cell);
    }
    let mut text = String::with_capacity(cell.len());
    let mut rest = cell.chars();
    while let Some(c) = rest.next() {
        let escaped = match (c, rest.clone().next()) {
            ('\\', Some('\\')) => '\\',
            ('\\', Some('t')) => '\t',
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            _ => {
                text.push(c);
                continue;
            }
        };
        text.push(escaped);
        rest.next();
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_escaped_for_a_pipe_comes_back() {
        for text in ["plain", "C:\\x", "a\tb", "\\t", "\r\n", "\\", "x\\\\n"] {
            let mut escaped = String::new();
            push_text(&mut escaped, text, Audience::Program);
            assert_eq!(unescape(&escaped), text);
        }
        assert_eq!(unescape("C:\\x"), "C:\\x");
    }
}
