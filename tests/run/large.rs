//! Results of many megabytes, which are printed while they are read.

use super::*;

/// Eleven megabytes in many lines, unless the file `last` says how few.
const LINE: &str = "echo run >> ran; seq 1 $(cat last); echo oops >&2; exit 3";

fn numbers(last: u32) -> String {
    (1..=last).map(|number| format!("{number}\n")).collect()
}

/// Returns a session in which [`LINE`] was run once.
fn session() -> (Session, String) {
    let session = Session::new();
    std::fs::write(session.path("last"), "1600000").expect("a file");
    let whole = numbers(1_600_000);
    assert!(whole.len() > 11_000_000);
    is(&memoized(&session, "", LINE), &whole);
    (session, whole)
}

/// Changes a byte in a chunk of the stored result.
fn damage(session: &Session, chunk: u32) {
    let store = rusqlite::Connection::open(session.store()).expect("a store");
    let damage = "UPDATE chunks SET bytes = CAST(substr(bytes, 1, 99) || x'00' || substr(bytes, 101) AS BLOB) \
                  WHERE id = (SELECT min(id) + ?1 FROM chunks)";
    assert_eq!(store.execute(damage, [chunk]).expect("a chunk"), 1);
}

#[track_caller]
fn is(ran: &Ran, stdout: &str) {
    assert_eq!((&*ran.stderr, ran.code), ("oops\n", 3));
    assert!(ran.stdout == stdout.as_bytes());
}

#[test]
fn come_back_as_they_were() {
    let (session, whole) = session();
    is(&memoized(&session, "", LINE), &whole);
    assert_eq!(runs(&session), 1);
}

#[test]
fn damage_in_the_middle_is_filled_by_another_run() {
    let (session, whole) = session();
    damage(&session, 5);
    assert_eq!(memoized(&session, "--strict", LINE).code, 125);
    assert_eq!(memoized(&session, "--no-exec", LINE).code, 125);
    assert_eq!(runs(&session), 1);
    let repaired = memoized(&session, "-v", LINE);
    assert!(repaired.stdout == whole.as_bytes());
    let told = repaired.stderr.matches("is damaged").count();
    assert_eq!(told, 1, "it is told of once: {}", repaired.stderr);
    assert!(
        session.run("stats").stderr.contains(" 1 time;"),
        "and counted once"
    );
    assert_eq!(runs(&session), 2);
    is(&memoized(&session, "", LINE), &whole);
    assert_eq!(runs(&session), 2, "it is whole again");
}

#[test]
fn damage_that_another_run_does_not_fill_is_an_error_and_then_a_hit() {
    let (session, whole) = session();
    damage(&session, 5);
    std::fs::write(session.path("last"), "10").expect("a file");
    let ran = memoized(&session, "", LINE);
    assert_eq!(ran.code, 125, "{}", ran.stderr);
    assert!(ran.stderr.contains("try again"), "{}", ran.stderr);
    // Five chunks less the header of each frame: nothing of the sixth, and nothing of the other
    // run.
    assert!(whole.as_bytes().starts_with(&ran.stdout));
    assert!((5 << 20) - 1000 < ran.stdout.len() && ran.stdout.len() < 5 << 20);
    is(&memoized(&session, "", LINE), &numbers(10));
    assert_eq!(runs(&session), 2);
}

#[test]
fn damage_at_the_end_is_found_before_anything_is_printed() {
    let (session, _) = session();
    damage(&session, 11);
    std::fs::write(session.path("last"), "10").expect("a file");
    is(&memoized(&session, "", LINE), &numbers(10));
}

#[test]
fn get_prints_the_intact_beginning_of_a_damaged_value_and_fails() {
    let session = Session::new();
    let whole = numbers(1_600_000);
    let set = session.run_with_input("set s k --type bytes", whole.as_bytes());
    set.notes("");
    session.run("get s k").prints(&whole);
    damage(&session, 5);
    let ran = session.run("get s k");
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stdout == whole.as_bytes()[..5 << 20]);
    assert_eq!(session.run("has s k").code, 4);
}
