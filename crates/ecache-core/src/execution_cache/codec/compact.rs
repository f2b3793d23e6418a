//! A compact binary codec: postcard, behind a fingerprint of the type.
//!
//! Formats considered: CBOR and MessagePack (self-describing, but five bytes for an `f32`), bincode
//! (no longer maintained), and postcard (chosen: four bytes for an `f32`, one or two for most
//! integers). Postcard is not self-describing, so a changed type would read as a wrong value; the
//! fingerprint detects that.

use std::any::{TypeId, type_name};
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::type_fingerprint::fingerprint;
use super::{compact_writer, numeric_arrays};
use crate::execution_cache::{Codec, CodecError};
use crate::stored;
use crate::value::{Kind, Value};

/// A compact binary form, through serde, for results that only this program reads.
///
/// `ecache get` prints it as unreadable bytes, and FiftyOne gets Python's `bytes`. A type that asks
/// its format for the type of the next value (`serde_json::Value`, `#[serde(untagged)]`,
/// `#[serde(flatten)]`) cannot be read from it, so its results are not kept. Neither is a result of
/// which `#[serde(skip_serializing_if)]` leaves out a field.
///
/// ```
/// use ecache_core::execution_cache::{Codec, Compact};
///
/// let points: Vec<(f32, f32)> = vec![(0.5, 1.5); 1000];
/// let stored = Compact.encode(&points)?;
/// assert!(stored.bytes.len() < 8 * 1000 + 20);
/// assert_eq!(Codec::<Vec<(f32, f32)>>::decode(&Compact, stored)?, points);
/// # Ok::<(), ecache_core::execution_cache::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Compact;

/// Returns the fingerprint of a type.
///
/// # Errors
/// If a part of the type cannot be recorded: after a change there, a value would be read as another
/// one.
fn of_type<T: DeserializeOwned + 'static>() -> Result<[u8; LENGTH], CodecError> {
    fingerprint::<T>().ok_or_else(|| {
        CodecError::new(format_args!(
            "`Compact` could not tell `{}` from a changed type, because a type in it reads only \
             certain values: use the stored form, or `codec = with(…)`",
            type_name::<T>()
        ))
    })
}

/// Length of a fingerprint, in bytes.
const LENGTH: usize = 8;

impl<T: Serialize + DeserializeOwned + 'static> Codec<T> for Compact {
    fn encode(&self, result: &T) -> Result<Value, CodecError> {
        let bytes = compact_writer::write(result, of_type::<T>()?.to_vec())?;
        Ok(Value::bytes(bytes))
    }

    fn decode(&self, value: Value) -> Result<T, CodecError> {
        let bytes = value.bytes.split_first_chunk::<LENGTH>();
        let Some((found, bytes)) = bytes.filter(|_| value.kind == Kind::Bytes) else {
            return Err(CodecError::new("it was not stored by this codec"));
        };
        if *found != of_type::<T>()? {
            return Err(CodecError::new("it was stored as another type"));
        }
        let (result, rest) = postcard::take_from_bytes(bytes).map_err(CodecError::new)?;
        if rest.is_empty() {
            Ok(result)
        } else {
            Err(CodecError::new("more follows than belongs to the type"))
        }
    }

    fn is_whole(&self, result: &T, shown: Option<&dyn Debug>) -> bool {
        stored::is_whole(result, shown)
    }

    fn is_exact(&self) -> bool {
        numeric_arrays::is_exact(TypeId::of::<T>())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use serde::Deserialize;

    use super::*;

    fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(result: T) {
        let stored = Compact.encode(&result).expect("a form");
        assert_eq!(Compact.decode(stored).ok(), Some(result));
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Tree {
        Leaf,
        Node {
            children: Vec<Tree>,
            name: Option<Option<String>>,
        },
        Number(i128),
        Pair(u8, char),
    }

    #[test]
    fn all_that_postcard_can_write_comes_back() {
        comes_back(());
        comes_back(vec![Some(Some(1)), Some(None), None]);
        comes_back(vec![1.5_f32; 100_000]);
        comes_back(BTreeMap::from([((1, "a".to_owned()), [0_u64; 3])]));
        let children = vec![Tree::Leaf, Tree::Number(i128::MIN), Tree::Pair(1, 'é')];
        comes_back(Tree::Node {
            children,
            name: Some(None),
        });
    }

    /// Without `a`, `{a: 0, b: [1, 0]}` would be read as `{a: 2, b: [0]}`.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Shifted {
        #[serde(default, skip_serializing_if = "is_zero")]
        a: u8,
        b: Vec<u8>,
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    fn is_zero(number: &u8) -> bool {
        *number == 0
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Variant {
        Fields {
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            a: Vec<u8>,
            b: Vec<u8>,
        },
    }

    #[test]
    fn a_value_of_which_a_field_is_left_out_is_refused() {
        let of = |a| Shifted { a, b: vec![1, 0] };
        comes_back(vec![of(1), of(2)]);
        let fields = |a| Variant::Fields { a, b: vec![1, 0] };
        comes_back(fields(vec![1]));
        let refused = [
            Compact.encode(&vec![of(1), of(0)]),
            Compact.encode(&fields(Vec::new())),
        ];
        for refused in refused {
            let error = refused.expect_err("it would be read as another value");
            assert!(error.to_string().contains("skip_serializing_if"), "{error}");
        }
    }

    #[test]
    fn the_reason_of_a_type_is_in_the_error() {
        let before = std::time::UNIX_EPOCH - std::time::Duration::from_secs(1);
        let error = Compact.encode(&vec![Some(before)]).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "SystemTime must be later than UNIX_EPOCH"
        );
    }

    #[test]
    fn a_type_that_changed_is_told() {
        mod before {
            #[derive(serde::Serialize, serde::Deserialize)]
            pub struct Named {
                pub a: u8,
                pub b: Choice,
            }
            #[derive(serde::Serialize, serde::Deserialize)]
            pub enum Choice {
                One(u8),
                Two(u16),
            }
        }
        mod after {
            macro_rules! named {
                ($($module:ident { $($field:ident: $ty:ty),* } { $($variants:tt)* })*) => {$(
                    pub mod $module {
                        #[derive(Debug, serde::Serialize, serde::Deserialize)]
                        pub struct Named { $(pub $field: $ty),* }
                        #[derive(Debug, serde::Serialize, serde::Deserialize)]
                        #[allow(dead_code)]
                        pub enum Choice { $($variants)* }
                    }
                )*};
            }
            named! {
                same { a: u8, b: Choice } { One(u8), Two(u16) }
                renamed { c: u8, b: Choice } { One(u8), Two(u16) }
                wider { a: u16, b: Choice } { One(u8), Two(u16) }
                longer { a: u8, b: Choice, c: Option<u8> } { One(u8), Two(u16) }
                other_variant { a: u8, b: Choice } { One(u8), Three(u16) }
                other_content { a: u8, b: Choice } { One(u8), Two(i16) }
                reordered { a: u8, b: Choice } { Two(u16), One(u8) }
            }
        }
        fn reads<T: Serialize + DeserializeOwned + 'static>() -> bool {
            let stored = Compact.encode(&before::Named {
                a: 1,
                b: before::Choice::Two(2),
            });
            let stored = stored.expect("a form");
            Codec::<T>::decode(&Compact, stored).is_ok()
        }
        assert!(matches!(before::Choice::One(1), before::Choice::One(1)));
        assert!(reads::<before::Named>());
        assert!(reads::<after::same::Named>(), "a type may move");
        assert!(!reads::<after::renamed::Named>());
        assert!(!reads::<after::wider::Named>());
        assert!(!reads::<after::longer::Named>());
        assert!(!reads::<after::other_variant::Named>());
        assert!(!reads::<after::other_content::Named>());
        assert!(!reads::<after::reordered::Named>());
    }

    #[test]
    fn values_of_another_codec_are_refused() {
        let decode = |value| Codec::<Vec<u32>>::decode(&Compact, value);
        for value in [
            Value::text("text"),
            Value::bytes(*b""),
            Value::bytes([0; 20]),
        ] {
            assert!(decode(value).is_err());
        }
        let mut stored = Compact.encode(&vec![1_u32]).expect("a form");
        stored.bytes.push(0);
        assert!(decode(stored).is_err());
    }
}
