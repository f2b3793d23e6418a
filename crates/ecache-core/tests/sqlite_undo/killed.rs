//! Processes that are killed while they remove, undo or purge.

use super::*;

/// Moments, in milliseconds, at which a process is killed.
const MOMENTS: [u64; 10] = [0, 2, 5, 9, 14, 22, 35, 60, 90, 140];

/// Fills a store so that its removals and their undos take several transactions.
fn fill(backend: &SqliteBackend) {
    let entries = (0..3000).map(|number: usize| {
        let store = StoreAddress::new(STORES[number % 2]);
        let key = Key::new(number.to_string()).expect("a key");
        let mut entry = Entry::new(store.entry(key), Kind::Bytes, NOW);
        entry.scopes.user_id = Some("ann".into());
        if number.is_multiple_of(50) {
            entry.policy = Policy::Persist;
        }
        Ok(Record::Entry(Box::new(entry), vec![7; number % 300]))
    });
    backend
        .import(
            &mut { entries },
            OnConflict::Replace,
            Commit::Whole,
            &mut fail_at_refused,
            &mut no_progress,
        )
        .expect("an import");
}

/// Removes whole stores, or single entries of a user.
pub(super) fn remove(backend: &SqliteBackend, users: &[&str]) {
    let filter = Filter {
        users: users.iter().copied().map(Pattern::exact).collect(),
        policy: Some(Policy::Evict),
        ..Filter::default()
    };
    backend
        .remove_undoably(&filter.into(), None, &operation(0), NOW, &mut no_progress)
        .expect("a removal");
}

/// Starts a worker, and kills it some time after its first line.
fn kill_worker(job: &str, path: &std::path::Path, moment: u64) {
    use std::io::BufRead;
    let mut child = common::worker(job, path).spawn().expect("a worker");
    let output = child.stdout.take().expect("piped");
    let mut lines = std::io::BufReader::new(output).lines();
    let begun = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("begun")));
    begun.expect("it begins").expect("a line");
    std::thread::sleep(std::time::Duration::from_millis(moment));
    child.kill().expect("it is running");
    child.wait().expect("it ends");
}

/// The entries that are left are all but those that the log says were removed, and came back.
fn check_log(backend: &SqliteBackend, moment: u64) {
    let mut left = 3000;
    for logged in backend.operations().expect("a log") {
        let count = logged.usage.entries as i64;
        match logged.effect {
            Effect::Removed => left -= count,
            Effect::Restored => left += count,
            effect => panic!("{effect:?}"),
        }
    }
    let found = contents(backend, NOW).len() as i64;
    assert_eq!(found, left, "killed after {moment} ms");
}

#[test]
fn a_killed_removal_or_undo_can_be_undone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    fill(&write(&path));
    let before = contents(&write(&path), NOW);
    for moment in MOMENTS {
        kill_worker("remove and undo", &path, moment);
        let backend = write(&path);
        check_log(&backend, moment);
        while backend
            .undo(None, &operation(1), NOW, &mut no_progress)
            .is_ok()
        {}
        assert!(
            contents(&backend, NOW) == before,
            "killed after {moment} ms"
        );
        assert_eq!(common::integrity(&path), "ok");
    }
}

#[test]
fn a_killed_purge_takes_nothing_that_is_in_use() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for moment in MOMENTS {
        let path = folder.path().join(format!("{moment}.db"));
        let backend = write(&path);
        fill(&backend);
        remove(&backend, &["ann"]);
        fill(&backend);
        remove(&backend, &[]);
        fill(&backend);
        let before = contents(&backend, NOW);
        drop(backend);
        kill_worker("purge", &path, moment / 4);
        let backend = write(&path);
        assert!(
            contents(&backend, NOW) == before,
            "killed after {moment} ms"
        );
        backend
            .drop_kept(ecache_core::backend::DropKept::Deleted)
            .expect("the rest");
        assert!(contents(&backend, NOW) == before, "after the rest");
        assert_eq!(rows(&path, "entries"), 3000);
        assert_eq!(common::integrity(&path), "ok");
    }
}
