//! The one reason why a call is a hit or a miss.

use ecache_core::backend::{Effect, Fate, OperationRecord, Tombstone};
use ecache_core::entry::Entry;
use ecache_core::explain::{Difference, Explanation, IdentityPart};

use super::View;

/// The reason why a call is a hit or a miss, with the entry that shows it.
pub(super) enum Reason<'a> {
    Hit(&'a Entry),
    Expired(&'a Entry),
    /// A clock that was ahead wrote it
    FromTheFuture(&'a Entry),
    /// A failed command's result, which is not asked for, and its exit code
    Failure(&'a Entry, u8),
    Damaged,
    /// The output of the command went elsewhere
    OtherOutputs(&'a Entry),
    OtherCall(&'a Entry, &'a [Difference]),
    /// An operation that can be undone wrote another entry in its place
    Replaced(&'a OperationRecord, &'a Entry),
    /// An operation that can be undone removed it
    Removed(&'a OperationRecord, &'a Entry),
    /// The entry was removed for good
    Gone(&'a Tombstone),
    /// Its store was renamed
    Renamed(&'a OperationRecord),
    /// Nothing is known of an earlier one
    Missing,
}

impl<'a> Reason<'a> {
    pub(super) fn of(view: &'a View<'_>, explanation: &'a Explanation) -> Self {
        match explanation {
            Explanation::Hit(entry) => Self::Hit(entry),
            Explanation::Stale(entry) if entry.is_expired(view.now) => Self::Expired(entry),
            Explanation::Stale(entry) => Self::FromTheFuture(entry),
            Explanation::Failure(entry, exit) => Self::Failure(entry, *exit),
            Explanation::Damaged => Self::Damaged,
            Explanation::Another(entry, differences) => {
                if differences
                    .iter()
                    .all(|it| it.part == IdentityPart::Outputs)
                {
                    Self::OtherOutputs(entry)
                } else {
                    Self::OtherCall(entry, differences)
                }
            }
            Explanation::Missing(_) => match (&view.fate, &view.renamed) {
                (Some(Fate::Kept(operation, entry)), _) => match operation.effect {
                    Effect::Written => Self::Replaced(operation, entry),
                    _ => Self::Removed(operation, entry),
                },
                (Some(Fate::Gone(tombstone)), _) => Self::Gone(tombstone),
                (None, Some(operation)) => Self::Renamed(operation),
                (None, None) => Self::Missing,
            },
        }
    }

    /// Returns its name for programs.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::Expired(_) => "expired",
            Self::FromTheFuture(_) => "future",
            Self::Failure(..) => "failure",
            Self::Damaged => "damaged",
            Self::OtherOutputs(_) | Self::OtherCall(..) => "another",
            Self::Replaced(..) => "replaced",
            Self::Removed(operation, _) => operation.operation.cause.as_str(),
            Self::Gone(tombstone) => tombstone.cause.as_str(),
            Self::Renamed(_) => "renamed",
            Self::Missing => "missing",
        }
    }

    /// Returns the entry that is there, or that was there before.
    pub(super) fn entry(&self) -> Option<&'a Entry> {
        match self {
            Self::Hit(entry)
            | Self::Expired(entry)
            | Self::FromTheFuture(entry)
            | Self::Failure(entry, _)
            | Self::OtherOutputs(entry)
            | Self::OtherCall(entry, _)
            | Self::Replaced(_, entry)
            | Self::Removed(_, entry) => Some(entry),
            Self::Damaged | Self::Gone(_) | Self::Renamed(_) | Self::Missing => None,
        }
    }
}
