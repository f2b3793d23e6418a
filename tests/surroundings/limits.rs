//! Limits (`ulimit`): the command runs without the cache, and administration reports which limit is
//! too low.

use super::*;

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_no_end() {
    let session = Session::new();
    let limited = |words: &str| {
        let mut command = session.command(words);
        surroundings::limited(&mut command, libc::RLIMIT_FSIZE, 0);
        run(
            command,
            b"{\"store_name\": \"s\", \"key\": \"k\", \"value\": 1}\n",
        )
    };
    let cannot = || {
        let store = session.store();
        format!(
            "error: cannot use the store {}: the limit on the size of files (ulimit -f) is too low\n",
            store.display()
        )
    };
    limited("set a b c").ends(3, &cannot());
    session.run("set a b c").succeeds();
    for words in [
        "set a b d",
        "clear --all",
        "touch --all --ttl 1h",
        "rm a b",
        "prune",
    ] {
        limited(words).ends(3, &cannot());
    }
    limited("warm -- echo {}").ends(3, &cannot().replace("error:", "ecache:"));
    session.run("get a b").prints("c");
    limited("get a b").prints("c");
    for _ in 0..2 {
        limited("run -- seq 3").prints("1\n2\n3\n");
    }
    let ran = limited("import -");
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("file too large"), "{ran:?}");
    // Output beyond the limit ends `run` as it ends the command.
    let plain = session.shell("ulimit -f 8; head -c 9000 /dev/zero > plain");
    for _ in 0..2 {
        let line = "ulimit -f 8; ecache run -- head -c 9000 /dev/zero > cached";
        assert_eq!(session.shell(line).code, plain.code);
        let bytes = |name| fs::read(session.path(name)).expect("a file");
        assert_eq!(bytes("cached"), bytes("plain"));
    }
}

#[test]
fn with_few_descriptors_the_command_runs_without_the_cache() {
    for limit in 4..=20 {
        let session = Session::new();
        session.run("set a b c").succeeds();
        let limited = |mut command: Command| {
            surroundings::limited(&mut command, libc::RLIMIT_NOFILE, limit);
            run(command, b"")
        };
        let line = "echo out; echo err >&2; exit 3";
        let mut plain = session.program("sh");
        plain.args(["-c", line]);
        let plain = limited(plain);
        for _ in 0..2 {
            assert_eq!(limited(memoized(&session, line)), plain, "{limit}");
        }
        for words in [
            "get a b",
            "set a b c",
            "ls",
            "clear --all",
            "export",
            "stats",
        ] {
            let ran = limited(session.command(words));
            let is_told = ran.code == 3 && ran.stderr.contains("ulimit -n");
            assert!(is_told || ran.code == 0, "{limit} {words}: {ran:?}");
        }
    }
}

#[test]
fn warm_starts_as_many_commands_at_a_time_as_there_is_room_for() {
    let session = Session::new();
    let items: String = (0..40).map(|n| format!("{n}\n")).collect();
    let mut command = session.command("warm -j 16 -- sh -c");
    command.args(["sleep 0.01; echo $0", "{}"]);
    surroundings::limited(&mut command, libc::RLIMIT_NOFILE, 32);
    run(command, items.as_bytes()).notes("ecache: 40 ran, 0 fresh\n");
}

#[test]
fn without_room_for_a_thread_or_a_process_there_is_less_of_both() {
    let session = Session::unprivileged();
    session.run("set a b c").succeeds();
    let limited = |mut command: Command, input: &str| {
        surroundings::limited(&mut command, libc::RLIMIT_NPROC, 1);
        run(command, input.as_bytes())
    };
    let record = "{\"store_name\": \"s\", \"key\": \"k\", \"value\": 1}\n";
    limited(session.command("import -"), record).notes("imported 1 entry (1 new, 0 replaced)\n");
    for _ in 0..2 {
        limited(session.command("run --stdin none -- echo hi"), "").prints("hi\n");
    }
    let ran = limited(session.command("warm -j 4 -- echo {}"), "one\n");
    assert_eq!(ran.code, 3);
    assert!(
        ran.stderr.contains("ecache: cannot start a thread: "),
        "{ran:?}"
    );
}
