//! Standard streams: data on stdout, messages on stderr, no control sequences on a terminal, and an
//! exit code that tells the reason for the end.

#[path = "../support/mod.rs"]
mod support;

mod signals;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use support::{Ran, Session, code, run};

/// Clears the screen, sets the clipboard, starts a C1 sequence, turns the line round, hides,
/// overwrites, rings.
const HOSTILE: &str = "a\x1b[2J\x1b]52;c;aGk=\x07\u{9b}31m\u{202e}evil\u{200b}\rover\x08";

/// Has a hostile entry in a hostile store, by a hostile user.
fn hostile() -> Session {
    let session = Session::new();
    session
        .run([
            "set",
            HOSTILE,
            HOSTILE,
            HOSTILE,
            "--user",
            HOSTILE,
            "--dataset",
            HOSTILE,
        ])
        .notes("");
    session
}

/// Reports whether a terminal would act on the text, or show something else.
fn acts(bytes: &[u8]) -> bool {
    // The line ends of CSV and the tabs of TSV are their own, not the data's.
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    text.contains(|c: char| {
        !matches!(c, '\n' | '\t')
            && (c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'))
    })
}

/// Returns the text without color codes.
fn without_colours(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once('m') {
            Some((code, rest)) if code.chars().all(|c| c.is_ascii_digit() || c == ';') => {
                plain.push_str(rest);
            }
            _ => {
                plain.push_str("\x1b[");
                plain.push_str(piece);
            }
        }
    }
    plain
}

#[test]
fn nothing_that_is_typed_acts_on_a_terminal() {
    let session = Session::new().with("TERM", "xterm-256color");
    let typed = format!("{HOSTILE}\n\x1b[41mred\x1b]0;title\x07");
    let unknown = format!("--{typed}");
    let value = format!("--user={typed}");
    let no_value = format!("--quiet={typed}");
    for verb in [
        "get",
        "set",
        "has",
        "key",
        "why",
        "show",
        "rm",
        "run",
        "warm",
        "ls",
        "stores",
        "stats",
        "info",
        "watch",
        "clear",
        "prune",
        "touch",
        "export",
        "import",
        "copy",
        "doctor",
        "completions",
        "man",
        "help",
        "names",
    ] {
        for words in [
            vec![verb, &unknown],
            vec![verb, &value, &unknown],
            vec![verb, &no_value],
            vec![verb, "--format", &typed],
            vec![verb, "--ttl", &typed],
            vec![verb, "--older-than", &typed],
            vec![verb, &typed, &typed, &typed, &typed],
            vec![verb, &typed, "--no-such-option"],
        ] {
            // It waits for changes of stores of any name.
            if verb == "watch" && words.iter().all(|word| !word.starts_with("--")) {
                continue;
            }
            let shown = session.run_on_terminal(words.clone());
            // Any text is the name of a store, and there is none of this one.
            let is_refused = words.iter().any(|word| word.starts_with("--"));
            assert!(shown.code != 0 || !is_refused, "{words:?}: {shown:?}");
            let plain = without_colours(&shown.bytes);
            assert!(!acts(plain.as_bytes()), "{words:?}: {shown:?}");
            // The line is quoted as a whole, so no part of it looks like a separate line.
            assert!(!plain.contains("\nred"), "{words:?}: {plain}");
        }
    }
    let folder = format!("folder-{HOSTILE}");
    for (words, code) in [
        (vec![&*typed], 2),
        (vec!["man", &folder], 0),
        (vec!["run", "--", &typed], 127),
        (
            vec![
                "run",
                "-v",
                "--store",
                &typed,
                "--status-fd",
                "2",
                "--",
                "true",
            ],
            0,
        ),
        (vec!["clear", "--store", &typed], 0),
        (vec!["warm", "--input", &typed, "--", "true"], 3),
        (vec!["export", "-o", &typed], 0),
        (vec!["copy", &typed, "@"], 0),
        (vec!["why", "--", "echo", &typed], 1),
        (vec!["ls", "--collection", &typed], 0),
    ] {
        let shown = session.run_on_terminal(words.clone());
        let plain = without_colours(&shown.bytes);
        assert!(!acts(plain.as_bytes()), "{words:?}: {shown:?}");
        assert_eq!(shown.code, code, "{words:?}: {shown:?}");
    }
}

#[test]
fn nothing_that_is_kept_acts_on_a_terminal() {
    let session = hostile();
    let scope = ["--dataset", HOSTILE];
    for format in ["table", "json", "jsonl", "csv", "tsv"] {
        for command in [
            "ls --fields all,value",
            "stores",
            "stats",
            "stats --by user",
            "info",
        ] {
            let shown = session.run_on_terminal(&format!("{command} --format {format}"));
            assert!(
                !acts(&shown.bytes),
                "{command} --format {format}: {shown:?}"
            );
            assert_eq!(shown.code, 0, "{shown:?}");
        }
        let shown = session.run_on_terminal(
            [&["show", HOSTILE, HOSTILE, "--format", format], &scope[..]].concat(),
        );
        assert!(
            !acts(&shown.bytes) && shown.code == 0,
            "show --format {format}: {shown:?}"
        );
    }
    for (words, code) in [
        (vec!["get", HOSTILE, HOSTILE, "--dataset", HOSTILE], 0),
        (
            vec![
                "get",
                HOSTILE,
                HOSTILE,
                "--dataset",
                HOSTILE,
                "--format",
                "json",
            ],
            0,
        ),
        (vec!["get", HOSTILE, "missing", "-v"], 1),
        (vec!["get", "s", HOSTILE, "-v"], 1),
        (vec!["show", HOSTILE, HOSTILE], 0),
        (vec!["rm", HOSTILE, HOSTILE, "-n"], 1),
        (vec!["names", "--", "get", ""], 0),
        (vec!["export"], 0),
        (vec!["key", "-a", HOSTILE, "--explain"], 0),
        (vec!["ls", "--fields", HOSTILE], 2),
        (vec!["ls", "--glob", "--store", "[\x1b[2J"], 2),
        (vec!["ls", "--db", "\x1b[2J/\u{202e}"], 0),
        (vec!["set", "s", "k", "--value-file", "\x1b[2J"], 3),
        (vec!["import", "\x1b[2J"], 3),
        (vec!["get", "s", "-j", "\x1b[2J"], 2),
        (vec!["ls", "--older-than", "\x1b[2J"], 2),
        (vec!["\x1b[2J"], 2),
    ] {
        let shown = session.run_on_terminal(words.clone());
        assert!(!acts(&shown.bytes), "{words:?}: {shown:?}");
        assert_eq!(shown.code, code, "{words:?}: {shown:?}");
    }
}

#[test]
fn a_terminal_shows_what_would_have_acted() {
    let session = hostile();
    let shown = session.run_on_terminal(["get", HOSTILE, HOSTILE, "--dataset", HOSTILE]);
    assert_eq!(
        String::from_utf8_lossy(&shown.bytes),
        "a\\x1b[2J\\x1b]52;c;aGk=\\x07\\u{9b}31m\\u{202e}evil\\u{200b}\\rover\\x08\n"
    );
}

#[test]
fn a_pipe_gets_every_byte() {
    let session = hostile();
    session
        .run(["get", HOSTILE, HOSTILE, "--dataset", HOSTILE])
        .prints(HOSTILE);
    session
        .run("ls --fields key")
        .prints(format!("{}\n", HOSTILE.replace('\r', "\\r")));
    let all: Vec<u8> = (0..=255).collect();
    session
        .run_with_input("set s all --type bytes", &all)
        .notes("");
    session.run("get s all").prints(all);
}

#[test]
fn a_terminal_gets_a_table_and_a_pipe_lines() {
    let session = Session::new().with("TERM", "xterm");
    session.run("set thumbs cat.jpg meow").notes("");
    let table = session.run_on_terminal("ls --fields key,size");
    assert_eq!(
        String::from_utf8_lossy(&table.bytes),
        "\x1b[2mKEY      SIZE\x1b[0m\ncat.jpg   4 B\n\x1b[2m1 entry, 4 B\x1b[0m\n"
    );
    session.run("ls --fields key,size").prints("cat.jpg\t4\n");
    assert_eq!(
        session.run_on_terminal("ls --store nothing").bytes,
        b"\x1b[33mwarning:\x1b[0m there is no store \"nothing\"\n"
    );
}

#[test]
fn colour_is_kept_from_who_does_not_want_it() {
    let with = |name, value| {
        let session = Session::new().with(name, value);
        session.run("set thumbs cat.jpg meow").notes("");
        session
    };
    let is_coloured = |bytes: &[u8]| bytes.contains(&0x1b);
    for command in ["ls", "--help", "ls --nope"] {
        assert!(
            is_coloured(&with("TERM", "xterm").run_on_terminal(command).bytes),
            "{command}"
        );
        for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            assert!(
                !is_coloured(&with(name, value).run_on_terminal(command).bytes),
                "{name} {command}"
            );
        }
        let forced = with("CLICOLOR_FORCE", "1").run(command);
        let plain = with("TERM", "xterm").run(command);
        assert!(
            !is_coloured(&plain.stdout) && !plain.stderr.contains('\x1b'),
            "{command}"
        );
        // Rows for programs are data, and never carry colour.
        let is_data = command == "ls";
        assert_eq!(
            is_coloured(&forced.stdout) || forced.stderr.contains('\x1b'),
            !is_data,
            "{command}"
        );
    }
}

#[test]
fn quiet_is_silent_where_it_succeeds() {
    let session = Session::new();
    for command in [
        "set thumbs a 1",
        "touch --store thumbs --ttl 1d",
        "export --output backup.jsonl",
        "import backup.jsonl",
        "rm thumbs a --dry-run",
        "rm thumbs a",
        "prune --vacuum",
        "clear --all",
    ] {
        session.run(&format!("{command} --quiet")).notes("");
        assert_eq!(
            session.run_on_terminal(&format!("{command} -q")).bytes,
            b"",
            "{command}"
        );
    }
    session
        .run("ls --quiet --fields nope")
        .stderr
        .strip_prefix(
            "error: there is no field \"nope\"\n  tip: ecache ls --fields help lists them\n",
        )
        .expect("errors are told all the same");
}

/// Keeps `count` entries.
fn filled(count: usize) -> Session {
    let session = Session::new();
    session
        .run_with_input("import - --quiet", lines(count).as_bytes())
        .notes("");
    session
}

fn lines(count: usize) -> String {
    let line = |n| {
        format!(
            "{{\"store_name\": \"s\", \"key\": \"k{n}\", \"value\": \"{}\"}}\n",
            "x".repeat(100)
        )
    };
    (0..count).map(line).collect()
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let session = filled(5_000);
    session
        .run_with_input("set s big", "x".repeat(3 << 20).as_bytes())
        .notes("");
    for command in [
        "ls",
        "ls --format json",
        "ls --format csv",
        "ls --format table",
        "ls --sort size",
        "export",
        "get s big",
        "get s big --format json",
        "show s big",
        "completions bash",
        "--help",
    ] {
        let mut child = session.spawn(command);
        let mut first = [0];
        let mut stdout = child.stdout.take().expect("it was piped");
        stdout.read_exact(&mut first).expect("there is output");
        drop(stdout);
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{command} | head -c1");
    }
    session
        .shell("ecache ls --fields key | head -n 1")
        .prints("k0\n");
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let session = filled(10);
    for command in [
        "ls",
        "get s k0",
        "export",
        "stores",
        "stats",
        "info",
        "key -a x",
        "show s k0",
        "completions bash",
        "--version",
    ] {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("a full device");
        let mut child = session.command(command);
        child.stdout(full).stderr(Stdio::piped());
        let ran = Ran::from(
            child
                .spawn()
                .expect("it starts")
                .wait_with_output()
                .expect("it ends"),
        );
        assert_eq!(
            (
                ran.code,
                ran.stderr
                    .contains("error: cannot write to standard output: no space left on device"),
            ),
            (3, true),
            "{command}: {ran:?}"
        );
    }
    // With closed streams there is no reader, and nothing else breaks.
    let closed = session.shell("ecache get s k0 >&-; ecache ls 2>&- >&-; ecache set s k1 x <&- >&- 2>&-; ecache ls --fields nope 2>&-");
    assert_eq!(closed.code, 2, "{closed:?}");
    session.run("get s k1").prints("x");
}

#[test]
fn no_terminal_and_no_home_is_no_trouble() {
    let session = filled(1);
    let mut command = session.command("ls --fields key");
    command.env_clear().env("ECACHE_DB", session.store());
    run(command, b"").prints("k0\n");
}
