//! Writes ecache's own lines.

use std::io::Write;

use super::MAX_LINE_SIZE;
use crate::backend::{StoreMetadata, StoreRecord};
use crate::entry::EntryRef;
use crate::key::hex;
use crate::python_json::{write_integer, write_string};
use crate::scope::{Address, DEFAULT_COLLECTION, STORE_KEY, StoreAddress};
use crate::time::Timestamp;
use crate::value::{Kind, write_stored};

/// An entry does not fit into a line that would be read again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} is too large for a line: its value has {size} bytes, and a line holds at most {} GiB",
    MAX_LINE_SIZE >> 30
)]
pub struct TooLarge {
    /// The entry
    pub address: Address,
    /// The value's length in bytes
    pub size: u64,
}

impl TooLarge {
    fn new(entry: &EntryRef<'_>) -> Self {
        Self {
            address: entry.address(),
            size: entry.size,
        }
    }
}

/// Tells whether it is worth reading an entry's value to write its line.
///
/// # Errors
/// If the value alone exceeds [`MAX_LINE_SIZE`].
pub fn check_size<'a>(entry: impl Into<EntryRef<'a>>) -> Result<(), TooLarge> {
    let entry = &entry.into();
    if entry.size > MAX_LINE_SIZE as u64 {
        Err(TooLarge::new(entry))
    } else {
        Ok(())
    }
}

/// Appends an entry and its value as one line, which [`Reader`](super::Reader) reads back the same.
///
/// The line does not name the collection; its reader supplies it.
///
/// # Errors
/// If the line would exceed [`MAX_LINE_SIZE`], which base64 and escapes can make a smaller value
/// do; `out` is as it was then.
pub fn write_entry<'a>(
    entry: impl Into<EntryRef<'a>>,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), TooLarge> {
    let entry = &entry.into();
    check_size(*entry)?;
    let start = out.len();
    out.push(b'{');
    write_fields(entry, out);
    out.extend_from_slice(br#", "value": "#);
    write_stored(entry.kind, value, out);
    out.extend_from_slice(b"}\n");
    if out.len() - start > MAX_LINE_SIZE {
        out.truncate(start);
        return Err(TooLarge::new(entry));
    }
    Ok(())
}

/// Appends a store's own document as one line.
///
/// Appends nothing for a store without metadata, which its entries alone make exist.
pub fn write_store(store: &StoreRecord, out: &mut Vec<u8>) {
    let Some(metadata) = &store.metadata else {
        return;
    };
    let StoreMetadata {
        value,
        created_at,
        updated_at,
        policy,
    } = metadata;
    out.push(b'{');
    let mut members = Members::begin(&store.address, STORE_KEY, out);
    members.text("policy", Some(policy.as_str()));
    members.time("created_at", Some(*created_at));
    members.time("updated_at", *updated_at);
    members.text("kind", Some(Kind::Json.as_str()));
    write_stored(Kind::Json, value.as_bytes(), members.name("value"));
    out.extend_from_slice(b"}\n");
}

/// Appends the members of an entry's JSON object, without its braces and its value.
///
/// Times are RFC 3339 in UTC, outside the years 1970 to 9999 milliseconds; unknown ones are
/// `null`.
fn write_fields(entry: &EntryRef<'_>, out: &mut Vec<u8>) {
    let mut members = Members::begin(entry.store, entry.key, out);
    members.text("policy", Some(entry.policy.as_str()));
    members.time("created_at", Some(entry.created_at));
    members.time("updated_at", entry.updated_at);
    members.time("expires_at", entry.expires_at);
    members.time("last_used_at", entry.last_used_at);
    members.count("hits", Some(entry.hits));
    members.count("saved_ms", Some(entry.saved_ms));
    members.count("size", Some(entry.size));
    members.text("kind", Some(entry.kind.as_str()));
    members.text("user_id", entry.user_id.map(|name| &**name));
    members.text("operator_uri", entry.operator_uri.map(|name| &**name));
    members.text("prompt_id", entry.prompt_id.map(|name| &**name));
    members.hash("jwt_sha256", entry.jwt_sha256);
    members.text("function", entry.function.map(|name| &**name));
    members.json("args", entry.args);
    members.count("cost_ms", entry.cost_ms);
}

/// The members of an object that is being written.
struct Members<'a>(&'a mut Vec<u8>);

impl<'a> Members<'a> {
    /// Begins with what every document has.
    fn begin(store: &StoreAddress, key: &str, out: &'a mut Vec<u8>) -> Self {
        out.extend_from_slice(br#""store_name": "#);
        write_string(store.store_name.as_bytes(), out);
        let mut members = Self(out);
        members.text("key", Some(key));
        members.text("dataset_id", store.dataset_id.as_deref());
        // Documents of FiftyOne's have no such field, so its own collection goes without saying.
        if *store.collection != *DEFAULT_COLLECTION {
            members.text("collection", Some(&store.collection));
        }
        members
    }

    /// Writes the name of the next member, and returns where its value goes.
    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        self.0.extend_from_slice(b", \"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\": ");
        self.0
    }

    fn member<T>(&mut self, name: &str, value: Option<T>, write: impl FnOnce(T, &mut Vec<u8>)) {
        let out = self.name(name);
        match value {
            Some(value) => write(value, out),
            None => out.extend_from_slice(b"null"),
        }
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        self.member(name, text.map(str::as_bytes), write_string);
    }

    fn json(&mut self, name: &str, json: Option<&str>) {
        self.member(name, json.map(str::as_bytes), |json, out| {
            write_stored(Kind::Json, json, out);
        });
    }

    fn count(&mut self, name: &str, count: Option<u64>) {
        self.member(name, count, write_integer);
    }

    fn time(&mut self, name: &str, time: Option<Timestamp>) {
        self.member(name, time, |time, out| match time.rfc_3339() {
            Some(text) => {
                out.push(b'"');
                out.extend_from_slice(&text);
                out.push(b'"');
            }
            None => write!(out, "\"{time}\"").expect("memory takes every write"),
        });
    }

    fn hash(&mut self, name: &str, hash: Option<&[u8; 32]>) {
        self.member(name, hash, |hash, out| {
            write!(out, "\"{}\"", hex(hash)).expect("memory takes every write");
        });
    }
}
