//! The parts of an element of BSON: the byte of its type, texts and binary data.

/// The types of elements.
pub(crate) mod kind {
    pub const DOUBLE: u8 = 0x01;
    pub const STRING: u8 = 0x02;
    pub const DOCUMENT: u8 = 0x03;
    pub const ARRAY: u8 = 0x04;
    pub const BINARY: u8 = 0x05;
    pub const UNDEFINED: u8 = 0x06;
    pub const OBJECT_ID: u8 = 0x07;
    pub const BOOL: u8 = 0x08;
    pub const DATE: u8 = 0x09;
    pub const NULL: u8 = 0x0a;
    pub const REGEX: u8 = 0x0b;
    pub const DB_POINTER: u8 = 0x0c;
    pub const CODE: u8 = 0x0d;
    pub const SYMBOL: u8 = 0x0e;
    pub const CODE_WITH_SCOPE: u8 = 0x0f;
    pub const INT32: u8 = 0x10;
    pub const TIMESTAMP: u8 = 0x11;
    pub const INT64: u8 = 0x12;
    pub const DECIMAL128: u8 = 0x13;
    pub const MAX_KEY: u8 = 0x7f;
    pub const MIN_KEY: u8 = 0xff;
}

/// The subtype of binary data that repeats its length within its payload.
pub(super) const OLD_BINARY: u8 = 2;

/// The bits of the double that `NaN` stands for, as Python's `float("nan")` has them.
pub(super) const NAN: u64 = 0x7ff8_0000_0000_0000;

/// Appends a text with its length; `None` if it is too long for BSON.
pub(super) fn string(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let length = i32::try_from(text.len() + 1).ok()?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    Some(())
}

/// Encodes binary data.
pub(super) fn binary(subtype: u8, bytes: &[u8]) -> Option<Vec<u8>> {
    let length = i32::try_from(bytes.len()).ok()?;
    let mut payload = Vec::with_capacity(bytes.len() + 9);
    if subtype == OLD_BINARY {
        payload.extend_from_slice(&length.checked_add(4)?.to_le_bytes());
        payload.push(subtype);
    }
    payload.extend_from_slice(&length.to_le_bytes());
    if subtype != OLD_BINARY {
        payload.push(subtype);
    }
    payload.extend_from_slice(bytes);
    Some(payload)
}
