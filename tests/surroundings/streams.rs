//! Standard streams that are non-blocking or closed.

use super::*;

/// Number of bytes that a command prints when its streams block.
const LARGE: usize = 300_000;

#[test]
fn output_is_whole_where_it_does_not_block() {
    let session = Session::new();
    let value = "x".repeat(LARGE);
    session
        .run_with_input("set a large -", value.as_bytes())
        .succeeds();
    let records: String = (0..4000)
        .map(|n| {
            format!("{{\"store_name\": \"s\", \"key\": \"k{n}\", \"value\": \"{value:.80}\"}}\n")
        })
        .collect();
    session
        .run_with_input("import -", records.as_bytes())
        .succeeds();
    let keys: String = (0..4000).map(|n| format!("k{n}\n")).collect();
    fs::write(session.path("keys"), keys).expect("a file");
    let both = format!("head -c {LARGE} /dev/zero; head -c {LARGE} /dev/zero | tr '\\0' e >&2");
    for words in [
        vec!["get", "a", "large"],
        vec!["get", "--format", "json", "a", "large"],
        vec!["get", "s", "--keys-from", "keys"],
        vec!["export"],
        vec!["ls"],
        vec!["ls", "--format", "json"],
        vec!["ls", "--format", "csv"],
        vec!["completions", "zsh"],
        vec!["run", "--stdin", "none", "--", "sh", "-c", &both],
        vec!["run", "--stdin", "none", "--", "sh", "-c", &both],
        vec![
            "run",
            "--stdin",
            "none",
            "--refresh",
            "--",
            "sh",
            "-c",
            &both,
        ],
    ] {
        let plain = session.run(words.clone()).succeeds();
        for descriptor in [1, 2] {
            let command = session.command(words.clone());
            let ran = nonblocking::run_with_full_output(command, descriptor);
            assert!(
                ran == plain,
                "{words:?}: {} and {}",
                ran.stdout.len(),
                ran.stderr.len()
            );
        }
    }
    let first = format!("run --refresh --stdin none -- head -c {LARGE} /dev/zero");
    let ran = nonblocking::run_with_full_output(session.command(&first), 1);
    assert_eq!((ran.code, ran.stdout.len()), (0, LARGE));
}

#[test]
fn input_is_waited_for_where_it_does_not_block() {
    let session = Session::new();
    let late = |words: &str, input: &str| {
        nonblocking::run_with_late_input(session.command(words), input.as_bytes())
    };
    late("set a b -", "value").succeeds();
    session.run("get a b").prints("value");
    late("set a c", "other").succeeds();
    session.run("get a c").prints("other");
    let records = "{\"store_name\": \"s\", \"key\": \"k\", \"value\": 1}\n".repeat(2);
    late("import --on-conflict replace -", &records).succeeds();
    late("get a --keys-from -", "b\nc\n").succeeds();
    late("doctor --live-datasets -", "d\ne\n").succeeds();
    for options in ["", "--stdin hash"] {
        for text in ["first\nsecond\n", "third\nfourth\n"] {
            late(&format!("run {options} -- cat"), text).prints(text);
        }
    }
    late("warm -- echo {}", "one\ntwo\n").succeeds();
    let key = |n: &str| session.run(["run", "--stdin", "none", "--no-exec", "--", "echo", n]);
    key("one").prints("one\n");
    key("two").prints("two\n");
}

#[test]
fn a_command_whose_output_is_closed_finds_it_closed() {
    let session = Session::new();
    let lines = [
        "echo out; echo err >&2",
        "ls /proc/self/fd | wc -l",
        "read line; echo $?",
    ];
    for descriptor in 0..3 {
        for line in lines {
            let seen = |mut command: Command| {
                surroundings::closed(&mut command, descriptor);
                run(command, b"")
            };
            let mut plain = session.program("sh");
            plain.args(["-c", line]);
            let plain = seen(plain);
            for _ in 0..2 {
                let mut cached = session.command("run -- sh -c");
                cached.arg(line);
                assert_eq!(seen(cached), plain, "{descriptor} {line}");
            }
        }
    }
    session.run("set a b c").succeeds();
    let closed = |words: &str, stream| {
        let mut command = session.command(words);
        surroundings::closed(&mut command, stream);
        run(command, b"")
    };
    closed("set a b", 0).ends(
        3,
        "error: cannot read the value from standard input: bad file descriptor\n",
    );
    session.run("get a b").prints("c");
    closed("set a b d", 1).notes("");
    closed("get a b", 1).ends(
        3,
        "error: cannot write to standard output: bad file descriptor\n",
    );
}

/// Makes standard input fail, in each way that a shell can.
const FAILING: [&str; 3] = ["<&-", "< .", "0> written"];

#[test]
fn standard_input_that_fails_has_one_exit_code_wherever_it_is_read() {
    let session = Session::new();
    session.run("set s k v").succeeds();
    for verb in [
        "set s other -",
        "set s other",
        "set s other --value-file -",
        "import -",
        "copy - other.db",
        "get s --keys-from -",
        "get --entries-from -",
        "rm s --keys-from -",
        "rm --entries-from -",
        "warm -- echo {}",
        "warm --input - -- echo {}",
        "warm -0 -- echo {}",
        "warm -n -- echo {}",
        "doctor --live-datasets -",
        "prune --orphaned --live-datasets -",
    ] {
        for how in FAILING {
            let ran = session.shell(&format!("ecache {verb} {how}"));
            assert_eq!(ran.code, 3, "{verb} {how}: {ran:?}");
            let is_told = !ran.stderr.contains("(os error ") && ran.stderr.contains("cannot ");
            assert!(is_told, "{verb} {how}: {ran:?}");
        }
    }
    session.run("get s k").prints("v");
    assert_eq!(session.run("has s other").code, 1);
}

#[test]
fn a_command_finds_standard_input_that_fails_as_it_does_without_the_cache() {
    let session = Session::new();
    for how in FAILING {
        for command in ["cat", "head -c 1", "sh -c 'read line; echo $?'"] {
            let plain = session.shell(&format!("{command} {how}"));
            for options in ["", "--stdin hash"] {
                for _ in 0..2 {
                    let cached = session.shell(&format!("ecache run {options} -- {command} {how}"));
                    assert_eq!(cached, plain, "{options} {command} {how}");
                }
            }
        }
    }
}

#[test]
fn a_file_of_items_that_cannot_be_read_is_named() {
    let session = Session::new();
    session.run("warm --input . -- echo {}").ends(
        3,
        "ecache: 0 ran, 0 fresh\necache: cannot read the items from .: is a directory\n",
    );
}
