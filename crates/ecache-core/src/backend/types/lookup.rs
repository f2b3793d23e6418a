//! Looking up: values, results, and the identity of a cached call.

use std::borrow::Cow;
use std::sync::Arc;

#[cfg(doc)]
use crate::backend::Condition;
use crate::entry::{Entry, EntryRef};
use crate::key::{Key, MORE_PLACES};
use crate::scope::{Address, Scopes, StoreAddress};
use crate::time::Timestamp;
use crate::value::{CHUNK_SIZE, Kind};

/// Total size of values, in bytes, above which a
/// [`visit_many`](crate::backend::ReadBackend::visit_many) ends.
pub const LOOKUP_SIZE: usize = 8 << 20;

/// A value as a backend hands it out or takes it in: in memory, or a name for its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The whole value
    Inline(Vec<u8>),
    /// A value above [`CHUNK_SIZE`] that stays in the store;
    /// [`ContentReader`](crate::backend::ContentReader) reads it
    Chunked(Chunked),
}

/// Names a value that is stored in chunks. It is immutable: replacing the entry makes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunked {
    /// The backend's own name for it
    pub id: i64,
    /// Its length in bytes
    pub size: u64,
}

impl Chunked {
    /// Returns the number of its chunks.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.size.div_ceil(CHUNK_SIZE as u64)
    }
}

impl Content {
    /// Returns the value's length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Chunked(chunked) => chunked.size,
        }
    }
}

/// The result of a look-up.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// A fresh entry and its verified value
    Hit(Box<Entry>, Content),
    /// An entry that is not fresh: its expiry has passed, or its write time is in the future
    Stale(Box<Entry>),
    /// An entry whose value or fields fail verification; never served
    Damaged(Address),
    /// A fresh entry of another program whose value has no form here, and why
    Foreign(Box<Entry>, String),
    /// Nothing
    Missing,
}

/// The result of one of many look-ups, of which most hits are borrowed from the backend.
#[derive(Debug)]
pub enum LookedUp<'a> {
    /// A fresh entry and its verified value
    Hit(HitRef<'a>, &'a [u8]),
    /// An entry that is not fresh
    Stale,
    /// Anything else, a hit of a value in chunks or of a backend that lends none among it
    Other(Lookup),
}

/// The fields of an entry that the reader of many values needs. The others, and the recorded hits,
/// which are rows of their own, would be a third of a look-up's time.
#[derive(Clone, Copy, Debug)]
pub struct HitRef<'a> {
    /// [`Entry::kind`]
    pub kind: Kind,
    /// [`Scopes::user_id`]
    pub user_id: Option<&'a Arc<str>>,
    /// [`Scopes::operator_uri`]
    pub operator_uri: Option<&'a Arc<str>>,
    /// [`Entry::written_at`]
    pub written_at: Timestamp,
    /// [`Entry::cost_ms`]
    pub cost_ms: Option<u64>,
}

impl<'a> HitRef<'a> {
    pub(in crate::backend) fn of(entry: &EntryRef<'a>) -> Self {
        Self {
            kind: entry.kind,
            user_id: entry.user_id,
            operator_uri: entry.operator_uri,
            written_at: entry.written_at(),
            cost_ms: entry.cost_ms,
        }
    }
}

impl LookedUp<'_> {
    /// Returns the length in bytes of a value in memory.
    pub(in crate::backend) fn size(&self) -> usize {
        match self {
            Self::Hit(_, value) => value.len(),
            Self::Other(Lookup::Hit(_, Content::Inline(value))) => value.len(),
            Self::Stale | Self::Other(_) => 0,
        }
    }
}

/// A cached call as its entry is found and recognised.
#[derive(Clone, Copy, Debug)]
pub struct CallIdentity<'a> {
    /// The store
    pub store: &'a Arc<StoreAddress>,
    /// The SHA-256 of the call's preimage, whose hex digits are the entry's key
    pub hash: &'a [u8; 32],
    /// The function
    pub function: &'a Arc<str>,
    /// The scopes it is made in
    pub scopes: &'a Scopes,
    /// The call's preimage
    pub preimage: &'a str,
    /// Length in bytes of the arguments in the preimage, without the closing bracket; the rest is
    /// scopes
    pub arguments_length: usize,
    /// Requests the store's generation together with a result
    pub with_generation: bool,
    /// Requests [`Miss::taken`] if there is no result
    pub with_taken: bool,
    /// The store's [`clears`](crate::backend::ObserveBackend::clears) before the result was
    /// computed: it is not written if there was another one
    pub clears: Option<u64>,
    /// The time at which the result's computation began: it is not written over one that was
    /// [begun later](Condition::UnlessNewer)
    pub began_at: Option<Timestamp>,
}

impl<'a> CallIdentity<'a> {
    /// Returns the arguments as JSON text with sorted keys.
    #[must_use]
    pub fn args(&self) -> Cow<'a, str> {
        if self.preimage.len() == self.arguments_length + 1 {
            Cow::Borrowed(self.preimage)
        } else {
            Cow::Owned([&self.preimage[..self.arguments_length], "]"].concat())
        }
    }

    /// Encodes in one number how the preimage is to be read: the length of its arguments, and which
    /// scopes follow them.
    ///
    /// The preimage alone does not tell. Calls of one function with the same hash and the same
    /// split are the same.
    pub(in crate::backend) fn split(&self) -> i64 {
        let scopes = self.scopes;
        let is_known = [
            scopes.operator_uri.is_some(),
            scopes.prompt_id.is_some(),
            scopes.jwt_sha256.is_some(),
            scopes.user_id.is_some(),
        ];
        let length = i64::try_from(self.arguments_length).expect("memory is not that large");
        is_known
            .into_iter()
            .fold(length, |split, is_known| split << 1 | i64::from(is_known))
    }

    /// Returns the address of the call's result.
    #[must_use]
    pub fn address(&self) -> Address {
        Address {
            store: self.store.clone(),
            key: Key::of_hash(self.hash),
        }
    }
}

/// The result of a look-up of a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallLookup {
    /// A fresh result of this call, verified
    Hit(CallResult),
    /// An entry whose value or fields fail verification; never served
    Damaged(Address),
    /// A fresh result of another call with the same key, and the function of that call, if recorded
    Other(Option<Arc<str>>),
    /// No fresh result
    Missing(Miss),
}

/// The facts that a look-up without a result reads for the computation that follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Miss {
    /// The store's [`clears`](crate::backend::ObserveBackend::clears) as of the look-up; `None`
    /// where they are still to be asked for
    pub clears: Option<u64>,
    /// Which of the call's [further places](Key::next_place) have an entry, of any state and of any
    /// function; `None` where each is to be looked up
    pub taken: Option<[bool; MORE_PLACES]>,
}

/// The fields of an entry that a hit of a call needs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CallResult {
    /// Kind of the value
    pub kind: Kind,
    /// The value
    pub content: Content,
    /// Time at which it was written
    pub written_at: Timestamp,
    /// Time at which it expires
    pub expires_at: Option<Timestamp>,
    /// Time that computing it took, in milliseconds
    pub cost_ms: Option<u64>,
    /// The store's generation, no newer than the result, if it was wanted
    pub generation: Option<u64>,
}
