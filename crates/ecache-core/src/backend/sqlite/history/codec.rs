//! Numbers and texts in the records of the table `history`.

use crate::backend::sqlite::format::damage::damaged;

/// Appends a number, in as few groups of seven bits as it needs.
pub(in super::super) fn put_number(body: &mut Vec<u8>, number: i64) {
    // The sign goes to the lowest bit, so that small negative numbers are short.
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        body.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    body.push(rest as u8);
}

/// Takes a number from the front of a record.
pub(in super::super) fn number(rest: &mut &[u8]) -> rusqlite::Result<i64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or_else(unreadable)?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
        }
    }
    Err(unreadable())
}

/// Appends a text with its length.
pub(in super::super) fn put_text(body: &mut Vec<u8>, text: &str) {
    put_number(body, text.len() as i64);
    body.extend_from_slice(text.as_bytes());
}

/// Takes a text from the front of a record.
pub(in super::super) fn text(rest: &mut &[u8]) -> rusqlite::Result<String> {
    let length = usize::try_from(number(rest)?).unwrap_or(usize::MAX);
    let (text, after) = rest.split_at_checked(length).ok_or_else(unreadable)?;
    *rest = after;
    String::from_utf8(text.to_vec()).map_err(|_| unreadable())
}

/// Appends a number that may be missing.
pub(in super::super) fn put_optional(body: &mut Vec<u8>, number: Option<i64>) {
    put_number(body, i64::from(number.is_some()));
    if let Some(number) = number {
        put_number(body, number);
    }
}

/// Takes a number that may be missing from the front of a record.
pub(in super::super) fn optional(rest: &mut &[u8]) -> rusqlite::Result<Option<i64>> {
    match number(rest)? {
        0 => Ok(None),
        _ => number(rest).map(Some),
    }
}

/// Appends a text that may be missing.
pub(in super::super) fn put_optional_text(body: &mut Vec<u8>, text: Option<&str>) {
    put_number(body, i64::from(text.is_some()));
    if let Some(text) = text {
        put_text(body, text);
    }
}

/// Takes a text that may be missing from the front of a record.
pub(in super::super) fn optional_text(rest: &mut &[u8]) -> rusqlite::Result<Option<String>> {
    match number(rest)? {
        0 => Ok(None),
        _ => text(rest).map(Some),
    }
}

/// Returns the error for a record that cannot be read.
pub(in super::super) fn unreadable() -> rusqlite::Error {
    damaged("a record of the history cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_come_back() {
        let numbers = [0, 1, -1, 63, 64, -65, 1 << 40, i64::MAX, i64::MIN];
        let mut body = Vec::new();
        for each in numbers {
            put_number(&mut body, each);
            put_optional(&mut body, Some(each));
        }
        put_optional(&mut body, None);
        put_text(&mut body, "東京");
        put_optional_text(&mut body, None);
        put_optional_text(&mut body, Some(""));
        let mut rest = &body[..];
        for each in numbers {
            assert_eq!(number(&mut rest), Ok(each));
            assert_eq!(optional(&mut rest), Ok(Some(each)));
        }
        assert_eq!(optional(&mut rest), Ok(None));
        assert_eq!(text(&mut rest).as_deref(), Ok("東京"));
        assert_eq!(optional_text(&mut rest), Ok(None));
        assert_eq!(optional_text(&mut rest), Ok(Some(String::new())));
        assert_eq!(rest, b"");
        assert!(number(&mut rest).is_err());
    }
}
