//! Addresses as MongoDB's unique index compares them: numbers that are equal are one, whatever
//! their types.

use std::borrow::Cow;

use crate::key::Key;
use crate::mongo_types::wrapper;
use crate::python_json::{Json, PyString};
use crate::scope::{Address, StoreAddress};
use crate::typed_name;

/// Returns an address that is the same for all that are one to the server, such as `1`, `1.0` and
/// a long 1.
pub(super) fn compared(address: &Address) -> Address {
    let store = &address.store;
    let dataset = store.dataset_id.as_deref().map(name);
    let names = [name(&store.store_name), name(address.key.as_str())];
    if matches!(names, [Cow::Borrowed(_), Cow::Borrowed(_)])
        && !matches!(dataset, Some(Cow::Owned(_)))
    {
        return address.clone();
    }
    let [store_name, key] = names;
    let store = StoreAddress {
        collection: store.collection.clone(),
        store_name: store_name.into(),
        dataset_id: dataset.map(Into::into),
    };
    // A name may be too long with a number written out: then it is compared by its type, too.
    let key = Key::new(key).unwrap_or_else(|_| address.key.clone());
    store.entry(key)
}

fn name(name: &str) -> Cow<'_, str> {
    match typed_name::value(name) {
        Some(mut value) if has_number(&value) => {
            compare(&mut value);
            Cow::Owned(typed_name::of_json(&value))
        }
        _ => Cow::Borrowed(name),
    }
}

fn has_number(value: &Json) -> bool {
    match value {
        Json::Integer(_) | Json::BigInteger(_) | Json::Float(_) => true,
        Json::Array(items) => items.iter().any(has_number),
        Json::Object(members) => {
            number_of(value).is_some() || members.iter().any(|(_, member)| has_number(member))
        }
        Json::Null | Json::Bool(_) | Json::String(_) => false,
    }
}

/// Replaces each number of a value by the shortest form of a decimal.
fn compare(value: &mut Json) {
    if let Some(text) = number_of(value) {
        let decimal = vec![(
            PyString::from("$numberDecimal"),
            Json::from(shortest(&text)),
        )];
        let decimal = Json::Object(decimal);
        *value = Json::Object(vec![(PyString::from("$bson"), decimal)]);
        return;
    }
    match value {
        Json::Array(items) => items.iter_mut().for_each(compare),
        Json::Object(members) => members.iter_mut().for_each(|(_, member)| compare(member)),
        _ => {}
    }
}

/// Returns the text of a number, of all its digits.
fn number_of(value: &Json) -> Option<String> {
    /// The digits after the point of the smallest double
    const MOST_DIGITS: usize = 1074;
    match value {
        Json::Integer(integer) => Some(integer.to_string()),
        Json::BigInteger(digits) => Some(digits.to_string()),
        Json::Float(float) if float.is_finite() => Some(format!("{float:.MOST_DIGITS$}")),
        Json::Float(_) => Some(value.dumps()),
        Json::Object(_) => match wrapper::inner(value)? {
            [(tag, Json::String(text))] => {
                let is_number = matches!(tag.as_str()?, "$numberLong" | "$numberDecimal");
                is_number.then(|| text.as_str().map(str::to_owned))?
            }
            _ => None,
        },
        _ => None,
    }
}

/// Returns a decimal without zeros at its ends, as in `15E-1`; any other text as it is.
fn shortest(text: &str) -> String {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let is_decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let Some(exponent) = exponent.parse::<i64>().ok().filter(|_| is_decimal) else {
        return text.to_owned();
    };
    let significant = digits.trim_end_matches('0');
    let exponent = exponent - fraction.len() as i64 + (digits.len() - significant.len()) as i64;
    match significant.trim_start_matches('0') {
        "" => "0".to_owned(),
        significant => format!("{sign}{significant}E{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(store: &str, key: &str, dataset: &str) -> Address {
        let key = Key::new(key).expect("a valid key");
        compared(&StoreAddress::new(store).with_dataset(dataset).entry(key))
    }

    #[test]
    fn equal_numbers_are_one_whatever_their_types() {
        let long = |text: &str| format!(r#"bson:{{"$bson": {{"$numberLong": "{text}"}}}}"#);
        let decimal = |text: &str| format!(r#"bson:{{"$bson": {{"$numberDecimal": "{text}"}}}}"#);
        for same in [
            vec![
                "bson:1".into(),
                "bson:1.0".into(),
                long("1"),
                decimal("1"),
                decimal("1.00"),
            ],
            vec!["bson:1.5".into(), decimal("1.5"), decimal("15E-1")],
            vec![
                "bson:0".into(),
                "bson:-0.0".into(),
                decimal("-0"),
                decimal("0E+3"),
            ],
            vec!["bson:-100".into(), "bson:-100.0".into(), decimal("-1E+2")],
            vec!["bson:NaN".into(), decimal("NaN")],
            vec!["bson:1e+300".into(), "bson:1e+300".into()],
            vec![r#"bson:{"a": [1]}"#.into(), r#"bson:{"a": [1.0]}"#.into()],
        ] {
            for other in &same {
                let one = &same[0];
                assert_eq!(of(one, "k", "d"), of(other, "k", "d"), "{one} {other}");
                assert_eq!(of("s", one, "d"), of("s", other, "d"), "{one} {other}");
                assert_eq!(of("s", "k", one), of("s", "k", other), "{one} {other}");
            }
        }
        for (one, other) in [
            ("bson:1", "1"),
            ("bson:1", "bson:true"),
            ("bson:1", "bson:1.5"),
            ("bson:10", "bson:1"),
            ("bson:1", "bson:-1"),
            ("bson:0", "bson:null"),
            ("bson:0.1", &*decimal("0.1")),
            ("bson:1", r#"bson:{"$bson": "1E0"}"#),
        ] {
            assert_ne!(of("s", one, "d"), of("s", other, "d"), "{one} {other}");
        }
    }

    #[test]
    fn texts_stay_what_they_are() {
        for text in ["s", "", "1", "bson: a name", "bson:\"bson:0\"", "bson:true"] {
            let address = of(text, text, text);
            assert_eq!(&*address.store.store_name, text);
            assert_eq!(address.key.as_str(), text);
        }
    }
}
