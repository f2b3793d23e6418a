//! The status of a run, for scripts.

use serde_json::Value;

use super::stdin::run_to_end;
use super::*;

/// Runs a line of bash, in which descriptor 9 gets the status, and returns the status.
#[track_caller]
fn status(session: &Session, line: &str) -> Value {
    let _ = std::fs::remove_file(session.path("status"));
    let mut bash = session.program("bash");
    bash.args(["-c", line]);
    let ran = run_to_end(bash);
    let text = std::fs::read_to_string(session.path("status")).expect("it is there");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}: {ran:?}"))
}

#[test]
fn the_key_is_that_of_the_entry() {
    const RUN: &str = "ecache run --status-file status";
    let session = Session::new();
    let both = "sh -c 'echo out; echo err >&2'";
    session
        .shell("echo x | ecache warm -q -- echo {}")
        .succeeds();
    for (line, prints) in [
        (format!("printf abc | {RUN} -- cat"), "abc"),
        (format!("printf abc | {RUN} -- echo hi"), "hi\n"),
        (format!("true | {RUN} -- cat"), ""),
        (format!("printf abc | {RUN} --stdin hash -- cat"), "abc"),
        (format!("{RUN} --stdin none -- {both} >out 2>err"), "out\n"),
        (
            format!("{RUN} --stdin none -- {both} >out 2>&1"),
            "out\nerr\n",
        ),
        (format!("{RUN} -- echo x"), "x\n"),
    ] {
        for outcome in ["miss", "hit"] {
            let status = status(&session, &line);
            let is_warm = line.ends_with("-- echo x");
            let outcome = if is_warm { "hit" } else { outcome };
            assert_eq!(status["outcome"], outcome, "{line}");
            let [store, key] =
                ["store_name", "key"].map(|name| status[name].as_str().expect("a name"));
            let value = session.run(["get", store, key]).succeeds();
            assert_eq!(value.text(), prints, "{line}");
            let written = session.run(["show", store, key, "--json"]).succeeds();
            assert!(written.text().contains(key), "{line}");
        }
    }
    // Nothing is known of an input that was not read to its end.
    let partly = status(&session, &format!("(echo a; sleep 1) | {RUN} -- head -c1"));
    assert_eq!(partly["key"], Value::Null);
}

#[test]
fn a_run_that_fails_before_the_command_starts_has_a_status() {
    let session = Session::new();
    session.shell("echo text > file").succeeds();
    for (line, exit) in [
        ("ecache run --status-file status -- missing-program", 127),
        ("ecache run --status-file status -- ./missing", 127),
        ("ecache run --status-file status -- ./file", 126),
        ("ecache run --status-file status --file gone -- true", 125),
        ("ecache run --status-fd 9 -- ./file 9>status", 126),
        (
            "ecache run --status-file status -- missing-program 2>&-",
            127,
        ),
    ] {
        let status = status(&session, line);
        assert_eq!(status["outcome"], "error", "{line}");
        assert_eq!(status["exit"], exit, "{line}");
        assert_eq!(status["stored"], false, "{line}");
    }
}

#[test]
fn a_run_in_the_place_of_ecache_is_counted() {
    let session = Session::new();
    session.run("set s k v").notes("");
    for closed in ["2>&-", "1>&-"] {
        let line = format!("ecache run --status-file status -- sh -c 'exit 3' {closed}");
        let status = status(&session, &line);
        assert_eq!(status["outcome"], "bypass", "{closed}");
        assert_eq!(status["exit"], Value::Null, "{closed}");
        assert_eq!(status["store_name"], "sh", "{closed}");
    }
    let told = "2 calls went without the cache; ecache run -v says why\n";
    assert_eq!(session.run("stats").stderr, told);
    let ran = session.shell("ecache run -v -- sh -c 'exit 3' >&-");
    let told = "ecache: bypass: standard output or standard error is closed; running without the \
                cache\n";
    assert_eq!(ran, ended("", told, 3));
}

#[test]
fn an_open_pipe_without_data_is_the_same_to_every_verb() {
    let session = Session::new();
    let told = "standard input is an open pipe without data yet; --stdin none or </dev/null makes \
                it a hit";
    let line = |verb: &str| session.shell(&format!("sleep 3 | ecache {verb} -- sh -c 'echo hi'"));
    for why in [
        " (no result yet)",
        &format!(": {told}"),
        &format!(": {told}"),
    ] {
        let ran = line("run -v");
        let miss = format!("ecache: miss{why}, took ");
        assert!(ran.stderr.starts_with(&miss), "{ran:?}");
    }
    let why = line("why");
    assert_eq!(
        (why.text(), why.code),
        (&*format!("never a hit: {told}\n"), 1)
    );
    for verb in ["has", "key", "get"] {
        let ran = line(verb);
        assert!(ran.stderr.contains(told), "{verb}: {ran:?}");
        assert_ne!(ran.code, 0, "{verb}");
    }
    // As late as the end comes, a run does not wait for it.
    let late = session.shell("sleep 0.5 | ecache why -- sh -c 'echo hi'");
    assert_eq!(late.text(), format!("never a hit: {told}\n"));
    for input in ["--stdin none", ""] {
        session
            .shell(&format!("ecache run {input} -- sh -c 'echo hi' </dev/null"))
            .prints("hi\n");
        session
            .shell(&format!(
                "ecache run --no-exec {input} -- sh -c 'echo hi' </dev/null"
            ))
            .prints("hi\n");
    }
}

#[test]
fn one_socket_for_input_and_output_is_named() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    let session = Session::new();
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let theirs = OwnedFd::from(theirs);
    let mut command = session.command("run -v -- echo hi");
    command
        .stdin(theirs.try_clone().expect("a descriptor"))
        .stdout(theirs)
        .stderr(Stdio::piped());
    let ran = finish(command.spawn().expect("ecache starts"));
    drop(command);
    let told = "ecache: bypass: standard input and output are one socket";
    assert!(ran.stderr.starts_with(told), "{ran:?}");
    let mut printed = String::new();
    BufReader::new(ours).read_line(&mut printed).expect("text");
    assert_eq!(printed, "hi\n");
}

#[test]
fn the_lifetime_of_a_boot_or_a_session_is_named() {
    let session = Session::new();
    for (lifetime, told) in [
        ("boot", "kept until the machine restarts"),
        ("session", "kept until the session ends"),
        ("1h", "kept for 1h"),
    ] {
        let ran = session.run(format!("run -v --stdin none --ttl {lifetime} -- true").as_str());
        assert!(ran.stderr.contains(told), "{ran:?}");
    }
}
