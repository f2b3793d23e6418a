//! From typed words to the address of an entry, and names as tables show them.
//!
//! `resolve` finds the store and key, `abbreviated` completes names that a table cut (`cut_name`),
//! `ambiguous` says what to type instead, and `keys_from` reads a list of keys.

pub(in crate::commands) mod abbreviated;
mod ambiguous;
pub(in crate::commands) mod cut_name;
pub(in crate::commands) mod keys_from;
pub(in crate::commands) mod resolve;
