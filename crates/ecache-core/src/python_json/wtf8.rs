//! WTF-8: UTF-8 that may also hold lone surrogates.

/// Appends the UTF-16 code unit of a `\u` escape to WTF-8 text.
///
/// A low surrogate joins a high one directly before it. Bytes of surrogates come from escapes
/// alone, so the end of the text tells whether there is one.
pub(super) fn push_unit(text: &mut Vec<u8>, unit: u16) {
    let code_point = match (unit, text.as_slice()) {
        (0xDC00..=0xDFFF, [.., 0xED, second @ 0xA0..=0xAF, third]) => {
            let high = u32::from(second & 0x0F) << 6 | u32::from(third & 0x3F);
            text.truncate(text.len() - 3);
            0x1_0000 + (high << 10 | u32::from(unit & 0x3FF))
        }
        _ => u32::from(unit),
    };
    match char::from_u32(code_point) {
        Some(character) => text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => text.extend_from_slice(&[
            0xE0 | (code_point >> 12) as u8,
            0x80 | (code_point >> 6 & 0x3F) as u8,
            0x80 | (code_point & 0x3F) as u8,
        ]),
    }
}

/// Yields the code points of WTF-8 text, lone surrogates included.
pub(super) fn code_points(mut text: &[u8]) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let (&lead, _) = text.split_first()?;
        let (length, initial) = match lead {
            0x00..=0x7F => (1, lead),
            0x80..=0xDF => (2, lead & 0x1F),
            0xE0..=0xEF => (3, lead & 0x0F),
            0xF0..=0xFF => (4, lead & 0x07),
        };
        let (sequence, rest) = text.split_at(length.min(text.len()));
        text = rest;
        Some(
            sequence[1..]
                .iter()
                .fold(u32::from(initial), |point, byte| {
                    point << 6 | u32::from(byte & 0x3F)
                }),
        )
    })
}
