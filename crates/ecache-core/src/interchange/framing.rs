//! Cuts a stream into documents without understanding them, and with bounded memory.

use std::io::{self, BufRead, Read};

use super::MAX_BSON_SIZE;
use super::errors::{DocumentPosition, Problem, ReadError};
use crate::mongo_types::bson;

/// Number of bytes that are needed to tell BSON from text.
pub(super) const HEAD_SIZE: u64 = 5;

/// The framing of the documents in a stream, and the position reached.
pub(super) enum Framing {
    /// One JSON object a line
    Lines { line: u64 },
    /// One JSON array of objects
    Array { element: u64, line: u64 },
    /// BSON documents with nothing between them
    Bson { document: u64, offset: u64 },
}

type Result<T> = std::result::Result<T, ReadError>;

impl Framing {
    /// Tells what `input` holds, which begins with `head`.
    pub(super) fn recognise(head: &[u8], input: &mut impl BufRead) -> Result<Self> {
        if let Some((length, [kind])) = head.split_first_chunk()
            && bson_length(*length)
                .is_some_and(|length| bson::is_type(*kind) || (length == 5 && *kind == 0))
        {
            return Ok(Framing::Bson {
                document: 0,
                offset: 0,
            });
        }
        let mut line = 1;
        let first = skip_whitespace(input, &mut line)
            .map_err(|error| Problem::Io(error).at(DocumentPosition::Line(line)))?;
        match first {
            Some(b'{') | None => Ok(Framing::Lines { line: line - 1 }),
            Some(b'[') => {
                input.consume(1);
                Ok(Framing::Array { element: 0, line })
            }
            Some(_) => Err(Problem::Unrecognised.at(DocumentPosition::Line(line))),
        }
    }

    /// Reads the next document into `buffer`, which is empty; `None` at the end of `input`.
    ///
    /// A line or element longer than `limit` is refused as soon as it is.
    pub(super) fn next(
        &mut self,
        input: &mut impl BufRead,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Result<Option<DocumentPosition>> {
        match self {
            Framing::Lines { line } => next_line(input, buffer, limit, line),
            Framing::Array { element, line } => next_element(input, buffer, limit, element, line),
            Framing::Bson { document, offset } => next_bson(input, buffer, document, offset),
        }
    }
}

/// Reads the next line that is not blank; `line` is the number of the one before.
fn next_line(
    input: &mut impl BufRead,
    buffer: &mut Vec<u8>,
    limit: usize,
    line: &mut u64,
) -> Result<Option<DocumentPosition>> {
    loop {
        *line += 1;
        let position = DocumentPosition::Line(*line);
        let read = input
            .by_ref()
            .take(limit as u64 + 1)
            .read_until(b'\n', buffer);
        match read.map_err(|error| Problem::Io(error).at(position))? {
            0 => return Ok(None),
            _ if buffer.len() > limit => return Err(Problem::TooLong.at(position)),
            _ if buffer.trim_ascii().is_empty() => buffer.clear(),
            _ => return Ok(Some(position)),
        }
    }
}

/// Reads the next element of an array; `element` is the number of the one before, `line` the
/// current line.
fn next_element(
    input: &mut impl BufRead,
    buffer: &mut Vec<u8>,
    limit: usize,
    element: &mut u64,
    line: &mut u64,
) -> Result<Option<DocumentPosition>> {
    let begun = begin_element(input, *element, line);
    let position = DocumentPosition::Element {
        number: *element + 1,
        line: *line,
    };
    if !begun.map_err(|problem| problem.at(position))? {
        return Ok(None);
    }
    *element += 1;
    copy_element(input, buffer, limit, line).map_err(|problem| problem.at(position))?;
    Ok(Some(position))
}

/// Goes to the beginning of the next element, `false` if there is none.
fn begin_element(
    input: &mut impl BufRead,
    elements_before: u64,
    line: &mut u64,
) -> std::result::Result<bool, Problem> {
    match skip_whitespace(input, line)? {
        Some(b']') => {
            input.consume(1);
            match skip_whitespace(input, line)? {
                Some(_) => Err(Problem::AfterArray),
                None => Ok(false),
            }
        }
        Some(b',') if elements_before > 0 => {
            input.consume(1);
            skip_whitespace(input, line)?;
            Ok(true)
        }
        Some(_) => Ok(true),
        None => Err(Problem::Truncated),
    }
}

/// Reads up to the comma or bracket that follows the element.
fn copy_element(
    input: &mut impl BufRead,
    buffer: &mut Vec<u8>,
    limit: usize,
    line: &mut u64,
) -> std::result::Result<(), Problem> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    loop {
        let chunk = fill(input)?;
        if chunk.is_empty() {
            return Err(Problem::Truncated);
        }
        let end = chunk.iter().position(|&byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = in_string,
                b'"' => in_string = !in_string,
                b'\n' => *line += 1,
                _ if in_string => {}
                b',' | b']' if depth == 0 => return true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            false
        });
        let length = end.unwrap_or(chunk.len());
        buffer.extend_from_slice(&chunk[..length]);
        input.consume(length);
        if buffer.len() > limit {
            return Err(Problem::TooLong);
        }
        if end.is_some() {
            return Ok(());
        }
    }
}

/// Reads the next BSON document; `document` and `offset` are how many, and how many bytes, came
/// before.
fn next_bson(
    input: &mut impl BufRead,
    buffer: &mut Vec<u8>,
    document: &mut u64,
    offset: &mut u64,
) -> Result<Option<DocumentPosition>> {
    let position = DocumentPosition::Document {
        number: *document + 1,
        offset: *offset,
    };
    let length = match read_head(input, buffer).map_err(|problem| problem.at(position))? {
        Some(length) => length,
        None => return Ok(None),
    };
    let rest = (length - buffer.len()) as u64;
    input
        .by_ref()
        .take(rest)
        .read_to_end(buffer)
        .map_err(|error| Problem::Io(error).at(position))?;
    if buffer.len() < length {
        return Err(Problem::Truncated.at(position));
    }
    *document += 1;
    *offset += length as u64;
    Ok(Some(position))
}

/// Reads the length that a BSON document begins with; `None` at the end.
fn read_head(
    input: &mut impl BufRead,
    buffer: &mut Vec<u8>,
) -> std::result::Result<Option<usize>, Problem> {
    input.by_ref().take(4).read_to_end(buffer)?;
    match (buffer.first_chunk(), buffer.len()) {
        (Some(length), _) => bson_length(*length).map(Some).ok_or(Problem::BsonLength),
        (None, 0) => Ok(None),
        (None, _) => Err(Problem::Truncated),
    }
}

/// Returns the length of a BSON document, if there can be one of that length.
fn bson_length(bytes: [u8; 4]) -> Option<usize> {
    usize::try_from(i32::from_le_bytes(bytes))
        .ok()
        .filter(|length| (5..=MAX_BSON_SIZE).contains(length))
}

/// Skips JSON's whitespace, and returns the byte after it without taking it; `None` at the end.
fn skip_whitespace(input: &mut impl BufRead, line: &mut u64) -> io::Result<Option<u8>> {
    loop {
        match fill(input)?.first() {
            Some(b'\n') => *line += 1,
            Some(b' ' | b'\t' | b'\r') => {}
            other => return Ok(other.copied()),
        }
        input.consume(1);
    }
}

/// Returns the unread part of `input`'s buffer, which is filled first if it is empty. The result is
/// empty only at the end.
fn fill(input: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    input.fill_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the documents of `input` with that limit; the last result may be an error.
    fn frames(input: &[u8], limit: usize) -> Vec<std::result::Result<String, String>> {
        let mut rest = input;
        let mut framing = Framing::recognise(&[], &mut rest).expect("a known form");
        let mut frames = Vec::new();
        let mut buffer = Vec::new();
        loop {
            match framing.next(&mut rest, &mut buffer, limit) {
                Ok(None) => return frames,
                Ok(Some(_)) => frames.push(Ok(String::from_utf8_lossy(&buffer).into_owned())),
                Err(error) => {
                    frames.push(Err(error.to_string()));
                    return frames;
                }
            }
            buffer.clear();
        }
    }

    #[test]
    fn a_document_beyond_the_limit_is_refused() {
        assert_eq!(
            frames(b"{1234}\n{12345}\n", 7),
            [
                Ok("{1234}\n".to_owned()),
                Err("line 2: longer than 1 GiB".to_owned())
            ]
        );
        assert_eq!(
            frames(b"[{12345},{123456}]", 7),
            [
                Ok("{12345}".to_owned()),
                Err("element 2 on line 1: longer than 1 GiB".to_owned())
            ]
        );
    }
}
