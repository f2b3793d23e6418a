//! Removals from a store with a flipped bit, and changes of it.

use super::contents::{filters, hours, is_as_written};
use super::file::{bits, is_in_file};
use super::*;

/// Returns the entries that are currently readable.
fn readable(path: &Path, contents: &Contents) -> Vec<Address> {
    let Ok(backend) = SqliteBackend::open(path, Access::Read) else {
        return Vec::new();
    };
    let is_found = |address: &&Address| {
        let lookup = backend.lookup(address, NOW);
        matches!(lookup, Ok(Lookup::Hit(..) | Lookup::Stale(_)))
    };
    contents.keys().filter(is_found).cloned().collect()
}

/// Removes the entries of a filter; records others that are gone, and those that should be.
fn remove(path: &Path, contents: &Contents, filter: &Filter, bit: usize, wrong: &mut Wrong) {
    let before = readable(path, contents);
    let Ok(backend) = SqliteBackend::open(path, Access::Write) else {
        return;
    };
    let removed = backend.remove(&filter.clone().into(), NOW, &mut no_progress);
    drop(backend);
    let after = readable(path, contents);
    for address in &before {
        let (written, value) = &contents[address];
        let is_meant = filter.matches(written, NOW);
        if !is_meant && !after.contains(address) && !is_in_file(path, value) {
            wrong.add("remove", bit, || {
                format!("{filter:?} removes {address}: {removed:?}")
            });
        }
    }
}

/// Makes the entries of a filter expire; records others that changed.
fn touch(path: &Path, contents: &Contents, filter: &Filter, bit: usize, wrong: &mut Wrong) {
    let before = readable(path, contents);
    let Ok(backend) = SqliteBackend::open(path, Access::Write) else {
        return;
    };
    let touch = Touch {
        expires_at: Some(Some(hours(-2))),
        policy: None,
    };
    let touched = backend.touch(&filter.clone().into(), touch, NOW, &mut no_progress);
    drop(backend);
    let Ok(backend) = SqliteBackend::open(path, Access::Read) else {
        return;
    };
    for address in &before {
        let written = &contents[address].0;
        let (Ok(Lookup::Hit(entry, _)) | Ok(Lookup::Stale(entry))) = backend.lookup(address, NOW)
        else {
            continue;
        };
        let is_meant = filter.matches(written, NOW);
        if !is_meant && !is_as_written(&entry, written) {
            wrong.add("touch", bit, || {
                format!("{filter:?} touches {address}: {touched:?}")
            });
        }
    }
}

#[test]
fn no_flipped_bit_removes_or_changes_what_is_not_meant() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let contents = build(&path, 0);
    let beta = filter(&stores()[1]);
    let removed = write(&path).remove(&beta.clone().into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal").entries, 3);
    for (written, value) in contents.values() {
        let is_there = is_in_file(&path, value);
        assert_eq!(
            is_there,
            !beta.matches(written, NOW),
            "of a store that is whole"
        );
    }
    let flipped_and_changed = |path: &Path, contents: &Contents, bit: usize, wrong: &mut Wrong| {
        let filters = filters();
        // Gives neighbouring bits different filters.
        let filter = &filters[(bit / 8 + bit) % filters.len()];
        match bit % 5 {
            0 => touch(path, contents, filter, bit, wrong),
            _ => remove(path, contents, filter, bit, wrong),
        }
        Left::Changed
    };
    flip_all(0, |file| bits(file, 3, 41), flipped_and_changed);
}
