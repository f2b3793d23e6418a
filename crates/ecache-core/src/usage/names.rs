//! Numbers and names as bytes: those of a group of calls, and keys.

use std::sync::Arc;

use crate::key::{Key, hash_bytes};
use crate::scope::{Address, DEFAULT_COLLECTION, StoreAddress};

pub(super) const HAS_DATASET: u8 = 1;
pub(super) const HAS_USER: u8 = 1 << 1;
pub(super) const HAS_OPERATOR: u8 = 1 << 2;

/// Appends the names of a group; the flags of the record say which there are.
pub(super) fn write_group(
    store: &StoreAddress,
    user: Option<&str>,
    operator: Option<&str>,
    bytes: &mut Vec<u8>,
) {
    let collection = match &*store.collection {
        // Nearly always this one.
        DEFAULT_COLLECTION => "",
        other => other,
    };
    let names = [
        Some(collection),
        Some(&*store.store_name),
        store.dataset_id.as_deref(),
        user,
        operator,
    ];
    for name in names.into_iter().flatten() {
        write_text(name, bytes);
    }
}

/// Appends a number in groups of seven bits, the lowest first.
pub(super) fn write_number(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

pub(super) fn write_text(text: &str, bytes: &mut Vec<u8>) {
    write_number(text.len() as u64, bytes);
    bytes.extend_from_slice(text.as_bytes());
}

/// Reads numbers and texts, and ends at the first fault.
pub(super) struct Parser<'a>(pub(super) &'a [u8]);

impl<'a> Parser<'a> {
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

/// A store, a user and an operator.
pub(super) type Names = (Arc<StoreAddress>, Option<Arc<str>>, Option<Arc<str>>);

/// Encodes a group's names, with the flags that say which there are.
pub(super) fn group_bytes(
    store: &StoreAddress,
    user: Option<&str>,
    operator: Option<&str>,
) -> (u8, Vec<u8>) {
    let has = |bit: u8, is_there: bool| if is_there { bit } else { 0 };
    let flags = has(HAS_DATASET, store.dataset_id.is_some())
        | has(HAS_USER, user.is_some())
        | has(HAS_OPERATOR, operator.is_some());
    let mut bytes = Vec::new();
    write_group(store, user, operator, &mut bytes);
    (flags, bytes)
}

/// Decodes a group's names.
pub(super) fn read_group((flags, bytes): (u8, &[u8])) -> Option<Names> {
    let mut parser = Parser(bytes);
    let collection = match parser.text()? {
        "" => DEFAULT_COLLECTION,
        other => other,
    };
    let store_name = parser.text()?;
    let mut name = |bit| -> Option<Option<Arc<str>>> {
        if flags & bit == 0 {
            return Some(None);
        }
        parser.text().map(|text| Some(text.into()))
    };
    let store = StoreAddress {
        collection: collection.into(),
        store_name: store_name.into(),
        dataset_id: name(HAS_DATASET)?,
    };
    Some((store.into(), name(HAS_USER)?, name(HAS_OPERATOR)?))
}

pub(super) fn read_key(bytes: (bool, &[u8])) -> Option<Key> {
    RecordedKey::read(bytes).map(|key| key.key())
}

/// The address of an entry as a log has it. Many of them take a third of the memory of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAddress {
    /// The store
    pub store: Arc<StoreAddress>,
    pub(crate) key: RecordedKey,
}

impl RecordedAddress {
    /// Returns the address.
    #[must_use]
    pub fn address(&self) -> Address {
        Address {
            store: self.store.clone(),
            key: self.key.key(),
        }
    }
}

impl From<Address> for RecordedAddress {
    fn from(address: Address) -> Self {
        Self {
            store: address.store,
            key: address.key.into(),
        }
    }
}

/// A key: the bytes of a hash, or any other text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RecordedKey {
    Hash([u8; 32]),
    Text(Key),
}

impl RecordedKey {
    pub(crate) fn read((is_hash, bytes): (bool, &[u8])) -> Option<Self> {
        if is_hash {
            return bytes.try_into().ok().map(Self::Hash);
        }
        let text = std::str::from_utf8(bytes).ok()?;
        Key::new(text).ok().map(Self::from)
    }

    fn key(&self) -> Key {
        match self {
            Self::Hash(hash) => Key::of_hash(hash),
            Self::Text(key) => key.clone(),
        }
    }
}

impl From<Key> for RecordedKey {
    fn from(key: Key) -> Self {
        hash_bytes(key.as_str()).map_or(Self::Text(key), Self::Hash)
    }
}
