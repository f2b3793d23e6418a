//! Reads of a store with a flipped bit.

use super::contents::{CALLS, Call, filters, is_as_written};
use super::file::{bits, pages};
use super::*;

/// Looks up everything in every way; records answers that are not right, a miss or an error.
fn read(path: &Path, contents: &Contents, bit: usize, wrong: &mut Wrong) -> usize {
    let Ok(backend) = SqliteBackend::open(path, Access::Read) else {
        return 0;
    };
    let mut hits = 0;
    for (address, (written, value)) in contents {
        match backend.lookup(address, NOW) {
            Ok(Lookup::Hit(entry, Content::Inline(found))) => {
                hits += 1;
                if found != *value || !written.is_fresh(NOW) {
                    wrong.add("value", bit, || {
                        format!("{address} is {found:?} of {entry:?}")
                    });
                } else if !is_as_written(&entry, written) {
                    wrong.add("fields", bit, || format!("{address} is {entry:?}"));
                }
            }
            Ok(Lookup::Stale(entry)) => {
                if !is_as_written(&entry, written) || written.is_fresh(NOW) {
                    wrong.add("stale", bit, || format!("{address} is stale: {entry:?}"));
                }
            }
            Ok(Lookup::Hit(..)) => wrong.add("get", bit, || format!("{address} is large")),
            Ok(Lookup::Foreign(..)) => wrong.add("get", bit, || format!("{address} is foreign")),
            Ok(Lookup::Missing | Lookup::Damaged(_)) | Err(_) => {}
        }
    }
    for (hash, _) in CALLS {
        let call = Call::new(hash);
        if let Ok(CallLookup::Hit(result)) = backend.lookup_call(&call.identity(), NOW) {
            let (written, value) = &contents[&call.address()];
            let is_right = result.content == Content::Inline(value.clone())
                && (result.kind, result.expires_at, result.cost_ms)
                    == (written.kind, written.expires_at, written.cost_ms)
                && written.is_fresh(NOW);
            if !is_right {
                wrong.add("call", bit, || format!("call {hash} is {result:?}"));
            }
        }
    }
    let filters = filters();
    let one = 1 + (bit / 8 + bit) % (filters.len() - 1);
    for filter in [&filters[0], &filters[one]] {
        let scan = Scan {
            values: Values::Include,
            ..Scan::new(filter.clone())
        };
        let mut seen = Vec::new();
        for row in backend.scan(&scan, NOW).into_iter().flatten() {
            let Ok(Row::Entry(entry, Some(Content::Inline(found)))) = row else {
                continue;
            };
            let address = entry.address.clone();
            let is_right = contents.get(&address).is_some_and(|(written, value)| {
                found == *value && is_as_written(&entry, written) && filter.matches(written, NOW)
            });
            if !is_right || seen.contains(&address) {
                wrong.add("list", bit, || format!("{filter:?} lists {entry:?}"));
            }
            seen.push(address);
        }
    }
    for store in backend.stores().into_iter().flatten() {
        let name = &*store.address.store_name;
        let is_known = name == "(unreadable)"
            || contents
                .keys()
                .any(|address| address.store == store.address);
        let metadata = store.metadata.as_ref().map(|metadata| &metadata.value);
        let is_right = metadata.is_none_or(|value| name == "beta" && value.contains("\"beta\""));
        if !is_known || !is_right {
            wrong.add("stores", bit, || format!("there is {store:?}"));
        }
    }
    hits
}

#[test]
fn no_flipped_bit_serves_what_was_not_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let contents = build(&path, 0);
    let mut wrong = Wrong::default();
    let fresh = contents.values().filter(|(entry, _)| entry.is_fresh(NOW));
    assert_eq!(read(&path, &contents, 0, &mut wrong), fresh.count());
    assert!(wrong.0.is_empty(), "of a store that is whole: {wrong:#?}");
    let check = |path: &Path, contents: &Contents, bit: usize, wrong: &mut Wrong| {
        read(path, contents, bit, wrong);
        Left::Alone
    };
    flip_all(0, |file| bits(file, 1, 11), check);
}

#[test]
fn no_flipped_bit_above_other_pages_serves_what_was_not_written() {
    let of_interior = |file: &[u8]| -> Vec<usize> {
        let pages = pages(file);
        let interior = pages.iter().filter(|page| page.is_interior);
        let used = interior.flat_map(|page| page.used.iter().cloned());
        used.flat_map(|bytes| bytes.start * 8..bytes.end * 8)
            .collect()
    };
    let check = |path: &Path, contents: &Contents, bit: usize, wrong: &mut Wrong| {
        read(path, contents, bit, wrong);
        Left::Alone
    };
    flip_all(40, of_interior, check);
}
