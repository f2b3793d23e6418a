//! The record of an operation: numbers, texts, and then the parts of which the numbers say how many
//! there are. docs/views.sql reads the numbers and texts.

use super::{Effect, LoggedOperation};
use crate::backend::sqlite::format::encoding::{policy, policy_number};
use crate::backend::sqlite::history::codec::{
    number, optional_text, put_number, put_optional_text, put_text, text, unreadable,
};
use crate::backend::sqlite::settings::SettingChange;
use crate::backend::sqlite::tombstones::{cause_number, cause_of};
use crate::backend::{Operation, StoreMetadata};
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// A change of a store's own document.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct DocumentChange {
    pub(in super::super) store: StoreAddress,
    pub(in super::super) old: Option<StoreMetadata>,
    pub(in super::super) new: Option<StoreMetadata>,
}

/// A change of the row that an address has in `stores`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Swap {
    /// The row that was retired
    pub(in super::super) retired: i64,
    /// The row that is in use instead
    pub(in super::super) used: i64,
    /// The last id in `used` before the operation
    pub(in super::super) last: i64,
}

impl LoggedOperation {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let (entries, bytes) = self.usage.unwrap_or((-1, -1));
        let Operation {
            user,
            host,
            command,
            filter,
            cause,
        } = &self.operation;
        for field in [
            self.at,
            self.effect as i64,
            self.undoes,
            self.undone_by,
            self.documents,
            entries,
            bytes,
            self.replaced.0,
            self.replaced.1,
            self.parts,
            cause_number(*cause),
            self.swaps.len() as i64,
            self.changed.len() as i64,
            self.settings.len() as i64,
            i64::from(self.renamed.is_some()),
        ] {
            put_number(&mut body, field);
        }
        for field in [user, host, command, filter] {
            put_text(&mut body, field);
        }
        for swap in &self.swaps {
            for field in [swap.retired, swap.used, swap.last] {
                put_number(&mut body, field);
            }
        }
        for change in &self.changed {
            put_address(&mut body, &change.store);
            put_document(&mut body, change.old.as_ref());
            put_document(&mut body, change.new.as_ref());
        }
        for change in &self.settings {
            put_text(&mut body, &change.name);
            put_optional_text(&mut body, change.old.as_deref());
            put_optional_text(&mut body, change.new.as_deref());
        }
        if let Some((from, to)) = &self.renamed {
            put_address(&mut body, from);
            put_address(&mut body, to);
        }
        body
    }

    pub(super) fn decode(number_of: i64, body: &[u8]) -> rusqlite::Result<Self> {
        let mut rest = body;
        let rest = &mut rest;
        let mut next = || number(rest);
        let at = next()?;
        let effect = Effect::of(next()?).ok_or_else(unreadable)?;
        let (undoes, undone_by, documents) = (next()?, next()?, next()?);
        let (entries, bytes) = (next()?, next()?);
        let (replaced, parts) = ((next()?, next()?), next()?);
        let cause = cause_of(next()?).ok_or_else(unreadable)?;
        let counts = (next()?, next()?, next()?);
        let is_renamed = next()? != 0;
        let operation = Operation {
            user: text(rest)?,
            host: text(rest)?,
            command: text(rest)?,
            filter: text(rest)?,
            cause,
        };
        let mut swaps = Vec::new();
        for _ in 0..counts.0 {
            swaps.push(Swap {
                retired: number(rest)?,
                used: number(rest)?,
                last: number(rest)?,
            });
        }
        let mut changed = Vec::new();
        for _ in 0..counts.1 {
            changed.push(DocumentChange {
                store: address(rest)?,
                old: document(rest)?,
                new: document(rest)?,
            });
        }
        let mut settings = Vec::new();
        for _ in 0..counts.2 {
            settings.push(SettingChange {
                name: text(rest)?,
                old: optional_text(rest)?,
                new: optional_text(rest)?,
            });
        }
        let renamed = if is_renamed {
            Some((address(rest)?, address(rest)?))
        } else {
            None
        };
        Ok(Self {
            number: number_of,
            at,
            effect,
            undoes,
            undone_by,
            documents,
            usage: (entries >= 0).then_some((entries, bytes)),
            replaced,
            parts,
            operation,
            swaps,
            changed,
            settings,
            renamed,
            keep_ms: 0,
        })
    }
}

pub(super) fn put_address(body: &mut Vec<u8>, store: &StoreAddress) {
    put_text(body, &store.collection);
    put_text(body, &store.store_name);
    put_optional_text(body, store.dataset_id.as_deref());
}

pub(super) fn address(rest: &mut &[u8]) -> rusqlite::Result<StoreAddress> {
    Ok(StoreAddress {
        collection: text(rest)?.into(),
        store_name: text(rest)?.into(),
        dataset_id: optional_text(rest)?.map(Into::into),
    })
}

fn put_document(body: &mut Vec<u8>, document: Option<&StoreMetadata>) {
    put_number(body, i64::from(document.is_some()));
    if let Some(document) = document {
        put_number(body, policy_number(document.policy));
        put_number(body, document.created_at.as_millis());
        let updated_at = document.updated_at.map_or(i64::MIN, Timestamp::as_millis);
        put_number(body, updated_at);
        put_text(body, &document.value);
    }
}

fn document(rest: &mut &[u8]) -> rusqlite::Result<Option<StoreMetadata>> {
    if number(rest)? == 0 {
        return Ok(None);
    }
    let policy = policy(number(rest)?).ok_or_else(unreadable)?;
    let created_at = Timestamp::from_millis(number(rest)?);
    let updated_at = Some(number(rest)?).filter(|at| *at != i64::MIN);
    Ok(Some(StoreMetadata {
        value: text(rest)?,
        policy,
        created_at,
        updated_at: updated_at.map(Timestamp::from_millis),
    }))
}
