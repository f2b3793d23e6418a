//! Keeps prepared documents in a file until the whole import is checked.

use std::io::{BufRead, Write};

use mongodb::bson::{RawDocumentBuf, doc};

use super::super::id::raw;
use super::super::{BATCH, BATCH_SIZE};
use super::Prepared;
use crate::error::{Error, Result};

/// Puts a batch by: documents and notes in turn, where they belong in front of each.
pub(super) fn put_by(spool: &mut impl Write, batch: &[Prepared]) -> Result<()> {
    for prepared in batch {
        let name = raw(&doc! {
            "collection": &*prepared.collection,
            "is_there": prepared.is_there,
        });
        for part in [&name, &prepared.document, &prepared.note] {
            spool.write_all(part.as_bytes())?;
        }
    }
    Ok(())
}

/// Reads back one write batch.
pub(super) fn take_back(spool: &mut impl BufRead) -> Result<Vec<Prepared>> {
    let part = |spool: &mut _| {
        RawDocumentBuf::from_reader(spool).map_err(|error| Error::Io(std::io::Error::other(error)))
    };
    let mut batch = Vec::new();
    let mut size = 0;
    while batch.len() < BATCH && size < BATCH_SIZE && !spool.fill_buf()?.is_empty() {
        let name = part(spool)?;
        let collection = name.get_str("collection").unwrap_or_default().into();
        let (document, note) = (part(spool)?, part(spool)?);
        size += document.as_bytes().len();
        batch.push(Prepared {
            collection,
            document,
            note,
            is_there: name.get_bool("is_there").unwrap_or_default(),
        });
    }
    Ok(batch)
}
