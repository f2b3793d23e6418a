//! The command runs even if the cache fails.

use super::*;

#[test]
fn no_exec_says_that_the_cache_is_off() {
    let session = Session::new();
    memoized(&session, "", "echo hi");
    let session = session.with("ECACHE", "off");
    let ran = memoized(&session, "-v --no-exec", "echo hi");
    assert_eq!(ran.stderr, "ecache: miss: the cache is off\n", "{ran:?}");
}

#[test]
fn the_command_runs_with_any_fault_of_the_cache() {
    let line = "echo out; echo err >&2; exit 3";
    let as_without = |session: &Session, what: &str| {
        for _ in 0..2 {
            let ran = memoized(session, "", line);
            assert_eq!(ran, ended("out\n", "err\n", 3), "{what}");
        }
        let told = memoized(session, "-v", line);
        assert!(told.stderr.len() > "err\n".len(), "{what}: {told:?}");
        let strict = memoized(session, "--strict", line);
        assert_eq!(
            (strict.code, &*strict.stdout),
            (125, &b""[..]),
            "{what}: {strict:?}"
        );
    };

    let session = Session::new();
    std::fs::create_dir_all(session.store_folder()).expect("a folder");
    std::fs::set_permissions(session.store_folder(), PermissionsExt::from_mode(0o700))
        .expect("a mode");
    std::fs::write(
        session.store(),
        "this is not a database, whatever its name says",
    )
    .expect("a file");
    as_without(&session, "a foreign file");

    let session = Session::new();
    session.run("set a b c").notes("");
    let store = rusqlite::Connection::open(session.store()).expect("a store");
    store
        .pragma_update(None, "user_version", 99)
        .expect("a version");
    as_without(&session, "a newer schema");

    let session = Session::new();
    session.run("set a b c").notes("");
    let store = rusqlite::Connection::open(session.store()).expect("a store");
    store.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let started = Instant::now();
    let ran = memoized(&session, "-v", line);
    assert_eq!(
        (&*ran.stdout, ran.code),
        (&b"out\n"[..], 3),
        "locked: {ran:?}"
    );
    // It is known only after the run.
    assert!(
        ran.stderr
            .contains("ecache: the command ran, but then the cache failed: ")
            && !ran.stderr.contains("running without"),
        "{ran:?}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );

    let session = Session::new().with("HOME", "relative");
    as_without(&session, "no home");

    let session = Session::unprivileged();
    std::fs::set_permissions(session.home(), PermissionsExt::from_mode(0o555)).expect("a mode");
    as_without(&session, "a home that is read-only");
    std::fs::set_permissions(session.home(), PermissionsExt::from_mode(0o755)).expect("a mode");
}

/// Runs a line of shell that passes `$options` to `run`. Checks that it prints `hi` and reports
/// running without the cache, unless `--strict` or `-q` is among the options.
fn goes_without(session: &Session, line: &str, told: &str) {
    let run = |options: &str| {
        let mut shell = session.program("sh");
        shell.args(["-c", line]).env("options", options);
        run(shell, b"")
    };
    for (options, expected) in [
        (
            "",
            ended("hi\n", &format!("ecache: running without {told}\n"), 0),
        ),
        ("-q", ended("hi\n", "", 0)),
    ] {
        assert_eq!(run(options), expected, "{line}");
    }
    let refused = run("--strict");
    let (_, why) = told.split_once(": ").expect("it says why");
    assert_eq!(
        refused,
        ended("", &format!("ecache: {why}\n"), 125),
        "{line}"
    );
}

#[test]
fn a_faulty_environment_does_not_stop_a_command() {
    let gone = "mkdir gone && cd gone && rmdir ../gone && ecache run $options --cwd -- echo hi";
    goes_without(
        &Session::new(),
        gone,
        "the cache: cannot find the current folder, as --cwd needs: no such file or directory",
    );
    for (name, value, told) in [
        (
            "ECACHE",
            "sometimes",
            "ECACHE is \"sometimes\", not on, off, readonly or refresh",
        ),
        (
            "BKT_TTL",
            "soon",
            "BKT_TTL: invalid duration \"soon\": it must start with a number",
        ),
    ] {
        let session = Session::new().with(name, value);
        session.run("set a b c").notes("");
        let told = format!("the cache: {told}");
        goes_without(&session, "ecache run $options -- echo hi", &told);
        // An option overrides the variable.
        let line = "ecache run --cache on --ttl 1h -- echo hi";
        session.shell(line).prints("hi\n");
        assert_eq!(session.run("ls --fields store_name").text(), "a\necho\n");
        let stats = session.run("stats").stderr;
        assert!(
            stats.contains("the cache failed 2 times"),
            "{name}: {stats}"
        );
    }
    let session = Session::new();
    let scope = "BKT_SCOPE=$(printf '\\377') ecache run $options -- echo hi";
    goes_without(&session, scope, "the cache: BKT_SCOPE is not UTF-8");
    let line = "ecache run $options --dataset named --db mongodb://127.0.0.1:1/x?b=c -- echo hi";
    let ran = session.shell(line);
    assert_eq!((ran.text(), ran.code), ("hi\n", 0), "{ran:?}");
    assert!(
        ran.stderr
            .starts_with("ecache: running without the cache: "),
        "{ran:?}"
    );
}

#[test]
#[ignore = "hides /proc, which not everybody may; tests/all runs it"]
fn without_proc_a_lifetime_of_a_boot_is_no_reason_not_to_run() {
    for ttl in ["boot", "session"] {
        let line = format!(
            "unshare -rm sh -c 'mount -t tmpfs none /proc; ecache run $options --ttl {ttl} -- echo hi'"
        );
        goes_without(
            &Session::new(),
            &line,
            "the cache: cannot tell this boot from others, as --ttl boot and --ttl session need: no such file or directory",
        );
    }
}

#[test]
fn a_status_that_cannot_be_written_is_no_reason_not_to_run() {
    for (option, why) in [
        (
            "--status-file no/such/file",
            "cannot write the status to no/such/file: no such file or directory",
        ),
        (
            "--status-file .",
            "cannot write the status to .: is a directory",
        ),
        (
            "--status-fd 9",
            "file descriptor 9 is not open\n  tip: open it in the shell: 9> status.json",
        ),
    ] {
        let line = format!("ecache run $options {option} -- echo hi");
        goes_without(&Session::new(), &line, &format!("the status: {why}"));
    }
    // A write that fails only after the command has ended.
    let ran = Session::new().shell("ecache run --status-file /dev/full -- echo hi");
    let told =
        "ecache: running without the status: cannot write the status: no space left on device\n";
    assert_eq!(ran, ended("hi\n", told, 0));
}

#[test]
fn a_damaged_result_is_run_again_and_replaced() {
    let session = Session::new();
    let line = "echo run >> ran; echo hello";
    memoized(&session, "", line).prints("hello\n");
    let store = rusqlite::Connection::open(session.store()).expect("a store");
    let damage =
        "UPDATE entries SET value = CAST(replace(CAST(value AS TEXT), 'hello', 'HELLO') AS BLOB)";
    assert_eq!(store.execute(damage, ()).expect("a row"), 1);
    let repaired = memoized(&session, "-v", line);
    assert_eq!(repaired.text(), "hello\n");
    let key = session.run("ls --fields key").text().trim().to_owned();
    let told =
        format!("ecache: miss: key {key} in store sh is damaged: its checksum does not match\n");
    let rest = repaired.stderr.strip_prefix(&told).expect("it is told of");
    assert!(
        rest.starts_with("ecache: miss, took ") && rest.lines().count() == 1,
        "once: {rest}"
    );
    let stats = session.run("stats").stderr;
    assert!(stats.contains("1 time;"), "and counted once: {stats}");
    let replayed = memoized(&session, "-v", line).stderr;
    assert!(
        replayed.starts_with("ecache: hit, just written, saved "),
        "{replayed}"
    );
    assert_eq!(runs(&session), 2);
}

#[test]
fn a_value_that_is_no_recording_is_a_miss() {
    let session = Session::new();
    session.run("run --stdin none -- echo hi").prints("hi\n");
    let exported = session.run("export").succeeds();
    let (head, _) = exported.text().split_once("\"value\": ").expect("a value");
    let forged = format!("{head}\"value\": {{\"_cls\": \"bytes\", \"value\": \"AQEAAA==\"}}}}\n");
    session
        .run_with_input("import - -q", forged.as_bytes())
        .notes("");
    let why = session.run("why --stdin none -- echo hi");
    assert!(why.code == 1 && why.text().contains("damaged"), "{why:?}");
    session.run("run --stdin none -- echo hi").prints("hi\n");
}

#[test]
#[ignore = "mounts a file system of 3 MB, which not everybody may; tests/all runs it"]
fn on_a_full_disk_the_command_runs_each_time() {
    let session = Session::new();
    // In a mount namespace of its own, so that the disk is gone with the shell.
    let script = r#"
        mkdir disk && mount -t tmpfs -o size=3m,mode=700 tmpfs disk
        export ECACHE_DB=disk/store.db
        ecache set a b c
        dd if=/dev/zero of=disk/rest bs=1k 2> /dev/null
        for i in 1 2; do
            ecache run -- sh -c 'echo run >> ran; head -c 500000 /dev/zero; exit 3' | wc -c
            ecache run --no-exec -- sh -c 'echo run >> ran; head -c 500000 /dev/zero; exit 3'
            echo $?
        done
        wc -l < ran
        rm disk/rest
        ecache run -- echo again
        ecache run --no-exec -- echo again
    "#;
    let mut shell = session.program("unshare");
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    run(shell, b"").prints("500000\n1\n500000\n1\n2\nagain\nagain\n");
}

#[test]
#[ignore = "mounts a file system of 100 kB, which not everybody may; tests/all runs it"]
fn input_that_cannot_be_kept_reaches_the_command() {
    let session = Session::new();
    let script = r#"
        mkdir disk && mount -t tmpfs -o size=100k,mode=700 tmpfs disk
        export TMPDIR=$PWD/disk
        head -c 1000000 /dev/urandom > input
        for i in 1 2; do ecache run -- cat < input | cmp - input && echo same; done
        cat input | ecache run -v --stdin hash -- sha256sum | cut -c 1-64 | grep -c "$(sha256sum < input | cut -c 1-64)"
        cat input | ecache run --stdin hash -- sh -c 'head -c 3 | wc -c; exit 4'; echo $?
        cat input | ecache run --strict --stdin hash -- cat | wc -c
        cat input | ecache key --stdin hash -- cat
        for i in 1 2; do cat input | ecache run -- cat | cmp - input && echo same; done
        ecache ls -q --store sha256sum; ecache ls -q --store sh
    "#;
    let mut shell = session.program("unshare");
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    let ran = run(shell, b"");
    assert_eq!(ran.text(), "same\nsame\n1\n3\n4\n0\nsame\nsame\n");
    let told = "cannot keep standard input: no space left on device";
    let expected = format!(
        "ecache: bypass: {told}; running without the cache\necache: {told}\nerror: {told}\n"
    );
    assert_eq!(ran.stderr, expected);
}

#[test]
fn trouble_is_silent_and_counted() {
    let session = Session::new();
    session.run("set a b c").notes("");
    assert_eq!(session.run("stats").stderr, "");
    let store = rusqlite::Connection::open(session.store()).expect("a store");
    store
        .pragma_update(None, "user_version", 99)
        .expect("a version");
    for _ in 0..3 {
        memoized(&session, "", "echo x").prints("x\n");
    }
    assert_eq!(memoized(&session, "--strict", "echo x").code, 125);
    store
        .pragma_update(None, "user_version", 1)
        .expect("a version");
    let stats = session.run("stats");
    assert_eq!(stats.code, 0);
    let told = "the cache failed 3 times; ecache run -v says how\n";
    assert!(stats.stderr.starts_with(told), "{stats:?}");
    assert_eq!(session.run("stats -q").stderr, "");
}

#[test]
fn a_damaged_log_is_said_and_begun_anew() {
    let session = Session::new();
    let damage = || {
        session.run("run -- echo hi").prints("hi\n");
        let path = session.store_folder().join("store.db-wal");
        let mut log = std::fs::read(&path).expect("a log");
        log[0] ^= 1;
        std::fs::write(&path, log).expect("the log");
    };
    let path = session.store().display().to_string();
    let told = format!("the write-ahead log of {path} is damaged, and the latest writes are lost");
    damage();
    let hint = "any command that writes begins a new one, such as ecache prune";
    session
        .run("get s k")
        .ends(4, &format!("error: {told}\n  tip: {hint}\n"));
    let strict = session.run("run --strict -- echo hi");
    assert_eq!(
        (strict.code, &*strict.stdout),
        (125, &b""[..]),
        "{strict:?}"
    );
    let ran = session.run("run -v -- echo hi");
    assert_eq!((ran.code, &*ran.stdout), (0, &b"hi\n"[..]), "{ran:?}");
    assert!(ran.stderr.contains(&told), "{ran:?}");
    session.run("run --no-exec -- echo hi").prints("hi\n");
    damage();
    session.run("prune -q").notes("");
    session.run("get s k").ends(1, "");
}
