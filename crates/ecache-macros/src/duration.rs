//! Lifetimes as they are written in an attribute.

use std::time::Duration;

use syn::{Error, Expr, ExprLit, Lit, Result};

/// The lifetime that `ttl` is given: seconds, or a text such as `"10m"` or `"1d12h"`.
pub(crate) fn parse(value: &Expr) -> Result<Duration> {
    let Expr::Lit(ExprLit { lit, .. }) = value else {
        return Err(Error::new_spanned(value, EXPECTED));
    };
    let duration = match lit {
        Lit::Int(seconds) => seconds.base10_parse().ok().map(Duration::from_secs),
        Lit::Float(seconds) => seconds
            .base10_parse()
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        Lit::Str(text) => parse_text(&text.value()),
        _ => None,
    };
    match duration {
        Some(duration) if duration < Duration::from_millis(1) => Err(Error::new_spanned(
            value,
            "a result that lives less than a millisecond is never a hit",
        )),
        Some(duration) => Ok(duration),
        None => Err(Error::new_spanned(value, EXPECTED)),
    }
}

const EXPECTED: &str = "expected seconds, or a duration such as \"90s\", \"10m\" or \"1d12h\"";

fn parse_text(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit());
        let (unit, behind) = rest.split_at(letters.unwrap_or(rest.len()));
        let millis = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = behind;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_and_units() {
        let parsed = |text: &str| parse(&syn::parse_str(text).expect("an expression")).ok();
        assert_eq!(parsed("90"), Some(Duration::from_secs(90)));
        assert_eq!(parsed("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(parsed("\"10m\""), Some(Duration::from_secs(600)));
        assert_eq!(parsed("\"1d12h\""), Some(Duration::from_secs(129_600)));
        for wrong in [
            "\"\"", "\"10\"", "\"10 m\"", "\"m\"", "\"1y\"", "0", "0.0001", "true", "TTL",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
