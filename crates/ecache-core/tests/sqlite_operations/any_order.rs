//! Random operations that are undone in any order, and whose undos are undone.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::out_of_order::{latest, undo_one};
use super::steps::step;
use super::*;

/// The variable that names the number of sequences that are tried.
const CASES: &str = "ECACHE_UNDO_CASES";

/// A change, or the undo of an operation by its place in the log.
#[derive(Clone, Debug)]
enum Change {
    Step(Box<Step>),
    Undo(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => step().prop_map(|step| Change::Step(Box::new(step))),
        2 => any::<prop::sample::Index>().prop_map(Change::Undo),
    ]
}

/// Makes changes, and undoes all of them, latest first.
fn there_and_back(backend: &SqliteBackend, changes: &[Change]) {
    let mut made = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        let at = 2000 + number as i64;
        let (before, last) = (contents(backend), latest(backend));
        match change {
            Change::Step(step) if matches!(**step, Step::Undo) => {}
            Change::Step(step) => make(backend, step, at),
            Change::Undo(_) if last == 0 => {}
            Change::Undo(index) => {
                undo_one(backend, 1 + index.index(last as usize) as u64, at);
            }
        }
        let number = latest(backend);
        let is_changed = contents(backend) != before;
        assert!(number > last || !is_changed, "a change is an operation");
        // An entry may have been replaced by an equal one in another row.
        if number > last {
            made.push((number, before, is_changed));
        }
    }
    for (number, before, is_changed) in made.into_iter().rev() {
        let is_undone = undo_one(backend, number, 5000);
        assert!(is_undone || !is_changed, "operation {number}");
        assert_eq!(contents(backend), before, "operation {number}");
    }
}

/// The sequences are the same in each run.
#[test]
fn undos_in_any_order_are_undone_exactly() {
    let cases = std::env::var(CASES).map_or(60, |cases| cases.parse().expect("a number"));
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let changes = prop::collection::vec(change(), 1..25);
    let tried = TestRunner::new_with_rng(config, rng).run(&changes, |changes| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        there_and_back(&write(&folder.path().join("store.db")), &changes);
        Ok(())
    });
    if let Err(error) = tried {
        panic!("{error}");
    }
}
