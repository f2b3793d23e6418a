//! The interactive browser: stores and datasets on the left, entries in the middle, the value and
//! its metadata on the right or below.
//!
//! ```text
//! bytes ─ keys ─┐                    ┌─ view ─ screen ─ what changed
//! signals ──────┼─ run ─ model ──────┤
//! answers ──────┘                    └─ requests ─ worker ─ the store
//! ```
//!
//! `model` is the state, and what each event makes of it; it is pure, and most tests are of it.
//! `events` are what happens to it and what it asks for, `layout` says where the parts of the
//! screen are. `view` draws it into a buffer, `screen` sends the cells that changed, and `run`
//! waits for keys, signals and answers. The store is read and changed on other threads (`worker`),
//! so that a key never waits: where rows or counts are not there yet, `…` stands in their place.
//!
//! The list is a window of some hundred rows (`list`), read by key in transactions that end with
//! the page ([`Scan::after`](ecache_core::backend::Scan)). A list by time or key comes from an
//! index; another order is one pass over the entries for each page. Answers carry the number of
//! the list that they belong to, so that those of an earlier filter are dropped.
//!
//! Designs weighed: a list of all ids in memory (a second and 8 MB for a million entries, and out
//! of date at once), OFFSET (slower with each page), and this. A removal is an operation of the
//! log like any other, which `u` and `ecache undo` undo.
//!
//! A value is edited by `ecache edit` on the terminal, which is given back meanwhile (`outside`),
//! and a command is run again by `ecache warm --refresh` without one, so that both do what they
//! do elsewhere.
//!
//! Names and values are escaped before they are drawn: data never acts on the terminal.

mod events;
mod keys;
mod layout;
mod line;
mod list;
mod model;
mod outside;
mod run;
mod screen;
mod signals;
mod view;
mod worker;

pub(crate) use events::{Changed, Copied, Counts, Figures, Place, Whole};
pub(crate) use line::words;
pub(crate) use list::Row;
pub(crate) use model::Model;
pub(crate) use run::{Desk, Display, run};
pub(crate) use view::{Page, Texts};
pub(crate) use worker::StoreAccess;
