//! `prune --retired --shred`: no byte of a shredded value is left.

mod support;

use std::path::Path;

use support::Session;

/// Reports whether any file of a folder has these bytes.
fn has_bytes(folder: &Path, bytes: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).expect("a folder");
    files.map(|file| file.expect("a file").path()).any(|path| {
        if path.is_dir() {
            return has_bytes(&path, bytes);
        }
        let found = std::fs::read(&path).expect("a file");
        found.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn no_byte_of_a_shredded_value_is_left_in_any_file() {
    const OLD: &[u8] = b"the old one 5b7f5a53d9c3b7c7";
    const NEW: &[u8] = b"the new one 03b322558d5709d9";
    const PRINTED: &[u8] = b"printed by a command 44faf1d7";
    for large in [false, true] {
        let session = Session::new();
        let value = |marker: &[u8]| {
            let repeats = if large { 3 << 20 } else { 4_000 } / marker.len();
            marker.repeat(repeats)
        };
        let set = |key: &str, marker: &[u8]| {
            let set = format!("set s {key} --ttl 1d --type bytes");
            session.run_with_input(&set, &value(marker)).succeeds();
        };
        let printed = String::from_utf8_lossy(PRINTED).into_owned();
        let script = format!("printf '{}-%s' 1; printf '{printed}' >&2", &printed[..10]);
        session
            .run(["run", "--ttl", "1d", "--", "sh", "-c", &script])
            .succeeds();
        for key in ["replaced", "removed", "cleared", "touched"] {
            set(key, OLD);
            session.run(&format!("get s {key}")).succeeds();
        }
        session.run("export -o dump.jsonl s").succeeds();
        set("replaced", NEW);
        session.run("import dump.jsonl").succeeds();
        session.run("touch s touched --ttl 2d").succeeds();
        session.run("rm s removed").succeeds();
        session.run("stores rename s t").succeeds();
        session.run("clear --all").succeeds();
        std::fs::remove_file(session.path("dump.jsonl")).expect("the dump");
        for bytes in [OLD, NEW, PRINTED] {
            assert!(
                has_bytes(&session.store_folder(), bytes),
                "before it is shredded"
            );
        }
        session.run("prune --retired --shred").succeeds();
        // The import and the removals; former names and lifetimes keep no value.
        for number in [1, 3, 5] {
            let undo = session.run(&format!("undo {number}"));
            assert_ne!(undo.code, 0, "nothing is kept: {undo:?}");
        }
        for bytes in [OLD, NEW, &PRINTED[12..]] {
            let text = String::from_utf8_lossy(bytes);
            assert!(!has_bytes(&session.store_folder(), bytes), "{text} is left");
        }
    }
}

#[test]
fn names_of_stores_and_users_outlive_the_keys_and_arguments_of_shredded_entries() {
    let session = Session::new();
    for id in 0..40 {
        let set = format!("set store-5d99 -j [\"argument-{id}-44fa\"] --user user-b706 --ttl 1d");
        session.run_with_input(&set, b"value-5b7f").succeeds();
        let set = format!("set store-5d99 key-{id}-03b3 --user user-b706 --ttl 1d");
        session.run_with_input(&set, b"value-5b7f").succeeds();
    }
    session.run("clear --user user-* --glob").succeeds();
    session.run("prune --retired --shred").succeeds();
    for (bytes, is_left) in [
        ("value-5b7f", false),
        ("-03b3", false),
        ("-44fa", false),
        ("store-5d99", true),
        ("user-b706", true),
    ] {
        let found = has_bytes(&session.store_folder(), bytes.as_bytes());
        assert_eq!(found, is_left, "{bytes}");
    }
}
