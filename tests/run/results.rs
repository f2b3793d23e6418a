//! A hit repeats the recorded output and exit code.

use super::*;

#[test]
fn a_hit_is_what_the_command_did() {
    let session = Session::new();
    let line = "echo run >> ran; echo out; echo err >&2; printf end; exit 3";
    for _ in 0..3 {
        let ran = memoized(&session, "", line);
        assert_eq!(ran, ended("out\nend", "err\n", 3));
    }
    assert_eq!(runs(&session), 1);
}

#[test]
fn bytes_come_back_as_they_were() {
    let session = Session::new();
    for line in [
        "printf 'a\\000b\\377\\n'",
        "true",
        "printf x",
        "head -c 5000000 /dev/zero | tr '\\000' y",
    ] {
        let cold = memoized(&session, "", line);
        let warm = memoized(&session, "--no-exec", line);
        assert!(cold == warm, "{line}");
        let plain = run(
            {
                let mut sh = session.program("sh");
                sh.args(["-c", line]);
                sh
            },
            b"",
        );
        assert!(cold == plain, "{line}");
    }
}

#[test]
fn too_large_an_output_passes_through() {
    let session = Session::new();
    let line = "echo run >> ran; echo 123456789";
    for _ in 0..2 {
        memoized(&session, "--max-output 9B", line).prints("123456789\n");
    }
    memoized(&session, "--max-output 10B", line).prints("123456789\n");
    memoized(&session, "", line).prints("123456789\n");
    assert_eq!(runs(&session), 3);
    let ran = memoized(&session, "-v --max-output 9B --refresh", line);
    let notes: Vec<&str> = ran.stderr.lines().collect();
    assert!(
        notes[0].starts_with("ecache: refreshed, took ")
            && notes[0].ends_with("ms; not kept: it printed more than 9 bytes"),
        "{notes:?}"
    );
}

#[test]
fn a_script_is_told_what_came_of_it() {
    let session = Session::new();
    let status = |options: &str| {
        memoized(
            &session,
            &format!("--status-file status {options}"),
            "exit 3",
        );
        let line = std::fs::read_to_string(session.path("status")).expect("it is there");
        assert!(line.ends_with("}\n"));
        serde_json::from_str::<serde_json::Value>(&line).expect("JSON")
    };
    let first = status("--ttl 1m --user ann");
    assert_eq!(
        (&first["outcome"], &first["exit"]),
        (&"miss".into(), &3.into())
    );
    session.set_clock("2026-11-23T06:33:01.000Z");
    let hit = status("--ttl 1m --user ann");
    assert_eq!(hit["outcome"], "hit");
    assert_eq!(
        (&hit["age_ms"], &hit["ttl_left_ms"]),
        (&10_000.into(), &50_000.into())
    );
    assert_eq!(hit["store_name"], "sh");
    assert_eq!(hit["key"], first["key"]);
    assert_eq!(status("--refresh --user ann")["outcome"], "refreshed");
    assert_eq!(status("--cache off --user ann")["outcome"], "bypass");
    assert_ne!(status("--user bob")["key"], first["key"]);
}

#[test]
fn a_recorded_command_is_an_entry_like_others() {
    let session = Session::new();
    session
        .run("run --stdin none --store builds --version 2 --dataset d1 --user ann -- printf a\\nb")
        .prints("a\nb");
    let key = session
        .run("key --stdin none --user ann -- printf a\\nb")
        .succeeds();
    let key = key.text().trim();
    session
        .run(["get", "builds#v2", key, "--dataset", "d1"])
        .prints("a\nb");
    let shown = session
        .run([
            "ls",
            "--format",
            "jsonl",
            "--fields",
            "kind,user_id,dataset_id,function,cost_ms",
        ])
        .succeeds();
    let shown: serde_json::Value = serde_json::from_str(shown.text()).expect("JSON");
    assert_eq!(shown["kind"], "command");
    assert_eq!(
        (&shown["user_id"], &shown["dataset_id"]),
        (&"ann".into(), &"d1".into())
    );
    assert!(
        shown["function"]
            .as_str()
            .is_some_and(|path| path.ends_with("/printf"))
    );
    assert!(shown["cost_ms"].is_number());

    // It moves, and is a hit elsewhere.
    let exported = session.run("export").succeeds();
    session.run("clear --all -q").notes("");
    session
        .run_with_input("import - -q", &exported.stdout)
        .notes("");
    session
        .run("run --no-exec --stdin none --store builds --version 2 --dataset d1 --user ann -- printf a\\nb")
        .prints("a\nb");
}

#[test]
fn a_result_is_named_by_its_command() {
    let session = Session::new();
    let line = "echo out; echo err >&2";
    memoized(&session, "", line);
    let of_command = |words: &str, line: &str| {
        let mut command = session.command(words);
        command.args(["--stdin", "none", "--", "sh", "-c", line]);
        run(command, b"")
    };
    of_command("get", line).prints("out\n");
    of_command("get --store sh", line).prints("out\n");
    of_command("get --store elsewhere", line).ends(1, "");
    of_command("get", "echo other").ends(1, "");
    of_command("has", line).prints("");
    // The entry beside its own, for the other order of the streams.
    session
        .shell("ecache run --stdin none -- sh -c 'echo out; echo err >&2' > both 2>&1; cat both")
        .prints("out\nerr\n");
    of_command("get", line).prints("out\n");
    let key = of_command("key", line).succeeds();
    for options in ["--store elsewhere", "--version 2"] {
        let same = of_command(&format!("key {options}"), line);
        assert_eq!(same, key, "the store is not part of a key");
    }
}

#[test]
fn a_key_that_was_cut_is_found_by_its_mark_alone() {
    let session = Session::new();
    session.run("run --stdin none -- echo hi").prints("hi\n");
    let key = session.run("key --stdin none -- echo hi").succeeds();
    let (beginning, absent) = (&key.text()[..12], "0123456789ab");
    for (place, is_there) in [
        (format!("echo {beginning}…"), true),
        (format!("echo {beginning}..."), true),
        (format!("{beginning}…"), true),
        (format!("echo {beginning}"), false),
        (format!("echo {absent}…"), false),
    ] {
        let code = i32::from(!is_there);
        assert_eq!(session.run(&format!("has {place}")).code, code, "{place}");
        let got = session.run(&format!("get {place}"));
        let value = if is_there { "hi\n" } else { "" };
        assert_eq!((got.code, got.text()), (code, value), "{place}");
    }
}

#[test]
fn a_dash_is_standard_output_after_what_the_command_printed() {
    let session = Session::new();
    for outcome in ["miss", "hit"] {
        let ran = session
            .shell("ecache run --status-file - -- echo hi")
            .succeeds();
        let (first, status) = ran.text().split_once('\n').expect("two lines");
        let status: serde_json::Value = serde_json::from_str(status).expect("JSON");
        assert_eq!((first, &status["outcome"]), ("hi", &outcome.into()));
    }
    assert!(!session.path("-").exists());
}

#[test]
fn a_verbose_run_says_what_it_was_or_why_it_was_no_hit() {
    let session = Session::new();
    // What it took is not the same each time.
    let said = |options: &str| {
        let ran = memoized(&session, &format!("-v {options}"), "sleep 0.01; exit 3");
        let last = ran.stderr.lines().last().unwrap_or_default().to_owned();
        let last = last.strip_prefix("ecache: ").unwrap_or_default();
        let end = last.rfind(", took ").or(last.rfind(", saved "));
        let (text, time) = last.split_at(end.unwrap_or(last.len()));
        // `, took 11ms, kept for 1m`: without the time.
        let after = time.find("ms").map_or("", |at| &time[at + 2..]);
        assert!(time.is_empty() || time.contains("ms"), "{last}");
        format!("{text}{after}")
    };
    assert_eq!(said("--ttl 1m"), "miss (no result yet), kept for 1m");
    session.set_clock("2026-11-23T06:33:11.000Z");
    assert_eq!(said(""), "hit, 20s old");
    assert_eq!(
        said("--max-age 5s --cache readonly"),
        "bypass: the cache is read-only"
    );
    assert_eq!(said("--max-age 5s --ttl 1m"), "miss (20s old), kept for 1m");
    assert_eq!(
        said("--no-failures"),
        "miss (the last run failed); exit code 3, not kept (--no-failures)"
    );
    session.set_clock("2026-11-23T06:36:51.000Z");
    assert_eq!(said("--stale 1h --cache readonly"), "stale: expired 2m ago");
    assert_eq!(said("--ttl 1m"), "miss (expired 2m ago), kept for 1m");
    assert_eq!(said("--refresh"), "refreshed, kept for ever");
}

#[test]
fn the_status_has_the_words_of_rfc_9211() {
    let session = Session::new();
    let status = |options: &str| {
        let line =
            format!("ecache run --status-fd 3 {options} -- sh -c true 3> status; cat status");
        let ran = session.shell(&line);
        let status: serde_json::Value = serde_json::from_str(ran.text()).expect("JSON");
        ["hit", "fwd", "collapsed", "stored", "ttl"].map(|word| status[word].to_string())
    };
    let no = "false";
    assert_eq!(status("--ttl 1m"), [no, "\"miss\"", no, "true", "60"]);
    session.set_clock("2026-11-23T06:33:01.500Z");
    assert_eq!(status(""), ["true", "null", no, no, "49"]);
    assert_eq!(status("--refresh"), [no, "\"request\"", no, "true", "null"]);
    assert_eq!(
        status("--ttl 1m --refresh"),
        [no, "\"request\"", no, "true", "60"]
    );
    session.set_clock("2026-11-23T06:34:31.750Z");
    assert_eq!(
        status("--stale 1h --cache readonly"),
        ["true", "null", no, no, "-31"]
    );
    assert_eq!(status("--ttl 1m"), [no, "\"stale\"", no, "true", "60"]);
    assert_eq!(status("--cache off"), [no, "\"bypass\"", no, no, "null"]);
}

#[test]
fn the_status_says_that_a_limit_keeps_a_result_out() {
    let session = Session::new();
    let stored = |what: &str| {
        let line = format!("ecache run --status-fd 3 -- sh -c 'true {what}' 3> status; cat status");
        let ran = session.shell(&line).succeeds();
        let status: serde_json::Value = serde_json::from_str(ran.text()).expect("JSON");
        ["outcome", "fwd", "stored", "detail"].map(|word| status[word].to_string())
    };
    let missed = |stored: &str| {
        let detail = match stored {
            "true" => "null",
            _ => "\"not kept: the limit for everything is reached: nothing in it may be evicted\"",
        };
        ["\"miss\"", "\"miss\"", stored, detail].map(str::to_owned)
    };
    assert_eq!(stored("1"), missed("true"));
    // Entries of policy `persist` fill the store.
    session.run("touch --all --policy persist").succeeds();
    session.run("limit set --max-entries 1").succeeds();
    for _ in 0..2 {
        assert_eq!(stored("2"), missed("false"));
    }
    session.run("limit set --max-entries 2").succeeds();
    assert_eq!(stored("2"), missed("true"));
}

#[test]
fn a_script_is_told_on_a_descriptor() {
    let session = Session::new();
    let outcome = |options: &str| {
        let line = format!(
            "ecache run --stdin none --status-fd 3 {options} -- sh -c 'echo out; sleep 0.01; test ! -e fail' 3> status; cat status"
        );
        let ran = session.shell(&line).succeeds();
        let (_, status) = ran.text().split_once('\n').expect("two lines");
        let status: serde_json::Value = serde_json::from_str(status).expect("JSON");
        (
            status["outcome"].as_str().unwrap_or_default().to_owned(),
            status["saved_ms"].as_u64().unwrap_or_default() > 0,
        )
    };
    let is = |outcome: &str, saved| (outcome.to_owned(), saved);
    assert_eq!(outcome("--ttl 5s"), is("miss", false));
    assert_eq!(outcome("--ttl 5s"), is("hit", true));
    assert_eq!(outcome("--ttl 5s --refresh"), is("refreshed", false));
    session.set_clock("2026-11-23T06:33:01.000Z");
    assert_eq!(outcome("--stale 1h --cache readonly"), is("stale", true));
    std::fs::write(session.path("fail"), "").expect("a file");
    assert_eq!(outcome("--stale-if-error"), is("stale", true));
    // What the command leaves running does not hold it open.
    let left = "ecache run --status-fd 3 -- sh -c 'sleep 20 & true' 3>&1 >/dev/null";
    let started = Instant::now();
    session
        .shell(&format!("({left}) | cat | grep -c outcome"))
        .prints("1\n");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn arguments_need_not_be_recorded() {
    let session = Session::new();
    let line = "echo run >> ran; : secret; echo x";
    memoized(&session, "--no-record-args", line).prints("x\n");
    memoized(&session, "", line).prints("x\n");
    assert_eq!(runs(&session), 1);
    let exported = session.run("export").succeeds();
    assert!(!exported.text().contains("secret"), "{exported:?}");
    let stored = std::fs::read(session.store()).expect("a store");
    let log = std::fs::read(session.store().with_extension("db-wal")).unwrap_or_default();
    for bytes in [stored, log] {
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
    }
}
