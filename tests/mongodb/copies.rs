//! Copies between a database of FiftyOne's and files: what they take along, and `diff` of both.

use super::location;
use super::support::Session;

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_copy_has_the_hits_that_were_counted_a_moment_ago() {
    let file = Session::new();
    let database = Session::new().with("ECACHE_DB", &location("hits"));
    for session in [file, database] {
        session.run("set s k v").succeeds();
        session.run("get s k").succeeds();
        session.run("copy @ copy.db").succeeds();
        session.run("ls --db copy.db --fields hits").prints("1\n");
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn values_that_fiftyone_wrote_are_the_same_in_their_copy() {
    let url = location("same");
    let session = Session::new().with("ECACHE_DB", &url);
    let values = [
        r#""text""#,
        r#"{"_cls": "bytes", "value": "AAE="}"#,
        r#"{"_cls": "bytes", "value": "!!"}"#,
        "[1,2]",
    ];
    let lines = values.iter().enumerate().map(|(at, value)| {
        format!(r#"{{"store_name": "s", "key": "k{at}", "value": {value}}}"#) + "\n"
    });
    std::fs::write(session.path("lines"), lines.collect::<String>()).expect("a file");
    session.run("import lines").succeeds();
    // Without what ecache knows of them, as FiftyOne's own are.
    let forget = "import os, pymongo; \
        d = pymongo.MongoClient(os.environ['ECACHE_DB']).get_default_database(); \
        d['execution_store.ecache'].delete_many({})";
    let python = std::env::var("ECACHE_TEST_PYTHON").expect(super::REASON);
    let ran = session.program(python).args(["-c", forget]).status();
    assert!(ran.expect("python starts").success());
    session
        .run("ls --fields key,kind --sort key")
        .prints("k0\ttext\nk1\tbytes\nk2\tjson\nk3\tjson\n");
    session.run(["copy", &url, "copy.db"]).succeeds();
    session.run(["diff", &url, "copy.db"]).succeeds();
    let again = location("again");
    session.run(["copy", &url, &again]).succeeds();
    session.run(["diff", &url, &again]).succeeds();
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn options_of_fiftyones_driver_are_ignored_and_named() {
    let url = location("options");
    let between = if url.ends_with('?') { "" } else { "&" };
    let with =
        |options: &str| Session::new().with("ECACHE_DB", &format!("{url}{between}{options}"));
    let ran = with("tz_aware=true&newOption=9").run("ls -v").succeeds();
    for option in ["tz_aware", "newOption"] {
        let told = format!("the location's option {option} is ignored");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    let refused = with("tlsCRLFile=x").run("ls");
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("tlsCRLFile"), "{}", refused.stderr);
}
