//! Equality as Python's `==` means it, which FiftyOne's `compare_and_set` uses.

use super::{Json, PyString};

impl Json {
    /// Reports whether Python's `==` holds between the two.
    ///
    /// Numbers are equal by value, whatever their type: `1 == 1.0 == True`, and a large integer
    /// equals a float only if it is exactly that number. `NaN` equals nothing. The order of keys in
    /// a dict does not matter.
    ///
    /// ```
    /// use ecache_core::python_json::Json;
    ///
    /// let json = |text: &str| Json::parse(text.as_bytes());
    /// assert!(json(r#"{"a": [1, true]}"#)?.equals(&json(r#"{"a": [1.0, 1]}"#)?));
    /// assert!(!json("NaN")?.equals(&json("NaN")?));
    /// # Ok::<(), ecache_core::python_json::ParseError>(())
    /// ```
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::String(one), Self::String(two)) => one == two,
            (Self::Array(ones), Self::Array(twos)) => {
                ones.len() == twos.len() && ones.iter().zip(twos).all(|(one, two)| one.equals(two))
            }
            (Self::Object(ones), Self::Object(twos)) => {
                ones.len() == twos.len() && {
                    let (ones, twos) = (sorted(ones), sorted(twos));
                    let mut pairs = ones.iter().zip(&twos);
                    pairs.all(|((name, one), (other, two))| name == other && one.equals(two))
                }
            }
            _ => match (Number::of(self), Number::of(other)) {
                (Some(one), Some(two)) => one.equals(&two),
                _ => false,
            },
        }
    }
}

/// Returns the members of a dict in the order of their keys, so that large dicts compare quickly.
fn sorted(members: &[(PyString, Json)]) -> Vec<(&[u8], &Json)> {
    let members = members.iter();
    let mut sorted: Vec<_> = members
        .map(|(key, value)| (key.as_bytes(), value))
        .collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    sorted
}

/// A number of any of Python's types.
enum Number<'a> {
    Integer(i64),
    BigInteger(&'a str),
    Float(f64),
}

impl<'a> Number<'a> {
    fn of(json: &'a Json) -> Option<Self> {
        match json {
            Json::Bool(value) => Some(Self::Integer(i64::from(*value))),
            Json::Integer(value) => Some(Self::Integer(*value)),
            Json::BigInteger(digits) => Some(Self::BigInteger(digits)),
            Json::Float(value) => Some(Self::Float(*value)),
            _ => None,
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integer(one), Self::Integer(two)) => one == two,
            (Self::BigInteger(one), Self::BigInteger(two)) => one == two,
            (Self::Float(one), Self::Float(two)) => one == two,
            (Self::Float(float), Self::Integer(integer))
            | (Self::Integer(integer), Self::Float(float)) => {
                is_integer(*float, &integer.to_string())
            }
            (Self::Float(float), Self::BigInteger(digits))
            | (Self::BigInteger(digits), Self::Float(float)) => is_integer(*float, digits),
            // A big integer is beyond 64 bits.
            _ => false,
        }
    }
}

/// Reports whether a float is exactly the integer with these digits.
fn is_integer(float: f64, digits: &str) -> bool {
    // Rust prints every digit of a float; adding 0.0 turns -0.0 into 0.0.
    float.is_finite() && float.fract() == 0.0 && format!("{:.0}", float + 0.0) == digits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs that a real FiftyOne's `compare_and_set` took for equal, or did not.
    const COMPARED: &[(&str, &str, bool)] = &[
        ("1", "1.0", true),
        ("1", "true", true),
        ("true", "1.0", true),
        ("0", "false", true),
        ("0.0", "-0.0", true),
        ("0", "-0.0", true),
        ("null", "null", true),
        ("null", "0", false),
        ("null", "false", false),
        (r#"[1, {"a": 2}]"#, r#"[1.0, {"a": 2.0}]"#, true),
        (r#"{"a": 1, "b": true}"#, r#"{"b": 1, "a": 1.0}"#, true),
        (r#"{"a": [true, 0]}"#, r#"{"a": [1, false]}"#, true),
        (r#"{"a": null}"#, "{}", false),
        ("NaN", "NaN", false),
        ("[NaN]", "[NaN]", false),
        ("Infinity", "Infinity", true),
        ("Infinity", "-Infinity", false),
        ("9007199254740993", "9007199254740992.0", false),
        ("9007199254740992", "9007199254740992.0", true),
        ("1e16", "10000000000000000", true),
        ("100000000000000000000", "1e20", true),
        ("100000000000000000001", "1e20", false),
        ("-100000000000000000000", "-1e20", true),
        ("100000000000000000001", "100000000000000000001", true),
        ("1.5", "1", false),
        (r#""1""#, "1", false),
        (r#""""#, "null", false),
        ("[]", "null", false),
        ("{}", "[]", false),
        ("[1, 2]", "[1, 2, 3]", false),
        ("0.30000000000000004", "0.3", false),
    ];

    #[test]
    fn equality_is_pythons() {
        let json = |text: &str| Json::parse(text.as_bytes()).expect("JSON");
        for (one, two, expected) in COMPARED {
            let (one, two) = (json(one), json(two));
            assert_eq!(one.equals(&two), *expected, "{one:?} {two:?}");
            assert_eq!(two.equals(&one), *expected, "{two:?} {one:?}");
        }
    }
}
