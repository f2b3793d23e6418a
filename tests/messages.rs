//! Every refusal has one shape: the fault in lower case and without a full stop, then at most
//! one tip that says what to type. `run` and `warm` begin with `ecache:`, since their command
//! writes to the same stream.

mod support;

use support::{Ran, Session};

/// Returns a store with entries of each kind, and files that are none.
fn filled() -> Session {
    let session = Session::new();
    session.run("set thumbs cat.jpg meow").notes("");
    session
        .run("set settings theme dark --policy persist")
        .notes("");
    session.run("stores create owned").succeeds();
    session.run("run -- echo hi").prints("hi\n");
    session.run("set my_labels k 1 --dataset one").notes("");
    session.run("set my_labels k 1 --dataset two").notes("");
    for (name, content) in [
        ("notes.txt", "not a store, and neither JSON nor BSON"),
        ("empty.txt", ""),
        ("bad.toml", "[run]\ntll = \"1d\"\n"),
        ("keys.jsonl", "{\"key\": \"k\"}\n"),
        ("lines.jsonl", "{\"store_name\": \"s\"}\n"),
        ("token", ""),
    ] {
        std::fs::write(session.path(name), content).expect("a file");
    }
    std::fs::create_dir(session.path("folder")).expect("a folder");
    session
}

#[test]
fn options_of_a_command_are_refused_where_none_is_named() {
    let session = filled();
    for option in [
        "--store s",
        "--version 3",
        "--ttl boot",
        "--cwd",
        "--env A",
        "--file token",
        "--modtime token",
        "--scope s",
        "--stdin none",
    ] {
        for words in [
            "key -a hi",
            "get thumbs -a hi",
            "has thumbs -a hi",
            "show thumbs -a hi",
            "rm thumbs -a hi",
            "why thumbs -a hi",
            "get thumbs k",
        ] {
            let ran = session.run(&format!("{words} {option}"));
            assert_eq!((ran.code, ran.text()), (2, ""), "{words} {option}: {ran:?}");
        }
    }
    std::fs::write(session.path("keys"), "k\n").expect("a file");
    for line in [
        "touch thumbs --ttl 1d --cwd",
        "touch thumbs k --ttl 1d --file token",
        "touch thumbs --ttl 1d --scope s",
        "touch thumbs --ttl 1d --stdin none",
        "touch thumbs --ttl 1d --version 2",
        "why thumbs k --no-failures",
        "why thumbs k --failure-ttl 1h",
        "get thumbs --keys-from keys --cwd",
        "warm --refresh thumbs --modtime token",
        "warm --refresh thumbs --scope s",
        "warm thumbs -- echo",
    ] {
        let ran = session.run(line);
        assert_eq!((ran.code, ran.text()), (2, ""), "{line}: {ran:?}");
    }
    session.run("key -a hi --cwd").ends(
        2,
        "error: --cwd belongs to a command, and none is named\n  tip: name the command after --, or leave out --cwd\n",
    );
}

/// Command lines that are refused or find nothing, and their exit codes.
const LINES: [(&str, i32); 99] = [
    ("frob", 2),
    ("get thumbs k --user ''", 2),
    ("set thumbs k v --operator ''", 2),
    ("key -a hi --prompt ''", 2),
    ("help frob", 2),
    ("delete thumbs", 2),
    ("search x", 2),
    ("stores show", 2),
    ("stores create", 2),
    ("ls --foo", 2),
    ("ls --formt json", 2),
    ("ls --format xml", 2),
    ("ls --sort foo", 2),
    ("ls --limit x", 2),
    ("ls --limit", 2),
    ("ls --limit 1 --limit 2", 2),
    ("ls --json --format csv", 2),
    ("ls -n 3", 2),
    ("ls --fields nope", 2),
    ("ls --kind foo", 2),
    ("ls --kind job", 2),
    ("ls --older-than soon", 2),
    ("ls --larger-than big", 2),
    ("ls --user ''", 2),
    ("ls --glob '['", 2),
    ("ls --expired --fresh", 2),
    ("ls --dataset …nope", 2),
    ("ls nowhere --fail-empty", 1),
    ("ls --collection a --all-collections", 2),
    ("ls --db folder", 5),
    ("ls --db notes.txt", 5),
    ("ls --db postgres://host/name", 2),
    ("ls --db mongodb:host", 2),
    ("ls --db mongodb://ann:secret@host/name", 2),
    ("ls --db a.db --db-file b", 2),
    ("ls --db-file empty.txt", 2),
    ("ls --db-file missing", 3),
    ("get", 2),
    ("get thumbs", 2),
    ("get thumbs __store__", 2),
    ("get thumbs k --format xml", 2),
    ("get thumbs k --jwt-file token", 2),
    ("get thumbs k --jwt-file missing", 3),
    ("get thumbs --keys-from missing", 3),
    ("get --entries-from keys.jsonl", 2),
    ("has thumbs", 2),
    ("show", 2),
    ("show thumbs", 2),
    ("show thumbs nope", 1),
    ("show thum cat.jpg", 1),
    ("show ffffffffffff…", 2),
    ("show my_labels k", 2),
    ("set", 2),
    ("set thumbs", 2),
    ("set '' k v", 2),
    ("set thumbs k v --ttl soon", 2),
    ("set thumbs k v --ttl 1d --policy persist", 2),
    ("set thumbs k v --value-file notes.txt", 2),
    ("set thumbs k --value-file folder", 2),
    ("set thumbs k { --type json", 2),
    ("rm", 2),
    ("rm thumbs", 2),
    ("rm thumbs nope", 1),
    ("rm nowhere nope", 1),
    ("clear", 2),
    ("clear thumbs --all", 2),
    ("prune --shred", 2),
    ("prune --max-size 1MiB --policy any", 2),
    ("prune --fresh", 2),
    ("touch thumbs", 2),
    ("touch thumbs --ttl soon", 2),
    ("touch thumbs --ttl 1d --policy persist", 2),
    ("undo 0", 2),
    ("undo 77", 1),
    ("stores show nowhere", 1),
    ("stores rm nowhere", 1),
    ("stores rename nowhere else", 1),
    ("stores create owned", 1),
    ("stores set owned", 2),
    ("stores set owned --metadata 5", 2),
    ("export --output folder", 2),
    ("import", 2),
    ("import missing", 3),
    ("import folder", 2),
    ("import notes.txt", 2),
    ("import lines.jsonl", 2),
    ("copy @ @", 2),
    ("copy @ x.csv", 2),
    ("copy missing.db other.db", 3),
    ("copy @ x.db --remap-dataset nonsense", 2),
    ("doctor --fix nonsense", 2),
    ("doctor --db missing.db", 3),
    ("set s k v --db /proc/none.db", 3),
    ("ls >&-", 3),
    ("watch --fail-empty", 2),
    ("why", 2),
    ("config get nope", 2),
    ("config set run.ttl soon", 2),
    ("completions basch", 2),
];

/// The same for those that begin with `ecache:`.
const RUNNERS: [(&str, i32); 10] = [
    ("run -- nowhere", 127),
    ("run -- ./nothing", 127),
    ("run -- 'a | b'", 127),
    ("run --file missing -- echo", 125),
    ("run --cache-dir /tmp/x -- echo", 125),
    ("run --strict --db notes.txt -- echo", 125),
    ("run --no-exec --strict --db folder -- echo", 125),
    ("warm --refresh --input x", 2),
    ("warm -- nowhere", 3),
    ("warm --input missing -- echo", 3),
];

/// Checks the shape of a message, which begins with one of these words.
fn check(line: &str, ran: &Ran, words: &[&str]) {
    assert!(ran.stdout.is_empty(), "{line}: data of a failure: {ran:?}");
    let mut lines = ran.stderr.lines();
    let first = lines.next().unwrap_or_default();
    let said = words.iter().find_map(|word| first.strip_prefix(word));
    let said = said.unwrap_or_else(|| panic!("{line}: begins with none of {words:?}: {ran:?}"));
    let word = said.split(' ').next().unwrap_or_default();
    // Names of options, variables and arguments stay as they are.
    let is_name = word.starts_with(['-', '<', '[', '"']) || word == word.to_uppercase();
    assert!(
        is_name || word.starts_with(|c: char| !c.is_uppercase()),
        "{line}: begins with a capital: {first}"
    );
    let tips: Vec<&str> = lines.collect();
    assert!(tips.len() <= 1, "{line}: says more than one tip: {ran:?}");
    for tip in &tips {
        assert!(tip.starts_with("  tip: "), "{line}: {ran:?}");
    }
    for text in [first].into_iter().chain(tips.iter().copied()) {
        assert!(
            !text.ends_with('.') || text.ends_with("..."),
            "{line}: ends in a full stop: {text}"
        );
        assert!(!text.contains('`'), "{line}: quotes a command: {text}");
        for riddle in [
            "what is ",
            "whose ",
            "cannot be told",
            "of no use",
            "whatever",
        ] {
            assert!(
                !text.contains(riddle),
                "{line}: {riddle:?} is a riddle: {text}"
            );
        }
    }
    // A mistyped word can be typed again; the content of a file cannot.
    if ran.code == 2 && !line.starts_with("import") {
        assert_eq!(tips.len(), 1, "{line}: says nothing to type: {ran:?}");
    }
}

#[test]
fn every_refusal_says_what_is_wrong_and_what_to_type() {
    let session = filled();
    let mut faults = Vec::new();
    for (line, code) in LINES {
        let ran = session.shell(&format!("ecache {line} < /dev/null"));
        if ran.code != code {
            faults.push(format!("{line}: {code} expected: {ran:?}"));
            continue;
        }
        let checked = std::panic::catch_unwind(|| check(line, &ran, &["error: ", "warning: "]));
        if let Err(fault) = checked {
            let text = fault.downcast::<String>().map(|text| *text);
            faults.push(text.unwrap_or_else(|_| line.to_owned()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn messages_beside_a_commands_output_begin_with_ecache() {
    let session = filled();
    for (line, code) in RUNNERS {
        let ran = session.shell(&format!("ecache {line} < /dev/null"));
        assert_eq!(ran.code, code, "{line}: {ran:?}");
        check(line, &ran, &["ecache: "]);
    }
}

#[test]
fn hints_on_a_terminal_can_be_pasted() {
    let session = Session::new();
    let key = "5b7f5a53d9c3b7c703b322558d5709d944faf1d79bd95ca8a02d20b6f58696f3";
    let dataset = "6b03de1228195dbc2df5c505";
    session
        .run(&format!("set s {key} 1 --dataset {dataset}"))
        .notes("");
    let elsewhere = format!("rm s {key} --color never");
    let told = session.run_on_terminal(&elsewhere);
    assert_eq!(
        String::from_utf8_lossy(&told.bytes),
        "warning: s has this key in another dataset\n  tip: add --dataset …f5c505\n"
    );
    let missing = session.run(&format!(
        "rm s {} --dataset {dataset}",
        key.replace('5', "6")
    ));
    assert!(missing.stderr.contains(dataset), "{missing:?}");
    let missing = format!(
        "rm s {} --dataset {dataset} --color never",
        key.replace('5', "6")
    );
    let told = session.run_on_terminal(&missing);
    let told = String::from_utf8_lossy(&told.bytes).into_owned();
    assert!(
        told.starts_with("warning: there is no key 6b7f6a63d9c3… in store s of dataset …f5c505\n"),
        "{told}"
    );
}
