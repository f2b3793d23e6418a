//! One collection, several or all: what is left out is said, and a backup keeps their names.

use super::*;

#[test]
fn other_collections_are_named_where_they_are_left_out() {
    let session = filled();
    let two = "2 more entries are in collection other; --collection other or --all-collections includes them\n";
    let one = "1 more entry is in collection other; --collection other or --all-collections includes it\n";
    for (words, note) in [
        ("ls", two),
        ("stats", two),
        ("export -o backup.jsonl", two),
        ("copy @ copy.db", two),
        ("copy @ copy.jsonl --store s", one),
        ("clear --dataset 6b03de1228195dbc2df5c501 -n", one),
        ("prune -n --older-than 1m --kind text", one),
        ("touch --all --ttl 1d -n", two),
        ("warm --refresh --all -n", one),
        ("ls --collection execution_store", ""),
        ("export --all-collections -o backup.jsonl", ""),
        ("ls --user bob", ""),
        ("ls --key nothing", ""),
        ("stores", ""),
        ("doctor --fail-on none", ""),
        ("clear --all -n -q", ""),
    ] {
        let ran = session.run(words).succeeds();
        assert!(ran.stderr.contains(note), "{words}: {ran:?}");
        let is_told = ran.stderr.contains("in collection other");
        assert_eq!(is_told, !note.is_empty(), "{words}: {ran:?}");
    }
    // Removed from one collection, the other is as it was.
    session.run("clear --all --policy any").succeeds();
    session
        .run("ls --all-collections --fields collection,key")
        .prints("other\tk1\nother\tk8\n");
    session
        .run("clear --all --all-collections")
        .notes("removed 2 entries (15 B)\n");
}

#[test]
fn a_backup_of_all_collections_keeps_their_names() {
    let session = filled();
    let lines = |words: &str| {
        let ran = session.run(words).succeeds();
        let mut lines: Vec<String> = ran.text().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let all = lines("export --all-collections");
    assert_eq!(all.len(), 10);
    session.run("copy @ copied.db --all-collections").succeeds();
    assert_eq!(lines("export --all-collections --db copied.db"), all);
    session
        .run("export --all-collections -o all.jsonl")
        .succeeds();
    session.run("import all.jsonl --db imported.db").succeeds();
    assert_eq!(lines("export --all-collections --db imported.db"), all);
    session.run("copy all.jsonl lines.db").succeeds();
    assert_eq!(lines("export --all-collections --db lines.db"), all);
    // One collection of a file; the note counts the entries that were left out.
    session
        .run("import all.jsonl --db one.db --collection other")
        .notes(
            "imported 2 entries (2 new, 0 replaced)\n\
             8 more entries are in collection execution_store; --collection execution_store or --all-collections includes them\n",
        );
    assert_eq!(lines("ls --db one.db --all-collections").len(), 2);
    // One collection is worked in where one entry is named.
    for words in ["get s k1", "set s k1 x", "rm s k1", "has s k1", "show s k1"] {
        for collections in ["--all-collections", "--collection a --collection b"] {
            assert_eq!(
                session.run(&format!("{words} {collections}")).code,
                2,
                "{words}"
            );
        }
    }
}
