//! Events that the browser takes, and requests that it makes of the loop.

use std::sync::Arc;

use ecache_core::backend::{Group, OperationRecord, Scan, Spread};
use ecache_core::entry::Policy;
use ecache_core::filter::{Filter, Selection, Usage};
use ecache_core::scope::Address;

use super::keys::Key;
use super::list::{ListPart, Row};
use crate::units::Ttl;

/// A place on the left: all entries, those of a store, or those of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    All,
    Store(Arc<str>),
    Dataset(Option<Arc<str>>),
}

/// The numbers of entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// Those that the filter means
    pub(crate) found: Usage,
    pub(crate) all: Usage,
    pub(crate) places: Vec<(Place, Usage)>,
}

/// An entry in full.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Whole {
    /// A line for each fact
    pub(crate) facts: Vec<String>,
    /// Its value, as far as it is shown
    pub(crate) value: Vec<String>,
    /// The beginning of the value on one line
    pub(crate) preview: String,
}

/// The stores of the entries that a filter means, and how these are distributed.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) stores: Vec<Group>,
    pub(crate) spread: Spread,
}

/// A text about an entry that is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    Key,
    Command,
}

/// A change that was made.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// The message on it; none if empty
    pub(crate) message: String,
    /// The operation that can be undone
    pub(crate) undo: Option<u64>,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    Key(Key),
    Size(u16, u16),
    /// The words of the filter were read
    Filter(Result<Box<Filter>, String>),
    /// Rows were read
    Rows {
        /// The list that they are of
        generation: u64,
        part: ListPart,
        rows: Vec<Row>,
        /// There are no more in that direction
        is_all: bool,
    },
    Counted(u64, Counts),
    Whole(Address, Whole),
    /// A change that was asked of the workers was made
    Done(Changed),
    /// Another command has run, and said this
    Ran(String),
    /// The operations were read; `None` where none are kept
    Operations(Option<Vec<OperationRecord>>),
    Figures(Box<Figures>),
    /// There is something to say
    Said(String),
    /// Something could not be read
    Failed(String),
    /// A change could not be made
    NotDone(String),
    /// The store changed
    Changed,
}

impl Request {
    /// Reports whether it changes entries, and is answered when that is done.
    pub(crate) fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Remove(_) | Self::SetPolicy(..) | Self::SetLifetime(..) | Self::Undo(_)
        )
    }
}

/// Something that the loop has to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    /// Read the words of the filter, when no key follows
    Read(String),
    Rows(u64, ListPart, Box<Scan>),
    Count {
        /// The list that the numbers are for
        generation: u64,
        filter: Box<Filter>,
        /// The entries whose places are counted
        everywhere: Box<Filter>,
    },
    Whole(Address),
    Remove(Selection),
    SetPolicy(Selection, Policy),
    SetLifetime(Selection, Ttl),
    Undo(u64),
    Operations,
    Figures(Box<Filter>),
    Copy(Box<Row>, Copied),
    /// Edit the value, on the terminal
    Edit(Address),
    /// Run the command again that made an entry
    Rerun(Address),
    Watch(bool),
    Suspend,
    Quit,
}
