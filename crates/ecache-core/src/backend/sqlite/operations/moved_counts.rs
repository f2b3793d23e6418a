//! The counts of calls that a renaming moved, in its record.
//!
//! Counts of one group are added up, so a count does not say where it came from. The record
//! therefore has the rows that moved, and the store that has it now: another renaming may
//! have moved it on. Undoing takes that much from the rows of the new name.

use std::sync::Arc;

use super::record::{address, put_address};
use crate::backend::sqlite::history::codec::{number, put_number, unreadable};
use crate::scope::StoreAddress;
use crate::usage::{CallGroup, Counts, StoredRow};

/// The counts that an operation moved from one store to another.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct MovedCounts {
    /// The store that has them now
    pub(in super::super) store: Arc<StoreAddress>,
    /// The numbers of later operations that moved them on, the undo of one included
    pub(in super::super) movers: Vec<i64>,
    pub(in super::super) rows: Vec<MovedRow>,
}

/// A row of counts as it was before.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct MovedRow {
    /// Begin of the period
    pub(in super::super) at: i64,
    pub(in super::super) group: CallGroup,
    pub(in super::super) counts: Counts,
}

impl MovedCounts {
    pub(super) fn encode(&self, body: &mut Vec<u8>) {
        put_address(body, &self.store);
        put_number(body, self.movers.len() as i64);
        for mover in &self.movers {
            put_number(body, *mover);
        }
        for row in &self.rows {
            let counted = StoredRow::Counts(row.group.clone(), row.counts).write();
            put_number(body, row.at);
            put_number(body, counted.len() as i64);
            body.extend_from_slice(&counted);
        }
    }

    pub(super) fn decode(rest: &mut &[u8]) -> rusqlite::Result<Self> {
        let store = address(rest)?.into();
        let (mut movers, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..number(rest)? {
            movers.push(number(rest)?);
        }
        while !rest.is_empty() {
            let at = number(rest)?;
            let length = usize::try_from(number(rest)?).map_err(|_| unreadable())?;
            let (counted, after) = rest.split_at_checked(length).ok_or_else(unreadable)?;
            *rest = after;
            let Some(StoredRow::Counts(group, counts)) = StoredRow::read(counted) else {
                return Err(unreadable());
            };
            rows.push(MovedRow { at, group, counts });
        }
        Ok(Self {
            store,
            movers,
            rows,
        })
    }
}
