//! The messages of changes, and the width of refusals.

use crate::shown;
use crate::support::Session;

#[test]
fn a_limit_for_everything_goes_and_comes_back() {
    let session = Session::new();
    session.run("limit set --max-size 1GiB").notes("");
    let ran = session.run("limit rm --json").succeeds();
    let json: serde_json::Value = serde_json::from_str(ran.text()).expect("an object");
    assert_eq!(json["operation"], "limit rm");
    assert_eq!(json["scope"], "everything");
    let ran = session.run("undo --json").succeeds();
    let json: serde_json::Value = serde_json::from_str(ran.text()).expect("an object");
    assert_eq!(json["operation"], "undo");
    assert_eq!(json["settings"], 1);
}

#[test]
fn a_renaming_says_what_keeps_the_name() {
    let session = Session::new();
    session.run("set thumbs k v").notes("");
    for dataset in ["6b03de1228195dbc2df5c505", "6b03de1228195dbc2df5c682"] {
        session
            .run(&format!("set thumbs k v --dataset {dataset}"))
            .notes("");
    }
    let ran = session.run("stores rename thumbs pics").succeeds();
    let says = "2 entries of thumbs in 6b03de1228195dbc2df5c505 and 1 more stay\n";
    assert!(ran.stderr.contains(says), "{ran:?}");
    session.run("stores show thumbs").ends(
        1,
        "warning: thumbs is in 2 datasets\n  tip: add --dataset 6b03de1228195dbc2df5c505 or \
         6b03de1228195dbc2df5c682\n",
    );
}

#[test]
fn refusals_are_broken_at_the_width_of_a_terminal() {
    let session = Session::new();
    let long = "none of the orders that entries can have ".repeat(4);
    for words in [
        vec!["ls", "--sort", "nope"],
        vec!["ls", "--sort", &long],
        vec!["ls", "--fields", "nope"],
        vec!["doctor", "--fix", &long],
        vec!["import"],
    ] {
        let told = session.run_on_terminal([&["--color", "never"], &*words].concat());
        assert_eq!(told.code, 2, "{words:?}");
        let text = shown(&told);
        let widths = text.lines().map(|line| line.trim_end().chars().count());
        assert!(widths.max() <= Some(100), "{words:?}:\n{text}");
    }
}
