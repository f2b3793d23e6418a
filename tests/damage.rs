//! Each damage of a store has its message, and the commands of its tip work.

mod support;

use std::fs;

use support::Session;

/// Entries of the store that is damaged.
const ENTRIES: usize = 300;

/// The promise that the tip of a damage makes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rescue {
    /// All commands work as ever
    Unneeded,
    /// Some entries can be saved
    Some,
    /// Perhaps nothing is left, but the commands that save it work
    Perhaps,
    /// Nothing can be read
    Nothing,
    /// The file is not ours
    Foreign,
}

/// Damages to `$ECACHE_DB` of `$pages` pages, the first words of the message of `set`, and what can
/// be saved. `set` looks at the stores, names and entries that it changes.
const DAMAGES: [(&str, &str, Rescue); 15] = [
    (
        "truncate -s $((pages / 2 * 4096)) $ECACHE_DB",
        "the store",
        Rescue::Perhaps,
    ),
    (
        "truncate -s $((pages / 2 * 4096 + 1234)) $ECACHE_DB",
        "the store",
        Rescue::Perhaps,
    ),
    (
        "truncate -s $(((pages - 1) * 4096)) $ECACHE_DB",
        "the store",
        Rescue::Some,
    ),
    ("truncate -s 4096 $ECACHE_DB", "the store", Rescue::Nothing),
    (
        "truncate -s 50 $ECACHE_DB",
        "cannot read the store",
        Rescue::Nothing,
    ),
    ("zero 0 100", "cannot read the store", Rescue::Nothing),
    ("zero 16 84", "cannot read the store", Rescue::Nothing),
    ("zero 0 4096", "cannot read the store", Rescue::Nothing),
    (
        "truncate -s 0 $ECACHE_DB; truncate -s 99999 $ECACHE_DB",
        "cannot read the store",
        Rescue::Nothing,
    ),
    ("zero $((pages / 2 * 4096)) 4096", "", Rescue::Some),
    ("zero $((2 * 4096)) 4096", "the store", Rescue::Perhaps),
    ("truncate -s 9000 $ECACHE_DB-wal", "", Rescue::Unneeded),
    ("rm $ECACHE_DB-*; : > $ECACHE_DB", "", Rescue::Unneeded),
    (
        "rm $ECACHE_DB-*; echo a diary > $ECACHE_DB",
        "/",
        Rescue::Foreign,
    ),
    ("rm $ECACHE_DB*; mkdir $ECACHE_DB", "/", Rescue::Foreign),
];

/// Shell code before each damage.
const PREAMBLE: &str = "zero() { dd if=/dev/zero of=$ECACHE_DB bs=1 seek=$1 count=$2 conv=notrunc \
                        status=none; }; pages=$(($(stat -c %s $ECACHE_DB) / 4096)); ";

fn filled() -> Session {
    let session = Session::new().with("ECACHE_DB", "x.db");
    let line = |n: usize| {
        let value = format!("{n} ").repeat(200);
        format!(
            "{{\"store_name\": \"s\", \"key\": \"k{n}\", \"policy\": \"evict\", \"value\": \"{value}\"}}\n"
        )
    };
    let lines: String = (0..ENTRIES).map(line).collect();
    session
        .run_with_input("import - --quiet", lines.as_bytes())
        .notes("");
    session.run("prune --vacuum --quiet").notes("");
    session
}

/// Returns the tip below an error.
fn tip(stderr: &str) -> &str {
    let tip = stderr.lines().find_map(|line| line.strip_prefix("  tip: "));
    tip.unwrap_or_else(|| panic!("no tip: {stderr}"))
}

#[test]
fn the_tip_for_each_damage_works() {
    for (damage, message, rescue) in DAMAGES {
        let session = filled();
        session.shell(&format!("{PREAMBLE}{damage}")).notes("");
        let changed = session.run("set s new x");
        let what = format!("{damage}: {changed:?}");
        if message.is_empty() {
            assert_eq!(changed.code, 0, "{what}");
        } else {
            let expected = if rescue == Rescue::Foreign { 5 } else { 4 };
            assert_eq!(changed.code, expected, "{what}");
            let begin = format!("error: {message}");
            assert!(changed.stderr.starts_with(&begin), "{what}");
            follow(&session, tip(&changed.stderr), rescue, &what);
        }
        if rescue == Rescue::Some || rescue == Rescue::Perhaps {
            diagnose(damage, rescue);
        }
    }
}

/// Does what a tip says, and looks for what it promises.
fn follow(session: &Session, tip: &str, rescue: Rescue, what: &str) {
    if rescue == Rescue::Foreign {
        assert!(tip.starts_with("name a"), "{what}");
        let elsewhere = session.run("set s new x --db other.db");
        assert_eq!(elsewhere.code, 0, "{what}");
        return;
    }
    let (_, commands) = tip.split_once(": ").expect("words and commands");
    let is_readable = commands.contains("export");
    assert_eq!(is_readable, rescue != Rescue::Nothing, "{what}");
    let mut saved = 0;
    for command in commands.split("; ") {
        let ran = session.shell(&command.replace("FILE", "saved"));
        // Entries that could not be saved are named.
        let is_partial = command.contains(" export ") && ran.code == 4;
        assert!(ran.code == 0 || is_partial, "{what}: {command}: {ran:?}");
        if command.contains(" export ") {
            let lines = fs::read_to_string(session.path("saved")).expect("an export");
            saved = lines.lines().count();
        }
    }
    if rescue == Rescue::Some {
        assert!(saved > ENTRIES / 2, "{what}: {saved} saved");
    }
    session.run("set s new x").notes("");
    let left = session.run("ls s --fields key").text().lines().count();
    assert_eq!(left, saved + 1, "{what}");
}

/// `doctor` reports damaged pages instead of failing on them, with commands that work.
fn diagnose(damage: &str, rescue: Rescue) {
    let session = filled();
    session.shell(&format!("{PREAMBLE}{damage}")).notes("");
    let found = session.run("doctor --format jsonl");
    let what = format!("{damage}: {found:?}");
    assert_eq!(found.code, 1, "{what}");
    let structure = found.text().lines().find_map(|line| {
        let finding: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let is_structure = finding["check"] == "structure";
        is_structure.then(|| finding["command"].as_str().expect("a command").to_owned())
    });
    let command = structure.unwrap_or_else(|| panic!("no finding: {what}"));
    follow(&session, &format!("save: {command}"), rescue, &what);
}
