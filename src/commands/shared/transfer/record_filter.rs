//! The records of a file that `import` and `copy` take.

use std::collections::BTreeMap;

use ecache_core::backend::Record;
use ecache_core::error::Error;
use ecache_core::filter::Filter;
use ecache_core::interchange::ReadError;
use ecache_core::time::Timestamp;
use ecache_core::transfer::matches;

use super::left_out::{NAMED, Omissions};
use crate::commands::shared::filter::collections::{self, Counted};
use crate::context::Context;
use crate::error::Exit;

/// Takes the records of a file that match a filter, and leaves out those that cannot be kept.
pub(in crate::commands) struct RecordFilter<'a> {
    context: &'a Context,
    filter: Filter,
    /// The filter, for any collection
    anywhere: Filter,
    now: Timestamp,
    /// Entries that were left out for their collection alone
    elsewhere: BTreeMap<String, u64>,
    omissions: Omissions<'a>,
    /// `true` once a document had the names of an entry
    is_of_entries: bool,
    /// Documents without the names of an entry, before the first one with them
    nameless: Vec<ReadError>,
}

impl<'a> RecordFilter<'a> {
    pub(in crate::commands) fn new(context: &'a Context, filter: Filter, now: Timestamp) -> Self {
        Self {
            context,
            anywhere: Filter {
                collections: Vec::new(),
                ..filter.clone()
            },
            filter,
            now,
            elsewhere: BTreeMap::new(),
            omissions: Omissions::new(context, "which cannot be kept as written"),
            is_of_entries: false,
            nameless: Vec::new(),
        }
    }

    /// Returns a record that is to be taken, or an error of the file.
    pub(in crate::commands) fn take(
        &mut self,
        read: Result<Record, ReadError>,
    ) -> Option<Result<Record, Error>> {
        match read {
            Ok(record) => {
                self.begin();
                self.takes(&record).then_some(Ok(record))
            }
            Err(error) if error.is_of_one_document() => self.omit(error).err().map(Err),
            Err(error) => Some(Err(Error::Input(Box::new(error)))),
        }
    }

    /// Leaves out a document.
    ///
    /// # Errors
    /// If the documents so far suggest a file of something else than entries.
    fn omit(&mut self, error: ReadError) -> Result<(), Error> {
        match &error.address {
            Some(address) => {
                self.begin();
                if self.filter.matches_store(&address.store) {
                    let place = format!("{}: {address}", error.position);
                    self.omissions.add(place, &error.problem);
                }
            }
            None if self.is_of_entries => self.omissions.add(error.position, &error.problem),
            None => self.nameless.push(error),
        }
        if self.nameless.len() as u64 == NAMED {
            return self.check();
        }
        Ok(())
    }

    /// Takes note that the file is one of entries.
    fn begin(&mut self) {
        self.is_of_entries = true;
        for error in self.nameless.drain(..) {
            self.omissions.add(error.position, &error.problem);
        }
    }

    /// Checks that the file has an entry, if it has any documents.
    ///
    /// # Errors
    /// With the fault of its first document.
    pub(in crate::commands) fn check(&mut self) -> Result<(), Error> {
        match self.nameless.drain(..).next() {
            Some(error) => Err(Error::Input(Box::new(error))),
            None => Ok(()),
        }
    }

    fn takes(&mut self, record: &Record) -> bool {
        if matches(&self.filter, record, self.now) {
            return true;
        }
        if let Record::Entry(entry, _) = record
            && matches(&self.anywhere, record, self.now)
        {
            let collection = entry.address.store.collection.to_string();
            *self.elsewhere.entry(collection).or_default() += 1;
        }
        false
    }

    /// Reports the documents that were left out, and returns the exit code.
    pub(in crate::commands) fn finish(self) -> Exit {
        let exit = self.omissions.finish();
        collections::note(self.context, Counted::Entries, self.elsewhere);
        exit
    }
}
