//! Flips every bit of every page of a small store, one at a time.
//!
//! Whichever bit is wrong, a read returns an entry as written, a miss or an error: never another
//! entry's value, and never an expired one. A removal deletes no entry that its filter does not
//! match.
//!
//! The space between a page's cell pointers and its cells is left out, since SQLite never reads it.

mod changing;
#[path = "../common/mod.rs"]
mod common;
mod contents;
mod file;
mod reading;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{NOW, beside, write};
use contents::build;
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    CallBackend, CallIdentity, CallLookup, ChangeBackend, Commit, Content, ImportBackend, Lookup,
    MaintainBackend, OnConflict, ReadBackend, Record, Row, Scan, ScanBackend, StoreMetadata,
    StoreRecord, StoresBackend, Touch, Values, fail_at_refused, no_progress,
};
use ecache_core::entry::{Entry, Policy};
use ecache_core::filter::{Filter, Freshness, Pattern};
use ecache_core::key::Key;
use ecache_core::scope::{Address, Scopes, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;
use file::Flipped;
use rusqlite::Connection;

const PAGE: usize = 4096;

/// The contents of a store: entries with their values, sorted by address.
type Contents = BTreeMap<Address, (Entry, Vec<u8>)>;

fn filter(store: &StoreAddress) -> Filter {
    Filter::store(store)
}

/// Returns the stores: two names, one of them also in a dataset, with the same keys in each.
fn stores() -> [StoreAddress; 3] {
    let alpha = StoreAddress::new("alpha");
    [
        alpha.clone(),
        StoreAddress::new("beta"),
        alpha.with_dataset("64a000000000000000000001"),
    ]
}

/// Wrong answers by operation: their number, and the first of them.
#[derive(Debug, Default)]
struct Wrong(BTreeMap<&'static str, (usize, String)>);

impl Wrong {
    fn add(&mut self, how: &'static str, bit: usize, what: impl FnOnce() -> String) {
        let (page, bit) = (bit / (PAGE * 8), bit % (PAGE * 8));
        let first = || (0, format!("bit {bit} of page {}: {}", page + 1, what()));
        self.0.entry(how).or_insert_with(first).0 += 1;
    }

    fn merge(&mut self, other: Self) {
        for (how, (count, first)) in other.0 {
            self.0.entry(how).or_insert((0, first)).0 += count;
        }
    }
}

/// The state of the file after a check.
enum Left {
    Alone,
    Changed,
}

/// Flips each selected bit, and runs `check` on the result.
fn flip_all(
    more: usize,
    bits_of: impl Fn(&[u8]) -> Vec<usize>,
    check: impl Fn(&Path, &Contents, usize, &mut Wrong) -> Left + Sync,
) {
    let flips = std::sync::atomic::AtomicUsize::new(0);
    let mut wrong = Wrong::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                let (check, bits_of, flips) = (&check, &bits_of, &flips);
                let folder = tempfile::tempdir().expect("a temporary folder");
                let path = folder.path().join("store.db");
                let contents = build(&path, more);
                let bits = bits_of(&fs::read(&path).expect("the store"));
                scope.spawn(move || {
                    let _folder = folder;
                    let flipped = Flipped::new(&path);
                    let mut wrong = Wrong::default();
                    for bit in bits.into_iter().skip(thread).step_by(2) {
                        flipped.flip(bit);
                        match check(&path, &contents, bit, &mut wrong) {
                            Left::Alone => flipped.unflip(bit),
                            Left::Changed => flipped.restore(),
                        }
                        flips.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                    wrong
                })
            })
            .collect();
        for thread in threads {
            let found = thread.join().expect("no thread panics");
            wrong.merge(found);
        }
    });
    let flips = flips.into_inner();
    assert!(
        wrong.0.is_empty(),
        "wrong after {flips} flips: {:#?}",
        wrong.0
    );
    assert!(flips > 1000, "only {flips} bits were flipped");
}
