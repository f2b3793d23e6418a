//! MongoDB's values as text and back.
//!
//! ecache keeps a value as JSON text: in SQLite, in its own lines, and where `get` prints it. A
//! BSON value becomes text in [`bson`], and text becomes BSON in [`encode`]. The two are inverse:
//! BSON that becomes text and BSON again is the same to the byte, for every type.
//!
//! - `null`, bools, strings, arrays and documents are JSON. Names that repeat, and names that are
//!   empty or hold dots and dollars, stay as they are.
//! - Numbers are told apart as the Python driver writes them: `5` is an int32, `5000000000` an
//!   int64, `5.0` a double. An int64 that fits 32 bits is `{"$bson": {"$numberLong": "5"}}`.
//! - Every other type is a *wrapper*: the object that Extended JSON version 2 has for it, with a
//!   mark around it, as in `{"$bson": {"$date": "2026-03-04T05:06:07Z"}}`.
//! - A document that would read as a wrapper is *escaped* by one more mark, and so is one that
//!   would read as an escape: `{"$bson": {"$bson": …}}` is a document whose only name is `$bson`.
//!
//! Thus every value that JSON has a form for is printed as Python's `json.dumps` prints it, and a
//! document that only looks like a type (`{"$oid": …}` in FiftyOne's `sample.to_dict()`,
//! `{"$regex": …}` in a view) is a document wherever it goes. An object is a wrapper only if its
//! content is that of a type: `{"$bson": 1}` and `{"$bson": {"$date": "x"}}` are documents.
//!
//! Designs weighed for telling a date from a document `{"$date": …}`:
//!
//! 1. Write the type as Extended JSON does and escape the document, as in `{"$literal": {"$date":
//!    …}}`. Other tools know the type then. But cached samples are full of such documents: their
//!    values would no longer be what FiftyOne's functions return, neither for a script that reads
//!    `ecache get` nor for a Rust function that reads a cached result.
//! 2. Double the dollar of the document's name, as in `{"$$date": …}`: shorter, with the same
//!    drawback, and it changes names with two dollars, which aggregation variables (`"$$ROOT"`)
//!    have.
//! 3. Mark the type (chosen). FiftyOne's decorator stores times as `_cls`, so that real dates and
//!    ids are rare in values, and are marked where JSON alone could not say what they are.
//!
//! Designs weighed for JSON that a user sets, such as `{"$date": "x"}` by `ecache set`:
//!
//! 1. Read it as Extended JSON: one value would be a dict for FiftyOne, and the next one, spelled a
//!    little differently, a date. A value would have different types in the two stores.
//! 2. Keep a note beside the value that says which form it has: the note is lost wherever the text
//!    goes alone, as in `get | set`.
//! 3. It is JSON (chosen), and FiftyOne reads the dict that Python's `json.loads` reads. A type is
//!    typed as `get` prints it, with its mark.
//!
//! Files of other tools have no mark. [`extended_json`] reads them as their standard says.

pub(crate) mod bson;
mod decimal128;
pub(crate) mod element;
#[cfg_attr(not(feature = "mongodb"), allow(dead_code))]
pub(crate) mod encode;
pub(crate) mod extended_json;
pub(crate) mod timestamp;
mod types;
pub(crate) mod wrapper;

#[cfg(test)]
mod tests;
