//! MongoDB's 128-bit decimals as text, as the BSON Decimal128 specification spells them.

/// The largest coefficient of 34 digits; what the bits hold beyond it counts as zero.
const MAX_COEFFICIENT: u128 = 10_u128.pow(34) - 1;

/// The exponent that is stored as zero.
const EXPONENT_BIAS: i32 = 6176;

/// Writes the decimal of 16 little-endian bytes.
pub(super) fn to_string(bytes: [u8; 16]) -> String {
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

/// Writes `digits * 10^exponent`, in scientific notation where the plain one would need more than six zeros.
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

    /// The bytes of a decimal from its coefficient and exponent.
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
