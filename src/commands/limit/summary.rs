//! The report of a change of limits: a sentence on a terminal, an object to a program.

use anyhow::Result;
use ecache_core::backend::limit::{Bounds, LimitScope, LimitUsage};
use ecache_core::error::entries;

use crate::commands::shared::view::limit_scope::words;
use crate::context::Context;
use crate::output::{Cell, human};

/// The effect of a change of limits.
pub(super) struct Summary<'a> {
    pub(super) operation: &'static str,
    pub(super) scope: &'a LimitScope,
    pub(super) bounds: Bounds,
    /// Its use, unless it is for each of some names
    pub(super) used: Option<&'a LimitUsage>,
    /// The time and size that removed entries are kept for
    pub(super) undo: [Option<u64>; 2],
}

impl<'a> Summary<'a> {
    pub(super) fn of_removal(scope: &'a LimitScope, undo: [Option<u64>; 2]) -> Self {
        Self {
            operation: "limit rm",
            scope,
            bounds: Bounds::default(),
            used: None,
            undo,
        }
    }

    /// Prints an object, or on a terminal a sentence.
    pub(super) fn print(&self, context: &Context, is_json: bool) -> Result<()> {
        let bounds = &self.bounds;
        if !is_json {
            if context.terminal.stderr_is_terminal {
                context.note(&self.sentence());
            }
            return Ok(());
        }
        let count = |count: Option<u64>| count.map_or(Cell::Null, Cell::Count);
        let used = self.used.map(|used| used.used);
        let [undo_keep, undo_size] = self.undo;
        let fields = [
            ("operation", Cell::from(self.operation)),
            ("dry_run", Cell::Bool(false)),
            ("scope", Cell::from(self.scope.to_string())),
            ("max_bytes", count(bounds.max_bytes)),
            ("used_bytes", count(used.map(|used| used.bytes))),
            ("max_entries", count(bounds.max_entries)),
            ("entries", count(used.map(|used| used.entries))),
            ("default_ttl_ms", count(bounds.default_ttl_ms)),
            ("min_cost_ms", count(bounds.min_cost_ms)),
            ("min_free_percent", count(bounds.min_free_percent)),
            ("undo_keep_ms", count(undo_keep)),
            ("undo_bytes", count(undo_size)),
        ];
        context.report_done(&format!("{} is done", self.operation), fields)
    }

    /// Returns the sentence on what holds now, as in `limit for everything: 2.0 GiB, 9.4 KiB used`.
    pub(super) fn sentence(&self) -> String {
        let scope = words(&self.scope.to_string());
        let bounds = &self.bounds;
        let duration = |prefix, millis| format!("{prefix} {}", human::duration(millis));
        let [undo_keep, undo_size] = self.undo;
        let parts = [
            bounds.max_bytes.map(human::size),
            bounds.max_entries.map(entries),
            bounds
                .min_free_percent
                .map(|share| format!("{share}% of the disk free")),
            bounds.default_ttl_ms.map(|millis| duration("ttl", millis)),
            bounds
                .min_cost_ms
                .map(|millis| duration("costs of at least", millis)),
            self.used.map(|used| {
                let bytes = human::size(used.used.bytes);
                match bounds.max_entries {
                    Some(_) => format!("{} ({bytes}) used", entries(used.used.entries)),
                    None => format!("{bytes} used"),
                }
            }),
        ];
        let mut sentence = if bounds.is_empty() {
            format!("no limit for {scope}")
        } else {
            let parts = Vec::from_iter(parts.into_iter().flatten()).join(", ");
            format!("limit for {scope}: {parts}")
        };
        let undo = [
            undo_keep.map(|keep| format!("for {}", human::duration(keep))),
            undo_size.map(|size| format!("at most {}", human::size(size))),
        ];
        let undo = Vec::from_iter(undo.into_iter().flatten()).join(", ");
        if !undo.is_empty() {
            if bounds.is_empty() && self.operation == "limit set" {
                sentence.clear();
            } else {
                sentence.push_str("; ");
            }
            sentence.push_str(&format!("removed entries are kept for undo {undo}"));
        }
        sentence
    }
}
