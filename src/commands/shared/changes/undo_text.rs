//! The effect of an undo, in words.

use ecache_core::backend::{Effect, Undone};
use ecache_core::filter::Usage;

use super::deletion::{Run, amount, amount_with, metadata};
use crate::output::human;
use crate::output::human::entries;

/// Returns what undoing an operation did or would do, as in `restored 2 entries (7 B)`.
pub(in crate::commands) fn describe(undone: &Undone, run: Run) -> String {
    let usage = undone.usage;
    let of = usage.entries + undone.newer + undone.gone + undone.damaged + undone.evicted;
    let what = if usage.entries < of {
        let size = human::size(usage.bytes);
        let part = format!("{} of {} ({size})", usage.entries, entries(of));
        match undone.documents {
            0 => part,
            documents => format!("{part} and {}", metadata(documents)),
        }
    } else {
        amount_with(usage, undone.documents)
    };
    let word = |done: &'static str, would: &'static str| match run {
        Run::Dry => format!("would {would}"),
        Run::Wet => done.to_owned(),
    };
    match undone.effect {
        Effect::Restored | Effect::Written => format!("{} {what}", word("restored", "restore")),
        Effect::Removed => {
            let removed = match undone.undone.effect {
                Effect::Written => word("removed", "remove"),
                _ => word("removed again", "remove again"),
            };
            if undone.replaced == Usage::default() {
                format!("{removed} {what}")
            } else if undone.replaced.entries == usage.entries && usage.entries == of {
                // As after an edit: each entry has its old value.
                format!(
                    "{} {}",
                    word("restored", "restore"),
                    amount(undone.replaced)
                )
            } else {
                let back = amount(undone.replaced);
                let restored = match run {
                    Run::Dry => "restore",
                    Run::Wet => "restored",
                };
                format!("{removed} {what} and {restored} {back}")
            }
        }
        Effect::Touched => format!("{} {what}", word("changed back", "change back")),
        Effect::Renamed => {
            let renamed = word("renamed back", "rename back");
            format!("{renamed} a store with {what}")
        }
        Effect::Set => {
            let settings = human::counted(undone.settings, "setting", "settings");
            format!("{} {settings}", word("changed back", "change back"))
        }
    }
}

/// Returns a sentence for each kind of entries that stay as they are, and why.
pub(in crate::commands) fn left(undone: &Undone, run: Run) -> Vec<String> {
    let mut notes = Vec::new();
    let were = |count| human::plural(count, "was", "were");
    if undone.newer > 0 {
        let stay = match run {
            Run::Dry => "would stay",
            Run::Wet => human::plural(undone.newer, "stays", "stay"),
        };
        let names: Vec<String> = undone
            .newer_examples
            .iter()
            .map(|address| {
                let (store, key) = (&address.store.store_name, address.key.as_str());
                format!("{store} {key}")
            })
            .collect();
        let more = match undone.newer - names.len() as u64 {
            0 => String::new(),
            more => format!(", and {} more", human::count(more)),
        };
        let changed = match undone.effect {
            Effect::Touched => "changed",
            _ => "written",
        };
        notes.push(format!(
            "{} {} {changed} again since then and {stay}: {}{more}",
            human::count(undone.newer),
            were(undone.newer),
            names.join(", ")
        ));
    }
    if undone.gone > 0 {
        let count = human::count(undone.gone);
        let gone = match undone.effect {
            Effect::Renamed => "removed or moved",
            _ => "removed",
        };
        notes.push(format!("{count} {} {gone} since then", were(undone.gone)));
    }
    if undone.evicted > 0 {
        let count = human::count(undone.evicted);
        notes.push(match (undone.effect, run) {
            (Effect::Removed, Run::Dry) => {
                format!("{count} would stay, since a limit took what it replaced")
            }
            (Effect::Removed, Run::Wet) => {
                let stay = human::plural(undone.evicted, "stays", "stay");
                format!("{count} {stay}, since a limit took what it replaced")
            }
            _ => format!("{count} evicted by a limit"),
        });
    }
    if undone.damaged > 0 {
        let come = match run {
            Run::Dry => "would not come",
            Run::Wet => "did not come",
        };
        let damaged = entries(undone.damaged);
        notes.push(format!(
            "{damaged} {come} back, since their checksums do not match"
        ));
    }
    notes
}
