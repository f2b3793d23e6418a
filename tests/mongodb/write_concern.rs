//! Write concerns that a server cannot give, and those that ask for no answer.

use super::support::Session;
use super::{location, server};

/// Returns a session on a database, with an option of its location.
fn session(database: &str, option: &str) -> Session {
    let location = format!("{}&{option}", location(database)).replace("?&", "?");
    Session::new().with("ECACHE_DB", &location)
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn every_command_that_writes_fails_where_its_writes_cannot_be_acknowledged() {
    let (plain, more) = (session("concern", "w=1"), session("concern", "w=9"));
    plain.run("set s k v").succeeds();
    plain.run("stores create t").succeeds();
    let line = r#"{"store_name": "s", "key": "l", "value": 1}"#;
    std::fs::write(more.path("lines"), format!("{line}\n")).expect("a file");
    let before = plain.run("export").succeeds();
    for words in [
        "set s k w",
        "set s new v",
        "touch s k --ttl 1h",
        "touch --all --policy persist",
        "rm s k",
        "clear --all --policy any",
        "prune --older-than 0s --policy any",
        "import lines",
        "copy lines.db @",
        "stores create u",
        "stores set t --policy evict",
        "stores rename s z",
        "stores rm s",
    ] {
        if words.starts_with("copy") {
            more.run("import lines --db lines.db").succeeds();
        }
        let ran = more.run(words);
        let said = &ran.stderr;
        if words.starts_with("prune") {
            // There is no entry of policy `evict` left where servers wrote it all the same.
            assert!(ran.code == 3 || ran.code == 2, "{words}: {said}");
            continue;
        }
        assert_eq!(ran.code, 3, "{words}: {said}");
        assert!(
            said.contains("cannot write as the location asks"),
            "{words}: {said}"
        );
        assert!(said.contains("w=majority"), "{words}: {said}");
        // A replica set writes, and says that too few of its members did.
        if server().1.is_empty() {
            assert_eq!(
                plain.run("export").succeeds().text(),
                before.text(),
                "{words}"
            );
        }
    }
    more.run("ls").succeeds();
    let ran = more.run("run -- echo out").succeeds();
    assert_eq!(ran.text(), "out\n");
}

#[test]
fn a_location_without_acknowledged_writes_is_refused_with_what_to_write() {
    let session = Session::new().with("ECACHE_DB", "mongodb://127.0.0.1:1/x?w=0");
    for words in ["ls", "get s k", "set s k v", "clear --all"] {
        let ran = session.run(words);
        assert_eq!(ran.code, 2, "{words}: {}", ran.stderr);
        let said = ran.stderr;
        assert!(
            said.contains("w=0") && said.contains("w=majority"),
            "{said}"
        );
    }
}
