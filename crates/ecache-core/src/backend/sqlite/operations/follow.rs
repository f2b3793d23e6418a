//! Keeps the records of operations true when entries get other ids.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{Added, LoggedOperation, OperationPart};
use crate::backend::Effect;
use crate::backend::sqlite::query::{Range, WRITTEN};

/// Adapts the records of operations to entries that have other ids now, so that they can be undone.
/// An undo from `before` on did not bring back the entries with its stores.
pub(in super::super) fn follow(
    connection: &Connection,
    moves: &BTreeMap<i64, i64>,
    before: i64,
) -> rusqlite::Result<()> {
    if moves.is_empty() {
        return Ok(());
    }
    let sql = format!("SELECT 1 FROM entries AS e WHERE e.id = ?1 AND {WRITTEN} <= ?2");
    for mut undo in LoggedOperation::all(connection)? {
        if undo.undone_by != 0 {
            continue;
        }
        let stayed = undo.places(connection)?;
        for number in 1..=undo.parts {
            let mut part = undo.part(connection, number)?;
            if part.follow(moves) {
                undo.write_part(connection, number, &part)?;
            }
        }
        if undo.effect != Effect::Restored {
            continue;
        }
        let mut restored = Added::default();
        for swap in undo.swaps.iter().filter(|_| undo.number < before) {
            let Range { after, .. } = Range::store(swap.used);
            if swap.last <= after {
                continue;
            }
            let moves = moves.range(after + 1..=swap.last);
            for (_, new) in moves.filter(|(old, _)| !stayed.contains_key(old)) {
                let mut statement = connection.prepare_cached(&sql)?;
                if statement.exists((new, undo.at))? {
                    restored.ids.push(*new);
                }
            }
        }
        if !restored.ids.is_empty() {
            undo.add_part(connection, &OperationPart::Added(restored))?;
            undo.write(connection)?;
        }
    }
    Ok(())
}
