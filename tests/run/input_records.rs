//! The record of the inputs that a command read is an entry, but nowhere taken for a result.

use super::*;

const SORT: &str = "run -- sort";

fn piped(session: &Session, words: &str, input: &str) -> Ran {
    session.run_with_input(words, input.as_bytes())
}

#[test]
fn it_is_shown_as_what_it_is() {
    let session = Session::new();
    piped(&session, SORT, "b\na\n").prints("a\nb\n");
    let shown = session.shell_on_columns(80, "ecache ls; ecache stores");
    let text = String::from_utf8_lossy(&shown.bytes).into_owned();
    assert!(text.contains("(inputs read by) sort\n"), "{text}");
    assert!(!text.contains("function"), "{text}");
    let key = session.run("ls --kind json --fields key").succeeds();
    let shown = session.shell_on_columns(80, &format!("ecache show sort {}", key.text().trim()));
    let text = String::from_utf8_lossy(&shown.bytes).into_owned();
    assert!(text.contains("no result: "), "{text}");
}

#[test]
fn it_explains_no_miss() {
    let session = Session::new();
    piped(&session, SORT, "b\na\n");
    let ran = piped(&session, "why --format json -- sort", "c\n");
    let why: serde_json::Value = serde_json::from_str(ran.text()).expect("JSON");
    let near = why["nearest"].as_array().expect("a list").len();
    assert_eq!(near, 1, "the result of the other input: {why}");
}

#[test]
fn it_goes_with_the_last_result() {
    let session = Session::new();
    for input in ["b\na\n", "c\n"] {
        piped(&session, SORT, input);
    }
    let count = |session: &Session| session.run("ls --fields key").text().lines().count();
    assert_eq!(count(&session), 3);
    piped(&session, "rm -q -- sort", "c\n").prints("");
    assert_eq!(count(&session), 2, "the other result needs it");
    piped(&session, "rm -q -n -- sort", "b\na\n").prints("");
    assert_eq!(count(&session), 2);
    piped(&session, "rm -q -- sort", "b\na\n").prints("");
    assert_eq!(count(&session), 0);
}

#[test]
fn it_keeps_no_arguments_that_are_not_to_be_recorded() {
    let session = Session::new();
    let ran = piped(
        &session,
        "run --no-record-args -- grep secret",
        "a\nsecret\n",
    );
    ran.prints("secret\n");
    let exported = session.run("export").succeeds();
    assert_eq!(exported.text().lines().count(), 2);
    assert!(!exported.text().contains("\"secret"), "{exported:?}");
    // It is of use all the same.
    let ran = piped(&session, "run --no-exec -- grep secret", "a\nsecret\n");
    ran.prints("secret\n");
}

#[test]
fn it_moves_with_the_results() {
    let session = Session::new();
    let long = "line\n".repeat(100_000);
    piped(&session, "run -- wc -l", &long).prints("100000\n");
    let exported = session.run("export").succeeds();
    session.run("clear --all -q").notes("");
    let imported = session.run_with_input("import - -q", &exported.stdout);
    imported.notes("");
    // An input of this length is recognized by its record alone.
    let ran = piped(&session, "run --cache readonly -v -- wc -l", &long);
    assert!(ran.stderr.starts_with("ecache: hit"), "{ran:?}");
}
