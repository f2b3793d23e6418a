//! A positive number with three significant digits, for a column that each row of a list has.
//!
//! The standard library's formatting is exact and slow: with the logarithm that finds the first
//! digit it was a tenth of a list of a million rows. Three digits are nearly always the same by one
//! multiplication; a number too near a tie or a power of ten for that takes the exact way.

use std::borrow::Cow;

/// The powers of ten that are scaled by: negative ones are not exact, and not needed.
const POWERS: [f64; 19] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];

/// Formats a number that is not negative.
pub(crate) fn three_digits(number: f64) -> Cow<'static, str> {
    if number == 0.0 {
        return Cow::Borrowed("0");
    }
    Cow::Owned(quickly(number).unwrap_or_else(|| exactly(number)))
}

fn exactly(number: f64) -> String {
    // The number of the first digit, seen from the point.
    let place = number.log10().floor() as i32;
    let decimals = usize::try_from(2 - place).unwrap_or(0);
    format!("{number:.decimals$}")
}

/// Formats a number below 1000 whose three digits are beyond doubt.
fn quickly(number: f64) -> Option<String> {
    let (decimals, scaled) = POWERS
        .iter()
        .enumerate()
        .map(|(decimals, power)| (decimals, number * power))
        .find(|(_, scaled)| *scaled >= 100.0)?;
    let fraction = scaled.fract();
    // The product is off by less than one part in 10^15.
    let is_near = |place: f64| (scaled - place).abs() < 1e-6;
    if scaled >= 999.0 || is_near(100.0) || (fraction - 0.5).abs() < 1e-6 {
        return None;
    }
    let digits = scaled.round() as u32;
    let mut text = String::with_capacity(decimals + 4);
    let (before, behind) = match decimals {
        0 => return Some(digits.to_string()),
        1 => (digits / 10, digits % 10),
        2 => (digits / 100, digits % 100),
        _ => (0, digits),
    };
    text.push_str(itoa::Buffer::new().format(before));
    text.push('.');
    text.extend(std::iter::repeat_n('0', decimals.saturating_sub(3)));
    for place in (0..decimals.min(3) as u32).rev() {
        text.push(char::from(b'0' + (behind / 10_u32.pow(place) % 10) as u8));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_is_the_exact_one() {
        let mut state = 1_u64;
        let mut quick = 0;
        for round in 0..200_000 {
            state = state
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(round)
                ^ (state >> 29);
            let part = (state >> 11) as f64 / (1_u64 << 53) as f64;
            let number = part * 10_f64.powi((round % 26) as i32 - 20);
            if number > 0.0
                && let Some(text) = quickly(number)
            {
                assert_eq!(text, exactly(number), "{number:e}");
                quick += 1;
            }
        }
        assert!(quick > 100_000, "{quick}");
    }

    #[test]
    fn ties_and_powers_of_ten_are_exact() {
        for number in [
            1.0, 10.0, 100.0, 0.001, 0.1, 9.995, 0.1125, 99.95, 0.999_6, 1e-9, 999.6,
        ] {
            for number in [number, f64::next_up(number), f64::next_down(number)] {
                assert_eq!(three_digits(number), exactly(number), "{number:e}");
            }
        }
        for (number, text) in [
            (0.0, "0"),
            (1.0, "1.00"),
            (0.012_34, "0.0123"),
            (12.34, "12.3"),
            (123.4, "123"),
            (12_345.6, "12346"),
        ] {
            assert_eq!(three_digits(number), text);
        }
    }
}
