//! Reads the records of a backend.

use std::ops::ControlFlow;
use std::vec;

use crate::backend::{
    Backend, Foreign, Record, Row, Rows, Scan, Sort, StoreRecord, Values, Visitor, read_value,
};
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern};
use crate::interchange::{TooLarge, check_size};
use crate::scope::Address;
use crate::time::Timestamp;

/// A record of a backend, or an entry that cannot be transferred.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundRecord {
    /// An entry with its value, or the metadata of a store
    Record(Record),
    /// An entry whose value differs from the one written
    Damaged(Address),
    /// An entry of another program that would not be the same elsewhere, and why
    Foreign(Address, String),
    /// An entry that is too large to be held in memory or written as a line; its length in bytes
    TooLarge(Address, u64),
}

/// The records of a backend that a filter matches: the metadata of stores, then entries with their
/// values.
///
/// Metadata goes along if the filter names nothing but stores and datasets. One value at a time is
/// in memory.
///
/// ```
/// use ecache_core::backend::Backend;
/// use ecache_core::backend::memory::MemoryBackend;
/// use ecache_core::filter::Filter;
/// use ecache_core::time::Timestamp;
/// use ecache_core::transfer::Records;
///
/// let backend = MemoryBackend::new();
/// let now = Timestamp::from_millis(1_795_415_570_948);
/// assert_eq!(Records::new(&backend, &Filter::default(), now)?.count(), 0);
/// # Ok::<(), ecache_core::error::Error>(())
/// ```
pub struct Records<'a> {
    source: Source<'a>,
    stores: vec::IntoIter<FoundRecord>,
    rows: Rows<'a>,
}

debug_fields!(Records<'_> {});

impl<'a> Records<'a> {
    /// Begins to read the records that `filter` matches at `now`, store by store: writing them
    /// elsewhere is much faster in this order.
    ///
    /// # Errors
    /// Fails like [`StoresBackend::stores`](crate::backend::StoresBackend::stores) and
    /// [`ScanBackend::scan`](crate::backend::ScanBackend::scan).
    pub fn new(backend: &'a dyn Backend, filter: &Filter, now: Timestamp) -> Result<Self> {
        let source = Source {
            backend,
            filter: filter.clone(),
            now,
        };
        Ok(Self {
            stores: source.stores()?.into_iter(),
            rows: backend.scan(&source.scan(Sort::Stored), now)?,
            source,
        })
    }
}

/// Takes the records of a backend, most entries while they are still borrowed from it.
pub trait RecordVisitor {
    /// Takes an entry with its value, within a read transaction: this neither waits nor uses the
    /// backend.
    fn entry(&mut self, entry: &EntryRef<'_>, value: &[u8]);

    /// Takes any other record.
    fn found(&mut self, found: FoundRecord) -> ControlFlow<()>;

    /// Called after some entries, while no transaction is open.
    fn end_page(&mut self) -> ControlFlow<()>;
}

/// Hands the records that [`Records`] has to a visitor, entries in the order that is the fastest to
/// read.
///
/// # Errors
/// Fails like [`Records`].
pub fn visit(
    backend: &dyn Backend,
    filter: &Filter,
    now: Timestamp,
    visitor: &mut dyn RecordVisitor,
) -> Result<()> {
    let filter = filter.clone();
    let source = Source {
        backend,
        filter,
        now,
    };
    for store in source.stores()? {
        if visitor.found(store).is_break() {
            return Ok(());
        }
    }
    let scan = source.scan(Sort::Any);
    let mut rows = Visit {
        source,
        visitor,
        failed: None,
    };
    backend.visit(&scan, now, &mut rows)?;
    rows.failed.map_or(Ok(()), Err)
}

/// Makes records of the rows of a scan.
struct Visit<'a> {
    source: Source<'a>,
    visitor: &'a mut dyn RecordVisitor,
    failed: Option<Error>,
}

impl Visitor for Visit<'_> {
    fn entry(&mut self, entry: &EntryRef<'_>, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.visitor.entry(entry, value);
        }
    }

    fn row(&mut self, row: Row) -> ControlFlow<()> {
        match self.source.found(row) {
            Ok(Some(found)) => self.visitor.found(found),
            Ok(None) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn end_page(&mut self) -> ControlFlow<()> {
        self.visitor.end_page()
    }
}

/// A backend and the entries in it that are meant.
struct Source<'a> {
    backend: &'a dyn Backend,
    filter: Filter,
    now: Timestamp,
}

impl Source<'_> {
    /// Returns the stores that have a document which goes along, or cannot.
    fn stores(&self) -> Result<Vec<FoundRecord>> {
        if !self.filter.means_documents() {
            return Ok(Vec::new());
        }
        let mut stores = self.backend.stores()?;
        stores.retain(|store| self.filter.matches_document(&store.address, store.policy()));
        let found = |store: StoreRecord| match store.foreign {
            Some(foreign) => Some(FoundRecord::Foreign(
                store.address.document(),
                foreign.reason,
            )),
            None if store.metadata.is_some() => Some(FoundRecord::Record(Record::Store(store))),
            None => None,
        };
        Ok(stores.into_iter().filter_map(found).collect())
    }

    fn scan(&self, sort: Sort) -> Scan {
        Scan {
            sort,
            values: Values::Include,
            ..Scan::new(self.filter.clone())
        }
    }

    fn found(&self, row: Row) -> Result<Option<FoundRecord>> {
        let (mut entry, mut content) = match row {
            Row::Entry(entry, Some(content)) => (entry, content),
            Row::Entry(_, None) => return Ok(None),
            Row::Damaged(address) => return Ok(Some(FoundRecord::Damaged(address))),
            Row::Foreign(foreign) => return Ok(Some(found_foreign(*foreign))),
        };
        loop {
            if let Err(TooLarge { address, size }) = check_size(&*entry) {
                return Ok(Some(FoundRecord::TooLarge(address, size)));
            }
            match read_value(self.backend, entry.kind, content) {
                Ok(value) => {
                    return Ok(Some(FoundRecord::Record(Record::Entry(entry, value.bytes))));
                }
                // A large value was replaced while it was read: the new one is as good, unless
                // it is gone.
                Err(Error::Replaced) => match self.again(&entry.address)? {
                    Some(Row::Entry(now, Some(there))) => (entry, content) = (now, there),
                    Some(Row::Damaged(address)) => return Ok(Some(FoundRecord::Damaged(address))),
                    Some(Row::Foreign(foreign)) => return Ok(Some(found_foreign(*foreign))),
                    Some(Row::Entry(_, None)) | None => return Ok(None),
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns an entry as it is now, if the filter still means it.
    fn again(&self, address: &Address) -> Result<Option<Row>> {
        let scan = Scan {
            values: Values::Include,
            ..Scan::new(Filter {
                keys: vec![Pattern::exact(address.key.as_str())],
                ..Filter::store(&address.store)
            })
        };
        let row = self.backend.scan(&scan, self.now)?.next().transpose()?;
        Ok(row.filter(|row| match row {
            Row::Entry(entry, _) => self.filter.matches(entry, self.now),
            Row::Foreign(foreign) => self.filter.matches(&foreign.entry, self.now),
            Row::Damaged(_) => true,
        }))
    }
}

impl Iterator for Records<'_> {
    type Item = Result<FoundRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(store) = self.stores.next() {
            return Some(Ok(store));
        }
        loop {
            let row = self.rows.next()?;
            match row.and_then(|row| self.source.found(row)) {
                Ok(None) => {}
                Ok(Some(found)) => return Some(Ok(found)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn found_foreign(foreign: Foreign) -> FoundRecord {
    FoundRecord::Foreign(foreign.entry.address, foreign.reason)
}
