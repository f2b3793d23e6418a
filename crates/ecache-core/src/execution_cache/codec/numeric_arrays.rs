//! Stores bytes as bytes, and long arrays of numbers as NumPy's `.npy`; as JSON they would be many
//! times as long.
//!
//! Formats considered for numbers: bare little-endian bytes (a function changed from `Vec<f32>` to
//! `Vec<f64>` would read half as many wrong numbers), a custom format, and NumPy's (chosen: it
//! records the element type, and `numpy.load` reads the output of `ecache get`).
//!
//! Short arrays stay JSON, which people and FiftyOne can read.

use std::any::{Any, TypeId};

use crate::value::{Kind, Value};

/// An array with fewer elements is stored as JSON.
const LEAST_ELEMENTS: usize = 1024;

/// The first bytes of `.npy`, version 1.0.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// The header is padded to a multiple of this length.
const ALIGNMENT: usize = 64;

/// A number type that `.npy` supports.
trait Element: Copy + 'static {
    /// NumPy's name of the type, in little-endian order
    const NAME: &'static str;

    fn append(numbers: &[Self], out: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Vec<Self>;
}

macro_rules! elements {
    ($($number:ty: $name:literal)*) => {
        $(
            impl Element for $number {
                const NAME: &'static str = $name;

                fn append(numbers: &[Self], out: &mut Vec<u8>) {
                    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
                }

                fn read(bytes: &[u8]) -> Vec<Self> {
                    const LENGTH: usize = size_of::<$number>();
                    let numbers = bytes.chunks_exact(LENGTH);
                    numbers
                        .map(|bytes| Self::from_le_bytes(bytes.try_into().expect("the length is that")))
                        .collect()
                }
            }
        )*

        /// Returns the stored form of `result` if it is a long array of one of these types.
        fn encode_numbers(result: &dyn Any) -> Option<Vec<u8>> {
            $(
                if let Some(numbers) = result.downcast_ref::<Vec<$number>>() {
                    return (numbers.len() >= LEAST_ELEMENTS).then(|| to_npy(numbers));
                }
            )*
            None
        }

        /// Reads an array of one of these types if that is what `slot` has room for.
        fn decode_numbers(bytes: &[u8], slot: &mut dyn Any) {
            $(
                if let Some(slot) = slot.downcast_mut::<Option<Vec<$number>>>() {
                    *slot = of_npy(bytes);
                }
            )*
        }

        /// Reports whether every value of a type comes back from its stored form unchanged.
        pub(in super::super) fn is_exact(id: TypeId) -> bool {
            let exact = [
                TypeId::of::<Vec<u8>>(), TypeId::of::<String>(), TypeId::of::<bool>(),
                $(TypeId::of::<$number>(), TypeId::of::<Vec<$number>>(),)*
            ];
            exact.contains(&id)
        }
    };
}

elements! {
    f32: "<f4"
    f64: "<f8"
    i8: "|i1"
    i16: "<i2"
    i32: "<i4"
    i64: "<i8"
    u16: "<u2"
    u32: "<u4"
    u64: "<u8"
}

/// Returns the stored form of bytes and of long arrays of numbers; `None` for all other results.
pub(in super::super) fn encode(result: &dyn Any) -> Option<Value> {
    if let Some(bytes) = result.downcast_ref::<Vec<u8>>() {
        return Some(Value::bytes(&**bytes));
    }
    encode_numbers(result).map(Value::bytes)
}

/// Reads bytes and arrays of numbers from their stored form; returns any other value unchanged.
pub(in super::super) fn decode<T: 'static>(value: Value) -> Result<T, Value> {
    let mut slot: Option<T> = None;
    let rest = decode_into(&mut slot, value);
    match slot {
        Some(result) => Ok(result),
        None => Err(rest.expect("a value that is not read is returned")),
    }
}

/// Reads into `slot`, an `Option` of the wanted type; returns a value that it does not read. Apart
/// from [`decode`], so that it is compiled once and not for each type of results.
fn decode_into(slot: &mut dyn Any, value: Value) -> Option<Value> {
    if value.kind != Kind::Bytes {
        return Some(value);
    }
    if let Some(slot) = slot.downcast_mut::<Option<Vec<u8>>>() {
        *slot = Some(value.bytes);
        return None;
    }
    decode_numbers(&value.bytes, slot);
    Some(value)
}

fn to_npy<N: Element>(numbers: &[N]) -> Vec<u8> {
    let mut header = format!(
        "{{'descr': '{}', 'fortran_order': False, 'shape': ({},), }}",
        N::NAME,
        numbers.len()
    );
    // Includes the length field and the line break at the end.
    let length = MAGIC.len() + 2 + header.len() + 1;
    header.push_str(&" ".repeat(length.next_multiple_of(ALIGNMENT) - length));
    header.push('\n');
    let mut bytes = Vec::with_capacity(length + ALIGNMENT + size_of_val(numbers));
    bytes.extend_from_slice(MAGIC);
    let length = u16::try_from(header.len()).expect("a header is short");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    N::append(numbers, &mut bytes);
    bytes
}

/// Reads a one-dimensional array with elements of type `N`.
fn of_npy<N: Element>(bytes: &[u8]) -> Option<Vec<N>> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (header, data) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let header = std::str::from_utf8(header).ok()?.trim_end();
    let shape = header
        .strip_prefix("{'descr': '")?
        .strip_prefix(N::NAME)?
        .strip_prefix("', 'fortran_order': False, 'shape': (")?;
    let elements: usize = shape.split_once(',')?.0.parse().ok()?;
    let is_whole = elements.checked_mul(size_of::<N>())? == data.len();
    is_whole.then(|| N::read(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back<T: Clone + PartialEq + std::fmt::Debug + 'static>(result: T) -> Value {
        let value = encode(&result).expect("a form of its own");
        assert_eq!(value.kind, Kind::Bytes);
        assert_eq!(decode(value.clone()).as_ref(), Ok(&result));
        value
    }

    #[test]
    fn long_arrays_are_npy_and_come_back_bit_for_bit() {
        let value = comes_back((0..5000).map(|n| n as f32 / 7.0).collect::<Vec<f32>>());
        assert_eq!(value.bytes.len(), 128 + 4 * 5000);
        let header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (5000,), }";
        assert!(value.bytes.starts_with(header));
        assert_eq!(value.bytes[127], b'\n');
        comes_back(vec![i8::MIN; 1024]);
        comes_back(vec![u64::MAX; 2000]);
        comes_back(vec![-0.0_f64; 1024]);
        let nan = f64::from_bits(0x7ff8_0000_dead_beef);
        let read: Vec<f64> = decode(encode(&vec![nan; 1024]).expect("a form")).expect("read");
        assert!(read.iter().all(|number| number.to_bits() == nan.to_bits()));
    }

    #[test]
    fn bytes_are_themselves_and_short_arrays_have_no_form_of_their_own() {
        assert_eq!(comes_back(b"\0\xff".to_vec()).bytes, b"\0\xff");
        comes_back(Vec::<u8>::new());
        assert_eq!(encode(&vec![1.5_f32; 1023]), None);
        assert_eq!(encode(&"text".to_owned()), None);
    }

    #[test]
    fn an_array_of_another_type_or_length_is_refused() {
        let value = encode(&vec![1.5_f32; 2048]).expect("a form");
        assert!(decode::<Vec<f64>>(value.clone()).is_err());
        assert!(decode::<Vec<i32>>(value.clone()).is_err());
        assert!(decode::<Vec<f32>>(Value::bytes(&value.bytes[..value.bytes.len() - 4])).is_err());
        for length in 0..130 {
            assert!(decode::<Vec<f32>>(Value::bytes(&value.bytes[..length])).is_err());
        }
    }
}
