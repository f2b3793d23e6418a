//! MongoDB's 128-bit decimals as text, as the BSON Decimal128 specification spells them.

/// The largest coefficient of 34 digits; what the bits hold beyond it counts as zero.
const MAX_COEFFICIENT: u128 = 10_u128.pow(34) - 1;

/// The exponent that is stored as zero.
const EXPONENT_BIAS: i32 = 6176;

/// The smallest and the largest exponent.
const MIN_EXPONENT: i64 = -6176;
const MAX_EXPONENT: i64 = 6111;

/// Writes the decimal of 16 little-endian bytes so that [`of_text`] returns the same bytes.
///
/// Bits that no decimal is written as, such as a NaN with a sign, are written in hexadecimal.
pub(super) fn to_text(bytes: [u8; 16]) -> String {
    let text = to_string(bytes);
    if parse(&text) == Some(bytes) {
        text
    } else {
        format!("{:#034x}", u128::from_le_bytes(bytes))
    }
}

/// Reads a decimal number in any spelling, or its bits in hexadecimal.
pub(super) fn of_text(text: &str) -> Option<[u8; 16]> {
    match text.strip_prefix("0x") {
        Some(bits) => Some(u128::from_str_radix(bits, 16).ok()?.to_le_bytes()),
        None => parse(text),
    }
}

/// Reads a decimal number; `None` if 34 digits cannot hold it exactly.
fn parse(text: &str) -> Option<[u8; 16]> {
    let (sign, number) = match text.strip_prefix('-') {
        Some(number) => (1_u128 << 127, number),
        None => (0, text.strip_prefix('+').unwrap_or(text)),
    };
    if number.eq_ignore_ascii_case("infinity") || number.eq_ignore_ascii_case("inf") {
        return Some((sign | 0b11110 << 122).to_le_bytes());
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some((0b11111_u128 << 122).to_le_bytes());
    }
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut exponent = i64::from(exponent).checked_sub_unsigned(fraction.len() as u64)?;
    let mut digits = digits.trim_start_matches('0');
    while digits.len() > 34 {
        digits = digits.strip_suffix('0')?;
        exponent += 1;
    }
    let mut coefficient: u128 = match digits {
        "" => 0,
        digits => digits.parse().ok()?,
    };
    if coefficient == 0 {
        exponent = exponent.clamp(MIN_EXPONENT, MAX_EXPONENT);
    }
    while exponent > MAX_EXPONENT {
        coefficient *= 10;
        exponent -= 1;
        if coefficient > MAX_COEFFICIENT {
            return None;
        }
    }
    while exponent < MIN_EXPONENT {
        if !coefficient.is_multiple_of(10) {
            return None;
        }
        coefficient /= 10;
        exponent += 1;
    }
    let exponent = (exponent - MIN_EXPONENT) as u128;
    Some((sign | exponent << 113 | coefficient).to_le_bytes())
}

/// Writes the decimal of 16 little-endian bytes as the specification does.
fn to_string(bytes: [u8; 16]) -> String {
    let bits = u128::from_le_bytes(bytes);
    let sign = if bits >> 127 == 1 { "-" } else { "" };
    let (exponent_bits, coefficient) = match (bits >> 122) & 0x1f {
        0b11111 => return "NaN".to_owned(),
        0b11110 => return format!("{sign}Infinity"),
        // The long form of a coefficient always exceeds 34 digits.
        0b11000.. => (bits >> 111, 0),
        _ => (bits >> 113, bits & ((1 << 113) - 1)),
    };
    let exponent = (exponent_bits & 0x3fff) as i32 - EXPONENT_BIAS;
    let digits = match coefficient {
        0..=MAX_COEFFICIENT => coefficient.to_string(),
        _ => "0".to_owned(),
    };
    format!("{sign}{}", place_point(&digits, exponent))
}

/// Writes `digits * 10^exponent`, in scientific notation where the plain one would need more than
/// six zeros.
fn place_point(digits: &str, exponent: i32) -> String {
    let point = digits.len() as i32 + exponent;
    if exponent > 0 || point < -5 {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        return format!("{first}{dot}{rest}E{:+}", point - 1);
    }
    match usize::try_from(point) {
        Ok(point) if point == digits.len() => digits.to_owned(),
        Ok(point) if point > 0 => format!("{}.{}", &digits[..point], &digits[point..]),
        _ => format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the bytes of a decimal from its coefficient and exponent.
    fn decimal(coefficient: u128, exponent: i32) -> [u8; 16] {
        (((exponent + EXPONENT_BIAS) as u128) << 113 | coefficient).to_le_bytes()
    }

    #[test]
    fn numbers_are_spelled_as_the_specification_does() {
        for (coefficient, exponent, text) in [
            (0, 0, "0"),
            (0, -2, "0.00"),
            (0, 3, "0E+3"),
            (1, 0, "1"),
            (12345, -2, "123.45"),
            (12345, -5, "0.12345"),
            (1, -6, "0.000001"),
            (1, -7, "1E-7"),
            (12, -8, "1.2E-7"),
            (123, 4, "1.23E+6"),
            (
                MAX_COEFFICIENT,
                6111,
                "9.999999999999999999999999999999999E+6144",
            ),
            (1, -6176, "1E-6176"),
            (MAX_COEFFICIENT + 1, 0, "0"),
        ] {
            assert_eq!(to_string(decimal(coefficient, exponent)), text);
        }
    }

    #[test]
    fn every_bit_pattern_survives_as_text() {
        for bits in [
            0,
            1,
            1 << 127,
            0b11110 << 122,
            0b111110 << 122,
            0b11111 << 122,
            0b111111 << 122,
            0b11111 << 122 | 7,
            0b11 << 125 | 6176 << 111,
            12287 << 113 | MAX_COEFFICIENT,
            6176 << 113 | (MAX_COEFFICIENT + 1),
            6176 << 113 | 5,
            u128::MAX,
        ] {
            let bytes = u128::to_le_bytes(bits);
            assert_eq!(of_text(&to_text(bytes)), Some(bytes), "{bits:#x}");
        }
    }

    #[test]
    fn other_spellings_are_read() {
        for (text, written) in [
            ("+1", "1"),
            ("0001", "1"),
            ("1e3", "1E+3"),
            ("inf", "Infinity"),
            ("1E+6144", "1.000000000000000000000000000000000E+6144"),
            ("0E+9999", "0E+6111"),
            ("10E-6177", "1E-6176"),
        ] {
            assert_eq!(to_text(parse(text).expect(text)), written);
        }
        for text in ["", ".", "x", "1E", "1E+7000", "1E-7000", "-", "-NaN"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn signs_and_special_values_are_spelled() {
        let negative = u128::from_le_bytes(decimal(1, 0)) | 1 << 127;
        assert_eq!(to_string(negative.to_le_bytes()), "-1");
        assert_eq!(to_string((0b11110_u128 << 122).to_le_bytes()), "Infinity");
        assert_eq!(to_string((0b111110_u128 << 122).to_le_bytes()), "-Infinity");
        assert_eq!(to_string((0b11111_u128 << 122).to_le_bytes()), "NaN");
        assert_eq!(
            to_string((0b11_u128 << 125 | 6176 << 111).to_le_bytes()),
            "0"
        );
    }
}
