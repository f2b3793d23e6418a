//! The effect of an undo, in words.

use ecache_core::backend::{Did, Undone};
use ecache_core::filter::Usage;

use super::deletion::{amount, amount_with, entries};
use crate::output::human;

/// Says what undoing an operation did, as in `restored 2 entries (7 B)`.
pub(in crate::commands) fn told(undone: &Undone) -> String {
    let of = undone.undone.usage.entries;
    let usage = undone.usage;
    let restored = if usage.entries < of {
        let size = human::size(usage.bytes);
        format!("{} of {} ({size})", usage.entries, entries(of))
    } else {
        amount_with(usage, undone.documents)
    };
    match undone.did {
        Did::Restored | Did::Imported => format!("restored {restored}"),
        Did::Removed if undone.replaced == Usage::default() => format!("removed again {restored}"),
        Did::Removed => {
            let back = amount(undone.replaced);
            format!("removed again {restored} and restored {back}")
        }
        Did::Touched => format!("changed back {restored}"),
        Did::Renamed => format!("renamed back a store with {restored}"),
        Did::Set => format!("changed back {}", settings(undone.settings)),
    }
}

/// `2 settings`
pub(in crate::commands) fn settings(count: u64) -> String {
    match count {
        1 => "1 setting".to_owned(),
        count => format!("{count} settings"),
    }
}
